package peer

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// Limits of a set of expulsions. Where more come, the set keeps the latest of
// those with full signatures (the certificates of the members in older ones have
// long ended, and no admitter renews them) and the earliest of the Sole ones (a
// ring has only one admitter in its beginning, so a late one is the suspect).
const (
	MaxExpulsions = 512
	MaxSole       = 128
)

// maxSeen is how many admitters a set remembers.
const maxSeen = 64

// RenewElsewhere is how long after its admitter's expulsion a certificate still
// holds for those who had known its bearer: time to renew it with another one.
const RenewElsewhere = 7 * 24 * time.Hour

// Expulsions is the set that one node knows, and the admitters that it has seen,
// by which it judges Sole entries. It belongs to one owner; the zero value is
// empty. What it holds depends only on which entries it was given, not on their
// order, so that nodes which exchange them come to the same set.
type Expulsions struct {
	list []*Expulsion // sorted by slot
	keys []id.Hash    // their slots
	seen []*Admission // sorted by the admitter's key
}

// slot is where an entry stands. What an admitter signed alone has a place of its
// own: so a single bad admitter can push out neither what two have signed nor what
// a good one signed when it was the only one.
func slot(node id.ID, admitter, sole Key) id.Hash {
	return id.HashOf("subject", node, admitter[:], sole[:])
}

// Slot names the place of the entry in a set: of two with one slot the set keeps
// the one that counts more.
func (e *Expulsion) Slot() id.Hash {
	var sole Key
	if e.Sole {
		sole = e.By[0].Admission.Admitter
	}
	return slot(e.Node, e.Admitter, sole)
}

// Saw tells the set of an admission that was checked. A Sole entry does not count
// while the set knows two admitters that were in good standing when it was made.
func (x *Expulsions) Saw(a *Admission) {
	i, have := slices.BinarySearchFunc(x.seen, a.Admitter, func(s *Admission, k Key) int {
		return slices.Compare(s.Admitter[:], k[:])
	})
	switch {
	case have && x.seen[i].Since > a.Since:
		x.seen[i] = a
	case !have && len(x.seen) < maxSeen:
		x.seen = slices.Insert(x.seen, i, a)
	}
}

// Wants is false for an entry that the set has, or has a better one for. It need
// not be checked yet: so signatures are checked only of what may be new.
func (x *Expulsions) Wants(e *Expulsion) bool {
	if e == nil || e.form() != nil {
		return true // its Check finds the fault
	}
	i, have := x.search(e.Slot())
	return !have || e.compare(x.list[i]) > 0
}

// Add takes an entry that was checked, unless one that counts more is there, and
// reports whether the set changed.
func (x *Expulsions) Add(e *Expulsion) bool {
	for _, s := range e.By {
		if s.Admission != nil {
			x.Saw(s.Admission)
		}
	}
	key := e.Slot()
	i, have := x.search(key)
	switch {
	case have && e.compare(x.list[i]) <= 0:
		return false
	case have:
		x.list[i] = e
		return true
	}
	x.list = slices.Insert(x.list, i, e)
	x.keys = slices.Insert(x.keys, i, key)
	return x.trim(e.Sole) != e
}

// trim takes out the entry that is one too many of its kind, and returns it.
func (x *Expulsions) trim(sole bool) *Expulsion {
	limit, keep := MaxExpulsions, 1
	if sole {
		limit, keep = MaxSole, -1
	}
	n, worst := 0, -1
	for i, e := range x.list {
		if e.Sole != sole {
			continue
		}
		n++
		if worst < 0 || keep*cmp.Compare(e.Time, x.list[worst].Time) < 0 {
			worst = i
		}
	}
	if n <= limit {
		return nil
	}
	out := x.list[worst]
	x.list = slices.Delete(x.list, worst, worst+1)
	x.keys = slices.Delete(x.keys, worst, worst+1)
	return out
}

// All returns the entries in an order that is the same for equal sets. The slice
// is new, the entries are shared.
func (x *Expulsions) All() []*Expulsion {
	if x == nil {
		return nil
	}
	return slices.Clone(x.list)
}

