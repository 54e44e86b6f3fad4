package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// The exchange of leases between ring neighbours, which is their heartbeat, too.

// keepLease makes sure that the lease on side s is with the present neighbour.
func (n *Node) keepLease(s side) {
	a := &n.sides[s]
	c := n.neighbour(s)
	switch {
	case c == nil:
		n.stop(a.retry)
		n.stop(a.next)
		a.askedOf = nil
	case a.askedOf == c && (a.askNum != 0 || n.Now().Before(a.notBefore)):
		// asked already
	case n.letGo(s.other()) && a.heldAsked.Before(n.sides[s.other()].edge.rare().since):
		n.askLease(s)
	case a.heldFrom == nil || !sameLife(a.heldFrom, c.h) || !n.holds(s):
		n.askLease(s)
	}
}

// askLease asks the neighbour on side s for a lease.
func (n *Node) askLease(s side) {
	a := &n.sides[s]
	c := n.neighbour(s)
	if c == nil || n.stopped {
		return
	}
	n.stop(a.retry)
	n.stop(a.next)
	a.tries = 0
	n.askNow(s, c)
}

func (n *Node) askNow(s side, c *contact) {
	m := &msg.Lease{Right: s == rightSide}
	n.putAsk(s, c, m)
	n.sendLease(s, c, m)
}

// putAsk puts a request into m and plans its retry.
func (n *Node) putAsk(s side, c *contact, m *msg.Lease) {
	a := &n.sides[s]
	n.askSeq++
	a.askNum, a.askedOf, a.asked = n.askSeq, c, n.Now()
	a.askFor = n.cfg.LeaseLong
	if n.busy() {
		a.askFor = n.cfg.LeaseShort
		// The granter may shorten its promise from now on.
		if end := a.asked.Add(a.askFor - drift(a.askFor)); end.Before(a.heldUntil) {
			a.heldUntil = end
		}
	}
	m.Ask, m.For = a.askNum, uint32(a.askFor/time.Millisecond)
	wait := n.cfg.Probes[min(int(a.tries), len(n.cfg.Probes)-1)]
	a.tries++
	n.stop(a.retry)
	if a.late == nil {
		a.late = func() { n.leaseLate(s) }
	}
	a.retry = n.alarm(wait, a.late)
}

// askLater plans the next request.
func (n *Node) askLater(s side, wait time.Duration) {
	a := &n.sides[s]
	n.stop(a.next)
	if a.again == nil {
		a.again = func() { n.askLease(s) }
	}
	a.next = n.alarm(wait, a.again)
}

func (n *Node) sendLease(s side, c *contact, m *msg.Lease) {
	// Only whose lease this node holds: c may be bound to it, and relies on it that it knows
	// of this node.
	if o := n.neighbour(s.other()); o != nil && o != c && n.linkedWith(s.other()) {
		m.Other = o.h.ID
	}
	m.Ready, m.Active, m.Expulsions = n.ready(), n.active, n.removed.Digest()
	m.Period = uint32(n.tuning.own / time.Second)
	n.tellBeat(s, m)
	if n.active && n.neighbour(s) == c {
		m.Leafs = n.leafs.common(s)
	}
	n.to(c, machine.ClassLiveness, m)
}

// leaseLate: the request that was sent last was not answered.
func (n *Node) leaseLate(s side) {
	a := &n.sides[s]
	if a.askNum == 0 || n.stopped {
		return
	}
	c := n.neighbour(s)
	if c == nil {
		a.askNum = 0
		return
	}
	if a.tries >= 2 {
		n.probe(c)
	}
	n.askNow(s, c)
	n.stateChanged()
}

// onLease handles the heartbeat of a ring neighbour.
func (n *Node) onLease(c *contact, m *msg.Lease) {
	n.noteActive(c, m.Active)
	n.notePeriod(c, m.Period)
	n.expulsionDigest(c, m.Expulsions)
	if c.active && c.life == alive && n.leafs.lacks(c) {
		n.addLeaf(c)
	}
	s := leftSide
	if !m.Right { // we stand to the sender's left, so it is on our right
		s = rightSide
	}
	n.compare(s, c, m.Leafs)
	if m.Grant != 0 {
		n.onGrant(s, c, m)
	}
	if m.Deny != 0 {
		n.onDeny(s, c, m)
	}
	if m.Release != 0 {
		n.onRelease(s, c, m.Release)
	}
	// An older request is an echo: to grant it again would shorten, or revive, a
	// promise that a later one replaced.
	if m.Ask > c.rare().lastAsk {
		c.rarely().lastAsk = m.Ask
		n.onAsk(s, c, m)
	}
}

