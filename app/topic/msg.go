package topic

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/wire"
)

// maxChildren bounds the children that one node tells of: as many as scribe allows.
const maxChildren = 1024

// Kinds of messages.
const (
	kindWhere wire.Kind = iota + 1
	kindHere
)

// table lists all messages of topics.
var table = wire.NewTable((*where)(nil), (*here)(nil))

// Codes of refusals.
const (
	refusedMalformed = iota + 1
	refusedBusy
	refusedUnknown
)

var errMessage = errors.New("message of topics")

// where asks a node where it stands in a topic's tree.
type where struct {
	Group id.Hash `cbor:"1,keyasint"`
}

// here answers where.
type here struct {
	Node     id.ID   `cbor:"1,keyasint"`
	Root     bool    `cbor:"2,keyasint,omitempty"`
	Keeper   bool    `cbor:"3,keyasint,omitempty"`
	Member   bool    `cbor:"4,keyasint,omitempty"`
	Messages uint32  `cbor:"5,keyasint,omitempty"` // that it keeps
	Parent   id.ID   `cbor:"6,keyasint"`
	Children []id.ID `cbor:"7,keyasint,omitempty"`
}

// Kind implements wire.Message.
func (*where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*here) Kind() wire.Kind { return kindHere }

// MaxSize implements wire.Small.
func (*where) MaxSize() int { return 64 }

// Check implements wire.Checker.
func (m *here) Check() error {
	switch {
	case m.Node.IsZero() || slices.Contains(m.Children, id.ID{}):
		return fmt.Errorf("%w: a node without an id", errMessage)
	case len(m.Children) > maxChildren:
		return fmt.Errorf("%w: %d children, at most %d", errMessage, len(m.Children), maxChildren)
	}
	return nil
}

// encode encodes one of the table's own messages: they always can be.
func encode(m wire.Message) []byte {
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug
	}
	return b
}

// Deliver implements kbr.App: it tells where this node stands.
func (s *Topics) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	q, ok := m.(*where)
	switch {
	case err != nil || !ok:
		d.Refuse(refusedMalformed, "not understood")
		return
	case d.Via.ID != s.ep.Self().ID && !s.asks.Take(d.Via.ID, s.ep.Now()):
		d.Refuse(refusedBusy, "too many questions: ask later")
		return
	}
	p := s.cfg.Scribe.Place(q.Group)
	if !p.Root && !p.Keeper && !p.Member && p.Parent.IsZero() && len(p.Children) == 0 {
		d.Refuse(refusedUnknown, "this node has nothing to do with the topic")
		return
	}
	d.Reply(encode(&here{Node: s.ep.Self().ID, Root: p.Root, Keeper: p.Keeper, Member: p.Member,
		Messages: uint32(p.Messages), Parent: p.Parent, Children: p.Children}))
}
