package wire

import "encoding/binary"

// What is sent most is written and read by hand: the Append functions and Scanner know
// the same deterministic form as Marshal and Unmarshal, without looking at types. See
// Coded.

// appendHead appends the head of an item, in its shortest form.
func appendHead(b []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < argOne:
		return append(b, major|byte(arg))
	case arg < 1<<8:
		return append(b, major|argOne, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|(argOne+1)), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|(argOne+2)), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major|argEight), arg)
}

// HeadLen is the number of bytes that come before a string of n bytes, or that a number
// n takes.
func HeadLen(n uint64) int {
	switch {
	case n < argOne:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

// AppendUint appends a number.
func AppendUint(b []byte, n uint64) []byte { return appendHead(b, majorUnsigned, n) }

// AppendBytes appends a byte string.
func AppendBytes(b, s []byte) []byte { return append(AppendBytesHead(b, len(s)), s...) }

// AppendBytesHead appends the head of a byte string of n bytes, which are to follow.
func AppendBytesHead(b []byte, n int) []byte { return appendHead(b, majorBytes, uint64(n)) }

// AppendText appends a text.
func AppendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

// AppendArray appends the head of an array of n elements, which are to follow.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendNull appends what stands for a list that is nil.
func AppendNull(b []byte) []byte { return append(b, null) }

// MapAppender appends a map whose keys are small numbers: the tags of a message's fields.
type MapAppender struct {
	b    []byte
	head int // where the map begins
}

// BeginMap begins a map behind b. Its keys must be added in ascending order, each below
// 24, and at most 23 of them.
func BeginMap(b []byte) MapAppender { return MapAppender{append(b, majorMap<<5), len(b)} }

// Key adds a key and returns what its value is to be appended to; Value takes that.
func (m *MapAppender) Key(key uint8) []byte {
	m.b[m.head]++
	return append(m.b, key)
}

// Value ends the value of a key.
func (m *MapAppender) Value(b []byte) { m.b = b }

// Uint adds a number.
func (m *MapAppender) Uint(key uint8, n uint64) { m.b = AppendUint(m.Key(key), n) }

// UintIf adds a number unless it is 0, as omitempty does; so do those below.
func (m *MapAppender) UintIf(key uint8, n uint64) {
	if n != 0 {
		m.Uint(key, n)
	}
}

// TrueIf adds true, or nothing.
func (m *MapAppender) TrueIf(key uint8, yes bool) {
	if yes {
		m.b = append(m.Key(key), yea)
	}
}

// BytesIf adds a byte string unless it is empty.
func (m *MapAppender) BytesIf(key uint8, s []byte) {
	if len(s) > 0 {
		m.b = AppendBytes(m.Key(key), s)
	}
}

// NumbersIf adds a list of numbers unless it is empty.
func (m *MapAppender) NumbersIf(key uint8, list []uint32) {
	if len(list) > 0 {
		m.b = AppendNumbers(m.Key(key), list)
	}
}

// End returns the bytes with the map behind them.
func (m *MapAppender) End() []byte { return m.b }

// AppendNumbers appends a list of numbers.
func AppendNumbers(b []byte, list []uint32) []byte {
	if list == nil {
		return AppendNull(b)
	}
	b = AppendArray(b, len(list))
	for _, n := range list {
		b = AppendUint(b, uint64(n))
	}
	return b
}
