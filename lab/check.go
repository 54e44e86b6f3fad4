package lab

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// The invariants O1 to O14 of the overlay, as far as a look at the whole
// simulation can tell. Each checker records what it finds wrong in the Truth.

// sorted returns the live nodes in the order of their ids.
func (t *Truth) sorted() []sim.NodeRef {
	live := t.r.Live()
	slices.SortFunc(live, func(a, b sim.NodeRef) int { return t.r.Sim.Handle(a).ID.Cmp(t.r.Sim.Handle(b).ID) })
	return live
}

// keys returns keys at which claims meet: ids, both sides of every middle, and some
// drawn ones.
func (t *Truth) keys(ring []sim.NodeRef, more int) []id.ID {
	one := id.ID{Lo: 1}
	var keys []id.ID
	for i, n := range ring {
		a, b := t.r.Sim.Handle(n).ID, t.r.Sim.Handle(ring[(i+1)%len(ring)]).ID
		m := id.Middle(a, b)
		keys = append(keys, a, m, m.Add(one))
	}
	for range more {
		keys = append(keys, id.ID{Hi: t.r.rng.Uint64(), Lo: t.r.rng.Uint64()})
	}
	if len(keys) > maxKeys { // all nodes are asked for each of them
		t.r.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		keys = keys[:maxKeys]
	}
	return keys
}

// maxKeys bounds the keys of one look at a large ring; which they are is drawn.
const maxKeys = 3000

// Claims checks O1 at this moment: no key has two claimants. With calm it also
// checks O2: every key has one, and it is the nearest live node. It must be asked
// only while the network is whole.
func (t *Truth) Claims(calm bool) {
	ring := t.sorted()
	if len(ring) == 0 {
		return
	}
	for _, key := range t.keys(ring, 20) {
		var who []sim.NodeRef
		nearest := ring[0]
		for _, n := range ring {
			if id.Closer(key, t.r.Sim.Handle(n).ID, t.r.Sim.Handle(nearest).ID) {
				nearest = n
			}
			if t.claims(n, key) {
				who = append(who, n)
			}
		}
		switch {
		case len(who) > 1:
			t.fail("O1: key %s is claimed by nodes %v", key.Short(), who)
		case calm && len(who) == 0:
			t.fail("O2: key %s is claimed by nobody, node %d should", key.Short(), nearest)
		case calm && who[0] != nearest:
			t.fail("O1: key %s is claimed by node %d, but %d is nearer", key.Short(), who[0], nearest)
		}
	}
}

// claims reports whether a node serves key, or would if it went on now. A process that
// is stopped gains nothing by its clock: what it waited for, as when it had lost sight of
// all others, it waits for anew, as it finds first that it was stopped.
func (t *Truth) claims(n sim.NodeRef, key id.ID) bool {
	p := t.r.Node(n)
	return p.Claims(t.r.Sim.Clocks(n), key) && (!t.r.Sim.Paused(n) || p.Claims(t.paused[n], key))
}

// LeafSets checks O3: every leaf set is that of the true ring.
func (t *Truth) LeafSets(size int) { t.inexact(size, t.fail) }

// Exact reports whether every leaf set is that of the true ring now (O3).
func (t *Truth) Exact(size int) bool {
	exact := true
	t.inexact(size, func(string, ...any) { exact = false })
	return exact
}

// inexact tells where leaf sets are not those of the true ring.
func (t *Truth) inexact(size int, tell func(format string, args ...any)) {
	ring := t.sorted()
	half := min(size/2, len(ring)-1)
	for i, n := range ring {
		v := t.r.View(n)
		for side, have := range [2][]*peer.Handle{v.Left, v.Right} {
			for k := range half {
				j := (i + k + 1) % len(ring)
				if side == 0 {
					j = (i - k - 1 + 2*len(ring)) % len(ring)
				}
				if k >= len(have) || have[k].ID != t.r.Sim.Handle(ring[j]).ID {
					tell("O3: node %d lacks node %d as number %d on side %d of its leaf set", n, ring[j], k+1, side)
					break
				}
			}
			if len(have) > half {
				tell("O3: node %d has %d leaf-set members on side %d, should have %d", n, len(have), side, half)
			}
		}
	}
}

// Tables checks O5: an entry stands in the row and column that its digits say.
func (t *Truth) Tables(b id.Base) {
	for _, n := range t.r.Live() {
		self := t.r.Sim.Handle(n).ID
		for _, e := range t.r.View(n).Table {
			if b.SharedPrefix(self, e.Node.ID) != e.Row || b.Digit(e.Node.ID, e.Row) != e.Col {
				t.fail("O5: node %d has %s in row %d, column %d", n, e.Node.ID.Short(), e.Row, e.Col)
			}
		}
	}
}

// Dead checks O4: no leaf set of a node that runs holds one that has been dead for
// longer than after.
func (t *Truth) Dead(after time.Duration) {
	for _, n := range t.r.Live() {
		if t.r.Sim.Paused(n) {
			continue // it can do nothing about it
		}
		for _, h := range t.r.View(n).Leaf {
			ref, ok := t.r.Sim.Find(h.ID)
			if !ok || t.r.Sim.Alive(ref) {
				continue
			}
			if at, dead := t.died[ref]; dead && t.now()-at > after {
				t.fail("O4: node %d has node %d in its leaf set, %v after its death", n, ref, t.now()-at)
			}
		}
	}
}

// HopLimit is the number of hops that a route may take in a calm ring of n nodes
// (O8).
func HopLimit(n int) int { return int(math.Ceil(math.Log(float64(n))/math.Log(16))) + 4 }