// onAsk handles the request of a node on side s.
func (n *Node) onAsk(s side, c *contact, m *msg.Lease) {
	a := &n.sides[s]
	a.waiting = slices.DeleteFunc(a.waiting, func(w waitingAsk) bool { return w.of == c })
	wait := n.cfg.Brisk[0]
	n.answerAsk(s, waitingAsk{c, c.h.Incarnation, m, n.Now().Add(wait)})
	if len(a.waiting) > 0 && a.waiting[len(a.waiting)-1].m == m {
		n.After(wait, n.wakeNewcomers)
	}
}

// answerAsk grants or denies a lease to the node on side s, or lets it wait.
func (n *Node) answerAsk(s side, w waitingAsk) {
	c, m := w.of, w.m
	answer := &msg.Lease{Right: s == rightSide}
	length := min(time.Duration(m.For)*time.Millisecond, n.cfg.LeaseLong)
	a := &n.sides[s]
	if nearer, ok := n.mayGrant(s, c, m); !ok {
		if nearer == nil && s == rightSide && !m.Active && n.letWait(a, w) {
			return
		}
		answer.Deny, answer.Nearer = m.Ask, nearer
		if nearer == nil {
			answer.Length = n.inTheWay(a, c)
		}
		n.sendLease(s, c, answer)
		return
	}
	brisk := length < n.cfg.LeaseLong
	length = n.promise(s, c, length)
	g := grant{to: c, inc: c.h.Incarnation, num: m.Ask, until: n.Now().Add(length), short: brisk}
	n.nameOther(&g, s, m)
	n.give(a, g)
	answer.Between = len(a.grants) > 1
	c.rarely().promised = n.Now()
	// From here on the keys nearer to c are c's. To step outward takes c's grant.
	if a.edge == nil || n.leafs.away(s, c.h.ID).Less(n.leafs.away(s, a.edge.h.ID)) {
		a.edge = c
	}
	answer.Grant, answer.Length = m.Ask, uint32(length/time.Millisecond)
	if n.active && n.neighbour(s) == c && n.askDue(s, c) {
		a.tries = 0
		n.putAsk(s, c, answer)
	}
	n.sendLease(s, c, answer)
	n.expect(s, c, brisk)
	n.stateChanged()
}

// nameOther notes in a lease with whom its holder, on side s, is linked on its other side, or will be: a
// newcomer asks its left neighbour first, and then whom this node takes for its neighbour, too. What it
// asks again without naming anybody may be late: it may have been linked in, with whom the lease
// before names, and claim. Where that is another one, or the same in another life, nobody is the other one for certain
// until that lease would have ended, and no longer: a newcomer
// that comes to nothing does not keep the next one out. What this does not see: where this node and
// r, beyond the newcomer, both hold a live node between the two dead, which links the newcomer in, r is taken for the
// other one.
func (n *Node) nameOther(g *grant, s side, m *msg.Lease) {
	g.other = m.Other
	if b := n.neighbour(s); g.other.IsZero() && b != nil && b != g.to {
		g.other = b.h.ID
	}
	if b := n.contacts.find(g.other); b != nil {
		g.life = b.h.Incarnation
	}
	before := n.grantOf(&n.sides[s], g.to)
	if !m.Other.IsZero() || before == nil {
		return
	}
	if g.unsure = before.unsure; !before.other.IsZero() && (before.other != g.other || before.life != g.life) {
		g.unsure = max(g.unsure, before.until)
	}
}

// inTheWay is for how many milliseconds leases of the dead keep c out; 0 if none does, or
// if somebody who is there has one, too, and may give it up at any time.
func (n *Node) inTheWay(a *adjacency, c *contact) uint32 {
	wait := time.Duration(0)
	for _, g := range a.grants {
		switch {
		case !n.runs(g, c):
		case g.to.there():
			return 0
		default:
			wait = max(wait, g.until.Sub(n.Now()))
		}
	}
	return uint32((wait + time.Millisecond - 1) / time.Millisecond)
}

// askDue reports whether a request should ride on a grant: ours would be due soon
// anyway, or there is none that runs.
func (n *Node) askDue(s side, c *contact) bool {
	a := &n.sides[s]
	if a.askNum != 0 && a.askedOf == c {
		return false
	}
	switch {
	case !n.holds(s) || !sameNode(a.heldFrom, c.h):
		return true
	case n.busy() || a.askFor < n.cfg.LeaseLong:
		return n.Now().Sub(a.asked) > n.cfg.LeaseRenew/2
	}
	return n.Now().Sub(a.asked) >= n.renewal(leftSide, a.heldUntil.Sub(a.asked))
}

