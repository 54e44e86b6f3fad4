package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestBusyCrowd lets fifty nodes start together on a machine that is too slow for them:
// each takes milliseconds for a message, and now and then stands still, for up to four
// seconds, as those do that wait for a processor. Once that is over each claims its keys
// within ten seconds, and has the exact leaf set a heartbeat later at the latest; on the
// way no key has two claimants.
func TestBusyCrowd(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 10, func(t *testing.T, seed uint64) {
		const nodes, slow = 50, 6 * time.Second
		var first []*peer.Handle
		r := lab.New(lab.Config{Seed: seed, Sealed: true, Tune: func(c *pastry.Config) { c.Seeds = first },
			Sim: sim.Config{Connections: true, StepTime: time.Millisecond, Topology: topo.NewUniform(nodes, 500*time.Microsecond)}})
		defer r.Close()
		first = []*peer.Handle{r.Sim.Handle(r.Add())}
		r.Sim.Slow(0, 3)
		for range nodes - 1 {
			r.Sim.Slow(r.Add(), 3)
		}
		until := make([]time.Duration, nodes)
		for began := r.Sim.Now(); r.Sim.Now()-began < slow; r.Sim.RunFor(10 * time.Millisecond) {
			r.Truth.Claims(false)
			standStill(r, until)
		}
		for n := range until {
			r.Sim.Slow(sim.NodeRef(n), 0)
			if r.Sim.Paused(sim.NodeRef(n)) {
				r.Sim.Wake(sim.NodeRef(n))
			}
		}
		calm := func(limit time.Duration, ok func() bool) {
			if !r.Sim.RunUntil(func() bool { r.Truth.Claims(false); return ok() }, 10*time.Millisecond, limit) {
				r.Truth.LeafSets(32)
				t.Errorf("%d of %d nodes are ready after %v of calm", len(r.ReadyNodes()), nodes, limit)
			}
		}
		calm(10*time.Second, func() bool { return len(r.ReadyNodes()) == nodes })
		calm(40*time.Second, func() bool { return len(r.ReadyNodes()) == nodes && r.Truth.Exact(32) })
		r.Truth.Claims(true)
		problems(t, r)
	})
}

// standStill lets each node stand still now and then; until says when it goes on.
func standStill(r *lab.Ring, until []time.Duration) {
	for n := range until {
		switch x := sim.NodeRef(n); {
		case r.Sim.Paused(x):
			if r.Sim.Now() >= until[n] {
				r.Sim.Wake(x)
			}
		case r.Rand().IntN(500) == 0:
			r.Sim.Pause(x)
			until[n] = r.Sim.Now() + time.Duration(r.Rand().Int64N(int64(4*time.Second)))
		}
	}
}
