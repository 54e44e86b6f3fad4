package wire

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
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

// affordable returns what keeps b from being decoded into a value of typ with
// memory in proportion to its length, or nil. elements is the number of elements of all
// lists in b, which is canonical. With few of them nothing needs to be looked at;
// else everything is, in the order of the bytes, until the first that does not fit.
func affordable(b []byte, elements int, typ reflect.Type) error {
	if elements*dearest <= costEach*len(b) {
		return nil
	}
	c := bill{left: costEach*len(b) + costBase}
	_, err := c.item(b, typ)
	return err
}

// bill is the memory that may still be taken.
type bill struct {
	left   int
	shapes []shape
}

func (c *bill) pay(n int) error {
	if c.left -= n; c.left < 0 {
		return errCost
	}
	return nil
}

// item reads one item that is to become a value of typ, and returns what follows it.
// With a nil type it is one that will be skipped.
func (c *bill) item(b []byte, typ reflect.Type) ([]byte, error) {
	major, arg, n, err := head(b)
	if err != nil {
		return nil, err
	}
	if b[0] == null {
		return b[n:], nil
	}
	for typ != nil && typ.Kind() == reflect.Pointer {
		if typ = typ.Elem(); c.pay(int(typ.Size())) != nil {
			return nil, errCost
		}
	}
	if typ != nil && !c.fits(typ, b[0], arg) {
		return nil, errKind
	}
	b = b[n:]
	switch major {
	case majorBytes, majorText:
		return b[arg:], c.payString(typ, int(arg))
	case majorArray:
		return c.array(b, int(arg), typ)
	case majorMap:
		return c.pairs(b, int(arg), typ)
	}
	return b, nil
}

// payString pays for a string of n bytes.
func (c *bill) payString(typ reflect.Type, n int) error {
	switch {
	case typ == nil || fixed(typ):
		return nil
	case own(typ):
		return c.pay(ownCost)
	}
	return c.pay((n + 7) &^ 7) // memory is given in pieces of 8 bytes
}

// array reads the n elements of an array.
func (c *bill) array(b []byte, n int, typ reflect.Type) (_ []byte, err error) {
	if typ != nil && typ.Kind() == reflect.Slice {
		if err := c.pay(n * int(typ.Elem().Size())); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if b, err = c.item(b, c.element(typ, i)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// element is the type of an array's element.
func (c *bill) element(typ reflect.Type, i int) reflect.Type {
	switch {
	case typ == nil || typ.Kind() == reflect.Interface:
		return nil
	case typ.Kind() == reflect.Struct:
		return c.shapeOf(typ).at(i)
	}
	return typ.Elem()
}

// pairs reads the n pairs of a map.
func (c *bill) pairs(b []byte, n int, typ reflect.Type) (_ []byte, err error) {
	for range n {
		_, num, _, err := head(b)
		if err != nil {
			return nil, err
		}
		var of reflect.Type
		if typ != nil && typ.Kind() == reflect.Struct && b[0]>>5 == majorUnsigned {
			of = c.shapeOf(typ).keyed(num)
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

// fits reports whether an item can become a value of typ, which is no pointer, as far
// as its first byte and its argument say.
func (c *bill) fits(typ reflect.Type, first byte, arg uint64) bool {
	major := first >> 5
	if own(typ) {
		return major == majorBytes && (!fixed(typ) || arg == uint64(typ.Size()))
	}
	switch typ.Kind() {
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return major == majorUnsigned && !reflect.Zero(typ).OverflowUint(arg)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return major == majorUnsigned || major == majorNegative
	case reflect.String:
		return major == majorText
	case reflect.Bool:
		return major == majorSimple && first&31 < argOne
	case reflect.Float32, reflect.Float64:
		return major == majorUnsigned || major == majorNegative || major == majorSimple && first&31 > argOne
	case reflect.Slice, reflect.Array:
		return major == majorArray || major == majorBytes && typ.Elem().Kind() == reflect.Uint8
	case reflect.Map:
		return major == majorMap
	case reflect.Struct:
		if s := c.shapeOf(typ); s.list {
			return major == majorArray && arg == uint64(len(s.fields))
		}
		return major == majorMap
	}
	return typ.Kind() == reflect.Interface // its content is not looked at
}

// own reports whether a type decodes itself from a byte string.
func own(typ reflect.Type) bool { return reflect.PointerTo(typ).Implements(unmarshaler) }

// fixed reports whether such a type is no more than its bytes: an id, a key.
func fixed(typ reflect.Type) bool { return own(typ) && plain(typ) }

// plain reports whether a type holds nothing but unsigned numbers.
func plain(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plain(typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			if !plain(typ.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return false
}

// shape is what the tags of a struct say. The fields of structs within it that have no
// name of their own are not looked for: messages have none.
type shape struct {
	of     reflect.Type
	list   bool // it travels as an array, of its fields in this order
	fields []field
}

type field struct {
	key uint64 // in a map
	typ reflect.Type
}

// shapeOf reads the tags of a struct, once for each bill.
func (c *bill) shapeOf(typ reflect.Type) *shape {
	for i := range c.shapes {
		if c.shapes[i].of == typ {
			return &c.shapes[i]
		}
	}
	s := shape{of: typ, fields: make([]field, 0, typ.NumField())}
	for i := range typ.NumField() {
		f := typ.Field(i)
		key, rest, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		if f.Name == "_" && rest == "toarray" {
			s.list = true
		}
		n, err := strconv.ParseUint(key, 10, 64)
		if f.IsExported() && key != "-" && (s.list || err == nil) {
			s.fields = append(s.fields, field{n, f.Type})
		}
	}
	c.shapes = append(c.shapes, s)
	return &c.shapes[len(c.shapes)-1]
}

// at is the type of a field of a struct that travels as an array, or nil.
func (s *shape) at(i int) reflect.Type {
	if i < len(s.fields) {
		return s.fields[i].typ
	}
	return nil
}

// keyed is the type of a field of a struct that travels as a map, or nil.
func (s *shape) keyed(key uint64) reflect.Type {
	for _, f := range s.fields {
		if f.key == key {
			return f.typ
		}
	}
	return nil
}
