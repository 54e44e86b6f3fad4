package evaluation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

var secureNaive = &experiment.Experiment{
	Name: "secure-naive",
	What: "routing without defence where a share of the nodes is hostile: the baseline for secure routing",
	Paper: "Castro et al. (OSDI 2002): success about (1-f) to the power of the hops; RELIABILITY: a curve for 1,000 and 10,000 nodes, " +
		"which stands for the paper here",
	Nodes: 1000, Full: 10_000,
	AnySize:    true,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "success", What: "share of single messages, between honest nodes, that arrive"},
		{Name: "success_asked", What: "share of questions, with their retries on other ways, that the right node answers"},
		{Name: "misled", What: "share of questions that a hostile node answers as if it were the root"},
	},
	Measure: runNaive,
}

// naiveCurve is RELIABILITY's computed success of single messages, for f from 5 % in
// steps of 5 %.
var naiveCurve = map[int][]float64{
	1000:   {0.937, 0.875, 0.815, 0.755, 0.697, 0.637},
	10_000: {0.903, 0.813, 0.711, 0.635, 0.558, 0.498},
}

// attack is what hostile nodes do with messages of others.
type attack int

const (
	swallow   attack = iota // A2: acknowledge, and drop
	misroute                // A3: hand it to another of them
	pretender               // A4: answer as its root
)

var attacks = map[attack]string{swallow: "A2 drops", misroute: "A3 misroutes", pretender: "A4 claims to be root"}

// gang is the hostile part of a ring.
type gang struct {
	f    *field.Field
	does attack
	in   map[sim.NodeRef]bool
	all  []sim.NodeRef
}

func runNaive(ctx context.Context, r *experiment.Run) error {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return err
	}
	f := field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}})
	defer f.Close()
	g := &gang{f: f}
	f.App = func(e *field.End) kbr.App { return &hostile{e, g} }
	f.Plant(n, 16)
	if err := f.Pass(ctx, 3*time.Second, "settle"); err != nil {
		return err
	}
	var series [4]experiment.Series
	for i := range 6 {
		percent := 5 * (i + 1)
		g.choose(n*percent/100, f.Rand())
		if err := addNaive(ctx, r, g, percent, series[:]); err != nil {
			return err
		}
	}
	p := experiment.Plot{Title: "Success where a share of the nodes is hostile", X: "hostile nodes, %", Y: "success", Series: series[:]}
	if curve, ok := naiveCurve[n]; ok {
		s := experiment.Series{Name: "computed (RELIABILITY)", Dashed: true}
		for i, y := range curve {
			s.Points = append(s.Points, [2]float64{float64(5 * (i + 1)), y})
		}
		p.Series = append(p.Series, s)
	}
	r.Notes = append(r.Notes, "Sender and root are honest. A1, who is silent, is a dead node (see failures); A5, who poisons tables, is not here yet. "+
		"Tables were made by an oracle.")
	r.Plots = append(r.Plots, p)
	return nil
}

func addNaive(ctx context.Context, r *experiment.Run, g *gang, percent int, series []experiment.Series) error {
	n, at := r.Params.Nodes, float64(percent)
	messages := min(3*n, 10_000)
	g.does = swallow
	t, err := g.f.RouteAs(ctx, messages, 500, func() { g.f.Send(g.honest()) })
	if err != nil {
		return err
	}
	success := experiment.Rate{K: t.Delivered, N: t.Sent}
	v := experiment.Value{Metric: "success", Variant: fmt.Sprintf("f=%d %%, A2 drops", percent), Nodes: n, Value: success.Value(), Rate: &success}
	if curve, ok := naiveCurve[n]; ok {
		v.Paper = experiment.Paper(curve[percent/5-1])
	}
	r.Add(v)
	series[0].Name = "one message"
	series[0].Points = append(series[0].Points, [2]float64{at, success.Value()})
	for does := swallow; does <= pretender; does++ {
		g.does = does
		t, err := g.f.RouteAs(ctx, messages/2, 500, func() {
			from, key := g.honest()
			g.f.Ask(from, key, kbr.Options{})
		})
		if err != nil {
			return err
		}
		right, misled := t.Right(), experiment.Rate{K: t.Misled, N: t.Asked}
		variant := fmt.Sprintf("f=%d %%, %s", percent, attacks[does])
		r.Add(experiment.Value{Metric: "success_asked", Variant: variant, Nodes: n, Value: right.Value(), Rate: &right})
		r.Add(experiment.Value{Metric: "misled", Variant: variant, Nodes: n, Value: misled.Value(), Rate: &misled})
		series[does+1].Name = "question, " + attacks[does]
		series[does+1].Points = append(series[does+1].Points, [2]float64{at, right.Value()})
	}
	return nil
}

// choose draws who is hostile.
func (g *gang) choose(count int, rng *rand.Rand) {
	g.in, g.all = make(map[sim.NodeRef]bool), nil
	for len(g.all) < max(1, count) {
		if n := g.f.Census.Draw(rng); !g.in[n] {
			g.in[n] = true
			g.all = append(g.all, n)
		}
	}
}

// hostile is the measuring application of a node that may belong to the gang.
type hostile struct {
	*field.End
	g *gang
}

// Forward implements kbr.Forwarder.
func (h *hostile) Forward(t *kbr.Transit) bool {
	if !h.g.in[h.Ref] {
		return true
	}
	switch h.g.does {
	case misroute:
		if other := h.g.other(h.Ref); other != nil {
			t.Next = other
			return true
		}
	case pretender:
		if t.Answer != nil {
			self := h.Endpoint.Self().ID.Bytes()
			t.Answer(self[:])
		}
	}
	return false
}

// other is another of the gang.
func (g *gang) other(than sim.NodeRef) *peer.Handle {
	if n := g.all[g.f.Rand().IntN(len(g.all))]; n != than {
		return g.f.Sim.Handle(n)
	}
	return nil
}

// honest draws an honest sender, and a key whose root is honest.
func (g *gang) honest() (sim.NodeRef, id.ID) {
	from, key := g.f.Census.Draw(g.f.Rand()), g.f.Key()
	for g.in[from] {
		from = g.f.Census.Draw(g.f.Rand())
	}
	for g.in[g.f.Census.Nearest(key, 1)[0].Ref] {
		key = g.f.Key()
	}
	return from, key
}
