package lab_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// tally is an application that notes which messages came.
type tally map[uint32]bool

const tallyApp = 1001

func (tally) Start(kbr.Endpoint)        {}
func (tally) Update(*peer.Handle, bool) {}
func (tally) Stop()                     {}
func (t tally) Deliver(d *kbr.Delivery) { t[binary.BigEndian.Uint32(d.Payload)] = true }

// TestStarvedRing lets all nodes of a ring starve for a processor, as those of TestBusyCrowd
// do, while messages are routed of whose outcome nobody is told. Nodes take each other for
// dead and lose their leases, and more messages wait for these than a node has room for. No
// node ended, so each message arrives: what a node has no room for stays with the one before.
func TestStarvedRing(t *testing.T) {
	simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
		const nodes, slow, held = 20, 8 * time.Second, 12
		came := make(tally)
		r := lab.New(lab.Config{Seed: seed, Sealed: true, Unwatched: true,
			Apps: func(int, sim.NodeEnv) []kbr.Mount { return []kbr.Mount{{Number: tallyApp, App: came}} },
			Tune: func(c *pastry.Config) { c.Held = held },
			Sim:  sim.Config{Connections: true, StepTime: time.Millisecond, Topology: topo.NewUniform(nodes, 500*time.Microsecond)}})
		defer r.Close()
		if !r.Grow(nodes, 200*time.Millisecond, time.Minute) {
			t.Fatal("the ring does not come together")
		}
		for n := range nodes {
			r.Sim.Slow(sim.NodeRef(n), 3)
		}
		sent, full, until := uint32(0), 0, make([]time.Duration, nodes)
		for began := r.Sim.Now(); r.Sim.Now()-began < slow; r.Sim.RunFor(10 * time.Millisecond) {
			standStill(r, until)
			from, key, text := sim.NodeRef(r.Rand().IntN(nodes)), id.ID{Hi: r.Rand().Uint64(), Lo: r.Rand().Uint64()}, binary.BigEndian.AppendUint32(nil, sent)
			r.Sim.Call(from, func() { r.Node(from).Endpoint(tallyApp).Route(key, text, nil) })
			sent++
			if r.View(from).Held >= held {
				full++
			}
		}
		for n := range nodes {
			r.Sim.Slow(sim.NodeRef(n), 0)
			if r.Sim.Paused(sim.NodeRef(n)) {
				r.Sim.Wake(sim.NodeRef(n))
			}
		}
		if !r.Sim.RunUntil(func() bool { return len(came) == int(sent) }, time.Second, 2*time.Minute) {
			t.Errorf("%d of %d messages arrived", len(came), sent)
		}
		t.Logf("%d messages; %d times a node that sent one had no room for others'", sent, full)
	})
}
