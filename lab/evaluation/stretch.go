package evaluation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
)

var stretch = &Experiment{
	Name: "stretch",
	What: "the way of a message beside the direct way, and beside the way with the best tables that there are",
	Paper: "Pastry (Middleware 2001), figure 7: 1.3 to 1.4 on a plane, L=16; MSPastry (DSN 2004): 1.8 on GATech, " +
		"2.2 with 5 % of the messages lost",
	Nodes: 2000, Full: 10_000,
	AnySize:    true,
	Topologies: []string{Plane, Sphere, TransitStub, Measured},
	Metrics: []Metric{
		{"stretch", "", "ratio of the mean way of a message to the mean direct way, in a ring built by joins, after its tables were improved twice"},
		{"stretch_perfect", "", "the same where each slot of each table holds the nearest of all nodes that fit"},
		{"stretch_excess", "", "ratio of the two"},
		{"undelivered", "", "messages that did not arrive"},
	},
	run: runStretch,
}

// settled is the time in which routing tables are gossiped about twice.
const settled = 40 * time.Minute

func runStretch(ctx context.Context, r *Run) error {
	names := []string{Plane, Sphere, TransitStub}
	if strings.HasPrefix(r.Params.Topology, Measured) {
		names = append(names, r.Params.Topology)
	} else {
		r.Notes = append(r.Notes, "No matrix of measured latencies comes with phyllo: `--topology matrix=FILE` adds one (as King's, a line for each host, "+
			"round trips in ms). The generated transit-stub network flatters whoever chooses near nodes.")
	}
	p := Plot{Title: "Stretch: the way taken over the direct way", X: "lost messages, %", Y: "ratio of means"}
	for _, leafs := range []int{32, 16} {
		for _, name := range names {
			s, err := r.stretchOn(ctx, name, leafs)
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
func (r *Run) stretchOn(ctx context.Context, topology string, leafs int) (*Series, error) {
	n := r.Params.Nodes
	t, err := network(topology, n, r.Params.Seed)
	if err != nil {
		return nil, err
	}
	c := lab.Config{Tune: func(c *pastry.Config) { c.LeafSet = leafs }, Sim: sim.Config{Topology: t}}
	kind, _, _ := strings.Cut(topology, "=")
	variant := fmt.Sprintf("%s, L=%d", kind, leafs)
	best := newField(r, variant+", best tables", c)
	defer best.Close()
	best.Plant(n, 0)
	if err := best.pass(ctx, 3*time.Second, "settle"); err != nil {
		return nil, err
	}
	messages := min(10*n, 50_000)
	perfect, err := best.route(ctx, messages, 1000)
	if err != nil {
		return nil, err
	}
	r.add(Value{Metric: "stretch_perfect", Variant: variant, Nodes: n, Value: perfect.stretch()})
	joined := newField(r, variant, c)
	defer joined.Close()
	if err := joined.grow(ctx, n, joinGap); err != nil {
		return nil, err
	}
	if err := joined.pass(ctx, settled, "tables improve"); err != nil {
		return nil, err
	}
	s := &Series{Name: variant}
	for _, loss := range []int{0, 5} {
		if loss > 0 {
			joined.Sim.Inject(sim.Faults{Drop: float64(loss) / 100})
		}
		got, err := joined.route(ctx, messages, 1000)
		if err != nil {
			return nil, err
		}
		r.addStretch(got, perfect, kind, leafs, loss)
		s.Points = append(s.Points, [2]float64{float64(loss), got.stretch()})
	}
	return s, nil
}

func (r *Run) addStretch(got, perfect *tally, kind string, leafs, loss int) {
	n := r.Params.Nodes
	variant := fmt.Sprintf("%s, L=%d, loss %d %%", kind, leafs, loss)
	v := Value{Metric: "stretch", Variant: variant, Nodes: n, Value: got.stretch()}
	switch {
	case kind == Plane && loss == 0 && leafs == 32:
		v.Goal = AtMost(1.45)
	case kind == Plane && loss == 0:
		v.Paper = paper(1.4)
	case kind == TransitStub && leafs == 32 && loss == 0:
		v.Paper, v.Goal = paper(1.8), AtMost(1.7)
	case kind == TransitStub && leafs == 32:
		v.Paper, v.Goal = paper(2.2), AtMost(2.0)
	case leafs == 32 && loss > 0:
		v.Goal = AtMost(2.0)
	}
	r.add(v)
	r.add(Value{Metric: "stretch_excess", Variant: variant, Nodes: n, Value: got.stretch() / perfect.stretch()})
	lost := Rate{got.lost, got.sent}
	r.add(Value{Metric: "undelivered", Variant: variant, Nodes: n, Value: lost.Value(), Rate: &lost})
}
