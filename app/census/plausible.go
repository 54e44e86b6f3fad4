package census

import (
	"bytes"
	"math"

	"github.com/phyllo-net/phyllo/id"
)

// share is the part of the ring that a range is, 0 to 1.
func share(r id.Range) float64 {
	if r.Full {
		return 1
	}
	d := r.To.Sub(r.From)
	return (float64(d.Hi)*(1<<32)*(1<<32) + float64(d.Lo) + 1) / (1 << 64) / (1 << 64)
}

// size estimates the number of nodes in the ring from how close they lie around this one.
func (c *Census) size() float64 {
	near := c.ep.NeighborSet(math.MaxInt)
	if len(near) == 0 {
		return 1
	}
	self := c.ep.Self().ID
	far := share(id.Range{To: near[len(near)-1].ID.Distance(self)})
	return max(float64(len(near)+1), float64(len(near))/(2*far))
}

// plausible reports whether an answer is one that a range can give: whether it counts as
// many nodes as can lie there, whether what it leaves lies within the range, and whether its
// records belong there, or just beside.
func (g *gather) plausible(a *awaited, t *told) bool {
	n := g.c.size()
	if !g.countable(a, t, n) {
		return false
	}
	if g.ask.Users == nil && (len(t.Records) > 0 || len(t.Rest) > 0 && t.Rest[0].More) {
		return false
	}
	for _, r := range t.Rest {
		if !within(r.Scope, a.Scope) || g.ask.Users == nil && r.More {
			return false
		}
		if r.After != nil && a.after != nil && bytes.Compare(r.After[:], a.after[:]) <= 0 {
			return false // it would go round for ever
		}
	}
	beside := place(16 / n)
	wide := id.Range{From: a.Scope.From.Sub(beside), To: a.Scope.To.Add(beside), Full: share(a.Scope)+32/n >= 1}
	for _, r := range t.Records {
		if !wide.Contains(r.Name.Key()) || !g.ask.Users.Pattern.Match(r.Name) || r.Profile.Unlisted {
			return false
		}
	}
	return true
}

// countable reports whether so many nodes can lie in a range: ids are spread evenly, so that
// nowhere lie far more of them than elsewhere, nor far fewer. n is the size of the ring.
func (g *gather) countable(a *awaited, t *told, n float64) bool {
	told := float64(t.Sum.Nodes + t.Sum.Lost)
	if a.after != nil {
		return told == 0 // it was counted before
	}
	spoken := share(a.Scope)
	if told > 3*spoken*n+8 {
		return false
	}
	for _, r := range t.Rest {
		spoken -= share(r.Scope)
	}
	return told >= spoken*n/4-8
}

// within reports whether a range lies in another.
func within(r, outer id.Range) bool {
	if outer.Full {
		return true
	}
	from, to := r.From.Sub(outer.From), r.To.Sub(outer.From)
	return !r.Full && !to.Less(from) && !outer.To.Sub(outer.From).Less(to)
}

// place is the way that is a part of the ring, 0 to 1.
func place(part float64) id.ID {
	if part >= 1 {
		return id.ID{Hi: math.MaxUint64, Lo: math.MaxUint64}
	}
	return id.ID{Hi: uint64(part * (1 << 63) * 2)}
}
