package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/pastry/msg"
)

var bamboo = &Experiment{
	Name: "bamboo",
	What: "lookups under churn that grows until it is too much",
	Paper: "Rhea et al. (USENIX 2004): 1,000 nodes, a dead one replaced at once; Bamboo has 99.9 % consistent lookups at a median session of 47 min, " +
		"and slightly under 750 bytes a second and node at all rates",
	Nodes: 200, Full: 1000,
	Topologies: []string{TransitStub, Plane, Sphere, Measured},
	Metrics: []Metric{
		{"consistent", "", "share of the questions that the key's root answers"},
		{"bytes", "B/s", "bytes of all frames that a node sends, without those of the transport"},
		{"breaks_below", "min", "shortest median session with at least 99 % consistent lookups; 0 if there is none"},
	},
	run: runBamboo,
}

func runBamboo(ctx context.Context, r *Run) error {
	n := r.Params.Nodes
	s := Series{Name: "consistent lookups"}
	unbroken, least := true, 0.0
	for _, minutes := range []float64{47, 23, 12, 6, 3, 1.4} {
		median := time.Duration(minutes * float64(time.Minute))
		k := sessions{mean: time.Duration(float64(median) / 0.6931)}
		variant := fmt.Sprintf("median session %v min", minutes)
		f, cost, err := r.churned(ctx, variant, &k, 0.1, msg.Messages)
		if err != nil {
			return err
		}
		right := f.count().right()
		f.Close()
		c := Value{Metric: "consistent", Variant: variant, Nodes: n, Value: right.Value(), Rate: &right}
		b := Value{Metric: "bytes", Variant: variant, Nodes: n, Value: cost.bytes, Paper: paper(750)}
		if minutes == 47 {
			c.Paper = paper(0.999)
			c.Goal, b.Goal = AtLeast(0.999), AtMost(750)
		}
		r.add(c)
		r.add(b)
		s.Points = append(s.Points, [2]float64{minutes, right.Value()})
		if unbroken = unbroken && right.Value() >= 0.99; unbroken {
			least = minutes
		}
	}
	r.add(Value{Metric: "breaks_below", Nodes: n, Value: least})
	r.Notes = append(r.Notes, "A lookup counts as consistent if the node that the ring's true state makes the root answered it; Rhea's ask ten nodes and count majorities, which is easier.")
	r.Plots = append(r.Plots, Plot{Title: "Consistent lookups under churn", X: "median session, minutes", Y: "share", LogX: true, Series: []Series{s}})
	return nil
}
