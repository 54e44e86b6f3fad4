package past

import (
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Call runs f as a task of the node.
func (p *Past) Call(f func(*task.T) error, done func(error)) { p.ep.Go(f, done) }

// MaxSettle bounds the objects that a root settles in one round.
const MaxSettle = maxSettle

// FellowsKey and MissedKey are where it lies in PromiseTable who is near, and who is missed.
const (
	FellowsKey = fellowsKey
	MissedKey  = missedKey
)

// Settled reports whether the node has asked its fellows.
func (p *Past) Settled() bool { return p.rounds.Settled() }

// Outnumbered reports whether more are missed than are there.
func (p *Past) Outnumbered() bool { return p.circle.Outnumbered(p.there()) }

// MissedFor is for how long the node has missed another one.
func (p *Past) MissedFor(n id.ID) time.Duration { return max(p.missed.For(n), p.named.For(n)) }

// Keeps reports whether the node keeps an object.
func (p *Past) Keeps(o id.Hash) bool {
	e := p.shelf.find(o)
	return e != nil && !e.gone
}

// Points returns the node that a pointer points to; zero: there is none.
func (p *Past) Points(o id.Hash) id.ID {
	if e := p.shelf.find(o); e != nil {
		return e.at
	}
	return id.ID{}
}

// Holds reports whether the node has an object's content.
func (p *Past) Holds(o id.Hash) bool { return p.Keeps(o) && p.Points(o).IsZero() }

// What tests send as nodes of their own.

// AskGet asks for an object.
func AskGet(o id.Hash) []byte { return msg.Encode(&msg.Get{Object: o}) }

// AskFetch asks for the chunks of an object.
func AskFetch(o id.Hash) []byte { return msg.Encode(&msg.Fetch{Object: o}) }

// AskPut asks to keep an object.
func AskPut(c *certificate.Certificate, content []byte) []byte {
	return msg.Encode(&msg.Put{Cert: c, Content: content})
}

// AskPaidPut asks to keep an object that is paid for.
func AskPaidPut(c *certificate.Certificate, content []byte, p *voucher.Payment) []byte {
	return msg.Encode(&msg.Put{Cert: c, Content: content, Payment: p})
}

// AskPutMany asks to keep several files that nobody pays for.
func AskPutMany(cs []*certificate.Certificate, content []byte) []byte {
	m := new(msg.PutMany)
	for _, c := range cs {
		m.Puts = append(m.Puts, &msg.OneOfMany{Cert: c, Content: content})
	}
	return msg.Encode(m)
}

// AskPutManyFor is AskPutMany of one file, with a payment and another voucher's number.
func AskPutManyFor(c *certificate.Certificate, content []byte, p *voucher.Payment, number uint8) []byte {
	return msg.Encode(&msg.PutMany{Vouchers: []*voucher.Voucher{p.Voucher}, Puts: []*msg.OneOfMany{{Cert: c, Content: content, Path: p.Path, Voucher: number}}})
}

// Answered are the codes in an answer to AskPutMany, and whether there is a signature.
func Answered(b []byte) (codes []uint16, signed bool) {
	m, err := msg.Decode(b)
	if a, ok := m.(*msg.StoredMany); ok && err == nil {
		return a.Codes, len(a.Sig) > 0
	}
	return nil, false
}

// SaysStoredMany says that so many files were stored, with a signature that is none.
func SaysStoredMany(n int, holder *peer.Certificate, stamp int64) []byte {
	return msg.Encode(&msg.StoredMany{Codes: make([]uint16, n), Time: stamp, Holder: holder, Sig: make([]byte, peer.SignatureSize)})
}

// Many is how many files a message asks to keep.
func Many(b []byte) int {
	m, _ := msg.Decode(b)
	if q, ok := m.(*msg.PutMany); ok {
		return len(q.Puts)
	}
	return 0
}

// AskReclaim gives an object back.
func AskReclaim(r *certificate.Reclaim) []byte { return msg.Encode(&msg.Reclaim{Reclaim: r}) }

// AskWhere asks who is near a key.
func AskWhere(key id.ID) []byte { return msg.Encode(&msg.Where{Key: key, Copies: 5}) }

// AskCompare compares everything with somebody who has nothing.
func AskCompare() []byte {
	return msg.Encode(&msg.Compare{Arc: id.Range{Full: true}, Sums: make([]byte, msg.Parts*msg.SumSize)})
}

// AskOffer offers n objects.
func AskOffer(n int) []byte {
	m := new(msg.Offer)
	for i := range n {
		m.Items = appendItem(m.Items, &entry{object: id.HashOf("offered", id.Hash{byte(i)}), state: 1, copies: 1})
	}
	return msg.Encode(m)
}

// AskStrays asks for what a node keeps too much of.
func AskStrays() []byte { return msg.Encode(&msg.Strays{}) }

// SaysObject gives an object.
func SaysObject(c *certificate.Certificate, content []byte) []byte {
	return msg.Encode(&msg.Object{Cert: c, Content: content})
}

// SaysAbsent denies an object, and is sure.
func SaysAbsent(r *certificate.Reclaim) []byte {
	return msg.Encode(&msg.Absent{Sure: true, Reclaim: r})
}

// SaysNodes names nodes.
func SaysNodes(hs ...*peer.Handle) []byte { return msg.Encode(&msg.Nodes{Nodes: hs}) }

// SaysStored gives a receipt.
func SaysStored(r *certificate.Receipt) []byte { return msg.Encode(&msg.Stored{Receipt: r}) }

// SaysExists says that something else is there.
func SaysExists(c *certificate.Certificate) []byte { return msg.Encode(&msg.Exists{Cert: c}) }

// SaysHaving says that each of n objects is kept in a state.
func SaysHaving(n int) []byte {
	m := &msg.Having{States: make([]byte, n*msg.StateSize)}
	return msg.Encode(m)
}

// KindOf names a message for the tests.
func KindOf(b []byte) string {
	m, err := msg.Decode(b)
	if err != nil {
		return "malformed"
	}
	switch m.(type) {
	case *msg.Where:
		return "where"
	case *msg.Put:
		return "put"
	case *msg.PutMany:
		return "put many"
	case *msg.Get:
		return "get"
	case *msg.Reclaim:
		return "reclaim"
	case *msg.Compare:
		return "compare"
	case *msg.Strays:
		return "strays"
	case *msg.Have:
		return "have"
	case *msg.Update:
		return "update"
	case *msg.Settle:
		return "settle"
	case *msg.Divert:
		return "divert"
	case *msg.Point:
		return "point"
	case *msg.Room:
		return "room"
	case *msg.Prepare:
		return "prepare"
	case *msg.Keep:
		return "keep"
	case *msg.Promise:
		return "promise"
	case *msg.Accept:
		return "accept"
	case *msg.Higher:
		return "higher"
	}
	return "answer"
}

// Decode reads a message.
func Decode(b []byte) (wire.Message, error) { return msg.Decode(b) }

// Encode writes a message.
func Encode(m wire.Message) ([]byte, error) { return msg.Encode(m), nil }

// Some returns the first n objects that the node keeps.
func (p *Past) Some(n int) (os []id.Hash) {
	for _, e := range p.shelf.list[:n] {
		os = append(os, e.object)
	}
	return os
}

// AskPrepare asks for a promise.
func AskPrepare(o id.Hash, copies uint8, term certificate.Term) []byte {
	return msg.Encode(&msg.Prepare{Object: o, Copies: copies, Term: term})
}

// AskAccept tells of a ruling.
func AskAccept(c *certificate.Certificate, content []byte, r *certificate.Ruling) []byte {
	return msg.Encode(&msg.Accept{Cert: c, Content: content, Ruling: r})
}

// AskKeep asks to keep a version besides the current one.
func AskKeep(c *certificate.Certificate, content []byte, r *certificate.Ruling) []byte {
	return msg.Encode(&msg.Keep{Cert: c, Content: content, Ruling: r})
}

// AskUpdate asks for a change.
func AskUpdate(c *certificate.Certificate, content []byte) []byte {
	return msg.Encode(&msg.Update{Cert: c, Content: content})
}

// AskSettle asks for what is current.
func AskSettle(n Name) []byte { return msg.Encode(&msg.Settle{Object: n.ID(), Copies: n.Copies}) }

// SaysUpdated says that a change was made.
func SaysUpdated() []byte { return msg.Encode(&msg.Updated{}) }

// SaysVersion gives a version.
func SaysVersion(c *certificate.Certificate, content []byte, r *certificate.Ruling, life uint64) []byte {
	return msg.Encode(&msg.Object{Cert: c, Content: content, Ruling: r, Life: life})
}

// SaysPromise is a promise that comes with a version.
func SaysPromise(c *certificate.Certificate, content []byte, r *certificate.Ruling, life uint64) []byte {
	return msg.Encode(&msg.Promise{Life: life, Sure: true, Cert: c, Content: content, Ruling: r})
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

// AskDivert asks to keep a replica for the asker.
func AskDivert(c *certificate.Certificate, content []byte) []byte {
	return msg.Encode(&msg.Divert{Cert: c, Content: content})
}

// AskDivertLarge asks to keep a large replica for the asker, whose chunks another node sends.
func AskDivertLarge(c *certificate.Certificate, body []byte, from *peer.Handle) []byte {
	return msg.Encode(&msg.Divert{Cert: c, Content: body, From: from})
}

// AskPoint tells of a diverted replica.
func AskPoint(c *certificate.Certificate, at id.ID) []byte {
	return msg.Encode(&msg.Point{Cert: c, At: at})
}

// AskRoom asks how much room there is.
func AskRoom() []byte { return msg.Encode(&msg.Room{}) }

// AskCopy gives a copy to cache.
func AskCopy(c *certificate.Certificate, content []byte, level uint8) []byte {
	return msg.Encode(&msg.Copy{Cert: c, Content: content, Level: level})
}

// Plant writes an object on a disk, past all checks, with a slip for it.
func Plant(st store.Store, c *certificate.Certificate, content []byte, s *voucher.Slip) error {
	return write(st, c.ID(), written{kept: &kept{Cert: c}, fresh: true, content: content, slip: s})
}

// RulingOf is the ruling that is kept about a mutable object.
func (p *Past) RulingOf(o id.Hash) *certificate.Ruling { return p.shelf.find(o).ruling }

// RivalTerm is the term of the ruling with which a version is kept besides the current one; 0: it is not.
func (p *Past) RivalTerm(o, cert id.Hash) uint64 {
	if e := p.shelf.find(certificate.RivalID(o, cert)); e != nil {
		return e.rival.Term.Count
	}
	return 0
}

// Gone is how many reclaimed objects the node remembers.
func (p *Past) Gone() int { return len(p.shelf.list) - p.shelf.objects }
