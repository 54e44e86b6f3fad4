package transport_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

func drawID(t *rapid.T) id.ID {
	return id.ID{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64Min(1).Draw(t, "lo")}
}

func drawHello(t *rapid.T) *transport.Hello {
	var key peer.Key
	copy(key[:], rapid.SliceOfN(rapid.Byte(), len(key), len(key)).Draw(t, "key"))
	node := drawID(t)
	var addrs []string
	for range rapid.IntRange(0, peer.MaxAddrs).Draw(t, "addrs") {
		addrs = append(addrs, rapid.StringMatching(`[a-z0-9/.:]{1,128}`).Draw(t, "addr"))
	}
	sig := func() []byte { return rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "sig") }
	h := transport.NewHello(
		&peer.Handle{ID: node, Key: key, Incarnation: rapid.Uint64().Draw(t, "inc"), Addrs: addrs},
		&peer.Certificate{
			Ring: id.HashOf("test", node), Node: node, Key: key,
			NotBefore: rapid.Int64().Draw(t, "from"), NotAfter: rapid.Int64().Draw(t, "to"), Sig: sig(),
			Admission: &peer.Admission{Authority: key, Admitter: key, Sig: sig()},
		},
		rapid.Uint64().Draw(t, "number"))
	h.Max += rapid.UintMax(5).Draw(t, "newer")
	return h
}

func TestHelloRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHello(t)
		b, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := transport.ParseHello(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(h, got); d != "" {
			t.Fatal(d)
		}
		if again, _ := got.Encode(); !bytes.Equal(again, b) {
			t.Fatal("the encoding is not the only one")
		}
	})
}

func TestRefusalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &transport.Refusal{
			Reason: transport.RefusalReason(rapid.Byte().Draw(t, "reason")),
			Min:    rapid.Uint().Draw(t, "min"), Max: rapid.Uint().Draw(t, "max"),
		}
		got, err := transport.ParseRefusal(r.Encode())
		if err != nil || *got != *r {
			t.Fatalf("%v, %v", got, err)
		}
		if errors.Is(got, transport.ErrVersion) != (r.Reason == transport.RefusedVersion) || got.Error() == "" {
			t.Fatalf("%v", got)
		}
	})
}

// A largest handle and a largest certificate fit a hello.
func TestHelloFits(t *testing.T) {
	h := &peer.Handle{ID: id.Max, Incarnation: 1<<64 - 1}
	for range peer.MaxAddrs {
		h.Addrs = append(h.Addrs, strings.Repeat("a", peer.MaxAddrLen))
	}
	c := &peer.Certificate{Node: id.Max, NotBefore: 1 << 62, NotAfter: 1 << 62, Sig: make([]byte, 64),
		Admission: &peer.Admission{Since: 1 << 62, Sig: make([]byte, 64)}}
	b, err := transport.NewHello(h, c, 1<<64-1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.ParseHello(b); err != nil {
		t.Fatal(err)
	}
}

// Another version is told from malformed bytes, and its ranges are named.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		min, max uint
		good     bool
	}{
		{wire.MinVersion, wire.Version, true}, {0, wire.MinVersion, true}, {wire.Version, 200, true},
		{wire.Version + 1, 200, false}, {0, wire.MinVersion - 1, false},
	} {
		// What comes after the versions may look quite different in another version.
		b := wire.MustMarshal(map[int]any{1: c.min, 2: c.max, 3: []byte("?"), 4: []byte("?"), 9: "?"})
		_, err := transport.ParseHello(b)
		if errors.Is(err, transport.ErrVersion) == c.good {
			t.Errorf("versions %d to %d: %v", c.min, c.max, err)
		}
		var v *transport.VersionError
		if !c.good && (!errors.As(err, &v) || v.Min != c.min || v.Max != c.max) {
			t.Errorf("the error does not name %d to %d: %v", c.min, c.max, err)
		}
	}
}

func TestVerify(t *testing.T) {
	a, b := id.ID{Hi: 1}, id.ID{Hi: 2}
	ka, kb := peer.Key{1}, peer.Key{2}
	bad := errors.New("not good")
	fine := func(*peer.Certificate) error { return nil }
	hello := func(node, cert id.ID, hk, ck peer.Key) *transport.Hello {
		return transport.NewHello(&peer.Handle{ID: node, Key: hk}, &peer.Certificate{Node: cert, Key: ck}, 1)
	}
	for _, c := range []struct {
		what  string
		h     *transport.Hello
		check func(*peer.Certificate) error
		want  error
	}{
		{"right", hello(b, b, kb, kb), fine, nil},
		{"own id", hello(a, a, kb, kb), fine, transport.ErrSelf},
		{"certificate of another", hello(b, id.ID{Hi: 3}, kb, kb), fine, transport.ErrMismatch},
		{"handle with another key", hello(b, b, ka, kb), fine, transport.ErrMismatch},
		{"certificate with another key", hello(b, b, kb, ka), fine, transport.ErrMismatch},
		{"both with another key", hello(b, b, ka, ka), fine, transport.ErrMismatch},
		{"refused certificate", hello(b, b, kb, kb), func(*peer.Certificate) error { return bad }, bad},
	} {
		if err := c.h.Verify(kb, a, c.check); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if err := hello(b, b, kb, kb).Verify(kb, a, func(*peer.Certificate) error { return bad }); !errors.Is(err, transport.ErrCertificate) {
		t.Errorf("%v, want ErrCertificate", err)
	}
}

func FuzzParseHello(f *testing.F) {
	h := transport.NewHello(&peer.Handle{ID: id.Max, Addrs: []string{"mem:1"}}, &peer.Certificate{Node: id.Max}, 1)
	good, err := h.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte{0xa1, 1, 9})
	f.Add(bytes.Repeat([]byte{0x81}, 10000))
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { transport.ParseHello(b) })
		h, err := transport.ParseHello(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) && !errors.Is(err, transport.ErrVersion) {
				t.Fatalf("an error of no known kind: %v", err)
			}
			return
		}
		if len(h.Handle.Addrs) > peer.MaxAddrs || h.Min > h.Max {
			t.Fatalf("taken: %+v", h)
		}
		again, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transport.ParseHello(again); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseRefusal(f *testing.F) {
	f.Add((&transport.Refusal{Reason: transport.RefusedVersion, Min: 1, Max: 2}).Encode())
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { transport.ParseRefusal(b) })
		r, err := transport.ParseRefusal(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("an error of no known kind: %v", err)
			}
			return
		}
		if r.Error() == "" {
			t.Fatal("a refusal without words")
		}
	})
}
