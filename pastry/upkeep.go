package pastry

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// upkeep is the slow round: what nobody needs is forgotten, and the leaf set is repaired if a
// message got lost.
func (n *Node) upkeep() {
	n.forgetContacts()
	n.contacts.each(func(c *contact) {
		if c.via() != nil {
			n.tryLink(c)
		}
	})
	n.served.forget(maxServed, n.Now())
	n.retune()
	n.leafs.stale() // made again when it is asked for
	n.dropGone()
	if n.active {
		n.repairSides()
		n.stateChanged()
		n.leafs.each(func(c *contact) bool {
			if !c.active {
				n.tell(c) // that it is ready now may have been lost
			}
			return true
		})
		if n.leafs.version != n.toldVersion {
			n.toldVersion = n.leafs.version
			n.save()
		}
	}
}

// compare: the leaf set of the neighbour c on side s has the digest theirs. Sets that
// differ because of a lost message are exchanged. Each pair of neighbours compares
// what both must know with every heartbeat, so that the sets of all agree in the end.
func (n *Node) compare(s side, c *contact, theirs uint64) {
	if s == leftSide || theirs == 0 || !n.active || n.neighbour(s) != c || theirs == n.leafs.common(s) ||
		n.compared != 0 && n.Now().Sub(n.compared) < n.cfg.Heartbeat/2 || n.unsettled() {
		return
	}
	n.compared = n.Now()
	n.to(c, machine.ClassUpkeep, n.leafProbe(false))
}

// missed asks members that a ring neighbour does not have, where it should: they may be dead,
// and the news of it got lost on the way to here. What changed just now is not looked at.
func (n *Node) missed(c *contact, named []*peer.Handle) {
	if !n.active || !c.active || c != n.neighbour(leftSide) && c != n.neighbour(rightSide) || n.unsettled() {
		return
	}
	theirs := id.Range{Full: true}
	if len(named) >= n.cfg.LeafSet {
		theirs = id.Range{From: named[0].ID, To: named[len(named)-1].ID}
	}
	for _, o := range n.leafContacts() {
		if o != c && o.active && o.life == alive && theirs.Contains(o.h.ID) && n.Now().Sub(o.heard) > n.cfg.Heartbeat &&
			!slices.ContainsFunc(named, func(h *peer.Handle) bool { return h.ID == o.h.ID }) {
			n.probeDoubted(o, n.brisk(o))
		}
	}
}

// unsettled reports whether the leaf set changed just now, or is about to: then the
// neighbour's is likely to do the same, a moment sooner or later.
func (n *Node) unsettled() bool {
	yes := n.changed != 0 && n.Now().Sub(n.changed) < compareAfter
	n.leafs.each(func(c *contact) bool {
		yes = yes || c.life == suspect
		return !yes
	})
	return yes
}

// Where many members change within changesWithin, as when the parts of a network
// meet again, neighbours do not wait for a heartbeat to compare what they know.
const (
	manyChanges   = 8
	changesWithin = 8 * time.Second
	fewChanges    = 4 // since it compared last: then it ends
	compareAfter  = 5 * time.Second
	// After many deaths sooner: those who were asked for replacements before they had found
	// their own did not name them.
	compareDead = time.Second
)

// leafsChanged counts a change of the leaf set.
func (n *Node) leafsChanged() {
	if n.changed = n.Now(); n.changes == 0 || !n.comparing && n.Now().Sub(n.changedFirst) > changesWithin {
		n.changes, n.changedFirst = 0, n.Now()
	}
	if n.changes++; n.changes >= manyChanges && !n.comparing {
		n.comparing = true
		n.compareLater()
	}
}

func (n *Node) compareLater() {
	pause := compareAfter
	if len(n.failures) >= manyFailures {
		pause = compareDead
	}
	n.After(pause, n.compareSoon)
}

// compareSoon exchanges leaf sets with the neighbours, again and again until hardly anything has
// changed since the last time: what comes one by one, as in a ring where nodes come and go all the
// time, heartbeats compare. Who answered while the dead still filled the set did not come in, and is
// asked again.
func (n *Node) compareSoon() {
	if n.changes < fewChanges || n.stopped {
		n.comparing = false
		return
	}
	n.changes = 0
	n.eachKnown(func(c *contact) {
		if c.active && c.life == alive && n.leafs.wants(c.h.ID) {
			n.probe(c)
		}
	})
	l, r := n.neighbour(leftSide), n.neighbour(rightSide)
	for _, c := range []*contact{l, r} {
		if c != nil && n.active && (c == r || l != r) {
			n.to(c, machine.ClassUpkeep, n.leafProbe(false))
		}
	}
	n.compareLater()
}

// tuning is MSPastry's self-tuning of the period of table probes.
type tuning struct {
	own      time.Duration // what this node's experience says; 0: it has none yet
	failures int
	since    task.Instant
	started  bool
	tuned    task.Instant // when own was solved for
	counted  int          // the failures of then
	next     alarm        // of the next round
	due      task.Instant // then
	again    func()
	named    []namedPeriod // the oldest first
}

