package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var pastCache = &experiment.Experiment{
	Name: "past-cache",
	What: "lookups of files that are asked for by Zipf's law: hops to the first copy, by what is cached and how full the ring is",
	Paper: "Beehive (NSDI 2004): 1,024 nodes, base 16, 40,960 names of DNS: Pastry 2.34 hops, with passive caching 1.54, Beehive 0.98. " +
		"PAST (SOSP 2001), figure 8, has 2,250 nodes and a trace that is not to be had",
	Nodes: 1024, Full: 1024,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "hops", What: "links that a lookup crosses to the first copy on average"},
		{Name: "hits", Unit: "%", What: "lookups that a cached copy answered, of all"},
		{Name: "pushed", What: "copies that were pushed outward, for each lookup"},
	},
	Measure: runCache,
}

// longest is more than any way has links.
const longest = 40

// Workload of past-cache.
const (
	filesPerNode   = 40
	lookupsPerNode = 300
	popularity     = 0.91 // the exponent of Zipf's law, as measured in Beehive's trace
)

// keeper is one way to cache, in a ring that is so full.
type keeper struct {
	name   string
	full   int // percent
	policy cache.Policy
	pushes bool

	caches []*cache.Cache[*cache.Heat]
	heat   map[[2]int]*cache.Heat // of replicas, by node and file

	lookups, hops, hits, pushed int
}

var fullness = []int{50, 80, 95, 99}

func runCache(ctx context.Context, r *experiment.Run) error {
	c, err := newReaders(ctx, r)
	if err != nil {
		return err
	}
	defer c.ring.Close()
	keepers := []*keeper{{name: "none", policy: cache.None}}
	for _, full := range fullness {
		keepers = append(keepers,
			&keeper{name: "LRU", full: full, policy: cache.LeastRecent},
			&keeper{name: "GD-S", full: full, policy: cache.GreedyDualSize},
			&keeper{name: "GD-S, pushed", full: full, policy: cache.GreedyDualSize, pushes: true})
	}
	for _, k := range keepers {
		c.open(k)
	}
	if err := c.read(ctx, r, keepers); err != nil {
		return err
	}
	addKeepers(r, keepers)
	r.Notes = append(r.Notes,
		fmt.Sprintf("The routes are those of real nodes whose ring was planted; the caches are the nodes' own (package app/past/cache). %d files for each node, "+
			"of the sizes of past-utilisation, cut at 1 MiB, k=5; node and file of each lookup are drawn independently, files by Zipf's law with exponent %v; "+
			"the first half of %d lookups for each node warms up.", filesPerNode, popularity, lookupsPerNode),
		"Each node caches in the room that replicas leave: in a ring that is 50 % full as much as it keeps, in one that is 80 % full a quarter of that. A lookup leaves copies at its asker and "+
			"at the node before the one that answered. Beehive's figures stand beside the row of 50 %; its paper does not say how much room its caches had, and its names expire, which files do not.",
		"Pushed: a node that was asked 16 times for a file by others pushes copies to the next level of the routing table, that is, to all nodes that share a digit less with the file's place.")
	return nil
}

// readers is a ring whose nodes read.
type readers struct {
	ring  *lab.Ring
	rng   *rand.Rand
	ids   []id.ID // in order
	at    map[id.ID]int
	ends  []*asker // by node, in order of ids
	files []cached
	zipf  []float64 // the sum of the weights up to each file
	room  int64     // that replicas take at a node on average
	level int       // of replicas
	next  map[[2]int]int
}

// readApp is the number of the application that reads.
const readApp wire.AppID = 1002

// asker is the application of one node: its endpoint says where a lookup would go, and
// nothing is sent.
type asker struct{ ep kbr.Endpoint }

func (r *asker) Start(ep kbr.Endpoint)     { r.ep = ep }
func (r *asker) Deliver(*kbr.Delivery)     {}
func (r *asker) Update(*peer.Handle, bool) {}
func (r *asker) Stop()                     {}

