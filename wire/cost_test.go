package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/wire"
)

// all is a list of n elements, encoded.
func all(n int, element ...byte) []byte {
	return append([]byte{0x99, byte(n >> 8), byte(n)}, bytes.Repeat(element, n)...)
}

// mixed has lists of every kind of element.
type mixed struct {
	Numbers []uint32   `cbor:"1,keyasint,omitempty"`
	Small   []uint8    `cbor:"2,keyasint,omitempty"`
	Signed  []int64    `cbor:"3,keyasint,omitempty"`
	Texts   []string   `cbor:"4,keyasint,omitempty"`
	Yes     []bool     `cbor:"5,keyasint,omitempty"`
	Shares  []float64  `cbor:"6,keyasint,omitempty"`
	Marks   []*mark    `cbor:"7,keyasint,omitempty"`
	Spans   []*span    `cbor:"8,keyasint,omitempty"`
	Sealed  []*sealed  `cbor:"9,keyasint,omitempty"`
	Lists   [][]uint32 `cbor:"10,keyasint,omitempty"`
}

func (*mixed) Kind() wire.Kind { return 2 }

// span travels as an array.
type span struct {
	_        struct{} `cbor:",toarray"`
	From, To uint32
}

// sealed decodes itself from a byte string.
type sealed struct{ Content []uint32 }

func (s *sealed) MarshalBinary() ([]byte, error) { return wire.Marshal(s.Content) }
func (s *sealed) UnmarshalBinary(b []byte) error { return wire.Unmarshal(b, &s.Content) }
func (s *sealed) UnmarshalCBOR(b []byte) error   { return wire.ByteString(s, b) }

var mixes = wire.NewTable((*mixed)(nil))

// TestListsOfTheWrongKind: a list whose elements are not what belongs there costs
// memory in proportion to its bytes, however many errors could be made of it.
func TestListsOfTheWrongKind(t *testing.T) {
	elements := map[string][]byte{
		"a number": {0}, "a negative number": {0x20}, "a large number": {0x1b, 1, 0, 0, 0, 0, 0, 0, 0}, "bytes": {0x41, 0}, "no bytes": {0x40},
		"a text": {0x61, 'a'}, "yes": {0xf5}, "half": {0xf9, 0x38, 0}, "nothing": {0xf6}, "a list": {0x81, 0}, "an empty list": {0x80},
		"a list of lists": {0x82, 0x80, 0x80}, "a map": {0xa1, 1, 0}, "an empty map": {0xa0}, "a map of lists": {0xa1, 2, 0x81, 0x20},
		"a map of others": {0xa1, 2, 0x20}, "bytes of lists": {0x43, 0x82, 0, 0x20},
	}
	for key := byte(1); key <= 10; key++ {
		for what, element := range elements {
			b := append([]byte{2, 0xa1, key}, all(1024, element...)...)
			budget.Decode(t, len(b), func() { mixes.Decode(b) })
			if _, err := mixes.Decode(b); err != nil && !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("field %d, each element %s: %v", key, what, err)
			}
			if t.Failed() {
				t.Fatalf("field %d, each element %s", key, what)
			}
		}
	}
}

// TestLongLists: lists of what belongs there are taken, up to the limit of elements.
func TestLongLists(t *testing.T) {
	const n = wire.MaxElements
	m := &mixed{Yes: make([]bool, n), Shares: make([]float64, n), Numbers: make([]uint32, n), Small: bytes.Repeat([]byte{7}, n), Signed: make([]int64, n)}
	for i := range n {
		m.Numbers[i], m.Signed[i], m.Yes[i] = uint32(i), int64(-i), i%2 == 0
		m.Texts = append(m.Texts, "text")
		m.Marks = append(m.Marks, &mark{Name: "name", Count: uint32(i)})
		m.Spans = append(m.Spans, &span{From: uint32(i), To: 1 << 30})
	}
	for range 300 {
		m.Sealed = append(m.Sealed, &sealed{Content: make([]uint32, 80)})
		m.Lists = append(m.Lists, make([]uint32, 20))
	}
	for _, one := range []*mixed{
		{Numbers: m.Numbers}, {Small: m.Small}, {Signed: m.Signed}, {Texts: m.Texts}, {Yes: m.Yes}, {Shares: m.Shares},
		{Marks: m.Marks}, {Spans: m.Spans}, {Sealed: m.Sealed}, {Lists: m.Lists},
	} {
		b, err := mixes.Encode(one)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mixes.Decode(b)
		if err != nil {
			t.Errorf("%d bytes, which begin with %x: %v", len(b), b[:8], err)
			continue
		}
		if again, err := mixes.Encode(got); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x decodes, and encodes to %x, %v", b[:8], again[:8], err)
		}
	}
}
