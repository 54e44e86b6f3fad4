package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Leases keep two nodes from claiming one key. The claiming nodes of a ring form a
// list, linked both ways: each holds a lease from the neighbour on either side,
// and grants one to each. A granted lease is a promise: until it ends by the
// granter's clock, the granter claims no key on the holder's side of the middle
// between them, and links itself to nobody else there without the holder's
// knowledge. The holder counts from the moment it asked, so its lease ends
// first. A neighbour that died is stepped over only when the lease that it
// was granted has ended (by time, or because its process is known to be gone).
//
// A node that is not ready (it joins, or its leases ended) is linked in between
// two ready neighbours: the left one first, which thereby keeps others out of
// this gap, then the right one, which agrees if the newcomer names the neighbour
// that it is itself linked with.
//
// The exchange is the heartbeat, too: the right one of two neighbours asks the
// left one, who grants and asks back, and is granted.
//
// How long keys of the dead wait. A process that is killed closes its links, which ends its
// leases. Of machines that fall silent together, the two that stand beside a row of them wait for
// what they themselves promised to its ends, 5 to 35 s from then, and for what the nearest dead one
// promised to the next one, which its beats bound (beat.go): as long again, and mostly at the same
// time, as newcomers set their beats by those of their neighbours. Of four and more in a row
// there are promises of whose beats nobody who is left was told: they are waited for as long as
// one may run from the first question that the dead did not answer. So those questions go out
// early (silence.go). They are no evidence against anybody: a verdict takes the tries of its own
// probe, and nobody is held to be dead sooner because one beside it is.
//
// Why two do not claim one key. Let q claim, between l and r who granted its leases: its
// keys end at the middle to each. Another, p, could claim one of them only with an edge
// beyond q, by the grant of somebody there, and only if it were not bound to q itself.
//
//   - l and r are bound by their grants for longer than q counts on them. They grant
//     nothing to one who stands beyond q, unless q joins yet and so claims nothing. Who joins may have
//     its other lease, and claim, before it says so: past one who was linked with another when it
//     asked, or had another before it (grant.other), they grant nobody but who has a lease of them already.
//   - A newcomer p between l and q was linked in by q's grant, which bounds q. It is bound
//     to q by its own grant, and, before q asked for one, by honour.
//   - Whom a newcomer asks, and who knows of it by then, changes nothing: the root's answer
//     and its introductions (join.go) only say where to ask. Who is asked decides by what it
//     granted, and a node farther off has granted one who stands between.
//   - That a request waited (newcomers.go) changes nothing: what is promised is decided
//     when it is answered, and its asker counts from when it asked.
//   - That promises end at beats only makes some of them shorter.
//   - If l dies, or starts again, its promise is forgotten, and q may be held dead by
//     mistake. Who comes to stand beside q inherits the promise of l, for as long as
//     it may run (inherit.go).
//   - Who starts again has forgotten its promises. It claims nothing before both sides
//     linked it in, and then honour binds it as it does any newcomer. The right one, bound
//     to the left one as it may be, agrees only if the left one is bound to the newcomer.
//   - Who lost one neighbour goes on with the lease of the other alone only if that one
//     was bound to it all the time, granted again after the death, and had linked itself to
//     nobody beyond (stepping). Whose leases ended may have been stepped over meanwhile.
//   - Who lost sight of all waits for as long as a lease may run (alone), and who starts
//     and finds nobody begins a ring only where none was heard of (begins).
//
// So a wrong verdict makes nobody claim too much, be it on q while all who are bound to
// it die. That takes several at once, on q and on all who are bound to it, for as long as
// their leases run: a network that is parted. Each part then goes on by itself, and heal.go makes them one again.

// adjacency is the link to the neighbour on one side.
type adjacency struct {
	// edge bounds the keys that this node claims on this side; nil: no bound
	// (there is no other node).
	edge *contact
	// held is the lease that this node holds from heldFrom.
	heldFrom  *peer.Handle
	heldUntil task.Instant
	heldAsked task.Instant
	// the request that is out
	askedOf *contact
	asked   task.Instant
	askFor  time.Duration
	askNum  uint32
	tries   int32
	retry   alarm
	next    alarm
	// expected rings when awaited, who holds a lease, should have come back.
	expected alarm
	awaited  *contact
	// What timers call is made once: an exchange makes no garbage besides its messages.
	late, again, overdue func()
	// grants are the leases that this node gave: usually one; two while a node is
	// being linked in before the neighbour, whose lease goes on.
	grants []grant
	// waiting are newcomers who asked while another one was being linked in.
	waiting []waitingAsk
	// heldSince is when the first of the leases came that this node held from heldFrom
	// without a gap: so long was that one bound to it.
	heldSince task.Instant
	heldNum   uint32 // of the request that it answered
	// between: who granted it had another lease running beyond this node, which is being
	// linked in before its holder, and did not get that one's lease yet.
	between   bool
	beat      task.Instant // promises on this side end then, and each heartbeat after it; 0: none was given
	brisk     bool         // awaited is to come back every LeaseRenew
	notBefore task.Instant // after a denial
}

