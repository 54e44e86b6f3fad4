package im_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

type uint16App = wire.AppID

func mustMarshal(v any) []byte { return wire.MustMarshal(v) }

// drawLetter draws any letter that is allowed.
func drawLetter(t *rapid.T) im.Letter {
	x := func(label string) id.ID {
		return id.ID{Hi: rapid.Uint64().Draw(t, label), Lo: rapid.Uint64Min(1).Draw(t, label)}
	}
	key := func(label string) (k peer.Key) {
		copy(k[:], rapid.SliceOfN(rapid.ByteMin(1), 32, 32).Draw(t, label))
		return k
	}
	l := im.Letter{
		From: key("from"), To: key("to"), Number: rapid.Uint32().Draw(t, "number"), Conv: x("conv"), Stream: x("stream"),
		Counter: rapid.Uint64Range(1, 1<<62).Draw(t, "counter"), ID: im.MsgID{ID: x("id")},
		Kind: im.BodyKind(rapid.ByteMin(1).Draw(t, "kind")), Time: rapid.Int64().Draw(t, "time"),
		Name: rapid.StringN(0, 20, im.MaxName).Draw(t, "name"), Sig: make([]byte, peer.SignatureSize),
	}
	copy(l.Ring[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "ring"))
	l.After = rapid.Uint64Range(0, l.Counter-1).Draw(t, "after")
	l.Body = []byte(rapid.StringN(1, -1, im.MaxText).Draw(t, "body"))
	return l
}

func TestLetterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLetter(t)
		p, err := im.Pad(mustMarshal(&l))
		if err != nil {
			t.Fatal(err)
		}
		got, err := im.ParseLetter(p)
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
		fields := []func(to, from *im.Letter){
			func(x, y *im.Letter) { x.Ring = y.Ring }, func(x, y *im.Letter) { x.From = y.From }, func(x, y *im.Letter) { x.To = y.To },
			func(x, y *im.Letter) { x.Number = y.Number }, func(x, y *im.Letter) { x.Conv = y.Conv }, func(x, y *im.Letter) { x.Stream = y.Stream },
			func(x, y *im.Letter) { x.Counter = y.Counter }, func(x, y *im.Letter) { x.After = y.After }, func(x, y *im.Letter) { x.ID = y.ID },
			func(x, y *im.Letter) { x.Kind = y.Kind }, func(x, y *im.Letter) { x.Time = y.Time }, func(x, y *im.Letter) { x.Name = y.Name },
			func(x, y *im.Letter) { x.Body = y.Body },
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
	for n := 1; n <= im.MaxText; n += 97 {
		l := letter(alice, bob, 1)
		l.Body = []byte(strings.Repeat("x", n))
		sizes[len(seal(t, l, alice, bob))] = true
	}
	l := letter(alice, bob, 1)
	l.Name, l.Body = strings.Repeat("n", im.MaxName), []byte(strings.Repeat("x", im.MaxText))
	largest := len(seal(t, l, alice, bob))
	sizes[largest] = true
	if len(sizes) != len(im.SizeClasses) {
		t.Errorf("%d sizes, want %d", len(sizes), len(im.SizeClasses))
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
		p, err := im.Pad(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := im.Unpad(p)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v", err)
		}
		at := rapid.IntRange(len(b)+4, len(p)).Draw(t, "at")
		if at < len(p) {
			p[at] = 1
			if _, err := im.Unpad(p); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("padding of other bytes: %v", err)
			}
		}
	})
	if _, err := im.Pad(make([]byte, im.SizeClasses[7])); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	big := make([]byte, 1024) // could have been padded to 512
	big[3] = 10
	huge := make([]byte, 512)
	huge[0] = 0xff
	for _, p := range [][]byte{nil, {0}, make([]byte, 511), big, huge} {
		if _, err := im.Unpad(p); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	a, b := user("alice").Key(), user("bob").Key()
	for _, m := range []wire.Message{
		&im.Push{To: a, Number: 3, Sealed: [][]byte{{1}, {2, 3}}}, &im.Pushed{Took: 2, Verdict: im.VerdictGap, Want: 9},
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
		&im.Push{To: a, Number: 3, Sealed: [][]byte{{1}, {2, 3}}}, &im.Pushed{Took: 1}, &im.Ping{From: a, To: b}, &im.Pong{Here: true}, &im.Bye{From: a, To: b},
	} {
		f.Add(im.Encode(m))
	}
	f.Add([]byte{1, 0xa1, 3, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(stable)
}

func FuzzLetter(f *testing.F) {
	alice, bob := user("alice"), user("bob")
	l := letter(alice, bob, 1)
	l.Sig = alice.Signer.Sign(l.Signed())
	p, err := im.Pad(mustMarshal(&l))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	l.Kind, l.Body = im.BodyReceipt, mustMarshal(&im.Receipt{Read: []im.MsgID{l.ID}})
	if p, err = im.Pad(mustMarshal(&l)); err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, p []byte) {
		budget.Decode(t, len(p), func() { im.ParseLetter(p) })
		l, err := im.ParseLetter(p)
		if err != nil {
			return
		}
		again, err := im.Pad(mustMarshal(l))
		if err != nil {
			t.Fatal(err)
		}
		got, err := im.ParseLetter(again)
		if err != nil || !cmp.Equal(l, got) {
			t.Fatalf("%v: %s", err, cmp.Diff(l, got))
		}
	})
}

func FuzzReceipt(f *testing.F) {
	f.Add(mustMarshal(&im.Receipt{Read: []im.MsgID{{ID: id.Tiny(1)}, {ID: id.Tiny(2)}}}))
	f.Add([]byte{0xa1, 1, 0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { wire.Unmarshal(b, new(im.Receipt)) })
		var r, again im.Receipt
		if wire.Unmarshal(b, &r) != nil {
			return
		}
		if len(r.Read) == 0 || len(r.Read) > im.MaxReceipt {
			t.Fatalf("%d messages", len(r.Read))
		}
		if err := wire.Unmarshal(mustMarshal(&r), &again); err != nil || !cmp.Equal(r, again) {
			t.Fatal(err)
		}
	})
}

func TestMsgIDReadsBack(t *testing.T) {
	want := im.MsgID{ID: id.ID{Hi: 1, Lo: 0xfedc}}
	got, err := im.ParseMsgID(want.String())
	if err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := im.ParseMsgID("12"); err == nil {
		t.Error("half an id was read")
	}
}
