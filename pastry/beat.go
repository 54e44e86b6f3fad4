package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// The promises that a node gives on one side end at beats: instants that lie a heartbeat
// apart, set by the first promise on this side, and the same until the node ends. Each promise
// ends at the first beat from which on more is left than the reserve in which its holder has it
// renewed. So whoever knows a node's beats and when it fell silent, knows when all of its
// promises have ended, however many they were and whoever has them: within the reserve and a
// heartbeat, half of it on average, instead of LeaseLong for what may have been promised in
// the last moment. A node tells each ring neighbour, with each lease that it grants it, of the
// beats on its other side, where nobody but the one beyond knows what was promised.
//
// Beats cost no messages where those of two neighbours fit together: the one who is linked last
// sets his by the lease that he holds, so that both renew in one exchange. Where two nodes
// whose beats are old become neighbours, each renews by himself. In a ring that grew by joins
// the beats of all lie close together, so that who is bound by several promises waits hardly
// longer than for one.

// beats are those that another node told of.
type beats struct {
	inc  uint64 // of the node
	on   side   // the side of it, and of this node
	told task.Instant
	// One beat lay from early to late by this node's clock.
	early, late task.Instant
}

// reserve is the time before the end of a lease in which it is renewed.
func (n *Node) reserve() time.Duration { return n.cfg.LeaseLong - n.cfg.Heartbeat }

// beatAfter returns the first beat after t, of those that lie a period apart.
func beatAfter(t, beat task.Instant, period time.Duration) task.Instant {
	gap := beat.Sub(t) % period
	if gap <= 0 {
		gap += period
	}
	return t.Add(gap)
}

// promise returns how long a lease on side s may run that c asked for.
func (n *Node) promise(s side, c *contact, asked time.Duration) time.Duration {
	a := &n.sides[s]
	first := a.beat == 0
	if first {
		a.beat = n.firstBeat(s, c)
	}
	end := beatAfter(n.Now().Add(n.reserve()), a.beat, n.cfg.Heartbeat)
	if first && end.Sub(n.Now()) < n.cfg.Heartbeat/2 {
		end = end.Add(n.cfg.Heartbeat) // nobody was told of a beat yet
	}
	return min(asked, end.Sub(n.Now()))
}

// firstBeat sets the beats of a side so that c's lease is renewed in the exchange in which
// this node renews the one that it holds from c: the right one of two asks first.
func (n *Node) firstBeat(s side, c *contact) task.Instant {
	a, apart := &n.sides[s], n.reserve()/5
	switch {
	case !n.holds(s) || !sameNode(a.heldFrom, c.h):
		return n.Now().Add(n.cfg.LeaseLong)
	case s == leftSide:
		return a.heldUntil.Add(-apart)
	}
	return a.heldUntil.Add(apart)
}

// renewal is how long after the asking a lease of some length is to be renewed: as soon as its
// granter may promise more, and by the left one of two somewhat later, as the right one
// usually asks first.
func (n *Node) renewal(s side, length time.Duration) time.Duration {
	wait := length - n.reserve()*19/20
	if s == rightSide {
		wait += n.reserve() * 2 / 5
	}
	return max(wait, 0)
}

// tellBeat puts into a grant on side s when this node's next beat on the other side is, if all
// that is promised there ends as beats say.
func (n *Node) tellBeat(s side, m *msg.Lease) {
	a := &n.sides[s.other()]
	if m.Grant == 0 || a.beat == 0 {
		return
	}
	end := beatAfter(n.Now().Add(n.reserve()), a.beat, n.cfg.Heartbeat)
	if slices.ContainsFunc(a.grants, func(g grant) bool { return end.Before(g.until) }) {
		return
	}
	next := beatAfter(n.Now(), a.beat, n.cfg.Heartbeat)
	m.Beat = uint32((next.Sub(n.Now()) + time.Millisecond - 1) / time.Millisecond)
}

// hearBeat notes what c, on side s, tells of its beats beyond, in its answer to what this node
// asked at that time: it was written no earlier.
func (n *Node) hearBeat(s side, c *contact, asked task.Instant, m *msg.Lease) {
	next := time.Duration(m.Beat) * time.Millisecond
	if next <= 0 || next > n.cfg.Heartbeat+time.Millisecond {
		c.rarely().beats = beats{}
		return
	}
	c.rarely().beats = beats{inc: c.h.Incarnation, on: s, told: n.Now(), early: asked.Add(next - time.Millisecond), late: n.Now().Add(next)}
}

// promisedUntil returns until when an incarnation of c, which ended no later than at that time,
// may have promised anything on its side s, which is turned away from this node.
func (n *Node) promisedUntil(c *contact, inc uint64, s side, at task.Instant) task.Instant {
	until, b := at.Add(n.cfg.LeaseLong), c.rare().beats
	if b.told == 0 || b.inc != inc || b.on != s || at.Sub(b.told) > 2*n.cfg.Heartbeat {
		return until
	}
	off := drift(until.Sub(b.told)) // of its clock and this one
	early, late := b.early.Add(-off), b.late.Add(off)
	return min(until, beatAfter(at.Add(n.reserve()), early, n.cfg.Heartbeat).Add(late.Sub(early)))
}
