package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	asking "github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

var everyone = &experiment.Experiment{
	Name: "census",
	What: "all nodes are asked one question: messages and virtual time, in a quiet ring, under churn and past the dead",
	Paper: "no paper's: PastryIM left its list of users out; a flood as Gnutella's sends a question over all links, " +
		"so that a node hears it from each of its neighbours",
	Nodes: 10_000, Full: 100_000, NodeBytes: 20 << 10,
	AnySize:    true,
	Topologies: []string{experiment.TransitStub, experiment.Plane, experiment.Sphere, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "counted", What: "nodes counted, as a share of those that live all the while; at most 1: a newcomer can stand in for one that is missed"},
		{Name: "questions", What: "questions that a node other than the asker gets for one count, mean"},
		{Name: "messages", What: "link messages for each node and count, with answers and acknowledgements, beyond those of an equal time without one"},
		{Name: "count_time", Unit: "s", What: "virtual time until the asker has the sum"},
		{Name: "busiest", What: "questions that the asker itself sends"},
	},
	Measure: runEveryone,
}

// Of the counts: how many in each state of a ring, how long a node stays on average under
// churn, and which part of all nodes dies at once.
const (
	counts     = 5
	countsStay = time.Hour
	countsDie  = 20 // one in so many
)

// crowd is a ring whose nodes run the census.
type crowd struct {
	*field.Field
	apps map[sim.NodeRef]*asking.Census // of the present lives
}

// blind is a verifier for who has no records.
type blind struct{}

// Verify implements peer.Verifier.
func (blind) Verify(peer.Key, []byte, []byte) bool { return false }

func runEveryone(ctx context.Context, r *experiment.Run) error {
	p := experiment.Plot{Title: "Time of a count, by the size of the ring", X: "nodes", Y: "s", LogX: true}
	s := experiment.Series{Name: "quiet"}
	for _, n := range decades(r.Params.Nodes) {
		took, err := countEveryone(ctx, r, n)
		if err != nil {
			return err
		}
		s.Points = append(s.Points, [2]float64{float64(n), took})
	}
	p.Series = append(p.Series, s)
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes,
		fmt.Sprintf("The ring is planted. Each row is the mean of %d counts, each by another node. Under churn nodes stay for %v on average, and each that dies, without a word, "+
			"is followed by another; past the dead: one in %d has died without a word at the same moment, a second before. Counted are then shares of those nodes that live from before the count until its end.", counts, countsStay, countsDie))
	return nil
}

func countEveryone(ctx context.Context, r *experiment.Run, n int) (float64, error) {
	t, err := experiment.Network(r.Params.Topology, 2*n, r.Params.Seed)
	if err != nil {
		return 0, err
	}
	c := &crowd{Field: field.New(r, fmt.Sprintf("%d nodes", n), lab.Config{Sim: sim.Config{Topology: t}}), apps: map[sim.NodeRef]*asking.Census{}}
	defer c.Close()
	c.App = func(e *field.End) kbr.App {
		conf := asking.Default()
		conf.Verifier = blind{}
		app, err := asking.New(conf)
		if err != nil {
			panic(err) // a bug: its settings are the usual ones
		}
		c.apps[e.Ref] = app
		return app
	}
	if err := r.Step(ctx, 0, 1, c.Name+": planted"); err != nil {
		return 0, err
	}
	c.Plant(n, plantedFrom)
	if err := c.Pass(ctx, 30*time.Second, "they claim their keys"); err != nil {
		return 0, err
	}
	quiet, err := c.counts(ctx, "quiet")
	if err != nil {
		return 0, err
	}
	addCounts(r, quiet, n, "quiet", 1)

	for _, m := range c.all() {
		if c.Rand().IntN(countsDie) == 0 {
			c.Sim.Die(m)
		}
	}
	dead, err := c.counts(ctx, "past the dead")
	if err != nil {
		return 0, err
	}
	addCounts(r, dead, n, "past the dead", 0.99)
	k := sessions{mean: countsStay}
	for _, m := range c.all() {
		mortal(c.Field, m, &k)
	}
	if err := c.Pass(ctx, 5*time.Minute, "churn"); err != nil {
		return 0, err
	}
	churn, err := c.counts(ctx, "under churn")
	if err != nil {
		return 0, err
	}
	addCounts(r, churn, n, "under churn", 0.99)
	return quiet.took.Seconds() / counts, nil
}

