// Package clean does everything that a pure room may do, so nothing may be found in it.
package clean

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"time"

	"fixture.test/house/id"
	"other.test/lib/known"
)

// Peer is a peer.
type Peer struct {
	ID   id.ID
	Seen time.Time
	Addr netip.Addr
}

// Table is a table of peers.
type Table struct {
	peers map[id.ID]*Peer
	byRow map[int]map[id.ID]Peer
	out   []id.ID
}

// Names of the fields' own.
const (
	A = iota
	B // B has a comment of its own
)

// Roll draws from a seeded source.
func Roll(seed uint64) int { return rand.New(rand.NewPCG(seed, 1)).IntN(6) + known.Two }

// Sum hashes.
func Sum(b []byte) [32]byte { return sha256.Sum256(b) }

func (p *Peer) stale(now time.Time) bool {
	age := now.Sub(p.Seen)
	return age > time.Minute
}

// Expire only deletes.
func (t *Table) Expire(now time.Time) {
	for k, p := range t.peers {
		if p.stale(now) {
			delete(t.peers, k)
		}
	}
}

func (t *Table) known(x id.ID) bool {
	return slices.ContainsFunc(t.out, func(k id.ID) bool { return k == x })
}

// Forget only deletes, and asks a method that asks a slice.
func (t *Table) Forget() {
	for k, p := range t.peers {
		if t.known(k) || slices.IndexFunc(t.out, func(x id.ID) bool { return x.Less(p.ID) }) > 0 {
			continue
		}
		delete(t.peers, k)
	}
}

// Keys collects and sorts.
func (t *Table) Keys() []id.ID {
	keys := make([]id.ID, 0, len(t.peers))
	for k := range t.peers {
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	return keys
}

// All collects from a map of maps and sorts.
func (t *Table) All(now time.Time) []Peer {
	var out []Peer
	for _, row := range t.byRow {
		for _, p := range row {
			if now.Before(p.Seen) {
				continue
			}
			out = append(out, p)
		}
	}
	for _, p := range t.peers {
		out = append(out, *p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Fill collects into a field and sorts it with a function of its own.
func (t *Table) Fill() {
	for k := range t.peers {
		t.out = append(t.out, k)
	}
	sortIDs(t.out)
}

func sortIDs(ids []id.ID) { slices.SortFunc(ids, func(a, b id.ID) int { return cmp.Compare(a, b) }) }

// Count counts, and takes the oldest.
func (t *Table) Count(now time.Time) (n int, oldest id.ID) {
	for k, p := range t.peers {
		if age := now.Sub(p.Seen); age > 0 {
			n++
		}
		oldest = max(oldest, k)
	}
	return n, oldest
}

// Any leaves with one constant answer.
func (t *Table) Any(want id.ID) bool {
	for k := range t.peers {
		if want.Less(k) {
			return true
		}
	}
	return false
}

// Copy fills another map under the same key.
func (t *Table) Copy() map[id.ID]Peer {
	out := map[id.ID]Peer{}
	for k, p := range t.peers {
		out[k] = *p
	}
	return out
}

// Sorted sorts at once.
func Sorted[M ~map[K]V, K cmp.Ordered, V any](m M) []K {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_ = k
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Compare(a, b) })
}

// Loop is where tasks run.
type Loop interface {
	Work(f func() any, done func(any))
}

// Work writes in Work only what is declared there, and on the loop what it likes.
func Work(l Loop, list []int) (sum int) {
	l.Work(func() any {
		sum, own := 0, list
		for _, x := range own {
			sum += x
		}
		return sum
	}, func(v any) { sum = v.(int) })
	return sum
}
