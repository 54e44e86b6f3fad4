package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// What the tests see of the inside.

// Snapshot is what a node keeps for its next start.
type Snapshot = snapshot

// ParseSnapshot reads one.
var ParseSnapshot = parseSnapshot

// LeafSet is a leaf set without a node.
type LeafSet struct{ l leafSet }

// NewLeafSet returns an empty leaf set.
func NewLeafSet(self id.ID, size int) *LeafSet {
	return &LeafSet{leafSet{self: self, half: size / 2}}
}

// Insert puts a node in, and returns those that it pushed out.
func (s *LeafSet) Insert(x id.ID) (out []id.ID) {
	for _, c := range s.l.insert(&contact{h: &peer.Handle{ID: x}, life: alive, active: true}) {
		out = append(out, c.h.ID)
	}
	return out
}

// Remove takes a node out, if it is in.
func (s *LeafSet) Remove(x id.ID) {
	for k := range s.l.sides {
		if i, have := s.l.find(side(k), x); have {
			s.l.remove(s.l.sides[k][i])
			return
		}
	}
}

// Side returns the members to the left (0) or right (1), nearest first.
func (s *LeafSet) Side(k int) (out []id.ID) {
	for _, c := range s.l.sides[k] {
		out = append(out, c.h.ID)
	}
	return out
}

// Members returns each member once.
func (s *LeafSet) Members() (out []id.ID) {
	s.l.each(func(c *contact) bool { out = append(out, c.h.ID); return true })
	return out
}

// Snapshot returns the members as messages tell of them.
func (s *LeafSet) Snapshot() []*peer.Handle { return s.l.snapshot() }

// Common is the digest of what the neighbour to the left (0) or right (1) should know, too.
func (s *LeafSet) Common(k int) uint64 { return s.l.common(side(k)) }

// Wants, Whole, Covers and Density are what the node asks of its leaf set.
func (s *LeafSet) Wants(x id.ID) bool    { return s.l.wants(x) }
func (s *LeafSet) Whole() bool           { return s.l.whole() }
func (s *LeafSet) Covers(key id.ID) bool { return s.l.covers(key) }
func (s *LeafSet) Density() float64      { return s.l.density() }

// Closest returns the member nearest to key among those that fit, and what a look at
// all members says.
func (s *LeafSet) Closest(key id.ID, fit func(id.ID) bool) (got, want id.ID) {
	got, want = s.l.self, s.l.self
	member := func(c *contact) bool { return fit(c.h.ID) }
	if c := s.l.closest(key, member); c != nil {
		got = c.h.ID
	}
	if c := s.l.closestOfAll(key, member); c != nil {
		want = c.h.ID
	}
	return got, want
}

// Window is the receiving end of the hop numbers of one link.
type Window struct{ h link }

// First notes a number.
func (w *Window) First(epoch, seq uint32) (known, fresh bool) { return w.h.first(epoch, seq) }

// Place says where Learn puts a node.
type Place struct {
	Leaf, Table, Near bool
	RTT               time.Duration
}

// Learn lets a node know a live and active other one.
func (n *Node) Learn(h *peer.Handle, p Place) {
	c := n.contact(h)
	c.life, c.active, c.met = alive, true, true
	c.prox = int32(p.RTT.Microseconds() / 2)
	if p.Leaf {
		n.leafs.insert(c)
	}
	if p.Table {
		n.offerTable(c)
	}
	if p.Near {
		n.offerNear(c)
	}
}

// SetActive lets a node have been ready, or not.
func (n *Node) SetActive(yes bool) { n.active = yes }

// NextHop returns where a message for the key goes next, nil if it stays here.
func (n *Node) NextHop(key id.ID, avoid []id.ID, random bool) *peer.Handle {
	if c, _ := n.nextHop(key, avoid, random); c != nil {
		return c.h
	}
	return nil
}

// Contacts is the number of other nodes that this one remembers anything of.
func (n *Node) Contacts() int { return n.contacts.n }

// Lapse lets the leases end that this node holds.
func (n *Node) Lapse() { n.sides[leftSide].heldUntil, n.sides[rightSide].heldUntil = 0, 0 }

// Tell probes a member of the leaf set to pass on news of failures.
func (n *Node) Tell(x id.ID) { n.tell(n.contacts.find(x)) }

// Alive reports whether this node holds another to be alive, and does not suspect it.
func (n *Node) Alive(x id.ID) bool {
	c := n.contacts.find(x)
	return c != nil && c.life == alive
}
