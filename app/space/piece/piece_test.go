package piece_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
)

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	rng.Read(b)
	return b
}

// cut cuts b, of which so many bytes come at a time.
func cut(t testing.TB, c *piece.Cutter, b []byte, step int) (pieces [][]byte) {
	t.Helper()
	var have []byte
	seen := 0
	for len(b) > 0 || len(have) > 0 {
		n := min(step, len(b))
		have, b = append(have, b[:n]...), b[n:]
		for {
			n := c.Cut(have, seen, len(b) == 0)
			if n == 0 {
				seen = len(have)
				break
			}
			seen = 0
			if n > c.Max() {
				t.Fatalf("a piece of %d bytes", n)
			}
			pieces, have = append(pieces, have[:n:n]), have[n:]
		}
	}
	return pieces
}

// TestCut: the pieces together are the content, however it comes, and their lengths are within
// the limits.
func TestCut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := piece.NewCutter(peer.Secret{3}, rapid.IntRange(256, 5000).Draw(rt, "max"))
		b := random(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(0, 40_000).Draw(rt, "length"))
		if rapid.Bool().Draw(rt, "zeros") {
			clear(b)
		}
		whole := cut(t, c, b, len(b)+1)
		parts := cut(t, c, b, rapid.IntRange(1, 7000).Draw(rt, "step"))
		if !bytes.Equal(bytes.Join(whole, nil), b) || len(whole) != len(parts) {
			rt.Fatalf("%d pieces at once, %d in steps", len(whole), len(parts))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) || i+1 < len(whole) && len(whole[i]) <= c.Max()/4 {
				rt.Fatalf("piece %d has %d bytes at once, %d in steps", i, len(whole[i]), len(parts[i]))
			}
		}
	})
}

// TestCutFindsItsPlace: an insertion changes the pieces near it and no others; another secret
// cuts elsewhere; and pieces have the average length that they should (FastCDC, 4).
func TestCutFindsItsPlace(t *testing.T) {
	b := random(1, 4<<20)
	c := piece.NewCutter(peer.Secret{3}, 32<<10)
	had := make(map[string]bool)
	before := cut(t, c, b, len(b))
	for _, p := range before {
		had[string(p)] = true
	}
	if mean := len(b) / len(before); mean < 12<<10 || mean > 20<<10 {
		t.Errorf("pieces of %d bytes in the mean, want about 16 KiB", mean)
	}
	fresh := func(c *piece.Cutter, b []byte) (n int) {
		for _, p := range cut(t, c, b, len(b)) {
			if !had[string(p)] {
				n++
			}
		}
		return n
	}
	changed := append(append(bytes.Clone(b[:1<<20]), "seven b"...), b[1<<20:]...)
	if n := fresh(c, changed); n < 1 || n > 8 {
		t.Errorf("%d of %d pieces are new after a short insertion", n, len(before))
	}
	if n := fresh(piece.NewCutter(peer.Secret{4}, 32<<10), b); n < len(before)*9/10 {
		t.Errorf("with another secret %d of %d pieces are new", n, len(before))
	}
}

func refs(sizes ...int64) (out []piece.Ref) {
	for i, size := range sizes {
		out = append(out, piece.Ref{Object: id.HashOf("object", i), Key: peer.Secret{byte(i)}, Size: size})
	}
	return out
}

func TestLists(t *testing.T) {
	b, size := piece.NewList(refs(10, 20, 30))
	l, err := piece.OpenList(b, size)
	if err != nil || size != 60 || len(l.Refs) != 3 {
		t.Fatal(size, err)
	}
	for _, x := range []struct {
		from, to int64
		first, n int
	}{{100, 160, 0, 3}, {109, 110, 0, 1}, {110, 111, 1, 1}, {105, 131, 0, 3}, {130, 1000, 2, 1}, {0, 100, 0, 0}, {160, 200, 0, 0}} {
		ps := l.Overlapping(100, x.from, x.to)
		if len(ps) != x.n || x.n > 0 && ps[0].Ref != l.Refs[x.first] {
			t.Errorf("[%d, %d): %v", x.from, x.to, ps)
		}
	}
	for what, bad := range map[string][]piece.Ref{
		"nothing": {}, "more than there is": refs(10, 20, 31), "less": refs(10, 20), "an empty part": refs(10, 0, 50),
		"a negative part": refs(70, -10), "sizes that overflow": refs(1<<62, 1<<62, 1<<62, 1<<62, 60), "too many": make([]piece.Ref, piece.Fan+1),
	} {
		b, _ := piece.NewList(bad)
		if _, err := piece.OpenList(b, 60); !errors.Is(err, piece.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLimits: what stands in for a file is within its limits.
func TestLimits(t *testing.T) {
	some := refs(5)[0]
	for what, c := range map[string]piece.Content{
		"too deep": {Ref: some, Height: piece.MaxHeight + 1}, "nothing in an object": {Ref: piece.Ref{Object: some.Object}},
		"something in none": {Ref: piece.Ref{Size: 1}}, "a negative size": {Ref: piece.Ref{Object: some.Object, Size: -1}},
		"too large": {Ref: piece.Ref{Object: some.Object, Size: piece.MaxSize + 1}},
	} {
		if err := c.Check(); !errors.Is(err, piece.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := (&piece.Content{Ref: some, Height: 1}).Check(); err != nil {
		t.Error(err)
	}
}

func FuzzList(f *testing.F) {
	b, size := piece.NewList(refs(10, 20, 30))
	f.Add(b, size)
	f.Add([]byte{0xa1, 1, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, int64(1))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		budget.Decode(t, len(b), func() { piece.OpenList(b, size) })
		if l, err := piece.OpenList(b, size); err == nil {
			if again, sum := piece.NewList(l.Refs); sum != size || !bytes.Equal(again, b) {
				t.Error("read, and written otherwise")
			}
		}
	})
}
