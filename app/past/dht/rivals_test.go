package dht_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// apart parts the world for so long that each part is sure to be all there is.
func (w *world) apart(parts int) {
	groups := make([][]*kbrtest.Node, parts)
	for i, m := range w.members {
		groups[i%parts] = append(groups[i%parts], m.node)
	}
	w.net.Partition(groups...)
	w.net.Run(25 * time.Minute)
}

func (w *world) meet() {
	w.net.Heal()
	w.net.Run(2 * time.Minute)
}

// mustPut puts values, one after the other.
func (w *world) mustPut(i int, key string, values ...string) {
	w.t.Helper()
	for _, v := range values {
		if _, err := w.put(i, key, v); err != nil {
			w.t.Fatalf("node %d puts %s: %v", i, v, err)
		}
	}
}

// rivals are those of an entry in words, sorted.
func (w *world) rivals(i int, key string) (list []string) {
	w.t.Helper()
	if err := w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) error {
		rs, err := d.Rivals(t, key)
		for _, r := range rs {
			s := fmt.Sprintf("%.5s %d", r.Value, r.Version)
			if r.Removed {
				s += " removed"
			}
			if r.Settled {
				s += " settled"
			}
			list = append(list, s)
		}
		return err
	}); err != nil {
		w.t.Fatalf("the rivals of %s on node %d: %v", key, i, err)
	}
	slices.Sort(list)
	return list
}

// mustSee fails unless all nodes see this value, none if it is empty, and these rivals.
func (w *world) mustSee(key, v string, open int, rivals ...string) {
	w.t.Helper()
	for i := range w.members {
		e, err := w.get(i, key)
		if none := v == "" && errors.Is(err, dht.ErrNotFound); err != nil && !none || string(e.Value) != v || e.Rivals != open {
			w.t.Errorf("node %d reads %.9q with %d rivals, %v; want %.9q with %d", i, e.Value, e.Rivals, err, v, open)
		}
		if got := w.rivals(i, key); !slices.Equal(got, rivals) {
			w.t.Errorf("node %d reads the rivals %q, want %q", i, got, rivals)
		}
	}
}

func wantRivals(t *testing.T, what string, err error, version uint64, rivals int) {
	t.Helper()
	wantConflict(t, what, err, version)
	var c *dht.ConflictError
	if errors.As(err, &c); c.Rivals != rivals {
		t.Errorf("%s: a conflict with %d rivals, want %d", what, c.Rivals, rivals)
	}
}

// TestRivals: parts of a ring each put a value under one key. When they meet the other value is
// told of and can be read, a change with a condition is refused, and one without settles it.
func TestRivals(t *testing.T) {
	w := newWorld(t, 12)
	w.apart(3)
	w.mustPut(0, "key", "A1", "A2", "A3")
	w.mustPut(1, "key", "B1", "B2")
	w.mustPut(2, "key", "C1", "C2")
	if err := w.remove(2, "key"); err != nil {
		t.Fatal(err)
	}
	w.mustPut(2, "key", "C4")
	w.meet()
	w.mustSee("key", "C4", 2, "A3 3", "B2 2")
	_, err := w.putIf(0, "key", 4, "unseen")
	wantRivals(t, "put in place of a number", err, 4, 2)
	wantRivals(t, "remove a number", w.removeIf(1, "key", 4), 4, 2)
	w.mustPut(1, "key", "mine")
	w.mustSee("key", "mine", 0, "A3 3 settled", "B2 2 settled")
	_, err = w.putIf(0, "key", 4, "late")
	wantConflict(t, "put in place of an old one", err, 5)
	if e, err := w.putIf(0, "key", 5, strings.Repeat("x", dht.MaxValue)); err != nil || e.Version != 6 {
		t.Fatalf("put in place of what is settled: %+v, %v", e, err)
	}
	w.net.Run(2 * time.Hour)
	w.mustSee("key", strings.Repeat("x", dht.MaxValue), 0, "A3 3 settled", "B2 2 settled")
}

// TestRivalOfNothing: where the value that is current was removed, who reads hears of the rival
// all the same, and a second removal settles it.
func TestRivalOfNothing(t *testing.T) {
	w := newWorld(t, 8)
	w.apart(2)
	w.mustPut(0, "key", "A1", "A2")
	if err := w.remove(0, "key"); err != nil {
		t.Fatal(err)
	}
	w.mustPut(1, "key", "B1")
	w.meet()
	w.mustSee("key", "", 1, "B1 1")
	_, err := w.putIf(1, "key", 0, "unseen")
	wantRivals(t, "put in place of nothing", err, 0, 1)
	if err := w.remove(1, "key"); err != nil {
		t.Fatal(err)
	}
	w.mustSee("key", "", 0, "B1 1 settled")
	if e, err := w.putIf(1, "key", 0, "again"); err != nil || e.Version != 5 {
		t.Errorf("put in place of what is settled: %+v, %v", e, err)
	}
}

