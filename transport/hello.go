package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxHello is the largest encoded hello that is read, in bytes.
const MaxHello = 4 << 10

// HelloTime is how long a new link may take until both hellos are read, as an
// absolute deadline.
const HelloTime = 5 * time.Second

// Reasons why a hello is wrong. They are wrapped by the errors of Verify.
var (
	// ErrSelf: the other end is this very node.
	ErrSelf = errors.New("the node called itself")
	// ErrMismatch: handle, certificate and the connection's key do not belong
	// together.
	ErrMismatch = errors.New("handle, certificate and key do not belong together")
	// ErrCertificate: Config.Check refused the certificate.
	ErrCertificate = errors.New("the certificate is refused")
)

// VersionError says that two nodes have no protocol version in common. It wraps
// ErrVersion.
type VersionError struct {
	Min, Max uint // what the other node speaks
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%v: it speaks %d to %d, this one %d to %d",
		ErrVersion, e.Min, e.Max, wire.MinVersion, wire.Version)
}

// Unwrap returns ErrVersion.
func (e *VersionError) Unwrap() error { return ErrVersion }

// Hello is the first frame in both directions of a link.
type Hello struct {
	Min, Max uint // protocol versions that the sender speaks
	Handle   *peer.Handle
	Cert     *peer.Certificate
	// Number counts the attempts of this incarnation to make a link. In an
	// answer it is that of the last attempt so far: what the answered node still
	// hears of attempts up to it is void, because this link took their place.
	Number uint64
}

// helloFields is the encoded form. Handle and certificate are byte strings, so
// that their own limits hold before anything of them is decoded, and so that the
// versions can be read even if another version changes the rest.
type helloFields struct {
	Min    uint   `cbor:"1,keyasint"`
	Max    uint   `cbor:"2,keyasint"`
	Handle []byte `cbor:"3,keyasint"`
	Cert   []byte `cbor:"4,keyasint"`
	Number uint64 `cbor:"5,keyasint"`
}

// NewHello returns the hello of a node that speaks this program's versions.
func NewHello(h *peer.Handle, c *peer.Certificate, number uint64) *Hello {
	return &Hello{Min: wire.MinVersion, Max: wire.Version, Handle: h, Cert: c, Number: number}
}

// Encode returns the hello as bytes. The error wraps wire.ErrTooLarge if they
// exceed MaxHello.
func (h *Hello) Encode() ([]byte, error) {
	handle, err := h.Handle.MarshalBinary()
	if err != nil {
		return nil, err
	}
	cert, err := wire.Marshal(h.Cert)
	if err != nil {
		return nil, err
	}
	b, err := wire.Marshal(helloFields{Min: h.Min, Max: h.Max, Handle: handle, Cert: cert, Number: h.Number})
	if err == nil && len(b) > MaxHello {
		err = fmt.Errorf("%w: hello of %d bytes, at most %d", wire.ErrTooLarge, len(b), MaxHello)
	}
	return b, err
}

// ParseHello decodes a hello from outside; it still must be verified. Errors wrap
// wire.ErrMalformed or wire.ErrTooLarge, or are a *VersionError, for which the
// rest of the hello was not looked at.
func ParseHello(b []byte) (*Hello, error) {
	if len(b) > MaxHello {
		return nil, fmt.Errorf("%w: hello of %d bytes, at most %d", wire.ErrTooLarge, len(b), MaxHello)
	}
	var f helloFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Max < f.Min:
		return nil, fmt.Errorf("%w: versions %d to %d", wire.ErrMalformed, f.Min, f.Max)
	case f.Max < wire.MinVersion || f.Min > wire.Version:
		return nil, &VersionError{Min: f.Min, Max: f.Max}
	}
	h := &Hello{Min: f.Min, Max: f.Max, Number: f.Number, Handle: new(peer.Handle)}
	if err := h.Handle.UnmarshalBinary(f.Handle); err != nil {
		return nil, err
	}
	var err error
	if h.Cert, err = peer.ParseCertificate(f.Cert); err != nil {
		return nil, err
	}
	return h, nil
}

// Verify reports whether the hello is that of the node that holds the key which
// the connection proved, and whether check finds its certificate good. own is
// the id of the node that asks.
func (h *Hello) Verify(proven peer.Key, own id.ID, check func(*peer.Certificate) error) error {
	switch {
	case h.Handle.ID == own:
		return ErrSelf
	case h.Handle.ID != h.Cert.Node:
		return fmt.Errorf("%w: handle of %s, certificate of %s", ErrMismatch, h.Handle.ID.Short(), h.Cert.Node.Short())
	case h.Handle.Key != proven, h.Cert.Key != proven:
		return fmt.Errorf("%w: another key was proven", ErrMismatch)
	}
	if err := check(h.Cert); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return nil
}

// RefusalReason says why a node refuses a link.
type RefusalReason uint8

// Reasons of a refusal.
const (
	// RefusedHello: the hello was malformed, or its parts do not belong together.
	RefusedHello RefusalReason = iota + 1
	// RefusedVersion: no common protocol version; the refusal names the range.
	RefusedVersion
	// RefusedCertificate: the certificate is not good in the eyes of the other node.
	RefusedCertificate
	// RefusedSurplus: the other node is making a link itself at this moment, and
	// by the fixed rule its own one is kept.
	RefusedSurplus
	// RefusedStale: the other node has a link to a later incarnation.
	RefusedStale
	// RefusedNoMember: the other node is no member of a ring at this moment.
	RefusedNoMember
	// RefusedBusy: too many links are being made.
	RefusedBusy
	// RefusedBanned: what this node sent before was bad, three times in a minute.
	RefusedBanned
)

var refusalTexts = [...]string{
	"?", "it finds our hello malformed", "no common protocol version", "it refuses our certificate",
	"it makes the link itself", "it knows a later incarnation of this node",
	"it is no member of a ring now", "it is busy with other new links", "it does not speak with this node for a minute, which sent it what makes no sense",
}

// String says the reason in words.
func (r RefusalReason) String() string {
	if int(r) < len(refusalTexts) {
		return refusalTexts[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// MaxRefusal is the largest encoded refusal that is read, in bytes.
const MaxRefusal = 64

// Refusal is the answer to a hello in place of a hello. It names the versions that
// its sender speaks.
type Refusal struct {
	Reason RefusalReason `cbor:"1,keyasint"`
	Min    uint          `cbor:"2,keyasint"`
	Max    uint          `cbor:"3,keyasint"`
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Reason == RefusedVersion {
		return (&VersionError{Min: r.Min, Max: r.Max}).Error()
	}
	return "the other node refuses the link: " + r.Reason.String()
}

// Unwrap returns ErrVersion for a refusal because of versions.
func (r *Refusal) Unwrap() error {
	if r.Reason == RefusedVersion {
		return ErrVersion
	}
	return nil
}

// Encode returns the refusal as bytes.
func (r *Refusal) Encode() []byte { return wire.MustMarshal(r) }

// ParseRefusal decodes a refusal. Errors wrap wire.ErrMalformed.
func ParseRefusal(b []byte) (*Refusal, error) {
	if len(b) > MaxRefusal {
		return nil, fmt.Errorf("%w: refusal of %d bytes, at most %d", wire.ErrMalformed, len(b), MaxRefusal)
	}
	r := new(Refusal)
	if err := wire.Unmarshal(b, r); err != nil {
		return nil, err
	}
	return r, nil
}
