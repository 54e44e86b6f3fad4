package dag

import (
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Bits is a set of small numbers.
type Bits []uint64

// Has reports whether a number is in the set.
func (b Bits) Has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 != 0 }

func (b Bits) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b Bits) none() bool { return !slices.ContainsFunc(b, func(w uint64) bool { return w != 0 }) }

func (b Bits) join(o Bits) {
	for i := range o {
		b[i] |= o[i]
	}
}

// Reach calls f for all entries, the latest first, until f returns false, with the numbers of
// those lists of hashes that name the entry or one that comes after it: who has the entries
// of a list has all of these. Hashes that are not here are passed over. by is f's only until
// f returns.
func (l *Log) Reach(lists [][]id.Hash, f func(h id.Hash, by Bits) bool) {
	words := (len(lists) + 63) / 64
	reached := map[*node]Bits{}
	at := func(n *node) Bits {
		b := reached[n]
		if b == nil {
			b = make(Bits, words)
			reached[n] = b
		}
		return b
	}
	for i, list := range lists {
		for _, h := range list {
			if n := l.nodes[h]; n != nil {
				at(n).add(i)
			}
		}
	}
	none := make(Bits, words)
	// An entry stands after all that it names.
	for _, n := range slices.Backward(l.order) {
		by := reached[n]
		if by == nil {
			by = none
		}
		if !f(n.hash, by) {
			return
		}
		if reached[n] == nil {
			continue
		}
		for _, before := range n.before {
			at(before).join(by)
		}
		delete(reached, n)
	}
}

// Among returns an entry that is here after all that come before it, in order: the founding is the first.
func (l *Log) Among(x id.Hash) []id.Hash {
	var list []id.Hash
	l.Reach([][]id.Hash{{x}}, func(h id.Hash, by Bits) bool {
		if by.Has(0) {
			list = append(list, h)
		}
		return true
	})
	slices.Reverse(list)
	return list
}

// Beside returns the entries that neither are among these nor come before one of them, in order:
// what somebody lacks who has these and all before them. Hashes that are not here are passed over.
func (l *Log) Beside(ends []id.Hash) []id.Hash {
	var list []id.Hash
	l.Reach([][]id.Hash{ends}, func(h id.Hash, by Bits) bool {
		if !by.Has(0) {
			list = append(list, h)
		}
		return true
	})
	slices.Reverse(list)
	return list
}

// Extend returns the last entries of what somebody has who had these as the last, and is given
// more, each after all that it names.
func (l *Log) Extend(ends, more []id.Hash) []id.Hash {
	last := make(map[id.Hash]bool, len(ends)+len(more))
	for _, h := range ends {
		last[h] = true
	}
	for _, h := range more {
		for _, before := range l.nodes[h].before {
			delete(last, before.hash)
		}
		last[h] = true
	}
	return slices.SortedFunc(maps.Keys(last), hashes)
}

// Latest returns those of the hashes that no other of them comes after, the deepest first and
// last those that are not here; most at most.
func (l *Log) Latest(list []id.Hash, most int) []id.Hash {
	var here, strange, latest []id.Hash
	for _, h := range list {
		switch {
		case slices.Contains(here, h) || slices.Contains(strange, h):
		case l.Has(h):
			here = append(here, h)
		default:
			strange = append(strange, h)
		}
	}
	left := len(here)
	covered := make([][]id.Hash, len(here))
	for i, h := range here {
		for _, before := range l.nodes[h].before {
			covered[i] = append(covered[i], before.hash)
		}
	}
	if left > 0 {
		l.Reach(covered, func(h id.Hash, by Bits) bool {
			if slices.Contains(here, h) {
				left--
				if by.none() {
					latest = append(latest, h)
				}
			}
			return left > 0
		})
	}
	latest = append(latest, strange...)
	return latest[:min(len(latest), most)]
}

// Newcomers are those who came to the room when an entry was there: each change that ever was to make one of them a member,
// whether it counts or not, comes after it. So the founder is none. It is one walk from the entry to the last ruling, for all of them.
func (l *Log) Newcomers(x id.Hash) map[peer.Key]bool {
	at := l.nodes[x]
	if at == nil || len(l.rulings) == 0 {
		return nil
	}
	after := map[*node]bool{at: true}
	from, _ := slices.BinarySearchFunc(l.order, at, compare)
	last := l.rulings[len(l.rulings)-1]
	for _, n := range l.order[from:] {
		if slices.ContainsFunc(n.before, func(b *node) bool { return after[b] }) {
			after[n] = true
		}
		if n == last {
			break
		}
	}
	delete(after, at)
	came := map[peer.Key]bool{}
	for _, n := range l.rulings {
		if c, ok := n.body.(*entry.Change); ok && c.Role > entry.Out && c.Who != l.founder {
			before, known := came[c.Who]
			came[c.Who] = after[n] && (before || !known)
		}
	}
	return came
}

// Wrote are the last entries of somebody's streams: he has all that comes before them.
func (l *Log) Wrote(who peer.Key) []id.Hash {
	var list []id.Hash
	for _, name := range l.names {
		if s := l.streams[name]; s.author == who {
			list = append(list, s.last().hash)
		}
	}
	return list
}
