package wire

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
)

// Kind is the number of a message within its protocol; it is the first byte on
// the wire. Kinds from Optional on may be skipped by a node that does not know
// them; an unknown lower one is an error.
type Kind uint8

// Optional is the first kind that a receiver may skip.
const Optional Kind = 128

// Message is a value that can cross a link: a pointer to a plain struct with
// integer CBOR keys. A message is frozen once it was handed to be sent: the
// simulator may give the receiver the very same value.
type Message interface {
	// Kind returns the message's number; it must work on a nil receiver.
	Kind() Kind
}

// UnknownKindError says that a message's number is not in the table. Skip tells
// that it is of an optional kind, to be counted and ignored.
type UnknownKindError struct {
	Kind Kind
	Skip bool
}

// Error implements error.
func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("unknown message kind %d: the other node runs a newer or another protocol", e.Kind)
}

// Small is implemented by messages that are never long, whatever a newer version may
// add to them. It must work on a nil receiver.
type Small interface {
	// MaxSize is the largest encoding that is decoded, in bytes with the kind.
	MaxSize() int
}

// Question is implemented by messages that cost their receiver an answer, or other work
// beyond reading them. A driver bounds how many it takes of one peer in a second.
type Question interface {
	// Asks does nothing.
	Asks()
}

// Coded is implemented by messages that are sent so often that they encode and decode
// their usual form themselves, with the Append functions and a Scanner. The bytes are
// those of Marshal, and what is read is what Unmarshal reads from them: tests must hold
// one against the other. All that is not usual they leave to the codec, so that it
// alone says what is refused.
type Coded interface {
	Message
	// SizeCBOR is the most that AppendCBOR appends, in bytes, or 0 for a message that
	// is not of the usual form.
	SizeCBOR() int
	// AppendCBOR appends the encoding of a message of the usual form.
	AppendCBOR(b []byte) []byte
	// ScanCBOR returns what b encodes, a new message that passes its Check and shares no
	// memory with b, or nil if b is not of the usual form. It must work on a nil receiver.
	ScanCBOR(b []byte) Message
}

// Table lists the messages of one protocol. It never changes after NewTable.
type Table struct {
	kinds [256]reflect.Type
	forms [256]*Form
	sizes [256]int
	asks  [256]bool
	coded [256]Coded // nil pointers of the messages that are
}

// NewTable makes a table from one (nil) pointer of each message type. Two
// messages with one kind are a bug and panic, and so is a message with an array
// of bytes that would take a string of any length (see Exact), or with a type that
// could be filled past its UnmarshalBinary (see ByteString).
func NewTable(ms ...Message) *Table {
	t := new(Table)
	for _, m := range ms {
		typ := reflect.TypeOf(m).Elem()
		if have := t.kinds[m.Kind()]; have != nil {
			panic(fmt.Sprintf("wire: kind %d is %v and %v", m.Kind(), have, typ))
		}
		if f := loose(typ, nil); f != nil {
			panic(fmt.Sprintf("wire: %v holds a %v, which decodes from what it should refuse: give it an UnmarshalBinary with wire.Exact and an UnmarshalCBOR with wire.ByteString", typ, f))
		}
		t.kinds[m.Kind()] = typ
		t.forms[m.Kind()] = FormOf(m)
		t.sizes[m.Kind()] = MaxFrame
		if s, ok := m.(Small); ok {
			t.sizes[m.Kind()] = s.MaxSize()
		}
		_, t.asks[m.Kind()] = m.(Question)
		t.coded[m.Kind()], _ = m.(Coded)
	}
	return t
}

var (
	unmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	strict      = reflect.TypeFor[interface{ UnmarshalCBOR([]byte) error }]()
)

// loose returns a type within typ that does not insist on its length, or on being a
// byte string, or nil. seen are the types around it.
func loose(typ reflect.Type, seen []reflect.Type) reflect.Type {
	p := reflect.PointerTo(typ)
	switch {
	case p.Implements(strict) || slices.Contains(seen, typ):
		return nil
	case p.Implements(unmarshaler):
		return typ
	}
	switch typ.Kind() {
	case reflect.Array:
		if typ.Elem().Kind() == reflect.Uint8 {
			return typ
		}
		return loose(typ.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		return loose(typ.Elem(), seen)
	case reflect.Map:
		if f := loose(typ.Key(), seen); f != nil {
			return f
		}
		return loose(typ.Elem(), seen)
	case reflect.Struct:
		seen = append(seen, typ)
		for _, f := range reflect.VisibleFields(typ) {
			if !f.IsExported() || f.Tag.Get("cbor") == "-" {
				continue
			}
			if a := loose(f.Type, seen); a != nil {
				return a
			}
		}
	}
	return nil
}

// usual is the room that Encode begins with; most messages of a ring fit.
const usual = 192

// Encode returns the message as one kind byte and its CBOR body. The error
// wraps ErrTooLarge if that exceeds MaxFrame.
func (t *Table) Encode(m Message) ([]byte, error) {
	k := m.Kind()
	if t.kinds[k] != reflect.TypeOf(m).Elem() {
		panic(fmt.Sprintf("wire: %T is not in its table", m)) // a bug of the sender
	}
	if c, ok := m.(Coded); ok {
		if size := c.SizeCBOR(); size > 0 && size < MaxFrame {
			return c.AppendCBOR(append(make([]byte, 0, 1+size), byte(k))), nil
		}
	}
	b := bytes.NewBuffer(make([]byte, 0, usual))
	b.WriteByte(byte(k))
	if err := encMode.MarshalToBuffer(m, b); err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	if b.Len() > MaxFrame {
		return nil, fmt.Errorf("%w: %T of %d bytes, at most %d", ErrTooLarge, m, b.Len(), MaxFrame)
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote. Errors wrap ErrMalformed or ErrTooLarge, or
// are an *UnknownKindError.
func (t *Table) Decode(b []byte) (Message, error) {
	switch {
	case len(b) == 0:
		return nil, fmt.Errorf("%w: empty", ErrMalformed)
	case len(b) > MaxFrame:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxFrame)
	}
	typ := t.kinds[b[0]]
	if typ == nil {
		k := Kind(b[0])
		return nil, &UnknownKindError{Kind: k, Skip: k >= Optional}
	}
	if most := t.sizes[b[0]]; len(b) > most {
		return nil, fmt.Errorf("%w: %v of %d bytes, at most %d", ErrTooLarge, typ, len(b), most)
	}
	if c := t.coded[b[0]]; c != nil {
		if m := c.ScanCBOR(b[1:]); m != nil {
			return m, nil
		}
	}
	v := reflect.New(typ)
	if err := t.forms[b[0]].Unmarshal(b[1:], v.Interface()); err != nil {
		return nil, err
	}
	return v.Interface().(Message), nil
}

// Asks reports whether an encoded message is a Question, by its kind.
func (t *Table) Asks(b []byte) bool { return len(b) > 0 && t.asks[b[0]] }
