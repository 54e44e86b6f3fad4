package host

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/task"
)

// The heap of deadlines against a sorted list.
func TestTimersAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var heap timers
		var list []deadline // in the order in which they ring
		now := task.Instant(0)
		seq := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch slot := uint32(rapid.IntRange(0, 30).Draw(t, "slot")); rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				if slices.ContainsFunc(list, func(d deadline) bool { return d.slot == slot }) {
					continue
				}
				seq++
				d := deadline{now + task.Instant(rapid.IntRange(-3, 20).Draw(t, "in")), seq, slot}
				heap.set(d.slot, d.at)
				at, _ := slices.BinarySearchFunc(list, d, func(a, b deadline) int {
					if a.before(b) {
						return -1
					}
					return 1
				})
				list = slices.Insert(list, at, d)
			case 2:
				heap.cancel(slot)
				list = slices.DeleteFunc(list, func(d deadline) bool { return d.slot == slot })
			case 3:
				now += task.Instant(rapid.IntRange(0, 10).Draw(t, "pass"))
				for {
					slot, ok := heap.due(now)
					if want := len(list) > 0 && list[0].at <= now; ok != want {
						t.Fatalf("at %d: due %v, want %v", now, ok, want)
					} else if !ok {
						break
					}
					if slot != list[0].slot {
						t.Fatalf("at %d: timer %d, want %d", now, slot, list[0].slot)
					}
					list = list[1:]
				}
			}
			if at, ok := heap.next(); ok != (len(list) > 0) || ok && at != list[0].at {
				t.Fatalf("next: %v %v", at, ok)
			}
			if len(heap.heap) != len(list) {
				t.Fatalf("%d deadlines, want %d", len(heap.heap), len(list))
			}
		}
	})
}

func TestTimerSetTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a slot was set twice")
		}
	}()
	var heap timers
	heap.set(3, 1)
	heap.set(3, 2)
}

// A queue gives what went in, in order, and does not grow without need.
func TestFifo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo[int]
		in, out, most := 0, 0, 0
		for range rapid.IntRange(1, 500).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				q.push(in)
				in++
			} else if v, ok := q.pop(); ok != (out < in) || ok && v != out {
				t.Fatalf("got %d %v, want %d", v, ok, out)
			} else if ok {
				out++
			}
			most = max(most, in-out)
			if q.len() != in-out {
				t.Fatalf("length %d, want %d", q.len(), in-out)
			}
			if first := q.first(); (first != nil) != (in > out) || first != nil && *first != out {
				t.Fatal("first")
			}
		}
		if cap(q.list) > 8+4*most {
			t.Fatalf("room for %d, never more than %d were in it", cap(q.list), most)
		}
	})
}
