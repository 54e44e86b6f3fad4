package evaluation

import (
	"context"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/sim"
)

// The two experiments on what this machine can hold. Their wall time and memory are the
// only values that another run of the same seed does not repeat.
var (
	scale = &experiment.Experiment{
		Name: "scale",
		What: "a ring built by the full join protocol: what it costs to simulate, and whether it is right",
		Paper: "Scribe (JSAC 2002): 100,000 nodes on hosts drawn from 500,000, 5,050 routers; " +
			"the goals of time and memory are phyllo's own, for a machine of two processors",
		Nodes: 10_000, Full: 100_000, NodeBytes: 20 << 10,
		Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
		Metrics: append(costMetrics(),
			experiment.Metric{Name: "messages", What: "link messages that a node sent on average, until the last one had joined"},
			experiment.Metric{Name: "inexact", What: "nodes whose leaf set is not that of the ring, a minute after the last join"},
			experiment.Metric{Name: "hops_mean", What: "links crossed by a message on average"},
			experiment.Metric{Name: "wrong_root", What: "messages that are lost, or come to another node than the key's root"}),
		Measure: runScale,
	}
	scalePlanted = &experiment.Experiment{
		Name:  "scale-planted",
		What:  "a ring whose first nodes know each other from the start, under churn: what it costs to simulate, and whether it holds",
		Paper: "no paper's; phyllo's own goal: a million nodes, each minute one of a hundred replaced, lookups, ten minutes",
		Nodes: 5000, Full: 1_000_000, NodeBytes: 12 << 10,
		Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
		Metrics: append(costMetrics(),
			experiment.Metric{Name: "inexact", What: "nodes whose leaf set is not that of the ring, before the churn"},
			experiment.Metric{Name: "hops_mean", What: "links crossed by a message under churn on average"},
			experiment.Metric{Name: "lost", What: "share of the messages under churn, whose sender lives on, that never arrive"},
			experiment.Metric{Name: "wrong", What: "share of the messages that a node other than the root delivers"},
			experiment.Metric{Name: "silent", What: "questions that come to no outcome while their asker lives"}),
		Measure: runScalePlanted,
	}
)

func costMetrics() []experiment.Metric {
	return []experiment.Metric{
		{Name: wallTime, Unit: "s", What: "time of the clock on the wall that the run took"},
		{Name: resident, Unit: "MiB", What: "memory that the program held, at its greatest; looked at for each percent of a part of the run"},
	}
}

// Metrics of the machine.
const (
	wallTime = "wall"
	resident = "resident"
)

// Varies reports whether a metric says something of the machine, so that it differs from
// run to run of one seed.
func Varies(metric string) bool { return metric == wallTime || metric == resident }

// cost is the time and the memory that a run takes.
type cost struct {
	begun time.Time
	most  uint64
	steps []progressed
}

// progressed is how far a run was, and when.
type progressed struct {
	part string
	done int
	wall time.Duration
}

// startCost begins to measure.
func startCost(r *experiment.Run) *cost {
	c := &cost{begun: time.Now()}
	tell := r.Params.Progress
	r.Params.Progress = func(done, all int, part string) {
		c.look()
		c.steps = append(c.steps, progressed{part, done, time.Since(c.begun)})
		if tell != nil {
			tell(done, all, part)
		}
	}
	return c
}

// look notes how much memory the program holds.
func (c *cost) look() {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	c.most = max(c.most, s[0].Value.Uint64()-s[1].Value.Uint64())
}

// end adds what the run has cost.
func (c *cost) end(r *experiment.Run, wall, mib float64) {
	c.look()
	r.Add(experiment.Value{Metric: wallTime, Nodes: r.Params.Nodes, Value: time.Since(c.begun).Seconds(), Goal: experiment.AtMost(wall)})
	r.Add(experiment.Value{Metric: resident, Nodes: r.Params.Nodes, Value: float64(c.most >> 20), Goal: experiment.AtMost(mib)})
}

