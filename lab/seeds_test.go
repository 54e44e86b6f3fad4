package lab_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// newcomer is a ring whose next node gets other seeds than its owner would tell it, and
// when it asked them for the ring.
type newcomer struct {
	*lab.Ring
	seeds func(told []*peer.Handle) []*peer.Handle // nil: as told
	asked []time.Duration
}

func newNewcomer(t *testing.T, seed uint64, nodes int) *newcomer {
	t.Helper()
	w := new(newcomer)
	c := lab.Config{Seed: seed, Sealed: true, Tune: func(c *pastry.Config) {
		if w.seeds != nil {
			c.Seeds = w.seeds(c.Seeds)
		}
	}, Sim: sim.Config{Connections: true, Topology: topo.NewUniform(100, 20*time.Millisecond)}}
	c.Sim.Observe.Send = func(from, _ sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
		if r, ok := m.(*msg.StateRequest); ok && int(from) == nodes && r.What == 1 {
			w.asked = append(w.asked, w.Sim.Now())
		}
	}
	w.Ring = lab.New(c)
	t.Cleanup(w.Close)
	if !w.Grow(nodes, 300*time.Millisecond, time.Minute) {
		t.Fatal("no ring to join")
	}
	w.Sim.RunFor(time.Minute)
	return w
}

// join adds the newcomer, and returns how long it took to be in the ring.
func (w *newcomer) join(t *testing.T, limit time.Duration, seeds func([]*peer.Handle) []*peer.Handle) time.Duration {
	t.Helper()
	w.seeds = seeds
	n, began := w.Add(), w.Sim.Now()
	if !w.Sim.RunUntil(func() bool { return w.Ready(n) }, 50*time.Millisecond, limit) {
		t.Errorf("the newcomer is not in the ring after %v", limit)
	}
	w.Sim.RunFor(5 * time.Second)
	w.Truth.Claims(true)
	problems(t, w.Ring)
	return w.Sim.Now() - began
}

// strangers are n nodes that are not there.
func strangers(n int) (hs []*peer.Handle) {
	for i := range n {
		hs = append(hs, &peer.Handle{ID: id.ID{Hi: uint64(i+1) << 40, Lo: 7}, Key: peer.Key{1}, Addrs: []string{"nowhere"}})
	}
	return hs
}

// TestBadSeeds gives a newcomer bad lists of seeds (hostile input, row 56): it asks at
// most eight at once, each once in a round, and joins by the one that is there.
func TestBadSeeds(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit time.Duration
		asks  int // of the first round, at most
		seeds func(told []*peer.Handle) []*peer.Handle
	}{
		{"some are not there", 10 * time.Second, 34, func(told []*peer.Handle) []*peer.Handle {
			return append(strangers(30), append(told, &peer.Handle{Addrs: []string{"nowhere"}})...)
		}},
		{"10,000", 25 * time.Minute, 10_001, func(told []*peer.Handle) []*peer.Handle { return append(strangers(10_000), told[0]) }},
		{"one, 10,000 times", 3 * time.Second, 1, func(told []*peer.Handle) []*peer.Handle {
			return slices.Repeat(told[:1], 10_000)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newNewcomer(t, 56, 5)
			w.join(t, c.limit, c.seeds)
			if len(w.asked) == 0 || len(w.asked) > c.asks {
				t.Errorf("%d seeds were asked, want 1 to %d", len(w.asked), c.asks)
			}
			for i := 8; i < len(w.asked); i++ {
				if d := w.asked[i] - w.asked[i-8]; d < 900*time.Millisecond {
					t.Fatalf("nine seeds were asked within %v", d)
				}
			}
		})
	}
}

// TestOnlyItself: a list of seeds that names nobody but the node itself is none.
func TestOnlyItself(t *testing.T) {
	w := newNewcomer(t, 57, 1)
	self := w.Sim.Handle(0)
	w.seeds = func([]*peer.Handle) []*peer.Handle { return []*peer.Handle{self, self} }
	w.Sim.Crash(0)
	w.Sim.Restart(0)
	w.Sim.RunFor(time.Second)
	if !w.Ready(0) {
		t.Error("a node that knows only itself is no ring of one")
	}
}

// TestSilentSeeds: of the 64 peers that a member remembers all but one are silent, and
// nothing refuses. It is in the ring again within a few probe times (of 3.7 s).
func TestSilentSeeds(t *testing.T) {
	for seed := range uint64(3) {
		w := newNewcomer(t, seed, 66)
		back, live := sim.NodeRef(65), sim.NodeRef(seed)
		known := w.View(back)
		if !slices.ContainsFunc(append(known.Leaf, known.Near...), func(h *peer.Handle) bool { return h.ID == w.Sim.Handle(live).ID }) {
			live, _ = w.Sim.Find(known.Leaf[0].ID)
		}
		w.Sim.Crash(back)
		for _, n := range w.Live() {
			if n != live {
				w.Sim.Die(n)
			}
		}
		w.Sim.RunFor(3 * time.Minute)
		w.seeds = func([]*peer.Handle) []*peer.Handle { return nil }
		w.Sim.Restart(back)
		began := w.Sim.Now()
		if !w.Sim.RunUntil(func() bool { return w.Ready(back) && w.Ready(live) }, 50*time.Millisecond, 15*time.Second) {
			t.Errorf("seed %d: not in the ring after 15 s", seed)
		}
		t.Logf("seed %d: in the ring after %v", seed, w.Sim.Now()-began)
		w.Truth.Claims(true)
		problems(t, w.Ring)
	}
}

// TestBackOff: a node whose seeds are silent asks them less and less often, at least
// once a minute, and at once when the ring shows itself or somebody says join.
func TestBackOff(t *testing.T) {
	for _, wakes := range []string{"time", "the ring", "a call"} {
		t.Run(wakes, func(t *testing.T) {
			w := newNewcomer(t, 58, 5)
			w.seeds = func([]*peer.Handle) []*peer.Handle { return []*peer.Handle{w.Sim.Handle(0)} }
			n := w.Add()
			w.Sim.Isolate(n)
			w.Sim.RunFor(20 * time.Minute)
			var gaps []time.Duration
			for i := 1; i < len(w.asked); i++ {
				gaps = append(gaps, w.asked[i]-w.asked[i-1])
			}
			if len(gaps) < 20 || len(gaps) > 60 || slices.Max(gaps) > 65*time.Second {
				t.Errorf("%d rounds in 20 min, at most %v apart", len(w.asked), slices.Max(gaps))
			}
			w.Sim.Mend()
			limit := 65 * time.Second
			switch wakes {
			case "the ring":
				limit = 10 * time.Second // a call to the seed may be under way still, for 5 s
				w.Sim.Call(1, func() {
					w.Node(1).Send(w.Sim.Handle(n), machine.ClassLiveness, &msg.LeafProbe{Active: true})
				})
			case "a call":
				limit = 4 * time.Second
				w.Sim.Call(n, func() { w.Node(n).Join([]*peer.Handle{w.Sim.Handle(2)}) })
			}
			if !w.Sim.RunUntil(func() bool { return w.Ready(n) }, 50*time.Millisecond, limit) {
				t.Errorf("not in the ring %v after the path is open again", limit)
			}
		})
	}
}
