package pastry_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
)

// tinySet is the leaf set of an 8-bit ring as one would write it down: for each
// side the nearest half, by plain sorting.
type tinySet struct {
	self  uint8
	half  int
	sides [2][]uint8
}

func (s *tinySet) away(side int, x uint8) uint8 {
	if side == 0 {
		return s.self - x
	}
	return x - s.self
}

func (s *tinySet) insert(x uint8) (out []uint8) {
	before, whole := s.members(), s.whole() && len(s.members()) > 0
	for side := range s.sides {
		list := s.sides[side]
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
		slices.SortFunc(list, func(a, b uint8) int { return int(s.away(side, a)) - int(s.away(side, b)) })
		s.sides[side] = list[:min(s.half, len(list))]
	}
	if !whole && s.whole() { // either side may lack a nearer member of the other
		for _, m := range s.members() {
			s.insert(m)
		}
	}
	after := s.members()
	for _, m := range before {
		if !slices.Contains(after, m) {
			out = append(out, m)
		}
	}
	return out
}

func (s *tinySet) remove(x uint8) {
	whole := s.whole() && slices.Contains(s.members(), x)
	for side := range s.sides {
		s.sides[side] = slices.DeleteFunc(s.sides[side], func(m uint8) bool { return m == x })
	}
	if whole { // all nodes are known, so either side takes what it has room for
		for _, m := range s.members() {
			s.insert(m)
		}
	}
}

// members returns each member once, in no certain order.
func (s *tinySet) members() []uint8 {
	all := slices.Concat(s.sides[0], s.sides[1])
	slices.Sort(all)
	return slices.Compact(all)
}

// reach is the distance to the farthest member on a side.
func (s *tinySet) reach(side int) (far int) {
	for _, m := range s.sides[side] {
		far = max(far, int(s.away(side, m)))
	}
	return far
}

// whole: the sides meet, seen as arcs.
func (s *tinySet) whole() bool {
	return len(s.members()) == 0 || s.reach(0)+s.reach(1) >= 256
}

func (s *tinySet) covers(key uint8) bool {
	return s.whole() || int(key-s.self) <= s.reach(1) || int(s.self-key) <= s.reach(0)
}

func small(xs []id.ID) (out []uint8) {
	for _, x := range xs {
		out = append(out, x.Bytes()[0])
	}
	return out
}

// The leaf set does what the plain one does, whatever comes and goes.
func TestLeafSetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		self := rapid.Byte().Draw(t, "self")
		size := 2 * rapid.IntRange(1, 4).Draw(t, "half")
		real, model := pastry.NewLeafSet(id.Tiny(self), size), &tinySet{self: self, half: size / 2}
		crowd := rapid.SliceOfNDistinct(rapid.Byte(), 1, 14, rapid.ID).Draw(t, "crowd")
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			x := rapid.SampledFrom(crowd).Draw(t, "node")
			if rapid.IntRange(0, 2).Draw(t, "what") == 0 {
				real.Remove(id.Tiny(x))
				model.remove(x)
			} else if want := x != self && wanted(model, x); want != real.Wants(id.Tiny(x)) {
				t.Fatalf("%02x of %02x: wanted %v", x, self, !want)
			} else if x != self {
				out, want := small(real.Insert(id.Tiny(x))), model.insert(x)
				slices.Sort(out)
				if !slices.Equal(out, want) {
					t.Fatalf("%02x pushes out % 02x, want % 02x", x, out, want)
				}
			}
			compare(t, real, model)
		}
	})
}

// wanted: x would be on a side where it is not yet.
func wanted(m *tinySet, x uint8) bool {
	for side, list := range m.sides {
		nearer := 0
		for _, o := range list {
			if m.away(side, o) < m.away(side, x) {
				nearer++
			}
		}
		if !slices.Contains(list, x) && nearer < m.half {
			return true
		}
	}
	return false
}

