package task_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story collects what happens, in order.
type story []string

func (s *story) tell(format string, a ...any) { *s = append(*s, fmt.Sprintf(format, a...)) }

func (s *story) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(*s, lines) {
		t.Errorf("happened:\n  %s\nwant:\n  %s", strings.Join(*s, "\n  "), strings.Join(lines, "\n  "))
	}
}

func TestSleep(t *testing.T) {
	w, s := newWorld(), new(story)
	w.input(func() {
		w.group.Go(func(t *task.T) error {
			s.tell("begins")
			err := t.Sleep(time.Second)
			s.tell("awake at %d ms: %v", t.Env().Now()/1e6, err)
			return errors.New("the end")
		}, func(err error) { s.tell("done: %v", err) })
		s.tell("Go returned")
	})
	w.pass(999 * time.Millisecond)
	s.tell("999 ms passed")
	w.pass(time.Millisecond)
	s.want(t, "begins", "Go returned", "999 ms passed", "awake at 1000 ms: <nil>", "done: the end")
	if w.group.Len() != 0 || len(w.timers) != 0 {
		t.Error("something is left")
	}
}

// Tasks go on in the order in which their waits ended, whatever the order of
// their start.
func TestOrder(t *testing.T) {
	w, s := newWorld(), new(story)
	for i, d := range []time.Duration{3, 1, 2, 1} {
		w.group.Go(func(t *task.T) error {
			t.Sleep(d * time.Second)
			s.tell("%d after %d", i, d)
			return nil
		}, nil)
	}
	w.pass(time.Minute)
	s.want(t, "1 after 1", "3 after 1", "2 after 2", "0 after 3")
}

func TestAwait(t *testing.T) {
	refused := errors.New("refused")
	for _, c := range []struct {
		name string
		act  func(w *world, resolve func(string, error))
		want string
	}{
		{"an answer", func(w *world, resolve func(string, error)) { w.input(func() { resolve("yes", nil) }) }, "yes <nil> at 0s"},
		{"an error", func(w *world, resolve func(string, error)) { w.input(func() { resolve("", refused) }) }, " refused at 0s"},
		{"no answer", func(*world, func(string, error)) {}, " no answer in time at 5s"},
		{"two answers", func(w *world, resolve func(string, error)) {
			w.input(func() { resolve("first", nil); resolve("second", refused) })
		}, "first <nil> at 0s"},
		{"too late", func(w *world, resolve func(string, error)) {
			w.pass(6 * time.Second)
			w.input(func() { resolve("late", nil) })
		}, " no answer in time at 5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s := newWorld(), new(story)
			var resolve func(string, error)
			w.group.Go(func(t *task.T) error {
				v, err := task.Await(t, 5*time.Second, func(r func(string, error)) { resolve = r })
				s.tell("%s %v at %v", v, err, time.Duration(t.Env().Now()))
				return nil
			}, nil)
			c.act(w, resolve)
			w.pass(10 * time.Second)
			s.want(t, c.want)
			if len(w.timers) != 0 {
				t.Error("a timer is left")
			}
		})
	}
}

func TestAwaitAnsweredAtOnce(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Go(func(t *task.T) error {
		for i := range 3 { // the task is queued and running: no wait may end by that
			v, _ := task.Await(t, time.Second, func(r func(int, error)) { r(i, nil) })
			s.tell("%d", v)
		}
		t.Sleep(time.Second)
		s.tell("slept until %v", time.Duration(t.Env().Now()))
		return nil
	}, nil)
	w.pass(time.Second)
	s.want(t, "0", "1", "2", "slept until 1s")
}

func TestGather(t *testing.T) {
	w, s := newWorld(), new(story)
	resolve := make([]func(int, error), 3)
	w.group.Go(func(t *task.T) error {
		rs, err := task.Gather(t, time.Second, 3, func(i int, r func(int, error)) { resolve[i] = r }, nil)
		s.tell("%v %v", rs, err)
		return nil
	}, nil)
	w.input(func() { resolve[2](20, nil) })
	w.input(func() { resolve[0](0, errors.New("no")); resolve[0](1, nil) })
	w.pass(time.Second)
	w.input(func() { resolve[1](10, nil) })
	s.want(t, "[{0 no true} {0 no answer in time false} {20 <nil> true}] <nil>")
}

