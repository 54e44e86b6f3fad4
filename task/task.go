package task

import (
	"errors"
	"iter"
	"time"
)

// ErrStopped is returned by every wait of a task whose node stops.
var ErrStopped = errors.New("the node is stopping")

// ErrTimeout is returned by a wait that was not answered in time.
var ErrTimeout = errors.New("no answer in time")

// Group owns the tasks of one node. Its methods are called by the node's own
// code only, never by two goroutines.
type Group struct {
	ready   []*T
	running bool
	stopped bool

	// Panicked, if a driver has set it, is called where a task panics, with the
	// panic's value, and what it returns is panicked with on the loop. There the
	// driver can still see the task's stack, which is lost when the panic surfaces.
	Panicked func(value any) any
	// Spare is how many coroutines of tasks that have ended are kept for those to come: a new
	// one costs a new stack, which grows while it is used. A driver of few nodes with many tasks
	// sets it; 0 keeps none.
	Spare int

	env   Env
	live  []*T
	spare []*coroutine
}

// NewGroup returns an empty group whose waits are timed by env.
func NewGroup(env Env) *Group { return &Group{env: env} }

// Init makes the zero Group an empty one whose waits are timed by env. It must not be
// copied from then on.
func (g *Group) Init(env Env) { g.env = env }

// T is one running task. Only the function that was given it may use it.
type T struct {
	group  *Group
	on     *coroutine
	f      func(*T) error // nil when it has returned
	done   func(error)
	result error
	queued bool
	place  int // index in group.live
}

// coroutine runs one task, and after that others, if it is kept.
type coroutine struct {
	task  *T
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// Go starts f as a task: it runs at once up to its first wait, or, if Go is called
// by a task, when that one gives way. done, which may be nil, is called on the
// node's loop with what f returned, exactly once. On a stopped group f does not
// run and done gets ErrStopped.
func (g *Group) Go(f func(*T) error, done func(error)) {
	if g.stopped {
		if done != nil {
			done(ErrStopped)
		}
		return
	}
	t := &T{group: g, f: f, done: done, place: len(g.live), result: ErrStopped}
	t.on = g.coroutine()
	t.on.task = t
	g.live = append(g.live, t)
	t.wake()
	if !g.running {
		g.Run()
	}
}

// coroutine returns one without a task: a spare one, if there is any.
func (g *Group) coroutine() *coroutine {
	if n := len(g.spare); n > 0 {
		c := g.spare[n-1]
		g.spare[n-1] = nil
		g.spare = g.spare[:n-1]
		return c
	}
	c := new(coroutine)
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		defer g.caught()
		for {
			t := c.task
			t.result = t.f(t)
			t.f = nil
			if g.stopped || len(g.spare) >= g.Spare || !yield(struct{}{}) {
				return
			}
		}
	})
	return c
}

// keep keeps the coroutine of a task that has returned, if it waits for another one.
func (g *Group) keep(c *coroutine) {
	c.task = nil
	g.spare = append(g.spare, c)
}

// caught passes a panic of a task on, by way of Panicked.
func (g *Group) caught() {
	if g.Panicked == nil {
		return
	}
	if v := recover(); v != nil {
		panic(g.Panicked(v))
	}
}

// Run resumes the tasks whose waits are over, until none is left. The node calls
// it after each input.
func (g *Group) Run() {
	if len(g.ready) == 0 || g.running {
		return
	}
	g.running = true
	for len(g.ready) > 0 {
		t := g.ready[0]
		g.ready = g.ready[1:]
		t.queued = false
		if t.f == nil {
			continue // it was answered before it waited, and has ended: its coroutine is another's now
		}
		switch _, more := t.on.next(); {
		case !more:
			g.end(t)
		case t.f == nil:
			g.keep(t.on)
			g.end(t)
		}
	}
	g.ready = nil
	g.running = false
}

// Len is the number of tasks that have not ended.
func (g *Group) Len() int { return len(g.live) }

// Stop ends every task: its wait returns ErrStopped, and so does every later one.
// It returns when all have ended. A driver calls it when its node stops or dies,
// as a coroutine that is dropped would never be freed.
func (g *Group) Stop() {
	g.stopped = true
	for len(g.live) > 0 {
		t := g.live[len(g.live)-1]
		t.on.stop()
		g.end(t)
	}
	for _, c := range g.spare {
		c.stop()
	}
	g.ready, g.spare = nil, nil
}

