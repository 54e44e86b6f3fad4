package wire_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/wire"
)

func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 2000), 0, 5).Draw(t, "bodies")
		var b []byte
		for _, body := range bodies {
			var err error
			if b, err = wire.AppendFrame(b, body); err != nil {
				t.Fatal(err)
			}
		}
		r := iotest.HalfReader(bytes.NewReader(b)) // the network gives what it likes
		room := make([]byte, rapid.IntRange(0, 300).Draw(t, "room"))
		for _, body := range bodies {
			got, err := wire.ReadFrameInto(room, r, wire.MaxFrame)
			if err != nil || !bytes.Equal(got, body) {
				t.Fatal(got, err)
			}
		}
		if _, err := wire.ReadFrame(r, wire.MaxFrame); err != io.EOF {
			t.Fatal("between frames:", err)
		}
	})
}

// RELIABILITY.md section 5, rows 9 to 11.
func TestBadFrames(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		want     error
	}{
		{"length 0xFFFFFFFF", "\xff\xff\xff\xffbody", wire.MaxFrame, wire.ErrTooLarge},
		{"length 0x80000000", "\x80\x00\x00\x00body", wire.MaxFrame, wire.ErrTooLarge},
		{"one more than a frame may have", "\x00\x01\x00\x01body", 1 << 30, wire.ErrTooLarge},
		{"one more than the reader allows", "\x00\x00\x00\x05hello", 4, wire.ErrTooLarge},
		{"length 0", "\x00\x00\x00\x00", wire.MaxFrame, wire.ErrMalformed},
		{"body cut off", "\x00\x00\x00\x05hell", wire.MaxFrame, io.ErrUnexpectedEOF},
		{"body missing", "\x00\x00\x00\x05", wire.MaxFrame, io.ErrUnexpectedEOF},
		{"header cut off", "\x00\x00", wire.MaxFrame, io.ErrUnexpectedEOF},
		{"end between frames", "", wire.MaxFrame, io.EOF},
	} {
		_, err := wire.ReadFrame(bytes.NewReader([]byte(c.in)), c.limit)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		t.Run(c.name, func(t *testing.T) {
			budget.Decode(t, len(c.in), func() { wire.ReadFrame(bytes.NewReader([]byte(c.in)), c.limit) })
		})
	}
}

func TestAppendFrameTooLarge(t *testing.T) {
	dst := []byte("before")
	if got, err := wire.AppendFrame(dst, make([]byte, wire.MaxFrame+1)); !errors.Is(err, wire.ErrTooLarge) || string(got) != "before" {
		t.Error(string(got), err)
	}
	if _, err := wire.AppendFrame(nil, make([]byte, wire.MaxFrame)); err != nil {
		t.Error(err)
	}
}
