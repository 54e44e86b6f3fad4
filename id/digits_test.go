package id_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
)

var bases = []id.Base{1, 2, 4, 8}

func TestBases(t *testing.T) {
	for b := range 256 {
		if got := id.Base(b).Valid(); got != (b == 1 || b == 2 || b == 4 || b == 8) {
			t.Errorf("base %d valid: %v", b, got)
		}
	}
	if id.Base(4).Rows() != 32 || id.Base(4).Cols() != 16 || id.Base(1).Rows() != 128 || id.Base(8).Cols() != 256 {
		t.Error("rows and columns")
	}
}

// bitString is the naive form of an identifier: its 128 bits as text.
func bitString(x id.ID) string { return fmt.Sprintf("%064b%064b", x.Hi, x.Lo) }

func fromBits(s string) (x id.ID) {
	fmt.Sscanf(s[:64], "%b", &x.Hi)
	fmt.Sscanf(s[64:], "%b", &x.Lo)
	return x
}

func digits(b id.Base, x id.ID) []string {
	var out []string
	for s := bitString(x); s != ""; s = s[b:] {
		out = append(out, s[:b])
	}
	return out
}

func TestDigitsAgainstStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SampledFrom(bases).Draw(t, "base")
		x, y := anyID().Draw(t, "x"), anyID().Draw(t, "y")
		if rapid.Bool().Draw(t, "related") { // share a prefix of bits
			n := rapid.IntRange(0, id.Bits).Draw(t, "shared")
			y = fromBits(bitString(x)[:n] + bitString(y)[n:])
		}
		dx, dy := digits(b, x), digits(b, y)
		shared := 0
		for shared < b.Rows() && dx[shared] == dy[shared] {
			shared++
		}
		if got := b.SharedPrefix(x, y); got != shared {
			t.Fatalf("base %d: %v and %v share %d digits, got %d", b, x, y, shared, got)
		}
		for i := range b.Rows() {
			if got := fmt.Sprintf("%0*b", int(b), b.Digit(x, i)); got != dx[i] {
				t.Fatalf("base %d: digit %d of %v is %s, got %s", b, i, x, dx[i], got)
			}
		}
		i := rapid.IntRange(0, b.Rows()-1).Draw(t, "place")
		v := rapid.IntRange(0, b.Cols()-1).Draw(t, "value")
		head := strings.Join(dx[:i], "") + fmt.Sprintf("%0*b", int(b), v)
		if got, want := b.WithDigit(x, i, v), fromBits(head+strings.Repeat("0", id.Bits-len(head))); got != want {
			t.Fatalf("base %d: %v with digit %d = %d is %v, got %v", b, x, i, v, want, got)
		}
		n := rapid.IntRange(0, b.Rows()).Draw(t, "prefix")
		if got, want := b.PrefixRange(x, n).Contains(y), shared >= n; got != want {
			t.Fatalf("base %d: the range of %d digits of %v contains %v: %v", b, n, x, y, got)
		}
		if r := b.PrefixRange(x, n); n > 0 {
			pre := strings.Join(dx[:n], "")
			rest := id.Bits - len(pre)
			if r.Full || r.From != fromBits(pre+strings.Repeat("0", rest)) || r.To != fromBits(pre+strings.Repeat("1", rest)) {
				t.Fatalf("base %d: the range of %d digits of %v is %v", b, n, x, r)
			}
		} else if !r.Full {
			t.Fatal("no digits are the whole ring")
		}
	})
}
