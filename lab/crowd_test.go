package lab_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestCrowd lets fifty nodes of one office start together, or within a second, all
// through the first of them: three seconds later each claims its keys and has the exact
// leaf set, and at no moment on the way a key has two claimants.
func TestCrowd(t *testing.T) {
	simtest.WithoutRace(t)
	for name, span := range map[string]time.Duration{"together": time.Millisecond, "within a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			simtest.Seeds(t, 30, func(t *testing.T, seed uint64) { crowd(t, seed, span) })
		})
	}
}

func crowd(t *testing.T, seed uint64, span time.Duration) {
	const nodes, limit = 50, 3 * time.Second
	var first []*peer.Handle
	r := lab.New(lab.Config{Seed: seed, Sealed: true, Tune: func(c *pastry.Config) { c.Seeds = first },
		Sim: sim.Config{Connections: true, Topology: topo.NewUniform(nodes, 500*time.Microsecond)}})
	defer r.Close()
	first = []*peer.Handle{r.Sim.Handle(r.Add())}
	starts := make([]time.Duration, nodes-1)
	for i := range starts {
		starts[i] = time.Duration(r.Rand().Int64N(int64(span)))
	}
	slices.Sort(starts)
	began := r.Sim.Now()
	for _, at := range starts {
		r.Sim.RunFor(at - (r.Sim.Now() - began))
		r.Add()
	}
	began = r.Sim.Now()
	if !r.Sim.RunUntil(func() bool {
		r.Truth.Claims(false)
		return len(r.ReadyNodes()) == nodes && r.Truth.Exact(32)
	}, 10*time.Millisecond, limit) {
		r.Truth.LeafSets(32)
		t.Errorf("%d of %d nodes are ready %v after the last start", len(r.ReadyNodes()), nodes, limit)
	}
	t.Logf("formed %v after the last start, with %d messages", r.Sim.Now()-began, r.Truth.Sent)
	r.Truth.Claims(true)
	problems(t, r)
}
