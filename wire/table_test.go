package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/wire"
)

// RELIABILITY.md section 5, row 12: an unknown kind is an error that says
// whether it may be skipped.
func TestUnknownKinds(t *testing.T) {
	for kind, skip := range map[wire.Kind]bool{2: false, wire.Optional - 1: false, wire.Optional + 1: true, 255: true} {
		_, err := table.Decode([]byte{byte(kind), 0xa0})
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || unknown.Kind != kind || unknown.Skip != skip {
			t.Errorf("kind %d: %v", kind, err)
		}
		if errors.Is(err, wire.ErrMalformed) {
			t.Errorf("kind %d: unknown is not malformed", kind)
		}
	}
}

func TestTableLimits(t *testing.T) {
	if _, err := table.Encode(&note{Body: make([]byte, wire.MaxFrame)}); !errors.Is(err, wire.ErrTooLarge) {
		t.Error("encode:", err)
	}
	if _, err := table.Decode(make([]byte, wire.MaxFrame+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Error("decode:", err)
	}
	if _, err := table.Decode(nil); !errors.Is(err, wire.ErrMalformed) {
		t.Error("nothing:", err)
	}
	if _, err := table.Decode([]byte{1}); !errors.Is(err, wire.ErrMalformed) {
		t.Error("a kind and no body:", err)
	}
	full := &note{Wrap: &wire.Envelope{Version: 1, Payload: make([]byte, wire.MaxPayload+1)}}
	b, err := table.Encode(full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Decode(b); !errors.Is(err, wire.ErrTooLarge) || !errors.Is(err, wire.ErrMalformed) {
		t.Error("payload:", err)
	}
}

// brief is a message that is never long, and asks for something.
type brief struct {
	Number uint64 `cbor:"1,keyasint"`
}

func (*brief) Kind() wire.Kind { return 40 }
func (*brief) MaxSize() int    { return 64 }
func (*brief) Asks()           {}

// A message of a kind that is never long is refused by its length, whatever is in it.
func TestSmallMessages(t *testing.T) {
	tab := wire.NewTable((*brief)(nil), (*note)(nil))
	long := append([]byte{40}, wire.MustMarshal(map[int]any{1: 7, 99: make([]byte, 60<<10)})...)
	if _, err := tab.Decode(long); !errors.Is(err, wire.ErrTooLarge) {
		t.Error("60 KiB:", err)
	}
	grown := append([]byte{40}, wire.MustMarshal(map[int]any{1: 7, 99: make([]byte, 40)})...)
	if m, err := tab.Decode(grown); err != nil || m.(*brief).Number != 7 {
		t.Error("a field of a newer version:", err)
	}
	if !tab.Asks(long) || tab.Asks([]byte{1}) || tab.Asks([]byte{77}) || tab.Asks(nil) {
		t.Error("questions are not told from the rest")
	}
}

type twin struct{}
type rough struct {
	Inner []*struct{ Key [5]byte } `cbor:"1,keyasint"`
}
type own struct {
	private [5]byte
	Skipped [5]byte `cbor:"-"`
	Next    *own    `cbor:"1,keyasint"`
}

// lax refuses byte strings of another length only.
type lax [5]byte

func (l *lax) UnmarshalBinary(b []byte) error { return wire.Exact(l[:], b) }

type lenient struct {
	Key lax `cbor:"1,keyasint"`
}

func (*twin) Kind() wire.Kind    { return 1 }
func (*rough) Kind() wire.Kind   { return 9 }
func (*lenient) Kind() wire.Kind { return 11 }
func (*own) Kind() wire.Kind     { return 10 }

func TestTableBugsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"two of one kind":        func() { wire.NewTable((*note)(nil), (*twin)(nil)) },
		"not in the table":       func() { table.Encode(&twin{}) },
		"an array of any length": func() { wire.NewTable((*rough)(nil)) },
		"a type past its limits": func() { wire.NewTable((*lenient)(nil)) },
		"kind outside the table": func() { table.Encode(&own{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p, ok := recover().(string); !ok || !strings.HasPrefix(p, "wire: ") {
					t.Errorf("panic %v", p)
				}
			}()
			f()
		})
	}
	wire.NewTable((*own)(nil)) // fields that do not travel may be anything
	_ = own{}.private
}

// Decoding b bytes allocates at most 8 b + 4 KiB, whatever they are.
func TestDecodingIsBounded(t *testing.T) {
	long := bytes.Repeat([]byte{0xf6}, wire.MaxElements)
	inputs := map[string][]byte{
		"empty":                {0xa0},
		"a list of nothing":    append([]byte{0xa1, 0x06, 0x99, 0x04, 0x00}, long...),
		"a list of numbers":    append([]byte{0xa1, 0x04, 0x99, 0x04, 0x00}, bytes.Repeat([]byte{0}, wire.MaxElements)...),
		"a list of empty maps": append([]byte{0xa1, 0x06, 0x98, 0x40}, bytes.Repeat([]byte{0xa0}, 64)...),
		"one string":           append([]byte{0xa1, 0x03, 0x59, 0xea, 0x60}, make([]byte, 60_000)...),
		"elements not sent":    {0xa1, 0x04, 0x99, 0x04, 0x00},
		"bytes not sent":       {0xa1, 0x03, 0x59, 0xea, 0x60},
		"not known":            append([]byte{0xa1, 0x18, 0x63, 0x99, 0x04, 0x00}, long...),
		"deep":                 bytes.Repeat([]byte{0x81}, 10_000),
	}
	nested := []byte{0xa0}
	for range wire.MaxDepth - 1 {
		nested = append([]byte{0xa1, 0x05}, nested...)
	}
	inputs["notes in notes"] = nested
	for name, b := range inputs {
		b = append([]byte{1}, b...)
		t.Run(name, func(t *testing.T) {
			budget.Decode(t, len(b), func() { table.Decode(b) })
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	frame, err := table.Encode(&note{Body: make([]byte, 100), Text: "hello", Wrap: &wire.Envelope{Version: 1}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	n := &note{Body: make([]byte, 100), Text: "hello", Wrap: &wire.Envelope{Version: 1}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Encode(n); err != nil {
			b.Fatal(err)
		}
	}
}
