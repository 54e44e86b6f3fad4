package pastry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// Whoever is watched and stands in no table of the watcher, as a parent in the tree of a group
// may, is found dead at once when its process ends, and within 35 s when its machine falls
// silent, though nobody says anything to it.
func TestWatchedAreFoundDead(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(*sim.Sim, sim.NodeRef)
		within time.Duration
	}{
		{"killed", (*sim.Sim).Crash, 500 * time.Millisecond},
		{"silent", (*sim.Sim).Die, 35 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
				l := linked(seed)
				l.Tune = few
				w := grow(t, 40, l)
				watcher, watched := w.strangers()
				end := time.Duration(-1)
				w.Sim.Call(watcher, func() {
					w.apps[watcher].ep.Watch(w.Sim.Handle(watched), func(kbr.Down) { end = w.Sim.Now() })
				})
				w.Sim.RunFor(5*time.Minute + time.Duration(w.Rand().Int64N(int64(time.Minute))))
				if end >= 0 {
					t.Fatal("it is held dead and lives")
				}
				began := w.Sim.Now()
				c.end(w.Sim, watched)
				w.Sim.RunFor(2 * time.Minute)
				if end < 0 {
					t.Errorf("not found out within 2 min")
				} else if took := end - began; took > c.within {
					t.Errorf("found out after %v, want %v at most", took, c.within)
				}
			})
		})
	}
}

// few makes leaf sets so small that most nodes stand in few tables.
func few(p *pastry.Config) { p.LeafSet, p.Neighbourhood = 4, 0 }

// strangers returns two nodes of which the first has the second in no table, nor the second
// the first, so that nothing else is said between them.
func (w *world) strangers() (a, b sim.NodeRef) {
	knows := func(a, b sim.NodeRef) bool {
		v := w.View(a)
		is := func(h *peer.Handle) bool { return h.ID == w.Sim.Handle(b).ID }
		return slices.ContainsFunc(v.Leaf, is) || slices.ContainsFunc(v.Table, func(e pastry.Entry) bool { return is(e.Node) })
	}
	for a := range sim.NodeRef(w.Sim.Len()) {
		for b := range a {
			if !knows(a, b) && !knows(b, a) {
				return a, b
			}
		}
	}
	w.t.Fatal("all nodes know each other")
	return 0, 0
}
