package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/hugepages"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// simRows are the figures of the simulator, all on one processor: the protocol is that
// of the real nodes, without encoding and without faults. The collector waits until the
// heap is five times what lives, where speed is measured, and the heap lies in huge pages
// where the system gives them.
func simRows() []row.Row {
	const perfect = "perfect tables"
	return []row.Row{
		{Name: "sim-join", What: "simulated join of 10,000 nodes", Rounds: 1, FreePastry: "79 s; 26 KiB",
			Counted: "one join in 200 ms of virtual time, full protocol, 30 s heartbeat, plane; wall time, the collector at 400 %; heap of all by nodes",
			Goals:   []row.Goal{{Metric: "wall", Limit: 8}, {Metric: "heap a node", Limit: 6}}, Measure: measureSimJoin},
		{Name: "sim-routes-1k", What: "routes among 1,000 simulated nodes", Rounds: 1, FreePastry: "2.40; 1.55",
			Counted: "10,000 lookups in a ring built by joins after 40 minutes of its own gossip, leaf set 32, plane; ratio of means; " + perfect + " beside",
			Goals:   []row.Goal{{Metric: "hops", Limit: 2.40}, {Metric: "stretch", Limit: 1.45}}, Measure: routesAt(1000)},
		{Name: "sim-routes-10k", What: "routes among 10,000 simulated nodes", Rounds: 1, FreePastry: "3.12; 1.89",
			Counted: "the same",
			Goals:   []row.Goal{{Metric: "hops", Limit: 3.12}, {Metric: "stretch", Limit: 1.45}}, Measure: routesAt(10_000)},
		{Name: "sim-speed-10k", What: "plain routing among 10,000 simulated nodes", Rounds: 3, FreePastry: "45,000–75,000/s",
			Counted: "link messages with acknowledgements in a second of wall time; a ring planted with good tables, a lookup for each node and virtual second; the collector at 400 %",
			Goals:   []row.Goal{{Metric: "messages", Limit: 1e6, AtLeast: true}}, Measure: speedAt(10_000)},
		{Name: "sim-speed-100k", What: "plain routing among 100,000 simulated nodes", Rounds: 1, FreePastry: "–",
			Counted: "the same",
			Goals:   []row.Goal{{Metric: "messages", Limit: 6e5, AtLeast: true}}, Measure: speedAt(100_000)},
	}
}

// onePlane is a ring on the plane of n hosts.
func onePlane(n int) lab.Config {
	return lab.Config{Seed: 1, Unwatched: true, Sim: sim.Config{Topology: topo.NewPlane(n, 1, 0)}}
}

// few is n, or fewer nodes in a quick run, which then says so.
func few(n int, e *row.Env) (int, string) {
	if e.Quick && n > 1000 {
		return 1000, fmt.Sprintf("not at full length: 1,000 nodes in place of %s", row.Number(float64(n)))
	}
	return n, ""
}

// nodeHeap is what the heap has room for, in bytes a node, until it is collected.
const nodeHeap = 64 << 10

// alone lets the simulation of n nodes have one processor, huge pages, and collect
// seldom, until the returned function is called; the pages stay.
func alone(n int) (restore func()) {
	hugepages.Reserve(int64(n) * nodeHeap)
	was, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(400)
	return func() {
		runtime.GOMAXPROCS(was)
		debug.SetGCPercent(percent)
	}
}

