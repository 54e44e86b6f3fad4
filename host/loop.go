package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// tick is the longest that the loop sleeps: so soon it sees that it stood still.
const tick = time.Second

// spareTasks is how many coroutines are kept for tasks to come: in a second of storing and
// reading there are thousands, few at a time.
const spareTasks = 16

// loop is what only the loop touches: its own goroutine, or another one that drives it.
type loop struct {
	machine   machine.Machine
	transport transport.Transport
	mover     *bulk.Mover
	timers    timers
	out       machine.Effects
	said      said
	self      *peer.Handle
	alarm     *time.Timer
	alarmAt   task.Instant // when it rings; in the past: it is not set
	expect    task.Instant // by then the clock should be read again
	slept     bool         // since the clock was read
	turn      bool         // of the inbox, where a timer is due as well
	ended     bool
}

// fault is a panic that was caught, and where.
type fault struct {
	what  string
	value any
	stack []byte
}

// caught makes a fault of a panic's value, where it was recovered.
func caught(what string, value any) *fault {
	if f, ok := value.(*fault); ok {
		return f // a task's, which was caught where it happened
	}
	return &fault{what, value, debug.Stack()}
}

// tasked is what a machine with a Kernel is.
type tasked interface{ Tasks() *task.Group }

// run is the loop's own goroutine. began gets nil when the machine has started, or why it has not.
func (h *Host) run(began chan<- error) {
	defer close(h.over)
	defer h.end()
	if err := h.begin(); err != nil {
		began <- err
		return
	}
	began <- nil
	for {
		if h.inbox.enter() && !h.advance(math.MaxInt) {
			return
		}
		select {
		case <-h.inbox.wake:
		case <-h.loop.alarm.C:
		}
	}
}

// driven is how many inputs are handled by a goroutine that drives the loop: it has a link to read,
// or work to do.
const driven = 8

// advance handles inputs until there are none, or most of them, and reports false when the loop has
// ended. The caller is the loop, and is not any more when it returns. That is the loop's own
// goroutine, or whoever brought what a sleeping loop waited for, the transport's readers and the
// host's workers: to wake another goroutine takes longer than most inputs do. Who makes a call is
// not: it may hold a lock, or be bound to a thread, which tasks' coroutines do not bear.
func (h *Host) advance(most int) (goesOn bool) {
	l := &h.loop
	defer func() {
		if v := recover(); v != nil {
			h.broke(caught("the node's loop", v))
			l.ended = true
		}
		if goesOn {
			return
		}
		if !l.ended { // the machine ended this goroutine, in the middle of a step
			h.broke(&fault{"the node's loop", "runtime.Goexit", debug.Stack()})
			l.ended = true
		}
		h.inbox.leave(false)
	}()
	for n := 0; !l.ended; n++ {
		now := h.cfg.Clock()
		if now.Boot.Sub(l.expect) > h.cfg.Pause {
			h.count.wakes.Add(1)
			h.log.Info("this node stood still and goes on", "for", now.Boot.Sub(l.expect).Round(time.Millisecond))
			h.step(now, machine.Input{Kind: machine.InWake})
			continue
		}
		if !l.slept {
			h.count.step(now.Boot.Sub(l.expect))
		}
		l.expect, l.slept = now.Boot, false
		if n >= most {
			return h.inbox.leave(false)
		}
		if !h.one(now) && h.sleep(now.Boot) {
			return true
		}
	}
	return false
}

// begin makes the machine and gives it InStart.
func (h *Host) begin() (err error) {
	defer func() {
		if v := recover(); v != nil {
			h.broke(caught("the node's loop", v))
			err = h.Err()
		}
	}()
	m, err := h.cfg.Make(rand.New(rand.NewChaCha8(h.seed())), h.cfg.Saved)
	if err != nil {
		return err
	}
	h.loop.machine = m
	if m, ok := m.(tasked); ok {
		m.Tasks().Panicked = func(v any) any { return caught("a task of the node", v) }
		m.Tasks().Spare = spareTasks
	}
	h.loop.alarm = time.NewTimer(tick)
	h.step(h.cfg.Clock(), machine.Input{Kind: machine.InStart})
	return nil
}

