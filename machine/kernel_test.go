package machine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// step runs one input of a kernel and returns its effects.
func step(k *machine.Kernel, now task.Instant, in machine.Input) []machine.Effect {
	var out machine.Effects
	k.Begin(machine.Clock{Boot: now, Wall: time.Unix(7, 0)}, &out)
	k.Handle(in)
	k.End()
	return out.List
}

func call(f func()) machine.Input { return machine.Input{Kind: machine.InCall, Call: f} }

func kernel() *machine.Kernel { return machine.NewKernel(rand.New(rand.NewPCG(1, 2))) }

func TestTimer(t *testing.T) {
	k := kernel()
	rang := 0
	var timer task.Timer
	es := step(k, 100, call(func() { timer = k.After(50, func() { rang++ }) }))
	if len(es) != 1 || es[0].Kind != machine.DoSetTimer || es[0].At != 150 {
		t.Fatalf("effects %+v", es)
	}
	if es := step(k, 150, machine.Input{Kind: machine.InTimer, Slot: es[0].Slot}); len(es) != 0 || rang != 1 {
		t.Fatalf("rang %d times, effects %+v", rang, es)
	}
	if es := step(k, 160, call(func() {
		if timer.Stop() {
			t.Error("a timer that rang was still to come")
		}
	})); len(es) != 0 {
		t.Errorf("effects %+v", es)
	}
}

func TestTimerStop(t *testing.T) {
	k := kernel()
	es := step(k, 0, call(func() {
		timer := k.After(time.Second, func() { t.Error("a stopped timer rang") })
		if !timer.Stop() {
			t.Error("it was not pending")
		}
		if timer.Stop() {
			t.Error("stopped twice")
		}
	}))
	if len(es) != 2 || es[0].Kind != machine.DoSetTimer || es[1].Kind != machine.DoCancelTimer || es[0].Slot != es[1].Slot {
		t.Errorf("effects %+v", es)
	}
}

// A slot is used again, and the old timer cannot stop the new one.
func TestTimerSlots(t *testing.T) {
	k := kernel()
	rang := ""
	var old, young task.Timer
	slot := step(k, 0, call(func() { old = k.After(1, func() { rang += "old " }) }))[0].Slot
	step(k, 1, machine.Input{Kind: machine.InTimer, Slot: slot})
	es := step(k, 2, call(func() { young = k.After(1, func() { rang += "young " }) }))
	if es[0].Slot != slot {
		t.Errorf("slot %d, want %d again", es[0].Slot, slot)
	}
	if es := step(k, 2, call(func() {
		if old.Stop() {
			t.Error("the old timer stopped the young one")
		}
	})); len(es) != 0 {
		t.Errorf("effects %+v", es)
	}
	step(k, 3, machine.Input{Kind: machine.InTimer, Slot: slot})
	if young.Stop() || rang != "old young " {
		t.Errorf("rang: %s", rang)
	}
	// A thousand timers, one after the other, take one slot.
	for range 1000 {
		for _, e := range step(k, 4, call(func() { k.After(1, func() {}).Stop() })) {
			if e.Slot != slot {
				t.Fatalf("slot %d", e.Slot)
			}
		}
	}
}

// A timer that is set by a timer gets a slot that is free.
func TestTimerSetsTimer(t *testing.T) {
	k := kernel()
	n := 0
	var again func()
	again = func() { n++; k.After(10, again) }
	es := step(k, 0, call(again))
	for now := task.Instant(10); now <= 50; now += 10 {
		if len(es) != 1 || es[0].At != now || es[0].Slot != 0 {
			t.Fatalf("effects %+v", es)
		}
		es = step(k, now, machine.Input{Kind: machine.InTimer, Slot: es[0].Slot})
	}
	if n != 6 {
		t.Errorf("rang %d times", n)
	}
}

func TestTimerOfThePast(t *testing.T) {
	k := kernel()
	if es := step(k, 100, call(func() { k.After(-time.Hour, func() {}) })); es[0].At != 100 {
		t.Errorf("due at %d", es[0].At)
	}
}

func TestTimerThatWasNotSet(t *testing.T) {
	for _, slot := range []uint32{0, 1, 1 << 31} {
		k := kernel()
		step(k, 0, call(func() { k.After(1, func() {}).Stop() }))
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("timer %d rang and was not set", slot)
				}
			}()
			step(k, 1, machine.Input{Kind: machine.InTimer, Slot: slot})
		}()
	}
}

