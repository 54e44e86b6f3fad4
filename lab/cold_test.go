package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// Members that start again while nobody, or hardly anybody, of their ring runs.

// settled is a ring on one network that has been quiet for a minute.
func settled(t *testing.T, seed uint64, nodes int) *lab.Ring {
	t.Helper()
	r := lab.New(lab.Config{Seed: seed, Sealed: true,
		Sim: sim.Config{Connections: true, Topology: topo.NewUniform(100, 5*time.Millisecond)}})
	t.Cleanup(r.Close)
	if !r.Grow(nodes, 300*time.Millisecond, time.Minute) {
		t.Fatal("no ring")
	}
	r.Sim.RunFor(time.Minute)
	return r
}

// TestPowerCut: all machines of a ring lose their power and get it back within a second;
// or one of them stays off. Those that start are one ring again, and at no moment two.
func TestPowerCut(t *testing.T) {
	for name, c := range map[string]struct {
		off   int
		limit time.Duration
	}{"all come back": {0, 10 * time.Second}, "one stays off": {1, 30 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			simtest.Seeds(t, 10, func(t *testing.T, seed uint64) {
				const nodes = 8
				r := settled(t, seed, nodes)
				for n := range nodes {
					r.Sim.Die(sim.NodeRef(n))
				}
				r.Sim.RunFor(5 * time.Second)
				for n := c.off; n < nodes; n++ {
					r.Sim.After(time.Duration(r.Rand().Int64N(int64(time.Second))), func() { r.Sim.Restart(sim.NodeRef(n)) })
				}
				began := r.Sim.Now()
				if !r.Sim.RunUntil(func() bool {
					r.Truth.Claims(false)
					return len(r.ReadyNodes()) == nodes-c.off
				}, 20*time.Millisecond, c.limit) {
					t.Errorf("%d of %d nodes are ready after %v", len(r.ReadyNodes()), nodes-c.off, c.limit)
				}
				t.Logf("one ring again after %v", r.Sim.Now()-began)
				r.Sim.RunFor(time.Minute)
				r.Truth.Claims(true)
				problems(t, r)
			})
		})
	}
}

// TestNoSecondRing: two of three start again at one moment, while three of ten messages
// are lost. Each learns that the other looks for the ring, too, and the third, who is the
// ring, may stay silent for a while: but no key has two claimants.
func TestNoSecondRing(t *testing.T) {
	simtest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		r := settled(t, seed, 3)
		r.Sim.Inject(sim.Faults{Drop: 0.3})
		for n := range sim.NodeRef(2) {
			r.Sim.Crash(n)
		}
		r.Sim.RunFor(3 * time.Second)
		for n := range sim.NodeRef(2) {
			r.Sim.Restart(n)
		}
		for range 60 {
			r.Sim.RunFor(500 * time.Millisecond)
			r.Truth.Claims(false)
		}
		r.Sim.Heal()
		r.Sim.RunFor(75 * time.Second)
		r.Truth.Claims(true)
		problems(t, r)
	})
}