func (h *Host) seed() (s [32]byte) {
	if h.cfg.Seed != nil {
		return *h.cfg.Seed
	}
	for i := range s {
		s[i] = byte(rand.Uint32()) // of the runtime's ChaCha8, seeded by the system
	}
	return s
}

// one handles one input, if there is one. Timers and the inbox take turns, so that
// neither waits for more than one of the other.
func (h *Host) one(now machine.Clock) bool {
	if !h.loop.turn {
		if slot, ok := h.loop.timers.due(now.Boot); ok {
			h.loop.turn = true
			h.step(now, machine.Input{Kind: machine.InTimer, Slot: slot})
			return true
		}
	}
	h.loop.turn = false
	it, ok := h.inbox.pop()
	if !ok {
		if slot, ok := h.loop.timers.due(now.Boot); ok {
			h.step(now, machine.Input{Kind: machine.InTimer, Slot: slot})
			return true
		}
		return false
	}
	switch {
	case it.fault != nil:
		h.broke(it.fault)
		h.loop.ended = true
		return true
	case it.call != nil:
		<-h.calls
		if !it.call.begin() {
			return true // nobody waits for it any more
		}
	}
	h.step(now, it.in)
	if it.call != nil {
		it.call.done <- nil
	}
	h.loop.ended = it.in.Kind == machine.InStop
	return true
}

// step gives the machine one input and carries out what it wants.
func (h *Host) step(now machine.Clock, in machine.Input) {
	l := &h.loop
	l.expect = now.Boot
	h.count.inputs.Add(1)
	l.machine.Step(now, in, &l.out)
	for i := range l.out.List {
		h.carry(&l.out.List[i])
	}
	l.out.Reset()
	l.said = said{}
	h.count.timers.Store(int64(len(l.timers.heap)))
	if self := l.machine.Self(); self != l.self {
		l.self = self
		h.self.Store(self)
	}
}

// sleep gives the loop back until the inbox, the next timer or the tick wakes it. It reports false
// if something has come.
func (h *Host) sleep(now task.Instant) bool {
	d := tick
	if at, ok := h.loop.timers.next(); ok {
		d = min(d, at.Sub(now))
	}
	// Most timers are cancelled before their time. An alarm that rings for one of
	// those costs less than setting it anew each time.
	l := &h.loop
	if at := now.Add(d); l.alarmAt.Before(now.Add(1)) || at.Before(l.alarmAt) {
		l.alarm.Reset(d)
		l.alarmAt = at
	}
	l.expect, l.slept = l.alarmAt, true
	if !h.inbox.leave(true) {
		l.expect, l.slept = now, false
		return false
	}
	return true
}

// end frees what the node held, when the loop is over.
func (h *Host) end() {
	if h.loop.alarm != nil {
		h.loop.alarm.Stop()
	}
	if m := h.loop.machine; m != nil {
		h.halt(m)
	}
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	for _, it := range h.inbox.shut() {
		switch {
		case it.call != nil:
			<-h.calls
			it.call.done <- h.stoppedErr()
		case it.fault != nil:
			h.broke(it.fault)
		}
	}
	h.work.close()
	h.loop.mover.Close()
}

// halt ends the machine's tasks, whatever state a fault left it in.
func (h *Host) halt(m machine.Machine) {
	defer func() {
		if v := recover(); v != nil {
			h.broke(caught("ending the node's tasks", v))
		}
	}()
	m.Halt()
}

// broke notes a fault of the program, and logs it with its stack.
func (h *Host) broke(f *fault) {
	h.log.Error("a fault of the program ended this node: please report it",
		"in", f.what, "fault", fmt.Sprint(f.value), "stack", string(f.stack))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault == nil {
		h.fault = fmt.Errorf("%w: in %s: %v", ErrBroken, f.what, f.value)
	}
}

// put hands something to the loop. A fault is noted also when the loop has ended.
func (h *Host) put(it item) { h.bring(it, false) }

// bring is put. Who can drives the loop then, if that sleeps: it holds no lock that an effect may
// need.
func (h *Host) bring(it item, can bool) {
	ok, drives := h.inbox.push(it, can)
	switch {
	case drives:
		h.advance(driven)
	case !ok && it.fault != nil:
		h.broke(it.fault)
	}
}

// stoppedErr is what calls get that came too late.
func (h *Host) stoppedErr() error {
	if err := h.Err(); err != nil {
		return err
	}
	return ErrStopped
}