// series is the time that a part of the run took, by how much of it was done.
func (c *cost) series(part string) experiment.Series {
	s := experiment.Series{Name: "this run"}
	for _, p := range c.steps {
		if p.part == part {
			s.Points = append(s.Points, [2]float64{float64(p.done), p.wall.Seconds()})
		}
	}
	return s
}

// hostsPerNode is how many hosts there are for each node of a large ring, as in the
// papers on Scribe.
const hostsPerNode = 5

func runScale(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	c := startCost(r)
	t, err := experiment.Network(r.Params.Topology, hostsPerNode*n, r.Params.Seed)
	if err != nil {
		return err
	}
	f := field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
		return err
	}
	sent := f.Sim.Counts().Sent
	c.end(r, 600, 2048)
	if err := f.Pass(ctx, time.Minute, "settle"); err != nil {
		return err
	}
	r.Add(experiment.Value{Metric: "messages", Nodes: n, Value: float64(sent) / float64(n)})
	r.Add(experiment.Value{Metric: "inexact", Nodes: n, Value: float64(f.Inexact(32)), Goal: experiment.AtMost(0)})
	m, err := f.Route(ctx, min(20*n, 200_000), 1000)
	if err != nil {
		return err
	}
	hops := experiment.Value{Metric: "hops_mean", Nodes: n, Value: m.MeanHops()}
	if limit, ok := hopGoals[n]; ok {
		hops.Goal = experiment.AtMost(limit)
	}
	r.Add(hops)
	r.Add(experiment.Value{Metric: "wrong_root", Nodes: n, Value: float64(m.Wrong + m.Lost), Goal: experiment.AtMost(0)})
	r.Plots = append(r.Plots, experiment.Plot{Title: "Time to build a ring by joins", X: "nodes", Y: "s of wall time", Series: []experiment.Series{c.series(f.Name + ": nodes join")}})
	return nil
}

// Of a planted ring: the candidates for each slot of a table, the time a node stays on
// average under churn, how long it is watched, and the messages of all in a second.
const (
	plantedFrom  = 8
	plantedStay  = 100 * time.Minute
	plantedSpan  = 10 * time.Minute
	plantedSends = 200
)

func runScalePlanted(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	c := startCost(r)
	// Newcomers stand on hosts of their own.
	t, err := experiment.Network(r.Params.Topology, n+n/5, r.Params.Seed)
	if err != nil {
		return err
	}
	f := field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	if err := r.Step(ctx, 0, 1, f.Name+": planted"); err != nil {
		return err
	}
	f.Plant(n, plantedFrom)
	if err := f.Pass(ctx, 30*time.Second, "they claim their keys"); err != nil {
		return err
	}
	if f.Census.Len() != n {
		return fmt.Errorf("%s: %d of them are in the ring half a minute after they were planted", f.Name, f.Census.Len())
	}
	inexact := f.Inexact(32)
	k := sessions{mean: plantedStay}
	for i := range n {
		mortal(f, sim.NodeRef(i), &k)
	}
	f.Begin()
	if err := chat(ctx, f, plantedSends, plantedSpan); err != nil {
		return err
	}
	f.Sim.RunFor(35 * time.Second)
	m := f.Count()
	c.end(r, 3600, 12<<10)
	lost, wrong := experiment.Rate{K: m.Lost, N: m.Sent}, experiment.Rate{K: m.Wrong, N: m.Delivered}
	r.Add(experiment.Value{Metric: "inexact", Nodes: n, Value: float64(inexact), Goal: experiment.AtMost(0)})
	r.Add(experiment.Value{Metric: "hops_mean", Nodes: n, Value: m.MeanHops()})
	r.Add(experiment.Value{Metric: "lost", Nodes: n, Value: lost.Value(), Rate: &lost})
	r.Add(experiment.Value{Metric: "wrong", Nodes: n, Value: wrong.Value(), Rate: &wrong})
	r.Add(experiment.Value{Metric: "silent", Nodes: n, Value: float64(m.Silent), Goal: experiment.AtMost(0)})
	r.Plots = append(r.Plots, experiment.Plot{Title: "Time to simulate a planted ring", X: "s of churn", Y: "s of wall time", Series: []experiment.Series{c.series(f.Name + ": messages")}})
	return nil
}
