package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

var bamboo = &experiment.Experiment{
	Name: "bamboo",
	What: "lookups under churn that grows until it is too much",
	Paper: "Rhea et al. (USENIX 2004): 1,000 nodes, a dead one replaced at once; Bamboo has 99.9 % consistent lookups at a median session of 47 min, " +
		"and slightly under 750 bytes a second and node at all rates",
	Nodes: 200, Full: 1000,
	Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "consistent", What: "share of the questions that the key's root answers"},
		{Name: "bytes", Unit: "B/s", What: "bytes of all frames that a node sends, without those of the transport"},
		{Name: "breaks_below", Unit: "min", What: "shortest median session with at least 99 % consistent lookups; 0 if there is none"},
	},
	Measure: runBamboo,
}

func runBamboo(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	s := experiment.Series{Name: "consistent lookups"}
	unbroken, least := true, 0.0
	for _, minutes := range []float64{47, 23, 12, 6, 3, 1.4} {
		median := time.Duration(minutes * float64(time.Minute))
		k := sessions{mean: time.Duration(float64(median) / 0.6931)}
		variant := fmt.Sprintf("median session %v min", minutes)
		f, cost, err := churned(ctx, r, variant, &k, 0.1, msg.Messages)
		if err != nil {
			return err
		}
		right := f.Count().Right()
		f.Close()
		c := experiment.Value{Metric: "consistent", Variant: variant, Nodes: n, Value: right.Value(), Rate: &right}
		b := experiment.Value{Metric: "bytes", Variant: variant, Nodes: n, Value: cost.bytes, Paper: experiment.Paper(750)}
		if minutes == 47 {
			c.Paper = experiment.Paper(0.999)
			c.Goal, b.Goal = experiment.AtLeast(0.999), experiment.AtMost(750)
		}
		r.Add(c)
		r.Add(b)
		s.Points = append(s.Points, [2]float64{minutes, right.Value()})
		if unbroken = unbroken && right.Value() >= 0.99; unbroken {
			least = minutes
		}
	}
	r.Add(experiment.Value{Metric: "breaks_below", Nodes: n, Value: least})
	r.Notes = append(r.Notes, "A lookup counts as consistent if the node that the ring's true state makes the root answered it; Rhea's ask ten nodes and count majorities, which is easier.")
	r.Plots = append(r.Plots, experiment.Plot{Title: "Consistent lookups under churn", X: "median session, minutes", Y: "share", LogX: true, Series: []experiment.Series{s}})
	return nil
}
