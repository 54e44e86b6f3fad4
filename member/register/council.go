package register

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
)

// Acceptor is one that votes: this node, or another at the end of a stream. An
// acceptor that failed once fails from then on.
type Acceptor interface {
	Prepare(ctx context.Context, m *msg.Prepare) (*msg.Vote, error)
	Accept(ctx context.Context, m *msg.Accept) (*msg.Vote, error)
}

// maxRounds is how often a proposer that meets others tries again.
const maxRounds = 12

// Council are the acceptors that can be asked for a decision, of all that there
// are.
type Council struct {
	Acceptors []Acceptor
	All       int
	View      id.Hash // of the admitters, for places
}

// Majority returns how many of all are more than half.
func (c *Council) Majority() int { return c.All/2 + 1 }

// Decide returns what a register holds, after it has seen to it that a majority
// holds it: what was decided before, or own. With a nil own it decides nothing
// new, and returns nil if nothing was there. ErrQuorum: too few answered.
func (x *Registers) Decide(ctx context.Context, c *Council, r msg.Register, own []byte) ([]byte, error) {
	if s, err := x.shelf.State(r); err != nil || s.Chosen {
		return s.Value, err
	}
	ballot := uint64(1)
	for round := range maxRounds {
		votes, err := c.ask(func(a Acceptor) (*msg.Vote, error) {
			return a.Prepare(ctx, &msg.Prepare{Register: r, View: c.View, Ballot: ballot})
		})
		if err != nil {
			return nil, err
		}
		value, next := own, uint64(0)
		granted, best := 0, uint64(0)
		for _, v := range votes {
			if v.Promised == ballot {
				granted++
			}
			next = max(next, v.Promised)
			if v.Accepted > best {
				best, value = v.Accepted, v.Value
			}
		}
		if granted >= c.Majority() {
			if value == nil {
				return nil, nil
			}
			if next, err = x.propose(ctx, c, r, ballot, value); next == 0 {
				return value, err
			}
		}
		ballot = max(ballot, next) + 1
		if err := Pause(ctx, round); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: others were faster each time", ErrQuorum)
}

// propose is the second phase. It returns 0 if the value is decided, or the
// ballot that was in the way.
func (x *Registers) propose(ctx context.Context, c *Council, r msg.Register, ballot uint64, value []byte) (uint64, error) {
	votes, err := c.ask(func(a Acceptor) (*msg.Vote, error) {
		return a.Accept(ctx, &msg.Accept{Register: r, View: c.View, Ballot: ballot, Value: value})
	})
	if err != nil {
		return 0, err
	}
	accepted, next := 0, uint64(0)
	for _, v := range votes {
		if v.Accepted == ballot {
			accepted++
		}
		next = max(next, v.Promised)
	}
	if accepted < c.Majority() {
		return max(next, ballot), nil
	}
	return 0, x.Learn(r, ballot, value)
}

// ask gets the answers of a majority at least; acceptors that fail are left out
// from then on.
func (c *Council) ask(f func(Acceptor) (*msg.Vote, error)) ([]*msg.Vote, error) {
	if len(c.Acceptors) < c.Majority() {
		return nil, fmt.Errorf("%w (%d of %d answer, %d are needed)", ErrQuorum, len(c.Acceptors), c.All, c.Majority())
	}
	answers := make([]*msg.Vote, len(c.Acceptors))
	errs := make([]error, len(c.Acceptors))
	var wg sync.WaitGroup
	for i, a := range c.Acceptors {
		wg.Go(func() { answers[i], errs[i] = f(a) })
	}
	wg.Wait()
	var votes []*msg.Vote
	var left []Acceptor
	for i, v := range answers {
		if errs[i] == nil {
			votes, left = append(votes, v), append(left, c.Acceptors[i])
		}
	}
	c.Acceptors = left
	if len(votes) < c.Majority() {
		why := errors.Join(errs...)
		err := fmt.Errorf("%w (%d of %d answer, %d are needed): %v", ErrQuorum, len(votes), c.All, c.Majority(), why)
		if errors.Is(why, ErrView) {
			err = fmt.Errorf("%w: %w", err, ErrView)
		}
		return nil, err
	}
	return votes, nil
}

// Pause waits a random while, longer each time, so that one of several proposers
// gets through.
func Pause(ctx context.Context, round int) error {
	return Wait(ctx, time.Millisecond+rand.N(time.Duration(5<<min(round, 6))*time.Millisecond))
}

// Wait lets a while pass, or returns the context's error.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
