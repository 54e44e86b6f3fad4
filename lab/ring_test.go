package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

func problems(t *testing.T, r *lab.Ring) {
	t.Helper()
	for _, p := range r.Truth.Problems() {
		t.Error(p)
	}
}

func TestGrowCalm(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 20, 60} {
		r := lab.New(lab.Config{Seed: uint64(n), Sim: sim.Config{Codec: pastry.Messages, Connections: true, Topology: topo.NewUniform(1000, 20*time.Millisecond)}})
		if !r.Grow(n, 500*time.Millisecond, 60*time.Second) {
			t.Errorf("%d nodes: only %d ready", n, len(r.ReadyNodes()))
		}
		r.Sim.RunFor(2 * time.Minute)
		r.Truth.Claims(true)
		r.Truth.LeafSets(32)
		r.Truth.Tables(4)
		t.Logf("%d nodes: %d messages, %v", n, r.Truth.Sent, r.Sim.Counts().ByKind)
		problems(t, r)
		r.Close()
	}
}
