package certificate

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// A branch is apart if it was begun without a majority of the holders of another one, which
// were out of sight. It names the point up to which it knew that one, and how many holders
// that has (Absorbed.Left), until a majority of them was heard: then a new branch begins. So it does
// where the object was made though somebody else may have it (Guess).

// Apart is how many holders an object has of which no majority had a say in this ruling, nor in
// any on its branch's way; 0: a majority had.
func (r *Ruling) Apart() (of int) {
	for _, a := range r.Absorbed {
		of = max(of, int(a.Left))
	}
	return of
}

// Left reports whether a ruling's branch is one that this ruling's branch left without its
// majority's word.
func (r *Ruling) Left(other *Ruling) bool {
	return slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool { return a.Left > 0 && a.Origin == other.Origin })
}

// LeftAt reports whether it left that branch at just this ruling.
func (r *Ruling) LeftAt(other *Ruling) bool {
	return slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool {
		return a.Left > 0 && a.Origin == other.Origin && a.Term == other.Term && a.Number == other.Number
	})
}

// Later reports whether this ruling's branch left that of another ruling, later than this one was
// given: so there is, or was, a later one.
func (r *Ruling) Later(other *Ruling) bool {
	return r.Left(other) && slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool {
		return a.Origin == other.Origin && a.reaches(other) && (a.Term != other.Term || a.Number != other.Number)
	})
}

// beyond reports whether this ruling's branch knew another branch up to a ruling, or further. A
// version that is the same is not enough here: its holders may be others.
func (r *Ruling) beyond(other *Ruling) bool {
	return slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool { return a.Origin == other.Origin && a.reaches(other) })
}

// Leave returns the points that a branch knows which begins without the majority of those that
// are known: see Absorb. What was made apart itself is left for good, and counts no holders.
func Leave(known []*Version) []*Absorbed {
	points := Absorb(known)
	for _, a := range points {
		i := slices.IndexFunc(known, func(v *Version) bool { return v.Ruling.Point(a.Kept).same(a) })
		if i < 0 || known[i].Ruling.Apart() > 0 {
			continue
		}
		for _, hs := range known[i].Ruling.Sets() {
			a.Left = max(a.Left, uint8(len(hs)))
		}
	}
	return points
}

// Guess returns the points of a branch that begins where it is not sure that there is no such object, as some of
// so many nodes are away: it has left whatever each of these may have.
func Guess(away []id.ID, of int) (points []*Absorbed) {
	for _, n := range away {
		points = append(points, &Absorbed{Origin: Term{Root: n}, Left: uint8(of)})
	}
	return points[:min(len(points), MaxAbsorbed)]
}

// guess reports whether a point is one of Guess: no term's count is 0.
func (a *Absorbed) guess() bool { return a.Origin.Count == 0 && !a.Origin.Root.IsZero() }

// Guessed returns who was away when a ruling's branch began without being sure that there is no such object, and
// of how many nodes; none if it was sure, or is by now.
func (r *Ruling) Guessed() (away []id.ID, of int) {
	for _, a := range r.Absorbed {
		if a.guess() {
			away, of = append(away, a.Origin.Root), max(of, int(a.Left))
		}
	}
	return away, of
}

// Assured returns points without those of a guess that has come true.
func Assured(points []*Absorbed) []*Absorbed {
	return slices.DeleteFunc(slices.Clone(points), (*Absorbed).guess)
}

func (a *Absorbed) same(b *Absorbed) bool {
	return a.Origin == b.Origin && a.Term == b.Term && a.Number == b.Number
}

// rejoined is a point of a branch: not left any more, if that branch is one of those that meet, or went
// on in one of them.
func (a *Absorbed) rejoined(met []*Version) *Absorbed {
	x := *a
	if slices.ContainsFunc(met, func(v *Version) bool { return v.Ruling.Origin == a.Origin || v.Ruling.goesOn(a) }) {
		x.Left = 0
	}
	return &x
}

// goesOn reports whether a ruling's branch took over another one with a majority of it, at a point
// or later. Where it was complete, so that it is no draft any more, and is not apart itself, an earlier point will do: of what came after that in
// the other branch that majority knew nothing, and has agreed to nothing since, so it was never complete.
func (r *Ruling) goesOn(a *Absorbed) bool {
	left, whole := false, !r.Draft && r.Apart() == 0
	there := slices.ContainsFunc(r.Absorbed, func(b *Absorbed) bool {
		left = left || b.Origin == a.Origin && b.Left > 0
		return b.Origin == a.Origin && (whole || b.same(a) || a.Term.Before(b.Term) || a.Term == b.Term && a.Number < b.Number)
	})
	return there && !left
}

// grown reports whether another one of those that meet has grown from a version: then it is no
// rival of that, but its past. So it is where v's branch was apart and made nothing since.
func grown(met []*Version, v *Version) bool {
	return slices.ContainsFunc(met, func(u *Version) bool {
		return u.Ruling.Left(v.Ruling) && u.Ruling.beyond(v.Ruling) || slices.ContainsFunc(v.Ruling.Absorbed, func(a *Absorbed) bool {
			return a.Certificate == v.Ruling.Certificate && a.Origin == u.Ruling.Origin
		})
	})
}
