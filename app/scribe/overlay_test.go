package scribe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/task"
)

// Members on the real overlay, in a deep tree: forwarders and
// roots are killed, silently and not, while one speaks. Whoever lives reads everything that
// was acknowledged, once and in order (P1, P4, P6, P7).
func TestOnPastry(t *testing.T) {
	simtest.Seeds(t, 10, func(t *testing.T, seed uint64) {
		const nodes = 40
		apps := make([]*scribe.Scribe, nodes)
		r := lab.New(lab.Config{Seed: seed, Unwatched: true,
			Tune: func(c *pastry.Config) { c.LeafSet = 12 },
			Sim:  sim.Config{Topology: topo.NewPlane(4*nodes, seed, 40*time.Millisecond), Connections: true},
			Apps: func(i int, _ sim.NodeEnv) []kbr.Mount {
				c := scribe.Default()
				c.Ring, c.Verifier, c.MaxChildren = ring, standin.Verifier{}, 4
				s, err := scribe.New(c)
				if err != nil {
					panic(err)
				}
				apps[i] = s
				return []kbr.Mount{{Number: number, App: s}}
			}})
		defer r.Close()
		if !r.Grow(nodes, 300*time.Millisecond, time.Minute) {
			t.Fatal("no ring")
		}
		call := func(n int, f func(*task.T) error) {
			over, result := false, error(nil)
			r.Sim.Call(sim.NodeRef(n), func() {
				r.Node(sim.NodeRef(n)).Endpoint(number).Go(f, func(err error) { over, result = true, err })
			})
			if r.Sim.RunUntil(func() bool { return over }, 50*time.Millisecond, 2*time.Minute); !over || result != nil {
				t.Fatalf("node %d: over %v, %v", n, over, result)
			}
		}
		charter := open(fmt.Sprint("news ", seed))
		g := charter.Group(ring)
		call(0, func(tt *task.T) error { return apps[0].Create(tt, charter) })
		read := make([][]string, nodes)
		for n := range nodes {
			call(n, func(tt *task.T) error {
				_, err := apps[n].Join(tt, g, scribe.Options{Message: func(m scribe.Message) { read[n] = append(read[n], string(m.Body)) },
					Gap: func(gap scribe.Gap) { t.Errorf("node %d has the gap %v", n, gap) }})
				return err
			})
		}
		const speaker = 0
		var p *scribe.Publisher
		r.Sim.Call(speaker, func() { p = apps[speaker].Publisher(g, alice) })
		var acknowledged []string
		say := func(text string) {
			r.Sim.Call(speaker, func() {
				if err := p.Publish([]byte(text), func(_ uint64, err error) {
					if err != nil {
						t.Errorf("%s: %v", text, err)
					}
					acknowledged = append(acknowledged, text)
				}); err != nil {
					t.Error(err)
				}
			})
		}
		deepest := 0
		for i := range 120 {
			say(fmt.Sprint("message ", i))
			r.Sim.RunFor(500 * time.Millisecond)
			if i%20 != 19 {
				continue
			}
			victim := sim.Nobody
			for _, n := range r.Live() {
				place := apps[n].Place(g)
				deepest = max(deepest, len(place.Path))
				if n != speaker && (i%40 == 19 && place.Root || i%40 == 39 && len(place.Children) > 1 && !place.Root) {
					victim = n
				}
			}
			switch {
			case victim == sim.Nobody:
			case i%60 == 59:
				r.Sim.Die(victim)
			default:
				r.Sim.Crash(victim)
			}
		}
		r.Sim.RunFor(3 * time.Minute)
		if len(acknowledged) != 120 {
			t.Errorf("%d of 120 were acknowledged", len(acknowledged))
		}
		for _, n := range r.Live() {
			if err := apps[n].Check(); err != nil {
				t.Error(err)
			}
			if fmt.Sprint(read[n]) != fmt.Sprint(acknowledged) {
				t.Errorf("node %d read %d of %d messages", n, len(read[n]), len(acknowledged))
			}
		}
		t.Logf("the deepest member had %d nodes above it", deepest)
	})
}
