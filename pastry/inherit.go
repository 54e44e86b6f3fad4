package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What a node promised is forgotten with its death: its lease to the neighbour beyond, of
// which nobody else knows. If that one falls silent, too, it may be there all the same, and
// count on that lease. So who comes to stand beside it inherits the promise: it is bound
// as if the promise had been made in the last moment.

// wills are the promises of the dead that this node may have to keep.
type wills struct {
	promisers []promiser
	silent    []mute
}

// promiser is a member of the leaf set that is gone, or has started again.
type promiser struct {
	node id.ID
	inc  uint64
	at   task.Instant // until then it may have promised
	over bool         // its process is known to have ended
}

// mute is a member of the leaf set that claimed keys and fell silent.
type mute struct {
	c   *contact
	inc uint64
	at  task.Instant
}

// maxWills bounds the promisers and the silent that are kept, the latest of them.
const maxWills = 64

// died notes that c, a member of the leaf set, is held to be dead; silent, if it may be
// there and have a lease.
func (n *Node) died(c *contact, silent bool) {
	w := n.willsOf()
	if !slices.ContainsFunc(w.promisers, func(p promiser) bool { return p.node == c.h.ID && p.inc == c.h.Incarnation }) {
		w.promisers = latest(w.promisers, promiser{node: c.h.ID, inc: c.h.Incarnation, at: n.Now()})
	}
	if silent {
		w.silent = latest(w.silent, mute{c, c.h.Incarnation, n.Now()})
	}
	n.inherit()
}

// ended notes that the process of an incarnation has ended: it promises nothing from here
// on, and has no lease.
func (n *Node) ended(h *peer.Handle) {
	c := n.contacts.find(h.ID)
	leaf := c != nil && c.leaf()
	if n.wills == nil && !leaf {
		return
	}
	w := n.willsOf()
	w.silent = slices.DeleteFunc(w.silent, func(m mute) bool { return m.c.h.ID == h.ID && m.inc <= h.Incarnation })
	i := slices.IndexFunc(w.promisers, func(p promiser) bool { return p.node == h.ID && p.inc == h.Incarnation })
	switch {
	case i >= 0 && w.promisers[i].over, i < 0 && !leaf:
		return
	case i >= 0:
		w.promisers = slices.Delete(w.promisers, i, i+1)
	}
	w.promisers = latest(w.promisers, promiser{h.ID, h.Incarnation, n.Now(), true})
	n.inherit()
}

// willsOf returns the promises of the dead, without those whose time is over.
func (n *Node) willsOf() *wills {
	if n.wills == nil {
		n.wills = new(wills)
	}
	w := n.wills
	w.promisers = slices.DeleteFunc(w.promisers, func(p promiser) bool { return n.Now().Sub(p.at) >= n.cfg.LeaseLong })
	w.silent = slices.DeleteFunc(w.silent, func(m mute) bool {
		return n.Now().Sub(m.at) >= n.cfg.LeaseLong || m.c.life != dead || m.c.h.Incarnation != m.inc
	})
	return w
}

// latest appends x to a list of which the last maxWills are kept.
func latest[E any](list []E, x E) []E {
	if len(list) >= maxWills {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, x)
}

// inherit binds this node to those who fell silent, where none but the dead stand between.
func (n *Node) inherit() {
	if !n.active {
		return
	}
	for _, m := range n.wills.silent {
		for s := range n.sides {
			s := side(s)
			away := n.leafs.away(s, m.c.h.ID)
			if b := n.neighbour(s); b != nil && n.leafs.away(s, b.h.ID).Less(away) {
				continue // that one is bound to it
			}
			var until task.Instant
			for _, p := range n.wills.promisers {
				if n.leafs.away(s, p.node).Less(away) {
					until = max(until, p.at.Add(n.cfg.LeaseLong))
				}
			}
			n.bind(s, m, until)
		}
	}
}

// bind adds a grant that nobody asked for, and plans what comes after it.
func (n *Node) bind(s side, m mute, until task.Instant) {
	a := &n.sides[s]
	if !n.Now().Before(until) || slices.ContainsFunc(a.grants, func(g grant) bool { return g.to == m.c && !g.until.Before(until) }) {
		return
	}
	n.give(a, grant{to: m.c, inc: m.inc, until: until})
	n.After(until.Sub(n.Now())+time.Millisecond, func() {
		n.stateChanged()
		if n.active && !n.linkedWith(s) {
			n.askLease(s)
		}
	})
}
