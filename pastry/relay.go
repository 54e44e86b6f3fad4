package pastry

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/wire"
)

// relayText is what the author of a relayed message signs.
func relayText(ring id.Hash, m *Relay) []byte {
	h := id.HashOf("relay", ring, m.From.ID, m.From.Incarnation, m.To, m.Num, m.Inner)
	return h[:]
}

// relay sends a link message to c past the link that does not work.
func (n *Node) relay(c *contact, m wire.Message) { n.relayBy(c.via(), c, m) }

func (n *Node) relayBy(by, c *contact, m wire.Message) {
	inner, err := Messages.Encode(m)
	if err != nil || len(inner) > maxRelayed {
		return // too large to be wrapped; its sender repeats it or gives up
	}
	n.relayNum++
	r := &Relay{From: n.self, To: c.h.ID, Num: n.relayNum, Inner: inner}
	r.Sig = n.cfg.Signer.Sign(relayText(n.cfg.Ring, r))
	n.Send(by.h, r.class(), r)
}

// largeRelayed is the size from which on a relayed message is most likely one of an
// application, and goes behind heartbeats. If it comes later than one that was sent after
// it, it counts as a copy of old, and is sent again.
const largeRelayed = 16 << 10

func (m *Relay) class() machine.Class {
	if len(m.Inner) > largeRelayed {
		return machine.ClassApp
	}
	return machine.ClassLiveness
}

// onRelay passes a relayed message on, or takes it.
func (n *Node) onRelay(by *contact, m *Relay) {
	if m.To != n.self.ID {
		// One step only: from the author, to a node that answers us itself.
		if c := n.contacts.find(m.To); c != nil && by.h.ID == m.From.ID && c.met && c.life == alive && c.via() == nil {
			n.Send(c.h, m.class(), m)
		}
		return
	}
	c := n.contacts.find(m.From.ID)
	if c == nil || c.h.Key != m.From.Key || c.h.Incarnation != m.From.Incarnation || c.life == left || m.Num <= c.rare().relayed ||
		!n.cfg.Verifier.Verify(m.From.Key, relayText(n.cfg.Ring, m), m.Sig) {
		return
	}
	inner, err := Messages.Decode(m.Inner)
	if err != nil {
		return
	}
	switch inner.(type) {
	case *LeafProbe, *Lease, *Ping, *Pong, *Ack, *Hop, *Introduce, *Introduced, *StateRequest, *StateReply, *JoinReply, *RowAnnounce, *Leave, *Moved:
	default:
		return // answers and messages of applications take the ring instead
	}
	c.rarely().relayed = m.Num
	c.heard = n.Now()
	c.goesBy(by)
	n.revive(c)
	n.message(c, inner)
}
