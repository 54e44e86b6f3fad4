package msg

import (
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Fetch asks a holder for the chunks of a large object. It is answered by move, or refused.
type Fetch struct {
	Object id.Hash `cbor:"1,keyasint"`
}

// Move gives out a ticket for chunks of a large object (see task.Transfer): as an answer to
// put they are to be sent, to fetch they may be taken.
type Move struct {
	Ticket []byte `cbor:"1,keyasint"`
	// Lacks are the chunks that a holder lacks, a bit each, the first chunk's the lowest of
	// the first byte. There are none in an answer to fetch.
	Lacks []byte `cbor:"2,keyasint,omitempty"`
	// To is who gave the ticket out, and keeps the replica for the node that answers; nil: that
	// one does.
	To *peer.Handle `cbor:"3,keyasint,omitempty"`
}

// Elsewhere answers fetch, where the replica is kept at another node: that one has the chunks.
type Elsewhere struct {
	Node *peer.Handle `cbor:"1,keyasint"`
}

// NewMove returns a Move.
func NewMove(ticket task.Ticket, lacks []int) *Move {
	m := &Move{Ticket: ticket[:]}
	if len(lacks) > 0 {
		m.Lacks = make([]byte, lacks[len(lacks)-1]/8+1)
	}
	for _, n := range lacks {
		m.Lacks[n/8] |= 1 << (n % 8)
	}
	return m
}

// Part is what a holder lacks of a content. It is to be checked: see task.Part.Check.
func (m *Move) Part(size int64) task.Part {
	p := task.Part{Size: size}
	for n := range 8 * len(m.Lacks) {
		if m.Lacks[n/8]&(1<<(n%8)) != 0 {
			p.Chunks = append(p.Chunks, n)
		}
	}
	return p
}

// Kind implements wire.Message.
func (*Fetch) Kind() wire.Kind { return kindFetch }

// Kind implements wire.Message.
func (*Move) Kind() wire.Kind { return kindMove }

// Kind implements wire.Message.
func (*Elsewhere) Kind() wire.Kind { return kindElsewhere }

// Check implements wire.Checker.
func (m *Move) Check() error {
	if len(m.Ticket) != len(task.Ticket{}) || len(m.Lacks) > task.MaxChunks/8 {
		return fmt.Errorf("%w: a ticket of %d bytes, %d bytes of bits", ErrMessage, len(m.Ticket), len(m.Lacks))
	}
	if m.To == nil {
		return nil
	}
	return m.To.Check()
}

// Check implements wire.Checker.
func (m *Elsewhere) Check() error {
	if m.Node == nil {
		return fmt.Errorf("%w: no node", ErrMessage)
	}
	return m.Node.Check()
}
