package host_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// A panic is a bug of the program: the node ends, the log has the stack, and all
// who wait are told. Never a silent hang.
func TestPanicsEndTheNode(t *testing.T) {
	bug := func() { panic("a bug") }
	for _, c := range []struct {
		name  string
		spoil func(r *rig)
	}{
		{"in a message", func(r *rig) {
			r.toy.on = func(*toy, machine.Input) { bug() }
			r.frames(handle(10), transport.App, "x")
		}},
		{"in a call", func(r *rig) {
			if err := r.host.Call(background, bug); !errors.Is(err, host.ErrBroken) {
				r.Error(err)
			}
		}},
		{"in a timer", func(r *rig) {
			r.call(func() { r.toy.After(time.Second, bug) })
			time.Sleep(2 * time.Second)
		}},
		{"in work", func(r *rig) {
			r.call(func() { r.toy.Work(func() any { bug(); return nil }, func(any) { r.Error("done") }) })
		}},
		{"in a task", func(r *rig) {
			err := r.host.Do(background, func(t *task.T) error {
				t.Sleep(time.Second)
				bug()
				return nil
			})
			if err == nil {
				r.Error("a task that broke has no error")
			}
		}},
		{"in saving", func(r *rig) { r.call(func() { r.toy.Save(nil) }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(_ *rig, cfg *host.Config) { cfg.Save = func([]byte) error { bug(); return nil } }, func(r *rig) {
				waits := make(chan error, 1)
				go func() { waits <- r.host.Do(background, func(t *task.T) error { return t.Sleep(time.Hour) }) }()
				synctest.Wait()
				c.spoil(r)
				synctest.Wait()
				if !over(r.host.Done()) {
					t.Fatal("the node goes on")
				}
				if err := <-waits; err != task.ErrStopped {
					t.Error("a task that waits:", err)
				}
				for what, err := range map[string]error{
					"Err": r.host.Err(), "Stop": r.host.Stop(background), "Call": r.host.Call(background, func() {}),
				} {
					if !errors.Is(err, host.ErrBroken) || !strings.Contains(err.Error(), "a bug") {
						t.Errorf("%s: %v", what, err)
					}
				}
				if log := r.log.String(); !strings.Contains(log, "fault_test.go") || !strings.Contains(log, "a bug") {
					t.Error("no stack in the log:", log)
				}
				r.toy.told()
				r.frames(handle(10), transport.App, "late")
				r.toy.want(t)
			})
		})
	}
}

func TestPanicInMakeOrHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(_ *rig, cfg *host.Config) {
			cfg.Make = func(*rand.Rand, []byte) (machine.Machine, error) { panic("a bug") }
		})
		if err := r.host.Start(); !errors.Is(err, host.ErrBroken) {
			t.Error("start:", err)
		}
		if err := r.host.Stop(background); !errors.Is(err, host.ErrBroken) {
			t.Error("stop:", err)
		}
	})
	bubble(t, nil, func(r *rig) {
		go r.host.Do(background, func(t *task.T) error { t.Sleep(time.Hour); panic("a bug at the end") })
		synctest.Wait()
		if err := r.host.Stop(background); !errors.Is(err, host.ErrBroken) {
			t.Error(err)
		}
	})
}

// A fault in work that ends after the loop is not lost.
func TestPanicAfterTheEnd(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.call(func() { r.toy.Work(func() any { time.Sleep(time.Second); panic("a bug") }, func(any) {}) })
		synctest.Wait()
		if err := r.host.Stop(background); !errors.Is(err, host.ErrBroken) {
			t.Error(err)
		}
	})
}

