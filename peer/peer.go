// Package peer says who a node is: its handle, its certificate, the ring it
// belongs to, who was expelled from it, and the interfaces behind which real or
// simulated cryptography stands.
//
// Handles, certificates and admissions are immutable once made, and are shared
// by pointer freely: a newer incarnation or other addresses are a new value.
package peer

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a handle.
const (
	MaxAddrs   = 8   // addresses of one node
	MaxAddrLen = 128 // bytes of one address
)

// KeySize and SignatureSize are those of Ed25519, in bytes.
const (
	KeySize       = 32
	SignatureSize = 64
)

// Key is an Ed25519 public key, of a node, a ring's authority or a person. The
// zero Key is none.
type Key [KeySize]byte

// String returns the key as unpadded URL-safe base64.
func (k Key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly
// KeySize bytes and keeps no reference to b.
func (k *Key) UnmarshalBinary(b []byte) error { return wire.Exact(k[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (k *Key) UnmarshalCBOR(b []byte) error { return wire.ByteString(k, b) }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// Handle is what one node knows another by. It is frozen.
type Handle struct {
	ID  id.ID
	Key Key
	// Incarnation grows with every start of the node; a verdict about one
	// incarnation says nothing about a later one.
	Incarnation uint64
	// Addrs are where it can be reached, best first, in the transport's own
	// notation. They are hints: only the key proves who answers.
	Addrs []string
	// Moves counts how often the addresses changed in this incarnation, so that
	// what is told late of an earlier place does not replace a later one.
	Moves uint32
}

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (h *Handle) UnmarshalCBOR(b []byte) error { return wire.ByteString(h, b) }

// Check returns what is wrong with a handle that came from outside, or nil. It
// does not prove that the id belongs to the key: a certificate does.
func (h *Handle) Check() error {
	switch {
	case h.ID.IsZero():
		return fmt.Errorf("handle without an id")
	case len(h.Addrs) > MaxAddrs:
		return fmt.Errorf("handle with %d addresses, at most %d", len(h.Addrs), MaxAddrs)
	}
	for _, a := range h.Addrs {
		if a == "" || len(a) > MaxAddrLen {
			return fmt.Errorf("handle with an address of %d bytes, want 1 to %d", len(a), MaxAddrLen)
		}
	}
	return nil
}

// String returns the short id and the incarnation, for logs.
func (h *Handle) String() string {
	if h == nil {
		return "nobody"
	}
	return fmt.Sprintf("%s/%d", h.ID.Short(), h.Incarnation)
}

// Newer reports whether h should replace old, a handle of the same node: it is of
// a later incarnation, or of the same one after more moves; or nothing says which
// of two different lists of addresses is the later one.
func (h *Handle) Newer(old *Handle) bool {
	switch {
	case h.Incarnation != old.Incarnation:
		return h.Incarnation > old.Incarnation
	case h.Moves != old.Moves:
		return h.Moves > old.Moves
	}
	return !slices.Equal(h.Addrs, old.Addrs)
}

// MovedTo returns the handle of the same incarnation at other addresses, which it
// keeps a copy of.
func (h *Handle) MovedTo(addrs []string) *Handle {
	moved := *h
	moved.Addrs, moved.Moves = slices.Clone(addrs), h.Moves+1
	return &moved
}

// CheckList returns an error if a list of handles from outside has more than limit
// elements, a nil one, or one node twice.
func CheckList(hs []*Handle, limit int) error {
	if len(hs) > limit {
		return fmt.Errorf("list of %d nodes, at most %d", len(hs), limit)
	}
	seen := make(map[id.ID]struct{}, len(hs))
	for _, h := range hs {
		if h == nil {
			return fmt.Errorf("list of nodes with an empty entry")
		}
		if _, twice := seen[h.ID]; twice {
			return fmt.Errorf("list with node %s twice", h.ID.Short())
		}
		seen[h.ID] = struct{}{}
	}
	return nil
}

// Signer signs with one private key.
type Signer interface {
	// Public returns the key by which signatures are checked.
	Public() Key
	// Sign returns an Ed25519 signature of SignatureSize bytes, new memory.
	Sign(message []byte) []byte
}

// Verifier checks signatures.
type Verifier interface {
	// Verify reports whether sig is a valid, canonical signature of message by
	// key. It is false for keys of small order and sigs of another length.
	Verify(key Key, message, sig []byte) bool
}

// SealKey is the public half of a sealing key pair (hybrid: X25519 and
// ML-KEM-768), as bytes in the Sealer's encoding.
type SealKey []byte

// Sealer encrypts to a holder of a private key who is not there (HPKE).
type Sealer interface {
	// Seal encrypts plaintext to the key. info is bound to it and must be the
	// same at Open. It fails for a key that is not one.
	Seal(to SealKey, info, plaintext []byte) ([]byte, error)
}

// Opener decrypts what was sealed to its key.
type Opener interface {
	// SealKey returns the public half.
	SealKey() SealKey
	// Open returns the plaintext, or an error if anything was altered.
	Open(info, sealed []byte) ([]byte, error)
}
