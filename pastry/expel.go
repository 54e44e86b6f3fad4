package pastry

import (
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// The set of expulsions spreads by its digest, which rides on heartbeats and
// leaf-set messages; who sees another digest fetches the difference.

// Expel adds an entry that was made on this node, or that it had stored. It
// reports whether the entry was good and new. It is called on the node's loop.
func (n *Node) Expel(e *peer.Expulsion) bool {
	if e.Check(n.cfg.Ring, n.cfg.Verifier) != nil || n.cfg.Trust != nil && !n.cfg.Trust(e) || !n.removed.Add(e) {
		return false
	}
	n.putOut(e)
	if n.active {
		n.announce()
	}
	return true
}

// Expulsions returns the entries that this node knows.
func (n *Node) Expulsions() []*peer.Expulsion { return n.removed.All() }

func (n *Node) putOut(e *peer.Expulsion) {
	if n.cfg.Expelled != nil {
		n.cfg.Expelled(e)
	}
	c := n.contacts.find(e.Node)
	switch {
	case e.Node.IsZero() || c == nil:
		return
	case !n.removed.Expelled(e.Node):
		if c.life == left { // pardoned: it may speak again, and is looked for
			c.fresh(c.h)
			c.life = dead
			n.remember(c, 0)
		}
		return
	case c.life == left:
		return
	}
	n.leaseOver(c.h)
	n.gotLeft(c, downOut)
	n.Drop(c.h)
}

func (n *Node) expulsionDigest(c *contact, digest uint64) {
	if digest == n.removed.Digest() || digest == 0 {
		return
	}
	if asked := c.rare().gotSet; asked != 0 && n.Now().Sub(asked) < n.cfg.Heartbeat/2 {
		return
	}
	c.rarely().gotSet = n.Now()
	n.ask(c, machine.ClassUpkeep, func(seq uint32) wire.Message {
		return &msg.StateRequest{Seq: seq, What: msg.AskExpulsions}
	}, func(wire.Message, error) {})
}

func (n *Node) sendExpulsions(c *contact) {
	all := n.removed.All()
	for len(all) > 0 {
		k := min(len(all), msg.MaxEntries)
		n.to(c, machine.ClassUpkeep, &msg.ExpulsionSet{Entries: all[:k]})
		all = all[k:]
	}
}

func (n *Node) onExpulsions(m *msg.ExpulsionSet) {
	fresh := false
	for _, e := range m.Entries {
		if !n.removed.Wants(e) {
			continue
		}
		if e.Check(n.cfg.Ring, n.cfg.Verifier) == nil && (n.cfg.Trust == nil || n.cfg.Trust(e)) && n.removed.Add(e) {
			n.putOut(e)
			fresh = true
		}
	}
	if fresh && n.active {
		n.announce()
		n.save()
	}
}