// cached is a file that is asked for.
type cached struct {
	object   id.Hash
	size     int64
	replicas []int
}

func newReaders(ctx context.Context, r *experiment.Run) (*readers, error) {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return nil, err
	}
	c := &readers{rng: rand.New(rand.NewPCG(r.Params.Seed, 0xcac4e)), at: make(map[id.ID]int), next: make(map[[2]int]int)}
	c.ring = lab.New(lab.Config{Seed: r.Params.Seed, Unwatched: true, Sim: sim.Config{Topology: t}, Apps: func(int, sim.NodeEnv) []kbr.Mount {
		e := new(asker)
		c.ends = append(c.ends, e)
		return []kbr.Mount{{Number: readApp, App: e}}
	}})
	c.ring.Plant(n, 16)
	if err := pass(ctx, r, c.ring.Sim, 10*time.Second, "the ring is planted: leases begin"); err != nil {
		c.ring.Close()
		return nil, err
	}
	slices.SortFunc(c.ends, func(a, b *asker) int { return a.ep.Self().ID.Cmp(b.ep.Self().ID) })
	for i, e := range c.ends {
		c.ids, c.at[e.ep.Self().ID] = append(c.ids, e.ep.Self().ID), i
	}
	sum, bytes := 0.0, int64(0)
	for i := range filesPerNode * n {
		f := cached{size: min(web.draw(c.rng), 1<<20)}
		for i := 0; i < len(f.object); i += 8 {
			binary.BigEndian.PutUint64(f.object[i:], c.rng.Uint64())
		}
		f.replicas = slices.Clone(nearestOf(c.ids, f.object.Place(), min(copies, n), nil))
		sum += math.Pow(float64(i+1), -popularity)
		bytes += f.size * int64(len(f.replicas))
		c.files, c.zipf = append(c.files, f), append(c.zipf, sum)
	}
	c.room, c.level = bytes/int64(n), cache.Level(float64(n), copies)
	return c, nil
}

// open gives each node its cache.
func (c *readers) open(k *keeper) {
	k.heat = make(map[[2]int]*cache.Heat)
	for range c.ids {
		one := cache.New[*cache.Heat](k.policy)
		if k.full > 0 {
			one.Resize(c.room*int64(100-k.full)/int64(k.full), nil)
		}
		k.caches = append(k.caches, one)
	}
}

// read looks files up, each in all ways to cache at once.
func (c *readers) read(ctx context.Context, r *experiment.Run, keepers []*keeper) error {
	all := lookupsPerNode * len(c.ids)
	for i := range all {
		if i%1000 == 0 {
			if err := r.Step(ctx, i, all, "files are looked up"); err != nil {
				return err
			}
		}
		file := sort.SearchFloat64s(c.zipf, c.rng.Float64()*c.zipf[len(c.zipf)-1])
		route, err := c.route(c.rng.IntN(len(c.ids)), min(file, len(c.files)-1))
		if err != nil {
			return err
		}
		for _, k := range keepers {
			c.lookup(k, route, min(file, len(c.files)-1), i >= all/2)
		}
	}
	return nil
}

// route returns the nodes that a lookup passes, up to the first replica.
func (c *readers) route(from, file int) ([]int, error) {
	f := &c.files[file]
	route := []int{from}
	for at := from; !slices.Contains(f.replicas, at); route = append(route, at) {
		next, known := c.next[[2]int{at, file}]
		if !known {
			ep, key := c.ends[at].ep, f.object.Place()
			hops := ep.ReplicaSet(key, 1) // where the leaf set covers the key it decides
			if len(hops) == 0 {
				hops = ep.LocalLookup(key, 1, false)
			}
			if len(hops) == 0 || len(route) > longest {
				return nil, fmt.Errorf("a lookup ends at %s, far from its replicas", c.ids[at].Short())
			}
			next = c.at[hops[0].ID]
			c.next[[2]int{at, file}] = next
		}
		at = next
	}
	return route, nil
}

