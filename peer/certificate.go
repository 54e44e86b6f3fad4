package peer

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Reasons why a certificate is refused.
var (
	ErrOtherRing  = errors.New("certificate of another ring")
	ErrExpired    = errors.New("certificate is not valid at this time: set the clock right, or let the node run while an admitter is up, which renews it")
	ErrForged     = errors.New("certificate with a wrong signature or id")
	ErrIsExpelled = errors.New("expelled from the ring")
)

// Clock differences between honest nodes up to ClockSkew are forgiven; a
// certificate lives for CertificateLife and is renewed from CertificateRenew on.
const (
	ClockSkew        = 5 * time.Minute
	CertificateLife  = 90 * 24 * time.Hour
	CertificateRenew = 60 * 24 * time.Hour
)

// SaltSize is the length of the salt that an admitter draws, in bytes.
const SaltSize = 16

// Salt makes a nodeId unpredictable to the one who chose the key.
type Salt [SaltSize]byte

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly
// SaltSize bytes and keeps no reference to b.
func (s *Salt) UnmarshalBinary(b []byte) error { return wire.Exact(s[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (s *Salt) UnmarshalCBOR(b []byte) error { return wire.ByteString(s, b) }

// maxStamp is the latest time that certificates and expulsions may name, in Unix
// seconds (the year 36812): differences of two such times cannot overflow.
const maxStamp = 1 << 40

func possible(stamps ...int64) bool {
	for _, s := range stamps {
		if s < 0 || s > maxStamp {
			return false
		}
	}
	return true
}

// RingID names a ring: the hash of its authority's key.
func RingID(authority Key) id.Hash { return id.HashOf("ring", authority[:]) }

// NodeID returns the place of a node on the ring: nobody chooses his own, as the
// admitting node draws the salt after it has seen the key.
func NodeID(key Key, salt Salt) id.ID { return id.HashOf("node", key[:], salt[:]).Place() }

// Admission makes a node an admitter: it may invite, admit and renew. The ring's
// authority signs it.
type Admission struct {
	Authority Key    `cbor:"1,keyasint"`
	Admitter  Key    `cbor:"2,keyasint"` // the admitter's node key
	Since     int64  `cbor:"3,keyasint"` // Unix seconds
	Sig       []byte `cbor:"4,keyasint"`
}

func (a *Admission) message() []byte {
	h := id.HashOf("admission", a.Authority[:], a.Admitter[:], a.Since)
	return h[:]
}

// NewAdmission signs an admission with the authority's key.
func NewAdmission(authority Signer, admitter Key, now time.Time) *Admission {
	a := &Admission{Authority: authority.Public(), Admitter: admitter, Since: now.Unix()}
	a.Sig = authority.Sign(a.message())
	return a
}

// Check reports whether the ring's authority signed the admission.
func (a *Admission) Check(ring id.Hash, v Verifier) error {
	switch {
	case a == nil:
		return fmt.Errorf("%w: no admission", ErrForged)
	case RingID(a.Authority) != ring:
		return ErrOtherRing
	case !possible(a.Since):
		return fmt.Errorf("%w: admission with an impossible date", ErrForged)
	case !v.Verify(a.Authority, a.message(), a.Sig):
		return fmt.Errorf("%w: admission", ErrForged)
	}
	return nil
}

// Certificate binds nodeId, salt, key and ring, signed by an admitter, whose own
// admission it carries.
type Certificate struct {
	Ring      id.Hash    `cbor:"1,keyasint"`
	Node      id.ID      `cbor:"2,keyasint"`
	Salt      Salt       `cbor:"3,keyasint"`
	Key       Key        `cbor:"4,keyasint"`
	NotBefore int64      `cbor:"5,keyasint"` // Unix seconds
	NotAfter  int64      `cbor:"6,keyasint"` // Unix seconds
	Admission *Admission `cbor:"7,keyasint"`
	Sig       []byte     `cbor:"8,keyasint"`
}

func (c *Certificate) message() []byte {
	h := id.HashOf("certificate", c.Ring, c.Node, c.Salt[:], c.Key[:], c.NotBefore, c.NotAfter)
	return h[:]
}

// NewCertificate signs a certificate for key, valid from now for CertificateLife.
func NewCertificate(admitter Signer, adm *Admission, key Key, salt Salt, now time.Time) *Certificate {
	c := &Certificate{
		Ring: RingID(adm.Authority), Node: NodeID(key, salt), Salt: salt, Key: key,
		NotBefore: now.Unix(), NotAfter: now.Add(CertificateLife).Unix(), Admission: adm,
	}
	c.Sig = admitter.Sign(c.message())
	return c
}

// Check reports whether the certificate is one of the ring, is valid at the time
// of day now (within ClockSkew), and is rightly signed. Whether its bearer, or
// its admitter, was expelled is asked of Expulsions.
func (c *Certificate) Check(ring id.Hash, now time.Time, v Verifier) error {
	switch {
	case c == nil:
		return fmt.Errorf("%w: none was shown", ErrForged)
	case c.Ring != ring:
		return ErrOtherRing
	case c.Node != NodeID(c.Key, c.Salt):
		return fmt.Errorf("%w: the id does not belong to the key", ErrForged)
	case !possible(c.NotBefore, c.NotAfter) || c.NotAfter <= c.NotBefore || c.NotAfter-c.NotBefore > int64(CertificateLife/time.Second):
		return fmt.Errorf("%w: impossible dates", ErrForged)
	case now.Add(ClockSkew).Unix() < c.NotBefore:
		return fmt.Errorf("%w: valid from %s, this clock says %s", ErrExpired, stamp(c.NotBefore), stamp(now.Unix()))
	case now.Add(-ClockSkew).Unix() > c.NotAfter:
		return fmt.Errorf("%w: ended %s, this clock says %s", ErrExpired, stamp(c.NotAfter), stamp(now.Unix()))
	}
	if err := c.Admission.Check(ring, v); err != nil {
		return err
	}
	if !v.Verify(c.Admission.Admitter, c.message(), c.Sig) {
		return ErrForged
	}
	return nil
}

// RenewAt is the time of day from which the bearer asks for a new one.
func (c *Certificate) RenewAt() time.Time {
	return time.Unix(c.NotBefore, 0).Add(CertificateRenew)
}

// MaxCertificate is the largest encoded certificate that is read, in bytes.
const MaxCertificate = 1024

// ParseCertificate decodes a certificate from outside; it still must be checked.
func ParseCertificate(b []byte) (*Certificate, error) {
	if len(b) > MaxCertificate {
		return nil, fmt.Errorf("%w: certificate of %d bytes, at most %d", wire.ErrTooLarge, len(b), MaxCertificate)
	}
	c := new(Certificate)
	if err := wire.Unmarshal(b, c); err != nil {
		return nil, err
	}
	return c, nil
}

func stamp(sec int64) string { return time.Unix(sec, 0).UTC().Format(time.RFC3339) }
