package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

func TestTmpScale(t *testing.T) {
	for _, n := range []int{300, 1000, 3000} {
		r := lab.New(lab.Config{Seed: uint64(n), Sim: sim.Config{Topology: topo.NewUniform(20000, 20*time.Millisecond)}})
		t0 := time.Now()
		ok := true
		for range n {
			r.Add()
			r.Sim.RunFor(200 * time.Millisecond)
		}
		r.Sim.RunFor(20 * time.Second)
		t.Logf("%d nodes: %v wall %v, %d messages", n, ok, time.Since(t0), r.Truth.Sent)
		t1 := time.Now()
		r.Truth.LeafSets(32)
		if n <= 1000 {
			r.Truth.Claims(true)
		}
		r.Truth.Tables(4)
		t.Logf("check %v", time.Since(t1))
		problems(t, r)
		r.Close()
	}
}
