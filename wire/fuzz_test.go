package wire_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/wire"
)

// What is accepted has one encoding: encoded again it gives the same bytes.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{"\xa0", "\x80", "\xf6", "\x18\x17", "\xa2\x01\x00\x02\x00", "\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a",
		"\xfa\x7f\x80\x00\x00", "\x9f\xff", "\xc1\x00", "\xf9\x7c\x00", "\x63abc", "\xa1\x61\x61\xf9\x80\x00", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if err := wire.Unmarshal(b, &v); err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if again := wire.MustMarshal(v); !bytes.Equal(again, b) {
			t.Fatalf("%x was accepted and is %x", b, again)
		}
	})
}

// A table's decoder never panics, and a message that it accepts encodes to
// something that it accepts again, as the same message.
func FuzzTableDecode(f *testing.F) {
	b, _ := table.Encode(&note{Text: "x", Many: []*mark{{Name: "m"}}, Next: &note{}, Wrap: &wire.Envelope{Version: 1}})
	f.Add(b)
	f.Add([]byte{1, 0xa0})
	f.Add([]byte{byte(wire.Optional), 0xa0})
	f.Add([]byte{200})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { table.Decode(b) })
		m, err := table.Decode(b)
		if err != nil {
			return
		}
		one, err := table.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := table.Decode(one)
		if err != nil {
			t.Fatalf("%x decodes, encodes to %x, and that fails: %v", b, one, err)
		}
		if two, _ := table.Encode(again); !bytes.Equal(one, two) {
			t.Fatalf("%x and %x", one, two)
		}
	})
}

// A reader of frames takes no more than it was promised, and gives whole frames.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a\x00\x00\x00\x02bc"), 100)
	f.Add([]byte("\xff\xff\xff\xff"), wire.MaxFrame)
	f.Add([]byte("\x00\x00\x00\x00"), 1)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		r := bytes.NewReader(b)
		var back []byte
		for {
			frame, err := wire.ReadFrame(r, limit)
			if err != nil {
				if frame != nil {
					t.Fatal("a frame and an error")
				}
				if err == io.EOF && len(back) != len(b) {
					t.Fatalf("the end after %d of %d bytes", len(back), len(b))
				}
				return
			}
			if len(frame) == 0 || len(frame) > limit || len(frame) > wire.MaxFrame {
				t.Fatalf("frame of %d bytes, limit %d", len(frame), limit)
			}
			if back, err = wire.AppendFrame(back, frame); err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(b, back) {
				t.Fatalf("read %x of %x", back, b)
			}
		}
	})
}
