package id_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
)

var ring = new(big.Int).Lsh(big.NewInt(1), id.Bits)

func number(x id.ID) *big.Int {
	b := x.Bytes()
	return new(big.Int).SetBytes(b[:])
}

func point(n *big.Int) id.ID {
	var b [id.Size]byte
	new(big.Int).Mod(n, ring).FillBytes(b[:])
	return id.FromBytes(b[:])
}

// anyID draws points with many ties and edges among them.
func anyID() *rapid.Generator[id.ID] {
	return rapid.Custom(func(t *rapid.T) id.ID {
		edge := []uint64{0, 1, 2, 1 << 63, 1<<63 - 1, 1<<63 + 1, ^uint64(0), ^uint64(0) - 1}
		word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom(edge))
		return id.ID{Hi: word.Draw(t, "hi"), Lo: word.Draw(t, "lo")}
	})
}

func TestArithmeticAgainstBigInt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyID().Draw(t, "x"), anyID().Draw(t, "y")
		a, b := number(x), number(y)
		if got, want := x.Add(y), point(new(big.Int).Add(a, b)); got != want {
			t.Fatalf("%v + %v = %v, want %v", x, y, got, want)
		}
		if got, want := x.Sub(y), point(new(big.Int).Sub(a, b)); got != want {
			t.Fatalf("%v - %v = %v, want %v", x, y, got, want)
		}
		if got, want := x.Half(), point(new(big.Int).Rsh(a, 1)); got != want {
			t.Fatalf("%v / 2 = %v, want %v", x, got, want)
		}
		if got := x.Cmp(y); got != a.Cmp(b) || x.Less(y) != (got < 0) || x.IsZero() != (a.Sign() == 0) {
			t.Fatalf("%v and %v compare %d, %v", x, y, got, x.Less(y))
		}
		up, down := number(x.Sub(y)), number(y.Sub(x))
		if up.Cmp(down) > 0 {
			up = down
		}
		if got := x.Distance(y); got != point(up) || got != y.Distance(x) || got.Less(id.ID{}) || (id.ID{Hi: 1 << 63}).Less(got) {
			t.Fatalf("distance of %v and %v is %v, want %v", x, y, got, point(up))
		}
	})
}

func TestDistanceOfOppositePoints(t *testing.T) {
	half := id.ID{Hi: 1 << 63}
	for _, x := range []id.ID{{}, {Lo: 1}, half, id.Max, id.Tiny(77)} {
		if got := x.Distance(x.Add(half)); got != half {
			t.Errorf("%v and its opposite: %v", x, got)
		}
		if got := x.Distance(x.Add(half).Sub(id.ID{Lo: 1})); got != half.Sub(id.ID{Lo: 1}) {
			t.Errorf("%v and almost its opposite: %v", x, got)
		}
	}
	if got := (id.ID{}).Distance(id.Max); got != (id.ID{Lo: 1}) {
		t.Errorf("across the end of the ring: %v", got)
	}
}

// On the whole 8-bit ring, against arithmetic that fits the head.
func TestTinyRing(t *testing.T) {
	dist := func(a, b int) int { return min((a-b)&255, (b-a)&255) }
	near := func(key, a, b int) bool {
		if da, db := dist(a, key), dist(b, key); da != db {
			return da < db
		}
		return a < b
	}
	tiny := func(x int) id.ID { return id.Tiny(uint8(x)) }
	for a := range 256 {
		for b := range 256 {
			if got := tiny(a).Distance(tiny(b)); got != tiny(dist(a, b)) {
				t.Fatalf("distance of %d and %d is %v", a, b, got)
			}
			arc := id.Range{From: tiny(a), To: tiny(b)}
			middle := id.Middle(tiny(a), tiny(b))
			for x := range 256 {
				key := tiny(x)
				if got := id.Closer(key, tiny(a), tiny(b)); got != near(x, a, b) {
					t.Fatalf("closer(%d, %d, %d) = %v", x, a, b, got)
				}
				on := (x-a)&255 != 0 && ((x-a)&255 < (b-a)&255 || a == b)
				if got := id.Between(tiny(a), key, tiny(b)); got != on {
					t.Fatalf("between(%d, %d, %d) = %v", a, x, b, got)
				}
				if got := arc.Contains(key); got != ((x-a)&255 <= (b-a)&255) {
					t.Fatalf("[%d..%d] contains %d: %v", a, b, x, got)
				}
				// Of the arc from a to b, a's half is what is nearer to a.
				if a != b && (arc.Contains(key)) {
					if mine := !middle.Sub(tiny(a)).Less(key.Sub(tiny(a))); mine != near(x, a, b) {
						t.Fatalf("middle(%d, %d) = %v puts %d on the side of a: %v", a, b, middle, x, mine)
					}
				}
			}
		}
	}
}

// Of the points from a to b, Middle is the last that is nearer to a, to the bit.
func TestMiddle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyID().Draw(t, "a"), anyID().Draw(t, "b")
		m := id.Middle(a, b)
		if a == b {
			if m != a {
				t.Fatalf("middle of %v and itself is %v", a, m)
			}
			return
		}
		next := m.Add(id.ID{Lo: 1})
		if !id.Closer(m, a, b) || !id.Closer(next, b, a) {
			t.Fatalf("middle(%v, %v) = %v: nearer to a %v, and the next %v", a, b, m, id.Closer(m, a, b), id.Closer(next, a, b))
		}
		if arc := (id.Range{From: a, To: b}); !arc.Contains(m) || m == b {
			t.Fatalf("middle(%v, %v) = %v is not between them", a, b, m)
		}
	})
}

// Every key has exactly one nearest of any set of nodes, whatever their order.
func TestCloserIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, a, b, c := anyID().Draw(t, "key"), anyID().Draw(t, "a"), anyID().Draw(t, "b"), anyID().Draw(t, "c")
		if a != b && id.Closer(key, a, b) == id.Closer(key, b, a) {
			t.Fatal("neither or both of two are nearer")
		}
		if id.Closer(key, a, a) {
			t.Fatal("nearer than itself")
		}
		if id.Closer(key, a, b) && id.Closer(key, b, c) && !id.Closer(key, a, c) {
			t.Fatal("not transitive")
		}
	})
}

func TestRange(t *testing.T) {
	all := id.Range{Full: true, From: id.Tiny(3), To: id.Tiny(1)}
	for _, x := range []id.ID{{}, id.Max, id.Tiny(2)} {
		if !all.Contains(x) {
			t.Errorf("the whole ring without %v", x)
		}
	}
	one := id.Range{From: id.Tiny(3), To: id.Tiny(3)}
	if !one.Contains(id.Tiny(3)) || one.Contains(id.Tiny(3).Add(id.ID{Lo: 1})) || one.Contains(id.Tiny(3).Sub(id.ID{Lo: 1})) {
		t.Error("the range of one point")
	}
	wrap := id.Range{From: id.Tiny(250), To: id.Tiny(5)}
	if !wrap.Contains(id.ID{}) || !wrap.Contains(id.Max) || wrap.Contains(id.Tiny(6)) || wrap.Contains(id.Tiny(249)) {
		t.Error("a range across the end of the ring")
	}
	if got := all.String() + " " + wrap.String(); got != "[the whole ring] [fa000000..05000000]" {
		t.Error(got)
	}
}
