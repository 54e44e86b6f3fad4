package certificate

import (
	"bytes"
	"errors"
	"fmt"
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

// Member is one holder of a mutable object, with the number of its disk's life: a node that
// lost its disk has forgotten its promises, and is another member.
type Member struct {
	Node id.ID  `cbor:"1,keyasint"`
	Life uint64 `cbor:"2,keyasint"`
}

// Ruling is a root's word about a mutable object: in its term this certificate is the
// current one, and these are the object's holders.
type Ruling struct {
	Term        Term              `cbor:"1,keyasint"`
	Holders     []*Member         `cbor:"2,keyasint"`
	Certificate id.Hash           `cbor:"3,keyasint"` // Certificate.Hash
	Root        *peer.Certificate `cbor:"4,keyasint"`
	Sig         []byte            `cbor:"5,keyasint"`
}

func (r *Ruling) message(ring, object id.Hash) []byte {
	var holders bytes.Buffer
	for _, m := range r.Holders {
		node := m.Node.Bytes()
		holders.Write(node[:])
		for i := range 8 {
			holders.WriteByte(byte(m.Life >> (8 * i)))
		}
	}
	h := id.HashOf("ruling", ring, object, r.Term.Count, r.Term.Root, holders.Bytes(), r.Certificate)
	return h[:]
}

// NewRuling signs a ruling with the root's key. It keeps holders.
func NewRuling(ring, object id.Hash, term Term, holders []*Member, cert id.Hash, root *peer.Certificate, key peer.Signer) *Ruling {
	r := &Ruling{Term: term, Holders: holders, Certificate: cert, Root: root}
	r.Sig = key.Sign(r.message(ring, object))
	return r
}

// Check implements wire.Checker. The error wraps ErrRuling.
func (r *Ruling) Check() error {
	switch {
	case r == nil || r.Root == nil:
		return fmt.Errorf("%w: it names no root", ErrRuling)
	case len(r.Holders) == 0 || len(r.Holders) > MaxCopies:
		return fmt.Errorf("%w: %d holders, want 1 to %d", ErrRuling, len(r.Holders), MaxCopies)
	case r.Term.Count == 0 || r.Term.Root != r.Root.Node:
		return fmt.Errorf("%w: the term of another", ErrRuling)
	case len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrRuling, len(r.Sig))
	}
	for i, m := range r.Holders {
		if m == nil {
			return fmt.Errorf("%w: a holder that is nobody", ErrRuling)
		}
		for _, n := range r.Holders[:i] {
			if n.Node == m.Node {
				return fmt.Errorf("%w: a holder twice", ErrRuling)
			}
		}
	}
	return nil
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

// Has reports whether a member is one of the holders.
func (r *Ruling) Has(m Member) bool {
	for _, h := range r.Holders {
		if *h == m {
			return true
		}
	}
	return false
}

// Majority is the number of holders that make a majority.
func (r *Ruling) Majority() int { return len(r.Holders)/2 + 1 }
