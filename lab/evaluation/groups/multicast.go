package groups

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

var multicast = &experiment.Experiment{
	Name: "scribe",
	What: "groups whose sizes follow Zipf's law: how late messages are beside IP multicast, how much nodes and links carry, with and without a bound on children",
	Paper: "Scribe (JSAC 2002), section 4: 100,000 nodes on 500,000 end points of a transit-stub network, 1,500 groups of 100,000 to 11 members: " +
		"median RAD 1.68 and RMD 1.69, 2.4 children tables and 6.2 entries a node, at most 1,059, link stress 2.4 on average, IP multicast 0.7",
	Nodes: 10_000, Full: 100_000, NodeBytes: 100 << 10,
	AnySize:    true,
	Topologies: []string{experiment.TransitStub},
	Metrics: []experiment.Metric{
		{Name: "rad", What: "ratio of the mean time of a group's members until they have a message to that with IP multicast: median of all groups"},
		{Name: "rad_max", What: "the largest of these"},
		{Name: "rmd", What: "ratio of the times of the last member: median of all groups"},
		{Name: "rmd_max", What: "the largest of these"},
		{Name: "tables", What: "groups in which a node has children, mean"},
		{Name: "entries", What: "children of a node in all groups, mean"},
		{Name: "entries_max", What: "the most of these of a node"},
		{Name: "children_max", What: "the most children of a node in one group"},
		{Name: "stress", What: "messages that cross a link in one direction when each group has one, mean of all links"},
		{Name: "stress_max", What: "the most of these"},
		{Name: "unread", What: "messages that a member did not have, or had twice"},
	},
	Measure: runMulticast,
}

// Of the groups, as in the paper: the exponent of their sizes, the size of the smallest, and
// how many end points the network has for each node.
const (
	zipf      = 1.25
	smallest  = 11
	endPoints = 5
)

// sizesOf are the sizes of groups in a ring of n nodes.
func sizesOf(n int) (sizes []int) {
	for rank := 1; ; rank++ {
		size := int(float64(n)*math.Pow(float64(rank), -zipf) + 0.5)
		if size < smallest && rank > 1 {
			return sizes
		}
		sizes = append(sizes, size)
	}
}

func runMulticast(ctx context.Context, r *experiment.Run) error {
	p := experiment.Plot{Title: "How late a group's members have a message, beside IP multicast", X: "share of the groups", Y: "RAD"}
	for _, v := range []struct {
		name     string
		children int
	}{{"no bound", unbounded}, {"at most 64 children", 64}} {
		series, err := multicastWith(ctx, r, v.name, v.children)
		if err != nil {
			return err
		}
		p.Series = append(p.Series, series...)
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes, "The ring is planted; a group's root publishes one message, and its members' times are those of the simulation. IP multicast goes the shortest way to each member, over each link once. "+
		"Links are counted in both directions, those of the end points too, of which the network has five for each node. "+
		fmt.Sprintf("Collapsed are trees %v later, when nodes that are no members and have one child have left them, which is how they are most of the time: the paper's figures of delay are without that. ", collapses)+
		"In smaller rings the links between routers weigh more, and groups are fewer, so link stress is the paper's only at its size.")
	return nil
}

// multicastWith measures the trees as joins make them, and, where there is a bound on children, as
// they are some minutes later: nodes that stand there for one child alone have left them by then.
func multicastWith(ctx context.Context, r *experiment.Run, variant string, children int) (all []experiment.Series, err error) {
	g, err := newGroups(ctx, r, variant, func(c *scribe.Config) { c.MaxChildren = children })
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if err := g.createAll(ctx, sizesOf(r.Params.Nodes)); err != nil {
		return nil, err
	}
	for _, look := range []struct {
		name string
		wait time.Duration
	}{{variant, 30 * time.Second}, {variant + ", collapsed", collapses}} {
		if look.name != variant && children == unbounded {
			break
		}
		if err := g.Pass(ctx, look.wait, "trees settle"); err != nil {
			return nil, err
		}
		if err := g.multicast(ctx); err != nil {
			return nil, err
		}
		rads := addDelays(r, g, look.name)
		addTables(r, g, look.name, children)
		addStress(r, g, look.name)
		s := experiment.Series{Name: look.name}
		for i, x := range rads {
			s.Points = append(s.Points, [2]float64{float64(i+1) / float64(len(rads)), x})
		}
		all = append(all, s)
	}
	return all, nil
}

