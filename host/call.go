package host

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// maxCalls is how many calls wait for the loop; further ones wait to be let in.
const maxCalls = 256

// call is a function of an edge that waits for the loop.
type call struct {
	state atomic.Int32
	done  chan error
}

// States of a call: it waits, it runs or ran, nobody wants it any more.
const (
	callWaits = iota
	callRuns
	callGivenUp
)

func (c *call) begin() bool  { return c.state.CompareAndSwap(callWaits, callRuns) }
func (c *call) giveUp() bool { return c.state.CompareAndSwap(callWaits, callGivenUp) }

// Call runs f on the loop, as the node's own code, and returns when it has run. If
// it returns an error f has not run, and will not: the context's, ErrStopped,
// ErrNotStarted, or, if a fault ended the node at that moment, one that wraps
// ErrBroken, and then f may have run in part.
func (h *Host) Call(ctx context.Context, f func()) error {
	h.mu.Lock()
	started := h.started
	h.mu.Unlock()
	if !started {
		return ErrNotStarted
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.calls <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-h.over:
		return h.stoppedErr()
	}
	c := &call{done: make(chan error, 1)}
	if ok, _ := h.inbox.push(item{in: machine.Input{Kind: machine.InCall, Call: f}, call: c}, false); !ok {
		<-h.calls
		<-h.over
		return h.stoppedErr()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if c.giveUp() {
			return ctx.Err()
		}
	case <-h.over:
	}
	// It runs at this moment, or the node ended.
	select {
	case err := <-c.done:
		return err
	case <-h.over:
		select {
		case err := <-c.done:
			return err
		default:
			return h.stoppedErr()
		}
	}
}

// errNoTasks says that a machine has no Kernel.
var errNoTasks = errors.New("host: this machine runs no tasks")

// Do runs f as a task on the loop and returns what it returned. When the context
// ends, Do gives up waiting and returns its error; the task goes on. A node that
// stops ends its tasks: Do returns ErrStopped, or what f makes of it.
func (h *Host) Do(ctx context.Context, f func(*task.T) error) error {
	done := make(chan error, 1)
	var runs bool
	err := h.Call(ctx, func() {
		m, ok := h.loop.machine.(tasked)
		if !ok {
			return
		}
		runs = true
		m.Tasks().Go(f, func(err error) { done <- err })
	})
	switch {
	case err != nil:
		return err
	case !runs:
		return errNoTasks
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-h.over:
		select {
		case err := <-done:
			return err
		default:
			return h.stoppedErr()
		}
	}
}
