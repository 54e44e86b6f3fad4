package host_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

func TestEffectsInOrder(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		a := handle(10)
		r.call(func() {
			r.toy.Send(a, machine.ClassUpkeep, &text{Body: "one"})
			r.toy.Protect(a, true)
			r.toy.Send(a, machine.ClassApp, &text{Body: "two"})
			r.toy.Protect(a, false)
			r.toy.Drop(a)
		})
		want := []string{"send 0a class 2: one", "protect 0a true", "send 0a class 1: two", "protect 0a false", "disconnect 0a true"}
		if !slices.Equal(r.wire.told, want) {
			t.Errorf("%q", r.wire.told)
		}
		if s := r.host.Stats(); s.FramesOut != [3]uint64{0, 1, 1} {
			t.Errorf("%+v", s)
		}
	})
}

// What cannot be sent is counted, and does no harm.
func TestSendFails(t *testing.T) {
	full := func(*peer.Handle, transport.Class, []byte) error { return transport.ErrFull }
	bubble(t, func(r *rig, _ *host.Config) { r.wire.send = full }, func(r *rig) {
		r.call(func() {
			r.toy.Send(handle(10), machine.ClassApp, &text{Body: "one"})
			r.toy.Send(handle(10), machine.ClassApp, &text{Body: strings.Repeat("x", wire.MaxFrame)})
		})
		if s := r.host.Stats(); s.DroppedOut != 1 || s.Unsendable != 1 || s.FramesOut != [3]uint64{} {
			t.Errorf("%+v", s)
		}
		if !strings.Contains(r.log.String(), "a message cannot be sent") {
			t.Error("the log does not tell of the message that is too large")
		}
	})
}

// Work runs off the loop, so many at once, the others later, in order.
func TestWork(t *testing.T) {
	bubble(t, func(_ *rig, cfg *host.Config) { cfg.Workers = 2 }, func(r *rig) {
		began := time.Now()
		var ended []time.Duration
		r.call(func() {
			for range 10 {
				r.toy.Work(func() any { time.Sleep(time.Second); return time.Since(began) }, func(v any) { ended = append(ended, v.(time.Duration)) })
			}
		})
		r.call(func() {
			if time.Since(began) != 0 || len(ended) != 0 {
				t.Error("the loop waits for work")
			}
		})
		if n := r.host.Stats().Work; n != 10 {
			t.Errorf("%d run or wait", n)
		}
		time.Sleep(time.Minute)
		r.call(func() {
			for i, d := range ended {
				if d != time.Duration(1+i/2)*time.Second {
					t.Errorf("number %d ended after %v", i, d)
				}
			}
			if len(ended) != 10 {
				t.Errorf("%d ended", len(ended))
			}
		})
	})
}

// While one snapshot is saved, only the newest of those that follow is kept for later.
func TestSaveTheLatest(t *testing.T) {
	var saved []string
	setup := func(_ *rig, cfg *host.Config) {
		cfg.Save = func(b []byte) error {
			time.Sleep(time.Second)
			saved = append(saved, string(b))
			if string(b) == "1" {
				return transport.ErrFull // any error: it is logged, and the next one is saved
			}
			return nil
		}
	}
	bubble(t, setup, func(r *rig) {
		for _, s := range []string{"1", "2", "3", "4"} {
			r.call(func() { r.toy.Save([]byte(s)) })
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		r.call(func() { r.toy.Save([]byte("5")) })
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(saved, []string{"1", "4", "5"}) {
			t.Errorf("saved %q", saved)
		}
		if s := r.host.Stats(); s.Unsaved != 1 || !strings.Contains(r.log.String(), "was not saved") {
			t.Errorf("%+v\n%s", s, r.log)
		}
	})
}

func TestSaveNowhere(t *testing.T) {
	bubble(t, nil, func(r *rig) { r.call(func() { r.toy.Save([]byte("x")) }) })
}
