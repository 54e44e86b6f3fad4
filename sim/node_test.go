package sim_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

const ms = time.Millisecond

func TestTimersRingInTimeAndCancelledOnesNever(t *testing.T) {
	for _, q := range []sim.Queue{sim.Wheel, sim.Heap} {
		w := newWorld(t, sim.Config{Queue: q}, 1)
		a := w.toys[0]
		var timers []task.Timer
		w.Call(0, func() {
			for _, d := range []time.Duration{5 * ms, 0, 5 * ms, 2 * time.Hour, 30 * time.Second, -time.Second} {
				timers = append(timers, a.After(d, func() { a.note("after %v", d) }))
			}
			timers[2].Stop()
		})
		w.RunFor(10 * time.Second)
		events := w.Counts().Events
		w.Call(0, func() {
			timers[3].Stop()
			timers[4].Stop()
			if timers[0].Stop() {
				t.Error("a timer that rang could be stopped")
			}
		})
		w.RunFor(3 * time.Hour)
		w.expect(0, `0 start 1 saved ""`, "0 after 0s", "0 after -1s", "5 after 5ms")
		if n := w.Counts().Events - events; n != 1 {
			t.Errorf("%v: %d events after the timers were cancelled, want the call alone", q, n)
		}
	}
}

// Timers that are due while their node is paused take turns with what else waits, which
// can still cancel them.
func TestTimerIsCancelledWhileItWaits(t *testing.T) {
	w := newWorld(t, sim.Config{}, 1)
	a := w.toys[0]
	var timer task.Timer
	w.Call(0, func() {
		a.After(20*ms, func() { a.note("the first rang") })
		timer = a.After(20*ms, func() { a.note("the second rang") })
	})
	w.Run(ms)
	w.Pause(0)
	w.Call(0, func() { timer.Stop() })
	w.Run(50 * ms)
	if n := w.Waiting(0); n != 3 {
		t.Errorf("%d inputs wait, want the call and the timers", n)
	}
	w.Wake(0)
	w.Run(60 * ms)
	w.expect(0, `0 start 1 saved ""`, "50 wake", "50 the first rang")
	if n := w.Waiting(0); n != 0 {
		t.Errorf("%d inputs wait in the end", n)
	}
}

func TestCrashEndsALifeAndRestartBeginsTheNext(t *testing.T) {
	w := newWorld(t, sim.Config{}, 2)
	w.Call(0, func() {
		w.toys[0].Save([]byte("one"))
		w.toys[0].After(15*ms, func() { t.Error("a timer of a dead node rang") })
		w.toys[0].Work(func() any { return 1 }, func(any) { w.toys[0].note("worked") })
	})
	w.say(1, 0, "before")
	w.Run(12 * ms)
	w.say(1, 0, "too late")
	w.Crash(0)
	if w.Alive(0) || w.Machine(0) != nil || string(w.Saved(0)) != "one" {
		t.Errorf("alive %v, machine %v, saved %q after the crash", w.Alive(0), w.Machine(0), w.Saved(0))
	}
	if w.Call(0, func() { t.Error("a dead node was called") }) {
		t.Error("Call says that a dead node is running")
	}
	w.Crash(0) // changes nothing
	w.Run(30 * ms)
	w.Restart(0)
	w.say(1, 0, "hello")
	w.Run(50 * ms)
	w.expect(0, `0 start 1 saved ""`, "0 worked", `10 say "before" from B1`,
		`30 start 2 saved "one"`, `40 say "hello" from B1`)
	w.expect(1, `0 start 1 saved ""`, `20 echo "before" from A1`, `50 echo "hello" from A2`)
	if h := w.Handle(0); h.Incarnation != 2 || h.ID != handle(0).ID {
		t.Errorf("handle %v after a restart, want A2", name(h))
	}
	if c := w.Counts(); c.Sent != 5 || c.Delivered != 4 || c.Lost[sim.LossDead] != 1 {
		t.Errorf("sent %d, delivered %d, lost %v", c.Sent, c.Delivered, c.Lost)
	}
	if tr := w.Traffic(0); tr != (sim.Traffic{Sent: 2, Received: 2}) {
		t.Errorf("traffic %+v of node A", tr)
	}
}

