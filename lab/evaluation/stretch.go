package evaluation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
)

var stretch = &experiment.Experiment{
	Name: "stretch",
	What: "the way of a message beside the direct way, and beside the way with the best tables that there are",
	Paper: "Pastry (Middleware 2001), figure 7: 1.3 to 1.4 on a plane, L=16; MSPastry (DSN 2004): 1.8 on GATech, " +
		"2.2 with 5 % of the messages lost",
	Nodes: 2000, Full: 10_000,
	AnySize:    true,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "stretch", What: "ratio of the mean way of a message to the mean direct way, in a ring built by joins, after its tables were improved twice"},
		{Name: "stretch_perfect", What: "the same where each slot of each table holds the nearest of all nodes that fit"},
		{Name: "stretch_excess", What: "ratio of the two"},
		{Name: "undelivered", What: "messages that did not arrive"},
	},
	Measure: runStretch,
}

// settled is the time in which routing tables are gossiped about twice.
const settled = 40 * time.Minute

func runStretch(ctx context.Context, r *experiment.Run) error {
	names := []string{experiment.Plane, experiment.Sphere, experiment.TransitStub}
	if strings.HasPrefix(r.Params.Topology, experiment.Measured) {
		names = append(names, r.Params.Topology)
	} else {
		r.Notes = append(r.Notes, "No matrix of measured latencies comes with phyllo: `--topology matrix=FILE` adds one (as King's, a line for each host, "+
			"round trips in ms). The generated transit-stub network flatters whoever chooses near nodes.")
	}
	p := experiment.Plot{Title: "Stretch: the way taken over the direct way", X: "lost messages, %", Y: "ratio of means"}
	for _, leafs := range []int{32, 16} {
		for _, name := range names {
			s, err := stretchOn(ctx, r, name, leafs)
			if err != nil {
				return err
			}
			p.Series = append(p.Series, *s)
		}
	}
	r.Plots = append(r.Plots, p)
	return nil
}

// stretchOn measures one topology, without and with losses.
func stretchOn(ctx context.Context, r *experiment.Run, topology string, leafs int) (*experiment.Series, error) {
	n := r.Params.Nodes
	t, err := experiment.Network(topology, n, r.Params.Seed)
	if err != nil {
		return nil, err
	}
	c := lab.Config{Tune: func(c *pastry.Config) { c.LeafSet = leafs }, Sim: sim.Config{Topology: t}}
	kind, _, _ := strings.Cut(topology, "=")
	variant := fmt.Sprintf("%s, L=%d", kind, leafs)
	best := field.New(r, variant+", best tables", c)
	defer best.Close()
	best.Plant(n, 0)
	if err := best.Pass(ctx, 3*time.Second, "settle"); err != nil {
		return nil, err
	}
	messages := min(10*n, 50_000)
	perfect, err := best.Route(ctx, messages, 1000)
	if err != nil {
		return nil, err
	}
	r.Add(experiment.Value{Metric: "stretch_perfect", Variant: variant, Nodes: n, Value: perfect.Stretch()})
	joined := field.New(r, variant, c)
	defer joined.Close()
	if err := joined.Grow(ctx, n, experiment.JoinGap); err != nil {
		return nil, err
	}
	if err := joined.Pass(ctx, settled, "tables improve"); err != nil {
		return nil, err
	}
	s := &experiment.Series{Name: variant}
	for _, loss := range []int{0, 5} {
		if loss > 0 {
			joined.Sim.Inject(sim.Faults{Drop: float64(loss) / 100})
		}
		got, err := joined.Route(ctx, messages, 1000)
		if err != nil {
			return nil, err
		}
		addStretch(r, got, perfect, kind, leafs, loss)
		s.Points = append(s.Points, [2]float64{float64(loss), got.Stretch()})
	}
	return s, nil
}

func addStretch(r *experiment.Run, got, perfect *field.Tally, kind string, leafs, loss int) {
	n := r.Params.Nodes
	variant := fmt.Sprintf("%s, L=%d, loss %d %%", kind, leafs, loss)
	v := experiment.Value{Metric: "stretch", Variant: variant, Nodes: n, Value: got.Stretch()}
	switch {
	case kind == experiment.Plane && loss == 0 && leafs == 32:
		v.Goal = experiment.AtMost(1.45)
	case kind == experiment.Plane && loss == 0:
		v.Paper = experiment.Paper(1.4)
	case kind == experiment.TransitStub && leafs == 32 && loss == 0:
		v.Paper, v.Goal = experiment.Paper(1.8), experiment.AtMost(1.7)
	case kind == experiment.TransitStub && leafs == 32:
		v.Paper, v.Goal = experiment.Paper(2.2), experiment.AtMost(2.0)
	case leafs == 32 && loss > 0:
		v.Goal = experiment.AtMost(2.0)
	}
	r.Add(v)
	r.Add(experiment.Value{Metric: "stretch_excess", Variant: variant, Nodes: n, Value: got.Stretch() / perfect.Stretch()})
	lost := experiment.Rate{K: got.Lost, N: got.Sent}
	r.Add(experiment.Value{Metric: "undelivered", Variant: variant, Nodes: n, Value: lost.Value(), Rate: &lost})
}
