package taken_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/pastry/taken"
)

// Whatever comes twice, late or out of order is taken once; what lies far below the highest number is not
// taken, as it may have been.
func TestTakenOnce(t *testing.T) {
	t.Run("few", func(t *testing.T) { once[[1]uint64](t, 64) })
	t.Run("many", func(t *testing.T) { once[[16]uint64](t, 1024) })
}

func once[W taken.Words](t *testing.T, size uint64) {
	rapid.Check(t, func(t *rapid.T) {
		var n taken.Numbers[W]
		had := map[uint64]bool{}
		highest := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			num := highest + rapid.Uint64Range(1, 3).Draw(t, "next")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				num = highest + rapid.Uint64Range(1, 3*size).Draw(t, "gap")
			case 1, 2, 3, 4:
				num = highest - min(highest, rapid.Uint64Range(0, size+size/8).Draw(t, "back"))
			}
			old := num < highest && highest-num >= size
			if was := n.Had(num); was != (old || had[num]) {
				t.Fatalf("%d below %d: had %v", num, highest, was)
			}
			if rapid.Bool().Draw(t, "first") {
				if fresh := n.First(num); fresh == (old || had[num]) {
					t.Fatalf("%d below %d: first %v", num, highest, fresh)
				}
			} else if !old && !had[num] {
				if newest := n.Take(num); newest != (num > highest) {
					t.Fatalf("%d after %d: newest %v", num, highest, newest)
				}
			} else {
				continue
			}
			if !old {
				had[num], highest = true, max(highest, num)
			}
			if n.None() != (highest == 0) {
				t.Fatalf("the highest is %d: none %v", highest, n.None())
			}
		}
	})
}

// Of a sender of whom nothing is known nothing was taken.
func TestNobody(t *testing.T) {
	var n *taken.Many
	if n.Had(1) {
		t.Error("it was taken")
	}
}
