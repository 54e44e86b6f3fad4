package pastry

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What a node promised is forgotten with its death: its lease to the neighbour beyond, of
// which nobody else knows. If that one falls silent, too, it may be there all the same, and
// count on that lease. So who comes to stand beside it inherits the promise, for as long as
// it may run.
//
// How long. Let q be silent, l and r its neighbours, p this node beyond l, and b the one
// beyond r. If q is there, it claims keys while it holds both its leases, or, after one
// neighbour died, with the other's alone, if that was asked for within LeaseQuiet (stepping).
//
//   - A lease ends LeaseLong after its granter's end, or earlier, so q holds both no longer
//     than LeaseLong after the earlier end of l and r. p did not see their ends. But l,
//     if it is gone, was so before the first probe reached it that p sent and that found no
//     answer: no later than the time-out of that probe. p counts from there.
//   - What l promised ends at l's beats (beat.go). If l told p of those beyond it, all that
//     is promised to q has ended at the first beat that comes more than the reserve after l's
//     end. p knows one of them to within the round trip of the message that told it, and what
//     the clocks of l and p went apart since. What l did between that message and its end
//     changes nothing: the beats of one life never move, and l told of none while a promise ran
//     that they do not bound.
//   - q counts from when it asked, and that is before it was granted. So p's clock and q's
//     may go apart by drift, and no message that is on its way makes the lease longer.
//   - With l's lease alone q claims nothing later than LeaseQuiet after l's end. Here p counts
//     from the verdict on l, as nothing is gained by less.
//   - If r lives (b is r), it stood beside q all the time and is bound by its own grant: who
//     wants to link himself to it is denied, or sent to q, until that has ended. p need not
//     wait besides, but for q's stepping with l's lease. If r started again it has
//     forgotten its grant, and is not taken for the one that it was.
//   - p knows who stands on the other hand of q only if its leaf set reached beyond q, and
//     beyond those of them that died, too, up to the living b. If not, it waits for as long as l's
//     lease may run.
//
// Both p and b reckon like that, and one of them that is bound is enough: for a link over q
// each has to grant the other one a lease.

// wills are the promises of the dead that this node may have to keep.
type wills struct {
	promisers []promiser
	silent    []mute
}

// promiser is a member of the leaf set that is gone, or has started again.
type promiser struct {
	node  id.ID
	inc   uint64
	at    task.Instant // until then it may have promised
	found task.Instant // when it was held to be dead, or to have ended
	over  bool         // its process is known to have ended
	// until: what it promised on either side, turned away from this node, has ended then.
	until [2]task.Instant
	// beyond is who stood behind it, on either side, when it was found dead; nil: not known.
	beyond [2]*peer.Handle
}

// mute is a member of the leaf set that claimed keys and fell silent.
type mute struct {
	c     *contact
	inc   uint64
	until task.Instant // as long it may have a lease of one who died since
}

// maxWills bounds the promisers and the silent that are kept, the latest of them.
const maxWills = 64

// died notes that c, a member of the leaf set, is held to be dead, as p found or others said
// who know; silent, if it may be there and have a lease.
func (n *Node) died(c *contact, p *probe, silent bool) {
	w := n.willsOf()
	if _, noted := w.promiser(c.h.ID, c.h.Incarnation); !noted {
		n.promised(c, promiser{node: c.h.ID, inc: c.h.Incarnation, at: n.lastPromise(c, p), beyond: n.beyond(c)})
	}
	if silent {
		w.silent = latest(w.silent, mute{c, c.h.Incarnation, n.Now().Add(n.cfg.LeaseLong)})
	}
	n.inherit()
}

// lastPromise is until when c, which p found dead, may have granted leases.
func (n *Node) lastPromise(c *contact, p *probe) task.Instant {
	if p == nil || p.sent.Before(c.heard) {
		return n.Now()
	}
	return min(n.Now(), p.sent.Add(n.timeouts(c, p)[0]))
}

