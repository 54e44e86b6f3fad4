package wire

import (
	"fmt"
	"reflect"
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

// Table lists the messages of one protocol. It never changes after NewTable.
type Table struct {
	kinds [256]reflect.Type
}

// NewTable makes a table from one (nil) pointer of each message type. Two
// messages with one kind are a bug and panic.
func NewTable(ms ...Message) *Table {
	t := new(Table)
	for _, m := range ms {
		typ := reflect.TypeOf(m).Elem()
		if have := t.kinds[m.Kind()]; have != nil {
			panic(fmt.Sprintf("wire: kind %d is %v and %v", m.Kind(), have, typ))
		}
		t.kinds[m.Kind()] = typ
	}
	return t
}

// Encode returns the message as one kind byte and its CBOR body. The error
// wraps ErrTooLarge if that exceeds MaxFrame.
func (t *Table) Encode(m Message) ([]byte, error) {
	k := m.Kind()
	if t.kinds[k] != reflect.TypeOf(m).Elem() {
		panic(fmt.Sprintf("wire: %T is not in its table", m)) // a bug of the sender
	}
	body, err := encMode.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	if len(body)+1 > MaxFrame {
		return nil, fmt.Errorf("%w: %T of %d bytes, at most %d", ErrTooLarge, m, len(body)+1, MaxFrame)
	}
	b := make([]byte, 1+len(body))
	b[0] = byte(k)
	copy(b[1:], body)
	return b, nil
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
	v := reflect.New(typ)
	if err := Unmarshal(b[1:], v.Interface()); err != nil {
		return nil, err
	}
	return v.Interface().(Message), nil
}
