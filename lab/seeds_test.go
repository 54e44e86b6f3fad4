package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestBadSeeds gives a newcomer a list that names many who are not there, one with
// no id, and one member: it joins (hostile input, row 56).
func TestBadSeeds(t *testing.T) {
	bad := false
	r := lab.New(lab.Config{Seed: 56, Sealed: true, Tune: func(c *pastry.Config) {
		if !bad {
			return
		}
		for i := range 30 {
			c.Seeds = append(c.Seeds, &peer.Handle{ID: id.Tiny(uint8(8*i + 1)), Addrs: []string{"nowhere"}})
		}
		c.Seeds = append(c.Seeds, &peer.Handle{Addrs: []string{"nowhere"}})
	}, Sim: sim.Config{Codec: pastry.Messages, Connections: true, Topology: topo.NewUniform(100, 20*time.Millisecond)}})
	defer r.Close()
	if !r.Grow(5, time.Second, time.Minute) {
		t.Fatal("no ring to join")
	}
	bad = true
	if !r.Grow(1, time.Second, 5*time.Minute) {
		t.Errorf("only %d of 6 nodes are ready", len(r.ReadyNodes()))
	}
	r.Truth.Claims(true)
	problems(t, r)
}