// Work that was asked for by an earlier life does not come to the next one.
func TestWorkOfADeadNodeIsNotDone(t *testing.T) {
	w := newWorld(t, sim.Config{WorkDelay: 10 * ms}, 1)
	ran := 0
	w.Call(0, func() {
		w.toys[0].Work(func() any { ran++; return nil }, func(any) { t.Error("the work of a dead node is done") })
	})
	w.Run(ms)
	w.Crash(0)
	w.Restart(0)
	w.Call(0, func() {
		w.toys[0].Work(func() any { ran++; return "x" }, func(r any) { w.toys[0].note("done %v", r) })
	})
	w.Run(100 * ms)
	w.expect(0, `0 start 1 saved ""`, `1 start 2 saved ""`, "11 done x")
	if ran != 2 {
		t.Errorf("work ran %d times, want twice: at once, whatever comes of it", ran)
	}
	w.Call(0, func() {
		w.toys[0].Work(func() any { return nil }, func(any) { t.Error("work that waited for a dead node is done") })
	})
	w.Run(101 * ms)
	w.Pause(0)
	w.Call(0, func() { t.Error("a call that waited for a dead node is made") })
	w.Run(200 * ms)
	if n := w.Waiting(0); n != 2 {
		t.Errorf("%d inputs wait, want the result and the call", n)
	}
	w.Crash(0)
	w.Restart(0)
	w.Pause(0)
	w.Call(0, func() { w.toys[0].note("called") })
	w.Run(300 * ms)
	w.Wake(0)
	w.Run(400 * ms)
	w.expect(0, "300 wake", `300 start 3 saved ""`, "300 called")
	if n := w.Waiting(0); n != 0 {
		t.Errorf("%d inputs wait in the end", n)
	}
}

func TestTasksOfDeadNodesEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	before := runtime.NumGoroutine()
	w := newWorld(t, sim.Config{}, 30)
	ended := make([]error, 30)
	for i := range 30 {
		w.Call(sim.NodeRef(i), func() {
			w.toys[i].Tasks().Go(func(k *task.T) error { return k.Sleep(time.Hour) }, func(err error) { ended[i] = err })
		})
	}
	w.RunFor(time.Second)
	for i := range 10 {
		w.Crash(sim.NodeRef(i))
		w.Die(sim.NodeRef(10 + i))
		w.Stop(sim.NodeRef(20 + i))
	}
	w.RunFor(time.Second)
	for i, err := range ended {
		if !errors.Is(err, task.ErrStopped) {
			t.Errorf("the task of node %d ended with %v, want ErrStopped", i, err)
		}
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestCloseEndsTheTasksOfAll(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := gossipers(t, sim.Config{Connections: true}, 10, false, 5*time.Second)
	if s.Alive(0) {
		t.Error("a node is alive after Close")
	}
	s.Close() // again changes nothing
}

func TestPausedNodeGetsInWakeFirstThenAllThatWaited(t *testing.T) {
	w := newWorld(t, sim.Config{}, 2)
	a := w.toys[0]
	w.Call(0, func() { a.After(50*ms, func() { a.note("timer") }) })
	w.say(0, 1, "x")
	w.Run(15 * ms)
	w.Pause(0)
	if !w.Paused(0) || !w.Alive(0) {
		t.Error("a paused node must be alive and paused")
	}
	w.say(1, 0, "y")
	w.Run(time.Hour)
	w.Wake(0)
	w.Wake(0) // changes nothing
	w.Run(time.Hour + 10*ms)
	w.expect(0, `0 start 1 saved ""`, "3600000 wake", "3600000 timer", `3600000 echo "x" from B1`, `3600000 say "y" from B1`)
}

func TestNodePausedAndWokenWithinItsStepTime(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: 10 * ms}, 2)
	w.Slow(0, 1)
	w.say(1, 0, "1")
	w.say(1, 0, "2")
	w.Run(15 * ms) // the first is in hand, the second waits
	w.Pause(0)
	w.Run(16 * ms)
	w.Wake(0)
	w.Run(100 * ms)
	w.expect(0, `0 start 1 saved ""`, `10 say "1" from B1`, "20 wake", `30 say "2" from B1`)
}

