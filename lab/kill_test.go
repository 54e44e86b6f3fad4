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

// TestCrashIsNoticed kills one process, whose sockets close: the others find it
// dead, and its keys are served again, within 3 s (O4).
func TestCrashIsNoticed(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{2, 3, 16, 60} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := lab.New(lab.Config{Seed: uint64(n), Sealed: true, Sim: sim.Config{Codec: msg.Messages, Connections: true,
				Topology: topo.NewUniform(1000, 20*time.Millisecond)}})
			defer r.Close()
			if !r.Grow(n, 500*time.Millisecond, time.Minute) {
				t.Fatalf("only %d of %d nodes are ready", len(r.ReadyNodes()), n)
			}
			r.Sim.RunFor(time.Minute)
			r.Sim.Crash(sim.NodeRef(n / 2))
			r.Sim.RunFor(3 * time.Second)
			r.Truth.Dead(2 * time.Second)
			r.Truth.Claims(true)
			problems(t, r)
		})
	}
}
