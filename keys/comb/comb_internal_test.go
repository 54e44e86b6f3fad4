package comb

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
)

// TestMultiples: rows give what the library's multiplication does, for scalars of all kinds of digits and for
// points of all orders.
func TestMultiples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	scalars := [][]byte{little(new(big.Int)), little(big.NewInt(1)), little(new(big.Int).Sub(order, big.NewInt(1)))}
	for _, shape := range []shape{ofKey, ofBase} {
		for _, digit := range []int64{1, int64(shape.half()) - 1, int64(shape.half()), int64(shape.half()) + 1, 1<<shape.width - 1} {
			all := new(big.Int)
			for at := 0; at < scalarBits; at += shape.width {
				all.Add(all, new(big.Int).Lsh(big.NewInt(digit), uint(at)))
			}
			scalars = append(scalars, little(all.Mod(all, order)))
		}
	}
	for range 20 {
		scalars = append(scalars, little(new(big.Int).Mod(new(big.Int).SetBytes(random(rng, 64)), order)))
	}
	mixed := new(edwards25519.Point).Add(edwards25519.NewGeneratorPoint(), eighth(t))
	for _, p := range []*edwards25519.Point{edwards25519.NewGeneratorPoint(), edwards25519.NewIdentityPoint(), eighth(t), mixed} {
		for _, shape := range []shape{ofKey, ofBase} {
			m := newRows(p, shape)
			for _, b := range scalars {
				s, err := new(edwards25519.Scalar).SetCanonicalBytes(b)
				if err != nil {
					t.Fatal(err)
				}
				var got extended
				got.y.One()
				got.z.One()
				got.addMultiple(m, b)
				if want := new(edwards25519.Point).ScalarMult(s, p); string(got.bytes()) != string(want.Bytes()) {
					t.Fatalf("shape %v: %x times %x is %x, want %x", shape, b, p.Bytes(), got.bytes(), want.Bytes())
				}
			}
		}
	}
}

// eighth is a point of order 8.
func eighth(t *testing.T) *edwards25519.Point {
	t.Helper()
	p, err := new(edwards25519.Point).SetBytes(little(bigHex(t, "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")))
	if err != nil {
		t.Fatal(err)
	}
	four := new(edwards25519.Point).Double(new(edwards25519.Point).Double(p))
	if four.Equal(edwards25519.NewIdentityPoint()) == 1 || new(edwards25519.Point).Double(four).Equal(edwards25519.NewIdentityPoint()) == 0 {
		t.Fatal("not of order 8")
	}
	return p
}

func bigHex(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		t.Fatal(s)
	}
	return n
}

// little is a number as scalars are written.
func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	return b
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
