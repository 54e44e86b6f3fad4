package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/sim"
)

var flashCrowd = &experiment.Experiment{
	Name:  "flash-crowd",
	What:  "a crowd joins a ring of a tenth of its size within a minute",
	Paper: "no paper's; RELIABILITY: 1,000 joins in 60 s onto 100 nodes, all in the ring within 120 s, one claimant a key",
	Nodes: 1000, Full: 1000,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "joined_after", Unit: "s", What: "time from the first join until all are in the ring"},
		{Name: "exact_after", Unit: "s", What: "time from the last join until all leaf sets are those of the ring"},
		{Name: "contested", What: "keys that two nodes claimed, looked at once a second"},
		{Name: "answered", What: "share of the questions that were answered by the right node meanwhile"},
	},
	Measure: runCrowd,
}

func runCrowd(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	old := max(2, n/10)
	t, err := experiment.Network(r.Params.Topology, n+old, r.Params.Seed)
	if err != nil {
		return err
	}
	f := field.New(r, fmt.Sprintf("%d nodes join %d", n, old), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.Grow(ctx, old, experiment.JoinGap); err != nil {
		return err
	}
	if err := f.Pass(ctx, time.Minute, "settle"); err != nil {
		return err
	}
	f.Begin()
	begun := f.Sim.Now()
	for i := range n {
		f.Sim.At(begun+time.Duration(i)*time.Minute/time.Duration(n), func() { f.Add() })
	}
	contested := 0
	s := experiment.Series{Name: "nodes in the ring"}
	look := func() {
		contested += f.Contested()
		s.Points = append(s.Points, [2]float64{(f.Sim.Now() - begun).Seconds(), float64(f.Census.Len())})
	}
	joined, err := f.Recover(ctx, "joins", 10*time.Minute, 5, func() bool { look(); return f.Census.Len() == n+old })
	if err != nil {
		return err
	}
	exact, err := f.Recover(ctx, "leaf sets", 5*time.Minute, 5, func() bool { look(); return f.Inexact(32) == 0 })
	if err != nil {
		return err
	}
	if err := f.Pass(ctx, 35*time.Second, "outcomes"); err != nil {
		return err
	}
	right := f.Count().Right()
	r.Add(experiment.Value{Metric: "joined_after", Nodes: n, Value: joined.Seconds(), Goal: experiment.AtMost(120)})
	r.Add(experiment.Value{Metric: "exact_after", Nodes: n, Value: max(0, (joined + exact - time.Minute).Seconds()), Goal: experiment.AtMost(60)})
	r.Add(experiment.Value{Metric: "contested", Nodes: n, Value: float64(contested), Goal: experiment.AtMost(0)})
	r.Add(experiment.Value{Metric: "answered", Nodes: n, Value: right.Value(), Rate: &right})
	r.Plots = append(r.Plots, experiment.Plot{Title: "A crowd joins", X: "s", Y: "nodes", Series: []experiment.Series{s}})
	return nil
}
