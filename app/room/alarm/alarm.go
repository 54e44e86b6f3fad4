// Package alarm has something looked at after a time, and again while that fails, later each time. One look ends before
// the next begins.
package alarm

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// maxFailures bounds how often the wait after a failure is doubled.
const maxFailures = 6

// Loop is the node's, as alarms see it.
type Loop interface {
	Now() task.Instant
	// Go runs f as a task, and calls done with its error.
	Go(f func(*task.T) error, done func(error))
}

// Deps is what an Alarm sees. All must be set.
type Deps struct {
	Loop Loop
	// Step is how long it sleeps at most before it looks whether it is wanted earlier.
	Step time.Duration
	Look func(*task.T) error
	// Again is called with how long to wait if a look has failed, First after the first failure.
	Again func(time.Duration)
	First time.Duration
	// Ended is told how a look went, unless the node stops.
	Ended func(error)
}

// Alarm is one thing that is looked at now and then. All is called on the node's loop.
type Alarm struct {
	Deps
	due      task.Instant // when it is looked next, if waiting
	waiting  bool
	running  bool // a task waits or looks; it sees to what is asked for meanwhile
	failures int
}

// New returns an Alarm that nobody has set yet.
func New(d Deps) *Alarm { return &Alarm{Deps: d} }

// In looks after a time, or earlier if that was said before.
func (a *Alarm) In(after time.Duration) {
	at := a.Loop.Now().Add(after)
	if a.waiting {
		a.due = min(a.due, at)
		return
	}
	a.waiting, a.due = true, at
	if a.running {
		return
	}
	a.running = true
	a.Loop.Go(func(t *task.T) error {
		defer func() { a.waiting, a.running = false, false }()
		for a.waiting {
			for now := a.Loop.Now(); now.Before(a.due); now = a.Loop.Now() {
				if err := t.Sleep(min(a.due.Sub(now), a.Step)); err != nil {
					return err
				}
			}
			a.waiting = false
			err := a.Look(t)
			if errors.Is(err, task.ErrStopped) {
				return err
			}
			if err != nil {
				a.Again(a.First << a.failures)
				a.failures = min(a.failures+1, maxFailures)
			} else {
				a.failures = 0
			}
			a.Ended(err)
		}
		return nil
	}, nil)
}