func TestWork(t *testing.T) {
	k := kernel()
	var got []any
	es := step(k, 0, call(func() {
		k.Work(func() any { return "one" }, func(v any) { got = append(got, v) })
		k.Work(func() any { return "two" }, func(v any) { got = append(got, v) })
	}))
	if len(es) != 2 || es[0].Kind != machine.DoWork || es[0].Slot == es[1].Slot {
		t.Fatalf("effects %+v", es)
	}
	for _, e := range []machine.Effect{es[1], es[0], es[0]} { // the last one came twice: it is done once
		step(k, 1, machine.Input{Kind: machine.InDone, Slot: e.Slot, Result: e.Work()})
	}
	if !slices.Equal(got, []any{"two", "one"}) {
		t.Errorf("done: %v", got)
	}
}

func TestEffectsInOrder(t *testing.T) {
	k := kernel()
	to := &peer.Handle{ID: id.Tiny(9)}
	es := step(k, 0, call(func() {
		k.Send(to, machine.ClassApp, nil)
		k.Protect(to, true)
		k.Save([]byte("snapshot"))
		k.Drop(to)
	}))
	var kinds []machine.EffectKind
	for _, e := range es {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []machine.EffectKind{machine.DoSend, machine.DoProtect, machine.DoSave, machine.DoDrop}) {
		t.Fatalf("effects %+v", es)
	}
	if es[0].To != to || es[0].Class != machine.ClassApp || !es[1].On || string(es[2].Snapshot()) != "snapshot" || es[3].To != to {
		t.Errorf("effects %+v", es)
	}
}

func TestHandle(t *testing.T) {
	k := kernel()
	for kind := machine.InStart; kind <= machine.InCall; kind++ {
		var out machine.Effects
		k.Begin(machine.Clock{}, &out)
		slot := uint32(0)
		if kind == machine.InTimer {
			k.After(1, func() {})
		}
		got := k.Handle(machine.Input{Kind: kind, Slot: slot, Call: func() {}})
		k.End()
		if want := kind == machine.InTimer || kind == machine.InDone || kind == machine.InCall; got != want {
			t.Errorf("input %d belongs to the kernel: %v", kind, got)
		}
	}
}

func TestClock(t *testing.T) {
	k := kernel()
	step(k, 42, call(func() {
		if k.Now() != 42 || !k.Wall().Equal(time.Unix(7, 0)) {
			t.Error(k.Now(), k.Wall())
		}
	}))
	if a, b := kernel().Rand().Uint64(), kernel().Rand().Uint64(); a != b {
		t.Error("one seed, two numbers")
	}
}

// Tasks go on at the end of the input that ended their wait, and their effects
// belong to that input.
func TestTasksOfAKernel(t *testing.T) {
	k := kernel()
	es := step(k, 0, call(func() {
		k.Tasks().Go(func(t *task.T) error {
			for range 2 {
				if err := t.Sleep(10); err != nil {
					return err
				}
				k.Save([]byte(fmt.Sprint(k.Now())))
			}
			return nil
		}, nil)
	}))
	var saved []string
	for now := task.Instant(10); now <= 20; now += 10 {
		var slot uint32
		for _, e := range es {
			if e.Kind == machine.DoSetTimer {
				slot = e.Slot
			}
		}
		es = step(k, now, machine.Input{Kind: machine.InTimer, Slot: slot})
		saved = append(saved, string(es[0].Snapshot()))
	}
	if !slices.Equal(saved, []string{"10", "20"}) || k.Tasks().Len() != 0 {
		t.Errorf("saved at %v, %d tasks left", saved, k.Tasks().Len())
	}
}

// Halt ends the tasks; what they want at their end is not done, and does no harm.
func TestHalt(t *testing.T) {
	k := kernel()
	var ended []error
	step(k, 0, call(func() {
		for range 10 {
			k.Tasks().Go(func(t *task.T) error {
				err := t.Sleep(time.Hour)
				k.Send(nil, machine.ClassApp, nil)
				k.After(time.Second, func() {})
				return errors.Join(err, t.Sleep(time.Hour))
			}, func(err error) { ended = append(ended, err) })
		}
	}))
	k.Halt()
	if len(ended) != 10 || k.Tasks().Len() != 0 {
		t.Errorf("%d tasks ended, %d are left", len(ended), k.Tasks().Len())
	}
	for _, err := range ended {
		if !errors.Is(err, task.ErrStopped) {
			t.Error(err)
		}
	}
	k.Halt()
}

func TestEffectsReset(t *testing.T) {
	out := machine.Effects{List: []machine.Effect{{Kind: machine.DoSave, Snapshot: func() []byte { return nil }}}}
	room := &out.List[0]
	out.Reset()
	if len(out.List) != 0 || room.Snapshot != nil {
		t.Error("the old effects are still held")
	}
}

func TestDownReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := machine.DownClosed; r <= machine.DownOurs; r++ {
		if s := r.String(); s == "?" || seen[s] {
			t.Errorf("reason %d is named %q", r, s)
		} else {
			seen[s] = true
		}
	}
	if got := machine.DownReason(99).String(); got != "reason 99" {
		t.Error(got)
	}
}
