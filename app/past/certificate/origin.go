package certificate

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// MaxAbsorbed is how many points of other branches a ruling names at most, and MaxRivals how
// many versions of an object are kept besides the current one.
const (
	MaxAbsorbed = 24
	MaxRivals   = 8
)

// Absorbed is the point of another branch of an object up to which a ruling knows it: the
// latest ruling of that branch that was heard of. A branch is all rulings of one Origin.
type Absorbed struct {
	Origin      Term    `cbor:"1,keyasint"`
	Term        Term    `cbor:"2,keyasint"`
	Number      uint64  `cbor:"3,keyasint"`
	Certificate id.Hash `cbor:"4,keyasint"`           // what was current there
	Kept        bool    `cbor:"5,keyasint,omitempty"` // it is kept besides the current version
	// Left is how many holders the branch has that were left without their majority's word: see
	// Ruling.Apart. 0: they agreed, or their branch was none with a majority itself.
	Left uint8 `cbor:"6,keyasint,omitempty"`
}

// Point is the point of its branch that a ruling is.
func (r *Ruling) Point(kept bool) *Absorbed {
	return &Absorbed{Origin: r.Origin, Term: r.Term, Number: r.Number, Certificate: r.Certificate, Kept: kept}
}

// reaches reports whether a ruling of the same branch is not after the point.
func (a *Absorbed) reaches(r *Ruling) bool {
	if a.Term != r.Term {
		return r.Term.Before(a.Term)
	}
	return r.Number <= a.Number
}

// Covers reports whether nothing is lost with another ruling about the same object where this
// one stands: it is of the same branch and not after this one, or its branch was absorbed up
// to there, or its version is the current one here or was so on this branch's way.
func (r *Ruling) Covers(other *Ruling) bool {
	if r.Origin == other.Origin {
		return !other.After(r)
	}
	return other.Certificate == r.Certificate || slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool {
		return a.Certificate == other.Certificate || a.Origin == other.Origin && a.reaches(other)
	})
}

// Over reports whether a holder takes a ruling in place of another one about the same object.
// A draft, which was never complete, takes the place of what may have been only if it
// covers that.
func (r *Ruling) Over(old *Ruling) bool {
	switch {
	case r.Apart() > 0 && old.Apart() == 0 && !old.Draft:
		return r.After(old) && r.beyond(old)
	case r.Origin == old.Origin, r.Draft == old.Draft && !r.Draft && (r.Apart() > 0 || old.Apart() == 0):
		return r.After(old)
	case r.Draft:
		return r.After(old) && (old.Draft || r.Covers(old))
	}
	return r.After(old) || !old.Covers(r)
}

// Rivals are the hashes of the certificates of the versions that are kept besides the current
// one: each was current in a part of the ring that had lost sight of the others.
func (r *Ruling) Rivals() []id.Hash { return Rivals(r.Absorbed) }

// Rivals are the rivals among such points.
func Rivals(points []*Absorbed) (hashes []id.Hash) {
	for _, a := range points {
		if a.Kept {
			hashes = append(hashes, a.Certificate)
		}
	}
	return hashes
}

// RivalID is the id of the object that a version which is not current any more is kept as. It
// has the place of the object itself, and so the same holders.
func RivalID(object, certificate id.Hash) id.Hash {
	h := id.HashOf("rival", object, certificate)
	copy(h[:len(h)/2], object[:])
	return h
}

// Absorb returns the points that a branch which begins now knows: of those that meet in it, and
// of what they knew. The first is current, the others are kept, and what they kept, but for what one of them has
// done with: its holders have it no more. At most MaxRivals in all are kept.
func Absorb(met []*Version) (points []*Absorbed) {
	for i, v := range met {
		points = add(points, v.Ruling.Point(i > 0 && v.Ruling.Certificate != met[0].Ruling.Certificate && !grown(met, v)))
	}
	for _, some := range []func(*Absorbed) bool{
		func(a *Absorbed) bool { return a.Kept },
		func(a *Absorbed) bool { return !a.Kept && a.Left > 0 },
		func(a *Absorbed) bool { return !a.Kept && a.Left == 0 },
	} {
		for _, v := range met {
			for _, a := range v.Ruling.Absorbed {
				if some(a) {
					x := a.rejoined(met)
					x.Kept = x.Kept && !slices.ContainsFunc(met, func(u *Version) bool { return u.Ruling.doneWith(x.Certificate) })
					points = add(points, x)
				}
			}
		}
	}
	if slices.ContainsFunc(met, func(v *Version) bool { return v.Ruling.Apart() == 0 }) {
		points = Assured(points) // there was one
	}
	// Without the oldest a straggler may be taken for a rival once more: it is kept in vain.
	return points[:min(len(points), MaxAbsorbed)]
}

// doneWith reports whether a ruling's branch knew a version, and does not have it kept.
func (r *Ruling) doneWith(certificate id.Hash) bool {
	return slices.ContainsFunc(r.Absorbed, func(a *Absorbed) bool { return a.Certificate == certificate }) && !slices.Contains(r.Rivals(), certificate)
}

// add adds a point, or what it says beyond another of its branch.
func add(points []*Absorbed, a *Absorbed) []*Absorbed {
	if slices.ContainsFunc(points, func(b *Absorbed) bool { return *a == *b }) {
		return points
	}
	x := *a
	x.Kept = a.Kept && !slices.ContainsFunc(points, func(b *Absorbed) bool { return b.Certificate == a.Certificate })
	return append(points, &x)
}

// Resolve returns points of which some versions are not kept any more.
func Resolve(points []*Absorbed, resolved []id.Hash) (left []*Absorbed) {
	for _, a := range points {
		x := *a
		x.Kept = a.Kept && !slices.Contains(resolved, a.Certificate)
		left = append(left, &x)
	}
	return left
}

// Before reports whether a version is current rather than another one of its object, where two
// branches meet: the higher one; or of equal ones that of a majority; or that with the smaller hash.
func (v *Version) Before(u *Version) bool {
	if v.Certificate.Version != u.Certificate.Version {
		return v.Certificate.Version > u.Certificate.Version
	}
	if a, b := v.Ruling.Apart() > 0, u.Ruling.Apart() > 0; a != b {
		return b
	}
	return bytes.Compare(v.Ruling.Certificate[:], u.Ruling.Certificate[:]) < 0
}

func checkAbsorbed(points []*Absorbed) error {
	if len(points) > MaxAbsorbed {
		return fmt.Errorf("%w: %d points of other branches, at most %d", ErrRuling, len(points), MaxAbsorbed)
	}
	kept := 0
	for _, a := range points {
		if a == nil {
			return fmt.Errorf("%w: a point that is none", ErrRuling)
		}
		if a.Kept {
			kept++
		}
	}
	if kept > MaxRivals {
		return fmt.Errorf("%w: %d versions besides the current one, at most %d", ErrRuling, kept, MaxRivals)
	}
	return nil
}

func bytesOf(points []*Absorbed) []byte {
	var b bytes.Buffer
	for _, a := range points {
		h := id.HashOf("absorbed", a.Origin.Count, a.Origin.Root, a.Term.Count, a.Term.Root, a.Number, a.Certificate, a.Kept)
		if a.Left > 0 {
			h = id.HashOf("left", h, uint64(a.Left))
		}
		b.Write(h[:])
	}
	return b.Bytes()
}
