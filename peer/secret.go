package peer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/phyllo-net/phyllo/wire"
)

// SecretSize is the length of a Secret, in bytes.
const SecretSize = 32

// Secret is a key that all who may read or write have alike. It is printed as a fixed word.
type Secret [SecretSize]byte

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly SecretSize bytes
// and keeps no reference to b.
func (s *Secret) UnmarshalBinary(b []byte) error { return wire.Exact(s[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (s *Secret) UnmarshalCBOR(b []byte) error { return wire.ByteString(s, b) }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// Format implements fmt.Formatter for all verbs: it never shows the secret.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "(secret)") }

// Derive returns a secret for one purpose, which tells nothing of s or of those for other
// purposes (HMAC-SHA256 over the purpose and what it is about, each with its length before it).
func (s Secret) Derive(purpose string, about ...[]byte) (out Secret) {
	mac := hmac.New(sha256.New, s[:])
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		mac.Write(n[:])
		mac.Write(b)
	}
	part([]byte(purpose))
	for _, b := range about {
		part(b)
	}
	mac.Sum(out[:0])
	return out
}

// LockOverhead is what Locker.Lock adds to a plaintext, in bytes.
const LockOverhead = 16

// Locker encrypts with a key that both sides have (AEAD), and makes such keys. All methods but
// NewSecret must bear calls from several goroutines.
type Locker interface {
	// NewSecret returns a secret that nobody can guess.
	NewSecret() Secret
	// Lock encrypts plaintext, and binds info to it, which must be the same at Unlock. A key
	// must never lock two different texts. The result is new memory, LockOverhead bytes longer.
	Lock(key Secret, info, plaintext []byte) []byte
	// Unlock returns the plaintext, new memory, or an error if anything was altered.
	Unlock(key Secret, info, locked []byte) ([]byte, error)
	// Signer returns the signer whose private key is this seed.
	Signer(seed Secret) Signer
}