func TestGatherEnough(t *testing.T) {
	w, s := newWorld(), new(story)
	resolve := make([]func(int, error), 5)
	majority := func(so []task.Result[int]) bool {
		n := 0
		for _, r := range so {
			if r.Done && r.Err == nil {
				n++
			}
		}
		return n >= 3
	}
	w.group.Go(func(t *task.T) error {
		rs, err := task.Gather(t, time.Minute, 5, func(i int, r func(int, error)) { resolve[i] = r }, majority)
		for i, r := range rs {
			s.tell("%d: %v", i, r)
		}
		return err
	}, func(err error) { s.tell("%v at %v", err, time.Duration(w.now)) })
	for _, i := range []int{4, 1, 3} {
		w.pass(time.Second)
		w.input(func() { resolve[i](i, nil) })
	}
	s.want(t, "0: {0 no answer in time false}", "1: {1 <nil> true}", "2: {0 no answer in time false}",
		"3: {3 <nil> true}", "4: {4 <nil> true}", "<nil> at 3s")
}

func TestGatherNothing(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Go(func(t *task.T) error {
		rs, err := task.Gather(t, time.Second, 0, func(int, func(int, error)) { s.tell("asked") }, nil)
		s.tell("%d %v", len(rs), err)
		return nil
	}, nil)
	s.want(t, "0 <nil>")
}

func TestWork(t *testing.T) {
	w, s := newWorld(), new(story)
	job := func(v int, err error) func(*task.T) error {
		return func(t *task.T) error {
			got, err := task.Work(t, time.Second, func() (int, error) { return v, err })
			s.tell("%d %v at %v", got, err, time.Duration(t.Env().Now()))
			return nil
		}
	}
	w.group.Go(job(7, nil), nil)
	w.group.Go(job(0, errors.New("disk full")), nil)
	w.finish()
	w.group.Go(job(8, nil), nil)
	w.pass(2 * time.Second)
	w.finish()
	s.want(t, "7 <nil> at 0s", "0 disk full at 0s", "0 no answer in time at 1s")
}

// What was done before the machine stood still, or is done soon after it goes on, is not too late; what is not done
// then is.
func TestWorkWhileTheMachineStoodStill(t *testing.T) {
	w, s := newWorld(), new(story)
	for range 2 {
		w.group.Go(func(t *task.T) error {
			got, err := task.Work(t, time.Minute, func() (int, error) { return 7, nil })
			s.tell("%d %v at %v", got, err, time.Duration(t.Env().Now()))
			return nil
		}, nil)
	}
	late := w.work[1:]
	w.work = w.work[:1]
	w.now = w.now.Add(time.Hour)
	w.pass(14 * time.Second) // timers first
	w.finish()
	w.pass(time.Minute)
	w.work = late
	w.finish()
	s.want(t, "7 <nil> at 1h0m14s", "0 no answer in time at 1h0m15s")
	if len(w.timers) > 0 {
		t.Errorf("%d timers are left", len(w.timers))
	}
}

func TestWaitWithoutTimeoutPanics(t *testing.T) {
	for _, wait := range []func(*task.T) error{
		func(t *task.T) error { _, err := task.Await(t, 0, func(func(int, error)) {}); return err },
		func(t *task.T) error { _, err := task.Work(t, 0, func() (int, error) { return 0, nil }); return err },
	} {
		func() {
			w := newWorld()
			defer func() {
				if recover() == nil {
					t.Error("a wait without an end was accepted")
				}
				w.group.Stop()
			}()
			w.group.Go(wait, nil)
		}()
	}
}

