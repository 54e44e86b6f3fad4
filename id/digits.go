package id

import "math/bits"

// Base is the number of bits of a digit, 1 to 8, a divisor of 128. Pastry's
// papers call it b and use 4.
type Base uint8

// Valid reports whether digits of this width fill an identifier exactly.
func (b Base) Valid() bool { return b == 1 || b == 2 || b == 4 || b == 8 }

// Rows is the number of digits of an identifier.
func (b Base) Rows() int { return Bits / int(b) }

// Cols is the number of values of a digit, 2^b.
func (b Base) Cols() int { return 1 << b }

// Digit returns digit i of x, counted from 0 at the most significant end.
func (b Base) Digit(x ID, i int) int {
	off := i * int(b)
	w := x.Hi
	if off >= 64 {
		w, off = x.Lo, off-64
	}
	return int(w>>(64-off-int(b))) & (1<<b - 1)
}

// SharedPrefix returns how many leading digits x and y have in common
// (shl in the Pastry paper); Rows() if they are equal.
func (b Base) SharedPrefix(x, y ID) int {
	if d := x.Hi ^ y.Hi; d != 0 {
		return bits.LeadingZeros64(d) / int(b)
	}
	if d := x.Lo ^ y.Lo; d != 0 {
		return (64 + bits.LeadingZeros64(d)) / int(b)
	}
	return b.Rows()
}

// WithDigit returns x with digit i set to v and all later digits zero: the
// first point of the arc of ids that share i digits with x and go on with v.
func (b Base) WithDigit(x ID, i, v int) ID {
	x = x.keep(i * int(b))
	sh := Bits - (i+1)*int(b)
	if sh >= 64 {
		x.Hi |= uint64(v) << (sh - 64)
	} else {
		x.Lo |= uint64(v) << sh
	}
	return x
}

// PrefixRange returns the arc of all ids that share the first n digits of x.
func (b Base) PrefixRange(x ID, n int) Range {
	if n == 0 {
		return Range{Full: true}
	}
	k := n * int(b)
	from := x.keep(k)
	rest := Max.keep(k)
	return Range{From: from, To: ID{from.Hi | ^rest.Hi, from.Lo | ^rest.Lo}}
}

// keep returns x with all but its first n bits cleared.
func (x ID) keep(n int) ID {
	switch {
	case n <= 0:
		return ID{}
	case n < 64:
		return ID{Hi: x.Hi &^ (^uint64(0) >> n)}
	case n == 64:
		return ID{Hi: x.Hi}
	case n < Bits:
		return ID{x.Hi, x.Lo &^ (^uint64(0) >> (n - 64))}
	}
	return x
}
