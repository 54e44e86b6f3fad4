package pastry

import (
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/wire"
)

// relay sends a link message to c past the link that does not work.
func (n *Node) relay(c *contact, m wire.Message) { n.relayBy(c.via(), c, m) }

func (n *Node) relayBy(by, c *contact, m wire.Message) {
	inner, err := msg.Messages.Encode(m)
	if err != nil || len(inner) > msg.MaxRelayed {
		return // too large to be wrapped; its sender repeats it or gives up
	}
	n.relayNum++
	r := &msg.Relay{From: n.self, To: c.h.ID, Num: n.relayNum, Inner: inner}
	r.Sig = n.cfg.Signer.Sign(r.Text(n.cfg.Ring))
	n.Send(by.h, relayClass(r), r)
}

// largeRelayed is the size from which on a relayed message is most likely one of an
// application, and goes behind heartbeats.
const largeRelayed = 16 << 10

func relayClass(m *msg.Relay) machine.Class {
	if len(m.Inner) > largeRelayed {
		return machine.ClassApp
	}
	return machine.ClassLiveness
}

// onRelay passes a relayed message on, or takes it.
func (n *Node) onRelay(by *contact, m *msg.Relay) {
	if m.To != n.self.ID {
		// One step only: from the author, to a node that answers us itself.
		if c := n.contacts.find(m.To); c != nil && by.h.ID == m.From.ID && c.met && c.life == alive && c.via() == nil {
			n.Send(c.h, relayClass(m), m)
		}
		return
	}
	c := n.contacts.find(m.From.ID)
	if c == nil || c.h.Key != m.From.Key || c.h.Incarnation != m.From.Incarnation || c.life == left || c.rare().relayed.had(m.Num) ||
		!n.cfg.Verifier.Verify(m.From.Key, m.Text(n.cfg.Ring), m.Sig) {
		return
	}
	inner, err := msg.Messages.Decode(m.Inner)
	if err != nil {
		return
	}
	switch inner.(type) {
	case *msg.LeafProbe, *msg.Lease, *msg.Ping, *msg.Pong, *msg.Ack, *msg.Hop, *msg.Introduce, *msg.Introduced, *msg.StateRequest, *msg.StateReply, *msg.JoinReply, *msg.RowAnnounce, *msg.Leave, *msg.Moved:
	default:
		return // answers and messages of applications take the ring instead
	}
	r := c.rarely()
	if r.relayed == nil {
		r.relayed = new(relayed)
	}
	// Only the newest is a sign of life, and the answer to a probe that still runs (onLeafProbe): a
	// relay may have kept back what is older.
	if r.relayed.take(m.Num) {
		c.goesBy(by) // not by one that hands on more slowly than another
		c.heard = n.Now()
		n.revive(c)
	} else if c.life == dead {
		return
	}
	n.message(c, inner)
}

// relayWindow is by how much a relayed message's number may lie below the highest. An author
// numbers what it sends to all, by whatever relays, and one of these may be seconds behind
// another: were its messages taken for copies, they would be sent again and again, and put it
// further behind.
const relayWindow = 1024

// relayed are the numbers of the relayed messages that were taken of an author: so each is taken
// once, in whatever order they come.
type relayed struct {
	max  uint64
	seen [relayWindow / 64]uint64 // bit num%relayWindow, of those not below the window
}

// had reports whether a message was taken, or is so old that it may have been. r may be nil.
func (r *relayed) had(num uint64) bool {
	if r == nil || num > r.max {
		return false
	}
	word, bit := r.place(num)
	return r.max-num >= relayWindow || *word&bit != 0
}

// take notes a message that was not had, and reports whether its number is the highest.
func (r *relayed) take(num uint64) (newest bool) {
	if newest = num > r.max; newest {
		if num-r.max >= relayWindow {
			r.seen = [relayWindow / 64]uint64{}
		} else {
			for at := r.max + 1; at != num; at++ {
				word, bit := r.place(at)
				*word &^= bit
			}
		}
		r.max = num
	}
	word, bit := r.place(num)
	*word |= bit
	return newest
}

func (r *relayed) place(num uint64) (word *uint64, bit uint64) {
	return &r.seen[num%relayWindow/64], 1 << (num % 64)
}
