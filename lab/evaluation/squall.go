package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

var treeStorm = &Experiment{
	Name: "scribe-storm",
	What: "rings whose nodes talk in a group while all faults strike, with a fifth of the nodes that swallow, flood or reorder and without: where anything of P1 to P9 does not hold",
	Paper: "no paper's; goals of the project: each member reads all that was acknowledged, once and in order, or is told what is lost, in one tree; " +
		"what did not come is read 2 s after the next message; 10 s after a forwarder was killed, 20 s after the root, all read again; an item that anybody takes goes to one",
	Nodes: 50, Full: 500, nodeBytes: 1 << 20,
	AnySize:    true,
	Topologies: []string{Plane},
	Metrics: []Metric{
		{"failed", "", "storms in which anything was wrong, of the overlay or of the group"},
		{"said", "", "messages that were acknowledged"},
		{"read", "", "times that a member read one"},
		{"told", "", "times that a member was told that one is lost, in networks that were parted"},
		{"swallowers", "", "times that a parent was left because it did not hand on what others have"},
		{"flooders", "", "times that a parent was left because it floods"},
		{"gaps", "", "messages that a member was made to miss in calm, and had read 2 s after the next"},
		{"killed", "", "forwarders and roots that were killed in calm, after which all read again in time"},
		{"granted", "", "share of the items that a taker was looked for and got one; some are for nobody"},
	},
	run: runTreeStorm,
}

// stormsEach is for how many nodes there is one storm of each kind.
const stormsEach = 10

func runTreeStorm(ctx context.Context, r *Run) error {
	n, rage := r.Params.Nodes, 2*time.Minute
	if r.Params.Span > 0 {
		rage = min(r.Params.Span, rage)
	}
	storms := max(1, n/stormsEach)
	p := Plot{Title: "Times that each message was read", X: "storm", Y: "readers"}
	for _, k := range []struct {
		name string
		seed uint64 // of each four, which have attackers
	}{{"no attackers", 0}, {"20 % attackers", 2}} {
		var toll lab.Toll
		failed := 0
		s := Series{Name: k.name}
		for i := range storms {
			t := lab.Tempest{Seed: 4*(r.Params.Seed+uint64(i)) + k.seed, Nodes: n, Rage: rage, Groups: true}
			one, wrong := t.Run()
			toll.Add(one)
			if len(wrong) > 0 {
				failed++
				r.Notes = append(r.Notes, fmt.Sprintf("`phyllolab storm %v`: %s", t, wrong[0]))
			}
			s.Points = append(s.Points, [2]float64{float64(i + 1), float64(one.Heard) / float64(max(1, one.Said))})
			if err := r.step(ctx, i+1, storms, "storms, "+k.name); err != nil {
				return err
			}
		}
		p.Series = append(p.Series, s)
		granted := Rate{K: toll.Granted, N: toll.Offered}
		for _, v := range []Value{
			{Metric: "failed", Value: float64(failed), Goal: AtMost(0)},
			{Metric: "said", Value: float64(toll.Said)},
			{Metric: "read", Value: float64(toll.Heard)},
			{Metric: "told", Value: float64(toll.Told)},
			{Metric: "swallowers", Value: float64(toll.Found)},
			{Metric: "flooders", Value: float64(toll.Drowned)},
			{Metric: "gaps", Value: float64(toll.Missed)},
			{Metric: "killed", Value: float64(toll.Mended)},
			{Metric: "granted", Value: granted.Value(), Rate: &granted},
		} {
			v.Variant, v.Nodes = fmt.Sprintf("%d storms, %s", storms, k.name), n
			r.add(v)
		}
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes, "Faults are drawn anew for each storm: loss, delay, reordering, copies, broken links, clogged and parted networks, crashes, wrong clocks, slow nodes, full queues. "+
		"Three nodes speak, three of four are members, who leave and come back. The seconds are looked at in calm and without attackers: who hangs below one that swallows hears of it when he asks another.")
	return nil
}
