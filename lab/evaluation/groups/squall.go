package groups

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

var treeStorm = &experiment.Experiment{
	Name: "scribe-storm",
	What: "rings whose nodes talk in a group while all faults strike, with a fifth of the nodes that swallow, flood or reorder and without: where anything of P1 to P9 does not hold",
	Paper: "no paper's; goals of the project: each member reads all that was acknowledged, once and in order, or is told what is lost, in one tree; " +
		"what did not come is read 2 s after the next message; 10 s after a forwarder was killed, 20 s after the root, all read again; an item that anybody takes goes to one",
	Nodes: 50, Full: 500, NodeBytes: 1 << 20,
	AnySize:    true,
	Topologies: []string{experiment.Plane},
	Metrics: []experiment.Metric{
		{Name: "failed", What: "storms in which anything was wrong, of the overlay or of the group"},
		{Name: "said", What: "messages that were acknowledged"},
		{Name: "read", What: "times that a member read one"},
		{Name: "told", What: "times that a member was told that one is lost, in networks that were parted"},
		{Name: "swallowers", What: "times that a parent was left because it did not hand on what others have"},
		{Name: "flooders", What: "times that a parent was left because it floods"},
		{Name: "reorderers", What: "times that a parent was left because it hands on much in a wrong order"},
		{Name: "gaps", What: "messages that a member was made to miss in calm, and had read 2 s after the next"},
		{Name: "killed", What: "forwarders and roots that were killed in calm, after which all read again in time"},
		{Name: "granted", What: "share of the items that a taker was looked for and got one; some are for nobody"},
	},
	Measure: runTreeStorm,
}

// stormsEach is for how many nodes there is one storm of each kind.
const stormsEach = 10

func runTreeStorm(ctx context.Context, r *experiment.Run) error {
	n, rage := r.Params.Nodes, 2*time.Minute
	if r.Params.Span > 0 {
		rage = min(r.Params.Span, rage)
	}
	storms := max(1, n/stormsEach)
	p := experiment.Plot{Title: "Times that each message was read", X: "storm", Y: "readers"}
	for _, k := range []struct {
		name string
		seed uint64 // of each four, which have attackers
	}{{"no attackers", 0}, {"20 % attackers", 2}} {
		var toll lab.Toll
		failed := 0
		s := experiment.Series{Name: k.name}
		for i := range storms {
			t := lab.Tempest{Seed: 4*(r.Params.Seed+uint64(i)) + k.seed, Nodes: n, Rage: rage, Groups: true}
			one, wrong := t.Run()
			toll.Add(one)
			if len(wrong) > 0 {
				failed++
				r.Notes = append(r.Notes, fmt.Sprintf("`phyllolab storm %v`: %s", t, wrong[0]))
			}
			s.Points = append(s.Points, [2]float64{float64(i + 1), float64(one.Heard) / float64(max(1, one.Said))})
			if err := r.Step(ctx, i+1, storms, "storms, "+k.name); err != nil {
				return err
			}
		}
		p.Series = append(p.Series, s)
		granted := experiment.Rate{K: toll.Granted, N: toll.Offered}
		for _, v := range []experiment.Value{
			{Metric: "failed", Value: float64(failed), Goal: experiment.AtMost(0)},
			{Metric: "said", Value: float64(toll.Said)},
			{Metric: "read", Value: float64(toll.Heard)},
			{Metric: "told", Value: float64(toll.Told)},
			{Metric: "swallowers", Value: float64(toll.Found)},
			{Metric: "flooders", Value: float64(toll.Drowned)},
			{Metric: "reorderers", Value: float64(toll.Turned)},
			{Metric: "gaps", Value: float64(toll.Missed)},
			{Metric: "killed", Value: float64(toll.Mended)},
			{Metric: "granted", Value: granted.Value(), Rate: &granted},
		} {
			v.Variant, v.Nodes = fmt.Sprintf("%d storms, %s", storms, k.name), n
			r.Add(v)
		}
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes, "Faults are drawn anew for each storm: loss, delay, reordering, copies, broken links, clogged and parted networks, crashes, wrong clocks, slow nodes, full queues. "+
		"Three nodes speak, three of four are members, who leave and come back. The seconds are looked at in calm and without attackers: who hangs below one that swallows hears of it when he asks another.")
	return nil
}
