package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestLostGoodbye: who was cut off from a node that left in order, and so did not hear
// its goodbye, learns from others to ask for it, and keeps it no longer than one that
// died (O4).
func TestLostGoodbye(t *testing.T) {
	r := lab.New(lab.Config{Seed: 3, Sim: sim.Config{Codec: msg.Messages, Connections: true,
		Topology: topo.NewUniform(100, 20*time.Millisecond)}})
	defer r.Close()
	if !r.Grow(12, 500*time.Millisecond, time.Minute) {
		t.Fatal("the ring did not form")
	}
	r.Sim.RunFor(time.Minute)
	const misses sim.NodeRef = 1
	leaves, _ := r.Sim.Find(r.View(misses).Left[2].ID)
	r.Sim.Cut(leaves, misses)
	r.Sim.Cut(misses, leaves)
	r.Sim.RunFor(time.Minute)
	r.Sim.Stop(leaves)
	r.Sim.RunFor(time.Second)
	r.Sim.Uncut(leaves, misses)
	r.Sim.Uncut(misses, leaves)
	r.Sim.RunFor(41 * time.Second)
	r.Truth.Dead(40 * time.Second)
	r.Truth.LeafSets(32)
	if r.Sim.Alive(leaves) {
		t.Error("nobody left")
	}
	problems(t, r)
}
