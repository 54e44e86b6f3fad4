package sim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Both kinds of queue must do what a sorted list does, over all their levels:
// within a tick, a turn, the reach of the upper level, and beyond it.
func TestQueuesOrderLikeASortedList(t *testing.T) {
	for _, kind := range []Queue{Wheel, Heap} {
		t.Run(kind.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkQueue(t, kind) })
		})
	}
}

func checkQueue(t *rapid.T, kind Queue) {
	slab := newSlab()
	q := newQueue(kind, &slab)
	var model []key // sorted
	var now int64
	reach := rapid.SampledFrom([]int64{3, 1 << tickShift, 5 << tickShift, 3 << turnShift, 1 << (turnShift + highBits + 1)})
	for range rapid.IntRange(1, 300).Draw(t, "steps") {
		switch op := rapid.IntRange(0, 9).Draw(t, "op"); {
		case op < 5: // push; not before now, which may be before what was popped last
			ref := slab.take()
			m := moment{now + rapid.Int64Range(0, reach.Draw(t, "reach")).Draw(t, "in"), rapid.Uint64Range(0, 3).Draw(t, "order")<<32 | uint64(ref)}
			slab.events[ref].moment = m
			q.push(ref)
			i, _ := slices.BinarySearchFunc(model, key{m, ref}, compare)
			model = slices.Insert(model, i, key{m, ref})
		case op < 8: // pop
			limit := now + rapid.Int64Range(0, reach.Draw(t, "reach")).Draw(t, "limit")
			ref := q.pop(limit)
			if len(model) == 0 || model[0].at > limit {
				if ref != none {
					t.Fatalf("pop(%d) gave an event of %d, want none", limit, slab.events[ref].at)
				}
				now = limit
				continue
			}
			if ref != model[0].ref {
				t.Fatalf("pop gave event %d, want %d at %d", ref, model[0].ref, model[0].at)
			}
			now = model[0].at
			model = model[1:]
			slab.release(ref)
		case len(model) > 0: // cancel
			i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
			q.remove(model[i].ref)
			slab.release(model[i].ref)
			model = slices.Delete(model, i, i+1)
		}
	}
	for _, k := range model {
		if ref := q.pop(1 << 62); ref != k.ref {
			t.Fatalf("at the end pop gave %d, want %d", ref, k.ref)
		}
	}
	if ref := q.pop(1 << 62); ref != none {
		t.Fatalf("an event is left: %d", ref)
	}
}

func compare(a, b key) int {
	switch {
	case a.less(&b):
		return -1
	case b.less(&a):
		return 1
	}
	return 0
}
