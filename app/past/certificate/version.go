package certificate

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Version is a version of a mutable object as somebody has it: what its owner signed, and
// who rules that it is current.
type Version struct {
	Certificate *Certificate
	Content     []byte
	Ruling      *Ruling
}

// After reports whether v was ruled to be current after u.
func (v *Version) After(u *Version) bool { return v.Ruling.After(u.Ruling) }

// Verify returns nil if this is a version of an object, signed by its owner and by a root.
// The error wraps ErrCertificate, ErrRuling or ErrContent.
func (v *Version) Verify(ring, object id.Hash, ver peer.Verifier) error {
	if v.Certificate.ID() != object || v.Certificate.Kind != Mutable {
		return fmt.Errorf("%w: of another object", ErrCertificate)
	}
	return errors.Join(v.Certificate.Verify(ring, ver), v.Ruling.Verify(ring, v.Certificate, ver), v.Certificate.Fits(v.Content))
}
