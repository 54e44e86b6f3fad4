package evaluation

import (
	"context"
	"fmt"
	"math"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
)

var hops = &experiment.Experiment{
	Name:  "hops",
	What:  "links that a message crosses, by the size of the ring",
	Paper: "Pastry (Middleware 2001), figures 4 and 5: 1,000 to 100,000 nodes on a plane, b=4, L=16, 200,000 random pairs",
	Nodes: 10_000, Full: 100_000,
	AnySize:    true,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "hops_mean", What: "links crossed by a message on average"},
		{Name: "hops_p99", What: "links that 99 of 100 messages do not exceed"},
		{Name: "hops_share", What: "share of the messages that cross so many links"},
		{Name: "wrong_root", What: "messages that came to another node than the key's root"},
	},
	Measure: runHops,
}

// published is the distribution of hops at 100,000 nodes (Pastry 2001, figure 5).
var published = []float64{0, 0.0006, 0.0156, 0.1643, 0.6449, 0.1745, 0}

// meanHopsPublished is the mean of published; for smaller rings the paper has a figure
// only, which follows log16 of the number of nodes.
const meanHopsPublished = 3.977

// hopGoals are limits of the mean that phyllo set itself, by the number of nodes.
var hopGoals = map[int]float64{1000: 2.40, 10_000: 3.12, 100_000: 3.98}

func runHops(ctx context.Context, r *experiment.Run) error {
	p := experiment.Plot{Title: "Links crossed, by the size of the ring", X: "nodes", Y: "links, mean", LogX: true}
	curve := experiment.Series{Name: "log16 of the nodes (paper)", Dashed: true}
	for _, leafs := range []int{16, 32} {
		s := experiment.Series{Name: fmt.Sprintf("L=%d", leafs)}
		for _, n := range decades(r.Params.Nodes) {
			t, err := measureHops(ctx, r, n, leafs)
			if err != nil {
				return err
			}
			addHops(r, t, n, leafs)
			s.Points = append(s.Points, [2]float64{float64(n), t.MeanHops()})
			if leafs == 16 {
				curve.Points = append(curve.Points, [2]float64{float64(n), math.Log(float64(n)) / math.Log(16)})
			}
		}
		p.Series = append(p.Series, s)
	}
	p.Series = append(p.Series, curve)
	r.Plots = append(r.Plots, p)
	return nil
}

// decades are sizes up to n: a hundredth and a tenth of it, and what lies between.
func decades(n int) []int {
	var sizes []int
	for _, part := range []float64{100, 31.62, 10, 3.162, 1} {
		if k := int(math.Round(float64(n) / part)); k >= experiment.MinNodes {
			sizes = append(sizes, k)
		}
	}
	return sizes
}

func measureHops(ctx context.Context, r *experiment.Run, n, leafs int) (*field.Tally, error) {
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return nil, err
	}
	f := field.New(r, fmt.Sprintf("%d nodes, L=%d", n, leafs), lab.Config{
		Tune: func(c *pastry.Config) { c.LeafSet = leafs }, Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return nil, err
	}
	return f.Route(ctx, min(20*n, 200_000), 1000)
}

func addHops(r *experiment.Run, t *field.Tally, n, leafs int) {
	variant := fmt.Sprintf("L=%d", leafs)
	mean := experiment.Value{Metric: "hops_mean", Variant: variant, Nodes: n, Value: t.MeanHops()}
	if limit, ok := hopGoals[n]; ok && (leafs == 16 || n < 100_000) {
		mean.Goal = experiment.AtMost(limit)
	}
	if leafs == 16 {
		mean.Paper = experiment.Paper(math.Log(float64(n)) / math.Log(16))
		if n == 100_000 {
			mean.Paper = experiment.Paper(meanHopsPublished)
		}
	}
	r.Add(mean)
	r.Add(experiment.Value{Metric: "hops_p99", Variant: variant, Nodes: n, Value: float64(t.HopsAt(0.99))})
	r.Add(experiment.Value{Metric: "wrong_root", Variant: variant, Nodes: n, Value: float64(t.Wrong + t.Lost), Goal: experiment.AtMost(0)})
	if n != r.Params.Nodes {
		return
	}
	for h := range max(len(t.Hops), len(published)) {
		v := experiment.Value{Metric: "hops_share", Variant: fmt.Sprintf("%s, %d links", variant, h), Nodes: n}
		if h < len(t.Hops) {
			v.Value = float64(t.Hops[h]) / float64(t.Delivered)
		}
		if n == 100_000 && leafs == 16 && h < len(published) {
			v.Paper = experiment.Paper(published[h])
		}
		r.Add(v)
	}
}