// lookup lets a lookup go its way to the first copy, and leaves copies.
func (c *readers) lookup(k *keeper, route []int, file int, counts bool) {
	f := &c.files[file]
	hops, hit, heat := len(route)-1, false, (*cache.Heat)(nil)
	for i, at := range route[:hops] {
		if heat, hit = k.caches[at].Get(f.object); hit {
			hops = i
			break
		}
	}
	if counts {
		k.lookups++
		k.hops += hops
		if hit {
			k.hits++
		}
	}
	if hops == 0 {
		return
	}
	for _, at := range []int{route[0], route[hops-1]} {
		if !k.caches[at].Has(f.object) {
			k.caches[at].Put(f.object, f.size, k.newHeat(c.level), nil)
		}
	}
	if !k.pushes {
		return
	}
	if !hit {
		heat = k.replicaHeat(route[hops], file, c.level)
	}
	if to, push := heat.Asked(); push {
		c.push(k, file, to, counts)
	}
}

// newHeat is that of a copy at a level; nil where nothing is pushed.
func (k *keeper) newHeat(level int) *cache.Heat {
	if !k.pushes {
		return nil
	}
	h := cache.NewHeat(level)
	return &h
}

func (k *keeper) replicaHeat(at, file, level int) *cache.Heat {
	h := k.heat[[2]int{at, file}]
	if h == nil {
		h = k.newHeat(level)
		k.heat[[2]int{at, file}] = h
	}
	return h
}

// push leaves copies at all nodes of a level.
func (c *readers) push(k *keeper, file, level int, counts bool) {
	f := &c.files[file]
	scope := id.Base(cache.DigitBits).PrefixRange(f.object.Place(), level)
	for at, n := range c.ids {
		if !scope.Contains(n) || slices.Contains(f.replicas, at) {
			continue
		}
		if h, there := k.caches[at].Get(f.object); there {
			h.Pushed(level)
			continue
		}
		if k.caches[at].Offer(f.object, f.size, k.newHeat(level), nil) && counts {
			k.pushed++
		}
	}
	for _, at := range f.replicas {
		if h := k.heat[[2]int{at, file}]; h != nil {
			h.Pushed(level)
		}
	}
}

func addKeepers(r *experiment.Run, keepers []*keeper) {
	p := experiment.Plot{Title: "Links that a lookup crosses, by how full the ring is", X: "utilisation, %", Y: "links, mean"}
	lines := make(map[string]int)
	for _, k := range keepers {
		variant := k.name
		if k.full > 0 {
			variant += fmt.Sprintf(", %d %% full", k.full)
		}
		mean := float64(k.hops) / float64(max(k.lookups, 1))
		v := experiment.Value{Metric: "hops", Variant: variant, Nodes: r.Params.Nodes, Value: mean}
		switch {
		case k.full == 0:
			v.Paper = experiment.Paper(2.34)
		case k.full == 50 && k.pushes:
			v.Paper, v.Goal = experiment.Paper(0.98), experiment.AtMost(1.2)
		case k.full == 50 && k.policy == cache.GreedyDualSize:
			v.Paper, v.Goal = experiment.Paper(1.54), experiment.AtMost(1.54)
		}
		r.Add(v)
		r.Add(experiment.Value{Metric: "hits", Variant: variant, Nodes: r.Params.Nodes, Value: percent(k.hits, k.lookups)})
		if k.pushes {
			r.Add(experiment.Value{Metric: "pushed", Variant: variant, Nodes: r.Params.Nodes, Value: float64(k.pushed) / float64(max(k.lookups, 1))})
		}
		i, there := lines[k.name]
		if !there {
			i = len(p.Series)
			lines[k.name] = i
			p.Series = append(p.Series, experiment.Series{Name: k.name})
		}
		if k.full == 0 {
			p.Series[i].Points = [][2]float64{{float64(fullness[0]), mean}, {float64(fullness[len(fullness)-1]), mean}}
		} else {
			p.Series[i].Points = append(p.Series[i].Points, [2]float64{float64(k.full), mean})
		}
	}
	r.Plots = append(r.Plots, p)
}
