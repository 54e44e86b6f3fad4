package node

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// countEvery is the time between two counts of the copies of what users store, when they
	// change nothing and all copies are there; while some are not it is countSoon, and twice as long
	// each time that the count is the same: they are being made, or their machines are away for long.
	countEvery = time.Hour
	countSoon  = time.Minute
	// countGap is the shortest time between two, and countShare how many times as long as a count
	// took it is at least. Who is away and does not answer makes a count long, not dear: while copies
	// lack it is no more than countMost, or countLeast times as long as the count, if that is more.
	countGap   = 20 * time.Second
	countShare = 50
	countMost  = 5 * time.Minute
	countLeast = 5
)

// watchCopies counts, at the start, after changes, also of who is a neighbour, and each hour,
// how many nodes keep the objects that the users of this node store; more often while copies lack.
func (n *Node) watchCopies() {
	wait := n.opt.countGap
	if wait == 0 {
		wait = countGap
	}
	gap := wait
	soon := min(3*gap, countSoon)
	again := soon
	for {
		// What changes while it is waited, or counted, is counted next time at the latest.
		if !n.pause(wait, nil) {
			return
		}
		begin := time.Now()
		c, err := n.countCopies(n.ctx)
		if err == nil {
			n.mu.Lock()
			was := n.copies
			n.copies = c
			n.mu.Unlock()
			again = nextCount(was, c, again, soon)
		}
		wait = max(gap, countRest(err != nil || lacking(c), time.Since(begin)))
		if err == nil && !n.pause(again-wait, n.stored) {
			return
		}
	}
}

// nextCount is the time to the next count, after the one before took last: was and now are what they
// have found, nil where nobody stores anything.
func nextCount(was, now *api.Copies, last, soon time.Duration) time.Duration {
	switch {
	case !lacking(now):
		return countEvery
	case was == nil || was.Objects != now.Objects || was.Whole != now.Whole || was.Missing != now.Missing || was.Trouble != now.Trouble:
		return soon
	}
	return min(2*last, countEvery)
}

// lacking reports whether a count found fewer copies than are wanted, or could not find out.
func lacking(c *api.Copies) bool { return c != nil && (c.Whole != c.Objects || c.Trouble != "") }

// countRest is the shortest time between a count that took so long and the next. lacks says that copies
// lack, or that it failed.
func countRest(lacks bool, took time.Duration) time.Duration {
	if lacks {
		return min(countShare*took, max(countMost, countLeast*took))
	}
	return countShare * took
}

// pause waits so long, or until early, which may be nil. It reports whether the node goes on.
func (n *Node) pause(d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-n.ctx.Done():
		return false
	}
	return true
}

// filesChanged says that users have stored or removed something, or that nodes came or went.
func (n *Node) filesChanged() {
	select {
	case n.stored <- struct{}{}:
	default:
	}
}

// countCopies counts over all spaces of all users; nil if there are none of these.
func (n *Node) countCopies(ctx context.Context) (*api.Copies, error) {
	people := n.spacePeople()
	if len(people) == 0 {
		return nil, nil
	}
	return loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (*api.Copies, error) { return o.spaces.Count(t, people) })
}
