package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var failures = &Experiment{
	Name:  "failures",
	What:  "a tenth of all nodes dies silently: links that messages cross before, at once, and after repair",
	Paper: "Pastry (Middleware 2001), section 3.4 and figures 11 and 12: 500 of 5,000 nodes, b=4, L=16, 200,000 lookups",
	Nodes: 1000, Full: 5000,
	Topologies: []string{Plane, Sphere, TransitStub, Measured},
	Metrics: []Metric{
		{"hops_before", "", "links crossed before the deaths"},
		{"hops_unrepaired", "", "links crossed by messages of the first two seconds after the deaths, before anybody is known to be dead"},
		{"hops_repaired", "", "links crossed half an hour later"},
		{"undelivered", "", "messages that did not arrive, in all three phases"},
		{"repair_calls", "calls", "calls about leaf sets and tables between living nodes in that half hour for each dead one, beyond those of as many nodes where nobody dies; a question and its answer are one call"},
		{"repair_messages", "messages", "the same in messages"},
		{"watch_messages", "messages", "all other control messages, likewise: whether the dead are dead, probes that are frequent while deaths are, attempts to heal, leases"},
	},
	run: runFailures,
}

func runFailures(ctx context.Context, r *Run) error {
	n := r.Params.Nodes
	// What a ring does anyway is not spread evenly over the time since it was made, so
	// what deaths cost is what it costs beyond one of the same seed where nobody dies.
	calm, err := r.strike(ctx, "nobody dies", 0)
	if err != nil {
		return err
	}
	struck, err := r.strike(ctx, "a tenth dies", n/10)
	if err != nil {
		return err
	}
	r.addFailures(struck)
	alive := 1 - float64(n/10)/float64(n)
	each := func(struck, calm int) float64 { return (float64(struck) - alive*float64(calm)) / float64(n/10) }
	r.add(Value{Metric: "repair_calls", Nodes: n, Value: each(struck.cost.calls, calm.cost.calls), Paper: paper(57), Goal: AtMost(57)})
	r.add(Value{Metric: "repair_messages", Nodes: n, Value: each(struck.cost.repair, calm.cost.repair)})
	r.add(Value{Metric: "watch_messages", Nodes: n, Value: each(struck.cost.watch, calm.cost.watch)})
	return nil
}

// blow is what a ring did before, at and after the deaths, and what control messages the
// half hour after them cost.
type blow struct {
	before, unrepaired, repaired *tally
	cost                         traffic
}

// strike lets nodes die in a ring.
func (r *Run) strike(ctx context.Context, name string, deaths int) (b blow, err error) {
	n := r.Params.Nodes
	t, err := network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return b, err
	}
	var control traffic
	c := lab.Config{Tune: func(c *pastry.Config) { c.LeafSet = 16 }, Sim: sim.Config{Topology: t}}
	died := make(map[sim.NodeRef]bool)
	c.Sim.Observe.Send = func(_, to sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
		control.count(m, died[to])
	}
	f := newField(r, name, c)
	defer f.Close()
	if err := f.grow(ctx, n, joinGap); err != nil {
		return b, err
	}
	if err := f.pass(ctx, settled, "tables improve"); err != nil {
		return b, err
	}
	if b.before, err = f.lookups(ctx); err != nil {
		return b, err
	}
	for range deaths {
		dead := f.census.draw(f.Rand())
		died[dead] = true
		f.Sim.Die(dead)
	}
	then := control
	if b.unrepaired, err = f.route(ctx, 2*10*n, 10*n); err != nil {
		return b, err
	}
	if _, err = f.lookups(ctx); err != nil { // tables are repaired where they are used
		return b, err
	}
	b.cost = control.since(then)
	b.repaired, err = f.lookups(ctx)
	return b, err
}

// lookups sends the messages of one phase, within half an hour.
func (f *field) lookups(ctx context.Context) (*tally, error) {
	begun := f.Sim.Now()
	messages := 20 * f.census.len()
	t, err := f.route(ctx, messages, max(1, messages/1500))
	if err != nil {
		return nil, err
	}
	return t, f.pass(ctx, max(0, begun+30*time.Minute-f.Sim.Now()), "calm")
}

func (r *Run) addFailures(b blow) {
	n := r.Params.Nodes
	p := Plot{Title: "Links crossed when a tenth of the nodes dies", X: "before (0), at once (1), repaired (2)", Y: "links, mean"}
	ours, theirs := Series{Name: "this run"}, Series{Name: "paper (5,000 nodes)", Dashed: true}
	lost := Rate{}
	for i, phase := range []struct {
		metric string
		t      *tally
		paper  float64
	}{{"hops_before", b.before, 2.73}, {"hops_unrepaired", b.unrepaired, 2.96}, {"hops_repaired", b.repaired, 2.74}} {
		r.add(Value{Metric: phase.metric, Nodes: n, Value: phase.t.meanHops(), Paper: paper(phase.paper), Goal: AtMost(phase.paper)})
		lost.K += phase.t.lost
		lost.N += phase.t.sent
		ours.Points = append(ours.Points, [2]float64{float64(i), phase.t.meanHops()})
		theirs.Points = append(theirs.Points, [2]float64{float64(i), phase.paper})
	}
	r.add(Value{Metric: "undelivered", Nodes: n, Value: lost.Value(), Rate: &lost})
	if n != r.Experiment.Full {
		r.Notes = append(r.Notes, fmt.Sprintf("The paper's figures are of %d nodes.", r.Experiment.Full))
	}
	p.Series = []Series{ours, theirs}
	r.Plots = append(r.Plots, p)
}
