package pastry

import (
	"slices"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// A node whose addresses change, as a laptop that is carried to another network,
// stays who it is: its incarnation, and with it what others promised to it and what
// it promised to them, goes on. It tells those who know it; the others learn of it
// when it speaks to them, or from those.

// Moved tells the node that others reach it at these addresses from now on, best
// first, and no longer at those that it had. It is called on the node's loop
// (machine.InCall); from the next step on Self returns a handle of the same incarnation
// with the new addresses, which the driver must show in the hellos of new links. The
// leaf set is told at once, whoever else is known within a heartbeat. Leases are
// renewed, requests and links that stand go on. Addresses that are the same, none, or
// more than peer.MaxAddrs change nothing.
func (n *Node) Moved(addrs []string) {
	moved := n.self.MovedTo(addrs)
	if n.stopped || len(addrs) == 0 || slices.Equal(addrs, n.self.Addrs) || moved.Check() != nil {
		return
	}
	n.self = moved
	told := make(map[*contact]bool)
	n.eachKnown(func(c *contact) {
		switch {
		case told[c] || !c.there():
			return
		case c.leaf(), !n.active: // who joins is passed on by all whom it asked
			n.tellMoved(c)
		default:
			n.After(n.jitter(n.cfg.Heartbeat/2), func() {
				if c.there() && !n.stopped {
					n.tellMoved(c)
				}
			})
		}
		told[c] = true
	})
	if n.active {
		for s := range n.sides {
			n.askLease(side(s)) // over the new way
		}
	}
}

// tellMoved tells c where this node is now, again and again until it says that it knows.
func (n *Node) tellMoved(c *contact) {
	n.ask(c, machine.ClassLiveness, func(seq uint32) wire.Message {
		return &msg.Moved{Seq: seq, Self: n.self}
	}, func(wire.Message, error) {})
}

// onMoved takes c's word for where it is. Only its own word counts: a rumour about
// a node that was met changes nothing.
func (n *Node) onMoved(c *contact, m *msg.Moved) {
	if m.Self.ID != c.h.ID || m.Self.Key != c.h.Key || m.Self.Incarnation != c.h.Incarnation {
		return
	}
	if m.Self.Newer(c.h) {
		n.relocate(c, m.Self)
	}
	n.to(c, machine.ClassLiveness, &msg.Pong{Seq: m.Seq, Active: n.active})
}

// relocate notes the new addresses of the same incarnation. That the old ones refuse
// links says nothing of its process any more.
func (n *Node) relocate(c *contact, h *peer.Handle) {
	c.h = h
	c.opened()
	n.leafs.stale()
}
