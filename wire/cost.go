package wire

import (
	"errors"
	"reflect"
)

// What decoding may take, in bytes, for each byte that came and besides.
const (
	costEach = 8
	costBase = 2 << 10
)

// dearest is more than the codec's library takes for one element of a list, whatever it
// is: it goes on behind an element that it cannot decode, and makes an error for each.
const dearest = 600

// ownCost is what a type with an UnmarshalBinary may take besides its own size before
// it refuses a string; what it decodes in it is counted there.
const ownCost = 256

var (
	errKind = errors.New("something of another kind than belongs there")
	errCost = errors.New("more memory is asked for than was paid for in bytes")
)

// affordable returns what keeps b from being decoded into a value of a form with
// memory in proportion to its length, or nil. elements is the number of elements of all
// lists in b, which is canonical. With few of them nothing needs to be looked at;
// else everything is, in the order of the bytes, until the first that does not fit.
func affordable(b []byte, elements int, of func() *form) error {
	if elements*dearest <= costEach*len(b) {
		return nil
	}
	c := bill{left: costEach*len(b) + costBase}
	_, err := c.item(b, of())
	return err
}

// bill is the memory that may still be taken.
type bill struct{ left int }

func (c *bill) pay(n int) error {
	if c.left -= n; c.left < 0 {
		return errCost
	}
	return nil
}

// item reads one item that is to become a value of a form, and returns what follows
// it. Without a form it is one that will be skipped.
func (c *bill) item(b []byte, f *form) ([]byte, error) {
	major, arg, n, err := head(b)
	if err != nil {
		return nil, err
	}
	if b[0] == null {
		return b[n:], nil
	}
	for f != nil && f.kind == reflect.Pointer {
		if f = f.elem; c.pay(f.size) != nil {
			return nil, errCost
		}
	}
	if f != nil && !f.fits(b[0], arg) {
		return nil, errKind
	}
	b = b[n:]
	switch major {
	case majorBytes, majorText:
		return b[arg:], c.payString(f, int(arg))
	case majorArray:
		return c.array(b, int(arg), f)
	case majorMap:
		return c.pairs(b, int(arg), f)
	}
	return b, nil
}

// payString pays for a string of n bytes.
func (c *bill) payString(f *form, n int) error {
	switch {
	case f == nil || f.fixed:
		return nil
	case f.own:
		return c.pay(ownCost)
	}
	return c.pay((n + 7) &^ 7) // memory is given in pieces of 8 bytes
}

// array reads the n elements of an array.
func (c *bill) array(b []byte, n int, f *form) (_ []byte, err error) {
	if f != nil && f.kind == reflect.Slice {
		if err := c.pay(n * f.elem.size); err != nil {
			return nil, err
		}
	}
	for i := range n {
		var of *form
		switch {
		case f == nil || f.kind == reflect.Interface:
		case f.kind == reflect.Struct:
			of = f.at(i)
		default:
			of = f.elem
		}
		if b, err = c.item(b, of); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// pairs reads the n pairs of a map.
func (c *bill) pairs(b []byte, n int, f *form) (_ []byte, err error) {
	for range n {
		_, num, _, err := head(b)
		if err != nil {
			return nil, err
		}
		var of *form
		if f != nil && f.kind == reflect.Struct && b[0]>>5 == majorUnsigned {
			of = f.keyed(num)
		}
		if b, err = c.item(b, nil); err != nil { // the key
			return nil, err
		}
		if b, err = c.item(b, of); err != nil {
			return nil, err
		}
	}
	return b, nil
}
