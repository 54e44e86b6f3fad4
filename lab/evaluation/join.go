package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

var join = &experiment.Experiment{
	Name:  "join",
	What:  "what one join costs: messages and virtual time",
	Paper: "Pastry (Middleware 2001), section 2.4: about 3·2^b = 48 messages, without proximity probes; FreePastry 2.1, measured: 120 and 4.6 s",
	Nodes: 1000, Full: 10_000,
	AnySize:    true,
	Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "join_messages", Unit: "messages", What: "link messages of all nodes in the ten seconds after a join, beyond those of the same ring without the joins, and those of earlier newcomers; mean"},
		{Name: "join_time", Unit: "s", What: "virtual time until the newcomer claims its keys; mean"},
		{Name: "join_time_max", Unit: "s", What: "of the slowest"},
	},
	Measure: runJoin,
}

// joins is the number of joins that are measured.
const joins = 100

func runJoin(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n+joins, r.Params.Seed)
	if err != nil {
		return err
	}
	const span = 10 * time.Second
	// The same ring without the joins tells what they are beyond: rounds of gossip and of
	// probes are so rare that no calm time before or after is like the time of the joins.
	calm, err := newJoined(ctx, r, n, t)
	if err != nil {
		return err
	}
	defer calm.Close()
	background := calm.sent()
	if err := calm.Pass(ctx, joins*span, "calm"); err != nil {
		return err
	}
	background = calm.sent() - background
	f, err := newJoined(ctx, r, n, t)
	if err != nil {
		return err
	}
	defer f.Close()
	joined := f.sent()
	var took []time.Duration
	upkeep := 0.0 // messages of the newcomers when they are in the ring
	for i := range joins {
		begun := f.Sim.Now()
		f.Add()
		if !f.Sim.RunUntil(func() bool { return f.Census.Len() == n+i+1 }, time.Millisecond, span) {
			return fmt.Errorf("node %d is not in the ring after %v", n+i, span)
		}
		took = append(took, f.Sim.Now()-begun)
		f.Sim.Run(begun + span)
		upkeep -= f.traffic(n + i)
		if err := r.Step(ctx, i+1, joins, f.Name+": joins"); err != nil {
			return err
		}
	}
	joined = f.sent() - joined
	for i := range joins {
		upkeep += f.traffic(n + i)
	}
	slices.Sort(took)
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	r.Add(experiment.Value{Metric: "join_messages", Nodes: n, Value: (joined - background - upkeep) / joins, Paper: experiment.Paper(120), Goal: experiment.AtMost(300)})
	r.Add(experiment.Value{Metric: "join_time", Nodes: n, Value: sum.Seconds() / joins, Paper: experiment.Paper(4.6), Goal: experiment.AtMost(1)})
	r.Add(experiment.Value{Metric: "join_time_max", Nodes: n, Value: took[joins-1].Seconds()})
	s := experiment.Series{Name: "this run"}
	for i, d := range took {
		s.Points = append(s.Points, [2]float64{d.Seconds(), float64(i+1) / joins})
	}
	r.Plots = append(r.Plots, experiment.Plot{Title: "Time until a newcomer claims its keys", X: "s", Y: "share of the joins", Series: []experiment.Series{s}})
	r.Notes = append(r.Notes, "Published: FreePastry's, as measured. The ring begins with oracle-made tables, which its own gossip improves for 40 minutes before anything is counted.")
	return nil
}

// newJoined makes the ring of n nodes that others are to join, settled.
func newJoined(ctx context.Context, r *experiment.Run, n int, t topo.Topology) (*joinField, error) {
	f := &joinField{field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})}
	f.Plant(n, 16)
	if err := f.Pass(ctx, settled, "tables improve"); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// joinField is a ring whose messages are counted.
type joinField struct{ *field.Field }

// sent is the number of messages so far.
func (f *joinField) sent() float64 { return float64(f.Sim.Counts().Sent) }

// traffic is the number of messages that node i sent or got so far.
func (f *joinField) traffic(i int) float64 {
	t := f.Sim.Traffic(sim.NodeRef(i))
	return float64(t.Sent + t.Received)
}
