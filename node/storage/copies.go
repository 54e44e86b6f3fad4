package storage

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/loop"
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

// WatchCopies counts, at the start, after changes, also of who is a neighbour, and each hour,
// how many nodes keep the objects that the users of this node store; more often while copies lack.
func (s *Storage) WatchCopies(ctx context.Context) {
	gap, rest := countGap, countRest
	if s.cfg.CountGap > 0 {
		gap, rest = s.cfg.CountGap, func(bool, time.Duration) time.Duration { return 0 }
	}
	wait := gap
	soon := min(3*gap, countSoon)
	again := soon
	for {
		// What changes while it is waited, or counted, is counted next time at the latest.
		if !loop.Pause(ctx, wait, nil) {
			return
		}
		begin := time.Now()
		c, err := s.cfg.Count(ctx)
		if err == nil {
			s.mu.Lock()
			was := s.copies
			s.copies = c
			s.mu.Unlock()
			again = nextCount(was, c, again, soon)
		}
		wait = max(gap, rest(err != nil || lacking(c), time.Since(begin)))
		if err == nil && !loop.Pause(ctx, again-wait, s.stored) {
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

// Changed says that users have stored or removed something, or that nodes came or went.
func (s *Storage) Changed() {
	select {
	case s.stored <- struct{}{}:
	default:
	}
}

// Copies is what the last count has found; nil: there was none yet, or nobody stores anything.
func (s *Storage) Copies() *api.Copies {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copies
}
