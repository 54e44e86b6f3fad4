package lab_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// TestMassFailure ends 30 % or 50 % of a ring's nodes at one moment: the leaf sets of the
// others are exact again soon after the deaths were noticed, which closed links tell at
// once, and a heartbeat (of 30 s) where nothing does, also where half of the dead are
// killed and half fall silent, as when a power cut takes the machines of some. Nobody who is
// there is held to be dead.
func TestMassFailure(t *testing.T) {
	simtest.WithoutRace(t)
	for _, c := range []struct {
		how   string
		end   func(*sim.Sim, sim.NodeRef)
		limit time.Duration
	}{
		{"killed", (*sim.Sim).Crash, 10 * time.Second},
		{"silent", (*sim.Sim).Die, 45 * time.Second},
		{"killed or silent", func(s *sim.Sim, n sim.NodeRef) {
			if n%2 == 0 {
				s.Crash(n)
			} else {
				s.Die(n)
			}
		}, 45 * time.Second},
	} {
		for _, percent := range []int{30, 50} {
			t.Run(fmt.Sprintf("%d %% %s", percent, c.how), func(t *testing.T) {
				t.Parallel()
				const nodes = 100
				var r *lab.Ring
				wrong := 0
				r = lab.New(lab.Config{Seed: uint64(percent), Sealed: true,
					Sim: sim.Config{Connections: true, Topology: topo.NewPlane(4*nodes, uint64(percent), 50*time.Millisecond)},
					Tune: func(p *pastry.Config) {
						p.Observe.Verdict = func(_ *pastry.Node, about *peer.Handle) {
							if n, known := r.Sim.Find(about.ID); known && r.Sim.Alive(n) {
								wrong++
							}
						}
					}})
				defer r.Close()
				if !r.Grow(nodes, 100*time.Millisecond, time.Minute) {
					t.Fatal("no ring")
				}
				r.Sim.RunFor(time.Minute)
				for range nodes * percent / 100 {
					live := r.Live()
					c.end(r.Sim, live[r.Rand().IntN(len(live))])
				}
				began := r.Sim.Now()
				if !r.Sim.RunUntil(func() bool { return r.Truth.Exact(32) }, 100*time.Millisecond, c.limit) {
					r.Truth.LeafSets(32)
				}
				t.Logf("exact after %v", r.Sim.Now()-began)
				if wrong > 0 {
					t.Errorf("%d verdicts on nodes that are there", wrong)
				}
				r.Sim.RunFor(time.Minute)
				r.Truth.Claims(true)
				problems(t, r)
			})
		}
	}
}
