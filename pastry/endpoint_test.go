package pastry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// tinyRings are 8-bit rings; the leaf set of 4 holds all, some or few of the others.
var tinyRings = [][]uint8{
	{0x10},
	{0x10, 0x90}, // opposite points
	{0x10, 0x11, 0xf0},
	{0x10, 0x30, 0x50, 0x70},
	{0x10, 0x30, 0x50, 0x70, 0x90},
	{0x05, 0x10, 0x11, 0x12, 0x30, 0x77, 0x80, 0xfe},
	{0x03, 0x13, 0x22, 0x34, 0x45, 0x56, 0x60, 0x78, 0x88, 0x99, 0xa1, 0xbb, 0xc0, 0xd0, 0xe7, 0xff},
}

func eachTinyRing(t *testing.T, f func(t *testing.T, w *world)) {
	for _, ids := range tinyRings {
		t.Run(fmt.Sprintf("%d nodes", len(ids)), func(t *testing.T) {
			w := grow(t, len(ids), tiny(coded(uint64(len(ids))), ids...))
			f(t, w)
			w.problems()
		})
	}
}

// nearest returns the ids of all nodes by their distance from a key.
func (w *world) nearest(key id.ID) (out []id.ID) {
	for _, n := range w.sorted(key) {
		out = append(out, w.Sim.Handle(n).ID)
	}
	return out
}

// inside runs f for each node, on its loop.
func (w *world) inside(f func(n sim.NodeRef, ep kbr.Endpoint)) {
	for _, n := range w.Live() {
		w.Sim.Call(n, func() { f(n, w.apps[n].ep) })
	}
	w.Sim.RunFor(0)
}

// tinyKeys are the points of the 8-bit ring and what lies around their middles.
func tinyKeys() (keys []id.ID) {
	for x := range 256 {
		k := id.Tiny(uint8(x))
		keys = append(keys, k, k.Add(id.ID{Lo: 1}), k.Add(id.ID{Hi: 1 << 55}), k.Add(id.ID{Hi: 1<<55 - 1, Lo: 1<<64 - 1}))
	}
	return keys
}

// Every key is claimed by the nearest node, and by nobody else (O1, O2).
func TestClaims(t *testing.T) {
	eachTinyRing(t, func(t *testing.T, w *world) {
		for _, key := range tinyKeys() {
			for i, n := range w.sorted(key) {
				if got := w.Node(n).Claims(w.Sim.Clocks(n), key); got != (i == 0) {
					t.Fatalf("node %s claims %s: %v", w.Sim.Handle(n).ID.Short(), key.Short(), got)
				}
			}
		}
	})
}

// Common API (IPTPS 2003), replicaSet: ordered, the i-th becomes root if those
// before it fail; nothing rather than a wrong answer.
func TestReplicaSet(t *testing.T) {
	t.Parallel()
	eachTinyRing(t, func(t *testing.T, w *world) {
		w.inside(func(n sim.NodeRef, ep kbr.Endpoint) {
			for _, key := range tinyKeys() {
				all := w.nearest(key)
				for k := range 7 {
					got := ids(ep.ReplicaSet(key, k))
					if got == nil {
						if k > 0 && k <= 2 && all[0] == ep.Self().ID {
							t.Fatalf("the root %s does not know the %d nearest to %s", ep.Self().ID.Short(), k, key.Short())
						}
						continue
					}
					if !slices.Equal(got, all[:min(k, len(all))]) {
						t.Fatalf("at %s: the %d nearest to %s are %v, want %v", ep.Self().ID.Short(), k, key.Short(), got, all)
					}
				}
			}
		})
	})
}

// Common API, range: the keys for which a node is among the rank+1 nearest.
func TestRange(t *testing.T) {
	eachTinyRing(t, func(t *testing.T, w *world) {
		keys := tinyKeys()
		near := make([][]id.ID, len(keys))
		for i, key := range keys {
			near[i] = w.nearest(key)
		}
		w.inside(func(n sim.NodeRef, ep kbr.Endpoint) {
			for _, other := range w.Live() {
				h := w.Sim.Handle(other)
				for rank := range 4 {
					r, known := ep.Range(h, rank)
					if !known {
						if h == ep.Self() && rank <= 1 {
							t.Fatalf("%s does not know its own range of rank %d", h.ID.Short(), rank)
						}
						continue
					}
					for i, key := range keys {
						if want := slices.Contains(near[i][:min(rank+1, len(near[i]))], h.ID); r.Contains(key) != want {
							t.Fatalf("at %s: range %v of %s, rank %d: %s in it %v", ep.Self().ID.Short(), r, h.ID.Short(), rank, key.Short(), !want)
						}
					}
				}
			}
			if _, known := ep.Range(&peer.Handle{ID: id.ID{Lo: 77}}, 0); known {
				t.Error("a stranger has a range")
			}
		})
	})
}

