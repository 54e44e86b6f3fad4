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

// tally is an application that notes which messages came, and how often.
type tally map[uint32]int

const tallyApp = 1001

func (tally) Start(kbr.Endpoint)        {}
func (tally) Update(*peer.Handle, bool) {}
func (tally) Stop()                     {}
func (t tally) Deliver(d *kbr.Delivery) { t[binary.BigEndian.Uint32(d.Payload)]++ }

// TestStarvedRing lets all nodes of a ring starve for a processor, as those of TestBusyCrowd
// do, while messages are routed of whose outcome nobody is told. Nodes take each other for
// dead and lose their leases, and messages wait for these. No node ended, so each arrives where
// a node has room for them; where it has little some are lost, and each of them is counted.
func TestStarvedRing(t *testing.T) {
	simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
		for _, held := range []int{pastry.DefaultConfig().Held, 8} {
			sent, came, givenUp := starve(t, seed, held)
			twice := 0
			for _, times := range came {
				twice += times - 1
			}
			lost := sent - len(came)
			t.Logf("room for %d: of %d messages %d were lost, %d were given up, %d came twice", held, sent, lost, givenUp, twice)
			switch roomy := held > 8; {
			case roomy && (lost != 0 || givenUp != 0):
				t.Errorf("room for %d: of %d messages %d were lost, %d were given up", held, sent, lost, givenUp)
			case !roomy && (lost == 0 || lost > givenUp):
				t.Errorf("room for %d: of %d messages %d were lost, and %d counted as given up", held, sent, lost, givenUp)
			}
		}
	})
}

// starve routes messages through a starved ring with room for so many that wait at a node, and
// returns how many were sent, which came, and how many its nodes gave up.
func starve(t *testing.T, seed uint64, held int) (sent int, came tally, givenUp int) {
	const nodes, slow = 20, 8 * time.Second
	came = make(tally)
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
	until := make([]time.Duration, nodes)
	for began := r.Sim.Now(); r.Sim.Now()-began < slow; r.Sim.RunFor(10 * time.Millisecond) {
		standStill(r, until)
		from, key, text := sim.NodeRef(r.Rand().IntN(nodes)), id.ID{Hi: r.Rand().Uint64(), Lo: r.Rand().Uint64()}, binary.BigEndian.AppendUint32(nil, uint32(sent))
		r.Sim.Call(from, func() { r.Node(from).Endpoint(tallyApp).Route(key, text, nil) })
		sent++
	}
	for n := range nodes {
		r.Sim.Slow(sim.NodeRef(n), 0)
		if r.Sim.Paused(sim.NodeRef(n)) {
			r.Sim.Wake(sim.NodeRef(n))
		}
	}
	counted := func() bool {
		givenUp = 0
		for n := range nodes {
			givenUp += int(r.View(sim.NodeRef(n)).GivenUp)
		}
		return len(came)+givenUp >= sent
	}
	r.Sim.RunUntil(counted, time.Second, 2*time.Minute)
	r.Sim.RunFor(10 * time.Second) // for what comes twice
	counted()
	return sent, came, givenUp
}
