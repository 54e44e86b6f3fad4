package pastry

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
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

// probeThrough sends a probe past a link that may be broken, with each try through another member,
// as long as there are some.
func (n *Node) probeThrough(c *contact, p *probe, m wire.Message) {
	try := p.tries
	if c.via() == nil {
		try-- // the first one went over the link alone
	}
	if by := n.relays(c, p); len(by) > 0 {
		n.relayBy(by[try%len(by)], c, m)
		p.relayed = true
	}
}

// relays returns the members that may hand a probe on to c, in the order in which they are to be
// tried: the one through which it was reached last, or who named it just now, then those that stand nearest to it, as they
// know it, too. Who found it dead hands nothing on.
func (n *Node) relays(c *contact, p *probe) (by []*contact) {
	first := c.via()
	if first == nil {
		first = p.by
	}
	n.leafs.each(func(o *contact) bool {
		if o != c && o != p.teller && o.life == alive && o.via() == nil && o.active {
			by = append(by, o)
		}
		return true
	})
	away := func(o *contact) id.ID {
		if o == first {
			return id.ID{}
		}
		return c.h.ID.Distance(o.h.ID)
	}
	slices.SortStableFunc(by, func(a, b *contact) int { return away(a).Cmp(away(b)) })
	return by
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
