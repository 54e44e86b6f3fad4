package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var failures = &experiment.Experiment{
	Name:  "failures",
	What:  "a tenth of all nodes dies silently: links that messages cross before, at once, and after repair",
	Paper: "Pastry (Middleware 2001), section 3.4 and figures 11 and 12: 500 of 5,000 nodes, b=4, L=16, 200,000 lookups",
	Nodes: 1000, Full: 5000,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "hops_before", What: "links crossed before the deaths"},
		{Name: "hops_unrepaired", What: "links crossed by messages of the first two seconds after the deaths, before anybody is known to be dead"},
		{Name: "hops_repaired", What: "links crossed half an hour later"},
		{Name: "undelivered", What: "messages that did not arrive, in all three phases"},
		{Name: "repair_calls", Unit: "calls", What: "calls about leaf sets and tables between living nodes in that half hour for each dead one, beyond those of as many nodes where nobody dies; a question and its answer are one call"},
		{Name: "repair_messages", Unit: "messages", What: "the same in messages"},
		{Name: "watch_messages", Unit: "messages", What: "all other control messages, likewise: whether the dead are dead, probes that are frequent while deaths are, attempts to heal, leases"},
	},
	Measure: runFailures,
}

func runFailures(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	// What a ring does anyway is not spread evenly over the time since it was made, so
	// what deaths cost is what it costs beyond one of the same seed where nobody dies.
	calm, err := strike(ctx, r, "nobody dies", 0)
	if err != nil {
		return err
	}
	struck, err := strike(ctx, r, "a tenth dies", n/10)
	if err != nil {
		return err
	}
	addFailures(r, struck)
	alive := 1 - float64(n/10)/float64(n)
	each := func(struck, calm int) float64 { return (float64(struck) - alive*float64(calm)) / float64(n/10) }
	r.Add(experiment.Value{Metric: "repair_calls", Nodes: n, Value: each(struck.cost.Calls, calm.cost.Calls), Paper: experiment.Paper(57), Goal: experiment.AtMost(57)})
	r.Add(experiment.Value{Metric: "repair_messages", Nodes: n, Value: each(struck.cost.Repair, calm.cost.Repair)})
	r.Add(experiment.Value{Metric: "watch_messages", Nodes: n, Value: each(struck.cost.Watch, calm.cost.Watch)})
	return nil
}

// blow is what a ring did before, at and after the deaths, and what control messages the
// half hour after them cost.
type blow struct {
	before, unrepaired, repaired *field.Tally
	cost                         field.Traffic
}

// strike lets nodes die in a ring.
func strike(ctx context.Context, r *experiment.Run, name string, deaths int) (b blow, err error) {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return b, err
	}
	var control field.Traffic
	c := lab.Config{Tune: func(c *pastry.Config) { c.LeafSet = 16 }, Sim: sim.Config{Topology: t}}
	died := make(map[sim.NodeRef]bool)
	c.Sim.Observe.Send = func(_, to sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
		control.Count(m, died[to])
	}
	f := field.New(r, name, c)
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return b, err
	}
	if err := f.Pass(ctx, settled, "tables improve"); err != nil {
		return b, err
	}
	if b.before, err = lookups(ctx, f); err != nil {
		return b, err
	}
	for range deaths {
		dead := f.Census.Draw(f.Rand())
		died[dead] = true
		f.Sim.Die(dead)
	}
	then := control
	if b.unrepaired, err = f.Route(ctx, 2*10*n, 10*n); err != nil {
		return b, err
	}
	if _, err = lookups(ctx, f); err != nil { // tables are repaired where they are used
		return b, err
	}
	b.cost = control.Since(then)
	b.repaired, err = lookups(ctx, f)
	return b, err
}

// lookups sends the messages of one phase, within half an hour.
func lookups(ctx context.Context, f *field.Field) (*field.Tally, error) {
	begun := f.Sim.Now()
	messages := 20 * f.Census.Len()
	t, err := f.Route(ctx, messages, max(1, messages/1500))
	if err != nil {
		return nil, err
	}
	return t, f.Pass(ctx, max(0, begun+30*time.Minute-f.Sim.Now()), "calm")
}

func addFailures(r *experiment.Run, b blow) {
	n := r.Params.Nodes
	p := experiment.Plot{Title: "Links crossed when a tenth of the nodes dies", X: "before (0), at once (1), repaired (2)", Y: "links, mean"}
	ours, theirs := experiment.Series{Name: "this run"}, experiment.Series{Name: "paper (5,000 nodes)", Dashed: true}
	lost := experiment.Rate{}
	for i, phase := range []struct {
		metric string
		t      *field.Tally
		paper  float64
	}{{"hops_before", b.before, 2.73}, {"hops_unrepaired", b.unrepaired, 2.96}, {"hops_repaired", b.repaired, 2.74}} {
		r.Add(experiment.Value{Metric: phase.metric, Nodes: n, Value: phase.t.MeanHops(), Paper: experiment.Paper(phase.paper), Goal: experiment.AtMost(phase.paper)})
		lost.K += phase.t.Lost
		lost.N += phase.t.Sent
		ours.Points = append(ours.Points, [2]float64{float64(i), phase.t.MeanHops()})
		theirs.Points = append(theirs.Points, [2]float64{float64(i), phase.paper})
	}
	r.Add(experiment.Value{Metric: "undelivered", Nodes: n, Value: lost.Value(), Rate: &lost})
	if n != r.Experiment.Full {
		r.Notes = append(r.Notes, fmt.Sprintf("The paper's figures are of %d nodes.", r.Experiment.Full))
	}
	p.Series = []experiment.Series{ours, theirs}
	r.Plots = append(r.Plots, p)
}
