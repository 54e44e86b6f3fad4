package room

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// maxFailures bounds how often the wait after a failure is doubled.
const maxFailures = 6

// alarm has something looked at after a time, and again while that fails, later each time. One look ends
// before the next begins.
type alarm struct {
	due      task.Instant // when it is looked next, if waiting
	waiting  bool
	running  bool // a task waits or looks; it sees to what is asked for meanwhile
	failures int
}

// in looks after a time, or earlier if that was said before. If that fails again is called with how long
// to wait, first after the first failure. ended is told how it went, unless the node stops.
func (a *alarm) in(m *Rooms, after, first time.Duration, again func(time.Duration), look func(*task.T) error, ended func(error)) {
	at := m.ep.Now().Add(after)
	if a.waiting {
		a.due = min(a.due, at)
		return
	}
	a.waiting, a.due = true, at
	if a.running {
		return
	}
	a.running = true
	m.ep.Go(func(t *task.T) error {
		defer func() { a.waiting, a.running = false, false }()
		for a.waiting {
			for now := m.ep.Now(); now.Before(a.due); now = m.ep.Now() {
				if err := t.Sleep(min(a.due.Sub(now), m.cfg.ShelveAfter)); err != nil {
					return err
				}
			}
			a.waiting = false
			err := look(t)
			if errors.Is(err, task.ErrStopped) {
				return err
			}
			if err != nil {
				again(first << a.failures)
				a.failures = min(a.failures+1, maxFailures)
			} else {
				a.failures = 0
			}
			ended(err)
		}
		return nil
	}, nil)
}