func compare(t *rapid.T, real *pastry.LeafSet, model *tinySet) {
	for side := range model.sides {
		if got := small(real.Side(side)); !slices.Equal(got, model.sides[side]) {
			t.Fatalf("side %d of %02x: % 02x, want % 02x", side, model.self, got, model.sides[side])
		}
	}
	members := small(real.Members())
	slices.Sort(members)
	if !slices.Equal(members, model.members()) {
		t.Fatalf("members % 02x, want % 02x", members, model.members())
	}
	told := make([]id.ID, 0, len(members))
	for _, h := range real.Snapshot() {
		told = append(told, h.ID)
	}
	if !slices.Equal(told, real.Members()) {
		t.Fatalf("messages tell of % 02x, want % 02x", small(told), small(real.Members()))
	}
	if real.Whole() != model.whole() {
		t.Fatalf("left % 02x, right % 02x of %02x: whole %v", model.sides[0], model.sides[1], model.self, real.Whole())
	}
	for key := range 256 {
		if got := real.Covers(id.Tiny(uint8(key))); got != model.covers(uint8(key)) {
			t.Fatalf("left % 02x, right % 02x of %02x: covers %02x %v", model.sides[0], model.sides[1], model.self, key, got)
		}
	}
	odd := rapid.Uint8().Draw(t, "odd")
	for key := range 256 {
		fit := func(x id.ID) bool { return uint8(x.Hi>>56)&3 != odd&3 }
		if got, want := real.Closest(id.Tiny(uint8(key)), fit); got != want {
			t.Fatalf("left % 02x, right % 02x of %02x: %s is closest to %02x, want %s", model.sides[0], model.sides[1], model.self, got.Short(), key, want.Short())
		}
	}
	want := float64(len(members) + 1)
	if !model.whole() {
		want = float64(256*(len(model.sides[0])+len(model.sides[1]))) / float64(model.reach(0)+model.reach(1))
	}
	if got := real.Density(); got < want*0.999 || got > want*1.001 {
		t.Fatalf("left % 02x, right % 02x of %02x: %v nodes, want %v", model.sides[0], model.sides[1], model.self, got, want)
	}
}

// Small rings by hand: one node stands on both sides, and covers every key.
func TestLeafSetOfSmallRings(t *testing.T) {
	for _, c := range []struct {
		insert      []uint8
		left, right []uint8
		whole       bool
	}{
		{nil, nil, nil, true},
		{[]uint8{0x90}, []uint8{0x90}, []uint8{0x90}, true},
		{[]uint8{0x90, 0x20}, []uint8{0x90, 0x20}, []uint8{0x20, 0x90}, true},
		{[]uint8{0x90, 0x20, 0xf0}, []uint8{0xf0, 0x90}, []uint8{0x20, 0x90}, true},
		{[]uint8{0x90, 0x20, 0xf0, 0x70}, []uint8{0xf0, 0x90}, []uint8{0x20, 0x70}, false},
		{[]uint8{0x90, 0x20, 0xf0, 0x70, 0x01, 0x02, 0xfe, 0xff}, []uint8{0xff, 0xfe}, []uint8{0x01, 0x02}, false},
	} {
		l := pastry.NewLeafSet(id.Tiny(0), 4)
		for _, x := range c.insert {
			l.Insert(id.Tiny(x))
		}
		if left, right := small(l.Side(0)), small(l.Side(1)); !slices.Equal(left, c.left) || !slices.Equal(right, c.right) || l.Whole() != c.whole {
			t.Errorf("% 02x: left % 02x, right % 02x, whole %v", c.insert, left, right, l.Whole())
		}
	}
}

// Two ring neighbours whose leaf sets are exact have one digest, whatever the number of
// nodes; it differs where either lacks one of those that both should know.
func TestNeighboursCompareLeafSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const half = 4
		all := rapid.SliceOfNDistinct(rapid.Uint8(), 2, 24, rapid.ID[uint8]).Draw(t, "ring")
		slices.Sort(all)
		n := len(all)
		exact := func(i int) *pastry.LeafSet {
			s := pastry.NewLeafSet(id.Tiny(all[i]), 2*half)
			for _, x := range all {
				if x != all[i] {
					s.Insert(id.Tiny(x))
				}
			}
			return s
		}
		left, right := exact(0), exact(1)
		if left.Common(1) != right.Common(0) {
			t.Fatalf("neighbours in a ring of %d differ", n)
		}
		if n <= 2 {
			return
		}
		// Both know the nodes from 3 left of the left one to 3 right of the right one.
		missed := rapid.SampledFrom([]int{2, 3, 4, n - 1, n - 2, n - 3}).Draw(t, "missed")
		if missed < 2 || missed >= n {
			return
		}
		left.Remove(id.Tiny(all[missed]))
		if left.Common(1) == right.Common(0) {
			t.Fatalf("of a ring of %d, node %d is missed and not seen to be", n, missed)
		}
	})
}
