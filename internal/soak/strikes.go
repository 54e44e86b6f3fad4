package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// The ways in which a node is struck, by turns: of ten strikes seven are kills.
const (
	killed  = "killed"
	stopped = "stopped"
	left    = "left"
)

var turns = []string{killed, killed, stopped, killed, killed, left, killed, killed, stopped, killed}

// strikeAll strikes one node after another until it is over, and returns when all are
// back. A node that does not come back ends the soak.
func (f *field) strikeAll(ctx context.Context, end context.CancelCauseFunc) {
	dice := f.dice(len(f.nodes))
	var away sync.WaitGroup
	defer away.Wait()
	for i := 0; ; {
		f.pause(ctx, f.every, f.over)
		if ended(f.over) || ctx.Err() != nil {
			return
		}
		n := f.victim(dice)
		if n == nil {
			continue // enough are away
		}
		way := turns[i%len(turns)]
		i++
		n.mu.Lock()
		n.turns++
		n.strikes[way]++
		n.mu.Unlock()
		gone := f.away/10 + time.Duration(dice.Int64N(int64(f.away)*9/10))
		away.Go(func() {
			if err := f.strike(ctx, n, way, gone); err != nil {
				f.blame("%s was %s: %v", n.user, way, err)
				end(fmt.Errorf("%s did not come back", n.user))
			}
		})
	}
}

// victim chooses a node that may be struck now, or none.
func (f *field) victim(dice *rand.Rand) *node {
	var able []*node
	away := 0
	for _, n := range f.nodes[f.steady():] {
		if _, struck := n.turn(); struck {
			away++
		} else {
			able = append(able, n)
		}
	}
	if away >= f.mostAway() || len(able) == 0 {
		return nil
	}
	return able[dice.IntN(len(able))]
}

// strike strikes a node, and returns when it is ready again.
func (f *field) strike(ctx context.Context, n *node, way string, gone time.Duration) error {
	var err error
	switch way {
	case stopped:
		err = n.Signal(sigStop)
		gone = f.freeze
	case left:
		err = n.Stop(stopTime)
	default:
		err = n.Kill()
	}
	if err != nil {
		return err
	}
	f.pause(ctx, gone, f.over)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if way == stopped {
		if err = n.Signal(sigContinue); err == nil {
			err = f.awaitReady(ctx, n)
		}
	} else {
		err = n.Start(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turns++
	n.slowest = max(n.slowest, time.Since(begun))
	return err
}

// awaitReady waits until a node that went on is in the ring.
func (f *field) awaitReady(ctx context.Context, n *node) error {
	for {
		s, err := n.API.Status(ctx)
		if err == nil && s.State == api.StateReady {
			return nil
		}
		f.pause(ctx, 100*time.Millisecond, nil)
		if ctx.Err() != nil {
			return fmt.Errorf("not ready %v after it went on: %w", readyTime, ctx.Err())
		}
	}
}