// grant is a lease that was given.
type grant struct {
	to     *contact
	inc    uint64 // the incarnation that holds it
	num    uint32 // of the holder's request
	until  task.Instant
	short  bool         // its holder is to renew it every LeaseRenew
	other  id.ID        // with whom the holder is linked on its other side, or will be: see nameOther
	life   uint64       // the other's incarnation, as this node knew it; 0: it knew none
	unsure task.Instant // until then it may be somebody else, whom leases before named
}

// isOther reports whether c is the one with whom the holder of a lease is linked on its other side, or will be. Who has
// started again since knows nothing of that link.
func (n *Node) isOther(g *grant, c *contact) bool {
	return g.other == c.h.ID && (g.life == 0 || g.life == c.h.Incarnation) && !n.Now().Before(g.unsure)
}

// runs reports whether a lease that was given has not ended, and is not to except.
func (n *Node) runs(g grant, except *contact) bool {
	return n.Now().Before(g.until) && g.to != except
}

// give notes a lease that this node gives, and drops those that it replaces and those
// that have ended.
func (n *Node) give(a *adjacency, g grant) {
	kept := a.grants[:0]
	for _, o := range a.grants {
		if n.runs(o, g.to) {
			kept = append(kept, o)
		}
	}
	clear(a.grants[len(kept):]) // it holds on to nobody
	a.grants = append(kept, g)
}

// grantedOn reports whether c, in its present incarnation, holds a lease given on
// this side.
func (n *Node) grantedOn(a *adjacency, c *contact) bool { return n.grantOf(a, c) != nil }

// grantOf returns the lease given on this side that c, in its present incarnation, holds, or nil.
func (n *Node) grantOf(a *adjacency, c *contact) *grant {
	for i := range a.grants {
		if g := &a.grants[i]; g.to == c && g.inc == c.h.Incarnation && n.Now().Before(g.until) {
			return g
		}
	}
	return nil
}

// drift is what two clocks may differ over a lease, and a margin.
func drift(d time.Duration) time.Duration { return d/500 + 5*time.Millisecond }

// neighbour returns the nearest live and active node on side s, or nil.
func (n *Node) neighbour(s side) *contact {
	for _, c := range n.leafs.sides[s] {
		if c.active && c.there() {
			return c
		}
	}
	return nil
}

// granted reports whether c holds a lease of this node now: it may own keys
// before it said so itself.
func (n *Node) granted(c *contact) bool {
	return n.grantedOn(&n.sides[leftSide], c) || n.grantedOn(&n.sides[rightSide], c)
}

// brisk reports whether c holds a short lease of this node: it is heard of every
// second, and serves requests that wait if it is gone.
func (n *Node) brisk(c *contact) bool {
	for s := range n.sides {
		for _, g := range n.sides[s].grants {
			if g.to == c && g.short && n.Now().Before(g.until) {
				return true
			}
		}
	}
	return false
}

// succeed plans to ask the next neighbour for a lease at the moment when the one that
// the dead c was granted ends.
func (n *Node) succeed(c *contact) {
	for s := range n.sides {
		for _, g := range n.sides[s].grants {
			if g.to != c || !n.Now().Before(g.until) {
				continue
			}
			n.After(g.until.Sub(n.Now())+time.Millisecond, func() {
				n.stateChanged()
				if n.active && !n.linkedWith(side(s)) {
					n.askLease(side(s))
				}
			})
		}
	}
}

// honour binds this node to c, a neighbour that fell silent and to which it promised
// nothing since it began to claim keys, as if it had then. c may claim its own on the word
// of somebody who is no neighbour of it any more, or who has forgotten it: the one before
// whom this node was linked in, or this node itself before it started again.
func (n *Node) honour(c *contact) {
	until := n.readySince.Add(n.cfg.LeaseLong)
	if !n.wasOK || c.rare().promised >= n.readySince || !n.Now().Before(until) {
		return
	}
	for s := range n.sides {
		if a := &n.sides[s]; a.edge == c {
			n.give(a, grant{to: c, inc: c.h.Incarnation, until: until})
		}
	}
}

// grantRuns reports whether a lease of this side runs that is not except's.
func (n *Node) grantRuns(a *adjacency, except *contact) bool {
	for _, g := range a.grants {
		if n.runs(g, except) {
			return true
		}
	}
	return false
}

func (n *Node) holds(s side) bool {
	a := &n.sides[s]
	return a.heldFrom != nil && n.Now().Before(a.heldUntil)
}

