package host_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/transport"
)

// Calls, timers, results of work and frames of class Liveness pass an inbox that is
// full of other frames, whose reader is pushed back.
func TestLivenessPassesAFullInbox(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.call(func() {
			r.toy.After(time.Second, func() { r.toy.tell("timer") })
			r.toy.Work(func() any { time.Sleep(time.Second); return "work" }, func(v any) { r.toy.tell("%v", v) })
		})
		a, b := handle(10), handle(11)
		free := r.hold()
		r.events.Up(a, nil)
		read := r.frames(a, transport.App, numbered("app ", 300)...)
		if over(read) {
			t.Error("300 frames found room: nothing pushes back")
		}
		upkeep := r.frames(b, transport.Upkeep, "upkeep")
		r.frames(a, transport.Liveness, "I live")
		r.frames(b, transport.Liveness, "I too")
		go r.host.Call(context.Background(), func() { r.toy.tell("call") })
		time.Sleep(time.Second)
		synctest.Wait()
		if !over(upkeep) {
			t.Error("one peer's full inbox blocks another peer")
		}
		free()

		got := r.toy.told()
		first := []string{"timer", "up 0a", "call", "work", "0a says I live", "0b says I too", "0a says app 0", "0b says upkeep", "0a says app 1"}
		if len(got) < len(first) || !slices.Equal(got[:len(first)], first) {
			t.Fatalf("happened first: %q", got[:min(len(got), 12)])
		}
		for i, line := range got[len(first):] {
			if want := fmt.Sprint("0a says app ", i+2); line != want {
				t.Fatalf("%q, want %q", line, want)
			}
		}
		if len(got) != 300+7 || !over(read) {
			t.Errorf("%d inputs, the reader has ended: %v", len(got), over(read))
		}
		if s := r.host.Stats(); s.Blocked == 0 || s.DroppedIn != 0 || s.Waiting != 0 || s.FramesIn != [3]uint64{2, 300, 1} {
			t.Errorf("%+v", s)
		}
	})
}

// A peer that sends much delays itself and nobody else.
func TestLinksTakeTurns(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		r.frames(handle(10), transport.App, numbered("a", 4)...)
		r.frames(handle(11), transport.App, "b0", "b1")
		r.frames(handle(12), transport.Upkeep, "c0")
		free()
		r.toy.want(t, "0a says a0", "0b says b0", "0c says c0", "0a says a1", "0b says b1", "0a says a2", "0a says a3")
	})
}

// A flood of the class Liveness does not starve the others.
func TestAFairShareForOthers(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		r.frames(handle(10), transport.Liveness, numbered("live ", 100)...)
		r.frames(handle(11), transport.App, "app 0", "app 1")
		free()
		got := r.toy.told()
		for _, want := range []string{"0b says app 0", "0b says app 1"} {
			if at := slices.Index(got, want); at < 0 || at > 32 {
				t.Errorf("%q came as number %d of %d", want, at, len(got))
			}
		}
	})
}

// Of class Liveness the oldest frames give way, and no reader waits.
func TestLivenessDropsTheOldest(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		if !over(r.frames(handle(10), transport.Liveness, numbered("live ", 300)...)) {
			t.Error("the reader waits")
		}
		free()
		got := r.toy.told()
		if len(got) != 256 || got[0] != "0a says live 44" || got[255] != "0a says live 299" {
			t.Errorf("%d frames, %q .. %q", len(got), got[0], got[len(got)-1])
		}
		if s := r.host.Stats(); s.DroppedIn != 44 || s.Blocked != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Large frames fill the inbox of a link by their bytes.
func TestInboxCountsBytes(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		big := make([]byte, 32<<10)
		read := r.frames(handle(10), transport.App, string(big), string(big), string(big), string(big), string(big))
		if over(read) || r.host.Stats().Waiting != 4 {
			t.Errorf("%d frames wait", r.host.Stats().Waiting)
		}
		free()
		if !over(read) {
			t.Error("the reader still waits")
		}
	})
}

// The end of a link comes after all that it carried, and before all that the next
// one does.
func TestDownComesAfterItsFrames(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		a := handle(10)
		free := r.hold()
		r.events.Up(a, nil)
		r.frames(a, transport.App, "one", "two")
		r.frames(a, transport.Liveness, "farewell")
		r.events.Down(a, transport.Closed)
		r.events.Up(a, nil)
		r.frames(a, transport.App, "again")
		r.events.Down(handle(11), transport.Unreachable)
		free()
		r.toy.want(t, "up 0a", "0a says farewell", "0a says one", "0a says two", "down 0a closed", "up 0a", "down 0b unreachable", "0a says again")
	})
}

// A reader that waits for room is let go when its link, or the node, ends.
func TestNobodyWaitsForRoomForEver(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		free := r.hold()
		one := r.frames(handle(10), transport.App, numbered("", 300)...)
		two := r.frames(handle(11), transport.App, numbered("", 300)...)
		r.events.Down(handle(10), transport.Lost)
		synctest.Wait()
		if !over(one) || over(two) {
			t.Errorf("the reader of the ended link has ended: %v, the other: %v", over(one), over(two))
		}
		go r.host.Stop(context.Background())
		synctest.Wait()
		free()
		if !over(two) {
			t.Error("a reader outlives the node")
		}
		r.events.Frame(handle(11), transport.App, encode("late"))
		r.events.Up(handle(12), nil)
		r.events.Down(handle(12), transport.Closed)
		if s := r.host.Stats(); s.Waiting != 0 {
			t.Errorf("%d inputs wait for a node that ended", s.Waiting)
		}
	})
}

// Events that come before Start wait for it.
func TestEventsBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.events.Up(handle(10), nil)
		r.frames(handle(10), transport.App, "early")
		if err := r.host.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.toy.want(t, "start", "up 0a", "0a says early")
		r.host.Stop(context.Background())
	})
}

func TestNumbersOfTransportAndMachineAgree(t *testing.T) {
	for why, reason := range map[transport.Why]machine.DownReason{
		transport.Closed: machine.DownClosed, transport.Refused: machine.DownRefused, transport.Lost: machine.DownLost,
		transport.Unreachable: machine.DownUnreachable, transport.Expelled: machine.DownExpelled, transport.Ours: machine.DownOurs,
	} {
		if machine.DownReason(why) != reason {
			t.Errorf("why %d is not %v", why, reason)
		}
	}
	for c, class := range map[transport.Class]machine.Class{
		transport.Liveness: machine.ClassLiveness, transport.App: machine.ClassApp, transport.Upkeep: machine.ClassUpkeep,
	} {
		if machine.Class(c) != class {
			t.Errorf("class %d is not %d", c, class)
		}
	}
}
