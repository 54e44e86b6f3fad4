package storage

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// TestNextCount: while copies lack they are counted again soon, and less and less often if nothing
// comes of it, however long a count takes no more than a sixth of the time; who is a neighbour no
// more, or has come, may have had some.
func TestNextCount(t *testing.T) {
	of := func(whole int) *api.Copies { return &api.Copies{Objects: 4, Whole: whole} }
	for _, x := range []struct {
		name      string
		was, now  *api.Copies
		last, due time.Duration
	}{
		{"nobody stores anything", nil, nil, countSoon, countEvery},
		{"all are there", of(2), of(4), countSoon, countEvery},
		{"the first count", nil, of(2), countEvery, countSoon},
		{"some are lost", of(4), of(2), countEvery, countSoon},
		{"they are made", of(2), of(3), 4 * countSoon, countSoon},
		{"they are not", of(2), of(2), 4 * countSoon, 8 * countSoon},
		{"for long", of(2), of(2), countEvery, countEvery},
		{"a space is away", of(4), &api.Copies{Trouble: "away"}, countEvery, countSoon},
	} {
		if due := nextCount(x.was, x.now, x.last, countSoon); due != x.due {
			t.Errorf("%s: %v, want %v", x.name, due, x.due)
		}
	}
	away := &api.Copies{Trouble: "away"}
	for _, x := range []struct {
		name       string
		c          *api.Copies
		took, rest time.Duration
	}{
		{"nobody stores anything", nil, time.Second, 50 * time.Second},
		{"a large space", of(4), 10 * time.Minute, 500 * time.Minute},
		{"quick, with a space away", away, time.Second, 50 * time.Second},
		{"a space is away", away, 30 * time.Second, countMost},
		{"some lack", of(2), 30 * time.Second, countMost},
		{"a large space where some lack", of(2), 10 * time.Minute, 50 * time.Minute},
	} {
		if rest := countRest(lacking(x.c), x.took); rest != x.rest {
			t.Errorf("%s: a rest of %v, want %v", x.name, rest, x.rest)
		}
	}
}

// TestGapOfATest: a gap that is given is the rest after long counts, too: what a test waits for is counted
// while it waits, however slow its machine is.
func TestGapOfATest(t *testing.T) {
	for _, x := range []struct {
		gap  time.Duration
		want int // counts in five minutes, each of which takes 2 s, and finds that copies lack
	}{{0, 3}, {time.Second, 100}} {
		synctest.Test(t, func(t *testing.T) {
			counts := 0
			var s *Storage
			s = New(Config{CountGap: x.gap, Count: func(context.Context) (*api.Copies, error) {
				counts++
				s.Changed()
				time.Sleep(2 * time.Second)
				return &api.Copies{Objects: 4, Whole: 2}, nil
			}})
			ctx, end := context.WithTimeout(t.Context(), 5*time.Minute)
			defer end()
			s.WatchCopies(ctx)
			if counts != x.want {
				t.Errorf("a gap of %v: %d counts, want %d", x.gap, counts, x.want)
			}
		})
	}
}