func TestSlowNodeTakesTimeAndACrampedOneDrops(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms}, 2)
	w.Slow(0, 5)
	for i := range 4 {
		w.say(1, 0, fmt.Sprint(i))
	}
	w.Run(13 * ms)
	if n := w.Waiting(0); n != 3 {
		t.Errorf("%d inputs wait, want 3", n)
	}
	w.Run(100 * ms)
	w.expect(0, `0 start 1 saved ""`, `10 say "0" from B1`, `15 say "1" from B1`, `20 say "2" from B1`, `25 say "3" from B1`)
	w.Cramp(0, 2)
	for i := range 5 {
		w.say(1, 0, fmt.Sprint(i))
	}
	w.Run(200 * ms)
	w.expect(0, `110 say "0" from B1`, `115 say "1" from B1`, `120 say "2" from B1`)
	if n := w.Counts().Lost[sim.LossFull]; n != 2 {
		t.Errorf("%d messages found the inbox full, want 2", n)
	}
	w.Slow(0, 0)
	w.say(1, 0, "a")
	w.say(1, 0, "b")
	w.Run(300 * ms)
	w.expect(0, `210 say "a" from B1`, `210 say "b" from B1`)
}

// What a slow node does by the clock waits for one other input at most, however many do.
func TestTimersOfASlowNodeTakeTurns(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms}, 2)
	a := w.toys[0]
	w.Call(0, func() {
		for i := range 2 {
			a.After(12*ms, func() { a.note("timer %d", i) })
		}
	})
	w.Run(ms)
	w.Slow(0, 5)
	for i := range 4 {
		w.say(1, 0, fmt.Sprint(i))
	}
	w.Run(100 * ms)
	w.expect(0, `0 start 1 saved ""`, `11 say "0" from B1`, "16 timer 0", `21 say "1" from B1`, "26 timer 1",
		`31 say "2" from B1`, `36 say "3" from B1`)

	// Whose turn it is does not stand from before the node was idle.
	w.Slow(0, 0)
	w.Call(0, func() {
		for range 2 {
			a.After(ms, func() { a.note("before") })
		}
		a.After(11*ms, func() { a.note("behind the first") })
	})
	w.Run(100*ms + 500*time.Microsecond)
	w.Slow(0, 1)
	w.say(1, 0, "first")
	w.say(1, 0, "second")
	w.Run(200 * ms)
	w.expect(0, "101 before", "102 before", `110 say "first" from B1`, "111 behind the first", `112 say "second" from B1`)
}

// What a slow node hears of its neighbours does not stand behind all else that others send it, as it
// does not at package host. Of sixteen inputs it takes one of the rest.
func TestLivenessOvertakesTheRestAtASlowNode(t *testing.T) {
	const bulk, most, beats = 4, 40, 60
	w := newWorld(t, sim.Config{StepTime: ms}, 2)
	w.Slow(0, 1)
	w.Cramp(0, most)
	w.Call(1, func() {
		for i := range bulk {
			w.toys[1].Send(w.Handle(0), machine.ClassApp, &say{Text: fmt.Sprint(i)})
		}
		for range beats {
			w.toys[1].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "beat"})
		}
	})
	w.Run(10*ms + 500*time.Microsecond)
	w.Call(0, func() { w.toys[0].note("called") })
	w.Run(time.Second)
	want := []string{`0 start 1 saved ""`, `10 say "0" from B1`}
	for i, at := 0, 11; i < most; at++ {
		switch {
		case at-10 == 16:
			want = append(want, fmt.Sprintf(`%d say "1" from B1`, at))
		case at-10 == 32:
			want = append(want, fmt.Sprintf(`%d say "2" from B1`, at))
		default:
			want = append(want, fmt.Sprintf(`%d say "beat" from B1`, at))
			i++
		}
	}
	w.expect(0, append(want, "53 called", `54 say "3" from B1`)...)
	// They take no room from each other.
	if n := w.Counts().Lost[sim.LossFull]; n != beats-most {
		t.Errorf("%d messages found no room, want %d", n, beats-most)
	}
}

// A link is made while other messages wait, and what came over the one before goes first.
func TestLinksOfASlowNodeDoNotWaitForTheRest(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms, Connections: true}, 3)
	w.say(1, 0, "link")
	w.Run(time.Second)
	w.expect(0, `0 start 1 saved ""`, "30 up B1", `30 say "link" from B1`)
	w.Slow(0, 100)
	for range 20 {
		w.say(1, 0, "bulk")
	}
	w.Run(1015 * ms)
	w.say(2, 0, "beside")
	w.Crash(1)
	w.Restart(1)
	w.say(1, 0, "again")
	w.Run(10 * time.Second)
	bulk, before := 0, -1
	for _, line := range *w.logs[0] {
		switch _, what, _ := strings.Cut(line, " "); what {
		case "up C1":
			before = bulk
		case `say "bulk" from B1`:
			bulk++
		case "up B2":
			if bulk != 20 {
				t.Errorf("%d of 20 messages were taken when another link stood in place of theirs", bulk)
			}
			if before < 0 || before > 3 {
				t.Errorf("%d messages were taken before a link stood that has nothing to do with them", before)
			}
			return
		}
	}
	t.Errorf("no other link stands in place of the first: %q", *w.logs[0])
}

