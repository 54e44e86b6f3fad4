package id

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
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

// HashOf returns SHA-256 over the deterministic CBOR array
// ["phyllo/KIND/1", part, ...], so that parts can never run together and two
// kinds never collide. Parts are ids, hashes, and the plain types of Go: []byte, string, bool, int,
// int64 and the unsigned integers, or lists ([]any) of such. One of another type is a bug and panics.
func HashOf(kind string, parts ...any) Hash {
	var room [usual]byte
	b := appendHead(room[:0], majorArray, uint64(len(parts)+1))
	b = appendHead(b, majorText, uint64(len(prefix)+len(kind)+len(suffix)))
	b = append(append(append(b, prefix...), kind...), suffix...)
	for _, p := range parts {
		b = appendPart(b, kind, p)
	}
	return sha256.Sum256(b)
}

const (
	prefix = "phyllo/"
	suffix = "/1"
	// usual is what the parts of most hashes come to, in bytes.
	usual = 384
)

// The major types of CBOR that parts have (RFC 8949, section 3.1), in their place in a head.
const (
	majorUnsigned = 0 << 5
	majorNegative = 1 << 5
	majorBytes    = 2 << 5
	majorText     = 3 << 5
	majorArray    = 4 << 5
)

// The simple values of CBOR that parts have (section 3.3).
const (
	no   = 0xf4
	yes  = 0xf5
	null = 0xf6
)

// appendPart appends the encoding of one part. It is written by hand, as much of what is signed
// and verified is a hash of few parts; and lets none of them escape, not even into an error, as
// else each would take memory of its own.
func appendPart(b []byte, kind string, p any) []byte {
	switch v := p.(type) {
	case ID:
		x := v.Bytes()
		return append(appendHead(b, majorBytes, uint64(len(x))), x[:]...)
	case Hash:
		return append(appendHead(b, majorBytes, uint64(len(v))), v[:]...)
	case []byte:
		if v == nil {
			return append(b, null)
		}
		return append(appendHead(b, majorBytes, uint64(len(v))), v...)
	case string:
		return append(appendHead(b, majorText, uint64(len(v))), v...)
	case int:
		return appendInt(b, int64(v))
	case int64:
		return appendInt(b, v)
	case uint8:
		return appendHead(b, majorUnsigned, uint64(v))
	case uint16:
		return appendHead(b, majorUnsigned, uint64(v))
	case uint32:
		return appendHead(b, majorUnsigned, uint64(v))
	case uint64:
		return appendHead(b, majorUnsigned, v)
	case bool:
		if v {
			return append(b, yes)
		}
		return append(b, no)
	case []any:
		b = appendHead(b, majorArray, uint64(len(v)))
		for _, p := range v {
			b = appendPart(b, kind, p)
		}
		return b
	}
	panic(fmt.Sprintf("id.HashOf(%q): a part is a %v", kind, reflect.TypeOf(p)))
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNegative, uint64(-1-n))
	}
	return appendHead(b, majorUnsigned, uint64(n))
}

// appendHead appends the head of an item in its shortest form. Package wire has the same, and
// stands above this one.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}
