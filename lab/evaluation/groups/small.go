package groups

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

var smallGroups = &experiment.Experiment{
	Name: "scribe-small",
	What: "many groups of 11 members: what nodes and links carry, with the tree collapse and without",
	Paper: "Scribe (JSAC 2002), section 4.3: 50,000 nodes, 30,000 groups of 11: 21.2 children entries a node, with the collapse 8.5, naive unicast 6.6; " +
		"link stress 6.1, with the collapse 3.3, naive 2.9, IP multicast 1.6",
	Nodes: 3000, Full: 50_000, NodeBytes: 200 << 10,
	Topologies: []string{experiment.TransitStub},
	Metrics: []experiment.Metric{
		{Name: "entries", What: "children of a node in all groups, mean"},
		{Name: "tables", What: "groups in which a node has children, mean"},
		{Name: "entries_max", What: "the most children of a node in all groups"},
		{Name: "rad", What: "ratio of the mean time of a group's members until they have a message to that with IP multicast: median of all groups"},
		{Name: "stress", What: "messages that cross a link in one direction when each group has one, mean of all links"},
		{Name: "unread", What: "messages that a member did not have, or had twice"},
	},
	Measure: runSmallGroups,
}

// groupsPerNode is how many groups there are, in tenths for each node.
const groupsPerNode = 6

// collapses is the time in which trees have collapsed: nodes look at them every 20 s, and
// wait for a minute.
const collapses = 5 * time.Minute

func runSmallGroups(ctx context.Context, r *experiment.Run) error {
	p := experiment.Plot{Title: "Children entries of nodes", X: "share of the nodes", Y: "entries"}
	for _, v := range []struct {
		name            string
		after           time.Duration
		entries, stress float64
	}{{"trees as joins make them", 0, 21.2, 6.1}, {"collapsed", scribe.Default().Collapse, 8.5, 3.3}} {
		entries, err := smallWith(ctx, r, v.name, v.after, v.entries, v.stress)
		if err != nil {
			return err
		}
		s := experiment.Series{Name: v.name}
		for i, x := range entries {
			s.Points = append(s.Points, [2]float64{float64(i+1) / float64(len(entries)), x})
		}
		p.Series = append(p.Series, s)
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes, fmt.Sprintf("The ring is planted, with 0.%d groups a node; trees are looked at %v after the last join. The paper's figures of nodes and links grow with the length of routes, so they are for its size. "+
		"Its figures for entries were read where \"children tables\" is written; naive unicast's 6.6 are entries.", groupsPerNode, collapses))
	return nil
}

func smallWith(ctx context.Context, r *experiment.Run, variant string, after time.Duration, published, stressed float64) ([]float64, error) {
	g, err := newGroups(ctx, r, variant, func(c *scribe.Config) { c.Collapse = after })
	if err != nil {
		return nil, err
	}
	defer g.Close()
	n := r.Params.Nodes
	sizes := slices.Repeat([]int{min(smallest, n)}, max(n*groupsPerNode/10, 1))
	if err := g.createAll(ctx, sizes); err != nil {
		return nil, err
	}
	if err := g.Pass(ctx, collapses, "trees settle"); err != nil {
		return nil, err
	}
	if err := g.multicast(ctx); err != nil {
		return nil, err
	}
	tables, entries := g.tables()
	e := experiment.Value{Metric: "entries", Variant: variant, Nodes: n, Value: average(entries), Paper: experiment.Paper(published)}
	if after > 0 {
		e.Goal = &experiment.Goal{Limit: 8.5, Recalled: true}
	}
	r.Add(e)
	r.Add(experiment.Value{Metric: "tables", Variant: variant, Nodes: n, Value: average(tables)})
	r.Add(experiment.Value{Metric: "entries_max", Variant: variant, Nodes: n, Value: slices.Max(entries)})
	rads, _, unread := g.delays()
	r.Add(experiment.Value{Metric: "rad", Variant: variant, Nodes: n, Value: quantile(rads, 0.5)})
	r.Add(experiment.Value{Metric: "unread", Variant: variant, Nodes: n, Value: unread.Value(), Rate: &unread})
	tree, ip, naive := g.stresses()
	r.Add(experiment.Value{Metric: "stress", Variant: variant, Nodes: n, Value: tree.mean(endPoints * n), Paper: experiment.Paper(stressed)})
	if after > 0 {
		r.Add(experiment.Value{Metric: "entries", Variant: "naive unicast", Nodes: n, Value: float64(len(sizes)*sizes[0]) / float64(n), Paper: experiment.Paper(6.6)})
		r.Add(experiment.Value{Metric: "stress", Variant: "IP multicast", Nodes: n, Value: ip.mean(endPoints * n), Paper: experiment.Paper(1.6)})
		r.Add(experiment.Value{Metric: "stress", Variant: "naive unicast", Nodes: n, Value: naive.mean(endPoints * n), Paper: experiment.Paper(2.9)})
	}
	slices.Sort(entries)
	return entries, nil
}