// A slow node takes one of the rest in sixteen inputs that others sent, however many timers ring as well.
func TestTheRestDoesNotWaitForTimers(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms}, 2)
	w.Call(0, func() {
		for range 40 {
			w.toys[0].After(11*ms, func() {})
		}
	})
	w.Run(ms)
	w.Slow(0, 1)
	w.say(1, 0, "bulk")
	w.Call(1, func() {
		for range 40 {
			w.toys[1].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "beat"})
		}
	})
	w.Run(time.Second)
	// The first timer rings after 11 ms, and then they take turns.
	if want := `42 say "bulk" from B1`; !slices.Contains(*w.logs[0], want) {
		t.Errorf("want %q, got %q", want, *w.logs[0])
	}
}

// What came over a link is taken after the news of the link and before its end, and before another one in its place, also where
// one of the rest goes before what is urgent.
func TestMessagesOfASlowNodeKeepToTheirLinks(t *testing.T) {
	last := func(w *world) {
		w.Call(1, func() { w.toys[1].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "last"}) })
	}
	for what, c := range map[string]struct {
		linked bool
		begin  time.Duration // before the beats that all this stands behind arrive
		then   func(w *world)
		want   []string
	}{
		"news": {false, 19 * ms, func(w *world) { w.say(1, 0, "first") }, []string{"up B1", `say "first" from B1`}},
		"end": {true, 0, func(w *world) { last(w); w.Run(1001 * ms); w.Crash(1) },
			[]string{"up B1", `say "link" from B1`, `say "last" from B1`, "down B1 closed"}},
		"another": {true, 0, func(w *world) { last(w); w.Run(1001 * ms); w.Die(1); w.Restart(1); w.say(1, 0, "again") },
			[]string{"up B1", `say "link" from B1`, `say "last" from B1`, "down B1 closed", "up B2", `say "again" from B2`}},
	} {
		w := newWorld(t, sim.Config{StepTime: ms, Connections: true}, 3)
		w.toys[0].quiet = true
		w.say(2, 0, "link")
		if c.linked {
			w.say(1, 0, "link")
		}
		w.Run(time.Second)
		w.Slow(0, 1)
		beats := func() {
			for range 60 {
				w.toys[2].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "beat"})
			}
		}
		if c.begin == 0 {
			w.Call(2, beats)
			w.Run(1000*ms + 500*time.Microsecond)
		}
		c.then(w)
		if c.begin > 0 {
			w.RunFor(c.begin)
			w.Call(2, beats)
		}
		w.Run(2 * time.Second)
		var got []string
		for _, line := range *w.logs[0] {
			if _, line, _ = strings.Cut(line, " "); strings.Contains(line, "B1") || strings.Contains(line, "B2") {
				got = append(got, line)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got  %q\n want %q", what, got, c.want)
		}
	}
}

// That a dial is refused does not wait for the rest either, as nothing came over the link.
func TestASlowNodeLearnsThatADialIsRefused(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms, Connections: true}, 3)
	w.toys[0].quiet = true
	w.say(2, 0, "link")
	w.Crash(1)
	w.Run(time.Second)
	w.Slow(0, 1)
	w.say(0, 1, "to nobody")
	w.Run(1005 * ms)
	for range 30 {
		w.say(2, 0, "bulk")
	}
	w.Run(2 * time.Second)
	if want := "1021 down B1 refused"; !slices.Contains(*w.logs[0], want) {
		t.Errorf("want %q, got %q", want, *w.logs[0])
	}
}

