package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/sim"
)

var tableQuality = &experiment.Experiment{
	Name:  "table-quality",
	What:  "entries of routing tables that are not the nearest node that fits, by level",
	Paper: "Pastry (Middleware 2001), figure 8: 5,000 nodes joined one by one on a plane, b=4, L=16; fewer than 1 a level with its second stage",
	Nodes: 1000, Full: 5000,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "not_optimal", What: "entries of a level (of 15) that are not the nearest node that fits, an average node's"},
		{Name: "missing", What: "entries of a level that are empty although a node fits, an average node's"},
	},
	Measure: runTableQuality,
}

// levels is the number of rows that are looked at, as in the paper.
const levels = 4

// quality is what is wrong with the tables of a ring, by level.
type quality struct{ worse, missing [levels]float64 }

func runTableQuality(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return err
	}
	f := field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return err
	}
	p := experiment.Plot{Title: "Entries that are not the nearest node that fits", X: "level", Y: "of 15 entries, mean"}
	for _, when := range []struct {
		name  string
		after time.Duration
	}{{"just joined", 0}, {"40 min later", settled}} {
		if err := f.Pass(ctx, when.after, "tables improve"); err != nil {
			return err
		}
		q, err := compareTables(ctx, f)
		if err != nil {
			return err
		}
		s := experiment.Series{Name: when.name}
		for level := range levels {
			variant := fmt.Sprintf("level %d, %s", level, when.name)
			v := experiment.Value{Metric: "not_optimal", Variant: variant, Nodes: n, Value: q.worse[level], Goal: experiment.AtMost(1)}
			if when.after == 0 {
				v.Paper = experiment.Paper(1)
			}
			r.Add(v)
			r.Add(experiment.Value{Metric: "missing", Variant: variant, Nodes: n, Value: q.missing[level]})
			s.Points = append(s.Points, [2]float64{float64(level), q.worse[level]})
		}
		p.Series = append(p.Series, s)
	}
	r.Notes = append(r.Notes, "The paper says \"fewer than 1\"; 1 stands for that. Its figure has what other ways to join would give.")
	r.Plots = append(r.Plots, p)
	return nil
}

// compareTables holds the tables of all nodes beside the best that there are.
func compareTables(ctx context.Context, f *field.Field) (q quality, err error) {
	const b = id.Base(4)
	n := f.Census.Len()
	for i, m := range f.Census.All() {
		if err := f.Run.Step(ctx, i+1, n, f.Name+": tables are looked at"); err != nil {
			return q, err
		}
		var have [levels][16]sim.NodeRef // one more than the number; 0: none
		for _, e := range f.View(m.Ref).Table {
			if ref, ok := f.Sim.Find(e.Node.ID); ok && e.Row < levels {
				have[e.Row][e.Col] = ref + 1
			}
		}
		for level := range levels {
			for col := range b.Cols() {
				if col == b.Digit(m.ID, level) {
					continue
				}
				fit := f.Census.Within(b.PrefixRange(b.WithDigit(m.ID, level, col), level+1))
				switch ref := have[level][col]; {
				case len(fit) == 0:
				case ref == 0:
					q.missing[level] += 1 / float64(n)
				case nearer(f, m.Ref, ref-1, fit):
					q.worse[level] += 1 / float64(n)
				}
			}
		}
	}
	return q, nil
}

// nearer reports whether any of fit is nearer to a node than the given one.
func nearer(f *field.Field, from, than sim.NodeRef, fit []field.Member) bool {
	limit := f.Sim.Delay(from, than)
	for _, m := range fit {
		if f.Sim.Delay(from, m.Ref) < limit {
			return true
		}
	}
	return false
}
