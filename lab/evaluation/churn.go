package evaluation

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var churn = &experiment.Experiment{
	Name: "churn",
	What: "nodes come and go, as in the measured networks: messages lost and misled, and what the ring costs",
	Paper: "MSPastry (DSN 2004): Gnutella trace, GATech; 1.5 of 100,000 lost and none misled, with 5 % of the messages lost 3.3 and 1.6 (recalled); " +
		"RDP 1.8 and 2.2; fewer than 0.5 control messages a second and node",
	Nodes: 300, Full: 2000,
	AnySize:    true,
	Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
	Metrics: slices.Concat([]experiment.Metric{
		{Name: "lost", What: "share of single messages, whose sender lives on, that never arrive"},
		{Name: "wrong", What: "share of messages that a node other than the root delivers"},
		{Name: "failed", What: "share of questions, with their retries, that end with an error"},
		{Name: "silent", What: "questions that come to no outcome while their asker lives"},
		{Name: "rdp", What: "ratio of the mean way of a message to the mean direct way"},
		{Name: "control", Unit: "messages/s", What: "control messages of a node"},
	}, controlMetrics()),
	Measure: runChurn,
}

// controlMetrics are the parts of control.
func controlMetrics() (ms []experiment.Metric) {
	for _, name := range field.PurposeNames {
		ms = append(ms, experiment.Metric{Name: name[0], Unit: "messages/s", What: "of these, " + name[1]})
	}
	return ms
}

// sessions are how long nodes stay.
type sessions struct {
	name string
	// median and mean of a lognormal distribution; no median: exponential.
	median, mean time.Duration
	loss         int // share of lost messages, %
}

// draw draws a session.
func (s *sessions) draw(rng *rand.Rand) time.Duration {
	if s.median == 0 {
		return time.Duration(rng.ExpFloat64() * float64(s.mean))
	}
	sigma := math.Sqrt(2 * math.Log(float64(s.mean)/float64(s.median)))
	return time.Duration(float64(s.median) * math.Exp(sigma*rng.NormFloat64()))
}

func churnKinds() []sessions {
	kinds := []sessions{
		{name: "Gnutella-like", median: time.Hour, mean: 138 * time.Minute},
		{name: "Gnutella-like", median: time.Hour, mean: 138 * time.Minute, loss: 5},
		{name: "OverNet-like", median: 79 * time.Minute, mean: 134 * time.Minute},
		{name: "corporate-like", mean: 2262 * time.Minute},
	}
	for _, minutes := range []int{5, 15, 30, 60, 120, 600} {
		kinds = append(kinds, sessions{name: fmt.Sprintf("Poisson %d min", minutes), mean: time.Duration(minutes) * time.Minute})
	}
	return kinds
}

// churnFor is the usual Params.Span.
const churnFor = 30 * time.Minute

// span is how long a ring is watched under churn, after as long a time to get used to it.
func span(r *experiment.Run) time.Duration {
	if r.Params.Span > 0 {
		return r.Params.Span
	}
	return churnFor
}

func runChurn(ctx context.Context, r *experiment.Run) error {
	s := experiment.Series{Name: "Poisson"}
	for _, k := range churnKinds() {
		variant := fmt.Sprintf("%s, loss %d %%", k.name, k.loss)
		f, cost, err := churned(ctx, r, variant, &k, 0.02, nil)
		if err != nil {
			return err
		}
		t := f.Count()
		f.Close()
		addChurn(r, t, &k, variant, cost)
		if k.median == 0 && k.name != "corporate-like" {
			s.Points = append(s.Points, [2]float64{k.mean.Minutes(), cost.control})
		}
	}
	r.Notes = append(r.Notes, "The traces cannot be had. Sessions are drawn with their means and medians (lognormal; exponential where only a mean is published), "+
		"all deaths are silent, and each dead node is replaced at once by a new one, so that the ring is always full and always strange to itself: "+
		"the traces' nodes come back, which is easier.")
	r.Plots = append(r.Plots, experiment.Plot{Title: "Control traffic under churn", X: "mean session, minutes", Y: "messages a second and node", LogX: true, Series: []experiment.Series{s}})
	return nil
}

// load is what a node sends in a second: control messages, and bytes of all frames if
// there is a codec.
type load struct {
	control, bytes float64
	by             [field.Purposes]float64 // of control
}

