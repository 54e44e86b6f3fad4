package evaluation

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/sim"
)

var partition = &experiment.Experiment{
	Name:  "partition",
	What:  "the network is parted for ten minutes, in four ways, and heals",
	Paper: "no paper's; RELIABILITY: 200 nodes, one ring again within 60 s, no key with two claimants",
	Nodes: 200, Full: 200,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "healed_after", Unit: "s", What: "time from the end of the partition until all leaf sets are those of one ring"},
		{Name: "contested", What: "keys that two nodes claim a minute after the end of the partition"},
	},
	Measure: runPartition,
}

func runPartition(ctx context.Context, r *experiment.Run) error {
	s := experiment.Series{Name: "50/50, 90/10, one way, bridge"}
	for i, way := range []struct {
		name  string
		share int // of the nodes in the first part, %
		part  func(s *sim.Sim, a, b []sim.NodeRef)
	}{
		{"50/50", 50, func(s *sim.Sim, a, b []sim.NodeRef) { s.Partition(a, b) }},
		{"90/10", 90, func(s *sim.Sim, a, b []sim.NodeRef) { s.Partition(a, b) }},
		{"one way", 50, func(s *sim.Sim, a, b []sim.NodeRef) { s.OneWay(a, b) }},
		{"bridge", 50, func(s *sim.Sim, a, b []sim.NodeRef) { s.Partition(a, append(b, a[0])) }},
	} {
		took, err := partAndMend(ctx, r, way.name, way.share, way.part)
		if err != nil {
			return err
		}
		s.Points = append(s.Points, [2]float64{float64(i + 1), took.Seconds()})
	}
	r.Plots = append(r.Plots, experiment.Plot{Title: "Time until there is one ring again", X: "way to part", Y: "s", Series: []experiment.Series{s}})
	return nil
}

func partAndMend(ctx context.Context, r *experiment.Run, name string, share int, part func(s *sim.Sim, a, b []sim.NodeRef)) (time.Duration, error) {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return 0, err
	}
	f := field.New(r, name, lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return 0, err
	}
	if err := f.Pass(ctx, time.Minute, "settle"); err != nil {
		return 0, err
	}
	var all []sim.NodeRef
	for _, i := range f.Rand().Perm(n) {
		all = append(all, sim.NodeRef(i))
	}
	k := n * share / 100
	part(f.Sim, all[:k:k], all[k:])
	if err := f.Pass(ctx, 10*time.Minute, "parted"); err != nil {
		return 0, err
	}
	f.Sim.Mend()
	mended := f.Sim.Now()
	took, err := f.Recover(ctx, "one ring again", 10*time.Minute, 0, func() bool { return f.Inexact(32) == 0 })
	if err != nil {
		return 0, err
	}
	if err := f.Pass(ctx, max(0, mended+time.Minute-f.Sim.Now()), "a minute"); err != nil {
		return 0, err
	}
	r.Add(experiment.Value{Metric: "healed_after", Variant: name, Nodes: n, Value: took.Seconds(), Goal: experiment.AtMost(60)})
	r.Add(experiment.Value{Metric: "contested", Variant: name, Nodes: n, Value: float64(f.Contested()), Goal: experiment.AtMost(0)})
	return took, nil
}
