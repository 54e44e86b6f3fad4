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

var massFailure = &experiment.Experiment{
	Name:  "mass-failure",
	What:  "a third and a half of all nodes die at once",
	Paper: "no paper's; RELIABILITY: 30 % of 1,000, leaf sets exact within 30 s; 50 %, within 60 s; 99 % of the lookups answered meanwhile",
	Nodes: 300, Full: 1000,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "exact_after", Unit: "s", What: "time until all leaf sets are those of the ring that is left"},
		{Name: "answered", What: "share of the questions of that time that the right node answered"},
		{Name: "unserved", Unit: "s", What: "time for which a key has no node that claims it, mean of 1,000 keys"},
		{Name: "served_after", Unit: "s", What: "time until all of these keys are served again"},
	},
	Measure: runMass,
}

func runMass(ctx context.Context, r *experiment.Run) error {
	p := experiment.Plot{Title: "Time until all leaf sets are exact again", X: "nodes that die, %", Y: "s"}
	for _, w := range []ways{
		{"processes are killed", true, func(int) bool { return true }},
		{"machines fall silent", false, func(int) bool { return false }},
		{"half of each", true, func(i int) bool { return i%2 == 0 }},
	} {
		s := experiment.Series{Name: w.name}
		for _, percent := range []int{30, 50} {
			took, err := strikeMany(ctx, r, percent, &w)
			if err != nil {
				return err
			}
			s.Points = append(s.Points, [2]float64{float64(percent), took.Seconds()})
		}
		p.Series = append(p.Series, s)
	}
	r.Notes = append(r.Notes, fmt.Sprintf("The goals are of processes that are killed: their links close. A silent death is noticed by the heartbeat, of 30 s, or by one of the %d lookups a second that meets it.", silentAsks))
	r.Plots = append(r.Plots, p)
	return nil
}

// How many lookups begin in a second. A ring whose links close is whole again after some three seconds, in which there must be
// enough of them to show that 99 % were answered. Where machines fall silent they are few: each that meets one finds it out.
const (
	massAsks   = 200
	silentAsks = 20
)

// ways are how nodes die.
type ways struct {
	name        string
	connections bool             // there are links, which a process that is killed closes
	killed      func(i int) bool // the i-th victim is, or falls silent
}

func strikeMany(ctx context.Context, r *experiment.Run, percent int, w *ways) (time.Duration, error) {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return 0, err
	}
	variant := fmt.Sprintf("%d %%, %s", percent, w.name)
	f := field.New(r, variant, lab.Config{Sim: sim.Config{Topology: t, Connections: w.connections}})
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return 0, err
	}
	if err := f.Pass(ctx, time.Minute, "settle"); err != nil {
		return 0, err
	}
	f.Begin()
	allKilled := true
	for i := range n * percent / 100 {
		if victim := f.Census.Draw(f.Rand()); w.killed(i) {
			f.Sim.Crash(victim)
		} else {
			f.Sim.Die(victim)
			allKilled = false
		}
	}
	asks := silentAsks
	if allKilled {
		asks = massAsks
	}
	v := f.Vacancy(1000)
	took, err := f.Recover(ctx, "leaf sets", 5*time.Minute, asks, func() bool { v.Look(); return f.Inexact(32) == 0 })
	if err != nil {
		return 0, err
	}
	for range field.Arrived / time.Second {
		if err := f.Pass(ctx, time.Second, "outcomes"); err != nil {
			return 0, err
		}
		v.Look()
	}
	right := f.Count().Right()
	exact := experiment.Value{Metric: "exact_after", Variant: variant, Nodes: n, Value: took.Seconds()}
	answered := experiment.Value{Metric: "answered", Variant: variant, Nodes: n, Value: right.Value(), Rate: &right}
	if allKilled {
		exact.Goal, answered.Goal = experiment.AtMost(30), experiment.AtLeast(0.99)
		if percent > 30 {
			exact.Goal = experiment.AtMost(60)
		}
	}
	r.Add(exact)
	r.Add(answered)
	r.Add(experiment.Value{Metric: "unserved", Variant: variant, Nodes: n, Value: v.Mean()})
	r.Add(experiment.Value{Metric: "served_after", Variant: variant, Nodes: n, Value: v.Last.Seconds()})
	return took, nil
}
