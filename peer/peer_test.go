package peer_test

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
	"github.com/phyllo-net/phyllo/wire"
)

func drawHandle(t *rapid.T) *peer.Handle {
	return &peer.Handle{
		ID:          id.ID{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64Min(1).Draw(t, "lo")},
		Key:         peer.Key(rapid.SliceOfN(rapid.Byte(), peer.KeySize, peer.KeySize).Draw(t, "key")),
		Incarnation: rapid.Uint64().Draw(t, "incarnation"),
		Addrs:       rapid.SliceOfN(rapid.StringMatching(`[a-z0-9/.:]{1,60}`), 1, peer.MaxAddrs).Draw(t, "addrs"),
		Moves:       rapid.Uint32().Draw(t, "moves"),
	}
}

func TestHandleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawHandle), 0, 10).Draw(t, "handles")
		enc := wire.MustMarshal(list)
		for _, h := range list {
			want := wire.MustMarshal([]any{h.ID, h.Key, h.Incarnation, h.Addrs, h.Moves})
			if got, err := h.MarshalBinary(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("by hand %x, %v; by the codec %x", got, err, want)
			}
			if got := h.AppendCBOR(nil); !bytes.Equal(got, wire.MustMarshal(h)) || len(got) != h.SizeCBOR() {
				t.Fatalf("in a message: by hand %x of %d bytes, by the codec %x", got, h.SizeCBOR(), wire.MustMarshal(h))
			}
		}
		var back []*peer.Handle
		if err := wire.Unmarshal(enc, &back); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(list, back); d != "" {
			t.Fatal(d)
		}
		clear(enc)
		if d := cmp.Diff(list, back); d != "" {
			t.Fatalf("what was decoded keeps the bytes: %s", d)
		}
	})
}

func TestHandlesThatAreRefused(t *testing.T) {
	addrs := func(n, size int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = strings.Repeat("a", size)
		}
		return out
	}
	one := id.Tiny(1)
	for _, c := range []struct {
		name string
		h    peer.Handle
		good bool
	}{
		{"largest", peer.Handle{ID: one, Incarnation: 1<<64 - 1, Moves: 1<<32 - 1, Addrs: addrs(peer.MaxAddrs, peer.MaxAddrLen)}, true},
		{"no address", peer.Handle{ID: one}, true},
		{"no id", peer.Handle{Addrs: addrs(1, 5)}, false},
		{"too many addresses", peer.Handle{ID: one, Addrs: addrs(peer.MaxAddrs+1, 5)}, false},
		{"a long address", peer.Handle{ID: one, Addrs: addrs(1, peer.MaxAddrLen+1)}, false},
		{"an empty address", peer.Handle{ID: one, Addrs: addrs(1, 0)}, false},
		{"a huge one", peer.Handle{ID: one, Addrs: addrs(1, 60_000)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			enc, err := c.h.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var back peer.Handle
			err = back.UnmarshalBinary(enc)
			if (err == nil) != c.good || err != nil && !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%v, want good = %v", err, c.good)
			}
		})
	}
}

// The codec's library would fill these types from a map or an array, past all their
// limits.
func TestOnlyByteStrings(t *testing.T) {
	long := make([]string, 1000)
	for name, c := range map[string]struct{ from, into any }{
		"handle":    {map[string]any{"ID": make([]byte, 16), "Addrs": long}, new([]*peer.Handle)},
		"no handle": {map[string]any{}, new([]*peer.Handle)},
		"key":       {make([]int, peer.KeySize), new([]*peer.Key)},
		"salt":      {make([]int, peer.SaltSize), new([]*peer.Salt)},
		"expulsion": {map[int]any{}, new([]*peer.Expulsion)},
	} {
		if err := wire.Unmarshal(wire.MustMarshal([]any{c.from}), c.into); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, wire.ErrMalformed)
		}
	}
}

func TestCheckList(t *testing.T) {
	a, b := &peer.Handle{ID: id.Tiny(1)}, &peer.Handle{ID: id.Tiny(2)}
	for _, c := range []struct {
		list []*peer.Handle
		good bool
	}{
		{nil, true}, {[]*peer.Handle{a, b}, true},
		{[]*peer.Handle{a, b, a}, false}, {[]*peer.Handle{a, nil}, false},
		{[]*peer.Handle{a, b, {ID: id.Tiny(3)}, {ID: id.Tiny(4)}}, false},
	} {
		if err := peer.CheckList(c.list, 3); (err == nil) != c.good {
			t.Errorf("%v: %v", c.list, err)
		}
	}
}

func TestNewer(t *testing.T) {
	old := &peer.Handle{ID: id.Tiny(1), Incarnation: 5, Addrs: []string{"a"}, Moves: 2}
	for _, c := range []struct {
		incarnation uint64
		moves       uint32
		addr        string
		newer       bool
	}{
		{4, 2, "b", false}, {4, 9, "b", false}, {5, 2, "a", false}, {5, 2, "b", true}, {5, 1, "b", false},
		{5, 3, "b", true}, {5, 3, "a", true}, {6, 0, "a", true},
	} {
		h := &peer.Handle{ID: old.ID, Incarnation: c.incarnation, Moves: c.moves, Addrs: []string{c.addr}}
		if h.Newer(old) != c.newer {
			t.Errorf("incarnation %d at %s after %d moves: newer is %v", c.incarnation, c.addr, c.moves, !c.newer)
		}
	}
	if to := old.MovedTo([]string{"c"}); !to.Newer(old) || old.Newer(to) || to.Addrs[0] != "c" || old.Addrs[0] != "a" {
		t.Errorf("%v moved to %v", old, to)
	}
	var none *peer.Handle
	if none.String() != "nobody" || old.String() != "01000000/5" {
		t.Errorf("%v, %v", none, old)
	}
}

// byCodec decodes a handle with the codec alone; nil if it is refused.
func byCodec(b []byte) *peer.Handle {
	var f struct {
		_           struct{} `cbor:",toarray"`
		ID          id.ID
		Key         peer.Key
		Incarnation uint64
		Addrs       []string
		Moves       uint32
	}
	if wire.Unmarshal(b, &f) != nil {
		return nil
	}
	h := &peer.Handle{ID: f.ID, Key: f.Key, Incarnation: f.Incarnation, Addrs: f.Addrs, Moves: f.Moves}
	if h.Check() != nil {
		return nil
	}
	return h
}

func FuzzHandle(f *testing.F) {
	enc, err := (&peer.Handle{ID: id.Tiny(1), Incarnation: 3, Addrs: []string{"/ip4/127.0.0.1/tcp/1"}}).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enc)
	f.Add(enc[:7])
	f.Add([]byte{0x84})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { new(peer.Handle).UnmarshalBinary(b) })
		var h peer.Handle
		err := h.UnmarshalBinary(b)
		if want := byCodec(b); (want == nil) != (err != nil) || want != nil && !cmp.Equal(*want, h) {
			t.Fatalf("%x: by hand %v, %v; by the codec %v", b, &h, err, want)
		}
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if err := h.Check(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		again, err := h.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Addrs) > 0 && !bytes.Equal(again, b) {
			t.Fatalf("two encodings of one handle: %x and %x", b, again)
		}
	})
}
