package pastry

import (
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/pastry/taken"
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
	if c == nil || c.h.Key != m.From.Key || c.h.Incarnation != m.From.Incarnation || c.life == left || c.rare().relayed.Had(m.Num) ||
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
		r.relayed = new(taken.Many)
	}
	// Only the newest is a sign of life, and the answer to a probe that still runs (onLeafProbe): a
	// relay may have kept back what is older.
	if r.relayed.Take(m.Num) {
		c.goesBy(by) // not by one that hands on more slowly than another
		c.heard = n.Now()
		n.revive(c)
	} else if c.life == dead {
		return
	}
	n.message(c, inner)
}
