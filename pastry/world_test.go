package pastry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// appNumber is that of the tests' application.
const appNumber wire.AppID = 1000

// update is what an application was told of a neighbour.
type update struct {
	node   id.ID
	joined bool
}

// app answers with its node's id, and notes what it is given.
type app struct {
	ep      kbr.Endpoint
	got     []kbr.Delivery
	updates []update
	stopped bool
	deliver func(*kbr.Delivery) // instead of answering, if set
	forward func(*kbr.Transit) bool
}

func (a *app) Start(ep kbr.Endpoint) { a.ep = ep }
func (a *app) Stop()                 { a.stopped = true }
func (a *app) Update(h *peer.Handle, joined bool) {
	a.updates = append(a.updates, update{h.ID, joined})
}

func (a *app) Deliver(d *kbr.Delivery) {
	a.got = append(a.got, *d)
	if a.deliver != nil {
		a.deliver(d)
		return
	}
	x := a.ep.Self().ID.Bytes()
	d.Reply(x[:])
}

// Forward implements kbr.Forwarder.
func (a *app) Forward(t *kbr.Transit) bool { return a.forward == nil || a.forward(t) }

// world is a simulated ring whose nodes run app.
type world struct {
	*lab.Ring
	t    testing.TB
	apps []*app // of each node's present life
}

func newWorld(t testing.TB, c lab.Config) *world {
	w := &world{t: t}
	c.Apps = func(i int, _ sim.NodeEnv) []kbr.Mount {
		for len(w.apps) <= i {
			w.apps = append(w.apps, nil)
		}
		w.apps[i] = new(app)
		return mounts(w.apps[i], appNumber)
	}
	w.Ring = lab.New(c)
	t.Cleanup(w.Close)
	return w
}

// grow makes a world of n nodes and lets it become calm.
func grow(t testing.TB, n int, c lab.Config) *world {
	t.Helper()
	w := newWorld(t, c)
	if !w.Grow(n, 300*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of %d nodes are ready", len(w.ReadyNodes()), n)
	}
	w.Sim.RunFor(5 * time.Second)
	return w
}

// linked is a configuration with links and certificates.
func linked(seed uint64) lab.Config {
	return lab.Config{Seed: seed, Sealed: true, Sim: sim.Config{Connections: true}}
}

// coded is linked, and lets every message pass through the codec, which takes most of
// the time of a simulation.
func coded(seed uint64) lab.Config {
	c := linked(seed)
	c.Sim.Codec = msg.Messages
	return c
}

// tiny gives nodes the ids of an 8-bit ring, which no certificate has, and a leaf
// set of 4.
func tiny(c lab.Config, ids ...uint8) lab.Config {
	c.Sealed = false
	c.ID = func(i int) id.ID { return id.Tiny(ids[i]) }
	c.Tune = func(p *pastry.Config) { p.LeafSet = 4 }
	return c
}

// check fails the test with what the checkers find wrong in a calm ring.
func (w *world) check(leafSet int) {
	w.t.Helper()
	w.Truth.Claims(true)
	w.Truth.LeafSets(leafSet)
	w.Truth.Tables(4)
	w.problems()
}

func (w *world) problems() {
	w.t.Helper()
	ps := w.Truth.Problems()
	for _, p := range ps[:min(5, len(ps))] {
		w.t.Error(p)
	}
}

// key draws a key.
func (w *world) key() id.ID { return id.ID{Hi: w.Rand().Uint64(), Lo: w.Rand().Uint64()} }

// pick draws a live node.
func (w *world) pick() sim.NodeRef {
	live := w.Live()
	return live[w.Rand().IntN(len(live))]
}

// sorted returns the live nodes by their distance from a key, the root first.
func (w *world) sorted(key id.ID) []sim.NodeRef {
	live := w.Live()
	slices.SortFunc(live, func(a, b sim.NodeRef) int {
		if id.Closer(key, w.Sim.Handle(a).ID, w.Sim.Handle(b).ID) {
			return -1
		}
		return 1
	})
	return live
}

func (w *world) root(key id.ID) sim.NodeRef { return w.sorted(key)[0] }

// outcome is what a request came to.
type outcome struct {
	answer kbr.Answer
	err    error
	count  int // times that it was told
	at     time.Duration
}

// by is the node that answered.
func (o *outcome) by() id.ID {
	if o.err != nil || len(o.answer.Payload) != id.Size {
		return id.ID{}
	}
	return id.FromBytes(o.answer.Payload)
}

// request routes a request from a node, and returns where its outcome will stand.
func (w *world) request(from sim.NodeRef, key id.ID, o kbr.Options) *outcome {
	out := new(outcome)
	w.Sim.Call(from, func() {
		w.apps[from].ep.Request(key, []byte("?"), o, func(a kbr.Answer, err error) {
			*out = outcome{a, err, out.count + 1, w.Sim.Now()}
		})
	})
	return out
}

// ask sends a request and waits for its outcome.
func (w *world) ask(from sim.NodeRef, key id.ID, o kbr.Options) *outcome {
	w.t.Helper()
	out := w.request(from, key, o)
	if !w.Sim.RunUntil(func() bool { return out.count > 0 }, 5*time.Millisecond, 35*time.Second) {
		w.t.Fatalf("a request from node %d to %s has no outcome", from, key.Short())
	}
	return out
}

// mustReach fails the test unless the true roots answer for n drawn keys.
func (w *world) mustReach(n int) {
	w.t.Helper()
	for range n {
		from, key := w.pick(), w.key()
		o := w.ask(from, key, kbr.Options{})
		if root := w.root(key); o.err != nil || o.by() != w.Sim.Handle(root).ID {
			w.t.Errorf("at %v: node %d asked for %s: %v, answered by %s, want node %d", w.Sim.Now(), from, key.Short(), o.err, o.by().Short(), root)
		}
	}
}

// inexact returns how many live nodes have a leaf set that is not that of the true
// ring.
func (w *world) inexact(size int) (wrong int) {
	ring := w.sorted(id.ID{})
	slices.SortFunc(ring, func(a, b sim.NodeRef) int { return w.Sim.Handle(a).ID.Cmp(w.Sim.Handle(b).ID) })
	half := min(size/2, len(ring)-1)
	for i, n := range ring {
		var left, right []id.ID
		for k := range half {
			left = append(left, w.Sim.Handle(ring[(i-k-1+2*len(ring))%len(ring)]).ID)
			right = append(right, w.Sim.Handle(ring[(i+k+1)%len(ring)]).ID)
		}
		if v := w.View(n); !slices.Equal(ids(v.Left), left) || !slices.Equal(ids(v.Right), right) {
			wrong++
		}
	}
	return wrong
}
