package missed_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/missed"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// TestMissed: time counts in which the node was there to see who is not, also over a restart; and who is
// back is missed no more.
func TestMissed(t *testing.T) {
	var ms missed.Missed
	a, b, c := id.ID{Lo: 1}, id.ID{Lo: 2}, id.ID{Lo: 3}
	there := map[id.ID]bool{}
	now := task.Instant(0)
	pass := func(d time.Duration) {
		now = now.Add(d)
		ms.Pass(now, time.Hour, func(n id.ID) bool { return there[n] })
	}
	want := func(what string, wants ...time.Duration) {
		t.Helper()
		if got := []time.Duration{ms.For(a), ms.For(b), ms.For(c)}; !slices.Equal(got, wants) {
			t.Errorf("%s: %v, want %v", what, got, wants)
		}
	}
	ms.Add(a, 10*time.Minute)
	ms.Add(b, 10*time.Minute)
	pass(time.Minute)
	want("the first time", 10*time.Minute, 10*time.Minute, 0)
	pass(30 * time.Minute)
	ms.Add(a, time.Minute)
	want("after half an hour", 40*time.Minute, 40*time.Minute, 0)
	pass(9 * time.Hour)
	want("after a night asleep", 100*time.Minute, 100*time.Minute, 0)
	there[a] = true
	ms.Add(c, time.Second)
	pass(time.Minute)
	want("when one is back", 0, 101*time.Minute, 61*time.Second)
	kept := ms.Bytes()
	ms = missed.Missed{}
	ms.Read(kept)
	want("after a restart", 0, 101*time.Minute, 61*time.Second)
	ms.Back(b)
	want("when another one is back", 0, 0, 61*time.Second)
	ms.Only([]id.ID{a, c})
	want("of those whom others name", 0, 0, 61*time.Second)
	pass(time.Minute)
	there[a] = false
	ms.Only([]id.ID{a, b, c})
	pass(time.Minute)
	want("a minute later", time.Minute, time.Minute, 121*time.Second)
	ms.Only([]id.ID{c})
	want("of whom they name one alone by now", 0, 0, 121*time.Second)
	ms.Read([]byte("damaged"))
	ms.Read(slices.Repeat([]byte{255}, 48))
	want("what is damaged", 0, 0, 121*time.Second)
	for n := range uint64(2 * missed.Most) {
		ms.Add(id.ID{Hi: 1, Lo: n}, time.Hour)
	}
	if n := len(ms.Bytes()) / len(kept) * 2; n > missed.Most {
		t.Errorf("%d are counted", n)
	}
}

// TestNamed: where more nodes are named than are counted, those are left out that fewest objects name, however often one
// object names them.
func TestNamed(t *testing.T) {
	var ns missed.Named
	last, liars := id.ID{Hi: 9}, []id.ID(nil)
	for n := range uint64(2 * missed.Most) {
		liars = append(liars, id.ID{Lo: n})
	}
	ns.Object([]id.ID{last})
	ns.Object(slices.Concat(liars, liars))
	ns.Object([]id.ID{last, liars[300]})
	got := ns.Most()
	if len(got) != missed.Most || !slices.IsSortedFunc(got, id.ID.Cmp) || !slices.Contains(got, last) || !slices.Contains(got, liars[300]) {
		t.Errorf("of %d nodes %d are counted, the last two %v", len(liars)+1, len(got), got[len(got)-2:])
	}
	var ms missed.Missed
	ms.Only(liars)
	if ms.Only(got); !slices.Equal(ms.All(), got) {
		t.Errorf("counted are %v, want %v", ms.All(), got)
	}
	if got := new(missed.Named).Most(); len(got) > 0 {
		t.Errorf("nobody is named, and %v are counted", got)
	}
}
