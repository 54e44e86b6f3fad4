package machine

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Kernel implements task.Env over the effects of a step: timers in dense slots,
// work, tasks. A machine embeds one, calls Begin at the start of its Step,
// Handle for the inputs that belong to the kernel, and End last.
type Kernel struct {
	// What each step touches comes first.
	timers []timer
	used   uint64 // a bit for each of the first 64 slots of timers that is set
	round  uint32 // counts timers
	set    int32  // how many of timers are set
	out    *Effects
	now    Clock
	tasks  task.Group

	rng   *rand.Rand
	above []uint64 // as used, of the slots above, 64 each
	low   int32    // no word of above before it has a free slot
	works uint32
	work  map[uint32]func(any)
	bulks map[id.ID]int // transfers that are not over, by peer
}

// timer is what stands in a slot. round tells it from earlier ones of the same slot.
type timer struct {
	f     func() // nil: the slot is free
	round uint32
}

// NewKernel returns a kernel whose randomness comes from rng, which it then owns.
func NewKernel(rng *rand.Rand) *Kernel {
	k := new(Kernel)
	k.Init(rng)
	return k
}

// Init makes a kernel ready that stands inside its machine: of a million machines each
// is a piece of memory less. The kernel must not be copied from then on.
func (k *Kernel) Init(rng *rand.Rand) {
	k.rng = rng
	k.tasks.Init(k)
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
func (k *Kernel) Tasks() *task.Group { return &k.tasks }

// Now implements task.Env.
func (k *Kernel) Now() task.Instant { return k.now.Boot }

// Wall implements task.Env.
func (k *Kernel) Wall() time.Time { return k.now.Wall }

// Rand implements task.Env.
func (k *Kernel) Rand() *rand.Rand { return k.rng }

// After implements task.Env. It takes the lowest free slot, so that after a burst of
// timers the upper ones fall free, and can be given back.
func (k *Kernel) After(d time.Duration, f func()) task.Timer {
	n, round := k.Set(d, f)
	return task.MakeTimer(k, n, round)
}

// Set is After for who keeps many timers, and stops one by StopTimer: what it returns
// takes less room than a task.Timer. round is never 0.
func (k *Kernel) Set(d time.Duration, f func()) (slot, round uint32) {
	n := k.take()
	if k.round++; k.round == 0 {
		k.round = 1
	}
	k.timers[n] = timer{f, k.round}
	k.out.List = append(k.out.List, Effect{Kind: DoSetTimer, Slot: n, At: k.now.Boot.Add(max(d, 0))})
	return n, k.round
}

// take takes the lowest free slot.
func (k *Kernel) take() uint32 {
	n, word := 0, &k.used
	if *word == math.MaxUint64 {
		n, word = k.roomAbove()
	}
	bit := bits.TrailingZeros64(^*word)
	*word |= 1 << bit
	k.set++
	n += bit
	if n >= len(k.timers) {
		k.timers = append(k.timers, timer{})
	}
	return uint32(n)
}

// roomAbove finds the first word of above that has a free slot, and the number of its
// first one.
func (k *Kernel) roomAbove() (first int, word *uint64) {
	for int(k.low) < len(k.above) && k.above[k.low] == math.MaxUint64 {
		k.low++
	}
	if int(k.low) == len(k.above) {
		k.above = append(k.above, 0)
	}
	return 64 * (int(k.low) + 1), &k.above[k.low]
}

// StopTimer implements task.Stopper.
func (k *Kernel) StopTimer(n, round uint32) bool {
	if int(n) >= len(k.timers) || k.timers[n].f == nil || k.timers[n].round != round {
		return false
	}
	k.release(n)
	k.out.List = append(k.out.List, Effect{Kind: DoCancelTimer, Slot: n})
	return true
}

func (k *Kernel) release(n uint32) {
	k.timers[n].f = nil
	if n < 64 {
		k.used &^= 1 << n
	} else {
		word := int32(n/64) - 1
		k.above[word] &^= 1 << (n % 64)
		k.low = min(k.low, word)
	}
	k.set--
	if len(k.timers) >= 16 && int(k.set) < len(k.timers)/2 {
		k.shrink()
	}
}

// shrink gives back the slots above the highest that is set, if they are many.
func (k *Kernel) shrink() {
	top := len(k.timers)
	for top > 0 && k.timers[top-1].f == nil {
		top--
	}
	if top <= len(k.timers)/2 {
		k.timers = append(make([]timer, 0, top+4), k.timers[:top]...)
		k.above = k.above[:max(0, (top+63)/64-1)]
		k.low = min(k.low, int32(len(k.above)))
	}
}

// Work implements task.Env.
func (k *Kernel) Work(f func() any, done func(any)) {
	k.out.List = append(k.out.List, Effect{Kind: DoWork, Slot: k.await(done), Work: f})
}

// await returns the number of an InDone that will come.
func (k *Kernel) await(done func(any)) uint32 {
	if k.work == nil {
		k.work = make(map[uint32]func(any))
	}
	k.works++
	k.work[k.works] = done
	return k.works
}

// Save implements task.Env.
func (k *Kernel) Save(snapshot []byte) {
	k.SaveLater(func() []byte { return snapshot })
}

// SaveLater is Save with a snapshot that is encoded only if it is needed. make runs
// off the loop: it may use what is frozen, and nothing else.
func (k *Kernel) SaveLater(make func() []byte) {
	k.out.List = append(k.out.List, Effect{Kind: DoSave, Snapshot: make})
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
