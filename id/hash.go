package id

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Hash is a 256-bit content or name id. Its place on the ring is its first half.
type Hash [sha256.Size]byte

// Place returns where on the ring the hash lies: its first 128 bits, as PAST
// placed its 160-bit fileIds.
func (h Hash) Place() ID { return FromBytes(h[:]) }

// String returns 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler (64 hex digits).
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it accepts 64 hex digits.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("not a hash: want %d hex digits (got %d characters)", 2*len(h), len(b))
	}
	var v Hash
	if _, err := hex.Decode(v[:], b); err != nil {
		return fmt.Errorf("not a hash: want %d hex digits (got other characters)", 2*len(h))
	}
	*h = v
	return nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly 32
// bytes and keeps no reference to b.
func (h *Hash) UnmarshalBinary(b []byte) error {
	if len(b) != len(h) {
		return fmt.Errorf("not a hash: want %d bytes (got %d)", len(h), len(b))
	}
	copy(h[:], b)
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler. It accepts a byte string of 32 bytes
// and nothing else.
func (h *Hash) UnmarshalCBOR(b []byte) error {
	if len(b) != 2+len(h) || b[0] != 0x58 || int(b[1]) != len(h) {
		return fmt.Errorf("not a hash: want a string of %d bytes", len(h))
	}
	return h.UnmarshalBinary(b[2:])
}

// IsZero reports whether h is the zero hash, which stands for "none".
func (h Hash) IsZero() bool { return h == Hash{} }

var hashMode = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // a bug: the options are constants
	}
	return m
}()

// HashOf returns SHA-256 over the deterministic CBOR array
// ["phyllo/KIND/1", part, ...], so that parts can never run together and two
// kinds never collide. Parts are byte strings, texts, integers, ids or hashes;
// a part that CBOR cannot encode is a bug and panics.
func HashOf(kind string, parts ...any) Hash {
	list := make([]any, 0, len(parts)+1)
	list = append(list, "phyllo/"+kind+"/1")
	for _, p := range parts {
		switch v := p.(type) {
		case ID:
			b := v.Bytes()
			p = b[:]
		case Hash:
			p = v[:]
		}
		list = append(list, p)
	}
	b, err := hashMode.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("id.HashOf(%q): %v", kind, err))
	}
	return sha256.Sum256(b)
}
