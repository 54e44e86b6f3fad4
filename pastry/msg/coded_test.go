package msg_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// byHand returns a new message of a kind that is coded by hand, or nil.
func byHand(k byte) wire.Coded {
	for _, m := range []wire.Coded{new(msg.Hop), new(msg.Ack), new(msg.Direct), new(msg.Reply)} {
		if byte(m.Kind()) == k {
			return m
		}
	}
	return nil
}

// sameAsCodec fails the test if a message that is coded by hand is decoded, or refused,
// other than the codec's library does it.
func sameAsCodec(t interface{ Fatalf(string, ...any) }, b []byte) {
	if len(b) == 0 || len(b) > wire.MaxFrame || byHand(b[0]) == nil {
		return
	}
	want := byHand(b[0])
	refused := wire.Unmarshal(b[1:], want)
	got, err := msg.Messages.Decode(b)
	switch {
	case (err == nil) != (refused == nil):
		t.Fatalf("%x: by hand: %v; by the codec: %v", b, err, refused)
	case err != nil:
		if errors.Is(err, wire.ErrMalformed) != errors.Is(refused, wire.ErrMalformed) {
			t.Fatalf("%x: by hand: %v; by the codec: %v", b, err, refused)
		}
	default:
		if d := cmp.Diff(wire.Message(want), got); d != "" {
			t.Fatalf("%x: by the codec and by hand: %s", b, d)
		}
	}
}

// What is coded by hand is what the codec's library makes of it, byte for byte, and
// back: also where the usual way gives up.
func TestCodedByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usual := map[wire.Kind]bool{}
		for _, m := range append(messages(t), plainHop(t), plainReply(t), &msg.Ack{}) {
			c, ok := m.(wire.Coded)
			if !ok {
				continue
			}
			want := wire.MustMarshal(m)
			if size := c.SizeCBOR(); size > 0 {
				usual[m.Kind()] = true
				if got := c.AppendCBOR(nil); !bytes.Equal(got, want) || len(got) > size {
					t.Fatalf("%T: %x of at most %d bytes, want %x", m, got, size, want)
				}
				if back := c.ScanCBOR(want); back != nil && cmp.Diff(m, back) != "" {
					t.Fatalf("%T: %s", m, cmp.Diff(m, back))
				}
			}
			frame := append([]byte{byte(m.Kind())}, want...)
			sameAsCodec(t, frame)
			at := rapid.IntRange(1, len(frame)-1).Draw(t, "at")
			frame[at] ^= rapid.ByteRange(1, 255).Draw(t, "bits")
			sameAsCodec(t, frame)
			sameAsCodec(t, frame[:at])
		}
		for k := range wire.Kind(255) {
			if (byHand(byte(k)) != nil) != usual[k] {
				t.Fatalf("kind %d: coded by hand is %v", k, usual[k])
			}
		}
	})
}

// A field that somebody adds to a message is coded by hand, too, or the message is left to
// the codec where it is set.
func TestEveryFieldIsCodedByHand(t *testing.T) {
	for _, m := range []wire.Coded{
		&msg.Hop{Route: &msg.Routed{Origin: new(peer.Handle)}}, new(msg.Ack), new(msg.Direct), &msg.Reply{From: new(peer.Handle)},
	} {
		fields := 0
		eachField(reflect.ValueOf(m).Elem(), fmt.Sprintf("%T", m), func(name string) {
			fields++
			if want := wire.MustMarshal(m); m.SizeCBOR() > 0 && !bytes.Equal(m.AppendCBOR(nil), want) {
				t.Errorf("with %s set it is %x by hand, and %x by the codec", name, m.AppendCBOR(nil), want)
			}
		})
		if fields == 0 {
			t.Errorf("%T has no fields", m)
		}
	}
}

