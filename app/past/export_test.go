package past

import (
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Call runs f as a task of the node.
func (p *Past) Call(f func(*task.T) error, done func(error)) { p.ep.Go(f, done) }

// Settled reports whether the node has asked its fellows.
func (p *Past) Settled() bool { return p.settled }

// Keeps reports whether the node keeps an object.
func (p *Past) Keeps(o id.Hash) bool {
	e := p.shelf.find(o)
	return e != nil && !e.gone
}

// What tests send as nodes of their own.

// AskGet asks for an object.
func AskGet(o id.Hash) []byte { return encode(&get{Object: o}) }

// AskPut asks to keep an object.
func AskPut(c *certificate.Certificate, content []byte) []byte {
	return encode(&put{Cert: c, Content: content})
}

// AskReclaim gives an object back.
func AskReclaim(r *certificate.Reclaim) []byte { return encode(&reclaim{Reclaim: r}) }

// AskWhere asks who is near a key.
func AskWhere(key id.ID) []byte { return encode(&where{Key: key, Copies: 5}) }

// AskCompare compares everything with somebody who has nothing.
func AskCompare() []byte {
	return encode(&compare{Arc: id.Range{Full: true}, Sums: make([]byte, parts*sumSize)})
}

// AskStrays asks for what a node keeps too much of.
func AskStrays() []byte { return encode(&strays{}) }

// SaysObject gives an object.
func SaysObject(c *certificate.Certificate, content []byte) []byte {
	return encode(&object{Cert: c, Content: content})
}

// SaysAbsent denies an object, and is sure.
func SaysAbsent(r *certificate.Reclaim) []byte { return encode(&absent{Sure: true, Reclaim: r}) }

// SaysNodes names nodes.
func SaysNodes(hs ...*peer.Handle) []byte { return encode(&nodes{Nodes: hs}) }

// SaysStored gives a receipt.
func SaysStored(r *certificate.Receipt) []byte { return encode(&stored{Receipt: r}) }

// SaysExists says that something else is there.
func SaysExists(c *certificate.Certificate) []byte { return encode(&exists{Cert: c}) }

// SaysHaving says that each of n objects is kept in a state.
func SaysHaving(n int) []byte {
	m := &having{States: make([]byte, n*stateSize)}
	return encode(m)
}

// KindOf names a message for the tests.
func KindOf(b []byte) string {
	m, err := table.Decode(b)
	if err != nil {
		return "malformed"
	}
	switch m.(type) {
	case *where:
		return "where"
	case *put:
		return "put"
	case *get:
		return "get"
	case *reclaim:
		return "reclaim"
	case *compare:
		return "compare"
	case *strays:
		return "strays"
	case *have:
		return "have"
	case *update:
		return "update"
	case *settle:
		return "settle"
	}
	return "answer"
}

// Decode reads a message.
func Decode(b []byte) (wire.Message, error) { return table.Decode(b) }

// Encode writes a message.
func Encode(m wire.Message) ([]byte, error) { return table.Encode(m) }

// Some returns the first n objects that the node keeps.
func (p *Past) Some(n int) (os []id.Hash) {
	for _, e := range p.shelf.list[:n] {
		os = append(os, e.object)
	}
	return os
}

// AskPrepare asks for a promise.
func AskPrepare(o id.Hash, copies uint8, term certificate.Term) []byte {
	return encode(&prepare{Object: o, Copies: copies, Term: term})
}

// AskAccept tells of a ruling.
func AskAccept(c *certificate.Certificate, content []byte, r *certificate.Ruling) []byte {
	return encode(&accept{Cert: c, Content: content, Ruling: r})
}

// AskUpdate asks for a change.
func AskUpdate(c *certificate.Certificate, content []byte) []byte {
	return encode(&update{Cert: c, Content: content})
}

// AskSettle asks for what is current.
func AskSettle(n Name) []byte { return encode(&settle{Object: n.ID(), Copies: n.Copies}) }

// SaysUpdated says that a change was made.
func SaysUpdated() []byte { return encode(&updated{}) }

// SaysVersion gives a version.
func SaysVersion(c *certificate.Certificate, content []byte, r *certificate.Ruling, life uint64) []byte {
	return encode(&object{Cert: c, Content: content, Ruling: r, Life: life})
}

// Life is the number of the node's disk.
func (p *Past) Life() uint64 { return p.life }

// Version is what the node has of a mutable object.
func (p *Past) Version(o id.Hash) uint64 {
	if e := p.shelf.find(o); e != nil {
		return e.version
	}
	return 0
}
