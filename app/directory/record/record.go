package record

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a record.
const (
	MaxDevices   = 16
	MaxSealKey   = 2048 // bytes
	MaxFullName  = 128  // bytes
	MaxAbout     = 1024 // bytes
	MaxInterests = 16
	MaxInterest  = 64 // bytes
	// MaxRecord is the largest encoded record, in bytes.
	MaxRecord = 6 << 10
)

// ErrRecord: the record breaks a limit, or its signature is wrong.
var ErrRecord = errors.New("the record is not right")

// Record is what the ring knows of a name: whose it is, how to seal a message to
// him, and on which nodes he lives. It is signed by the identity key, and frozen
// once it is signed: a change is a new record with a higher version.
type Record struct {
	Name       Name         `cbor:"1,keyasint"`
	Identity   peer.Key     `cbor:"2,keyasint"`           // Ed25519, the person's own
	SealKey    peer.SealKey `cbor:"3,keyasint,omitempty"` // what messages to him are sealed to
	SealNumber uint32       `cbor:"4,keyasint,omitempty"` // rises with each new sealing key
	Devices    []*Device    `cbor:"5,keyasint,omitempty"` // the nodes that he lives on, best first
	Profile    Profile      `cbor:"6,keyasint"`
	Version    uint64       `cbor:"7,keyasint"` // from 1; rises with each change
	Time       int64        `cbor:"8,keyasint"` // when it was signed, Unix seconds; a refresh renews it
	Sig        []byte       `cbor:"9,keyasint"`
}

// Device is a node on which a person lives.
type Device struct {
	Node  id.ID `cbor:"1,keyasint"`
	Since int64 `cbor:"2,keyasint"` // Unix seconds
}

// Profile is what a person says of himself. It proves nothing.
type Profile struct {
	FullName  string   `cbor:"1,keyasint,omitempty"`
	About     string   `cbor:"2,keyasint,omitempty"`
	Interests []string `cbor:"3,keyasint,omitempty"`
	// Unlisted keeps the record out of lists: who knows the name finds it, nobody else.
	Unlisted bool `cbor:"4,keyasint,omitempty"`
}

// Content is the hash of all that a change changes: not of version and time.
func (r *Record) Content() id.Hash {
	devices := make([]any, 0, 2*len(r.Devices))
	for _, d := range r.Devices {
		if d == nil {
			continue // Check refuses it
		}
		node := d.Node.Bytes()
		devices = append(devices, node[:], d.Since)
	}
	interests := make([]any, 0, len(r.Profile.Interests))
	for _, s := range r.Profile.Interests {
		interests = append(interests, s)
	}
	parts := []any{string(r.Name), r.Identity[:], []byte(r.SealKey), r.SealNumber,
		devices, r.Profile.FullName, r.Profile.About, interests}
	if r.Profile.Unlisted { // younger than records that were signed without it
		parts = append(parts, "unlisted")
	}
	return id.HashOf("record content", parts...)
}

// Hash is the record's own id in a ring: what is signed.
func (r *Record) Hash(ring id.Hash) id.Hash {
	return id.HashOf("record", ring, r.Content(), r.Version, r.Time)
}

// Sign returns a signed copy of r for a ring, with the identity of the signer and
// the time of day now. r itself is not changed; lists are shared.
func (r *Record) Sign(ring id.Hash, identity peer.Signer, now time.Time) *Record {
	s := *r
	s.Identity, s.Time = identity.Public(), now.Unix()
	h := s.Hash(ring)
	s.Sig = identity.Sign(h[:])
	return &s
}

// Verify returns nil if the record is within its limits and was signed, for this
// ring, by its identity. The error wraps ErrRecord.
func (r *Record) Verify(ring id.Hash, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if h := r.Hash(ring); !v.Verify(r.Identity, h[:], r.Sig) {
		return fmt.Errorf("%w: wrong signature", ErrRecord)
	}
	return nil
}

// Check implements wire.Checker: the limits that hold for every record. The error
// wraps ErrRecord.
func (r *Record) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
	if n, err := ParseName(string(r.Name)); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	} else if n != r.Name {
		return bad("the name is not in its normal form")
	}
	switch {
	case r.Identity.IsZero():
		return bad("no identity key")
	case len(r.SealKey) > MaxSealKey:
		return bad("sealing key of %d bytes, at most %d", len(r.SealKey), MaxSealKey)
	case len(r.Devices) > MaxDevices:
		return bad("%d devices, at most %d", len(r.Devices), MaxDevices)
	case r.Version == 0:
		return bad("no version")
	case r.Time <= 0 || r.Time > maxTime:
		return bad("impossible time %d", r.Time)
	case len(r.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(r.Sig))
	}
	for i, d := range r.Devices {
		if d == nil || d.Node.IsZero() || d.Since < 0 || d.Since > maxTime {
			return bad("an impossible device")
		}
		for _, e := range r.Devices[:i] {
			if e.Node == d.Node {
				return bad("a device twice")
			}
		}
	}
	if err := r.Profile.check(); err != nil {
		return bad("%s", err)
	}
	if n := len(wire.MustMarshal(r)); n > MaxRecord {
		return bad("%d bytes, at most %d", n, MaxRecord)
	}
	return nil
}

// maxTime is far beyond any date that a clock may show, and far from overflow.
const maxTime = 1 << 40

func (p *Profile) check() error {
	switch {
	case len(p.FullName) > MaxFullName:
		return fmt.Errorf("full name of %d bytes, at most %d", len(p.FullName), MaxFullName)
	case len(p.About) > MaxAbout:
		return fmt.Errorf("text about oneself of %d bytes, at most %d", len(p.About), MaxAbout)
	case len(p.Interests) > MaxInterests:
		return fmt.Errorf("%d interests, at most %d", len(p.Interests), MaxInterests)
	}
	for _, s := range p.Interests {
		if s == "" || len(s) > MaxInterest {
			return fmt.Errorf("an interest of %d bytes, want 1 to %d", len(s), MaxInterest)
		}
	}
	return nil
}

// Newer reports whether r replaces old, a record of the same name and identity:
// it has a higher version, or is the same version refreshed.
func (r *Record) Newer(old *Record) bool {
	if r.Version != old.Version {
		return r.Version > old.Version
	}
	return r.Time > old.Time
}

// Fingerprint is a key's short form for people: 24 hex digits, the same as package
// keys gives.
func Fingerprint(k peer.Key) string { return id.HashOf("fingerprint", k[:]).String()[:24] }
