package storage

import (
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/id"
)

// farm is a ring of stores without messages: the geometry of the ring, the room of each
// node, and PAST's own decisions (package divert) on them. Inserts come one after another, and each
// node knows how much room its leaf set has, as it asks before it diverts.
type farm struct {
	policy divert.Policy
	copies int
	leafs  int       // of a leaf set, on both sides
	ids    []id.ID   // in order
	left   []int64   // bytes, by node
	offers []int64   // bytes, by node
	near   []int     // used again: the nodes nearest to the object
	placed []replica // used again: what the insert under way has stored
	from   []divert.Member
	whose  []int // nodes of from

	offered, used int64
}

// replica is one that was stored.
type replica struct {
	node     int
	diverted bool
}

// newFarm makes a ring of nodes with random ids that offer so much.
func newFarm(offers []int64, leafs, copies int, policy divert.Policy, rng *rand.Rand) *farm {
	f := &farm{policy: policy, copies: min(copies, len(offers)), leafs: leafs, offers: offers, left: slices.Clone(offers)}
	for _, n := range offers {
		f.ids = append(f.ids, id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()})
		f.offered += n
	}
	slices.SortFunc(f.ids, id.ID.Cmp)
	return f
}

// utilisation is the share of the room offered that is used.
func (f *farm) utilisation() float64 { return float64(f.used) / float64(f.offered) }

// nearest returns the nodes nearest to a key, until the next call.
func (f *farm) nearest(key id.ID) []int {
	f.near = nearestOf(f.ids, key, f.copies, f.near[:0])
	return f.near
}

// nearestOf appends the places of the k ids nearest to a key, which are in order.
func nearestOf(ids []id.ID, key id.ID, k int, near []int) []int {
	n := len(ids)
	right := sort.Search(n, func(i int) bool { return !ids[i].Less(key) }) % n
	left := (right - 1 + n) % n
	for len(near) < k {
		if id.Closer(key, ids[left], ids[right]) {
			near = append(near, left)
			left = (left - 1 + n) % n
		} else {
			near = append(near, right)
			right = (right + 1) % n
		}
	}
	return near
}

// around is how much room the leaf set of a place's root has, with the root.
func (f *farm) around(key id.ID) (p divert.Place) {
	root, n := f.nearest(key)[0], len(f.ids)
	half := min(f.leafs/2, (n-1)/2)
	for step := -half; step <= half; step++ {
		i := (root + step + n) % n
		p.Left += f.left[i]
		p.Offered += f.offers[i]
	}
	return p
}

// put stores one object, and tells how many of its replicas were diverted. Where one
// replica finds no place nothing is stored.
func (f *farm) put(object id.Hash, size int64) (diverted int, ok bool) {
	near := f.nearest(object.Place())
	f.placed = f.placed[:0]
	for _, a := range near {
		switch {
		case f.policy.Takes(size, f.left[a]):
			f.store(replica{node: a}, size)
		default:
			b := f.divert(a, object, size)
			if b < 0 {
				f.undo(f.placed, size)
				return 0, false
			}
			diverted++
			f.store(replica{node: b, diverted: true}, size)
		}
	}
	return diverted, true
}

func (f *farm) store(r replica, size int64) {
	f.left[r.node] -= size
	f.used += size
	f.placed = append(f.placed, r)
}

func (f *farm) undo(rs []replica, size int64) {
	for _, r := range rs {
		f.left[r.node] += size
		f.used -= size
	}
}

// divert returns the node of a's leaf set that is to keep a's replica, -1 if none is.
func (f *farm) divert(a int, object id.Hash, size int64) int {
	f.from, f.whose = f.from[:0], f.whose[:0]
	n := len(f.ids)
	half := min(f.leafs/2, n-1)
	for step := 1; step <= half; step++ {
		f.candidate((a+step)%n, object)
		f.candidate((a-step+n)%n, object)
	}
	if i := f.policy.Choose(object, size, f.from); i >= 0 {
		return f.whose[i]
	}
	return -1
}

// candidate adds a node to those that may take a replica, unless it has one or is to.
func (f *farm) candidate(b int, object id.Hash) {
	if slices.Contains(f.near, b) || slices.Contains(f.whose, b) || slices.ContainsFunc(f.placed, func(r replica) bool { return r.node == b }) {
		return
	}
	f.whose = append(f.whose, b)
	f.from = append(f.from, divert.Member{Node: f.ids[b], Left: f.left[b], Offered: f.offers[b]})
}
