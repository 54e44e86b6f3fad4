package wire_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/wire"
)

// What is appended is what Marshal makes, and is read again.
func TestAppendAndScan(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) uint64 {
		return rapid.Uint64().Draw(t, "number") >> rapid.IntRange(0, 63).Draw(t, "shift")
	})
	rapid.Check(t, func(t *rapid.T) {
		n := number.Draw(t, "n")
		text := rapid.StringN(1, 300, -1).Draw(t, "text")
		body := rapid.SliceOfN(rapid.Byte(), 1, 70_000).Draw(t, "body")
		list := rapid.SliceOfN(rapid.Uint32(), 1, 300).Draw(t, "list")
		for _, c := range []struct {
			value any
			got   []byte
		}{
			{n, wire.AppendUint(nil, n)}, {text, wire.AppendText(nil, text)}, {body, wire.AppendBytes(nil, body)},
			{list, wire.AppendNumbers(nil, list)}, {[]uint32(nil), wire.AppendNumbers(nil, nil)},
		} {
			if want := wire.MustMarshal(c.value); !bytes.Equal(c.got, want) {
				t.Fatalf("%v: %x, want %x", c.value, c.got, want)
			}
		}
		if got := len(wire.AppendUint(nil, n)); got != wire.HeadLen(n) {
			t.Fatalf("%d takes %d bytes, said were %d", n, got, wire.HeadLen(n))
		}
		s := wire.Scan(wire.AppendNumbers(wire.AppendBytes(wire.AppendText(wire.AppendUint(nil, n), text), body), list))
		if got := s.Uint(math.MaxUint64); got != n {
			t.Fatalf("%d, want %d", got, n)
		}
		if got := string(s.Text()); got != text {
			t.Fatalf("%q, want %q", got, text)
		}
		if !bytes.Equal(s.Bytes(), body) || !cmp.Equal(s.Numbers(len(list), nil), list) || !s.Done() {
			t.Fatal("a byte string or a list is not read as it was written")
		}
	})
}

// A scanner fails at all that is not as asked for, and gives nothing afterwards.
func TestScanRefuses(t *testing.T) {
	number := func(s *wire.Scanner) { s.Uint(255) }
	text := func(s *wire.Scanner) { s.Text() }
	list := func(s *wire.Scanner) { s.Numbers(2, nil) }
	fields := func(s *wire.Scanner) {
		for m := s.Map(); ; {
			if _, more := m.Next(); !more {
				return
			}
			s.Uint(9)
		}
	}
	for _, c := range []struct {
		name, good, bad string
		read            func(*wire.Scanner)
	}{
		{"nothing", "\x00", "", number},
		{"another kind", "\x01", "\x21", number},
		{"above the limit", "\x18\xff", "\x19\x01\x00", number},
		{"not the shortest", "\x18\x18", "\x18\x17", number},
		{"cut", "\x18\x18", "\x18", number},
		{"more follows", "\x00", "\x00\x00", number},
		{"text that is short", "\x61a", "\x62a", text},
		{"text that is empty", "\x61a", "\x60", text},
		{"text that is none", "\x61a", "\x61\xff", text},
		{"bytes for a text", "\x61a", "\x41a", text},
		{"a long list", "\x82\x00\x00", "\x83\x00\x00\x00", list},
		{"an empty list", "\x81\x00", "\x80", list},
		{"a list that is short", "\x82\x00\x00", "\x82\x00", list},
		{"a list of others", "\x81\x00", "\x81\x20", list},
		{"a number of more than 32 bits", "\x81\x1a\xff\xff\xff\xff", "\x81\x1b\x00\x00\x00\x01\x00\x00\x00\x00", list},
		{"a map", "\xa2\x01\x00\x02\x00", "\xa2\x01\x00\x02", fields},
		{"an empty map", "\xa0", "\x80", fields},
		{"keys that fall", "\xa2\x01\x00\x02\x00", "\xa2\x02\x00\x01\x00", fields},
		{"a key twice", "\xa2\x01\x00\x02\x00", "\xa2\x01\x00\x01\x00", fields},
		{"a large key", "\xa1\x17\x00", "\xa1\x18\x18\x00", fields},
		{"truth", "\xf5", "\x01", func(s *wire.Scanner) { s.Bool() }},
		{"no truth", "\xf4", "\xf6", func(s *wire.Scanner) { s.Bool() }},
		{"nothing in place", "\xf6", "\xf7", func(s *wire.Scanner) { s.Null() }},
	} {
		good := wire.Scan([]byte(c.good))
		if c.read(&good); !good.Done() {
			t.Errorf("%s: %x is refused", c.name, c.good)
		}
		bad := wire.Scan([]byte(c.bad))
		if c.read(&bad); bad.Done() {
			t.Errorf("%s: %x is accepted", c.name, c.bad)
		}
		bad.Fail()
		if bad.Uint(9) != 0 || bad.Bool() || bad.Text() != nil || bad.Numbers(9, nil) != nil || bad.Null() || bad.Done() {
			t.Errorf("%s: something is given after the failure", c.name)
		}
	}
}
