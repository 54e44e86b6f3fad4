package host_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

var background = context.Background()

// The whole life of a node, and the order of its end.
func TestStopInOrder(t *testing.T) {
	var saved []string
	setup := func(r *rig, cfg *host.Config) {
		cfg.Saved = []byte("from last time")
		cfg.Save = func(b []byte) error {
			time.Sleep(time.Second)
			saved = append(saved, string(b))
			return nil
		}
		cfg.Make = func(rng *rand.Rand, old []byte) (machine.Machine, error) {
			r.toy.Kernel = machine.NewKernel(rng)
			r.toy.tell("made of what was saved %s", old)
			return r.toy, nil
		}
		r.toy.on = func(m *toy, in machine.Input) {
			if in.Kind == machine.InStop {
				m.Send(handle(10), machine.ClassLiveness, &text{Body: "farewell"})
				m.Save([]byte("for next time"))
				m.After(0, func() { m.tell("a timer after the end") })
				m.Work(func() any { m.tell("last work"); return nil }, func(any) {})
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup)
		r.wire.queued = 5
		if r.host.Self() != nil {
			t.Error("a handle before the start")
		}
		if err := r.host.Call(background, func() {}); err != host.ErrNotStarted {
			t.Error("call before the start:", err)
		}
		if err := r.host.Start(); err != nil {
			t.Fatal(err)
		}
		if r.host.Self() != r.toy.self {
			t.Error("another handle than the machine's")
		}
		if err := r.host.Start(); err == nil {
			t.Error("started twice")
		}
		r.call(func() {
			r.toy.Work(func() any { time.Sleep(2 * time.Second); r.toy.tell("work ends"); return nil }, func(any) { r.toy.tell("and is reported") })
			r.toy.After(time.Second, func() { r.toy.tell("timer") })
		})
		task1 := make(chan error, 1)
		go func() { task1 <- r.host.Do(background, func(t *task.T) error { return t.Sleep(time.Hour) }) }()
		synctest.Wait()
		free := r.hold()
		early, late := make(chan error, 1), make(chan error, 1)
		go func() { early <- r.host.Call(background, func() { r.toy.tell("call") }) }()
		synctest.Wait()
		stopped := make(chan error, 2)
		go func() { stopped <- r.host.Stop(background) }()
		synctest.Wait()
		go func() { late <- r.host.Call(background, func() { r.toy.tell("call after Stop") }) }()
		go func() { stopped <- r.host.Stop(background) }()
		r.frames(handle(10), transport.App, "too late")
		began := time.Now()
		free()
		for range 2 {
			if err := <-stopped; err != nil {
				t.Error("stop:", err)
			}
		}
		r.toy.want(t, "made of what was saved from last time", "start", "call", "stop", "last work", "work ends")
		if err := <-task1; err != task.ErrStopped {
			t.Error("task:", err)
		}
		if a, b := <-early, <-late; a != nil || b != host.ErrStopped {
			t.Error("calls:", a, b)
		}
		if d := time.Since(began); d <= 2*time.Second || d > 2*time.Second+10*time.Millisecond {
			t.Errorf("the end took %v: want the work's 2 s, and a little for the frames that waited", d)
		}
		if len(saved) != 1 || saved[0] != "for next time" {
			t.Errorf("saved %q", saved)
		}
		if len(r.wire.told) != 1 || r.wire.told[0] != "send 0a class 0: farewell" {
			t.Errorf("sent %q", r.wire.told)
		}
		if !over(r.host.Done()) || r.host.Err() != nil {
			t.Error("the node has not ended well:", r.host.Err())
		}
		if err := r.host.Start(); err == nil {
			t.Error("started again")
		}
		if err := r.host.Stop(background); err != nil {
			t.Error("stopped again:", err)
		}
		if err := r.host.Do(background, func(*task.T) error { return nil }); err != host.ErrStopped {
			t.Error("do:", err)
		}
	})
}

// Goodbyes that wait in a busy computer go out as long as they go at all.
func TestStopWaitsForWhatGoes(t *testing.T) {
	for _, row := range []struct {
		busy time.Duration // between two of five frames that wait
		left int
		took time.Duration
	}{
		{300 * time.Millisecond, 0, 1200 * time.Millisecond},
		{time.Hour, 4, 500 * time.Millisecond},
		{499 * time.Millisecond, 1, 1500 * time.Millisecond}, // no peer holds it up for longer
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			if err := r.host.Start(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			r.wire.queued, r.wire.busy = 5, row.busy
			began := time.Now()
			if err := r.host.Stop(background); err != nil {
				t.Error(err)
			}
			if d := time.Since(began); d < row.took || d > row.took+20*time.Millisecond || r.wire.queued != row.left {
				t.Errorf("a frame every %v: ended after %v with %d frames left, want %v and %d", row.busy, d, r.wire.queued, row.took, row.left)
			}
		})
	}
}

func TestStopWithoutStart(t *testing.T) {
	h := host.New(host.Config{Table: table})
	if err := h.Start(); err == nil {
		t.Error("started without a transport")
	}
	for range 2 {
		if err := h.Stop(background); err != nil {
			t.Error(err)
		}
	}
	if !over(h.Done()) {
		t.Error("it has not ended")
	}
	if err := h.Start(); err != host.ErrStopped {
		t.Error("start after stop:", err)
	}
}

