package topo_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/sim/topo"
)

// The hierarchy's small tables must give what a search over the whole graph gives.
func TestHierarchyPathIsTheShortestPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const hosts = 30
		g := topo.NewTransitStub(hosts, rapid.Uint64().Draw(t, "seed"), small)
		for a := range hosts {
			best := search(g.Routers(), g.Links(), g.Router(a))
			for b := range hosts {
				want := best[g.Router(b)] + 2*time.Millisecond
				if a == b {
					want = 0
				}
				if got := g.Delay(a, b); got != want {
					t.Fatalf("delay(%d, %d) = %v, the shortest path takes %v", a, b, got, want)
				}
			}
		}
	})
}

// search returns the shortest delays from one router, found by relaxing all
// links until nothing changes (Bellman and Ford).
func search(routers int, links []topo.Link, from int) []time.Duration {
	best := make([]time.Duration, routers)
	for i := range best {
		best[i] = time.Hour
	}
	best[from] = 0
	for changed := true; changed; {
		changed = false
		for _, l := range links {
			if d := best[l.A] + l.Delay; d < best[l.B] {
				best[l.B], changed = d, true
			}
			if d := best[l.B] + l.Delay; d < best[l.A] {
				best[l.A], changed = d, true
			}
		}
	}
	return best
}

// PAPERS section 0: 50 transit and 5,000 stub routers, 35,295 directed links in
// Scribe's evaluation, up to 500,000 hosts.
func TestTransitStubHasTheSizeOfThePapers(t *testing.T) {
	g := topo.NewTransitStub(500_000, 1, topo.Size{})
	if g.Routers() != 5050 || g.Hosts() != 500_000 {
		t.Errorf("%d routers and %d hosts, want 5050 and 500000", g.Routers(), g.Hosts())
	}
	if n := 2 * len(g.Links()); n < 35295*9/10 || n > 35295*11/10 {
		t.Errorf("%d directed links, want 35295 ± 10 %%", n)
	}
	used := make([]int, g.Routers())
	for h := range g.Hosts() {
		used[g.Router(h)]++
	}
	for r, n := range used {
		if r < 50 && n != 0 || r >= 50 && n == 0 {
			t.Errorf("router %d has %d hosts; all hang on stub routers, evenly", r, n)
		}
	}
	if m := meanMillis(topo.NewTransitStub(500, 1, topo.Size{})); m < 50 || m > 200 {
		t.Errorf("mean delay %.0f ms, want the Internet's order of magnitude", m)
	}
}

func TestTransitStubRefusesImpossibleSizes(t *testing.T) {
	for _, s := range []topo.Size{{Domains: -1}, {Domains: 1000, Transit: 100}, {Stub: 101}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v gave no panic", s)
				}
			}()
			topo.NewTransitStub(1, 1, s)
		}()
	}
}
