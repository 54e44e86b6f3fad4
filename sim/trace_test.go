package sim_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// gossipers runs toys that talk, under a storm if stormy, and returns the
// simulation, closed.
func gossipers(t testing.TB, c sim.Config, toys int, stormy bool, d time.Duration) *sim.Sim {
	if c.Topology == nil {
		c.Topology = topo.NewPlane(toys, c.Seed, 0)
	}
	s := sim.New(c)
	defer s.Close()
	for i := range toys {
		s.Add(sim.Spec{Handle: handle(i), Host: i, Make: func(env sim.NodeEnv) machine.Machine {
			return &toy{Kernel: machine.NewKernel(env.Rand), env: env, born: gossip(handle((i + 1) % toys))}
		}})
	}
	if stormy {
		f := sim.Storm(rand.New(rand.NewPCG(c.Seed, 1)))
		f.Crash = time.Minute
		s.Inject(f)
		s.Run(d)
		s.Heal()
		d *= 2
	}
	s.Run(d)
	return s
}

func TestOneSeedGivesOneTrace(t *testing.T) {
	for _, links := range []bool{false, true} {
		for seed := range uint64(2) {
			base := sim.Config{Seed: seed, Connections: links}
			first := gossipers(t, base, 20, true, 25*time.Second)
			want, counts := first.Trace(), first.Counts()
			if counts.Delivered < 1000 {
				t.Fatalf("only %d messages were delivered: the trace says little", counts.Delivered)
			}
			heap, coded := base, base
			heap.Queue, coded.Codec = sim.Heap, table
			for _, v := range []struct {
				name  string
				c     sim.Config
				procs int
			}{{"again", base, 0}, {"heap", heap, 0}, {"codec", coded, 0}, {"GOMAXPROCS 1", base, 1}, {"GOMAXPROCS 2", base, 2}} {
				got := withProcs(v.procs, func() *sim.Sim { return gossipers(t, v.c, 20, true, 25*time.Second) })
				if got.Trace() != want || v.c.Codec == nil && got.Counts() != counts {
					t.Errorf("seed %d, links %v, %s: trace %x after %d events, want %x after %d",
						seed, links, v.name, got.Trace(), got.Counts().Events, want, counts.Events)
				}
			}
			other := base
			other.Seed += 1000
			if gossipers(t, other, 20, true, 25*time.Second).Trace() == want {
				t.Errorf("seeds %d and %d give the same trace", seed, other.Seed)
			}
		}
	}
}

func withProcs(n int, f func() *sim.Sim) *sim.Sim {
	if n > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	}
	return f()
}

// A node's own choices must not move when something is changed elsewhere.
func TestRandomStreamsAreTheNodesOwn(t *testing.T) {
	draw := func(seed uint64, extra int, faults sim.Faults) []uint64 {
		w := newWorld(t, sim.Config{Seed: seed}, 3+extra)
		w.Inject(faults)
		w.say(0, 1, "x")
		w.RunFor(time.Second)
		var got []uint64
		for _, toy := range w.toys[:3] {
			got = append(got, toy.env.Rand.Uint64())
		}
		return got
	}
	base := draw(1, 0, sim.Faults{})
	if base[0] == base[1] || base[1] == base[2] {
		t.Errorf("two nodes have the same stream: %x", base)
	}
	if got := draw(1, 5, sim.Faults{Drop: 0.5, Delay: time.Second, Crash: time.Second, DownTime: time.Hour, Zombie: 1, ZombieMax: time.Hour}); fmt.Sprint(got) != fmt.Sprint(base) {
		t.Errorf("other nodes and faults moved the streams: %x, want %x", got, base)
	}
	if got := draw(2, 0, sim.Faults{}); got[0] == base[0] {
		t.Error("two seeds give a node the same stream")
	}
}
