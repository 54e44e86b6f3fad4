package task_test

import (
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// world is an Env whose time a test turns by hand.
type world struct {
	group  *task.Group
	now    task.Instant
	timers []timer // in the order in which they were set
	round  uint32
	work   []func()

	bulk  []task.Transfer
	moved func(task.Moved) // of the last one
	stops int
}

type timer struct {
	at    task.Instant
	round uint32
	f     func()
}

func newWorld() *world {
	w := new(world)
	w.group = task.NewGroup(w)
	return w
}

func (w *world) Now() task.Instant { return w.now }
func (w *world) Wall() time.Time   { return time.Unix(0, int64(w.now)) }
func (w *world) Rand() *rand.Rand  { return rand.New(rand.NewPCG(1, 2)) }
func (w *world) Save([]byte)       {}

func (w *world) After(d time.Duration, f func()) task.Timer {
	w.round++
	w.timers = append(w.timers, timer{w.now.Add(d), w.round, f})
	return task.MakeTimer(w, 0, w.round)
}

func (w *world) StopTimer(_, round uint32) bool {
	for i, t := range w.timers {
		if t.round == round {
			w.timers = append(w.timers[:i], w.timers[i+1:]...)
			return true
		}
	}
	return false
}

func (w *world) Work(f func() any, done func(any)) {
	w.work = append(w.work, func() { done(f()) })
}

// input runs f as a node handles an input: then its tasks.
func (w *world) input(f func()) {
	f()
	w.group.Run()
}

// pass lets time pass, with the timers that are due.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for {
		next := -1
		for i, t := range w.timers {
			if !end.Before(t.at) && (next < 0 || t.at.Before(w.timers[next].at)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		t := w.timers[next]
		w.timers = append(w.timers[:next], w.timers[next+1:]...)
		w.now = max(w.now, t.at)
		w.input(t.f)
	}
	w.now = end
}

// finish lets the work that waits be done.
func (w *world) finish() {
	work := w.work
	w.work = nil
	for _, f := range work {
		w.input(f)
	}
}

// Bulk notes the transfer; the test says what becomes of it.
func (w *world) Bulk(tr task.Transfer, done func(task.Moved)) func() {
	w.bulk = append(w.bulk, tr)
	w.moved = done
	return func() { w.stops++ }
}

func (w *world) Admit(task.Transfer, func(task.Moved)) (task.Ticket, func()) {
	panic("no task admits")
}
