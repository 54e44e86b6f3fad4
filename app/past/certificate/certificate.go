package certificate

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a certificate.
const (
	// MaxCopies is the largest number of replicas: with a leaf set of 32 all of them are
	// still in each other's leaf sets.
	MaxCopies = 16
	// MaxLease is the longest life of a block that is not stored again.
	MaxLease = 366 * 24 * time.Hour
)

// Reasons why something signed is refused.
var (
	// ErrCertificate is wrapped by all of them.
	ErrCertificate = errors.New("not a valid file certificate")
	// ErrContent: the content is not what the certificate says.
	ErrContent = errors.New("the content is not what its certificate says")
)

// Kind says what an object's id is made of, and so who may change it.
type Kind uint8

// The kinds of object: see the package comment.
const (
	File Kind = iota + 1
	Block
	Mutable
)

// Part stands for a name, or for the description of a mutable object: see NamePart.
type Part [sha256.Size]byte

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly 32 bytes.
func (p *Part) UnmarshalBinary(b []byte) error { return wire.Exact(p[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (p *Part) UnmarshalCBOR(b []byte) error { return wire.ByteString(p, b) }

// NamePart hides a name behind the key of its space.
func NamePart(space []byte, name string) Part {
	mac := hmac.New(sha256.New, space)
	mac.Write([]byte(name))
	return Part(mac.Sum(nil))
}

// Certificate is the file certificate of PAST. It is frozen once it is signed.
type Certificate struct {
	Kind    Kind      `cbor:"1,keyasint"`
	Owner   peer.Key  `cbor:"2,keyasint"` // who signs; of a block: who stored it last
	Part    Part      `cbor:"3,keyasint"` // zero in a block
	Salt    peer.Salt `cbor:"4,keyasint"` // zero but in a file
	Content id.Hash   `cbor:"5,keyasint"` // see ContentHash and LargeHash
	Size    int64     `cbor:"6,keyasint"` // of the content, in bytes
	Copies  uint8     `cbor:"7,keyasint"` // k, 1 to MaxCopies
	Date    int64     `cbor:"8,keyasint"` // when it was signed, Unix milliseconds
	// Expires is the end of the object's life, in Unix milliseconds; 0: it lives until it
	// is reclaimed. A block has an end, at most MaxLease after Date, and a mutable object has
	// none.
	Expires int64 `cbor:"9,keyasint,omitempty"`
	// Version of a mutable object, from 1; 0 in the other kinds.
	Version uint64 `cbor:"10,keyasint,omitempty"`
	Sig     []byte `cbor:"11,keyasint"`
	// Resolves are the hashes of the certificates of rivals that the owner has done with, of a
	// mutable object: they are not kept any more. At most MaxRivals.
	Resolves []id.Hash `cbor:"12,keyasint,omitempty"`
	// Batch is there if the owner signed it together with others: see SignAll.
	Batch *Batch `cbor:"13,keyasint,omitempty"`
}

// ID is the object's id (PAST's fileId).
func (c *Certificate) ID() id.Hash {
	switch c.Kind {
	case Block:
		return id.HashOf("block", c.Content, c.Copies)
	case Mutable:
		return MutableID(c.Owner, c.Part, c.Copies)
	}
	return id.HashOf("file", c.Part[:], c.Owner[:], c.Salt[:])
}

// MutableID is the id of a mutable object, for those who know what it is made of.
func MutableID(owner peer.Key, part Part, copies uint8) id.Hash {
	return id.HashOf("mutable", owner[:], part[:], copies)
}

// Hash is the certificate's own id in a ring: what is signed, alone or with those of others. How
// it was signed is no part of it.
func (c *Certificate) Hash(ring id.Hash) id.Hash {
	h := id.HashOf("file certificate", ring, uint8(c.Kind), c.Owner[:], c.Part[:], c.Salt[:], c.Content, c.Size,
		c.Copies, c.Date, c.Expires, c.Version)
	for _, r := range c.Resolves {
		h = id.HashOf("resolves", h, r)
	}
	return h
}

// Sign returns a signed copy of c for a ring, with the owner and the time of day now. c
// itself is not changed.
func (c *Certificate) Sign(ring id.Hash, owner peer.Signer, now time.Time) *Certificate {
	s := *c
	s.Owner, s.Date, s.Batch = owner.Public(), now.UnixMilli(), nil
	h := s.Hash(ring)
	s.Sig = owner.Sign(h[:])
	return &s
}

// maxDate is far beyond any date that a clock may show, and far from overflow.
const maxDate = 1 << 50

// Check implements wire.Checker: what holds for every certificate, whoever signed it. The
// error wraps ErrCertificate.
func (c *Certificate) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrCertificate, fmt.Sprintf(format, args...))
	}
	if c == nil {
		return bad("there is none")
	}
	switch {
	case c.Kind < File || c.Kind > Mutable:
		return bad("kind %d", c.Kind)
	case c.Owner.IsZero():
		return bad("no owner")
	case c.Size < 0 || c.Size > MaxSize:
		return bad("size of %d bytes, want 0 to %d", c.Size, int64(MaxSize))
	case c.Copies < 1 || c.Copies > MaxCopies:
		return bad("%d copies, want 1 to %d", c.Copies, MaxCopies)
	case c.Date <= 0 || c.Date > maxDate || c.Expires < 0 || c.Expires > maxDate:
		return bad("impossible dates %d and %d", c.Date, c.Expires)
	case c.Expires != 0 && c.Expires <= c.Date:
		return bad("it ends before it begins")
	case (c.Kind == Mutable) != (c.Version != 0):
		return bad("version %d in an object of kind %d", c.Version, c.Kind)
	case c.Kind != File && c.Salt != peer.Salt{}, c.Kind == Block && c.Part != Part{}:
		return bad("a name or a salt where none belongs")
	case len(c.Resolves) > MaxRivals, c.Kind != Mutable && len(c.Resolves) > 0:
		return bad("it resolves %d versions, at most %d of a mutable object", len(c.Resolves), MaxRivals)
	case c.Kind == Mutable && c.Large():
		return bad("a mutable object of %d bytes, at most %d", c.Size, MaxInline)
	case c.Kind == Mutable && c.Expires != 0:
		return bad("a mutable object has no end")
	case c.Kind == Block && (c.Expires == 0 || c.Expires-c.Date > MaxLease.Milliseconds()):
		return bad("a block lives for %s at most, and is stored again to live on", MaxLease)
	case len(c.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(c.Sig))
	}
	if err := c.Batch.check(); err != nil {
		return bad("%v", err)
	}
	return nil
}