// Digest is equal for equal sets. Of the empty set it is zero.
func (x *Expulsions) Digest() uint64 {
	if x == nil || len(x.list) == 0 {
		return 0
	}
	parts := make([]any, 0, 2*len(x.list))
	for i, e := range x.list {
		parts = append(parts, x.keys[i], e.content())
	}
	return id.HashOf("expulsions", parts...).Place().Hi
}

// Expelled reports whether the member with this id is out. A nil set expels
// nobody.
func (x *Expulsions) Expelled(node id.ID) bool {
	e := x.counts(node, Key{})
	return e != nil && !e.Pardon
}

// AdmitterExpelled returns when the admitter with this node key was put out, if it
// is: certificates by it hold only for bearers that were known before.
func (x *Expulsions) AdmitterExpelled(key Key) (at time.Time, out bool) {
	e := x.counts(id.ID{}, key)
	if e == nil || e.Pardon {
		return time.Time{}, false
	}
	return time.Unix(e.Time, 0), true
}

// Number returns the highest number that counts for a subject, 0 for none. A new
// entry gets the next one.
func (x *Expulsions) Number(node id.ID, admitter Key) uint64 {
	if e := x.counts(node, admitter); e != nil {
		return e.Number
	}
	return 0
}

// counts returns the entry that decides about a subject, or nil.
func (x *Expulsions) counts(node id.ID, admitter Key) *Expulsion {
	if x == nil || len(x.list) == 0 {
		return nil
	}
	best := x.find(slot(node, admitter, Key{}))
	if node.IsZero() {
		return best
	}
	for _, a := range x.seen {
		sole := x.find(slot(node, admitter, a.Admitter))
		if sole != nil && (best == nil || sole.Number > best.Number) && x.Stands(sole) {
			best = sole
		}
	}
	return best
}

// Stands reports whether a checked entry is to be believed by what the set knows
// of the admitters. All are but Sole ones: their signer must not have been out
// when he signed, and no other admitter in.
func (x *Expulsions) Stands(e *Expulsion) bool {
	if !e.Sole {
		return true
	}
	if at, out := x.AdmitterExpelled(e.By[0].Admission.Admitter); out && at.Unix() <= e.Time {
		return false
	}
	in := 0
	for _, a := range x.seen {
		at, out := x.AdmitterExpelled(a.Admitter)
		if a.Since < e.Time && !(out && at.Unix() <= e.Time) {
			in++
		}
	}
	return in < 2
}

func (x *Expulsions) search(key id.Hash) (int, bool) {
	return slices.BinarySearchFunc(x.keys, key, func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) })
}

func (x *Expulsions) find(key id.Hash) *Expulsion {
	if i, have := x.search(key); have {
		return x.list[i]
	}
	return nil
}

// Allows reports whether the bearer of a checked certificate may be a neighbour.
// knownSince says since when the asker has known this bearer (zero: never).
// The error wraps ErrIsExpelled. It also remembers the certificate's admitter
// (see Saw).
func (x *Expulsions) Allows(c *Certificate, knownSince time.Time) error {
	if x == nil {
		return nil
	}
	x.Saw(c.Admission)
	if x.Expelled(c.Node) {
		return fmt.Errorf("node %s: %w", c.Node.Short(), ErrIsExpelled)
	}
	if at, out := x.AdmitterExpelled(c.Admission.Admitter); out && (knownSince.IsZero() || !knownSince.Before(at)) {
		return fmt.Errorf("node %s was admitted by an admitter that is %w", c.Node.Short(), ErrIsExpelled)
	}
	return nil
}

// Lapsed reports whether a certificate has ended at the time of day now because
// its admitter was expelled, and its bearer has not renewed it elsewhere within
// RenewElsewhere.
func (x *Expulsions) Lapsed(c *Certificate, now time.Time) bool {
	at, out := x.AdmitterExpelled(c.Admission.Admitter)
	return out && now.After(at.Add(RenewElsewhere))
}