func measureSimJoin(ctx context.Context, e *row.Env) ([]row.Round, error) {
	n, note := few(10_000, e)
	defer alone(n)()
	before := live()
	r := lab.New(onePlane(n))
	defer r.Close()
	begun := time.Now()
	for range n {
		r.Add()
		r.Sim.RunFor(200 * time.Millisecond)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	took := time.Since(begun)
	if !r.Sim.RunUntil(func() bool { return len(r.ReadyNodes()) == n }, time.Second, time.Minute) {
		return nil, fmt.Errorf("%d of %d nodes are ready a minute after the last one joined", len(r.ReadyNodes()), n)
	}
	sent := r.Sim.Counts().Sent
	after := live()
	bound := memoryBound(after.HeapAlloc-before.HeapAlloc, took/time.Duration(sent))
	return []row.Round{{Note: note, Bound: bound, Figures: []row.Figure{
		{Metric: "wall", Value: took.Seconds(), Unit: "s"},
		{Metric: "heap a node", Value: float64(after.HeapAlloc-before.HeapAlloc) / float64(n) / 1024, Unit: "KiB"},
		{Metric: "messages a node", Value: float64(sent) / float64(n)},
	}}}, nil
}

// routesAt measures hops and stretch in a ring of n nodes, beside one with the best
// tables that there are.
func routesAt(n int) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(_ context.Context, e *row.Env) ([]row.Round, error) {
		n, note := few(n, e)
		joined := lab.NewMeter(onePlane(n))
		defer joined.Close()
		if !joined.Grow(n, 200*time.Millisecond, time.Minute) {
			return nil, fmt.Errorf("%d of %d nodes are ready", len(joined.ReadyNodes()), n)
		}
		fresh, err := joined.Measure(10_000, 1000)
		if err != nil {
			return nil, err
		}
		joined.Sim.RunFor(40 * time.Minute)
		settled, err := joined.Measure(10_000, 1000)
		if err != nil {
			return nil, err
		}
		best := lab.NewMeter(onePlane(n))
		defer best.Close()
		best.Plant(n, 0)
		best.Sim.RunFor(3 * time.Second)
		perfect, err := best.Measure(10_000, 1000)
		if err != nil {
			return nil, err
		}
		return []row.Round{{Note: note, Figures: []row.Figure{
			{Metric: "hops", Value: settled.MeanHops()}, {Metric: "stretch", Value: settled.Stretch()},
			{Metric: "hops just joined", Value: fresh.MeanHops()}, {Metric: "stretch just joined", Value: fresh.Stretch()},
			{Metric: "hops with perfect tables", Value: perfect.MeanHops()}, {Metric: "stretch with perfect tables", Value: perfect.Stretch()},
		}}}, nil
	}
}

// speedAt measures how many link messages a second of wall time carries.
func speedAt(n int) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(_ context.Context, e *row.Env) ([]row.Round, error) {
		n, note := few(n, e)
		defer alone(n)()
		before := live()
		m := lab.NewMeter(onePlane(n))
		defer m.Close()
		m.Plant(n, 16)
		m.Sim.RunFor(3 * time.Second)
		var rounds []row.Round
		for range e.Rounds {
			sent, begun := m.Sim.Counts().Sent, time.Now()
			if _, err := m.Measure(3*n, n); err != nil {
				return nil, err
			}
			took := time.Since(begun)
			sent = m.Sim.Counts().Sent - sent
			rounds = append(rounds, row.Round{Note: note, Bound: memoryBound(live().HeapAlloc-before.HeapAlloc, took/time.Duration(sent)),
				Figures: []row.Figure{{Metric: "messages", Value: float64(sent) / took.Seconds(), Unit: "/s"}}})
		}
		return rounds, nil
	}
}

// memoryBound tells how a message stands to what bounds it: the nodes' state is larger
// than the processor's caches, and each message comes to a node that was not touched
// for long.
func memoryBound(heap uint64, message time.Duration) string {
	read, beside := readTimes(heap)
	return fmt.Sprintf("a read that the next one waits for takes %d ns here, in as much memory as the ring's %d MiB (%d ns each where %d go side by side); a message takes %d ns, the time of %.0f of them",
		read.Nanoseconds(), heap>>20, beside.Nanoseconds(), sideBySide, message.Nanoseconds(), float64(message)/float64(read))
}

// sideBySide is how many reads do not wait for each other, in readTimes.
const sideBySide = 16

// readTimes measures a read from a random place in so many bytes: one whose address is
// known when the one before it is done, and one of many that go side by side.
func readTimes(bytes uint64) (one, beside time.Duration) {
	next := make([]uint32, max(bytes/4, 1<<20))
	for i := range next {
		next[i] = uint32(i)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := len(next) - 1; i > 0; i-- { // one cycle through all (Sattolo)
		k := rng.IntN(i)
		next[i], next[k] = next[k], next[i]
	}
	const reads = 2_000_000
	at := uint32(0)
	begun := time.Now()
	for range reads {
		at = next[at]
	}
	one = time.Since(begun) / reads
	runtime.KeepAlive(at)
	var ats [sideBySide]uint32
	for i := range ats {
		ats[i] = uint32(rng.IntN(len(next)))
	}
	begun = time.Now()
	for range reads / sideBySide {
		for i := range ats {
			ats[i] = next[ats[i]]
		}
	}
	beside = time.Since(begun) / reads
	runtime.KeepAlive(ats)
	return one, beside
}
