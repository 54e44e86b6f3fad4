package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
)

var flashCrowd = &Experiment{
	Name:  "flash-crowd",
	What:  "a crowd joins a ring of a tenth of its size within a minute",
	Paper: "no paper's; RELIABILITY: 1,000 joins in 60 s onto 100 nodes, all in the ring within 120 s, one claimant a key",
	Nodes: 1000, Full: 1000,
	Topologies: []string{Plane, Sphere, TransitStub, Measured},
	Metrics: []Metric{
		{"joined_after", "s", "time from the first join until all are in the ring"},
		{"exact_after", "s", "time from the last join until all leaf sets are those of the ring"},
		{"contested", "", "keys that two nodes claimed, looked at once a second"},
		{"answered", "", "share of the questions that were answered by the right node meanwhile"},
	},
	run: runCrowd,
}

func runCrowd(ctx context.Context, r *Run) error {
	n := r.Params.Nodes
	old := max(2, n/10)
	t, err := network(r.Params.Topology, n+old, r.Params.Seed)
	if err != nil {
		return err
	}
	f := newField(r, fmt.Sprintf("%d nodes join %d", n, old), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.grow(ctx, old, joinGap); err != nil {
		return err
	}
	if err := f.pass(ctx, time.Minute, "settle"); err != nil {
		return err
	}
	f.begin()
	begun := f.Sim.Now()
	for i := range n {
		f.Sim.At(begun+time.Duration(i)*time.Minute/time.Duration(n), func() { f.Add() })
	}
	contested := 0
	s := Series{Name: "nodes in the ring"}
	look := func() {
		contested += f.contested()
		s.Points = append(s.Points, [2]float64{(f.Sim.Now() - begun).Seconds(), float64(f.census.len())})
	}
	joined, err := f.recover(ctx, "joins", 10*time.Minute, 5, func() bool { look(); return f.census.len() == n+old })
	if err != nil {
		return err
	}
	exact, err := f.recover(ctx, "leaf sets", 5*time.Minute, 5, func() bool { look(); return f.inexact(32) == 0 })
	if err != nil {
		return err
	}
	if err := f.pass(ctx, 35*time.Second, "outcomes"); err != nil {
		return err
	}
	right := f.count().right()
	r.add(Value{Metric: "joined_after", Nodes: n, Value: joined.Seconds(), Goal: AtMost(120)})
	r.add(Value{Metric: "exact_after", Nodes: n, Value: max(0, (joined + exact - time.Minute).Seconds()), Goal: AtMost(60)})
	r.add(Value{Metric: "contested", Nodes: n, Value: float64(contested), Goal: AtMost(0)})
	r.add(Value{Metric: "answered", Nodes: n, Value: right.Value(), Rate: &right})
	r.Plots = append(r.Plots, Plot{Title: "A crowd joins", X: "s", Y: "nodes", Series: []Series{s}})
	return nil
}
