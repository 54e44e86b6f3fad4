package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

func anyID() *rapid.Generator[id.ID] {
	return rapid.Custom(func(t *rapid.T) id.ID {
		return id.ID{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
	})
}

func anyNote(depth int) *rapid.Generator[*note] {
	return rapid.Custom(func(t *rapid.T) *note {
		n := &note{
			Key:   anyID().Draw(t, "key"),
			Text:  rapid.String().Draw(t, "text"),
			Body:  rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "body"),
			List:  rapid.SliceOfN(rapid.Uint64(), 1, 40).Draw(t, "list"),
			Delta: rapid.Int64().Draw(t, "delta"),
			Share: rapid.Float64Range(-1e300, 1e300).Draw(t, "share"),
			Yes:   rapid.Bool().Draw(t, "yes"),
			Arc:   id.Range{From: anyID().Draw(t, "from"), To: anyID().Draw(t, "to")},
			Wrap:  &wire.Envelope{Version: wire.Version, App: 3, Payload: []byte{1}},
		}
		copy(n.Sum[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		for range rapid.IntRange(1, 64).Draw(t, "many") {
			n.Many = append(n.Many, &mark{rapid.String().Draw(t, "name"), rapid.Uint32().Draw(t, "count")})
		}
		if depth > 0 && rapid.Bool().Draw(t, "nested") {
			n.Next = anyNote(depth-1).Draw(t, "next")
		}
		return n
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := anyNote(3).Draw(t, "note")
		b, err := table.Encode(n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(n, got.(*note)); d != "" {
			t.Fatal(d)
		}
		again, _ := table.Encode(got)
		if !bytes.Equal(b, again) {
			t.Fatal("two encodings of one message")
		}
	})
}

// Nothing that Unmarshal returns aliases what it was given, and Encode's result
// aliases nothing of the message.
func TestNoAliases(t *testing.T) {
	n := &note{Text: "text", Body: []byte("body"), Many: []*mark{{Name: "name"}}, Wrap: &wire.Envelope{Version: 1, Payload: []byte("load")}}
	b, _ := table.Encode(n)
	keep := bytes.Clone(b)
	got, err := table.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 0xff
	}
	if d := cmp.Diff(n, got.(*note)); d != "" {
		t.Error("the decoded message changed with the bytes:", d)
	}
	b, _ = table.Encode(n)
	n.Body[0], n.Wrap.Payload[0] = 'x', 'x'
	if !bytes.Equal(b, keep) {
		t.Error("the bytes changed with the message")
	}
}

// A field that a newer version added is skipped.
func TestNewerFieldsAreSkipped(t *testing.T) {
	b := wire.MustMarshal(&later{Key: id.Tiny(7), Text: "hello", Extra: []string{"new", "things"}})
	var n note
	if err := wire.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	if n.Key != id.Tiny(7) || n.Text != "hello" {
		t.Errorf("got %+v", n)
	}
}

// RELIABILITY.md section 5, rows 13 to 15, and what else is not the one form.
func TestRefused(t *testing.T) {
	type list = []uint64
	deep := func(n int) string { return strings.Repeat("81", n) + "80" }
	for _, c := range []struct {
		name, hex string
		into      any
	}{
		{"nothing", "", new(note)},
		{"null", "f6", new(note)},
		{"two values", "a0a0", new(note)},
		{"value cut off", "a102", new(note)},
		{"length beyond the end", "a1035affffffff00", new(note)},
		{"length of 2^63", "a1035b800000000000000000", new(note)},
		{"argument cut off", "a1041b00000000", new(note)},
		{"non-minimal number", "811817", new(list)},
		{"non-minimal number, 8 bytes", "811b00000000ffffffff", new(list)},
		{"non-minimal length", "a1035801ff", new(note)},
		{"non-minimal key", "a1180260", new(note)},
		{"negative where none may be", "8120", new(list)},
		{"varint of 11 bytes", "8b1c0000000000000000000000", new(list)},
		{"keys out of order", "a203410102 6161", new(note)},
		{"key twice", "a202616102 6162", new(note)},
		{"unknown key twice", "a21863001863 00", new(note)},
		{"key that is an array", "a1800 0", new(note)},
		{"key that is a float", "a1f9000000", new(note)},
		{"indefinite map", "bf026161ff", new(note)},
		{"indefinite array", "9f01ff", new(list)},
		{"indefinite bytes", "a1035f4101ff", new(note)},
		{"tag", "a10cc1a0", new(note)},
		{"undefined", "a10cf7", new(note)},
		{"simple value", "a10af820", new(note)},
		{"simple value 0", "a10ae0", new(note)},
		{"half NaN", "a108f97e00", new(note)},
		{"float NaN", "a108fa7fc00000", new(note)},
		{"double infinity", "a108fb7ff0000000000000", new(note)},
		{"long zero", "a108fa00000000", new(note)},
		{"double that is a float", "a108fb3ff8000000000000", new(note)},
		{"text that is not UTF-8", "a10261ff", new(note)},
		{"not UTF-8, unknown field", "a1186361ff", new(note)},
		{"bytes as text", "a1024161", new(note)},
		{"number as flag", "a10a01", new(note)},
		{"short hash", "a10941ff", new(note)},
		{"long hash", "a1095821" + strings.Repeat("00", 33), new(note)},
		{"short id", "a10141ff", new(note)},
		{"id that is nothing", "a101f6", new(note)},
		{"id that is a map", "a101a162486900", new(note)},
		{"id that is a text", "a10170" + strings.Repeat("61", id.Size), new(note)},
		{"id in more bytes than it has", "a1015fff", new(note)},
		{"hash that is nothing", "a109f6", new(note)},
		{"hash that is an array", "a1099820" + strings.Repeat("00", 32), new(note)},
		{"deeper than allowed", deep(wire.MaxDepth), new(any)},
		{"10,000 deep", deep(10_000), new(any)},
		{"elements", "9a000f4240" + strings.Repeat("00", 1_000_000), new(list)},
		{"one element too many", "990401" + strings.Repeat("00", wire.MaxElements+1), new(list)},
		{"elements announced, none sent", "990400", new(list)},
		{"pairs", "b841" + pairs(wire.MaxPairs+1), new(any)},
		{"a rule of the message", "a106" + "9841" + strings.Repeat("a0", 65), new(note)},
		{"version 255", "a10ca10118ff", new(note)},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(c.name, err)
		}
		if err := wire.Unmarshal(b, c.into); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", c.name, err)
		}
	}
}