// TestManyRivals: of settled rivals the last ones can be read, and there is always room for
// those that nobody has settled.
func TestManyRivals(t *testing.T) {
	const parts = 7
	w := newWorld(t, 4*parts)
	w.apart(parts)
	for i := range parts {
		w.mustPut(i, "key", strings.Repeat(fmt.Sprint(i), dht.MaxValue))
	}
	w.net.Heal()
	w.net.Run(2 * time.Hour)
	e, err := w.get(0, "key")
	if err != nil || e.Rivals != parts-1 {
		t.Fatalf("%d rivals, %v; want %d", e.Rivals, err, parts-1)
	}
	largest := strings.Repeat("x", dht.MaxValue)
	w.mustPut(1, "key", largest)
	if got := w.rivals(2, "key"); len(got) != parts-1 {
		t.Errorf("settled just now: %q", got)
	}
	w.mustPut(3, "key", largest)
	if got := w.rivals(2, "key"); len(got) != dht.MaxRivals {
		t.Errorf("settled before the last change: %q, want %d", got, dht.MaxRivals)
	}
}

// TestWatch: who has put a value hears once that another part of the ring put one, too, and no
// more when that is settled.
func TestWatch(t *testing.T) {
	w := newWorld(t, 8)
	var watch dht.Watch
	m := w.members[0]
	table := func(copies uint8) dht.Table { return dht.New(m.past, everybody, copies).Watched(&watch) }
	put := func(v string) {
		t.Helper()
		if err := m.node.Call(patience, func(t *task.T) error { _, err := table(3).Put(t, "key", []byte(v)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	looks := func(want ...dht.Watched) {
		t.Helper()
		if err := m.node.Call(patience, func(tt *task.T) error {
			got, err := watch.Look(tt, table)
			if !slices.Equal(got, want) {
				t.Errorf("has seen %+v, want %+v", got, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.apart(2)
	put("A1")
	if err := w.do(1, everybody, 3, func(t *task.T, d dht.Table) error { _, err := d.Put(t, "key", []byte("B1")); return err }); err != nil {
		t.Fatal(err)
	}
	looks()
	w.meet()
	looks(dht.Watched{Key: "key", Copies: 3, Rivals: 1, New: true})
	looks(dht.Watched{Key: "key", Copies: 3, Rivals: 1})
	put("A2")
	looks()
}

// TestOneOfTwoAsleep: one of two machines goes away, and is waited for for half a minute, as it may be back in a
// moment. Then the other one goes on alone, and says so; what wants more is refused. When it is back all is as if it had been there.
func TestOneOfTwoAsleep(t *testing.T) {
	w := newWorld(t, 2)
	w.mustPut(0, "old", "one")
	w.net.Partition([]*kbrtest.Node{w.members[0].node}, []*kbrtest.Node{w.members[1].node})
	w.net.Run(10 * time.Second)
	began := w.net.Elapsed()
	if e, err := w.get(0, "old"); err != nil || string(e.Value) != "one" || e.Apart != 2 {
		t.Fatalf("a read of one who is alone: %+v, %v", e, err)
	}
	if waited := w.net.Elapsed() - began; waited < 10*time.Second || waited > 40*time.Second {
		t.Errorf("a read ten seconds after the other went waits for it for %s", waited)
	}
	_, err := w.putIf(0, "old", 1, "two")
	wantErr(t, "a change with a condition", err, past.ErrNotReachable)
	for _, v := range []string{"two", "three"} {
		if e, err := w.put(0, "old", v); err != nil || e.Apart != 2 || e.Holders != 1 {
			t.Fatalf("a change without: %+v, %v", e, err)
		}
	}
	_, err = w.putIf(0, "new", 0, "zero")
	wantErr(t, "a value on the condition that there is none", err, past.ErrNotReachable)
	for i, v := range []string{"one", "two"} {
		if e, err := w.put(0, "new", v); err != nil || e.Apart != 2 || e.Holders != 1 {
			t.Fatalf("version %d of a new value: %+v, %v", i+1, e, err)
		}
		_, err = w.putIf(0, "new", uint64(i+1), "more")
		wantErr(t, "a change of a new value with a condition", err, past.ErrNotReachable)
	}
	w.net.Run(8 * time.Hour)
	_, err = w.putIf(0, "new", 2, "more")
	wantErr(t, "a change of it hours later", err, past.ErrNotReachable)
	w.meet()
	w.mustSee("new", "two", 0)
	w.mustSee("old", "three", 0)
	for i, key := range []string{"new", "old"} {
		version := uint64(2 + i)
		if e, err := w.putIf(1, key, version, "four"); err != nil || e.Version != version+1 || e.Holders != 2 || e.Apart != 0 {
			t.Errorf("put when all are back: %+v, %v", e, err)
		}
	}
	w.mustSee("old", "four", 0)
}

// TestBothOfTwoApart: two machines that cannot see each other each go on alone. What the one has that
// made fewer changes is a rival of the other's, and what both have grown from is none.
func TestBothOfTwoApart(t *testing.T) {
	w := newWorld(t, 2)
	w.mustPut(0, "old", "one")
	w.apart(2)
	w.mustPut(0, "old", "A2")
	w.mustPut(1, "old", "B2", "B3")
	w.meet()
	w.mustSee("old", "B3", 1, "A2 2")
	_, err := w.putIf(0, "old", 3, "four")
	wantRivals(t, "a change with a condition", err, 3, 1)
	w.mustPut(0, "old", "four")
	w.mustSee("old", "four", 0, "A2 2 settled")
}
