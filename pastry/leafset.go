package pastry

import (
	"math/bits"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// side of the ring as seen from a node.
type side int

const (
	leftSide  side = 0 // smaller ids, counter-clockwise
	rightSide side = 1 // larger ids, clockwise
)

func (s side) other() side { return 1 - s }

// leafSet holds the nodes nearest on the ring, half of them on either side
// (Pastry 2001, section 2.1). In a ring of few nodes one node stands on both
// sides; then the set covers the whole ring.
type leafSet struct {
	self  id.ID
	half  int
	sides [2][]*contact // nearest first
	// aways holds each member's distance, which tells its id, too: to search, compare and
	// sum up members touches none of their handles.
	aways [2][]id.ID
	// What every message asks, kept up to date: whether some node of the ring may be no
	// member, and the arc from end to end.
	partial bool
	arc     id.Range
	// version changes with every change; list is the snapshot of active members
	// that messages share, nil when it must be made anew.
	version uint64
	list    []*peer.Handle
	// digests are those of common, by side, if digested is set.
	digests  [2]uint64
	digested bool
}

// away is how far x lies from self, going to side s.
func (l *leafSet) away(s side, x id.ID) id.ID {
	if s == rightSide {
		return x.Sub(l.self)
	}
	return l.self.Sub(x)
}

// at is the id of member i on side s.
func (l *leafSet) at(s side, i int) id.ID {
	if s == rightSide {
		return l.self.Add(l.aways[s][i])
	}
	return l.self.Sub(l.aways[s][i])
}

// find returns the place of x on a side, and whether it is there. It halves what is left
// without a branch, as no processor guesses which half it is.
func (l *leafSet) find(s side, x id.ID) (int, bool) {
	d, all := l.away(s, x), l.aways[s]
	i, left := 0, len(all)
	for left > 0 {
		half := (left + 1) / 2
		i += half & -less(all[i+half-1], d)
		left -= half
	}
	return i, i < len(all) && all[i] == d
}

// less is 1 if a < b, else 0.
func less(a, b id.ID) int {
	_, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	_, borrow = bits.Sub64(a.Hi, b.Hi, borrow)
	return int(borrow)
}

// wants reports whether a node with this id would be a member.
func (l *leafSet) wants(x id.ID) bool {
	if x == l.self {
		return false
	}
	for s := range l.sides {
		if k := len(l.aways[s]); k == l.half && l.aways[s][k-1].Less(l.away(side(s), x)) {
			continue // beyond its end
		}
		if i, have := l.find(side(s), x); !have && i < l.half {
			return true
		}
	}
	return false
}

// survey asks wants of many in the order of the ring, as leaf sets list their members: where
// this one's next member is the one that is asked for, it searches none.
type survey struct {
	of   *leafSet
	next [2]int // the place by side where the next one is likely to stand
}

// wants is leafSet.wants.
func (v *survey) wants(x id.ID) bool {
	l := v.of
	if x == l.self {
		return false
	}
	for s := range l.sides {
		d, all := l.away(side(s), x), l.aways[s]
		if k := len(all); k == l.half && all[k-1].Less(d) {
			continue // beyond its end
		}
		i, have := v.next[s], true
		if uint(i) >= uint(len(all)) || all[i] != d {
			i, have = l.find(side(s), x)
		}
		switch v.next[s] = i; {
		case !have && i < l.half:
			return true
		case side(s) == leftSide:
			v.next[s]--
		default:
			v.next[s]++
		}
	}
	return false
}

// lacks reports whether c, who may be a member, would stand on a side where it does not.
func (l *leafSet) lacks(c *contact) bool {
	if c.leaf() && len(l.sides[leftSide]) == l.half && len(l.sides[rightSide]) == l.half {
		return false
	}
	return l.wants(c.h.ID)
}

// insert adds c and returns the members that it pushed out of the set. Where the set
// holds the whole ring now, every member stands on both sides.
func (l *leafSet) insert(c *contact) (out []*contact) {
	partial := l.partial
	out = l.place(c)
	if l.changed(); partial && !l.partial {
		out = append(out, l.fill()...)
	}
	return out
}

// fill offers both sides every member.
func (l *leafSet) fill() (out []*contact) {
	var all []*contact
	l.each(func(o *contact) bool { all = append(all, o); return true })
	for _, o := range all {
		out = append(out, l.place(o)...)
	}
	l.changed()
	return out
}

// place puts c where it belongs.
func (l *leafSet) place(c *contact) (out []*contact) {
	for s := range l.sides {
		i, have := l.find(side(s), c.h.ID)
		if have || i >= l.half {
			continue
		}
		if l.sides[s] == nil {
			l.sides[s], l.aways[s] = make([]*contact, 0, l.half), make([]id.ID, 0, l.half)
		}
		if k := len(l.sides[s]); k == l.half {
			last := l.sides[s][k-1]
			l.sides[s], l.aways[s] = l.sides[s][:k-1], l.aways[s][:k-1]
			if _, still := l.find(side(s).other(), last.h.ID); !still {
				last.is &^= inLeaf
				out = append(out, last)
			}
		}
		l.sides[s] = slices.Insert(l.sides[s], i, c)
		l.aways[s] = slices.Insert(l.aways[s], i, l.away(side(s), c.h.ID))
		c.is |= inLeaf
	}
	return out
}

// remove takes c out. In a ring that the set holds wholly, a member of one side takes
// the place that fell free on the other.
func (l *leafSet) remove(c *contact) {
	whole := l.whole()
	for s := range l.sides {
		if i, have := l.find(side(s), c.h.ID); have {
			l.sides[s] = slices.Delete(l.sides[s], i, i+1)
			l.aways[s] = slices.Delete(l.aways[s], i, i+1)
		}
	}
	c.is &^= inLeaf
	if l.changed(); whole {
		l.fill()
	}
}

func (l *leafSet) changed() {
	l.version++
	l.stale()
	l.partial = !l.meets()
	l.arc = id.Range{From: l.end(leftSide), To: l.end(rightSide)}
}

// whole reports whether the set holds every node of the ring.
func (l *leafSet) whole() bool { return !l.partial }

// meets reports whether the set's sides meet, or there is nobody else.
func (l *leafSet) meets() bool {
	a, b := l.sides[leftSide], l.sides[rightSide]
	if len(a) == 0 || len(b) == 0 {
		return len(a)+len(b) == 0
	}
	_, meet := l.find(rightSide, l.end(leftSide))
	if !meet {
		_, meet = l.find(leftSide, l.end(rightSide))
	}
	return meet
}

// end is the farthest member on a side; the node itself if there is none.
func (l *leafSet) end(s side) id.ID {
	if k := len(l.aways[s]); k > 0 {
		return l.at(s, k-1)
	}
	return l.self
}

// covers reports whether key lies within the set, so that its nearest node is
// known here.
func (l *leafSet) covers(key id.ID) bool { return !l.partial || l.arc.Contains(key) }

// closest returns the member nearest to key among those that fit, nil if self is
// nearer.
func (l *leafSet) closest(key id.ID, fit func(*contact) bool) *contact {
	if !l.partial || !l.arc.Contains(key) {
		return l.closestOfAll(key, fit)
	}
	s := rightSide
	if l.away(s, l.arc.To).Less(l.away(s, key)) {
		s = leftSide
	}
	beyond, _ := l.find(s, key)
	within := beyond - 1
	for beyond < len(l.sides[s]) && !fit(l.sides[s][beyond]) {
		beyond++
	}
	for within >= 0 && !fit(l.sides[s][within]) {
		within--
	}
	switch {
	case beyond == len(l.sides[s]):
		return l.closestOfAll(key, fit)
	case within < 0 && id.Closer(key, l.self, l.at(s, beyond)):
		return nil
	case within >= 0 && id.Closer(key, l.at(s, within), l.at(s, beyond)):
		return l.sides[s][within]
	}
	return l.sides[s][beyond]
}

func (l *leafSet) closestOfAll(key id.ID, fit func(*contact) bool) (best *contact) {
	nearest := l.self
	for s, members := range l.sides {
		for i, c := range members {
			if x := l.at(side(s), i); id.Closer(key, x, nearest) && fit(c) {
				best, nearest = c, x
			}
		}
	}
	return best
}

// each calls f for every member once, from the left edge over the nearest to the
// right edge, until f returns false.
func (l *leafSet) each(f func(c *contact) bool) {
	a := l.sides[leftSide]
	for i := len(a) - 1; i >= 0; i-- {
		if !f(a[i]) {
			return
		}
	}
	for _, c := range l.sides[rightSide] {
		if !l.partial && len(a) > 0 {
			if _, twice := l.find(leftSide, c.h.ID); twice {
				continue
			}
		}
		if !f(c) {
			return
		}
	}
}

// neighbours reports whether two members stand beside each other.
func (l *leafSet) neighbours(x, y id.ID) bool {
	for s := range l.sides {
		i, there := l.find(side(s), x)
		j, too := l.find(side(s), y)
		if there && too && (i-j == 1 || j-i == 1) {
			return true
		}
	}
	return false
}

// size is the number of different members.
func (l *leafSet) size() int {
	k := 0
	l.each(func(*contact) bool { k++; return true })
	return k
}

// snapshot returns the active members, for messages; the slice is shared and
// frozen.
func (l *leafSet) snapshot() []*peer.Handle {
	if l.list == nil {
		l.list = make([]*peer.Handle, 0, len(l.sides[0])+len(l.sides[1]))
		l.each(func(c *contact) bool {
			if c.active && c.there() {
				l.list = append(l.list, c.h)
			}
			return true
		})
	}
	return l.list
}

// stale: what was made of the active members must be made anew.
func (l *leafSet) stale() { l.list, l.digested = nil, false }

// common is a digest of the active nodes that this node and its neighbour on side s
// both know if their leaf sets are exact: all on that side, all but the last on the
// other, and this node. It tells two sets that differ, and is no proof against one who
// wants them to be taken for the same.
func (l *leafSet) common(s side) uint64 {
	if !l.digested {
		l.digests = [2]uint64{digest(l.self), digest(l.self)}
		for _, s := range [2]side{leftSide, rightSide} {
			for i, c := range l.sides[s] {
				if !c.active || !c.there() {
					continue
				}
				x := l.at(s, i)
				if s == rightSide && !l.partial {
					if _, twice := l.find(leftSide, x); twice {
						continue
					}
				}
				d := digest(x)
				l.digests[s] ^= d
				if i < l.half-1 || !l.partial {
					l.digests[s.other()] ^= d
				}
			}
		}
		l.digested = true
	}
	return l.digests[s]
}

// digest spreads an id over 64 bits.
func digest(x id.ID) uint64 {
	hi, lo := bits.Mul64(x.Hi^0x9e3779b97f4a7c15, x.Lo^0xbf58476d1ce4e5b9|1)
	return hi ^ lo
}

// flank returns those of the nodes that are among the k nearest to x on either side.
func flank(x id.ID, hs []*peer.Handle, k int) []*peer.Handle {
	near := make([]*peer.Handle, 0, 2*k)
	for s := range 2 {
		l := leafSet{self: x}
		sorted := slices.Clone(hs)
		slices.SortFunc(sorted, func(a, b *peer.Handle) int { return l.away(side(s), a.ID).Cmp(l.away(side(s), b.ID)) })
		for _, h := range sorted[:min(k, len(sorted))] {
			if !slices.Contains(near, h) {
				near = append(near, h)
			}
		}
	}
	return near
}

// density estimates the number of nodes in the ring from the set's spacing.
func (l *leafSet) density() float64 {
	if l.whole() {
		return float64(l.size() + 1)
	}
	arc := l.end(rightSide).Sub(l.end(leftSide))
	share := float64(arc.Hi) / (1 << 63) / 2
	if share <= 0 {
		return 1 << 40
	}
	return float64(len(l.sides[leftSide])+len(l.sides[rightSide])) / share
}

// beside reports whether x lies no farther from key than nodes do from each other
// around this one: it is key's root then, as a rule, or stands next to it.
func (l *leafSet) beside(key, x id.ID) bool { return l.within(key, x, 1) }

// sees reports whether x lies so near to key that its leaf set covers key, if nodes lie
// as close there as around this one, or half as close.
func (l *leafSet) sees(key, x id.ID) bool { return l.within(key, x, uint64(l.half/2)) }

// within reports whether there are at most so many nodes from key to x, if they lie as
// close there as around this one.
func (l *leafSet) within(key, x id.ID, nodes uint64) bool {
	members := uint64(len(l.sides[leftSide]) + len(l.sides[rightSide]))
	return members > 0 && x.Distance(key).Hi/nodes <= l.end(rightSide).Sub(l.end(leftSide)).Hi/members
}