// expect plans a probe for when the holder of a lease does not come back: a heartbeat that
// stays away.
func (n *Node) expect(s side, c *contact, brisk bool) {
	a := &n.sides[s]
	n.stop(a.expected)
	a.awaited, a.brisk = c, brisk
	if a.overdue == nil {
		a.overdue = func() { n.leaseOverdue(a) }
	}
	a.expected = n.alarm(n.patience(a), a.overdue)
}

// patience is how long the holder of a lease may be silent.
func (n *Node) patience(a *adjacency) time.Duration {
	if a.brisk {
		return n.cfg.LeaseRenew * 5 / 4
	}
	return n.cfg.Heartbeat + time.Second
}

// leaseOverdue probes the holder of a lease, unless it was heard of meanwhile.
func (n *Node) leaseOverdue(a *adjacency) {
	wait := n.patience(a)
	switch quiet := n.Now().Sub(a.awaited.heard); {
	case !a.awaited.there():
	case quiet >= wait-time.Millisecond:
		n.probe(a.awaited)
	default:
		a.expected = n.alarm(wait-quiet, a.overdue)
	}
}

// mayGrant decides on a request of c, which is to stand on side s. If not, nearer
// is a node that it should ask instead, if there is one.
func (n *Node) mayGrant(s side, c *contact, m *msg.Lease) (nearer *peer.Handle, ok bool) {
	a := &n.sides[s]
	if !n.active || n.stopped {
		return nil, false
	}
	away := n.leafs.away(s, c.h.ID)
	if b := n.neighbour(s); b != nil && b != c && n.leafs.away(s, b.h.ID).Less(away) {
		return b.h, false
	}
	// Of the leases that bind this side, those on either hand of c.
	renews, nearerHeld, allow := n.grantedOn(a, c), false, true
	var fartherHeld *contact // the nearest
	for _, g := range a.grants {
		if !n.runs(g, c) {
			continue
		}
		d := n.leafs.away(s, g.to.h.ID)
		switch {
		case d.Less(away):
			nearerHeld = true
			allow = allow && g.to.there() && !g.to.active && (renews || n.ready() && n.isOther(&g, c))
		case fartherHeld == nil || d.Less(n.leafs.away(s, fartherHeld.h.ID)):
			fartherHeld = g.to
		}
	}
	switch {
	case nearerHeld:
		// They died, or join. The lease of a dead one must end first; while one is being linked
		// in, the neighbour's lease goes on. Who is linked in with another than c may claim its
		// keys by now, also if that one has ended meanwhile.
		return nil, allow && n.neighbour(s) == c
	case fartherHeld == nil || renews && (s == rightSide || m.Ready || m.Other == fartherHeld.h.ID):
		// Nobody else relies on this side, or c is bound to him; that it was granted a lease
		// before proves nothing, as a request of old may have won it. Who holds none must not
		// link in others: he may not be linked in any more. But two who are linked
		// with each other may renew, as after an outage that all slept through,
		// and so may one who was alone. The newcomer c alone may have a lease since: others who
		// came before it and gave up may have left their mark as the edge.
		return nil, n.ready() || n.holds(s.other()) || a.edge == c || a.edge == nil || !m.Active && n.aloneBut(c) || n.outage()
	case !n.ready() && !n.outage():
		return nil, false
	case m.Ready:
		return nil, true // two rings become one
	case s == rightSide:
		// c asks its left neighbour first, which keeps the gap for it: one at a
		// time, and none while a dead neighbour's lease runs.
		return nil, fartherHeld.active && fartherHeld.there()
	}
	return nil, m.Other == fartherHeld.h.ID
}

// outage reports whether this node has not been ready for so long that the whole
// neighbourhood must have lost its leases.
func (n *Node) outage() bool {
	for s := range n.sides {
		if a := &n.sides[s]; a.heldFrom == nil || n.Now().Sub(a.heldUntil) < n.cfg.LeaseQuiet {
			return false
		}
	}
	return n.active
}

