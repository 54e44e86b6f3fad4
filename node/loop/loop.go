// Package loop is a node's loop as those see it who bring it work from goroutines of their own:
// the edges of the assembly that belong to one subject each.
package loop

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/task"
)

// Loop is the loop of a node at one place in a ring. host.Host implements it. Its methods may be
// called from any goroutine.
type Loop interface {
	// Do runs f as a task, and returns its error. If the context ends first Do returns its error,
	// and f goes on.
	Do(ctx context.Context, f func(*task.T) error) error
	// Call runs f between two inputs, and waits until it is done.
	Call(ctx context.Context, f func()) error
	// Done is closed when the loop has ended.
	Done() <-chan struct{}
}

// ErrNoPlace says that the node is at no place in a ring now.
var ErrNoPlace = api.Errorf(api.NotRunning, "the node is starting or stopping: try again in a moment")

// Placed is what a node has of a subject at one place in a ring: a pointer, nil while the node is at none.
type Placed interface {
	comparable
	Loop() Loop
}

// Do is Run on the loop of p, which f is handed; ErrNoPlace if the node is at no place.
func Do[P Placed, V any](ctx context.Context, p P, f func(*task.T, P) (V, error)) (V, error) {
	var none P
	if p == none {
		return *new(V), ErrNoPlace
	}
	return Run(ctx, p.Loop(), func(t *task.T) (V, error) { return f(t, p) })
}

// Call is Loop.Call on the loop of p, as Do.
func Call[P Placed](ctx context.Context, p P, f func(P)) error {
	var none P
	if p == none {
		return ErrNoPlace
	}
	return p.Loop().Call(ctx, func() { f(p) })
}

// Nothing is what a task returns that has only an outcome.
type Nothing = struct{}

// Run runs f as a task, and returns what it returned. If the context ends first f goes on, and
// nobody sees its result: so f must not write to what its caller has.
func Run[V any](ctx context.Context, l Loop, f func(t *task.T) (V, error)) (V, error) {
	var none V
	result := make(chan V, 1)
	err := l.Do(ctx, func(t *task.T) error {
		v, err := f(t)
		result <- v
		return err
	})
	select {
	case v := <-result:
		return v, err
	default:
		return none, err
	}
}

// Pause waits so long, or until early, which may be nil. It reports whether the context goes on.
func Pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}
