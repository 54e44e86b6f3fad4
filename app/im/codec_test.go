package im_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

type uint16App = wire.AppID

func mustMarshal(v any) []byte { return wire.MustMarshal(v) }

// drawLetter draws any letter that is allowed.
func drawLetter(t *rapid.T) letter.Letter {
	x := func(label string) id.ID {
		return id.ID{Hi: rapid.Uint64().Draw(t, label), Lo: rapid.Uint64Min(1).Draw(t, label)}
	}
	key := func(label string) (k peer.Key) {
		copy(k[:], rapid.SliceOfN(rapid.ByteMin(1), 32, 32).Draw(t, label))
		return k
	}
	l := letter.Letter{
		From: key("from"), To: key("to"), Number: rapid.Uint32().Draw(t, "number"), Conv: x("conv"), Stream: x("stream"),
		Counter: rapid.Uint64Range(1, 1<<62).Draw(t, "counter"), ID: letter.MsgID{ID: x("id")},
		Kind: letter.Kind(rapid.ByteMin(1).Draw(t, "kind")), Time: rapid.Int64().Draw(t, "time"),
		Name: rapid.StringN(0, 20, letter.MaxName).Draw(t, "name"), Sig: make([]byte, peer.SignatureSize),
	}
	copy(l.Ring[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "ring"))
	l.After = rapid.Uint64Range(0, l.Counter-1).Draw(t, "after")
	l.Body = []byte(rapid.StringN(1, -1, letter.MaxText).Draw(t, "body"))
	return l
}

func TestLetterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLetter(t)
		p, err := letter.Pad(mustMarshal(&l))
		if err != nil {
			t.Fatal(err)
		}
		got, err := letter.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(l, *got); d != "" {
			t.Fatal(d)
		}
	})
}

// Every field is under the signature.
func TestSignatureCoversEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawLetter(t), drawLetter(t)
		fields := []func(to, from *letter.Letter){
			func(x, y *letter.Letter) { x.Ring = y.Ring }, func(x, y *letter.Letter) { x.From = y.From }, func(x, y *letter.Letter) { x.To = y.To },
			func(x, y *letter.Letter) { x.Number = y.Number }, func(x, y *letter.Letter) { x.Conv = y.Conv }, func(x, y *letter.Letter) { x.Stream = y.Stream },
			func(x, y *letter.Letter) { x.Counter = y.Counter }, func(x, y *letter.Letter) { x.After = y.After }, func(x, y *letter.Letter) { x.ID = y.ID },
			func(x, y *letter.Letter) { x.Kind = y.Kind }, func(x, y *letter.Letter) { x.Time = y.Time }, func(x, y *letter.Letter) { x.Name = y.Name },
			func(x, y *letter.Letter) { x.Body = y.Body },
		}
		c := a
		rapid.SampledFrom(fields).Draw(t, "field")(&c, &b)
		if same := cmp.Equal(a, c); same != bytes.Equal(a.Signed(), c.Signed()) {
			t.Fatalf("letters equal: %v, what is signed equal: %v", same, !same)
		}
	})
}

func TestSizeClassesHideTheLength(t *testing.T) {
	alice, bob := user("alice"), user("bob")
	sizes := map[int]bool{}
	for n := 1; n <= letter.MaxText; n += 97 {
		l := written(alice, bob, 1)
		l.Body = []byte(strings.Repeat("x", n))
		sizes[len(seal(t, l, alice, bob))] = true
	}
	l := written(alice, bob, 1)
	l.Name, l.Body = strings.Repeat("n", letter.MaxName), []byte(strings.Repeat("x", letter.MaxText))
	largest := len(seal(t, l, alice, bob))
	sizes[largest] = true
	if len(sizes) != len(letter.SizeClasses) {
		t.Errorf("%d sizes, want %d", len(sizes), len(letter.SizeClasses))
	}
	if largest > im.MaxSealed {
		t.Errorf("the largest letter has %d bytes, %d may be sent", largest, im.MaxSealed)
	}
	p := &im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{make([]byte, im.MaxSealed)}}
	if n := len(im.Encode(p)); n > wire.MaxPayload {
		t.Errorf("it makes a push of %d bytes", n)
	}
}

func TestPadAcceptsOnlyWhatItMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "bytes")
		p, err := letter.Pad(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := letter.Unpad(p)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v", err)
		}
		at := rapid.IntRange(len(b)+4, len(p)).Draw(t, "at")
		if at < len(p) {
			p[at] = 1
			if _, err := letter.Unpad(p); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("padding of other bytes: %v", err)
			}
		}
	})
	if _, err := letter.Pad(make([]byte, letter.SizeClasses[7])); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	big := make([]byte, 1024) // could have been padded to 512
	big[3] = 10
	huge := make([]byte, 512)
	huge[0] = 0xff
	for _, p := range [][]byte{nil, {0}, make([]byte, 511), big, huge} {
		if _, err := letter.Unpad(p); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	a, b := user("alice").Key(), user("bob").Key()
	for _, m := range []wire.Message{
		&im.Push{To: a, Number: 3, Sealed: [][]byte{{1}, {2, 3}}}, &im.Pushed{Took: 2, Verdict: im.VerdictGap, Want: 9, Sig: make([]byte, peer.SignatureSize)},
		&im.Ping{From: a, To: b}, &im.Pong{Here: true}, &im.Bye{From: a, To: b},
	} {
		got, err := im.Messages.Decode(im.Encode(m))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Error(d)
		}
	}
}

// stable checks that what was accepted once is accepted again as the same.
func stable(t *testing.T, b []byte) {
	budget.Decode(t, len(b), func() { im.Messages.Decode(b) })
	m, err := im.Messages.Decode(b)
	if err != nil {
		return
	}
	again, err := im.Messages.Decode(im.Encode(m))
	if err != nil || !cmp.Equal(m, again) {
		t.Fatalf("%v: %s", err, cmp.Diff(m, again))
	}
}

func FuzzMessages(f *testing.F) {
	a, b := user("alice").Key(), user("bob").Key()
	for _, m := range []wire.Message{
		&im.Push{To: a, Number: 3, Sealed: [][]byte{{1}, {2, 3}}}, &im.Pushed{Took: 1, Sig: make([]byte, peer.SignatureSize)}, &im.Ping{From: a, To: b}, &im.Pong{Here: true}, &im.Bye{From: a, To: b},
	} {
		f.Add(im.Encode(m))
	}
	f.Add([]byte{1, 0xa1, 3, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(stable)
}

func FuzzLetter(f *testing.F) {
	alice, bob := user("alice"), user("bob")
	l := written(alice, bob, 1)
	l.Sig = alice.Signer.Sign(l.Signed())
	p, err := letter.Pad(mustMarshal(&l))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	l.Kind, l.Body = letter.ReceiptKind, mustMarshal(&letter.Receipt{Read: []letter.MsgID{l.ID}})
	if p, err = letter.Pad(mustMarshal(&l)); err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, p []byte) {
		budget.Decode(t, len(p), func() { letter.Parse(p) })
		l, err := letter.Parse(p)
		if err != nil {
			return
		}
		again, err := letter.Pad(mustMarshal(l))
		if err != nil {
			t.Fatal(err)
		}
		got, err := letter.Parse(again)
		if err != nil || !cmp.Equal(l, got) {
			t.Fatalf("%v: %s", err, cmp.Diff(l, got))
		}
	})
}

func FuzzReceipt(f *testing.F) {
	f.Add(mustMarshal(&letter.Receipt{Read: []letter.MsgID{{ID: id.Tiny(1)}, {ID: id.Tiny(2)}}}))
	f.Add([]byte{0xa1, 1, 0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { wire.Unmarshal(b, new(letter.Receipt)) })
		var r, again letter.Receipt
		if wire.Unmarshal(b, &r) != nil {
			return
		}
		if len(r.Read) == 0 || len(r.Read) > letter.MaxReceipt {
			t.Fatalf("%d messages", len(r.Read))
		}
		if err := wire.Unmarshal(mustMarshal(&r), &again); err != nil || !cmp.Equal(r, again) {
			t.Fatal(err)
		}
	})
}

func TestMsgIDReadsBack(t *testing.T) {
	want := letter.MsgID{ID: id.ID{Hi: 1, Lo: 0xfedc}}
	got, err := letter.ParseMsgID(want.String())
	if err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := letter.ParseMsgID("12"); err == nil {
		t.Error("half an id was read")
	}
}
