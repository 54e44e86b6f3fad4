package pastry

import (
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
	// version changes with every change; list is the snapshot of active members
	// that messages share, nil when it must be made anew.
	version uint64
	list    []*peer.Handle
}

// away is how far x lies from self, going to side s.
func (l *leafSet) away(s side, x id.ID) id.ID {
	if s == rightSide {
		return x.Sub(l.self)
	}
	return l.self.Sub(x)
}

func (l *leafSet) find(s side, x id.ID) (int, bool) {
	d := l.away(s, x)
	return slices.BinarySearchFunc(l.sides[s], d, func(c *contact, d id.ID) int {
		return l.away(s, c.h.ID).Cmp(d)
	})
}

// wants reports whether a node with this id would be a member.
func (l *leafSet) wants(x id.ID) bool {
	if x == l.self {
		return false
	}
	for s := range l.sides {
		if i, have := l.find(side(s), x); !have && i < l.half {
			return true
		}
	}
	return false
}

// insert adds c and returns the members that it pushed out of the set.
func (l *leafSet) insert(c *contact) (out []*contact) {
	for s := range l.sides {
		i, have := l.find(side(s), c.h.ID)
		if have || i >= l.half {
			continue
		}
		l.sides[s] = slices.Insert(l.sides[s], i, c)
		c.leaf = true
		if len(l.sides[s]) > l.half {
			last := l.sides[s][l.half]
			l.sides[s] = l.sides[s][:l.half]
			if _, still := l.find(side(s).other(), last.h.ID); !still {
				last.leaf = false
				out = append(out, last)
			}
		}
	}
	l.changed()
	return out
}

func (l *leafSet) remove(c *contact) {
	for s := range l.sides {
		if i, have := l.find(side(s), c.h.ID); have {
			l.sides[s] = slices.Delete(l.sides[s], i, i+1)
		}
	}
	c.leaf = false
	l.changed()
}

func (l *leafSet) changed() {
	l.version++
	l.list = nil
}

// whole reports whether the set holds every node of the ring: its sides meet, or
// there is nobody else.
func (l *leafSet) whole() bool {
	a, b := l.sides[leftSide], l.sides[rightSide]
	if len(a) == 0 || len(b) == 0 {
		return len(a)+len(b) == 0
	}
	_, meet := l.find(rightSide, a[len(a)-1].h.ID)
	if !meet {
		_, meet = l.find(leftSide, b[len(b)-1].h.ID)
	}
	return meet
}

// end is the farthest member on a side; the node itself if there is none.
func (l *leafSet) end(s side) id.ID {
	if k := len(l.sides[s]); k > 0 {
		return l.sides[s][k-1].h.ID
	}
	return l.self
}

// covers reports whether key lies within the set, so that its nearest node is
// known here.
func (l *leafSet) covers(key id.ID) bool {
	if l.whole() {
		return true
	}
	return id.Range{From: l.end(leftSide), To: l.end(rightSide)}.Contains(key)
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
		if len(a) > 0 {
			if _, twice := l.find(leftSide, c.h.ID); twice {
				continue
			}
		}
		if !f(c) {
			return
		}
	}
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
