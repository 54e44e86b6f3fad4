package cache_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/id"
)

// TestRecent: what was put last is there, as it was put last, what is asked for again and again stays,
// and never more than the size is kept.
func TestRecent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const size = 100
		r := cache.NewRecent[int](size)
		last, sizes := make(map[int]int), make(map[int]int)
		for i := range rapid.IntRange(1, 200).Draw(rt, "steps") {
			n := rapid.IntRange(0, 9).Draw(rt, "object")
			o := id.HashOf("object", n)
			last[n], sizes[n] = i, rapid.IntRange(1, size/2).Draw(rt, "size")
			r.Put(o, i, sizes[n])
			if v, ok := r.Get(o); !ok || v != i {
				rt.Fatalf("put %d, got %d, %v", i, v, ok)
			}
			kept := 0
			for n := range 10 {
				was, had := last[n]
				v, ok := r.Peek(id.HashOf("object", n))
				if ok && (!had || v != was) {
					rt.Fatalf("object %d is %d, want %d, %v", n, v, was, had)
				}
				if ok {
					kept += sizes[n]
				}
			}
			if kept > size {
				rt.Fatalf("%d bytes are kept, at most %d", kept, size)
			}
		}
	})
	r := cache.NewRecent[int](10)
	popular := id.HashOf("object", "popular")
	r.Put(popular, 7, 1)
	r.Put(id.HashOf("object", "large"), 8, 6)
	if _, ok := r.Get(id.HashOf("object", "large")); ok {
		t.Error("what is more than half of all is kept")
	}
	for i := range 100 {
		r.Put(id.HashOf("object", i), i, 1)
		if _, ok := r.Get(popular); !ok {
			t.Fatalf("what is asked for all the time is forgotten after %d others", i+1)
		}
	}
	if _, ok := r.Get(id.HashOf("object", 0)); ok {
		t.Error("what nobody asks for is kept")
	}
}