// eachField sets each field within v, one after another, and calls f with its name.
func eachField(v reflect.Value, name string, f func(name string)) {
	for i := range v.NumField() {
		x, of := v.Field(i), name+"."+v.Type().Field(i).Name
		was := reflect.New(x.Type()).Elem()
		was.Set(x)
		switch x.Kind() {
		case reflect.Struct:
			eachField(x, of, f)
			continue
		case reflect.Bool:
			x.SetBool(true)
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			x.SetUint(1)
		case reflect.String:
			x.SetString("x")
		case reflect.Slice:
			x.Set(reflect.MakeSlice(x.Type(), 1, 1))
		case reflect.Array:
			x.Index(0).SetUint(1)
		case reflect.Pointer:
			if !x.IsNil() {
				eachField(x.Elem(), of, f)
				continue
			}
			x.Set(reflect.New(x.Type().Elem()))
		default:
			panic("a field of kind " + x.Kind().String() + ": " + of)
		}
		f(of)
		x.Set(was)
	}
}

// plainHop draws a hop as most are.
func plainHop(t *rapid.T) *msg.Hop {
	m := drawHop(t)
	if m.Route == nil {
		m.Cast, m.Route = nil, &msg.Routed{Key: drawID.Draw(t, "key"), Origin: drawHandle.Draw(t, "origin"), Env: drawEnvelope.Draw(t, "env")}
	}
	m.Trail, m.Join, m.Route.Back = nil, nil, nil
	return m
}

// plainReply draws an answer as most are.
func plainReply(t *rapid.T) *msg.Reply {
	m := drawReply.Draw(t, "plain")
	m.Trail, m.Text = nil, ""
	if rapid.Bool().Draw(t, "straight") {
		m.From = nil
	}
	return m
}

// What is usual takes the quick way: else it would be pointless, and nobody would see.
func TestUsualMessagesAreCodedByHand(t *testing.T) {
	env := wire.Envelope{Version: wire.Version, App: 7, Trace: 1 << 60, Payload: make([]byte, 100)}
	for _, m := range []wire.Coded{
		&msg.Hop{Seq: 9, Epoch: 1, Count: 1, Path: []byte{1, 2, 3, 4}, Acks: []uint32{5},
			Route: &msg.Routed{Key: id.Tiny(3), Origin: addressed(2, "/ip4/10.0.0.1/tcp/4001"), Num: 1 << 60, Want: true, Env: env}},
		&msg.Ack{Seqs: []uint32{3, 4}},
		&msg.Direct{Num: 1 << 60, Want: true, Env: env},
		&msg.Reply{Num: 1 << 60, Code: msg.ReplyAnswer, Hops: 1, Attempt: 1, Payload: make([]byte, 100), Acks: []uint32{9}},
	} {
		if m.SizeCBOR() == 0 {
			t.Fatalf("%T is left to the codec", m)
		}
		b := m.AppendCBOR(nil)
		back := m.ScanCBOR(b)
		if d := cmp.Diff(wire.Message(m), back); d != "" {
			t.Errorf("%T: %s", m, d)
		}
		clear(b) // nothing of it may be in the message
		if d := cmp.Diff(wire.Message(m), back); d != "" {
			t.Errorf("%T shares memory with what it was read from: %s", m, d)
		}
	}
}

// BenchmarkCoding is what a usual hop costs, by hand and by the codec's library.
func BenchmarkCoding(b *testing.B) {
	m := &msg.Hop{Seq: 9, Epoch: 1, Count: 1, Path: []byte{1, 2, 3, 4},
		Route: &msg.Routed{Key: id.Tiny(3), Origin: addressed(2, "/ip4/10.0.0.1/tcp/4001"), Num: 1 << 60, Want: true,
			Env: wire.Envelope{Version: wire.Version, App: 7, Trace: 1 << 60, Payload: make([]byte, 100)}}}
	frame, err := msg.Messages.Encode(m)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"encode":          func() error { _, err := msg.Messages.Encode(m); return err },
		"encode/by codec": func() error { _, err := wire.Marshal(m); return err },
		"decode":          func() error { _, err := msg.Messages.Decode(frame); return err },
		"decode/by codec": func() error { return wire.Unmarshal(frame[1:], new(msg.Hop)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