// churned runs a ring under churn, and returns what its nodes send while each node
// sends so many messages a second, every other one a question. The caller counts what
// became of them, and closes the ring.
func churned(ctx context.Context, r *experiment.Run, name string, k *sessions, rate float64, codec *wire.Table) (*field.Field, load, error) {
	n := r.Params.Nodes
	// Nobody knows how many will come: newcomers stand anywhere in the network.
	t, err := experiment.Network(r.Params.Topology, 10*n, r.Params.Seed)
	if err != nil {
		return nil, load{}, err
	}
	var sent field.Traffic
	c := lab.Config{Sim: sim.Config{Topology: t, Codec: codec}}
	c.Sim.Observe.Send = func(_, _ sim.NodeRef, _ machine.Class, m wire.Message, _ int) { sent.Count(m, false) }
	f := field.New(r, name, c)
	err = func() error {
		if err := f.Grow(ctx, n, experiment.JoinGap); err != nil {
			return err
		}
		f.Sim.Inject(sim.Faults{Drop: float64(k.loss) / 100})
		for i := range n {
			mortal(f, sim.NodeRef(i), k)
		}
		return f.Pass(ctx, span(r), "churn begins")
	}()
	if err != nil {
		f.Close()
		return nil, load{}, err
	}
	begun, bytes := sent, f.Sim.Counts().Bytes
	f.Begin()
	if err := chat(ctx, f, rate*float64(n), span(r)); err != nil {
		f.Close()
		return nil, load{}, err
	}
	control := sent.Since(begun)
	each := span(r).Seconds() * float64(n)
	l := load{control: float64(control.Repair+control.Watch) / each, bytes: float64(f.Sim.Counts().Bytes-bytes) / each}
	for p, k := range control.By {
		l.by[p] = float64(k) / each
	}
	f.Sim.RunFor(35 * time.Second)
	return f, l, nil
}

// mortal lets a node die silently after a session, and a new one take its place.
func mortal(f *field.Field, n sim.NodeRef, k *sessions) {
	f.Sim.After(k.draw(f.Rand()), func() {
		f.Sim.Die(n)
		mortal(f, f.Add(), k)
	})
}

// chat sends so many messages a second under churn for a span, every other one a question.
func chat(ctx context.Context, f *field.Field, rate float64, span time.Duration) error {
	begun, sent := f.Sim.Now(), 0
	for f.Sim.Now()-begun < span {
		f.Sim.RunFor(100 * time.Millisecond)
		for ; float64(sent) < rate*(f.Sim.Now()-begun).Seconds(); sent++ {
			switch {
			case f.Census.Len() == 0:
				return fmt.Errorf("%s: nobody is left in the ring", f.Name)
			case sent%2 == 0:
				f.Send(f.Census.Draw(f.Rand()), f.Key())
			default:
				f.Ask(f.Census.Draw(f.Rand()), f.Key(), kbr.Options{})
			}
		}
		if err := f.Run.Step(ctx, int((f.Sim.Now()-begun)/time.Second), int(span/time.Second), f.Name+": messages"); err != nil {
			return err
		}
	}
	return nil
}

func addChurn(r *experiment.Run, t *field.Tally, k *sessions, variant string, cost load) {
	n := r.Params.Nodes
	lostRate, wrongRate, failedRate := experiment.Rate{K: t.Lost, N: t.Sent}, experiment.Rate{K: t.Wrong, N: t.Delivered}, experiment.Rate{K: t.Failed, N: t.Asked}
	lost := experiment.Value{Metric: "lost", Variant: variant, Nodes: n, Value: lostRate.Value(), Rate: &lostRate}
	wrong := experiment.Value{Metric: "wrong", Variant: variant, Nodes: n, Value: wrongRate.Value(), Rate: &wrongRate}
	rdp := experiment.Value{Metric: "rdp", Variant: variant, Nodes: n, Value: t.Stretch()}
	if k.name == "Gnutella-like" {
		lost.Paper, wrong.Paper, rdp.Paper = experiment.Paper(1.5e-5), experiment.Paper(0), experiment.Paper(1.8)
		if k.loss > 0 {
			lost.Paper, wrong.Paper, rdp.Paper = experiment.Paper(3.3e-5), experiment.Paper(1.6e-5), experiment.Paper(2.2)
		}
		lost.Goal, wrong.Goal = experiment.AtMost(*lost.Paper), experiment.AtMost(*wrong.Paper)
		wrong.Recalled, wrong.Goal.Recalled = true, true
	}
	r.Add(lost)
	r.Add(wrong)
	r.Add(experiment.Value{Metric: "failed", Variant: variant, Nodes: n, Value: failedRate.Value(), Rate: &failedRate})
	r.Add(experiment.Value{Metric: "silent", Variant: variant, Nodes: n, Value: float64(t.Silent), Goal: experiment.AtMost(0)})
	r.Add(rdp)
	r.Add(experiment.Value{Metric: "control", Variant: variant, Nodes: n, Value: cost.control, Paper: experiment.Paper(0.5), Goal: experiment.AtMost(0.5)})
	for p, v := range cost.by {
		r.Add(experiment.Value{Metric: field.PurposeNames[p][0], Variant: variant, Nodes: n, Value: v})
	}
}
