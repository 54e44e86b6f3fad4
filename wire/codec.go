// Package wire is the codec: how values become bytes between nodes, and what
// bytes are refused.
//
// Everything is CBOR in its deterministic form (RFC 8949, section 4.2), so that
// what is signed has one encoding. Any other form of a value is refused: numbers
// longer than they need, keys out of order, indefinite lengths, tags. Messages are
// plain structs with integer keys; they live beside their protocol, in its
// msg.go, and are listed in a Table. A field that a newer version added is skipped
// by an older one.
//
// What is sent most is coded by hand (Coded), with the Append functions and a Scanner:
// the bytes are the same, and what is refused is the codec's to say.
//
// Limits on size, depth and numbers of elements are set here, in one place, and
// hold before anything is allocated for them. Nothing in this package keeps a
// reference to the bytes it was given, and nothing it returns aliases them.
//
// Two rules for the types of messages keep what decoding costs near what was
// sent. Elements of lists are numbers or pointers (8 bytes for each byte that a
// hostile sender spends); longer things travel as byte strings of their own, as
// peer.Handle does. What a list claims to be and is not is refused before the codec's
// library makes an error for each of its elements. And an array of bytes has an UnmarshalBinary (see Exact), as
// the codec would fill it from a string of any length; and whatever has one has an
// UnmarshalCBOR besides (see ByteString). NewTable insists on both.
package wire

import (
	"encoding"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits of everything that is decoded from outside.
const (
	// MaxFrame is the largest message on a link, in bytes, without its length.
	MaxFrame = 64 << 10
	// MaxPayload is the largest payload of an envelope, in bytes. The rest of
	// a frame is for the overlay's own fields.
	MaxPayload = 48 << 10
	// MaxDepth is how deep arrays and maps may nest.
	MaxDepth = 16
	// MaxElements is the largest number of elements of one array. Lists of
	// nodes have lower limits of their own, checked by their messages.
	MaxElements = 1024
	// MaxPairs is the largest number of pairs of one map.
	MaxPairs = 64
)

// ErrMalformed is wrapped by every error of decoding: the bytes are not what
// they should be. The sender is at fault, or a link is broken.
var ErrMalformed = errors.New("malformed message")

// ErrTooLarge is wrapped when a value does not fit its limit.
var ErrTooLarge = errors.New("message too large")

// The encodings of nothing, of true and of false.
const (
	null = 0xf6
	yea  = 0xf5
	nay  = 0xf4
)

var encMode, decMode = modes()

func modes() (cbor.UserBufferEncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().UserBufferEncMode()
	if err != nil {
		panic(err) // a bug: the options are constants
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyQuiet, // canonical has seen to it
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  MaxDepth,
		MaxArrayElements: MaxElements,
		MaxMapPairs:      MaxPairs,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// Marshal returns the deterministic encoding of v. It fails only for types that
// CBOR has no form for, which is a bug of the caller.
func Marshal(v any) ([]byte, error) { return encMode.Marshal(v) }

// MustMarshal is Marshal for values whose types are known to encode; it panics
// otherwise.
func MustMarshal(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("wire: %T does not encode: %v", v, err))
	}
	return b
}

// Checker is implemented by messages with rules that their types cannot say:
// caps on lists, fields that must be present. Unmarshal calls Check last.
type Checker interface {
	// Check returns what is wrong with a decoded message, or nil.
	Check() error
}

// Unmarshal decodes exactly one value from b into v, a pointer, within the
// limits of this package, and calls its Check if it has one. It accepts nothing
// but the deterministic form, and no null in place of the value. On error, which
// wraps ErrMalformed, v must not be used.
func Unmarshal(b []byte, v any) error {
	return unmarshal(b, v, func() *form { return FormOf(v).form })
}

// unmarshal asks for the form of v only if it needs it.
func unmarshal(b []byte, v any, of func() *form) error {
	elements, err := canonical(b)
	if err == nil {
		err = affordable(b, elements, of)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if b[0] == null {
		return fmt.Errorf("%w: null", ErrMalformed)
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if c, ok := v.(Checker); ok {
		if err := c.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	return nil
}

// Exact copies b into dst, an array's slice, if the lengths are equal; otherwise
// it changes nothing and returns an error that wraps ErrMalformed. An array type
// makes its UnmarshalBinary of it.
func Exact(dst, b []byte) error {
	if len(b) != len(dst) {
		return fmt.Errorf("%w: %d bytes where %d belong", ErrMalformed, len(b), len(dst))
	}
	copy(dst, b)
	return nil
}

// ByteString lets into read the content of b, one encoded value that must be a byte
// string. A type that travels as a byte string makes its UnmarshalCBOR of it: the
// codec's library calls UnmarshalBinary for a byte string only, and would fill the
// type from a map, an array or null past all that UnmarshalBinary checks.
func ByteString(into encoding.BinaryUnmarshaler, b []byte) error {
	major, arg, n, err := head(b)
	if err != nil || major != majorBytes || arg != uint64(len(b)-n) {
		return fmt.Errorf("%w: no byte string where one belongs", ErrMalformed)
	}
	return into.UnmarshalBinary(b[n:])
}
