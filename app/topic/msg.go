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
	kindSeen
	kindSaw
)

// MarkSize is how many bytes a message of Measure begins with that no other does.
const MarkSize = 16

// table lists all messages of topics.
var table = wire.NewTable((*where)(nil), (*here)(nil), (*seen)(nil), (*saw)(nil))

// Codes of refusals.
const (
	refusedMalformed = iota + 1
	refusedBusy
	refusedUnknown
	refusedUnseen
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

// seen asks a node to tell when those who read the topic there have been given the message
// that begins with a mark. Answered by saw.
type seen struct {
	Group id.Hash `cbor:"1,keyasint"`
	Mark  []byte  `cbor:"2,keyasint"`
}

// saw says that they have.
type saw struct{}

// Kind implements wire.Message.
func (*where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*here) Kind() wire.Kind { return kindHere }

// Kind implements wire.Message.
func (*seen) Kind() wire.Kind { return kindSeen }

// Kind implements wire.Message.
func (*saw) Kind() wire.Kind { return kindSaw }

// MaxSize implements wire.Small.
func (*seen) MaxSize() int { return 96 }

// MaxSize implements wire.Small.
func (*saw) MaxSize() int { return 16 }

// Check implements wire.Checker.
func (m *seen) Check() error {
	if len(m.Mark) != MarkSize {
		return fmt.Errorf("%w: mark of %d bytes, want %d", errMessage, len(m.Mark), MarkSize)
	}
	return nil
}

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

// Deliver implements kbr.App: it tells where this node stands, and what was read here.
func (s *Topics) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	if err == nil && d.Via.ID != s.ep.Self().ID && !s.asks.Take(d.Via.ID, s.ep.Now()) {
		d.Refuse(refusedBusy, "too many questions: ask later")
		return
	}
	switch m := m.(type) {
	case *where:
		s.onWhere(d, m)
	case *seen:
		s.onSeen(d, m)
	default: // also what cannot be read
		d.Refuse(refusedMalformed, "not understood")
	}
}

func (s *Topics) onWhere(d *kbr.Delivery, q *where) {
	p := s.cfg.Scribe.Place(q.Group)
	if !p.Root && !p.Keeper && !p.Member && p.Parent.IsZero() && len(p.Children) == 0 {
		d.Refuse(refusedUnknown, "this node has nothing to do with the topic")
		return
	}
	d.Reply(encode(&here{Node: s.ep.Self().ID, Root: p.Root, Keeper: p.Keeper, Member: p.Member,
		Messages: uint32(p.Messages), Parent: p.Parent, Children: p.Children}))
}