// Every wait of a stopped group ends with ErrStopped, also the later ones, and
// nothing is left.
func TestStop(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Go(func(t *task.T) error {
		s.tell("sleep: %v", t.Sleep(time.Hour))
		s.tell("sleep: %v", t.Sleep(time.Hour))
		_, err := task.Await(t, time.Hour, func(r func(int, error)) { r(1, nil) })
		s.tell("await: %v", err)
		_, err = task.Work(t, time.Hour, func() (int, error) { return 1, nil })
		s.tell("work: %v", err)
		_, err = task.Gather(t, time.Hour, 2, func(int, func(int, error)) {}, nil)
		s.tell("gather: %v", err)
		w.group.Go(func(*task.T) error { s.tell("a new task"); return nil }, func(err error) { s.tell("new: %v", err) })
		return err
	}, func(err error) { s.tell("done: %v", err) })
	w.group.Stop()
	stopped := task.ErrStopped.Error()
	s.want(t, "sleep: "+stopped, "sleep: "+stopped, "await: "+stopped, "work: "+stopped, "gather: "+stopped, "new: "+stopped, "done: "+stopped)
	w.group.Stop()
	if w.group.Len() != 0 || len(w.timers) != 0 {
		t.Errorf("%d tasks and %d timers are left", w.group.Len(), len(w.timers))
	}
}

// An answer that comes at the moment of the stop does not let a task go on.
func TestStopWhileReady(t *testing.T) {
	w, s := newWorld(), new(story)
	var resolve func(int, error)
	w.group.Go(func(t *task.T) error {
		_, err := task.Await(t, time.Hour, func(r func(int, error)) { resolve = r })
		return err
	}, func(err error) { s.tell("%v", err) })
	resolve(1, nil) // and the tasks are not run before the stop
	w.group.Stop()
	s.want(t, task.ErrStopped.Error())
}

func TestGoOnAStoppedGroup(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Stop()
	w.group.Go(func(*task.T) error { s.tell("ran"); return nil }, nil)
	w.group.Go(func(*task.T) error { s.tell("ran"); return nil }, func(err error) { s.tell("%v", err) })
	s.want(t, task.ErrStopped.Error())
}

// A task that is started by a task begins when that one gives way; one that is
// started by a done function, at once after it.
func TestTasksThatStartTasks(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Go(func(t *task.T) error {
		w.group.Go(func(*task.T) error { s.tell("child"); return nil }, func(error) {
			w.group.Go(func(*task.T) error { s.tell("grandchild"); return nil }, nil)
			s.tell("child done")
		})
		s.tell("parent")
		t.Sleep(time.Second)
		s.tell("parent awake")
		return nil
	}, nil)
	w.pass(time.Second)
	s.want(t, "parent", "child", "child done", "grandchild", "parent awake")
}

// A task that is dropped would hold its goroutine for ever: Stop ends them all.
func TestThousandParkedTasks(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWorld()
	done := 0
	for range 1000 {
		w.group.Go(func(t *task.T) error { return t.Sleep(time.Hour) }, func(err error) {
			if err == task.ErrStopped {
				done++
			}
		})
	}
	if got := runtime.NumGoroutine(); got < 1000 { // one of before may have ended meanwhile
		t.Fatalf("%d goroutines with 1,000 tasks parked, %d without: the count below proves nothing", got, before)
	}
	w.group.Stop()
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines, %d before", got, before)
	}
	if done != 1000 || len(w.timers) != 0 {
		t.Errorf("%d tasks ended, %d timers left", done, len(w.timers))
	}
}

// A panic in a task is a bug of the node: it surfaces on the loop, and the other
// tasks can still be ended.
func TestPanicInATask(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Go(func(t *task.T) error { return t.Sleep(time.Hour) }, func(err error) { s.tell("other: %v", err) })
	w.group.Go(func(t *task.T) error {
		t.Sleep(time.Second)
		panic("a bug")
	}, func(err error) { s.tell("broken: %v", err) })
	func() {
		defer func() { s.tell("panic: %v", recover()) }()
		w.pass(time.Second)
	}()
	w.group.Stop()
	s.want(t, "panic: a bug", "broken: "+task.ErrStopped.Error(), "other: "+task.ErrStopped.Error())
}