// addDelays adds how late messages were, and returns the groups' ratios of means in order.
func addDelays(r *experiment.Run, g *groups, variant string) []float64 {
	rads, rmds, unread := g.delays()
	n := r.Params.Nodes
	r.Add(experiment.Value{Metric: "rad", Variant: variant, Nodes: n, Value: quantile(rads, 0.5), Paper: experiment.Paper(1.68), Goal: experiment.AtMost(1.68)})
	r.Add(experiment.Value{Metric: "rad_max", Variant: variant, Nodes: n, Value: quantile(rads, 1), Paper: experiment.Paper(2.0)})
	r.Add(experiment.Value{Metric: "rmd", Variant: variant, Nodes: n, Value: quantile(rmds, 0.5), Paper: experiment.Paper(1.69), Goal: experiment.AtMost(1.69)})
	r.Add(experiment.Value{Metric: "rmd_max", Variant: variant, Nodes: n, Value: quantile(rmds, 1), Paper: experiment.Paper(4.26)})
	r.Add(experiment.Value{Metric: "unread", Variant: variant, Nodes: n, Value: unread.Value(), Rate: &unread})
	return rads
}

// delays are the groups' ratios to IP multicast, of means and of the last members, in order,
// and the messages that were not read, or twice.
func (g *groups) delays() (rads, rmds []float64, unread experiment.Rate) {
	for _, c := range g.all {
		var sum, direct, last, farthest time.Duration
		for i, m := range c.members {
			way := g.Sim.Delay(c.root, m)
			sum, direct = sum+c.took[i], direct+way
			last, farthest = max(last, c.took[i]), max(farthest, way)
			unread.N++
			if c.got[i] != 1 {
				unread.K++
			}
		}
		rads = append(rads, float64(sum)/float64(direct))
		rmds = append(rmds, float64(last)/float64(farthest))
	}
	slices.Sort(rads)
	slices.Sort(rmds)
	return rads, rmds, unread
}

// addTables adds what nodes keep.
func addTables(r *experiment.Run, g *groups, variant string, bound int) {
	tables, entries := g.tables()
	most := 0
	for _, s := range g.trees {
		for _, x := range s.Groups() {
			most = max(most, len(s.Neighbours(x).Children))
		}
	}
	n := r.Params.Nodes
	r.Add(experiment.Value{Metric: "tables", Variant: variant, Nodes: n, Value: average(tables), Paper: experiment.Paper(2.4)})
	r.Add(experiment.Value{Metric: "entries", Variant: variant, Nodes: n, Value: average(entries), Paper: experiment.Paper(6.2), Goal: experiment.AtMost(6.2)})
	r.Add(experiment.Value{Metric: "entries_max", Variant: variant, Nodes: n, Value: slices.Max(entries)})
	v := experiment.Value{Metric: "children_max", Variant: variant, Nodes: n, Value: float64(most)}
	if bound < unbounded {
		v.Goal = experiment.AtMost(float64(bound))
	}
	r.Add(v)
}

// addStress adds what links carry.
func addStress(r *experiment.Run, g *groups, variant string) {
	n := r.Params.Nodes
	tree, ip, naive := g.stresses()
	r.Add(experiment.Value{Metric: "stress", Variant: variant, Nodes: n, Value: tree.mean(endPoints * n), Paper: experiment.Paper(2.4), Goal: &experiment.Goal{Limit: 2.4, Nodes: r.Experiment.Full}})
	r.Add(experiment.Value{Metric: "stress_max", Variant: variant, Nodes: n, Value: tree.most()})
	if variant == "no bound" {
		r.Add(experiment.Value{Metric: "stress", Variant: "IP multicast", Nodes: n, Value: ip.mean(endPoints * n), Paper: experiment.Paper(0.7)})
		r.Add(experiment.Value{Metric: "stress", Variant: "naive unicast", Nodes: n, Value: naive.mean(endPoints * n)})
		r.Add(experiment.Value{Metric: "stress_max", Variant: "IP multicast", Nodes: n, Value: ip.most()})
		r.Add(experiment.Value{Metric: "stress_max", Variant: "naive unicast", Nodes: n, Value: naive.most()})
	}
}
