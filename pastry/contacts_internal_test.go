package pastry

import (
	"math/rand/v2"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// TestContactSet compares a set with a map, while contacts come and go in bursts.
func TestContactSet(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		set := contactSet{seed: rng.Uint64()}
		all := make(map[id.ID]*contact)
		same := func() {
			t.Helper()
			if set.n != len(all) {
				t.Fatalf("seed %d: %d contacts, want %d", seed, set.n, len(all))
			}
			for x, c := range all {
				if set.find(x) != c {
					t.Fatalf("seed %d: contact %s of %d is not found", seed, x.Short(), len(all))
				}
			}
			seen := 0
			set.each(func(c *contact) {
				if all[c.h.ID] != c {
					t.Fatalf("seed %d: contact %s was not put in", seed, c.h.ID.Short())
				}
				seen++
			})
			if seen != len(all) {
				t.Fatalf("seed %d: %d contacts are shown, want %d", seed, seen, len(all))
			}
		}
		for range 30 {
			for range rng.IntN(200) {
				c := &contact{h: &peer.Handle{ID: id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}}}
				set.add(c)
				all[c.h.ID] = c
			}
			same()
			share := rng.Float64()
			set.retain(func(c *contact) bool {
				// The same answer whenever it is asked.
				gone := rand.New(rand.NewPCG(c.h.ID.Hi, c.h.ID.Lo)).Float64() < share
				if gone {
					delete(all, c.h.ID)
				}
				return !gone
			})
			same()
			if set.find(id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}) != nil {
				t.Fatalf("seed %d: a contact is found that was not put in", seed)
			}
			if len(set.slots) > max(24, 2*set.n+2) {
				t.Fatalf("seed %d: %d slots for %d contacts", seed, len(set.slots), set.n)
			}
		}
	}
}
