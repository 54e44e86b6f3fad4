package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// The major types of CBOR (RFC 8949, section 3.1).
const (
	majorUnsigned = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Low five bits of a head.
const (
	argOne   = 24 // one byte of argument follows
	argEight = 27 // eight bytes follow; what is above is reserved or indefinite
	simple16 = 25
	simple32 = 26
	simple64 = 27
)

var (
	errShort     = errors.New("it ends too early")
	errShortest  = errors.New("a number is not in its shortest form")
	errForbidden = errors.New("a tag, an indefinite length or a reserved value")
	errKeys      = errors.New("the keys of a map are not in ascending order, or stand twice")
	errKeyKind   = errors.New("a key of a map is neither a number nor a string")
)

// container is an array or a map whose elements are being read.
type container struct {
	left  int // elements, or keys and values, still to come
	pairs bool
	last  []byte // the key before, of a map
}

// canonical returns the number of elements of all arrays in b, and what keeps b from
// being exactly one value in the form that Marshal writes (RFC 8949, section 4.2.1),
// within the limits of this package.
// The codec's library accepts much more; two encodings of one value would let a
// sender give one message two hashes, and slip past what compares bytes. It
// reads b once, and allocates nothing unless it finds a fault.
func canonical(b []byte) (elements int, err error) {
	var open [MaxDepth]container
	depth, i := 0, 0
	for {
		start := i
		major, arg, n, err := head(b[i:])
		if err != nil {
			return 0, err
		}
		i += n
		var in *container
		if depth > 0 {
			in = &open[depth-1]
		}
		key := in != nil && in.pairs && in.left%2 == 0
		switch major {
		case majorBytes, majorText:
			if arg > uint64(len(b)-i) {
				return 0, errShort
			}
			end := i + int(arg)
			if major == majorText && !utf8.Valid(b[i:end]) {
				return 0, errors.New("a text is not UTF-8")
			}
			i = end
		case majorArray, majorMap:
			if key {
				return 0, errKeyKind
			}
			c, err := enter(major, arg, depth)
			if err != nil {
				return 0, err
			}
			if !c.pairs {
				elements += c.left
			}
			if c.left > 0 {
				open[depth] = c
				depth++
				continue
			}
		case majorSimple:
			if key {
				return 0, errKeyKind
			}
		}
		if key {
			if in.last != nil && bytes.Compare(in.last, b[start:i]) >= 0 {
				return 0, errKeys
			}
			in.last = b[start:i]
		}
		for depth > 0 { // one element ended; it may be the last of those around it
			open[depth-1].left--
			if open[depth-1].left > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			if i < len(b) {
				return 0, fmt.Errorf("%d bytes follow the value", len(b)-i)
			}
			return elements, nil
		}
	}
}

// enter checks the limits of an array or a map of arg elements at a depth.
func enter(major byte, arg uint64, depth int) (container, error) {
	switch {
	case depth == MaxDepth:
		return container{}, fmt.Errorf("it nests deeper than %d", MaxDepth)
	case major == majorArray && arg > MaxElements:
		return container{}, fmt.Errorf("an array of %d elements, at most %d", arg, MaxElements)
	case major == majorMap && arg > MaxPairs:
		return container{}, fmt.Errorf("a map of %d pairs, at most %d", arg, MaxPairs)
	case major == majorMap:
		return container{left: 2 * int(arg), pairs: true}, nil
	}
	return container{left: int(arg)}, nil
}

// head reads the first bytes of an item: its major type, its argument, and how
// many bytes that took.
func head(b []byte) (major byte, arg uint64, n int, err error) {
	if len(b) == 0 {
		return 0, 0, 0, errShort
	}
	major, low := b[0]>>5, b[0]&31
	switch {
	case major == majorTag || low > argEight:
		return 0, 0, 0, errForbidden
	case low < argOne:
		arg, n = uint64(low), 1
	default:
		size := 1 << (low - argOne)
		if len(b) <= size {
			return 0, 0, 0, errShort
		}
		var wide [8]byte
		copy(wide[8-size:], b[1:1+size])
		arg, n = binary.BigEndian.Uint64(wide[:]), 1+size
	}
	if major == majorSimple {
		return major, arg, n, simple(low, arg)
	}
	if least := [...]uint64{argOne, 1 << 8, 1 << 16, 1 << 32}; low >= argOne && arg < least[low-argOne] {
		return 0, 0, 0, errShortest
	}
	return major, arg, n, nil
}

// simple accepts false, true, null, and finite floating-point numbers in their
// shortest form.
func simple(low byte, arg uint64) error {
	var f float64
	switch low {
	case 20, 21, 22:
		return nil
	case simple16:
		if arg>>10&31 == 31 {
			return errForbidden // not finite
		}
		return nil
	case simple32:
		f = float64(math.Float32frombits(uint32(arg)))
	case simple64:
		f = math.Float64frombits(arg)
	default:
		return errForbidden
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errForbidden
	}
	if short, err := encMode.Marshal(f); err != nil || len(short) != 1+1<<(low-argOne) {
		return errShortest
	}
	return nil
}