// Common API, local_lookup: next hops towards a key, each nearer than this node, and sharing
// no fewer digits unless the leaf set covers the key: then the root comes first.
// Safe ones come from the leaf set, which no proximity chose.
func TestLocalLookup(t *testing.T) {
	t.Parallel()
	eachTinyRing(t, func(t *testing.T, w *world) {
		w.inside(func(n sim.NodeRef, ep kbr.Endpoint) {
			self := ep.Self().ID
			v := w.View(n)
			leaf := ids(v.Leaf)
			arc := id.Range{Full: true}
			if len(leaf)+1 < len(w.Live()) {
				arc = id.Range{From: v.Left[len(v.Left)-1].ID, To: v.Right[len(v.Right)-1].ID}
			}
			for _, key := range tinyKeys() {
				shared := id.Base(4).SharedPrefix(self, key)
				if root := w.nearest(key)[0]; arc.Contains(key) {
					shared = 0
					if got := ids(ep.LocalLookup(key, 1, false)); root != self && !slices.Equal(got, []id.ID{root}) {
						t.Fatalf("at %s the root %s of %s comes not first: %v", self.Short(), root.Short(), key.Short(), got)
					}
				}
				for _, safe := range []bool{false, true} {
					got := ids(ep.LocalLookup(key, 99, safe))
					for i, x := range got {
						if !id.Closer(key, x, self) || id.Base(4).SharedPrefix(x, key) < shared || slices.Contains(got[:i], x) {
							t.Fatalf("at %s for %s: %s is no next hop", self.Short(), key.Short(), x.Short())
						}
						if safe && !slices.Contains(leaf, x) {
							t.Fatalf("at %s for %s: %s is no safe hop", self.Short(), key.Short(), x.Short())
						}
					}
					for _, x := range leaf {
						if id.Closer(key, x, self) && id.Base(4).SharedPrefix(x, key) >= shared && !slices.Contains(got, x) {
							t.Fatalf("at %s for %s: %s is left out", self.Short(), key.Short(), x.Short())
						}
					}
					if few := ids(ep.LocalLookup(key, 1, safe)); len(few) != min(1, len(got)) || len(few) == 1 && few[0] != got[0] {
						t.Fatalf("at %s for %s: the best of %v is %v", self.Short(), key.Short(), got, few)
					}
				}
			}
		})
	})
}

// Common API, neighborSet: all of the leaf set, nearest first, without this node.
func TestNeighborSet(t *testing.T) {
	eachTinyRing(t, func(t *testing.T, w *world) {
		w.inside(func(n sim.NodeRef, ep kbr.Endpoint) {
			want, self := ids(w.View(n).Leaf), ep.Self().ID
			slices.SortFunc(want, func(a, b id.ID) int {
				if id.Closer(self, a, b) {
					return -1
				}
				return 1
			})
			for k := range 6 {
				if got := ids(ep.NeighborSet(k)); !slices.Equal(got, want[:min(k, len(want))]) {
					t.Fatalf("%d neighbours of %s: %v, want %v", k, self.Short(), got, want)
				}
			}
		})
	})
}

func ids(hs []*peer.Handle) (out []id.ID) {
	for _, h := range hs {
		out = append(out, h.ID)
	}
	return out
}

// Distances within a leaf set are not all measured as it forms; one that is asked for is
// known a moment later.
func TestProximityIsMeasured(t *testing.T) {
	t.Parallel()
	w := grow(t, 100, lab.Config{Seed: 31})
	unknown := func() (k int) {
		for _, n := range w.Live() {
			w.Sim.Call(n, func() {
				for _, h := range w.apps[n].ep.NeighborSet(32) {
					if _, ok := w.apps[n].ep.Proximity(h); !ok {
						k++
					}
				}
			})
		}
		w.Sim.RunFor(time.Microsecond)
		return k
	}
	if unknown() == 0 {
		t.Fatal("all are measured: this ring shows nothing")
	}
	w.Sim.RunFor(time.Second)
	if k := unknown(); k > 0 {
		t.Errorf("%d members of leaf sets are not measured though their distance was asked for", k)
	}
}
