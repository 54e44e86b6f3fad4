package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

var anycasts = &experiment.Experiment{
	Name: "anycast",
	What: "a willing member of a group is found: messages of a join and of an anycast, in an empty group and in a large one, and how near the member is",
	Paper: "Scalable application-level anycast for highly dynamic groups (NGC 2003): 100,000 of 500,000 nodes on a transit-stub network, a group of up to 2,500: " +
		"join 4.1 messages, 3.5 on average while the group grows; anycast 4.1 and 2.3; for over 90 % fewer than 7 % of the members were nearer",
	Nodes: 10_000, Full: 100_000, NodeBytes: 40 << 10,
	AnySize:    true,
	Topologies: []string{experiment.TransitStub},
	Metrics: []experiment.Metric{
		{Name: "join", What: "questions that nodes ask to be taken into the tree, for each member that joins, mean"},
		{Name: "anycast", What: "links that a walk crosses until it comes to a member that takes the item, or to the end, mean"},
		{Name: "near", What: "share of the anycasts where less than 7 % of the members were nearer to the asker than the one that was found"},
		{Name: "untaken", What: "anycasts in the large group that found nobody, though all its members are willing"},
	},
	Measure: runAnycast,
}

// Of the anycasts: groups that stay empty, and as many that one member joins; which part of
// the nodes is in the large group at last; anycasts there; and how near a member must be.
const (
	emptyGroups = 100
	largePart   = 40
	walks       = 1000
	nearPart    = 0.07
)

func runAnycast(ctx context.Context, r *experiment.Run) error {
	g, err := newGroups(ctx, r, fmt.Sprintf("%d nodes", r.Params.Nodes), func(*scribe.Config) {})
	if err != nil {
		return err
	}
	defer g.Close()
	if err := emptyAnycasts(ctx, r, g); err != nil {
		return err
	}
	large, err := grow(ctx, r, g)
	if err != nil {
		return err
	}
	if err := g.Pass(ctx, time.Minute, "the tree settles"); err != nil {
		return err
	}
	return largeAnycasts(ctx, r, g, large)
}

// emptyAnycasts asks groups that nobody is in, and has one member join each.
func emptyAnycasts(ctx context.Context, r *experiment.Run, g *groups) error {
	var crossed, asked uint64
	n := r.Params.Nodes
	for i := range emptyGroups {
		c, err := g.create()
		if err != nil {
			return err
		}
		before := g.crossed()
		if _, err := g.ask(c); !errors.Is(err, anycast.ErrNobody) {
			return fmt.Errorf("%s: an anycast in an empty group: %w", g.Name, err)
		}
		crossed += g.crossed() - before
		attaches := g.attaches()
		if err := g.joinOne(c, g.Census.Draw(g.rng)); err != nil {
			return err
		}
		asked += g.attaches() - attaches
		if err := r.Step(ctx, i+1, emptyGroups, g.Name+": empty groups"); err != nil {
			return err
		}
	}
	r.Add(experiment.Value{Metric: "join", Variant: "empty group", Nodes: n, Value: float64(asked) / emptyGroups, Paper: experiment.Paper(4.1), Goal: experiment.AtMost(4.1)})
	r.Add(experiment.Value{Metric: "anycast", Variant: "empty group", Nodes: n, Value: float64(crossed) / emptyGroups, Paper: experiment.Paper(4.1), Goal: experiment.AtMost(4.1)})
	return nil
}

// grow makes the large group, one member after another, all of them willing.
func grow(ctx context.Context, r *experiment.Run, g *groups) (*circle, error) {
	c, err := g.create()
	if err != nil {
		return nil, err
	}
	size := max(r.Params.Nodes/largePart, 2)
	before := g.attaches()
	for i, m := range g.rng.Perm(g.Sim.Len())[:size] {
		member := sim.NodeRef(m)
		if err := g.joinOne(c, member); err != nil {
			return nil, err
		}
		g.Sim.Call(member, func() {
			g.walks[member].Take(c.id, anycast.Taker{Willing: func(*anycast.Item) ([]byte, bool) { return nil, true }})
		})
		if err := r.Step(ctx, i+1, size, g.Name+": members join"); err != nil {
			return nil, err
		}
	}
	r.Add(experiment.Value{Metric: "join", Variant: fmt.Sprintf("up to %d members", size), Nodes: r.Params.Nodes,
		Value: float64(g.attaches()-before) / float64(size), Paper: experiment.Paper(3.5), Goal: experiment.AtMost(3.5)})
	return c, nil
}