// Nor does a link wait for the rest that stands in place of one which the node has dialled in vain.
func TestASlowNodeIsDialledWhileItDials(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms, DialTimeout: 50 * ms, Connections: true}, 3)
	w.toys[0].quiet = true
	w.say(2, 0, "link")
	w.Die(1)
	w.Run(time.Second)
	w.Slow(0, 1)
	w.say(0, 1, "to nobody")
	w.Run(1035 * ms)
	w.Call(2, func() {
		for range 30 {
			w.toys[2].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "beat"})
		}
	})
	w.Run(1051 * ms) // the dial is over, and the node has not taken that in
	w.Restart(1)
	for range 60 {
		w.say(2, 0, "bulk")
	}
	w.Run(1052 * ms)
	w.say(1, 0, "again")
	w.Run(2 * time.Second)
	bulk := 0
	for _, line := range *w.logs[0] {
		switch {
		case strings.Contains(line, "bulk"):
			bulk++
		case strings.HasSuffix(line, " up B2"):
			if bulk > 25 { // as many as are taken while the two greet each other
				t.Errorf("%d messages were taken before the link stood", bulk)
			}
			return
		}
	}
	t.Errorf("no link stands: %q", *w.logs[0])
}

// An answer to a dial that took too long is none, also if it waited for the node itself.
func TestASlowNodesDialTakesTooLong(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: 100 * ms, DialTimeout: 50 * ms, Connections: true}, 2)
	w.Run(time.Second)
	w.Slow(0, 1)
	w.say(0, 1, "x")
	w.Run(2 * time.Second)
	w.expect(0, `0 start 1 saved ""`, "1200 down B1 unreachable")
	w.expect(1, `0 start 1 saved ""`)
}

// Only messages take the room that there is for messages.
func TestCallsTakeNoRoomOfMessages(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: 10 * ms}, 2)
	w.Slow(0, 1)
	w.Cramp(0, 2)
	w.Run(time.Second)
	for range 4 {
		w.Call(0, func() {})
	}
	w.Call(1, func() {
		for range 3 {
			w.toys[1].Send(w.Handle(0), machine.ClassLiveness, &say{Text: "beat"})
		}
	})
	w.Run(2 * time.Second)
	if n := w.Counts().Lost[sim.LossFull]; n != 1 {
		t.Errorf("%d of 3 messages found no room for two, want 1", n)
	}
}

// The result of work does not wait behind all that others sent: it is there before its own
// time-out.
func TestWorkOfASlowNodeIsDoneBeforeItsTimeOut(t *testing.T) {
	w := newWorld(t, sim.Config{StepTime: ms, WorkDelay: 12 * ms}, 2)
	a := w.toys[0]
	w.Call(0, func() {
		a.Tasks().Go(func(k *task.T) error {
			got, err := task.Work(k, 20*ms, func() (string, error) { return "result", nil })
			a.note("%q, %v", got, err)
			return nil
		}, nil)
	})
	w.Run(ms)
	w.Slow(0, 5)
	for i := range 4 {
		w.say(1, 0, fmt.Sprint(i))
	}
	w.Run(100 * ms)
	w.expect(0, `0 start 1 saved ""`, `11 say "0" from B1`, `16 "result", <nil>`, `21 say "1" from B1`,
		`26 say "2" from B1`, `31 say "3" from B1`)
}

func TestStopLetsANodeSayGoodbye(t *testing.T) {
	w := newWorld(t, sim.Config{}, 2)
	w.RunFor(ms)
	w.say(0, 1, "bye")
	w.Stop(0)
	w.RunFor(time.Second)
	w.expect(0, `0 start 1 saved ""`, "1 stop")
	w.expect(1, `0 start 1 saved ""`, `11 say "bye" from A1`)
	if w.Alive(0) {
		t.Error("a node is alive after Stop")
	}
}

