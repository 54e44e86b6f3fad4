package pastry

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// TestSurvey: members are found where they stand, and a survey answers as wants does, in
// whatever order it is asked.
func TestSurvey(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0x5e7))
		draw := func() id.ID { return id.ID{Hi: uint64(rng.IntN(4)) << 62, Lo: uint64(rng.IntN(200))} }
		l := leafSet{self: draw(), half: 1 + rng.IntN(16)}
		named := []id.ID{l.self}
		for range rng.IntN(60) {
			x := draw()
			named = append(named, x)
			if x != l.self && rng.IntN(4) > 0 {
				l.insert(&contact{h: &peer.Handle{ID: x}})
			}
		}
		for s := range l.sides {
			for i, c := range l.sides[s] {
				if at, have := l.find(side(s), c.h.ID); at != i || !have {
					t.Fatalf("seed %d: member %d of side %d is found at %d: %v", seed, i, s, at, have)
				}
			}
			for _, x := range named {
				nearer := 0
				for _, d := range l.aways[s] {
					if d.Less(l.away(side(s), x)) {
						nearer++
					}
				}
				if at, _ := l.find(side(s), x); at != nearer {
					t.Fatalf("seed %d: a node that %d members of side %d are nearer than has its place at %d", seed, nearer, s, at)
				}
			}
		}
		for range 3 {
			look := survey{of: &l}
			for _, x := range named {
				if got, want := look.wants(x), l.wants(x); got != want {
					t.Fatalf("seed %d: a survey wants %v: %v; the set: %v", seed, x, got, want)
				}
			}
			slices.SortFunc(named, func(a, b id.ID) int { return a.Sub(l.end(leftSide)).Cmp(b.Sub(l.end(leftSide))) })
			if rng.IntN(2) == 0 {
				slices.Reverse(named)
			}
		}
	}
}
