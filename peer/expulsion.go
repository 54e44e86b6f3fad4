package peer

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// MaxExpulsions is the number of entries that a set keeps and a message carries.
const MaxExpulsions = 512

// Expulsion is one entry of a ring's growing set: a member, or an admitter, is out
// (or, Pardon, in again). Of two entries for one subject the higher number wins.
//
// A member's expulsion is signed by two admitters (by the one, where the ring has
// one: Sole) or by the authority; an admitter's, and every pardon, by the
// authority alone.
type Expulsion struct {
	Node     id.ID       `cbor:"1,keyasint"`           // the member, or zero
	Admitter Key         `cbor:"2,keyasint"`           // the admitter's node key, or zero
	Number   uint64      `cbor:"3,keyasint"`           // rises by one with each entry for the subject
	Time     int64       `cbor:"4,keyasint"`           // Unix seconds
	Pardon   bool        `cbor:"5,keyasint,omitempty"` // takes the expulsion back
	Sole     bool        `cbor:"6,keyasint,omitempty"` // signed when the ring had one admitter
	By       []Signature `cbor:"7,keyasint"`
}

// Signature is one signer's part of an expulsion.
type Signature struct {
	Admission *Admission `cbor:"1,keyasint,omitempty"` // nil: the authority itself
	Authority Key        `cbor:"2,keyasint,omitempty"` // set where Admission is nil
	Sig       []byte     `cbor:"3,keyasint"`
}

func (e *Expulsion) message(ring id.Hash) []byte {
	h := id.HashOf("expulsion", ring, e.Node, e.Admitter[:], e.Number, e.Time, e.Pardon, e.Sole)
	return h[:]
}

// Sign adds a signature: by an admitter with its admission, or, with a nil
// admission, by the authority.
func (e *Expulsion) Sign(ring id.Hash, s Signer, adm *Admission) {
	sig := Signature{Admission: adm, Sig: s.Sign(e.message(ring))}
	if adm == nil {
		sig.Authority = s.Public()
	}
	e.By = append(e.By, sig)
}

// Check reports whether enough of the right signers signed the entry. Two
// signatures by one admitter count once.
func (e *Expulsion) Check(ring id.Hash, v Verifier) error {
	if e.Node.IsZero() == e.Admitter.IsZero() || e.Number == 0 || len(e.By) == 0 || len(e.By) > 2 {
		return fmt.Errorf("%w: an expulsion names one subject and has one or two signers", ErrForged)
	}
	msg := e.message(ring)
	var admitters []Key
	for _, s := range e.By {
		if s.Admission == nil {
			if RingID(s.Authority) != ring || !v.Verify(s.Authority, msg, s.Sig) {
				return fmt.Errorf("%w: expulsion", ErrForged)
			}
			return nil
		}
		if err := s.Admission.Check(ring, v); err != nil {
			return err
		}
		if !v.Verify(s.Admission.Admitter, msg, s.Sig) {
			return fmt.Errorf("%w: expulsion", ErrForged)
		}
		if !slices.Contains(admitters, s.Admission.Admitter) {
			admitters = append(admitters, s.Admission.Admitter)
		}
	}
	if e.Pardon || !e.Admitter.IsZero() || len(admitters) < 2 && !e.Sole {
		return fmt.Errorf("%w: this expulsion needs the authority's signature, or a member's two admitters", ErrForged)
	}
	return nil
}

func (e *Expulsion) subject() id.Hash { return id.HashOf("subject", e.Node, e.Admitter[:]) }

// Expulsions is the set that one node knows. It belongs to one owner; the zero
// value is empty.
type Expulsions struct {
	list []*Expulsion // sorted by subject
	keys []id.Hash
}

// Add takes an entry that was checked, unless one with the same or a higher
// number is there, and reports whether the set changed.
func (x *Expulsions) Add(e *Expulsion) bool {
	key := e.subject()
	i, have := slices.BinarySearchFunc(x.keys, key, func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) })
	switch {
	case have && x.list[i].Number >= e.Number:
		return false
	case have:
		x.list[i] = e
	case len(x.list) >= MaxExpulsions:
		return false
	default:
		x.list = slices.Insert(x.list, i, e)
		x.keys = slices.Insert(x.keys, i, key)
	}
	return true
}

// All returns the entries in the order of their subjects. The slice is new, the
// entries are shared.
func (x *Expulsions) All() []*Expulsion { return slices.Clone(x.list) }

// Digest is equal for equal sets. Of the empty set it is zero.
func (x *Expulsions) Digest() uint64 {
	if len(x.list) == 0 {
		return 0
	}
	parts := make([]any, 0, 2*len(x.list))
	for i, e := range x.list {
		parts = append(parts, x.keys[i], e.Number)
	}
	return id.HashOf("expulsions", parts...).Place().Hi
}

// Expelled reports whether the member with this id is out. A nil set expels
// nobody.
func (x *Expulsions) Expelled(node id.ID) bool {
	e := x.find(&Expulsion{Node: node})
	return e != nil && !e.Pardon
}

// AdmitterExpelled returns when the admitter with this node key was put out, if it
// is: certificates by it hold only for bearers that were known before.
func (x *Expulsions) AdmitterExpelled(key Key) (at time.Time, out bool) {
	e := x.find(&Expulsion{Admitter: key})
	if e == nil || e.Pardon {
		return time.Time{}, false
	}
	return time.Unix(e.Time, 0), true
}

// Number returns the highest number that the set knows for a subject, 0 for none.
func (x *Expulsions) Number(node id.ID, admitter Key) uint64 {
	if e := x.find(&Expulsion{Node: node, Admitter: admitter}); e != nil {
		return e.Number
	}
	return 0
}

func (x *Expulsions) find(e *Expulsion) *Expulsion {
	if x == nil || len(x.list) == 0 {
		return nil
	}
	i, have := slices.BinarySearchFunc(x.keys, e.subject(), func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) })
	if !have {
		return nil
	}
	return x.list[i]
}

// Allows reports whether the bearer of a checked certificate may be a neighbour.
// knownSince says since when the asker has known this bearer (zero: never).
// The error wraps ErrIsExpelled.
func (x *Expulsions) Allows(c *Certificate, knownSince time.Time) error {
	if x.Expelled(c.Node) {
		return fmt.Errorf("node %s: %w", c.Node.Short(), ErrIsExpelled)
	}
	if at, out := x.AdmitterExpelled(c.Admission.Admitter); out && (knownSince.IsZero() || !knownSince.Before(at)) {
		return fmt.Errorf("node %s was admitted by an admitter that is %w", c.Node.Short(), ErrIsExpelled)
	}
	return nil
}