// Verify returns nil if the certificate is within its limits and was signed, for this
// ring, by its owner, alone or with others. The error wraps ErrCertificate.
func (c *Certificate) Verify(ring id.Hash, v peer.Verifier) error {
	if err := c.Check(); err != nil {
		return err
	}
	switch h, ok := c.Batch.signed(manyCertificates, ring, c.Hash(ring)); {
	case !ok:
		return fmt.Errorf("%w: a path that is not one of its batch", ErrCertificate)
	case !v.Verify(c.Owner, h[:], c.Sig):
		return fmt.Errorf("%w: wrong signature", ErrCertificate)
	}
	return nil
}

// Expired reports whether the object's life has ended at this time of day.
func (c *Certificate) Expired(now time.Time) bool {
	return c.Expires != 0 && now.UnixMilli() >= c.Expires
}

// Over reports whether c replaces old, a certificate of the same object: the same one
// of any two on all nodes, whichever comes first.
//
// A file's content never changes: where its owner signed two for one id, the one with
// the smaller hash stays. The same content signed later has another end of its life. Of
// a block the one that lives longer counts; so nobody can shorten another's lease. Of a
// mutable object the higher version does.
func (c *Certificate) Over(old *Certificate, ring id.Hash) bool {
	switch {
	case c.Kind == Mutable && c.Version != old.Version:
		return c.Version > old.Version
	case c.Kind != Block && c.Content != old.Content:
		return bytes.Compare(c.Content[:], old.Content[:]) < 0
	case c.Kind == Block && c.Expires != old.Expires:
		return c.Expires > old.Expires
	case c.Date != old.Date:
		return c.Date > old.Date
	}
	a, b := c.Hash(ring), old.Hash(ring)
	return bytes.Compare(a[:], b[:]) < 0
}
