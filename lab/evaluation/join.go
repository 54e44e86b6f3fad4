package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
)

var join = &Experiment{
	Name:  "join",
	What:  "what one join costs: messages and virtual time",
	Paper: "Pastry (Middleware 2001), section 2.4: about 3·2^b = 48 messages, without proximity probes; FreePastry 2.1, measured: 120 and 4.6 s",
	Nodes: 1000, Full: 10_000,
	AnySize:    true,
	Topologies: []string{TransitStub, Plane, Sphere, Measured},
	Metrics: []Metric{
		{"join_messages", "messages", "link messages of all nodes in the ten seconds after a join, beyond those of ten calm seconds, half of them before and half of them after all joins; mean"},
		{"join_time", "s", "virtual time until the newcomer claims its keys; mean"},
		{"join_time_max", "s", "of the slowest"},
	},
	run: runJoin,
}

// joins is the number of joins that are measured.
const joins = 100

func runJoin(ctx context.Context, r *Run) error {
	n := r.Params.Nodes
	t, err := network(r.Params.Topology, n+joins, r.Params.Seed)
	if err != nil {
		return err
	}
	f := newField(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	f.Plant(n, 16)
	if err := f.pass(ctx, settled, "tables improve"); err != nil {
		return err
	}
	const span = 10 * time.Second
	sent := func() float64 { return float64(f.Sim.Counts().Sent) }
	calm := func() (float64, error) {
		before := sent()
		err := f.pass(ctx, joins*span/2, "calm")
		return sent() - before, err
	}
	before, err := calm()
	if err != nil {
		return err
	}
	joined := sent()
	var took []time.Duration
	for i := range joins {
		begun := f.Sim.Now()
		f.Add()
		if !f.Sim.RunUntil(func() bool { return f.census.len() == n+i+1 }, time.Millisecond, span) {
			return fmt.Errorf("node %d is not in the ring after %v", n+i, span)
		}
		took = append(took, f.Sim.Now()-begun)
		f.Sim.Run(begun + span)
		if err := r.step(ctx, i+1, joins, f.name+": joins"); err != nil {
			return err
		}
	}
	joined = sent() - joined
	after, err := calm()
	if err != nil {
		return err
	}
	slices.Sort(took)
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	r.add(Value{Metric: "join_messages", Nodes: n, Value: (joined - before - after) / joins, Paper: paper(120), Goal: AtMost(300)})
	r.add(Value{Metric: "join_time", Nodes: n, Value: sum.Seconds() / joins, Paper: paper(4.6), Goal: AtMost(1)})
	r.add(Value{Metric: "join_time_max", Nodes: n, Value: took[joins-1].Seconds()})
	s := Series{Name: "this run"}
	for i, d := range took {
		s.Points = append(s.Points, [2]float64{d.Seconds(), float64(i+1) / joins})
	}
	r.Plots = append(r.Plots, Plot{Title: "Time until a newcomer claims its keys", X: "s", Y: "share of the joins", Series: []Series{s}})
	r.Notes = append(r.Notes, "Published: FreePastry's, as measured. The ring begins with oracle-made tables, which its own gossip improves for 40 minutes before anything is counted; newcomers add to the traffic of the calm seconds after them.")
	return nil
}
