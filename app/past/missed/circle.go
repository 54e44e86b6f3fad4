package missed

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// Circle are the nodes of which a majority can be sure that nobody has made what none of them knows, as far as one node
// can tell. It is in order, and is not changed in place.
//
// Who comes belongs to it, and who is out of sight for long enough does no more, if a majority of all is there then: it
// has taken over what he kept. Where no majority is there the circle stays as it is, until so many are back, or
// the others are lost: these may be going on, and who comes in their place knows no more than the few who were left.
type Circle []id.ID

// Meet returns the circle of now: of those who are there, the node itself among them, and of who is away, and may be back
// in a moment. Who is lost belongs to it no more in any case.
func (c Circle) Meet(there, away []id.ID, lost func(id.ID) bool) Circle {
	c = slices.DeleteFunc(slices.Clone(c), func(n id.ID) bool { return lost(n) && !slices.Contains(there, n) })
	if c.Outnumbered(there) {
		return c
	}
	next := slices.Clone(there)
	for _, n := range c {
		if slices.Contains(away, n) {
			next = append(next, n)
		}
	}
	slices.SortFunc(next, id.ID.Cmp)
	return slices.Compact(next)
}

// Missing are those who are not there.
func (c Circle) Missing(there []id.ID) (ids []id.ID) {
	for _, n := range c {
		if !slices.Contains(there, n) {
			ids = append(ids, n)
		}
	}
	return ids
}

// Outnumbered reports whether no majority is there.
func (c Circle) Outnumbered(there []id.ID) bool {
	return len(c) > 0 && 2*len(c.Missing(there)) >= len(c)
}

// Bytes is what ReadCircle reads.
func (c Circle) Bytes() (b []byte) {
	for _, n := range c {
		raw := n.Bytes()
		b = append(b, raw[:]...)
	}
	return b
}

// ReadCircle returns what Bytes wrote, with others besides.
func ReadCircle(b []byte, others ...id.ID) Circle {
	ids := slices.Clone(others)
	for ; len(b) >= 16; b = b[16:] {
		ids = append(ids, id.FromBytes(b[:16]))
	}
	slices.SortFunc(ids, id.ID.Cmp)
	return slices.Compact(ids)
}
