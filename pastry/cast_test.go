package pastry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// broadcast sends a text from a node to a scope, and fails the test unless within d
// every live node of the scope got it once, and no other.
func (w *world) broadcast(from sim.NodeRef, scope id.Range, d time.Duration) {
	w.t.Helper()
	text := fmt.Sprintf("at %v", w.Sim.Now())
	for _, n := range w.Live() {
		w.apps[n].got = nil
	}
	w.Sim.Call(from, func() { w.apps[from].ep.Broadcast(scope, []byte(text)) })
	w.Sim.RunFor(d)
	for _, n := range w.Live() {
		x, want := w.Sim.Handle(n).ID, 0
		if scope.Contains(x) {
			want = 1
		}
		got := 0
		for _, b := range w.apps[n].got {
			if !b.Broadcast || b.Direct || b.Claimed.ID != w.Sim.Handle(from).ID || b.Answer != nil || string(b.Payload) != text {
				w.t.Errorf("node %s was given %+v", x.Short(), b)
			}
			got++
		}
		if got != want {
			w.t.Errorf("%d nodes: broadcast from %s to %v: node %s got it %d times, want %d", len(w.Live()), w.Sim.Handle(from).ID.Short(), scope, x.Short(), got, want)
		}
	}
	w.problems()
}

var everywhere = id.Range{Full: true}

// A broadcast reaches each node once, itself included, in rings of any size.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 4, 20, 33, 34, 70} {
		w := grow(t, n, linked(uint64(n)))
		for range 3 {
			w.broadcast(w.pick(), everywhere, 3*time.Second)
		}
	}
}

// A broadcast to a range reaches the nodes in it, also if its sender is not one of
// them, if nobody is, or if its ends are nodes.
func TestBroadcastToRange(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 20, 80} {
		w := grow(t, n, linked(uint64(n)+50))
		for range 12 {
			a, b := w.key(), w.key()
			switch w.Rand().IntN(4) {
			case 0:
				a = w.Sim.Handle(w.pick()).ID
			case 1:
				b = w.Sim.Handle(w.pick()).ID
			case 2:
				b = a.Add(id.ID{Hi: 1 << 50})
			}
			w.broadcast(w.pick(), id.Range{From: a, To: b}, 3*time.Second)
		}
		one := w.Sim.Handle(w.pick()).ID
		w.broadcast(w.pick(), id.Range{From: one, To: one}, 3*time.Second)
		w.broadcast(w.pick(), id.Range{From: one.Add(id.ID{Lo: 1}), To: one}, 3*time.Second) // all, written as an arc
	}
}

// A broadcast through a network that loses, delays and doubles messages still
// reaches each node once.
func TestBroadcastOverBadLinks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w := grow(t, 30, linked(seed+7))
		w.Sim.Inject(sim.Faults{Drop: 0.1, Duplicate: 0.3, Late: 0.1, LateBy: 20 * time.Second, Reorder: 0.1, Delay: 30 * time.Millisecond})
		w.broadcast(w.pick(), everywhere, 60*time.Second)
	}
}

// A broadcast goes around a node that died without a word, as soon as a hop to it is
// not acknowledged.
func TestBroadcastPastTheDead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		for _, n := range []int{2, 3, 20, 40} {
			w := grow(t, n, linked(100*seed+uint64(n)))
			dead := w.pick()
			w.Sim.Die(dead)
			w.Sim.RunFor(time.Duration(w.Rand().IntN(2000)) * time.Millisecond)
			w.broadcast(w.pick(), everywhere, 30*time.Second)
		}
	}
}

// The deeper a broadcast's tree, the later it arrives: its depth stays near that of
// a route.
func TestBroadcastIsShallow(t *testing.T) {
	t.Parallel()
	w := grow(t, 120, lab.Config{Seed: 5, Sim: sim.Config{Topology: topo.NewUniform(1000, 20*time.Millisecond)}})
	copies := func() uint64 { return w.Sim.Counts().ByKind[(*msg.Hop)(nil).Kind()] }
	deepest, before := 0, copies()
	w.Sim.Call(0, func() { w.apps[0].ep.Broadcast(everywhere, []byte("x")) })
	w.Sim.RunFor(time.Second)
	for _, n := range w.Live() {
		for _, b := range w.apps[n].got {
			deepest = max(deepest, b.Hops)
		}
	}
	if deepest > 6 {
		t.Errorf("the last of 120 nodes got the broadcast after %d hops", deepest)
	}
	if sent := copies() - before; sent != 119 {
		t.Errorf("%d copies were sent to 119 other nodes", sent)
	}
}

// A broadcast that is too large is not begun.
func TestBroadcastTooLarge(t *testing.T) {
	w := grow(t, 2, linked(1))
	w.Sim.Call(0, func() { w.apps[0].ep.Broadcast(everywhere, make([]byte, 48<<10+1)) })
	w.Sim.RunFor(5 * time.Second)
	for _, n := range w.Live() {
		if len(w.apps[n].got) != 0 {
			t.Errorf("node %d was given %d bytes", n, len(w.apps[n].got[0].Payload))
		}
	}
}

var _ kbr.Forwarder = (*app)(nil)
