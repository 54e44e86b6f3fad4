package msg_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// sameAsCodec fails the test if a message that is read by hand is another, or refused, by the
// codec's library.
func sameAsCodec(t *testing.T, like wire.Coded, b []byte) {
	t.Helper()
	want := reflect.New(reflect.TypeOf(like).Elem()).Interface().(wire.Message)
	refused := wire.Unmarshal(b, want)
	if got := like.ScanCBOR(b); got != nil && (refused != nil || !reflect.DeepEqual(got, want)) {
		t.Fatalf("%T %x: by hand %+v, by the codec %+v, %v", like, b, got, want, refused)
	}
}

// What carries batches is coded by hand as the codec's library does it, byte for byte, and
// back: also where one byte of it is another, or where it ends before its end.
func TestCodedByHand(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	g := signed().Group(ring)
	lean := batch(g, now)
	lean.Seal.Root = id.Hash{}
	one := msg.NewBatch(ring, g, 1<<60, 3, 5, [][]byte{bytes.Repeat([]byte("x"), 700)}, bob, now)
	for _, m := range []wire.Coded{
		&msg.Cast{Group: g, Batch: one}, &msg.Cast{Group: g, Batch: batch(g, now)}, &msg.Publish{Group: g, Batch: batch(g, now)},
		&msg.Cast{Group: g, Batch: lean}, &msg.Keep{Group: g, Batch: one}, &msg.Keep{Group: g, Charter: signed(), Batch: one}, &msg.Keep{Group: g, Charter: signed()},
	} {
		want := wire.MustMarshal(m)
		size := m.SizeCBOR()
		if k, is := m.(*msg.Keep); is && k.Charter != nil {
			if size != 0 {
				t.Errorf("%T with a charter is coded by hand", m)
			}
		} else if got := m.AppendCBOR(nil); !bytes.Equal(got, want) || len(got) > size {
			t.Errorf("%T: %x of at most %d bytes, want %x", m, got, size, want)
		} else if back := m.ScanCBOR(want); !reflect.DeepEqual(back, wire.Message(m)) {
			t.Errorf("%T: %+v", m, back)
		}
		sameAsCodec(t, m, want)
		for at := range want {
			sameAsCodec(t, m, want[:at])
			other := bytes.Clone(want)
			other[at] ^= byte(1 + rng.IntN(255))
			sameAsCodec(t, m, other)
		}
	}
}

// What was read shares no memory with what it was read from.
func TestCodedShareNothing(t *testing.T) {
	g := signed().Group(ring)
	m := &msg.Cast{Group: g, Batch: batch(g, now)}
	b := msg.Encode(m)
	got, err := msg.Decode(b)
	clear(b)
	if err != nil || !reflect.DeepEqual(got, wire.Message(m)) {
		t.Errorf("%+v, %v", got, err)
	}
}
