// Package id is the ring: 128-bit identifiers, their digits, prefixes,
// distances and ranges, and the one hash by which names become places.
//
// Identifiers form a circle of size 2^128 (Pastry, Middleware 2001, section 2).
// A digit has b bits; b is a parameter (type Base) so that tests can use a ring
// of 8 bits, small enough to check by eye: see Tiny.
//
// All types are plain values, comparable with ==, and safe to copy.
package id

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
)

// Bits is the width of an identifier.
const Bits = 128

// Size is the length of an identifier in bytes.
const Size = Bits / 8

// ID is a point on the ring, big-endian: Hi holds the first 64 bits.
// The zero value is the point 0.
type ID struct {
	Hi, Lo uint64
}

// Max is the largest identifier, the last point before the ring wraps to zero.
var Max = ID{^uint64(0), ^uint64(0)}

// ErrSyntax is returned by Parse and the decoders for text or bytes that are
// not an identifier.
var ErrSyntax = errors.New("not an id: want 32 hex digits")

// FromBytes reads the first 16 bytes of b. It panics if b is shorter: callers
// check lengths of outside bytes first, or use UnmarshalBinary.
func FromBytes(b []byte) ID {
	_ = b[15]
	var x ID
	for i := range 8 {
		x.Hi = x.Hi<<8 | uint64(b[i])
		x.Lo = x.Lo<<8 | uint64(b[8+i])
	}
	return x
}

// Bytes returns the identifier as 16 bytes, big-endian.
func (x ID) Bytes() [Size]byte {
	var b [Size]byte
	for i := range 8 {
		b[i] = byte(x.Hi >> (56 - 8*i))
		b[8+i] = byte(x.Lo >> (56 - 8*i))
	}
	return b
}

// Parse reads an identifier from exactly 32 hex digits of either case.
func Parse(s string) (ID, error) {
	if len(s) != 2*Size {
		return ID{}, fmt.Errorf("%w (got %d characters)", ErrSyntax, len(s))
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return ID{}, fmt.Errorf("%w (got other characters)", ErrSyntax)
	}
	return FromBytes(b), nil
}

// Tiny places an 8-bit number on the ring: its bits are the first eight, the
// others are zero. Tiny ids keep all arithmetic of the full ring (distances are
// multiples of 2^120), so a test with 256 points fits a page.
func Tiny(x uint8) ID { return ID{Hi: uint64(x) << 56} }

// String returns the identifier as 32 lower-case hex digits.
func (x ID) String() string { return fmt.Sprintf("%016x%016x", x.Hi, x.Lo) }

// Short returns the first 8 hex digits, for people and logs; it is not unique.
func (x ID) Short() string { return fmt.Sprintf("%08x", x.Hi>>32) }

// MarshalText implements encoding.TextMarshaler (32 hex digits).
func (x ID) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see Parse.
func (x *ID) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	if err == nil {
		*x = v
	}
	return err
}

// MarshalBinary implements encoding.BinaryMarshaler (16 bytes, big-endian).
func (x ID) MarshalBinary() ([]byte, error) { b := x.Bytes(); return b[:], nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It accepts exactly 16
// bytes and keeps no reference to b.
func (x *ID) UnmarshalBinary(b []byte) error {
	if len(b) != Size {
		return fmt.Errorf("%w (got %d bytes)", ErrSyntax, len(b))
	}
	*x = FromBytes(b)
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler. It accepts a byte string of 16 bytes
// and nothing else.
func (x *ID) UnmarshalCBOR(b []byte) error {
	if len(b) != 1+Size || b[0] != 0x40+Size {
		return ErrSyntax
	}
	return x.UnmarshalBinary(b[1:])
}

// IsZero reports whether x is the point 0, which stands for "no id" in messages.
func (x ID) IsZero() bool { return x.Hi|x.Lo == 0 }

// Cmp compares as 128-bit numbers: -1, 0 or +1. It is not a ring order.
func (x ID) Cmp(y ID) int {
	switch {
	case x.Hi < y.Hi:
		return -1
	case x.Hi > y.Hi:
		return 1
	case x.Lo < y.Lo:
		return -1
	case x.Lo > y.Lo:
		return 1
	}
	return 0
}

// Less reports whether x < y as 128-bit numbers.
func (x ID) Less(y ID) bool { return x.Hi < y.Hi || x.Hi == y.Hi && x.Lo < y.Lo }

// Add returns x + y modulo 2^128.
func (x ID) Add(y ID) ID {
	lo, c := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(x.Hi, y.Hi, c)
	return ID{hi, lo}
}

// Sub returns x - y modulo 2^128: the way clockwise (upwards) from y to x.
func (x ID) Sub(y ID) ID {
	lo, c := bits.Sub64(x.Lo, y.Lo, 0)
	hi, _ := bits.Sub64(x.Hi, y.Hi, c)
	return ID{hi, lo}
}

// Half returns x / 2, rounded down.
func (x ID) Half() ID { return ID{x.Hi >> 1, x.Lo>>1 | x.Hi<<63} }

// Distance returns the shorter way round the ring between x and y; at most 2^127.
func (x ID) Distance(y ID) ID {
	d := x.Sub(y)
	if d.Hi>>63 != 0 { // more than (or exactly) half the ring: the other way
		return y.Sub(x)
	}
	return d
}

// Closer reports whether a is strictly nearer to key than b. Of two different
// points at equal distance the numerically smaller is the nearer, so that every
// key has exactly one nearest node. Closer(key, a, a) is false.
func Closer(key, a, b ID) bool {
	switch c := a.Distance(key).Cmp(b.Distance(key)); {
	case c != 0:
		return c < 0
	default:
		return a.Less(b)
	}
}

// Between reports whether x lies on the arc clockwise from a to b, both ends
// excluded. If a == b the arc is the whole ring without that point.
func Between(a, x, b ID) bool {
	if a == b {
		return x != a
	}
	d := x.Sub(a)
	return !d.IsZero() && d.Less(b.Sub(a))
}

// Middle returns the last point, going clockwise from a to b, that is nearer to
// a than to b by the rule of Closer, where a and b are neighbours on the ring.
func Middle(a, b ID) ID {
	gap := b.Sub(a)
	m := a.Add(gap.Half())
	if !gap.IsZero() && gap.Lo&1 == 0 && b.Less(a) {
		// The arc has an exact middle, and the tie goes to the smaller id, b.
		m = m.Sub(ID{Lo: 1})
	}
	return m
}

// Range is an arc of the ring, clockwise from From to To, both included.
// Full is set for the whole ring, when From and To mean nothing.
type Range struct {
	From ID   `cbor:"1,keyasint"`
	To   ID   `cbor:"2,keyasint"`
	Full bool `cbor:"3,keyasint,omitempty"`
}

// Contains reports whether x lies in the range.
func (r Range) Contains(x ID) bool {
	return r.Full || !r.To.Sub(r.From).Less(x.Sub(r.From))
}

// String shows the range with short ids.
func (r Range) String() string {
	if r.Full {
		return "[the whole ring]"
	}
	return "[" + r.From.Short() + ".." + r.To.Short() + "]"
}