// Stop says what does not end, and does not wait for ever.
func TestStopOfAStuckNode(t *testing.T) {
	for _, c := range []struct {
		name, what string
		stick      func(r *rig, gate chan struct{})
	}{
		{"step", "its loop", func(r *rig, gate chan struct{}) { go r.host.Call(background, func() { <-gate }) }},
		{"work", "its work", func(r *rig, gate chan struct{}) {
			r.call(func() { r.toy.Work(func() any { <-gate; return nil }, func(any) {}) })
		}},
		{"save", "its saving", func(r *rig, gate chan struct{}) { r.call(func() { r.toy.Save(nil) }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			gate := make(chan struct{})
			bubble(t, func(_ *rig, cfg *host.Config) {
				gate = make(chan struct{})
				cfg.Save = func([]byte) error { <-gate; return nil }
			}, func(r *rig) {
				c.stick(r, gate)
				synctest.Wait()
				began := time.Now()
				err := r.host.Stop(background)
				if !errors.Is(err, host.ErrStuck) || !strings.Contains(err.Error(), c.what) {
					t.Error(err)
				}
				if d := time.Since(began); d >= 5*time.Second {
					t.Errorf("after %v", d)
				}
				ctx, cancel := context.WithTimeout(background, time.Second)
				defer cancel()
				began = time.Now()
				if err := r.host.Stop(ctx); !errors.Is(err, host.ErrStuck) || time.Since(began) != time.Second {
					t.Errorf("with a context: %v after %v", err, time.Since(began))
				}
				close(gate)
				if err := r.host.Stop(background); err != nil {
					t.Error("in the end:", err)
				}
			})
		})
	}
}

// A machine that cannot be made does not start, and nothing is left of it.
func TestMakeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the snapshot is of another version")
		r := newRig(t, func(_ *rig, cfg *host.Config) {
			cfg.Make = func(*rand.Rand, []byte) (machine.Machine, error) { return nil, broken }
		})
		if err := r.host.Start(); err != broken {
			t.Error(err)
		}
		if err := r.host.Stop(background); err != nil {
			t.Error(err)
		}
	})
}

func TestCall(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		if err := r.host.Call(ctx, func() { t.Error("a call that was given up runs") }); err != context.DeadlineExceeded {
			t.Error("given up:", err)
		}
		if err := r.host.Call(ctx, func() { t.Error("it runs") }); err != context.DeadlineExceeded {
			t.Error("over before:", err)
		}
		free()

		// A call that runs is waited for, whatever the context says.
		ctx, cancel = context.WithCancel(background)
		ran := false
		err := r.host.Call(ctx, func() { cancel(); time.Sleep(time.Second); ran = true })
		if err != nil || !ran {
			t.Error(err, ran)
		}
	})
}

// More calls than the inbox holds wait to be let in, and each runs once.
func TestManyCalls(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		n := 0
		for range 1000 {
			go func() { r.host.Call(background, func() { n++ }) }()
		}
		ctx, cancel := context.WithCancel(background)
		result := make(chan error, 1)
		go func() { result <- r.host.Call(ctx, func() { t.Error("a call that was given up runs") }) }()
		synctest.Wait()
		if w := r.host.Stats().Waiting; w != 256 {
			t.Errorf("%d calls wait in the inbox", w)
		}
		cancel()
		synctest.Wait()
		if err := <-result; err != context.Canceled {
			t.Error(err)
		}
		free()
		r.call(func() {
			if n != 1000 {
				t.Errorf("%d calls ran", n)
			}
		})
	})
}

func TestDo(t *testing.T) {
	refused := errors.New("refused")
	bubble(t, nil, func(r *rig) {
		began := time.Now()
		err := r.host.Do(background, func(t *task.T) error {
			if err := t.Sleep(time.Second); err != nil {
				return err
			}
			n, err := task.Work(t, time.Minute, func() (int, error) { time.Sleep(time.Second); return 7, nil })
			if n != 7 || err != nil {
				return err
			}
			return refused
		})
		if err != refused || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		err = r.host.Do(ctx, func(t *task.T) error { err := t.Sleep(time.Minute); r.toy.tell("the task goes on"); return err })
		if err != context.DeadlineExceeded {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		r.toy.want(t, "the task goes on")
	})
}

// tacit is a machine without tasks.
type tacit struct{ m *toy }

func (m tacit) Self() *peer.Handle { return m.m.Self() }
func (m tacit) Halt()              { m.m.Halt() }
func (m tacit) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	m.m.Step(now, in, out)
}

func TestDoWithoutTasks(t *testing.T) {
	setup := func(r *rig, cfg *host.Config) {
		made := cfg.Make
		cfg.Make = func(rng *rand.Rand, saved []byte) (machine.Machine, error) {
			made(rng, saved)
			return tacit{r.toy}, nil
		}
	}
	bubble(t, setup, func(r *rig) {
		if err := r.host.Do(background, func(*task.T) error { return nil }); err == nil {
			t.Error("a task without a kernel")
		}
	})
}

// One seed gives one node; without one, nobody knows.
func TestSeed(t *testing.T) {
	draw := func(seed *[32]byte) (n uint64) {
		bubble(t, func(_ *rig, cfg *host.Config) { cfg.Seed = seed }, func(r *rig) {
			r.call(func() { n = r.toy.Rand().Uint64() })
		})
		return n
	}
	if a, b := draw(&[32]byte{1}), draw(&[32]byte{1}); a != b {
		t.Error(a, b)
	}
	if a, b := draw(nil), draw(nil); a == b {
		t.Error("two nodes draw the same")
	}
}
