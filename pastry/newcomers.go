package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// Many nodes that join at once: who has to wait waits where it is served next, and is
// told as soon as that is possible, instead of asking again and again.

// caller is a joining node whose request waits: this node is not ready, mostly because
// another newcomer is being linked in beside it, or serves many others.
type caller struct {
	via   *contact // who handed the request over
	m     *msg.Hop
	until task.Instant
}

const (
	callerWaits = time.Second           // before it is told to try again
	callerLook  = 50 * time.Millisecond // between two looks, where nothing else happens
)

// keepCaller lets a joining node wait, or tells it to try again where many do.
func (n *Node) keepCaller(via *contact, m *msg.Hop) {
	c := caller{via, m, n.Now().Add(callerWaits)}
	if i := slices.IndexFunc(n.callers, func(o caller) bool { return o.m.Route.Origin.ID == m.Route.Origin.ID }); i >= 0 {
		if n.callers[i].m.Route.Num == m.Route.Num {
			return // a copy
		}
		n.callers = slices.Delete(n.callers, i, i+1)
	}
	if !n.active || len(n.callers) >= maxCallers {
		n.refuseJoin(c)
		return
	}
	n.callers = append(n.callers, c)
	n.admitLater()
}

func (n *Node) refuseJoin(c caller) {
	r := c.m.Route
	n.answerJoin(c.via, n.contact(r.Origin), &msg.JoinReply{Num: r.Num, Wait: true})
}

// admitLater plans the next look at the callers.
func (n *Node) admitLater() {
	if n.calling || len(n.callers) == 0 || n.stopped {
		return
	}
	n.calling = true
	n.After(callerLook, func() {
		n.calling = false
		n.admit()
		n.admitLater()
	})
}

// admit serves the callers, as far as that is possible now. Those who have another root
// meanwhile, as newcomers before them are ready, are sent on.
func (n *Node) admit() {
	callers := n.callers
	n.callers = nil
	for i, c := range callers {
		switch {
		case n.stopped:
		case !n.Now().Before(c.until):
			n.refuseJoin(c)
		case !n.ready() || n.introducing >= maxIntroducing || !n.joins.has(joinRate, n.Now()):
			n.callers = append(n.callers, callers[i])
		default:
			n.route(c.via, c.m, nil)
		}
	}
}

// waitingAsk is a request for a lease that is answered when the side has changed, or
// at the latest when the newcomer would ask again.
type waitingAsk struct {
	of    *contact
	inc   uint64
	m     *msg.Lease
	until task.Instant
}

// maxWaiting bounds the newcomers that wait on one side.
const maxWaiting = 64

// letWait keeps the request of a newcomer until this side changes: mostly another one is
// being linked in, which takes two round trips. The newcomer counts its lease from when
// it asked, so that a late grant is only shorter. It reports false if too many wait, or
// if this one did for long enough.
func (n *Node) letWait(a *adjacency, w waitingAsk) bool {
	if !n.active || n.stopped || !n.Now().Before(w.until) || len(a.waiting) >= maxWaiting {
		return false
	}
	a.waiting = append(a.waiting, w)
	return true
}

// wakeNewcomers looks again at the requests that wait, after what is being done now.
func (n *Node) wakeNewcomers() {
	if n.waking || len(n.sides[leftSide].waiting)+len(n.sides[rightSide].waiting) == 0 {
		return
	}
	n.waking = true
	n.After(0, func() {
		n.waking = false
		for s := range n.sides {
			all := n.sides[s].waiting
			n.sides[s].waiting = nil
			for _, w := range all {
				if !n.stopped && w.of.h.Incarnation == w.inc && w.of.rare().lastAsk == w.m.Ask {
					n.answerAsk(side(s), w)
				}
			}
		}
	})
}

// dropLease gives back the lease of side s. A newcomer without its left one must not
// keep the right one: two of them, each with a lease that the other needs, would wait
// for each other for ever.
func (n *Node) dropLease(s side) {
	a := &n.sides[s]
	n.stop(a.retry)
	n.stop(a.next)
	a.askNum, a.askedOf = 0, nil
	if n.holds(s) {
		if o := n.contact(a.heldFrom); o.there() && o.h.Incarnation == a.heldFrom.Incarnation {
			n.sendLease(s, o, &msg.Lease{Right: s == rightSide, Release: a.heldNum})
		}
	}
	a.heldFrom, a.heldUntil = nil, 0
}