// A driver sees a panic where it happens, and may wrap it.
func TestPanicked(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Panicked = func(v any) any {
		stack := make([]byte, 4096)
		s.tell("in the task: %v", strings.Contains(string(stack[:runtime.Stack(stack, false)]), "task_test.go"))
		return fmt.Sprint("wrapped: ", v)
	}
	w.group.Go(func(t *task.T) error { return nil }, func(error) { s.tell("a task without a panic") })
	func() {
		defer func() { s.tell("panic: %v", recover()) }()
		w.group.Go(func(t *task.T) error { panic("a bug") }, nil)
	}()
	w.group.Stop()
	s.want(t, "a task without a panic", "in the task: true", "panic: wrapped: a bug")
}

func TestInstant(t *testing.T) {
	a := task.Instant(5)
	if b := a.Add(time.Second); b.Sub(a) != time.Second || !a.Before(b) || b.Before(a) || a.Before(a) {
		t.Error(a, b)
	}
	if (task.Timer{}).Stop() {
		t.Error("the zero Timer was pending")
	}
}

func BenchmarkStartParkEnd(b *testing.B) {
	w := newWorld()
	var resolve func(int, error)
	b.ReportAllocs()
	for b.Loop() {
		w.group.Go(func(t *task.T) error {
			_, err := task.Await(t, time.Second, func(r func(int, error)) { resolve = r })
			return err
		}, nil)
		w.input(func() { resolve(1, nil) })
	}
}

// Tasks that come one after another, or wait for each other, are the same on coroutines that
// are kept; a group that is stopped keeps none (goleak).
func TestSpare(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Spare = 2
	wait := func(name string, d time.Duration, then func()) {
		w.group.Go(func(t *task.T) error {
			err := t.Sleep(d)
			s.tell("%s: %v", name, err)
			if then != nil {
				then()
			}
			return err
		}, func(err error) { s.tell("%s done: %v", name, err) })
	}
	w.input(func() {
		for _, name := range []string{"a", "b", "c"} {
			wait(name, time.Second, nil)
		}
	})
	w.pass(time.Second)
	w.input(func() {
		wait("d", time.Second, func() { wait("e", time.Second, nil) })
		wait("f", time.Hour, nil)
	})
	w.pass(2 * time.Second)
	w.group.Stop()
	s.want(t, "a: <nil>", "a done: <nil>", "b: <nil>", "b done: <nil>", "c: <nil>", "c done: <nil>",
		"d: <nil>", "d done: <nil>", "e: <nil>", "e done: <nil>", "f: the node is stopping", "f done: the node is stopping")
	if n := w.group.Len(); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
}

// A panic of a task on a coroutine that is kept surfaces as that of any, and takes the coroutine with it.
// A task that was answered before it waited is woken once more than it waits: by then it may have ended, and
// its coroutine have no task, or another one.
func TestAnsweredBeforeItWaits(t *testing.T) {
	w, s := newWorld(), new(story)
	w.group.Spare = 2
	for range 2 {
		w.input(func() {
			w.group.Go(func(t *task.T) error {
				n, err := task.Await(t, time.Second, func(resolve func(int, error)) { resolve(7, nil) })
				s.tell("answered %d, %v", n, err)
				return err
			}, func(err error) {
				s.tell("done: %v", err)
				w.group.Go(func(t *task.T) error {
					s.tell("another begins")
					err := t.Sleep(time.Second)
					s.tell("another is awake: %v", err)
					return err
				}, nil)
			})
		})
	}
	w.pass(time.Second)
	w.group.Stop()
	s.want(t, "answered 7, <nil>", "done: <nil>", "another begins", "answered 7, <nil>", "done: <nil>", "another begins",
		"another is awake: <nil>", "another is awake: <nil>")
}

func TestSparePanics(t *testing.T) {
	w := newWorld()
	w.group.Spare = 2
	begin := func(f func(*task.T) error) (caught any) {
		defer func() { caught = recover() }()
		w.input(func() { w.group.Go(f, nil) })
		return nil
	}
	fine := func(*task.T) error { return nil }
	if v := begin(fine); v != nil {
		t.Fatalf("panic %v", v)
	}
	if v := begin(func(*task.T) error { panic("broken") }); v != "broken" {
		t.Errorf("panic %v, want that of the task", v)
	}
	w.group.Stop()
}