// all are the running nodes that are in the ring.
func (c *crowd) all() []sim.NodeRef {
	var out []sim.NodeRef
	for _, m := range c.Census.All() {
		out = append(out, m.Ref)
	}
	slices.Sort(out)
	return out
}

// counted is what some counts were, added up.
type counted struct {
	share     experiment.Rate
	others    int // nodes that were asked
	questions uint64
	sent      float64 // messages, beyond those without a count
	took      time.Duration
	busiest   int
}

// counts has nodes count the ring, one after the other.
func (c *crowd) counts(ctx context.Context, what string) (counted, error) {
	var sum counted
	for i := range counts {
		if err := c.Run.Step(ctx, i, counts, c.Name+": "+what); err != nil {
			return sum, err
		}
		c.Sim.RunFor(time.Second)
		if err := c.count(&sum); err != nil {
			return sum, fmt.Errorf("%s: %s: %w", c.Name, what, err)
		}
	}
	return sum, nil
}

func (c *crowd) count(sum *counted) error {
	from, before, asked := c.Census.Draw(c.Rand()), c.all(), c.asked()
	sent, begun := c.Sim.Counts().Sent, c.Sim.Now()
	var a asking.Answered
	err := c.Call(from, time.Minute, func(t *task.T) (err error) {
		_, a, err = c.apps[from].Count(t)
		return err
	})
	if err != nil {
		return err
	}
	took, with := c.Sim.Now()-begun, c.Sim.Counts().Sent-sent
	sum.questions += c.asked() - asked
	c.Sim.RunFor(2 * time.Second) // the last acknowledgements
	sent = c.Sim.Counts().Sent
	c.Sim.RunFor(10 * time.Second)
	idle := float64(c.Sim.Counts().Sent-sent) * took.Seconds() / 10
	stayed := 0
	for _, n := range before {
		if c.Sim.Alive(n) {
			stayed++
		}
	}
	sum.share.N += stayed
	sum.share.K += min(a.Nodes, stayed)
	sum.others += len(before) - 1
	sum.sent += max(0, float64(with)-idle)
	sum.took += took
	sum.busiest = max(sum.busiest, len(c.Node(from).Endpoint(field.App).Divide(id.Range{Full: true}, nil)))
	return nil
}

// asked is how many questions all nodes have got.
func (c *crowd) asked() (n uint64) {
	for i := range c.Sim.Len() {
		if app := c.apps[sim.NodeRef(i)]; app != nil {
			n += app.Stats().Asked
		}
	}
	return n
}

func addCounts(r *experiment.Run, c counted, n int, variant string, goal float64) {
	share := c.share
	r.Add(experiment.Value{Metric: "counted", Variant: variant, Nodes: n, Value: share.Value(), Goal: experiment.AtLeast(goal)})
	questions := experiment.Value{Metric: "questions", Variant: variant, Nodes: n, Value: float64(c.questions) / float64(c.others)}
	seconds := experiment.Value{Metric: "count_time", Variant: variant, Nodes: n, Value: c.took.Seconds() / counts}
	if variant == "quiet" {
		questions.Goal = experiment.AtMost(1)
		seconds.Goal = experiment.AtMost(5)
	}
	r.Add(questions)
	r.Add(experiment.Value{Metric: "messages", Variant: variant, Nodes: n, Value: c.sent / float64(c.others)})
	r.Add(seconds)
	r.Add(experiment.Value{Metric: "busiest", Variant: variant, Nodes: n, Value: float64(c.busiest)})
}
