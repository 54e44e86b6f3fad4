package machine

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Kernel implements task.Env over the effects of a step: timers in dense slots,
// work, tasks. A machine embeds one, calls Begin at the start of its Step,
// Handle for the inputs that belong to the kernel, and End last.
type Kernel struct {
	now    Clock
	out    *Effects
	rng    *rand.Rand
	timers []slot
	free   []uint32
	work   map[uint32]func(any)
	works  uint32
	tasks  *task.Group
}

type slot struct {
	f     func()
	round uint32
}

// NewKernel returns a kernel whose randomness comes from rng, which it then owns.
func NewKernel(rng *rand.Rand) *Kernel {
	k := &Kernel{rng: rng}
	k.tasks = task.NewGroup(k)
	return k
}

// Begin starts a step. Until End, the kernel may be asked for anything.
func (k *Kernel) Begin(now Clock, out *Effects) { k.now, k.out = now, out }

// Handle carries out an input that belongs to the kernel (InTimer, InDone, InCall), and
// reports whether it was one.
func (k *Kernel) Handle(in Input) bool {
	switch in.Kind {
	case InTimer:
		if int(in.Slot) >= len(k.timers) || k.timers[in.Slot].f == nil {
			panic(fmt.Sprintf("machine: timer %d rang and was not set", in.Slot)) // the driver's bug
		}
		f := k.timers[in.Slot].f
		k.release(in.Slot)
		f()
	case InDone:
		done := k.work[in.Slot]
		delete(k.work, in.Slot)
		if done != nil {
			done(in.Result)
		}
	case InCall:
		in.Call()
	default:
		return false
	}
	return true
}

// End resumes the tasks whose waits are over, and ends the step.
func (k *Kernel) End() {
	k.tasks.Run()
	k.out = nil
}

// Halt ends all tasks; see Machine.Halt.
func (k *Kernel) Halt() {
	var last Effects
	k.out = &last // what tasks want while they are ended is not done
	k.tasks.Stop()
	k.out = nil
}

// Tasks returns the group in which the node's tasks run.
func (k *Kernel) Tasks() *task.Group { return k.tasks }

// Now implements task.Env.
func (k *Kernel) Now() task.Instant { return k.now.Boot }

// Wall implements task.Env.
func (k *Kernel) Wall() time.Time { return k.now.Wall }

// Rand implements task.Env.
func (k *Kernel) Rand() *rand.Rand { return k.rng }

// After implements task.Env.
func (k *Kernel) After(d time.Duration, f func()) task.Timer {
	var n uint32
	if last := len(k.free) - 1; last >= 0 {
		n, k.free = k.free[last], k.free[:last]
	} else {
		n = uint32(len(k.timers))
		k.timers = append(k.timers, slot{})
	}
	s := &k.timers[n]
	s.f = f
	k.out.List = append(k.out.List, Effect{Kind: DoSetTimer, Slot: n, At: k.now.Boot.Add(max(d, 0))})
	return task.MakeTimer(k, n, s.round)
}

// StopTimer implements task.Stopper.
func (k *Kernel) StopTimer(n, round uint32) bool {
	if s := &k.timers[n]; s.f == nil || s.round != round {
		return false
	}
	k.release(n)
	k.out.List = append(k.out.List, Effect{Kind: DoCancelTimer, Slot: n})
	return true
}

func (k *Kernel) release(n uint32) {
	k.timers[n].f = nil
	k.timers[n].round++
	k.free = append(k.free, n)
}

// Work implements task.Env.
func (k *Kernel) Work(f func() any, done func(any)) {
	if k.work == nil {
		k.work = make(map[uint32]func(any))
	}
	k.works++
	k.work[k.works] = done
	k.out.List = append(k.out.List, Effect{Kind: DoWork, Slot: k.works, Work: f})
}

// Save implements task.Env.
func (k *Kernel) Save(snapshot []byte) {
	k.out.List = append(k.out.List, Effect{Kind: DoSave, Bytes: snapshot})
}

// Send sends m to a peer.
func (k *Kernel) Send(to *peer.Handle, c Class, m wire.Message) {
	k.out.List = append(k.out.List, Effect{Kind: DoSend, Class: c, To: to, Msg: m})
}

// Protect keeps (or, on false, no longer keeps) the link to a peer from being
// closed to save links.
func (k *Kernel) Protect(to *peer.Handle, on bool) {
	k.out.List = append(k.out.List, Effect{Kind: DoProtect, To: to, On: on})
}

// Drop closes the link to a peer whose certificate is no longer good.
func (k *Kernel) Drop(to *peer.Handle) {
	k.out.List = append(k.out.List, Effect{Kind: DoDrop, To: to})
}

// Peek runs f at the time now, outside of any step: for looks at a machine's state
// that have no effects. It may also be called during a step.
func (k *Kernel) Peek(now Clock, out *Effects, f func()) {
	was, wasOut := k.now, k.out
	k.now, k.out = now, out
	f()
	k.now, k.out = was, wasOut
}
