package work_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

func items(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("item ", i))
	}
	return list
}

// Takers die and come back while items are offered from two nodes: each item is done and told
// so, no two are at work on one at a time, and none is done twice but by who died with it.
func TestEachItemIsDone(t *testing.T) {
	simtest.Seeds(t, simtest.Size(8, 3), func(t *testing.T, seed uint64) {
		y := newYard(t, seed, 7)
		for i := 2; i < 6; i++ {
			y.sheds[i].take(1+i%2, 2*time.Second)
		}
		all := items(40)
		y.sheds[0].offer(work.Options{}, all[:30]...)
		y.sheds[1].offer(work.Options{Wait: true}, all[30:]...)
		deaths := 0
		for range 3 {
			y.Sim.RunFor(time.Duration(y.Rand().Int64N(int64(6 * time.Second))))
			h := y.sheds[3+y.Rand().IntN(3)] // 2 stays
			y.Sim.Crash(h.node)
			deaths++
			y.Sim.RunFor(2 * time.Second)
			y.Sim.Restart(h.node)
			if !y.Sim.RunUntil(func() bool { return y.Ready(h.node) }, 100*time.Millisecond, time.Minute) {
				t.Fatal("it does not come back")
			}
			h.take(1, 2*time.Second)
		}
		y.until("all is done", 5*time.Minute, func() bool { return len(y.sheds[0].ends)+len(y.sheds[1].ends) == len(all) })
		again := 0
		for _, what := range all {
			if end := y.sheds[0].ends[what] + y.sheds[1].ends[what]; end != work.Done || y.did[what] < 1 {
				t.Errorf("%s: %s, done %d times", what, end, y.did[what])
			}
			again += y.did[what] - 1
		}
		if again > 2*deaths {
			t.Errorf("%d items were done again, after %d deaths of takers that had at most 2", again, deaths)
		}
		if y.twice > 0 {
			t.Errorf("%d times two were at work on one item", y.twice)
		}
		for _, h := range y.sheds {
			if left := h.work.List(); len(left) > 0 {
				t.Errorf("node %d has %+v", h.node, left)
			}
		}
	})
}

// Who waits for the topic, or comes a moment after the first offer, has what was offered, though nobody
// wanted to wait for him.
func TestTakerComesSoon(t *testing.T) {
	y := newYard(t, 5, 6)
	h := y.sheds[0]
	h.offer(work.Options{}, "item")
	y.Sim.RunFor(2500 * time.Millisecond)
	k := y.sheds[2].take(1, time.Second)
	y.until("item is in his hands", 5*time.Second, func() bool { return len(k.jobs) == 1 })
	y.until("it is done", time.Minute, func() bool { return h.ends["item"] == work.Done })
}

// Without takers the outcome is none, within seconds; who wants to wait is served when one comes; one
// who is busy is waited for, and those who offer do not have to ask him again and again.
func TestNobody(t *testing.T) {
	y := newYard(t, 5, 5)
	h := y.sheds[0]
	h.offer(work.Options{}, "now")
	y.until("none", 10*time.Second, func() bool { return h.ends["now"] == work.None })
	h.offer(work.Options{Wait: true}, "later")
	y.Sim.RunFor(time.Minute)
	if len(h.ends) != 1 {
		t.Errorf("the outcomes are %v", h.ends)
	}
	k := y.sheds[3].take(1, 20*time.Second)
	y.until("later is in his hands", 15*time.Second, func() bool { return len(k.jobs) == 1 })
	began := y.Sim.Now()
	h.offer(work.Options{}, "next")
	y.sheds[1].offer(work.Options{}, "after", "all")
	y.until("all is done", 3*time.Minute, func() bool { return len(h.ends) == 3 && len(y.sheds[1].ends) == 2 })
	if y.did["now"] != 0 || y.did["later"]+y.did["next"]+y.did["after"]+y.did["all"] != 4 {
		t.Errorf("done were %v", y.did)
	}
	if took := y.Sim.Now() - began; took > 4*30*time.Second+8*time.Second {
		t.Errorf("four items of up to 30 s took %v", took)
	}
}

