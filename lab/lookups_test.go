package lab_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestPlantedRings: a ring that was not built by joins is as exact as one that was,
// and goes on as one: others join it, and it repairs what dies.
func TestPlantedRings(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{1, 2, 3, 20, 60, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := lab.New(lab.Config{Seed: uint64(n), Sim: sim.Config{Codec: msg.Messages, Connections: true,
				Topology: topo.NewPlane(1000, 1, 0)}})
			defer r.Close()
			r.Plant(n, 8)
			r.Sim.RunFor(5 * time.Second)
			check := func() {
				t.Helper()
				if ready := len(r.ReadyNodes()); ready != len(r.Live()) {
					t.Errorf("%d of %d nodes are ready", ready, len(r.Live()))
				}
				r.Truth.Claims(true)
				r.Truth.LeafSets(32)
				r.Truth.Tables(4)
				problems(t, r)
			}
			check()
			if !r.Grow(3, time.Second, time.Minute) {
				t.Error("nobody can join")
			}
			r.Sim.Crash(0)
			r.Sim.RunFor(2 * time.Minute)
			check()
		})
	}
}

// TestRoutesInAJoinedRing: the PNS report's claims for tables that joins filled and
// gossip improved (section 3: near entries, a stretch of about 1.4 on the plane and the
// sphere), beside the best tables that there are.
func TestRoutesInAJoinedRing(t *testing.T) {
	simtest.WithoutRace(t)
	const n = 300
	c := lab.Config{Seed: 1, Sim: sim.Config{Topology: topo.NewPlane(n, 1, 0)}}
	best := lab.NewMeter(c)
	defer best.Close()
	best.Plant(n, 0)
	best.Sim.RunFor(3 * time.Second)
	joined := lab.NewMeter(c)
	defer joined.Close()
	if !joined.Grow(n, 200*time.Millisecond, time.Minute) {
		t.Fatal("not all nodes are ready")
	}
	joined.Sim.RunFor(40 * time.Minute)
	perfect, err := best.Measure(4000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	got, err := joined.Measure(4000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("hops %.3f, stretch %.3f; with perfect tables %.3f, %.3f", got.MeanHops(), got.Stretch(), perfect.MeanHops(), perfect.Stretch())
	if got.Stretch() > 1.45 || got.MeanHops() > perfect.MeanHops()+0.1 {
		t.Error("routes are longer than they should be")
	}
	if perfect.Stretch() < 1 || got.Stretch() < 1 {
		t.Error("a route is shorter than the direct way")
	}
}