// linkedWith reports whether this node holds a lease of its present neighbour on
// side s.
func (n *Node) linkedWith(s side) bool {
	c := n.neighbour(s)
	return c != nil && n.holds(s) && sameNode(n.sides[s].heldFrom, c.h)
}

// linkedTo reports whether this node holds a lease of its present neighbour on side s in its present
// life: who has started again may know nothing of this node.
func (n *Node) linkedTo(s side) bool {
	return n.linkedWith(s) && sameLife(n.sides[s].heldFrom, n.neighbour(s).h)
}

// alone reports whether no other node is, or may still believe to be, in the ring.
// Who lost sight of all others at once is more likely cut off than the last one
// alive: it waits for as long as a lease may run before it claims everything, unless
// it saw that their processes ended.
func (n *Node) alone() bool { return n.aloneBut(nil) }

// aloneBut is alone, whatever lease c was granted.
func (n *Node) aloneBut(c *contact) bool {
	if n.lostSight != 0 && n.Now().Sub(n.lostSight) < n.cfg.LeaseLong || n.neighbour(leftSide) != nil ||
		n.grantRuns(&n.sides[leftSide], c) || n.grantRuns(&n.sides[rightSide], c) {
		return false
	}
	others := false
	n.eachKnown(func(c *contact) { others = others || c.active && c.there() })
	return !others
}

// ready reports whether the node claims keys now: it holds the leases of both
// sides, or of one, and has let go of a neighbour that died on the other.
func (n *Node) ready() bool {
	if !n.active || n.stopped {
		return false
	}
	if n.alone() {
		return true
	}
	l, r := n.holds(leftSide), n.holds(rightSide)
	return l && r || l && n.stepping(rightSide) || r && n.stepping(leftSide)
}

// letGo reports whether the neighbour on side s is gone, its lease is over, and no
// other took its place yet.
func (n *Node) letGo(s side) bool {
	a := &n.sides[s]
	return a.edge != nil && (!a.edge.there() || !a.edge.active) && !n.holds(s)
}

// stepping reports whether this node may go on with the other side's lease alone
// while it looks for its next neighbour on side s: the one that it had is gone, and
// the other granted since then, and lately. A promise from before proves nothing:
// who made it may have died with the same blow, and have forgotten it. Nor does the
// promise of one who was not bound to this node all the time, or has another running
// beyond it: it may have stepped over it.
func (n *Node) stepping(s side) bool {
	o := &n.sides[s.other()]
	if !n.letGo(s) || o.between || n.Now().Sub(o.heldAsked) >= n.cfg.LeaseQuiet {
		return false
	}
	died := n.sides[s].edge.rare().since
	return o.heldSince.Before(died) && !o.heldAsked.Before(died)
}

// claims reports whether this node serves key now: it holds its leases, and no
// other node that is known to be there is nearer.
func (n *Node) claims(key id.ID) bool {
	if !n.ready() {
		return false
	}
	if !n.alone() {
		for s := range n.sides {
			if e := n.sides[s].edge; e != nil && id.Closer(key, e.h.ID, n.id()) {
				return false
			}
			for _, g := range n.sides[s].grants {
				if n.Now().Before(g.until) && id.Closer(key, g.to.h.ID, n.id()) {
					return false
				}
			}
		}
	}
	return n.closestLeaf(key) == nil
}

// stateChanged is called when the leaf set or a lease changed.
func (n *Node) stateChanged() {
	if n.stopped {
		return
	}
	if n.active {
		for s := range n.sides {
			n.keepLease(side(s))
		}
		if n.alone() {
			n.sides[leftSide].edge, n.sides[rightSide].edge = nil, nil
		}
	}
	if ok := n.ready(); ok != n.wasOK {
		n.wasOK = ok
		if ok {
			n.readySince = n.Now()
		}
		if ok && len(n.callers) > 0 {
			n.After(0, n.admit)
		}
		if n.cfg.Observe.Ready != nil {
			n.cfg.Observe.Ready(n, ok)
		}
	}
	if n.wasOK && n.held != nil && len(n.held.list) > 0 {
		n.After(0, n.release)
	}
	n.wakeNewcomers()
	if n.linked != nil {
		n.linked()
	}
}

// busy reports whether this node delivered requests lately, one soon after another.
func (n *Node) busy() bool { return n.Now().Before(n.busyUntil) }

// noteServed keeps leases short while requests are delivered. A request now and then is
// no reason: short leases cost some messages a second, for as long as LeaseQuiet.
func (n *Node) noteServed() {
	was, again := n.busy(), n.serving && n.Now().Sub(n.lastServed) < n.cfg.LeaseShort
	n.lastServed, n.serving = n.Now(), true
	if !was && !again {
		return
	}
	n.busyUntil = n.Now().Add(n.cfg.LeaseQuiet)
	if !was && !n.alone() {
		n.askLease(leftSide)
		n.askLease(rightSide)
	}
}