func (n *Node) onGrant(s side, c *contact, m *msg.Lease) {
	a := &n.sides[s]
	if m.Grant != a.askNum || a.askedOf != c {
		if a.askedOf != c && (a.heldFrom == nil || !sameNode(a.heldFrom, c.h)) {
			// It comes too late: another is asked now. It must not bind c.
			n.sendLease(s, c, &msg.Lease{Right: s == rightSide, Release: m.Grant})
		}
		return
	}
	n.stop(a.retry)
	if c.prox == 0 && a.tries == 1 && n.active && c.via() == nil {
		n.measured(c, n.Now().Sub(a.asked)) // who is not known to be near is not probed briskly
	}
	a.askNum, a.tries = 0, 0
	length := min(time.Duration(m.Length)*time.Millisecond, a.askFor)
	n.giveUp(s, c)
	if a.heldFrom == nil || !sameLife(a.heldFrom, c.h) || !n.holds(s) {
		a.heldSince, a.between = n.Now(), false
	}
	a.between = m.Between || a.between && !n.holds(s.other())
	a.heldNum = m.Grant
	a.heldFrom, a.heldUntil, a.heldAsked = c.h, a.asked.Add(length-drift(length)), a.asked
	a.edge = c
	n.hearBeat(s, c, a.asked, m)
	renew := n.renewal(s, length)
	switch {
	case n.busy() || a.askFor < n.cfg.LeaseLong: // a short one must be replaced, whatever was served since
		renew = n.cfg.LeaseRenew
	case n.letGo(s.other()):
		renew = min(renew, n.cfg.LeaseQuiet/4)
	}
	n.askLater(s, max(renew-n.Now().Sub(a.asked), 0))
	n.stateChanged()
}

// giveUp tells the one who granted the lease that this node held until now that it
// may link itself to others: c, who stands nearer or in its place, grants one instead.
// Without that, a row of nodes that come back together would wait for one lease after
// the other to end.
func (n *Node) giveUp(s side, c *contact) {
	a := &n.sides[s]
	if a.heldFrom == nil || sameNode(a.heldFrom, c.h) || !n.holds(s) {
		return
	}
	if o := n.contact(a.heldFrom); o.there() && o.h.Incarnation == a.heldFrom.Incarnation {
		n.sendLease(s, o, &msg.Lease{Right: s == rightSide, Release: a.heldNum})
	}
}

// onRelease ends a lease that its holder gave up, unless it was renewed since.
func (n *Node) onRelease(s side, c *contact, num uint32) {
	a := &n.sides[s]
	a.grants = slices.DeleteFunc(slices.Clone(a.grants), func(g grant) bool {
		return g.to == c && g.inc == c.h.Incarnation && g.num <= num
	})
	n.stateChanged()
}

// onDeny: look for the nearer neighbour, or try again when the lease that stands
// in the way may have ended.
func (n *Node) onDeny(s side, c *contact, m *msg.Lease) {
	a := &n.sides[s]
	if m.Deny != a.askNum || a.askedOf != c {
		return
	}
	n.stop(a.retry)
	a.askNum = 0
	a.tries = 0
	if !n.active && !m.Active && c.active {
		// Others called it ready, and it is not, as after a restart. A newcomer that went
		// on to take it for its neighbour would keep it, and all of this gap, out.
		c.active = false
		n.leafs.stale()
		if c.leaf() {
			n.tellUpdate(c.h, false)
		}
		n.stateChanged()
	}
	if m.Nearer != nil && m.Nearer.ID != n.self.ID {
		o := n.contact(m.Nearer)
		if (!o.leaf() || !o.active) && o.life != left {
			n.probe(o)
		}
	}
	wait := n.jitter(deniedWait)
	if m.Length > 0 && n.active {
		wait = min(n.jitter(deniedLong), time.Duration(m.Length+1)*time.Millisecond)
	}
	a.notBefore = n.Now().Add(wait)
	n.askLater(s, wait)
}

// Who was denied a lease asks again after deniedWait. Where that of a dead node stands in the
// way, its end is known, and may come sooner only if its process is known to have ended.
const (
	deniedWait = 250 * time.Millisecond
	deniedLong = 2 * time.Second
)

// leaseOver ends the lease of an incarnation that is gone for certain. What it
// granted to this node holds on: that binds others.
func (n *Node) leaseOver(h *peer.Handle) {
	for s := range n.sides {
		a := &n.sides[s]
		was := len(a.grants)
		a.grants = slices.DeleteFunc(slices.Clone(a.grants), func(g grant) bool {
			return g.to.h.ID == h.ID && g.inc <= h.Incarnation
		})
		if len(a.grants) < was {
			a.notBefore = 0 // whom this kept out was told to wait, and is asked
		}
	}
	n.ended(h)
	n.stateChanged()
}

// leaseWith reports whether a lease runs between this node and x, either way.
func (n *Node) leaseWith(x id.ID) bool {
	for s := range n.sides {
		a := &n.sides[s]
		if a.heldFrom != nil && a.heldFrom.ID == x || a.edge != nil && a.edge.h.ID == x {
			return true
		}
		for _, g := range a.grants {
			if g.to.h.ID == x {
				return true
			}
		}
	}
	return false
}