// beyond returns who claims keys next behind a member of the leaf set, on either side.
func (n *Node) beyond(c *contact) (next [2]*peer.Handle) {
	for s, members := range n.leafs.sides {
		i, have := n.leafs.find(side(s), c.h.ID)
		if !have {
			continue
		}
		for _, o := range members[i+1:] {
			if o.active && o.there() {
				next[s] = o.h
				break
			}
		}
	}
	return next
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
	p, noted := w.promiser(h.ID, h.Incarnation)
	if noted && p.over || !noted && !leaf {
		return
	}
	w.promisers = slices.DeleteFunc(w.promisers, func(p promiser) bool { return p.node == h.ID && p.inc == h.Incarnation })
	n.promised(c, promiser{node: h.ID, inc: h.Incarnation, at: n.Now(), over: true, beyond: p.beyond})
	n.inherit()
}

// promised keeps one who may have promised something; c is what is known of it now, or nil.
func (n *Node) promised(c *contact, p promiser) {
	p.found = n.Now()
	for s := range p.until {
		p.until[s] = p.at.Add(n.cfg.LeaseLong)
		if c != nil {
			p.until[s] = n.promisedUntil(c, p.inc, side(s), p.at)
		}
	}
	n.wills.promisers = latest(n.wills.promisers, p)
}

// willsOf returns the promises of the dead, without those whose time is over.
func (n *Node) willsOf() *wills {
	if n.wills == nil {
		n.wills = new(wills)
	}
	w := n.wills
	w.promisers = slices.DeleteFunc(w.promisers, func(p promiser) bool { return n.Now().Sub(p.at) >= n.cfg.LeaseLong })
	w.silent = slices.DeleteFunc(w.silent, func(m mute) bool {
		return !n.Now().Before(m.until) || m.c.life != dead || m.c.h.Incarnation != m.inc
	})
	return w
}

// promiser returns what is noted of an incarnation that is gone.
func (w *wills) promiser(x id.ID, inc uint64) (promiser, bool) {
	for _, p := range w.promisers {
		if p.node == x && p.inc == inc {
			return p, true
		}
	}
	return promiser{}, false
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
	w := n.wills
	for i := range w.silent {
		m := &w.silent[i]
		for s := range n.sides {
			s := side(s)
			away := n.leafs.away(s, m.c.h.ID)
			b := n.neighbour(s)
			if b != nil && n.leafs.away(s, b.h.ID).Less(away) {
				continue // that one is bound to it
			}
			var granted, alone task.Instant
			for _, p := range w.promisers {
				if n.leafs.away(s, p.node).Less(away) {
					granted = max(granted, p.until[s])
					alone = max(alone, p.found.Add(n.cfg.LeaseQuiet))
				}
			}
			if granted == 0 {
				continue
			}
			m.until = max(m.until, granted)
			n.bind(s, *m, max(alone, min(granted, n.otherHand(s, m, b))))
		}
	}
}

// otherHand is until when a silent node may hold a lease of one who stood behind it on side
// s and died: 0 if b, who lives there, was bound to it all the time, and for ever if
// it is not known who stood there.
func (n *Node) otherHand(s side, m *mute, b *contact) (until task.Instant) {
	if b == nil || !n.knowsAll(s, m, b) {
		return math.MaxInt64
	}
	near, far := n.leafs.away(s, m.c.h.ID), n.leafs.away(s, b.h.ID)
	for _, p := range n.wills.promisers { // one of b's earlier lives may be among them
		if away := n.leafs.away(s, p.node); near.Less(away) && !far.Less(away) {
			until = max(until, p.at.Add(n.cfg.LeaseLong))
		}
	}
	return until
}

// knowsAll reports whether this node knew of all who stood between a silent node and b, on
// side s, when they died.
func (n *Node) knowsAll(s side, m *mute, b *contact) bool {
	x, inc := m.c.h.ID, m.inc
	for range maxWills {
		p, noted := n.wills.promiser(x, inc)
		if !noted || p.beyond[s] == nil {
			return false
		}
		if sameLife(p.beyond[s], b.h) {
			return true
		}
		x, inc = p.beyond[s].ID, p.beyond[s].Incarnation
	}
	return false
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
