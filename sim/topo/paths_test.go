package topo_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/sim/topo"
)

// A path leads from the one host's router to the other's, link by link, in the time that
// Delay says.
func TestPathsTakeTheDelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const hosts = 30
		g := topo.NewTransitStub(hosts, rapid.Uint64().Draw(t, "seed"), small)
		paths, links := g.Paths(), g.Links()
		for a := range hosts {
			for b := range hosts {
				at, took := g.Router(a), time.Duration(0)
				paths.Visit(a, b, func(d int) {
					from, to := links[d/2].A, links[d/2].B
					if d%2 == 1 {
						from, to = to, from
					}
					if from != at || d >= paths.Directions() {
						t.Fatalf("from %d to %d: direction %d does not begin at router %d", a, b, d, at)
					}
					at = to
					took += links[d/2].Delay
				})
				if a != b && (at != g.Router(b) || took+2*time.Millisecond != g.Delay(a, b)) {
					t.Fatalf("the path from %d to %d takes %v and ends at %d, want %v and %d", a, b, took, at, g.Delay(a, b), g.Router(b))
				}
			}
		}
	})
}
