package host_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

func TestTimersInOrder(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		var began task.Instant
		r.call(func() {
			began = r.toy.Now()
			for i, d := range []time.Duration{30, 10, 20, 10, 0, -5} {
				r.toy.After(d*time.Millisecond, func() { r.toy.tell("timer %d at %v", i, r.toy.Now().Sub(began)) })
			}
		})
		time.Sleep(15 * time.Millisecond)
		synctest.Wait()
		r.toy.want(t, "timer 4 at 0s", "timer 5 at 0s", "timer 1 at 10ms", "timer 3 at 10ms")
		time.Sleep(time.Second)
		r.toy.want(t, "timer 2 at 20ms", "timer 0 at 30ms")
	})
}

// A timer that is cancelled by another of the same instant does not ring.
func TestTimerStopsTimer(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.call(func() {
			var second task.Timer
			r.toy.After(time.Second, func() { r.toy.tell("first; the second was to come: %v", second.Stop()) })
			second = r.toy.After(time.Second, func() { r.toy.tell("second") })
		})
		if n := r.host.Stats().Timers; n != 2 {
			t.Errorf("%d timers are set", n)
		}
		time.Sleep(2 * time.Second)
		r.toy.want(t, "first; the second was to come: true")
		if n := r.host.Stats().Timers; n != 0 {
			t.Errorf("%d timers are set", n)
		}
	})
}

// Timers that set themselves at once do not starve the inbox, nor the inbox timers.
func TestTimersAndInboxTakeTurns(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		n := 0
		var again func()
		again = func() { n++; r.toy.After(0, again) }
		r.call(again)
		for range 10 {
			r.call(func() {})
		}
		var seen int
		r.call(func() { seen = n; again = func() {} })
		if seen == 0 {
			t.Error("the timer waits for the inbox")
		}
	})
}

// After a pause the machine is told so before anything that waited.
func TestPauseWakesFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		sleep func(r *rig)
	}{
		{"while the loop is idle", func(r *rig) {
			r.jump(time.Hour)
			r.frames(handle(10), transport.Liveness, "I live")
		}},
		{"while the loop is busy", func(r *rig) {
			free := r.hold()
			r.jump(time.Hour)
			r.frames(handle(10), transport.Liveness, "I live")
			free()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(r *rig) {
				r.call(func() { r.toy.After(time.Minute, func() { r.toy.tell("timer") }) })
				c.sleep(r)
				synctest.Wait()
				r.toy.want(t, "wake", "timer", "0a says I live")
				if s := r.host.Stats(); s.Wakes != 1 {
					t.Errorf("%d wakes", s.Wakes)
				}
			})
		})
	}
}

// With nothing to do, a pause is seen within a second, by the tick; and its timers
// ring by the boot clock.
func TestPauseOfAnIdleNode(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.call(func() { r.toy.After(time.Hour, func() { r.toy.tell("timer") }) })
		r.jump(time.Hour)
		time.Sleep(time.Second)
		synctest.Wait()
		r.toy.want(t, "wake", "timer")
	})
}

// A clock that goes as it should is no pause, however long nothing happens.
func TestNoPause(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		time.Sleep(time.Hour)
		r.jump(host.DefaultPause) // no longer than what is forgiven
		time.Sleep(time.Hour)
		r.toy.want(t)
	})
}

func TestSystemClock(t *testing.T) {
	read := host.System()
	var last machine.Clock
	for range 1000 {
		now := read()
		if now.Boot <= 0 || now.Boot.Before(last.Boot) || now.Wall.IsZero() {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
	}
}
