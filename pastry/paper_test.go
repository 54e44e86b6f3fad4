package pastry_test

import (
	"cmp"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// What the papers state of routes, joins and tables, in calm. Sections are those
// of Pastry 2001 (Rowstron, Druschel, Middleware 2001), MSPastry (Castro, Costa,
// Rowstron, DSN 2004) and the PNS report (MSR-TR-2002-82).

// large is the size of the largest ring; PHYLLO_RING sets it ("make soak": 10,000).
func large() int {
	if n, err := strconv.Atoi(os.Getenv("PHYLLO_RING")); err == nil && n >= 100 {
		return n
	}
	return 1000
}

// formula is the mean number of hops with full tables: log16 N, less the share of
// hops that the next digit saves (15/16; MSPastry 4.1).
func formula(n int) float64 { return 15.0 / 16 * math.Log(float64(n)) / math.Log(16) }

// digits is log16 n: about the digits by which n nodes can be told apart.
func digits(n int) float64 { return math.Log(float64(n)) / math.Log(16) }

// Pastry 2001, 3.1: "the average number of routing hops" follows log16 N; routes are
// no longer than ceil(log16 N), but for the rare case, and all end at the nearest
// node. With 1,000 nodes the mean is at most 2.40.
// 2.4: a join takes O(log N) messages: here two each with every leaf-set member and
// with the root, and five for every entry of the table.
// Table rule (O5), leaf sets (O3), claims (O1, O2): all of it holds at this size.
func TestHopsAndJoins(t *testing.T) {
	simtest.WithoutRace(t)
	t.Parallel()
	n := large()
	w := newWorld(t, lab.Config{Seed: 2, Sim: sim.Config{Topology: topo.NewPlane(4*n, 1, 100*time.Millisecond)}})
	for _, size := range []int{n / 10, n - 10} {
		w.Grow(size-w.Sim.Len(), 100*time.Millisecond, time.Minute)
		w.Sim.RunFor(5 * time.Second)
		w.Grow(10, 500*time.Millisecond, time.Minute)
		w.Sim.RunFor(5 * time.Second)
		messages := 0.0
		for i := range 10 {
			c := w.Sim.Traffic(sim.NodeRef(w.Sim.Len() - 1 - i))
			messages += float64(c.Sent+c.Received) / 10
		}
		t.Logf("a join into %d nodes: %.0f messages", size, messages)
		if limit := 2*33 + 5*16*digits(size); messages > limit {
			t.Errorf("a join into %d nodes: %.0f messages, at most %.0f", size, messages, limit)
		}
	}
	lookups := 2 * n
	mean, longest := w.lookUp(lookups)
	t.Logf("%d nodes, just joined: %.3f hops on average, %d at most", n, mean, longest)
	if n > 1000 {
		// So many joins leave holes in tables, which the gossip of one round fills.
		w.Sim.RunFor(25 * time.Minute)
		mean, longest = w.lookUp(lookups)
		lookups *= 2
		t.Logf("%d nodes, after a round of gossip: %.3f hops on average, %d at most", n, mean, longest)
	}
	if w.Truth.Delivered != lookups || w.Truth.Wrong != 0 {
		t.Errorf("%d of %d lookups delivered, %d at the wrong node", w.Truth.Delivered, lookups, w.Truth.Wrong)
	}
	if limit := formula(n) + 0.064; mean > limit {
		t.Errorf("a mean of %.3f hops, at most %.3f", mean, limit)
	}
	limit := int(math.Ceil(digits(n))) + 1
	if n > 1000 {
		limit = lab.HopLimit(n) // O8: among so many routes there is the rare case
	}
	if longest > limit {
		t.Errorf("a route of %d hops, at most %d", longest, limit)
	}
	w.Sim.RunFor(time.Minute) // O10
	w.check(32)
}

// lookUp routes messages to drawn keys, and returns the mean number of hops and the
// largest.
func (w *world) lookUp(lookups int) (mean float64, longest int) {
	for _, a := range w.apps {
		a.got = nil
	}
	for range lookups {
		key, from := w.key(), w.pick()
		w.Sim.Call(from, func() { w.apps[from].ep.Route(key, []byte("x"), nil) })
	}
	w.Sim.RunFor(3 * time.Second)
	total := 0
	for _, a := range w.apps {
		for _, d := range a.got {
			total += d.Hops
			longest = max(longest, d.Hops)
		}
	}
	return float64(total) / float64(lookups), longest
}

// PNS report, section 3: each entry is near among the nodes that fit, so that the
// stretch of a route over the direct way lies between 1.3 and 2.2 (over topologies;
// on the plane, as on a sphere, about 1.4).
func TestStretch(t *testing.T) {
	t.Parallel()
	w := grow(t, 100, lab.Config{Seed: 3, Sim: sim.Config{Topology: topo.NewPlane(400, 3, 100*time.Millisecond)}})
	var way, direct time.Duration
	for range 300 {
		from, key := w.pick(), w.key()
		o := w.ask(from, key, kbr.Options{Trace: true})
		if o.err != nil {
			t.Fatal(o.err)
		}
		last := from
		for _, h := range o.answer.Path[1:] {
			n, _ := w.Sim.Find(h.Node.ID)
			way += w.Sim.Delay(last, n)
			last = n
		}
		direct += w.Sim.Delay(from, last)
	}
	stretch := float64(way) / float64(direct)
	t.Logf("stretch %.2f", stretch)
	if stretch > 1.8 {
		t.Errorf("stretch %.2f, at most 1.8", stretch)
	}
}

// MSPastry, abstract: "an overhead of less than half a message per second per node".
// O12: at most one, also in the minutes after nodes joined, when probes are frequent.
func TestQuietRingIsQuiet(t *testing.T) {
	t.Parallel()
	w := grow(t, 60, lab.Config{Seed: 4})
	for _, c := range []struct {
		wait, span time.Duration
		limit      float64
	}{{0, 5 * time.Minute, 1}, {5 * time.Minute, 10 * time.Minute, 0.5}} {
		w.Sim.RunFor(c.wait)
		before := w.Truth.Sent
		w.Sim.RunFor(c.span)
		if rate := float64(w.Truth.Sent-before) / 60 / c.span.Seconds(); rate > c.limit {
			t.Errorf("%.3f messages a second and node, at most %v", rate, c.limit)
		}
	}
}

// Pastry 2001, 2.1: the neighbourhood set holds nodes that are near by proximity,
// nearest first.
func TestNeighbourhoodSet(t *testing.T) {
	t.Parallel()
	c := lab.Config{Seed: 5, Sim: sim.Config{Topology: topo.NewPlane(240, 5, 100*time.Millisecond)}}
	c.Tune = func(p *pastry.Config) { p.Neighbourhood = 8; p.TableRound = time.Minute }
	w := grow(t, 60, c)
	w.Sim.RunFor(12 * time.Minute)
	good := 0
	for _, n := range w.Live() {
		near := w.View(n).Near
		others := w.Live()
		slices.SortFunc(others, func(a, b sim.NodeRef) int { return cmp.Compare(w.Sim.Delay(n, a), w.Sim.Delay(n, b)) })
		for i, h := range near {
			m, _ := w.Sim.Find(h.ID)
			if i > 0 {
				if before, _ := w.Sim.Find(near[i-1].ID); w.Sim.Delay(n, before) > w.Sim.Delay(n, m)+time.Millisecond {
					t.Errorf("node %d: number %d of its neighbourhood set is nearer than number %d", n, i, i-1)
				}
			}
			if slices.Contains(others[:17], m) {
				good++
			}
		}
		if len(near) != 8 {
			t.Errorf("node %d: %d nodes in its neighbourhood set, want 8", n, len(near))
		}
	}
	if good < 400 {
		t.Errorf("%d of 480 members of neighbourhood sets are among the 16 nearest", good)
	}
}