// What does not decode costs its sender the link, is counted once, and the log
// speaks of each peer once a minute. Others notice nothing.
func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		kind  string
		frame []byte
	}{
		{"malformed", []byte{1, 0xff}},
		{"malformed", []byte{1}},
		{"malformed", []byte{}},
		{"unknown_kind", []byte{2, 0xa0}},
		{"too_large", make([]byte, 1<<20)},
		{"decoder_fault", encode("break the decoder")},
	} {
		t.Run(c.kind, func(t *testing.T) {
			bubble(t, nil, func(r *rig) {
				bad, good := handle(10), handle(11)
				r.events.Up(bad, nil)
				r.events.Up(good, nil)
				r.frames(bad, transport.App, "before")
				for range 3 {
					r.events.Frame(bad, transport.App, c.frame)
				}
				r.frames(bad, transport.App, "after")
				r.frames(bad, transport.Liveness, "after")
				r.frames(good, transport.App, "hello")
				synctest.Wait()
				r.toy.want(t, "up 0a", "up 0b", "0a says before", "0b says hello")
				if got := r.host.Stats().BadInput; len(got) != 1 || got[c.kind] != 1 {
					t.Errorf("counted %v", got)
				}
				told := "blame 0a"
				if c.kind == "unknown_kind" || c.kind == "decoder_fault" {
					told = "disconnect 0a false"
				}
				if !slices.Equal(r.wire.told, []string{told}) {
					t.Errorf("the transport was told %q", r.wire.told)
				}

				// Its next link begins anew, and ends as the first one did.
				for i := range 3 {
					r.events.Down(bad, transport.Ours)
					r.events.Up(bad, nil)
					r.frames(bad, transport.App, "again")
					r.events.Frame(bad, transport.App, c.frame)
					if i == 1 {
						time.Sleep(time.Minute)
					}
				}
				r.toy.want(t, slices.Repeat([]string{"down 0a closed by us", "up 0a", "0a says again"}, 3)...)
				if got := r.host.Stats().BadInput[c.kind]; got != 4 {
					t.Errorf("counted %d", got)
				}
				if n := strings.Count(r.log.String(), "bad input"); n != 2 {
					t.Errorf("%d lines in the log for 4 faults in two minutes:\n%s", n, r.log)
				}
			})
		})
	}
}

// Many peers that send nonsense do not fill the log.
func TestBadInputOfManyPeers(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		flood := func() {
			for i := range 300 {
				h := *handle(0)
				h.ID.Lo = uint64(i + 1)
				r.events.Up(&h, nil)
				r.events.Frame(&h, transport.App, nil)
				r.events.Down(&h, transport.Ours)
			}
		}
		flood()
		if n := strings.Count(r.log.String(), "bad input"); n != 256 {
			t.Errorf("%d lines in the first minute", n)
		}
		time.Sleep(time.Minute)
		flood()
		if n := strings.Count(r.log.String(), "bad input"); n != 512 {
			t.Errorf("%d lines in two minutes", n)
		}
		if n := r.host.Stats().BadInput["malformed"]; n != 600 {
			t.Errorf("counted %d", n)
		}
	})
}

// A message of a kind that may be skipped is counted and ignored.
func TestOptionalKinds(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.events.Frame(handle(10), transport.App, []byte{200, 1, 2, 3})
		r.frames(handle(10), transport.App, "hello")
		r.toy.want(t, "0a says hello")
		if s := r.host.Stats(); s.Skipped != 1 || len(s.BadInput) != 0 || len(r.wire.told) != 0 {
			t.Errorf("%+v, %q", s, r.wire.told)
		}
	})
}

// A class that does not exist is the transport's or the peer's fault, not ours.
func TestUnknownClass(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.events.Frame(handle(10), transport.Classes, encode("x"))
		if n := r.host.Stats().BadInput["malformed"]; n != 1 {
			t.Errorf("counted %d", n)
		}
	})
}

// While a call waits for the loop that is broken meanwhile, it learns of it.
func TestCallsOfABrokenNode(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		calls := make(chan error, 400)
		go r.host.Call(background, func() { panic("a bug") })
		synctest.Wait()
		for range 400 { // more than the inbox holds
			go func() { calls <- r.host.Call(context.Background(), func() { t.Error("it runs") }) }()
		}
		synctest.Wait()
		free()
		for range 400 {
			if err := <-calls; !errors.Is(err, host.ErrBroken) {
				t.Fatal(err)
			}
		}
	})
}