// Where the topic of an item is gone it is looked for later each time, once an hour in the end, and the list
// says when; when it is back the item is offered.
func TestTopicIsGone(t *testing.T) {
	y := newYard(t, 5, 5)
	h, k := y.sheds[0], y.sheds[2]
	y.Sim.Crash(h.node)
	key, value := work.Kept("ann/thumbs", ann.Public(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	if err := h.disk.Put(work.Table, key, value); err != nil {
		t.Fatal(err)
	}
	y.Sim.RunFor(time.Second)
	y.Sim.Restart(h.node)
	in := func() time.Duration {
		_, when, _ := strings.Cut(h.work.List()[0].Why, "again in ")
		d, err := time.ParseDuration(when)
		if err != nil {
			t.Fatalf("the list says %q: %v", h.work.List()[0].Why, err)
		}
		return d
	}
	looked := 0
	for before := time.Duration(0); y.Sim.Now() < 2*time.Hour; y.Sim.RunFor(5 * time.Second) {
		if y.Ready(h.node) && h.work.List()[0].Why != "" {
			if now := in(); now > before {
				looked++
			}
			before = in()
		}
	}
	if looked < 8 || looked > 10 {
		t.Errorf("it was looked for %d times in two hours, want 10 s, 20 s and so on", looked)
	}

	// An item that does not wait is told so at once, whatever rests before it.
	outcome := work.Outcome("")
	h.must(func(t *task.T) error {
		_, err := h.work.Opened(name("ann/thumbs"), ann.Public(), work.Options{Wait: true}).Add(t, slices.Repeat([][]byte{[]byte("patient")}, 9)...)
		if err == nil {
			_, err = h.work.Opened(name("ann/thumbs"), ann.Public(), work.Options{Tell: func(e work.Event) { outcome = e.Outcome }}).Add(t, []byte("hasty"))
		}
		if n := h.work.Walks(name("ann/thumbs")); n != 1 {
			return fmt.Errorf("%d searches for a topic that is gone", n)
		}
		return err
	})
	y.until("it has its outcome", time.Minute, func() bool { return outcome == work.None })

	// When the time has come to look for the topic again, one of all that wait does.
	h.must(func(t *task.T) error {
		h.work.Look(name("ann/thumbs"))
		if n := h.work.Walks(name("ann/thumbs")); n != 1 {
			return fmt.Errorf("%d searches at the hourly look for a topic that is gone", n)
		}
		return nil
	})
	y.Sim.RunFor(time.Second)

	// Of many it is not found out for one after the other.
	var told []time.Duration
	h.must(func(t *task.T) error {
		_, err := h.work.Opened(name("ann/cats"), ann.Public(), work.Options{Tell: func(e work.Event) {
			if e.Outcome == work.None {
				told = append(told, y.Sim.Now())
			}
		}}).Add(t, slices.Repeat([][]byte{[]byte("hasty")}, 200)...)
		return err
	})
	y.until("they have their outcomes", time.Minute, func() bool { return len(told) == 200 })
	if took := told[199] - told[0]; took > time.Millisecond { // a search takes 20 µs here: this node is one that keeps the name
		t.Errorf("200 items were told one after the other, for %v", took)
	}

	k.must(func(t *task.T) error {
		return k.dir.Put(t, (&directory.Record{Name: "ann", Version: 1}).Sign(ring, ann, t.Env().Wall()))
	})
	var got []string
	err := y.Call(k.node, time.Hour+time.Minute, func(t *task.T) error { // waits until the offerer has brought the topic back
		_, err := k.work.Take(t, name("ann/thumbs"), work.TakeOptions{By: ann, Slots: 16, Waiting: func() bool { return true },
			Job: func(j work.Job) { got = append(got, string(j.Body)) }})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	y.until("it is taken", time.Minute, func() bool { return slices.Contains(got, "old") })
}

// A search that finds the topic ends the rest of all that waits for it; what does not wait, and comes back
// from its taker while the queue rests as the topic is gone, is told so.
func TestRestEnds(t *testing.T) {
	y := newYard(t, 6, 4)
	h := y.sheds[0]
	offers, _ := h.offer(work.Options{Wait: true})
	h.must(func(t *task.T) error {
		_, err := offers.Add(t, []byte("cat")) // a taker is being looked for
		h.work.Gone(thumbs)
		return err
	})
	k := y.sheds[2].take(2, time.Second, func(k *taker) { k.fail = func(j work.Job) bool { return string(j.Body) == "dog" } })
	y.until("it is taken", time.Minute, func() bool { return len(k.jobs) == 1 })

	outcome := work.Outcome("")
	h.must(func(t *task.T) error {
		_, err := h.work.Opened(thumbs, ann.Public(), work.Options{Tries: 2, Tell: func(e work.Event) { outcome = e.Outcome }}).Add(t, []byte("dog"))
		return err
	})
	y.until("the other one is taken", time.Minute, func() bool { return len(k.jobs) == 2 })
	y.Sim.Call(h.node, func() { h.work.Gone(thumbs) })
	y.until("it has its outcome", time.Minute, func() bool { return outcome == work.None })
}

// An item that fails is offered again, later each time, and then not any more. One that nobody
// listens to stays in the list until it is withdrawn.
func TestFailures(t *testing.T) {
	y := newYard(t, 5, 4)
	h, bad := y.sheds[0], map[string]int{}
	k := y.sheds[2].take(2, time.Second, func(k *taker) {
		k.fail = func(j work.Job) bool {
			bad[string(j.Body)]++
			return string(j.Body) != "mends" || bad["mends"] < 2
		}
	})
	h.offer(work.Options{Tries: 4}, "poison", "mends")
	y.until("both are over", time.Minute, func() bool { return len(h.ends) == 2 })
	if h.ends["poison"] != work.Failed || h.ends["mends"] != work.Done || bad["poison"] != 4 || bad["mends"] != 2 {
		t.Errorf("%v after %v", h.ends, bad)
	}
	if last := k.jobs[len(k.jobs)-1]; last.Before != 3 {
		t.Errorf("the last try is told as %+v", last)
	}
	why := ""
	for _, e := range h.told {
		if e.Outcome == work.Failed {
			why = e.Why
		}
	}
	if why != "it failed" {
		t.Errorf("the reason is %q", why)
	}
	offers, ids := h.offer(work.Options{Tries: 1}, "unheard")
	h.must(func(*task.T) error { offers.Close(); return nil })
	y.until("it is over", time.Minute, func() bool { l := h.work.List(); return len(l) == 1 && l[0].State == work.Over })
	y.Sim.Crash(h.node)
	y.Sim.RunFor(time.Second)
	y.Sim.Restart(h.node)
	y.until("it is listed again", time.Minute, func() bool { return len(h.work.List()) == 1 })
	if l := h.work.List()[0]; l.Item != ids[0] || l.Outcome != work.Failed || l.Why != "it failed" {
		t.Errorf("listed is %+v", l)
	}
	var s work.Survey
	sees := func() bool {
		var err error
		s, err = y.sheds[1].survey()
		return err == nil && len(s.Items) == 1
	}
	if !y.Sim.RunUntil(sees, 10*time.Second, 5*time.Minute) || s.Items[0].Item != ids[0] || s.Items[0].Outcome != work.Failed {
		t.Errorf("the topic's owner sees %+v", s)
	}
	h.must(func(t *task.T) error {
		if n, err := h.work.Withdraw(t, thumbs, ids[0]); n != 1 || err != nil {
			return fmt.Errorf("withdrawn %d, %v", n, err)
		}
		return nil
	})
	if l := h.work.List(); len(l) != 0 {
		t.Errorf("left is %+v", l)
	}
}

// The offerer's node dies and comes back: those at work go on, their confirmations count, and
// what was queued is done.
func TestOffererComesBack(t *testing.T) {
	simtest.Seeds(t, simtest.Size(6, 2), func(t *testing.T, seed uint64) {
		y := newYard(t, seed, 6)
		h := y.sheds[0]
		h.offer(work.Options{Wait: true}, items(10)...)
		y.sheds[2].take(1, 3*time.Second)
		k := y.sheds[3].take(2, 40*time.Second)
		y.until("they are at work", time.Minute, func() bool { return len(k.jobs) >= 2 })
		y.Sim.RunFor(time.Duration(y.Rand().Int64N(int64(20 * time.Second))))
		y.Sim.Crash(h.node)
		y.Sim.RunFor(time.Duration(y.Rand().Int64N(int64(30 * time.Second))))
		y.Sim.Restart(h.node)
		y.until("nothing is left", 10*time.Minute, func() bool { return y.Ready(h.node) && len(y.did) == 10 && len(h.work.List()) == 0 })
		for what, n := range y.did {
			if n != 1 {
				t.Errorf("%s was done %d times", what, n)
			}
		}
		if y.twice != 0 {
			t.Errorf("%d times two were at work on one item", y.twice)
		}
	})
}

// What nobody had when the offerer's node died is with a taker within seconds once it is back.
func TestLeftIsOffered(t *testing.T) {
	simtest.Seeds(t, simtest.Size(64, 20), func(t *testing.T, seed uint64) {
		y := newYard(t, seed, 3)
		h := y.sheds[0]
		h.offer(work.Options{Wait: true}, "left")
		y.Sim.RunFor(time.Duration(y.Rand().Int64N(int64(20 * time.Second))))
		y.Sim.Crash(h.node)
		k := y.sheds[2].take(1, time.Second)
		y.Sim.RunFor(time.Duration(y.Rand().Int64N(int64(20 * time.Second))))
		y.Sim.Restart(h.node)
		y.until("it is in the ring", time.Minute, func() bool { return y.Ready(h.node) })
		y.until("he has it", 5*time.Second, func() bool { return len(k.jobs) == 1 })
	})
}

// Who goes gives back what he has; what is withdrawn is lost to who has it, and he is told.
func TestGivenBackAndWithdrawn(t *testing.T) {
	y := newYard(t, 5, 4)
	h := y.sheds[0]
	k := y.sheds[2].take(3, time.Second, func(k *taker) { k.mute = true })
	_, ids := h.offer(work.Options{}, "a", "b", "c")
	y.until("he has them", time.Minute, func() bool { return len(k.jobs) == 3 })
	h.must(func(t *task.T) error {
		n, err := h.work.Withdraw(t, thumbs, ids[1])
		if n != 1 {
			return fmt.Errorf("%d withdrawn", n)
		}
		return err
	})
	y.until("he is told", time.Minute, func() bool { return k.lost == 1 })
	y.Sim.RunFor(2 * time.Minute)
	if len(k.jobs) != 3 || len(h.ends) != 1 {
		t.Errorf("who works on for long was given %d, outcomes %v", len(k.jobs), h.ends)
	}
	clear(y.doing)
	y.sheds[3].take(1, time.Second)
	y.Sim.Call(k.h.node, k.post.Close)
	y.until("the others are done", 20*time.Second, func() bool { return len(h.ends) == 3 })
	if h.ends["a"] != work.Done || h.ends["b"] != work.Withdrawn || h.ends["c"] != work.Done {
		t.Errorf("outcomes %v", h.ends)
	}
	k.h.must(func(t *task.T) error {
		if err := k.post.Confirm(t, ids[0], work.Report{}); !errors.Is(err, work.ErrNotHeld) {
			return fmt.Errorf("who has gone confirms: %w", err)
		}
		return nil
	})
}

// Who may not publish offers nothing, and who may not read takes nothing, even by messages that
// are forged; a node offers to programs of its own, too.
func TestRights(t *testing.T) {
	y := newYard(t, 5, 4)
	h, away := y.sheds[0], y.sheds[2]
	rules := topic.DefaultRules(thumbs)
	rules.AllPublish, rules.AllRead = false, false
	h.must(func(t *task.T) error { return h.topics.Set(t, thumbs, ann, rules) })
	err := away.call(func(t *task.T) error {
		_, err := away.work.Take(t, thumbs, work.TakeOptions{By: bob, Slots: 1, Job: func(work.Job) {}})
		return err
	})
	if !errors.Is(err, msg.ErrDenied) {
		t.Errorf("bob takes: %v", err)
	}
	k := new(taker)
	h.must(func(t *task.T) (err error) {
		k.post, err = h.work.Take(t, thumbs, work.TakeOptions{By: ann, Slots: 1, Job: func(j work.Job) { k.jobs = append(k.jobs, j) }})
		return err
	})
	var end work.Event
	err = away.call(func(t *task.T) error {
		o, err := away.work.Open(t, thumbs, bob, work.Options{Tell: func(e work.Event) { end = e }})
		if err == nil {
			_, err = o.Add(t, []byte("x"))
		}
		return err
	})
	y.Sim.RunFor(10 * time.Second)
	if !errors.Is(err, msg.ErrDenied) && end.Outcome != work.Failed || len(k.jobs) != 0 {
		t.Errorf("bob offers: %v, %+v; %d jobs", err, end, len(k.jobs))
	}
	_, ids := h.offer(work.Options{Wait: true}, "own")
	y.until("ann has her own item", time.Minute, func() bool { return len(k.jobs) == 1 })
	away.must(func(t *task.T) error {
		ep := y.Node(away.node).Endpoint(appWork)
		group := msg.GroupID(ring, ann.Public(), "/thumbnails")
		for _, b := range append(work.Forged(ids[0]), work.Unasked(group, ann.Public()), work.Unasked(group, bob.Public()), []byte{77}, nil) {
			_, err := kbr.CallPeer(t, ep, y.Node(h.node).Self(), b, kbr.Options{})
			var refused *kbr.RefusedError
			if !errors.As(err, &refused) {
				return fmt.Errorf("%x was taken: %w", b, err)
			}
		}
		return nil
	})
	if len(k.jobs) != 1 || len(h.ends) != 0 {
		t.Errorf("forged messages: %d jobs, %v", len(k.jobs), h.ends)
	}
	h.must(func(t *task.T) error { return k.post.Confirm(t, ids[0], work.Report{}) })
	if h.ends["own"] != work.Done {
		t.Errorf("outcomes %v", h.ends)
	}
}

// What is out of bounds is refused, and changes nothing.
func TestBounds(t *testing.T) {
	y := newYard(t, 5, 3)
	h := y.sheds[0]
	h.must(func(t *task.T) error {
		for _, n := range []int{-1, work.MaxTries + 1} {
			if _, err := h.work.Open(t, thumbs, ann, work.Options{Tries: n}); !errors.Is(err, work.ErrOptions) {
				return fmt.Errorf("%d tries: %w", n, err)
			}
		}
		for _, n := range []int{0, work.MaxSlots + 1} {
			if _, err := h.work.Take(t, thumbs, work.TakeOptions{Slots: n, Job: func(work.Job) {}}); !errors.Is(err, work.ErrOptions) {
				return fmt.Errorf("%d slots: %w", n, err)
			}
		}
		o, err := h.work.Open(t, thumbs, ann, work.Options{Wait: true})
		if err != nil {
			return err
		}
		if _, err := o.Add(t, []byte("small"), make([]byte, work.MaxItem+1)); !errors.Is(err, work.ErrTooLarge) {
			return fmt.Errorf("a large item: %w", err)
		}
		full := 0
		for ; err == nil; full++ {
			_, err = o.Add(t, make([]byte, work.MaxItem))
		}
		if !errors.Is(err, work.ErrFull) || full < 900 {
			return fmt.Errorf("after %d items: %w", full, err)
		}
		if n, err := h.work.Withdraw(t, thumbs); n != full-1 || err != nil {
			return fmt.Errorf("withdrawn %d of %d: %w", n, full, err)
		}
		return nil
	})
	if l := h.work.List(); len(l) != 0 {
		t.Errorf("%d are left", len(l))
	}
}

func TestMessages(t *testing.T) {
	good, bad := work.Messages(ann.Public())
	for _, m := range good {
		if again, err := work.Decode(work.Encode(m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v is read as %+v, %v", m, again, err)
		}
	}
	for what, m := range bad {
		if m, err := work.Decode(work.Encode(m)); err == nil {
			t.Errorf("%s: read as %+v", what, m)
		}
	}
}

func FuzzMessages(f *testing.F) {
	good, _ := work.Messages(ann.Public())
	for _, m := range good {
		f.Add(work.Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := work.Decode(b)
		if err != nil {
			return
		}
		if again, err := work.Decode(work.Encode(m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v is read again as %+v, %v", m, again, err)
		}
	})
}