func pairs(n int) string {
	var b []byte
	for i := range n {
		if i < 24 {
			b = append(b, byte(i), 0)
		} else {
			b = append(b, 24, byte(i), 0)
		}
	}
	return hex.EncodeToString(b)
}

// What is just within the limits is accepted.
func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		into      any
	}{
		{"empty map", "a0", new(note)},
		{"depth", strings.Repeat("81", wire.MaxDepth-1) + "80", new(any)},
		{"elements", "990400" + strings.Repeat("00", wire.MaxElements), new([]uint64)},
		{"pairs", "b840" + pairs(wire.MaxPairs), new(any)},
		{"null inside", "a105f6", new(note)},
		{"half", "a108f93e00", new(note)},
		{"float", "a108fa3dcccccd", new(note)},
		{"double", "a108fb3fb999999999999a", new(note)},
		{"least negative", "a1073b7fffffffffffffff", new(note)},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if err := wire.Unmarshal(b, c.into); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestMustMarshalPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a function encoded")
		}
	}()
	wire.MustMarshal(func() {})
}

// A type that travels as a byte string is filled from nothing else.
func TestByteString(t *testing.T) {
	for _, c := range []struct {
		hex  string
		good bool
	}{
		{"450102030405", true}, {"4401020304", false}, {"46010203040506", false}, {"4501020304", false}, {"45010203040506", false},
		{"850102030405", false}, {"650102030405", false}, {"a0", false}, {"f6", false}, {"", false}, {"58", false},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		var a lax
		err = wire.ByteString(&a, b)
		if good := err == nil && a == (lax{1, 2, 3, 4, 5}); good != c.good || err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, %v", c.hex, a, err)
		}
	}
}

func TestExact(t *testing.T) {
	var a [4]byte
	for _, b := range [][]byte{nil, {1, 2, 3}, {1, 2, 3, 4, 5}} {
		if err := wire.Exact(a[:], b); !errors.Is(err, wire.ErrMalformed) || a != [4]byte{} {
			t.Errorf("%v: %v, %v", b, err, a)
		}
	}
	if err := wire.Exact(a[:], []byte{1, 2, 3, 4}); err != nil || a != [4]byte{1, 2, 3, 4} {
		t.Error(err, a)
	}
}