func TestClocksRunAndJumpAsTold(t *testing.T) {
	w := newWorld(t, sim.Config{}, 1)
	b := w.add(func(s *sim.Spec) {
		s.Clock = sim.Clock{PPM: 1000, Boot: time.Minute, Wall: -time.Hour}
	})
	ring := make(map[sim.NodeRef]time.Duration)
	for _, n := range []sim.NodeRef{0, b} {
		w.Call(n, func() { w.toys[n].After(1001*time.Second, func() { ring[n] = w.Now() }) })
	}
	true0, skewed0 := w.Clocks(0), w.Clocks(b)
	if d := skewed0.Boot.Sub(true0.Boot); d != time.Minute {
		t.Errorf("the boot clock is %v ahead, want a minute", d)
	}
	if d := skewed0.Wall.Sub(true0.Wall); d != -time.Hour {
		t.Errorf("the time of day is %v ahead, want -1h", d)
	}
	w.Run(2000 * time.Second)
	if ring[0] != 1001*time.Second || ring[b] != 1000*time.Second {
		t.Errorf("timers of 1001 s rang after %v, and %v on a clock that is 0.1 %% fast", ring[0], ring[b])
	}
	now := w.Clocks(b)
	if d := now.Boot.Sub(skewed0.Boot); d != 2002*time.Second {
		t.Errorf("the fast clock went %v in 2000 s", d)
	}
	if d := now.Wall.Sub(skewed0.Wall); d != 2002*time.Second {
		t.Errorf("the fast time of day went %v in 2000 s", d)
	}
	w.JumpWall(b, 30*time.Minute)
	w.JumpWall(0, -time.Hour)
	if after := w.Clocks(b); after.Boot != now.Boot || after.Wall.Sub(now.Wall) != 30*time.Minute {
		t.Error("a jump of the time of day must move it, and leave the boot clock alone")
	}
	if got := w.Clocks(0).Wall.Sub(true0.Wall); got != 2000*time.Second-time.Hour {
		t.Errorf("the time of day of node A went %v in 2000 s, with a jump of -1h", got)
	}
}

// A timer follows its node's clock when that changes its speed.
func TestTimerFollowsTheClock(t *testing.T) {
	w := newWorld(t, sim.Config{}, 1)
	var rang time.Duration
	w.Call(0, func() { w.toys[0].After(100*time.Second, func() { rang = w.Now() }) })
	w.Run(50 * time.Second)
	before := w.Clocks(0)
	w.Skew(0, 250_000) // 40 s of true time for the 50 s that are left
	if w.Clocks(0) != before {
		t.Error("a clock jumped when its speed changed")
	}
	w.Run(200 * time.Second)
	if rang != 90*time.Second {
		t.Errorf("the timer rang after %v, want 90 s", rang)
	}
}

func TestScriptsRunInOrderAndMayChangeAll(t *testing.T) {
	w := newWorld(t, sim.Config{}, 1)
	var got []string
	at := func(d time.Duration, what string) {
		w.At(d, func() { got = append(got, fmt.Sprintf("%v %s", w.Now(), what)) })
	}
	at(2*ms, "b")
	at(ms, "a")
	w.At(2*ms, func() {
		at(0, "past is now")
		w.After(ms, func() { w.Crash(0); got = append(got, "crash") })
	})
	w.Call(0, func() { // in the middle of its own input
		w.Crash(0)
		if !w.Alive(0) {
			t.Error("a node died in the middle of an input")
		}
	})
	if !w.RunUntil(func() bool { return len(got) == 4 }, ms, time.Second) {
		t.Errorf("got %v", got)
	}
	if s := fmt.Sprint(got); s != "[1ms a 2ms b 2ms past is now crash]" {
		t.Errorf("got %v", s)
	}
	if w.Alive(0) {
		t.Error("the node that crashed itself is alive")
	}
	if w.RunUntil(func() bool { return false }, 7*ms, 50*ms) || w.Now() != 53*ms {
		t.Errorf("RunUntil stopped at %v, want its limit, 53ms", w.Now())
	}
}

func TestMisuseIsTold(t *testing.T) {
	w := newWorld(t, sim.Config{}, 2)
	good := sim.Spec{Handle: handle(5), Make: func(sim.NodeEnv) machine.Machine { return nil }}
	far, blind, twice := good, good, good
	far.Host = 5000
	blind.Make = nil
	twice.Handle = handle(0)
	for what, f := range map[string]func(){
		"host that is not there":      func() { w.Add(far) },
		"no maker":                    func() { w.Add(blind) },
		"two nodes of one id":         func() { w.Add(twice) },
		"node that is not there":      func() { w.Crash(7) },
		"restart of a running node":   func() { w.Restart(0) },
		"wipe of a running node":      func() { w.Wipe(0) },
		"run inside a run":            func() { w.After(0, func() { w.RunFor(ms) }); w.RunFor(ms) },
		"faults that cannot be":       func() { w.Inject(sim.Faults{Drop: 2}) },
		"a queue that does not exist": func() { sim.New(sim.Config{Queue: 9}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}

func TestMessageToOneselfIsABug(t *testing.T) {
	w := newWorld(t, sim.Config{}, 1)
	w.say(0, 0, "me")
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	w.RunFor(ms)
}
