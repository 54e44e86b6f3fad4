package certificate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// ErrRuling is wrapped by the reasons why a ruling is refused.
var ErrRuling = errors.New("not a valid ruling")

// Term is the time in office of one root: of two, the later one has the larger Count, or
// the larger Root at the same Count, so no two roots share one. The zero Term is before
// all others.
type Term struct {
	Count uint64 `cbor:"1,keyasint"`
	Root  id.ID  `cbor:"2,keyasint"`
}

// Before reports whether t is earlier than u.
func (t Term) Before(u Term) bool {
	return t.Count < u.Count || t.Count == u.Count && t.Root.Less(u.Root)
}

// InTime reports whether a term may be at this time of day: its count is no larger than that many
// milliseconds since 1970. Roots count terms by one, and need a few in a day; so nobody can take a
// term after which there is none, as the next larger one can be taken a moment later.
func (t Term) InTime(now time.Time) bool { return t.Count <= uint64(max(0, now.UnixMilli())) }

// Member is one holder of a mutable object, with the number of its disk's life: a node that
// lost its disk has forgotten its promises, and is another member.
type Member struct {
	Node id.ID  `cbor:"1,keyasint"`
	Life uint64 `cbor:"2,keyasint"`
}

// Holders are the nodes that keep a mutable object: a set of which majorities meet.
type Holders []*Member

// Has reports whether a member is one of them.
func (hs Holders) Has(m Member) bool {
	return slices.ContainsFunc(hs, func(h *Member) bool { return *h == m })
}

// Majority is the number of members that make a majority.
func (hs Holders) Majority() int { return len(hs)/2 + 1 }

// Equal reports whether two sets have the same members, in the same order.
func (hs Holders) Equal(other Holders) bool {
	return slices.EqualFunc(hs, other, func(a, b *Member) bool { return *a == *b })
}

func (hs Holders) bytes() []byte {
	var b bytes.Buffer
	for _, m := range hs {
		node := m.Node.Bytes()
		b.Write(node[:])
		for i := range 8 {
			b.WriteByte(byte(m.Life >> (8 * i)))
		}
	}
	return b.Bytes()
}

// check returns an error that wraps ErrRuling if these are no holders.
func (hs Holders) check() error {
	if len(hs) > MaxCopies {
		return fmt.Errorf("%w: %d holders, at most %d", ErrRuling, len(hs), MaxCopies)
	}
	for i, m := range hs {
		if m == nil {
			return fmt.Errorf("%w: a holder that is nobody", ErrRuling)
		}
		if slices.ContainsFunc(hs[:i], func(n *Member) bool { return n.Node == m.Node }) {
			return fmt.Errorf("%w: a holder twice", ErrRuling)
		}
	}
	return nil
}

// Ruling is a root's word about a mutable object: in its term this certificate is the
// current one, and these are the object's holders. It is frozen once it is signed.
type Ruling struct {
	Term    Term    `cbor:"1,keyasint"`
	Holders Holders `cbor:"2,keyasint"`
	// Before are the holders that the object moves away from: until the move is over both
	// sets decide together. None: it is over, or there was none.
	Before      Holders           `cbor:"6,keyasint,omitempty"`
	Number      uint64            `cbor:"7,keyasint"` // of the root's rulings in this term, from 1
	Certificate id.Hash           `cbor:"3,keyasint"` // Certificate.Hash
	Root        *peer.Certificate `cbor:"4,keyasint"`
	Sig         []byte            `cbor:"5,keyasint"`
	// Origin is the term in which the object was made, or in which several that were made
	// became one: the rulings of one origin are one branch. Zero: in a time without origins.
	Origin Term `cbor:"8,keyasint,omitzero"`
	// Draft: the origin's first version was not complete yet, so nobody was told of it.
	Draft bool `cbor:"9,keyasint,omitempty"`
	// Absorbed is what the branch knows of others.
	Absorbed []*Absorbed `cbor:"10,keyasint,omitempty"`
}

func (r *Ruling) message(ring, object id.Hash) []byte {
	h := id.HashOf("ruling", ring, object, r.Term.Count, r.Term.Root, r.Number, r.Holders.bytes(), r.Before.bytes(), r.Certificate)
	if r.Origin != (Term{}) {
		h = id.HashOf("ruling of an origin", h, r.Origin.Count, r.Origin.Root, r.Draft, bytesOf(r.Absorbed))
	}
	return h[:]
}

// Sign returns a signed copy of r, a ruling about an object, with the root's key.
func (r *Ruling) Sign(ring, object id.Hash, key peer.Signer) *Ruling {
	s := *r
	s.Sig = key.Sign(s.message(ring, object))
	return &s
}

// After reports whether r was given after another ruling about the same object: in a later
// term, or later in the same one.
func (r *Ruling) After(other *Ruling) bool {
	if r.Term != other.Term {
		return other.Term.Before(r.Term)
	}
	return r.Number > other.Number
}

// Settled reports whether the object is not on its way from one set of holders to another.
func (r *Ruling) Settled() bool { return len(r.Before) == 0 }

// Sets are the holders of which each set must have a ruling in its majority before it
// counts.
func (r *Ruling) Sets() []Holders {
	if r.Settled() {
		return []Holders{r.Holders}
	}
	return []Holders{r.Holders, r.Before}
}

// Names reports whether a member is among the holders, or those before.
func (r *Ruling) Names(m Member) bool { return r.Holders.Has(m) || r.Before.Has(m) }

// Check implements wire.Checker. The error wraps ErrRuling.
func (r *Ruling) Check() error {
	switch {
	case r == nil || r.Root == nil:
		return fmt.Errorf("%w: it names no root", ErrRuling)
	case len(r.Holders) == 0:
		return fmt.Errorf("%w: it names no holder", ErrRuling)
	case r.Term.Count == 0 || r.Term.Root != r.Root.Node:
		return fmt.Errorf("%w: the term of another", ErrRuling)
	case r.Number == 0:
		return fmt.Errorf("%w: without a number", ErrRuling)
	case len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrRuling, len(r.Sig))
	case r.Origin == Term{} && (r.Draft || len(r.Absorbed) > 0):
		return fmt.Errorf("%w: of no origin", ErrRuling)
	}
	return errors.Join(r.Holders.check(), r.Before.check(), checkAbsorbed(r.Absorbed))
}

// Verify returns nil if a node of the ring that was certified when it signed gave the
// ruling, for this certificate. The error wraps ErrRuling.
func (r *Ruling) Verify(ring id.Hash, of *Certificate, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Certificate != of.Hash(ring) {
		return fmt.Errorf("%w: it is for something else", ErrRuling)
	}
	// A ruling stands for as long as nothing is changed, and so for longer than its root's
	// certificate.
	if err := r.Root.Check(ring, time.Unix(r.Root.NotBefore, 0), v); err != nil {
		return fmt.Errorf("%w: its root: %w", ErrRuling, err)
	}
	if !v.Verify(r.Root.Key, r.message(ring, of.ID()), r.Sig) {
		return fmt.Errorf("%w: wrong signature", ErrRuling)
	}
	return nil
}
