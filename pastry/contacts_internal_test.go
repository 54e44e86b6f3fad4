package pastry

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
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

// TestTidy: what a contact keeps of what it told (kbr.Endpoint.Tell) is freed when no copy can come
// any more.
func TestTidy(t *testing.T) {
	n := &Node{cfg: settings{Parameters: DefaultConfig().Parameters}}
	at := func(d time.Duration) { n.Begin(machine.Clock{Boot: task.Instant(time.Hour + d)}, new(machine.Effects)) }
	at(0)
	c := &contact{h: &peer.Handle{ID: id.Tiny(2)}, life: alive, met: true, heard: n.Now()}
	c.rarely().told.First(7)
	at(2 * n.cfg.Heartbeat)
	if n.tidy(c); !c.rare().told.Had(7) {
		t.Error("what it told is forgotten while copies may come")
	}
	at(2*n.cfg.Heartbeat + time.Second)
	if n.tidy(c); c.link != nil {
		t.Error("a contact that has rested keeps its link")
	}
}