func (g *Group) end(t *T) {
	if t.place >= len(g.live) || g.live[t.place] != t {
		return
	}
	last := len(g.live) - 1
	g.live[t.place] = g.live[last]
	g.live[t.place].place = t.place
	g.live[last] = nil
	g.live = g.live[:last]
	if t.done != nil {
		t.done(t.result)
	}
}

func (t *T) wake() {
	if !t.queued {
		t.queued = true
		t.group.ready = append(t.group.ready, t)
	}
}

// park gives way until over reports true.
func (t *T) park(over func() bool) error {
	for !over() {
		if t.group.stopped || !t.on.yield(struct{}{}) {
			return ErrStopped
		}
	}
	if t.group.stopped {
		return ErrStopped
	}
	return nil
}

// Env returns what the task may ask of the world.
func (t *T) Env() Env { return t.group.env }

// Sleep gives way for d.
func (t *T) Sleep(d time.Duration) error {
	over := false
	timer := t.group.env.After(d, func() { over = true; t.wake() })
	err := t.park(func() bool { return over })
	if err != nil {
		timer.Stop()
	}
	return err
}

// Await calls start and gives way until start's resolve was called, or until
// timeout has passed: then it returns ErrTimeout. Later calls of resolve do
// nothing. A timeout of 0 or less is a bug: every wait must end.
func Await[V any](t *T, timeout time.Duration, start func(resolve func(V, error))) (V, error) {
	rs, err := Gather(t, timeout, 1, func(_ int, resolve func(V, error)) { start(resolve) }, nil)
	if err != nil {
		var none V
		return none, err
	}
	return rs[0].Value, rs[0].Err
}

// Work runs f off the loop (see Env.Work) and gives way until it is done, or until timeout has passed: then it
// returns ErrTimeout, whatever becomes of f. The last quarter of that time begins when the node sees that the
// rest has passed: where the machine stood still meanwhile, as a laptop whose lid was closed, what was done before, or
// is done soon, is not too late.
func Work[V any](t *T, timeout time.Duration, f func() (V, error)) (V, error) {
	if timeout <= 0 {
		panic("task: work without a time-out")
	}
	type out struct {
		v   V
		err error
	}
	o, env, over := out{err: ErrTimeout}, t.group.env, false
	end := func() {
		over = true
		t.wake()
	}
	var timer Timer
	timer = env.After(timeout-timeout/4, func() { timer = env.After(timeout/4, end) })
	env.Work(func() any {
		v, err := f()
		return out{v, err}
	}, func(r any) {
		if !over {
			o = r.(out)
			end()
		}
	})
	err := t.park(func() bool { return over })
	over = true
	timer.Stop()
	if err != nil {
		return out{}.v, err
	}
	return o.v, o.err
}

// Result is one answer of Gather.
type Result[V any] struct {
	Value V
	Err   error
	Done  bool // false: not answered when Gather returned; Err is ErrTimeout
}

// Gather calls start for 0 .. n-1, all at once, and gives way until all have been
// resolved, until enough (which may be nil, and is asked after each answer)
// says that the answers so far will do, or until timeout has passed. Answers stand
// at their index. The error is ErrStopped or nil: a time-out is an answer's.
func Gather[V any](t *T, timeout time.Duration, n int, start func(i int, resolve func(V, error)),
	enough func(so []Result[V]) bool) ([]Result[V], error) {
	if timeout <= 0 {
		panic("task: a wait without a time-out")
	}
	rs := make([]Result[V], n)
	for i := range rs {
		rs[i].Err = ErrTimeout
	}
	left, over := n, n == 0
	timer := t.group.env.After(timeout, func() {
		if !over {
			over = true
			t.wake()
		}
	})
	for i := range n {
		start(i, func(v V, err error) {
			if over || rs[i].Done {
				return
			}
			rs[i] = Result[V]{v, err, true}
			left--
			if left == 0 || enough != nil && enough(rs) {
				over = true
				t.wake()
			}
		})
	}
	err := t.park(func() bool { return over })
	over = true
	timer.Stop()
	return rs, err
}
