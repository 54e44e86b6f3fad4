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

func problems(t *testing.T, r *lab.Ring) {
	t.Helper()
	for _, p := range r.Truth.Problems() {
		t.Error(p)
	}
}

// TestRingsGrow joins nodes in calm, one after another, and looks at the whole
// ring: claims, leaf sets and tables are exact.
func TestRingsGrow(t *testing.T) {
	sizes := []int{1, 2, 3, 4, 5, 20, 60, 300}
	if simtest.Race {
		sizes = sizes[:7]
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := lab.New(lab.Config{Seed: uint64(n), Sim: sim.Config{Codec: msg.Messages, Connections: true,
				Topology: topo.NewUniform(1000, 20*time.Millisecond)}})
			defer r.Close()
			if !r.Grow(n, 500*time.Millisecond, time.Minute) {
				t.Errorf("only %d of %d nodes are ready", len(r.ReadyNodes()), n)
			}
			r.Sim.RunFor(time.Minute)
			r.Truth.Claims(true)
			r.Truth.LeafSets(32)
			r.Truth.Tables(4)
			problems(t, r)
		})
	}
}

// TestSameSeedSameTrace is invariant O14 on the whole protocol under faults.
func TestSameSeedSameTrace(t *testing.T) {
	simtest.WithoutRace(t)
	var traces []uint64
	for range 2 {
		s := lab.NewStorm(7, 20)
		s.Run(time.Minute)
		traces = append(traces, s.Sim.Trace())
	}
	if traces[0] != traces[1] {
		t.Errorf("two runs of one seed differ: %x and %x", traces[0], traces[1])
	}
}
