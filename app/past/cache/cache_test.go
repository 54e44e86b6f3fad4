package cache_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/id"
)

func object(n int) id.Hash { return id.HashOf("object", n) }

// op puts, gets or removes an object.
type op struct {
	what byte // p, g, r
	n    int
	size int64
}

// play returns what is left after some operations.
func play(p cache.Policy, limit int64, ops []op) (left []int) {
	c := cache.New[int](p)
	c.Resize(limit, nil)
	for _, o := range ops {
		switch o.what {
		case 'p':
			c.Put(object(o.n), o.size, o.n, nil)
		case 'o':
			c.Offer(object(o.n), o.size, o.n, nil)
		case 'g':
			c.Get(object(o.n))
		case 'r':
			c.Remove(object(o.n))
		}
	}
	for n := range 10 {
		if c.Has(object(n)) {
			left = append(left, n)
		}
	}
	return left
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy cache.Policy
		ops    []op
		want   []int
	}{
		{"nothing is cached", cache.None, []op{{'p', 1, 1}}, nil},
		{"all that fits", cache.GreedyDualSize, []op{{'p', 1, 40}, {'p', 2, 60}}, []int{1, 2}},
		{"what is as large as the cache is not taken", cache.GreedyDualSize, []op{{'p', 1, 1}, {'p', 2, 100}}, []int{1}},
		{"the large one goes first", cache.GreedyDualSize, []op{{'p', 1, 10}, {'p', 2, 80}, {'p', 3, 20}}, []int{1, 3}},
		{"whatever was asked for", cache.GreedyDualSize, []op{{'p', 1, 10}, {'p', 2, 80}, {'g', 2, 0}, {'p', 3, 20}}, []int{1, 3}},
		{"the oldest goes first, LRU", cache.LeastRecent, []op{{'p', 1, 10}, {'p', 2, 80}, {'p', 3, 20}}, []int{2, 3}},
		{"unless it was asked for", cache.LeastRecent, []op{{'p', 1, 10}, {'p', 2, 80}, {'g', 1, 0}, {'p', 3, 20}}, []int{1, 3}},
		{"or put again", cache.LeastRecent, []op{{'p', 1, 10}, {'p', 2, 80}, {'p', 1, 10}, {'p', 3, 20}}, []int{1, 3}},
		{"of equal weight the oldest", cache.GreedyDualSize, []op{{'p', 1, 40}, {'p', 2, 40}, {'g', 1, 0}, {'p', 3, 40}}, []int{1, 3}},
		// 1 weighs 1/39; when 2 has gone, at 1/60, and 3, at 1/60+1/61, 1 is the lightest.
		{"a small one ages", cache.GreedyDualSize, []op{{'p', 1, 39}, {'p', 2, 60}, {'p', 3, 61}, {'p', 4, 60}, {'p', 5, 61}}, []int{5}},
		{"removed", cache.GreedyDualSize, []op{{'p', 1, 50}, {'p', 2, 50}, {'r', 1, 0}, {'r', 1, 0}, {'p', 3, 50}}, []int{2, 3}},
		{"an offer, with room", cache.GreedyDualSize, []op{{'p', 1, 50}, {'o', 2, 50}}, []int{1, 2}},
		{"an offer that is lighter", cache.GreedyDualSize, []op{{'p', 1, 50}, {'p', 2, 50}, {'o', 3, 60}}, []int{1, 2}},
		{"an offer that is heavier", cache.GreedyDualSize, []op{{'p', 1, 50}, {'p', 2, 50}, {'o', 3, 40}}, []int{2, 3}},
		{"an offer has no weight, LRU", cache.LeastRecent, []op{{'p', 1, 50}, {'p', 2, 50}, {'o', 3, 40}}, []int{1, 2}},
		{"nothing takes no room", cache.GreedyDualSize, []op{{'p', 1, 0}, {'p', 2, 99}, {'p', 3, 99}}, []int{1, 3}},
	} {
		if got := play(c.policy, 100, c.ops); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestRoomForReplicas: copies go at once when there is less room.
func TestRoomForReplicas(t *testing.T) {
	c := cache.New[string](cache.GreedyDualSize)
	c.Resize(100, nil)
	for n, size := range []int64{50, 30, 20} {
		c.Put(object(n), size, "copy", nil)
	}
	var gone []id.Hash
	c.Resize(25, func(o id.Hash, v string) {
		if v != "copy" {
			t.Errorf("%q is told", v)
		}
		gone = append(gone, o)
	})
	if !slices.Equal(gone, []id.Hash{object(0), object(1)}) || c.Used() != 20 || c.Len() != 1 {
		t.Errorf("%d went, %d bytes are left", len(gone), c.Used())
	}
	c.Resize(-7, nil)
	if c.Used() != 0 || c.Len() != 0 || c.Limit() != 0 || c.Put(object(9), 0, "", nil) {
		t.Error("a cache without room has a copy")
	}
}

// TestCacheAgainstModel compares with a list that is searched.
func TestCacheAgainstModel(t *testing.T) {
	type copied struct {
		n      int
		size   int64
		weight float64
		turn   int
	}
	for _, policy := range []cache.Policy{cache.LeastRecent, cache.GreedyDualSize} {
		rng := rand.New(rand.NewPCG(1, 2))
		c := cache.New[int](policy)
		var model []copied
		var floor float64
		var used, limit int64
		touch := func(m *copied, turn int) {
			if m.turn = turn; policy == cache.GreedyDualSize {
				m.weight = floor + 1/float64(max(m.size, 1))
			}
		}
		fit := func(size int64) {
			for len(model) > 0 && used+size > limit {
				i := 0
				for j := range model {
					if model[j].weight < model[i].weight || model[j].weight == model[i].weight && model[j].turn < model[i].turn {
						i = j
					}
				}
				floor, used = model[i].weight, used-model[i].size
				model = slices.Delete(model, i, i+1)
			}
		}
		for turn := range 20_000 {
			n := rng.IntN(200)
			size := int64(n * n % 97)
			i := slices.IndexFunc(model, func(m copied) bool { return m.n == n })
			switch rng.IntN(20) {
			case 0:
				limit = int64(rng.IntN(3000))
				c.Resize(limit, nil)
				fit(0)
			case 1:
				if c.Remove(object(n)) != (i >= 0) {
					t.Fatalf("%v: remove %d", policy, n)
				}
				if i >= 0 {
					used -= size
					model = slices.Delete(model, i, i+1)
				}
			case 2, 3, 4, 5, 6, 7:
				if v, ok := c.Get(object(n)); ok != (i >= 0) || ok && v != n {
					t.Fatalf("%v: get %d: %v, %v", policy, n, v, ok)
				}
				if i >= 0 {
					touch(&model[i], turn)
				}
			default:
				if c.Put(object(n), size, n, nil) != (i < 0 && size < limit) {
					t.Fatalf("%v: put %d", policy, n)
				}
				if i >= 0 {
					touch(&model[i], turn)
				} else if size < limit {
					fit(size)
					m := copied{n: n, size: size}
					touch(&m, turn)
					model, used = append(model, m), used+size
				}
			}
			if c.Used() != used || c.Len() != len(model) || c.Used() > c.Limit() {
				t.Fatalf("%v: %d copies of %d bytes, want %d of %d", policy, c.Len(), c.Used(), len(model), used)
			}
		}
	}
}

func TestPolicyNames(t *testing.T) {
	if cache.None.String() != "none" || cache.LeastRecent.String() != "LRU" || cache.GreedyDualSize.String() != "GD-S" || cache.Policy(9).String() != "Policy(9)" {
		t.Error("names")
	}
	if cache.Policy(3).Valid() || !cache.GreedyDualSize.Valid() {
		t.Error("valid")
	}
}

// TestHeat: what is asked for is pushed outward one level at a time, and not further than
// to all.
func TestHeat(t *testing.T) {
	for _, c := range []struct {
		nodes float64
		k     int
		want  int
	}{{1, 5, 0}, {5, 5, 0}, {6, 5, 1}, {80, 5, 1}, {81, 5, 2}, {1024, 5, 2}, {100_000, 5, 4}, {0.5, 0, 0}} {
		if got := cache.Level(c.nodes, c.k); got != c.want {
			t.Errorf("%v nodes, k=%d: level %d, want %d", c.nodes, c.k, got, c.want)
		}
	}
	h := cache.NewHeat(3)
	var pushed []int
	for i := range 4 * cache.Digits {
		if level, push := h.Asked(); push {
			pushed = append(pushed, level)
			if (i+1)%cache.Digits != 0 {
				t.Errorf("pushed at question %d", i+1)
			}
		}
	}
	if !slices.Equal(pushed, []int{2, 1, 0}) {
		t.Errorf("pushed to %v", pushed)
	}
	h = cache.NewHeat(3)
	for range cache.Digits - 1 {
		h.Asked()
	}
	h.Pushed(1)
	if _, push := h.Asked(); push {
		t.Error("pushed at once after another has")
	}
	h.Pushed(2)
	for range cache.Digits - 2 {
		h.Asked()
	}
	if level, push := h.Asked(); !push || level != 0 {
		t.Errorf("pushed to %d, %v", level, push)
	}
}