func largeAnycasts(ctx context.Context, r *experiment.Run, g *groups, c *circle) error {
	n := r.Params.Nodes
	var near, untaken experiment.Rate
	var shares []float64
	before := g.crossed()
	for i := range walks {
		asker := g.Census.Draw(g.rng)
		by, err := g.askFrom(asker, c)
		untaken.N++
		if err != nil {
			untaken.K++
			continue
		}
		found, _ := g.Sim.Find(by[0].Node.ID)
		nearer := 0
		for _, m := range c.members {
			if g.Sim.Delay(asker, m) < g.Sim.Delay(asker, found) {
				nearer++
			}
		}
		share := float64(nearer) / float64(len(c.members))
		shares = append(shares, share)
		near.N++
		if share < nearPart {
			near.K++
		}
		if err := r.Step(ctx, i+1, walks, g.Name+": anycasts"); err != nil {
			return err
		}
	}
	variant := fmt.Sprintf("%d members", len(c.members))
	r.Add(experiment.Value{Metric: "anycast", Variant: variant, Nodes: n, Value: float64(g.crossed()-before) / walks, Paper: experiment.Paper(2.3), Goal: experiment.AtMost(2.3)})
	r.Add(experiment.Value{Metric: "near", Variant: variant, Nodes: n, Value: near.Value(), Rate: &near, Paper: experiment.Paper(0.9), Goal: experiment.AtLeast(0.9)})
	r.Add(experiment.Value{Metric: "untaken", Variant: variant, Nodes: n, Value: untaken.Value(), Rate: &untaken, Goal: experiment.AtMost(0.01)})
	slices.Sort(shares)
	s := experiment.Series{Name: variant}
	for i, x := range shares {
		s.Points = append(s.Points, [2]float64{float64(i+1) / float64(len(shares)), 100 * x})
	}
	r.Plots = append(r.Plots, experiment.Plot{Title: "Members nearer to the asker than the one found", X: "share of the anycasts", Y: "members, %", Series: []experiment.Series{s}})
	r.Notes = append(r.Notes, fmt.Sprintf("The ring is planted. Empty are %d groups, with no member but a root. The large group has one in %d nodes, all willing. "+
		"Who is willing asks the asker over a link of its own whether it is to have the item; this question is not counted.", emptyGroups, largePart))
	return nil
}

// joinOne makes one node a member and waits for that.
func (g *groups) joinOne(c *circle, member sim.NodeRef) error {
	over, result := false, error(nil)
	g.join(c, member, func(err error) { over, result = true, err })
	if !g.Sim.RunUntil(func() bool { return over }, 10*time.Millisecond, 2*time.Minute) {
		return fmt.Errorf("%s: node %d has not joined", g.Name, member)
	}
	return result
}

// ask looks for one member of a group, from any node.
func (g *groups) ask(c *circle) ([]anycast.Granted, error) { return g.askFrom(g.Census.Draw(g.rng), c) }

func (g *groups) askFrom(asker sim.NodeRef, c *circle) (by []anycast.Granted, err error) {
	err = g.Call(asker, 5*time.Minute, func(t *task.T) (err error) {
		by, err = g.walks[asker].Anycast(t, c.id, []byte("item"), anycast.Options{Signer: g.signer})
		return err
	})
	return by, err
}

// crossed is how many links walks have crossed.
func (g *groups) crossed() (n uint64) {
	for _, a := range g.walks {
		n += a.Stats().Passed + a.Stats().Steps
	}
	return n
}