// retune keeps this node's period what its experience says, as its neighbours go by it,
// too. A newcomer has none, and names no period before its first round of upkeep: it fears
// the worst, so that wherever many join all would probe their tables all the time. A period
// that became shorter begins at once.
func (n *Node) retune() {
	t := &n.tuning
	// To solve for hardly more experience is not worth it.
	if t.failures == t.counted && 5*n.Now().Sub(t.tuned) < n.Now().Sub(t.since) {
		return
	}
	t.own, t.tuned, t.counted = n.tunedPeriod(), n.Now(), t.failures
	if period := n.groupPeriod(); n.Now().Add(period) < t.due {
		n.nextRound(period)
	}
}

// probeTable asks the table's entries that were silent for a period for a sign of
// life, and plans the next round.
func (n *Node) probeTable() {
	if !n.tuning.started {
		n.tuning.started, n.tuning.since = true, n.Now()
	}
	period := n.groupPeriod()
	asked := 0
	n.eachEntry(func(c *contact) {
		if !c.leaf() && c.probe() == nil && n.Now().Sub(c.heard) > period && asked < msg.MaxTable {
			n.probe(c)
			asked++
		}
	})
	n.nextRound(period)
}

// nextRound plans the next round of table probes.
func (n *Node) nextRound(period time.Duration) {
	t := &n.tuning
	if t.again == nil {
		t.again = func() {
			if !n.stopped {
				n.probeTable()
			}
		}
	}
	wait := n.jitter(period)
	n.stop(t.next)
	t.next, t.due = n.alarm(wait, t.again), n.Now().Add(wait)
}

// tunedPeriod solves MSPastry's section 4.1 for the period at which at most
// ProbeLoss of the lookups meet a dead hop, from the failure rate seen here.
func (n *Node) tunedPeriod() time.Duration {
	span := n.Now().Sub(n.tuning.since).Seconds() + 1
	known := 1
	n.eachKnown(func(*contact) { known++ })
	// The own start counts as the first failure: a node that saw none yet does
	// not believe that there are none.
	rate := float64(n.tuning.failures+1) / (float64(known) * span)
	if n.Now().Sub(n.tuning.since) > 2*time.Hour {
		n.tuning.since, n.tuning.failures = n.Now().Add(-time.Hour), n.tuning.failures/2
	}
	slack := n.probeTime().Seconds()
	down := func(t float64) float64 { // P_f(T, µ): the share of time an entry is dead and not known to be
		x := t * rate
		if x < 1e-6 {
			return x / 2
		}
		return 1 - (1-math.Exp(-x))/x
	}
	last, before := 1-down(n.cfg.Heartbeat.Seconds()+slack), n.meanHops()-1
	loss := func(t float64) float64 { return 1 - last*math.Pow(1-down(t+slack), before) }
	lo, hi := n.cfg.ProbeFloor.Seconds(), n.cfg.ProbeCap.Seconds()
	for range 30 {
		if mid := (lo + hi) / 2; loss(mid) > n.cfg.ProbeLoss {
			hi = mid
		} else {
			lo = mid
		}
	}
	return time.Duration(lo * float64(time.Second))
}

// namedPeriod is the period that another node named.
type namedPeriod struct {
	by     *contact
	at     task.Instant
	period uint32 // seconds
}

// maxPeriods bounds the nodes whose periods are kept.
const maxPeriods = 8

// notePeriod keeps the period that a node named, in the place of its last one, or of
// the oldest.
func (n *Node) notePeriod(c *contact, period uint32) {
	t := &n.tuning
	if k := len(t.named); k > 0 && t.named[k-1].by == c {
		t.named[k-1].at, t.named[k-1].period = n.Now(), period
		return
	}
	i := slices.IndexFunc(t.named, func(p namedPeriod) bool { return p.by == c })
	if i < 0 && len(t.named) == maxPeriods {
		i = 0
	}
	if i >= 0 {
		t.named = slices.Delete(t.named, i, i+1)
	}
	t.named = append(t.named, namedPeriod{c, n.Now(), period})
}

// groupPeriod is the median of this node's period and those that leaf-set members named
// lately, within floor and cap; where nobody has experience, what this node would say.
func (n *Node) groupPeriod() time.Duration {
	ps := make([]time.Duration, 0, maxPeriods+1)
	if n.tuning.own > 0 {
		ps = append(ps, n.tuning.own)
	}
	for _, p := range n.tuning.named {
		if p.by.leaf() && p.period > 0 && n.Now().Sub(p.at) < 2*n.cfg.Heartbeat {
			ps = append(ps, time.Duration(p.period)*time.Second)
		}
	}
	if len(ps) == 0 {
		ps = append(ps, n.tunedPeriod())
	}
	slices.Sort(ps)
	return min(max(ps[len(ps)/2], n.cfg.ProbeFloor), n.cfg.ProbeCap)
}
