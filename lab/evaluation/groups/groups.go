package groups

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/field"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	walkApp wire.AppID = 1003
	// groupsFrom is of how many candidates planted tables hold the nearest, for each slot:
	// as good as tables become by themselves (experiment stretch).
	groupsFrom = 1000
	// joinRate is the number of joins of groups in a second of virtual time.
	joinRate = 2000
	// unbounded is the most children that a node may take: a bound that no ring here meets.
	unbounded = 1024
)

// groups is a ring whose nodes run scribe.
type groups struct {
	*field.Field
	network *topo.TransitStub // of a planted ring
	signer  peer.Signer
	rng     *rand.Rand
	trees   []*scribe.Scribe // by node
	walks   []*anycast.Anycast
	all     []*circle
	keeps   uint32 // messages of history of a group
}

// circle is one group with its members.
type circle struct {
	id      id.Hash
	root    sim.NodeRef
	members []sim.NodeRef
	begun   time.Duration
	took    []time.Duration // until each member had the message
	got     []int           // messages that each member had
}

// newGroups plants a ring.
func newGroups(ctx context.Context, r *experiment.Run, name string, tune func(*scribe.Config)) (*groups, error) {
	n := r.Params.Nodes
	t := topo.NewTransitStub(n, r.Params.Seed, topo.Size{})
	g := groupsOn(r, name, sim.Config{Topology: t}, func(c *scribe.Config) {
		c.MaxPerPeer, c.PeerAsks, c.PeerNew = 1_000_000, 10_000_000, 10_000_000 // all groups begin within seconds
		tune(c)
	})
	g.network = t
	if err := r.Step(ctx, 0, 1, name+": planted"); err != nil {
		g.Close()
		return nil, err
	}
	g.Plant(n, groupsFrom)
	if err := g.Pass(ctx, 30*time.Second, "they claim their keys"); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// groupsOn makes an empty ring.
func groupsOn(r *experiment.Run, name string, network sim.Config, tune func(*scribe.Config)) *groups {
	n := r.Params.Nodes
	g := &groups{Field: field.New(r, name, lab.Config{Sim: network}), trees: make([]*scribe.Scribe, n), walks: make([]*anycast.Anycast, n),
		keeps: 1, signer: standin.NewSigner(r.Params.Seed, 1), rng: rand.New(rand.NewPCG(r.Params.Seed, 0x67726f757073))}
	g.App = func(e *field.End) kbr.App {
		c := scribe.Default()
		c.Ring, c.Verifier = groupsRing, standin.Verifier{}
		tune(&c)
		app, err := scribe.New(c)
		if err != nil {
			panic(err) // a bug: its settings are within their range
		}
		g.trees[e.Ref] = app
		return app
	}
	g.Beside = func(e *field.End) []kbr.Mount {
		c := anycast.Default()
		c.Ring, c.Verifier, c.Tree = groupsRing, standin.Verifier{}, g.trees[e.Ref]
		app, err := anycast.New(c)
		if err != nil {
			panic(err) // as above
		}
		g.walks[e.Ref] = app
		return []kbr.Mount{{Number: walkApp, App: app}}
	}
	return g
}

var groupsRing = id.HashOf("ring of groups")

// create makes a group without members.
func (g *groups) create() (*circle, error) {
	charter := (&msg.Charter{Name: fmt.Sprint("group ", len(g.all)), Version: 1, OpenPublish: true, OpenJoin: true, Count: g.keeps, Age: 3600}).Sign(groupsRing, g.signer)
	c := &circle{id: charter.Group(groupsRing)}
	c.root = g.Census.Nearest(c.id.Place(), 1)[0].Ref
	g.all = append(g.all, c)
	creator := g.Census.Draw(g.rng)
	return c, g.Call(creator, time.Minute, func(t *task.T) error { return g.trees[creator].Create(t, charter) })
}

// createAll makes groups of these sizes, with members drawn from all nodes, who join in no
// order.
func (g *groups) createAll(ctx context.Context, sizes []int) error {
	type joining struct {
		c      *circle
		member sim.NodeRef
	}
	var joins []joining
	for i, size := range sizes {
		c, err := g.create()
		if err != nil {
			return fmt.Errorf("%s: group %d: %w", g.Name, i, err)
		}
		for _, n := range g.rng.Perm(g.Sim.Len())[:size] {
			joins = append(joins, joining{c, sim.NodeRef(n)})
		}
		if err := g.Run.Step(ctx, i+1, len(sizes), g.Name+": groups are made"); err != nil {
			return err
		}
	}
	g.rng.Shuffle(len(joins), func(i, j int) { joins[i], joins[j] = joins[j], joins[i] })
	left := len(joins)
	var failed error
	for i, j := range joins {
		g.join(j.c, j.member, func(err error) {
			if left--; err != nil {
				failed = err
			}
		})
		if i%(joinRate/100) == 0 {
			g.Sim.RunFor(10 * time.Millisecond)
		}
		if err := g.Run.Step(ctx, i+1, len(joins), g.Name+": members join"); err != nil {
			return err
		}
	}
	g.Sim.RunUntil(func() bool { return left == 0 }, time.Second, 2*time.Minute)
	if left > 0 || failed != nil {
		return fmt.Errorf("%s: %d of %d members have not joined: %w", g.Name, left, len(joins), failed)
	}
	return nil
}

// join makes a node a member.
func (g *groups) join(c *circle, member sim.NodeRef, done func(error)) {
	i := len(c.members)
	c.members, c.took, c.got = append(c.members, member), append(c.took, 0), append(c.got, 0)
	o := scribe.Options{Message: func(scribe.Message) {
		c.took[i] = g.Sim.Now() - c.begun
		c.got[i]++
	}}
	g.Sim.Call(member, func() {
		g.Node(member).Endpoint(field.App).Go(func(t *task.T) error {
			_, err := g.trees[member].Join(t, c.id, o)
			return err
		}, done)
	})
}

// multicast lets each group's root publish one message; what members had before counts no more.
func (g *groups) multicast(ctx context.Context) error {
	for i, c := range g.all {
		clear(c.took)
		clear(c.got)
		g.Sim.Call(c.root, func() {
			c.begun = g.Sim.Now()
			if err := g.trees[c.root].Publisher(c.id, g.signer).Publish([]byte("message"), nil); err != nil {
				panic(err) // a bug: its first message
			}
		})
		g.Sim.RunFor(20 * time.Millisecond)
		if err := g.Run.Step(ctx, i+1, len(g.all), g.Name+": messages"); err != nil {
			return err
		}
	}
	return g.Pass(ctx, 5*time.Second, "messages arrive")
}

// tables are, of each node, the groups in which it has children, and its children in all of
// them.
func (g *groups) tables() (tables, entries []float64) {
	tables, entries = make([]float64, len(g.trees)), make([]float64, len(g.trees))
	for n, s := range g.trees {
		for _, x := range s.Groups() {
			if k := len(s.Neighbours(x).Children); k > 0 {
				tables[n]++
				entries[n] += float64(k)
			}
		}
	}
	return tables, entries
}

// attaches is how many questions all nodes have asked to become children.
func (g *groups) attaches() (n uint64) {
	for _, s := range g.trees {
		n += s.Stats().Attaches
	}
	return n
}

// quantile is a value of a list in order, for 0 to 1; 0 of an empty one.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}

// average is the mean of a list; 0 of an empty one.
func average(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(max(len(xs), 1))
}
