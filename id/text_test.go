package id_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
)

func TestEncodingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyID().Draw(t, "x")
		if got, err := id.Parse(x.String()); err != nil || got != x {
			t.Fatal(got, err)
		}
		if got, err := id.Parse(strings.ToUpper(x.String())); err != nil || got != x {
			t.Fatal("upper case:", got, err)
		}
		if !strings.HasPrefix(x.String(), x.Short()) || len(x.Short()) != 8 {
			t.Fatal(x.Short())
		}
		type both struct {
			ID   id.ID   `cbor:"1,keyasint"`
			Hash id.Hash `cbor:"2,keyasint"`
		}
		in := both{ID: x, Hash: id.HashOf("test", x)}
		for _, c := range []struct {
			name string
			enc  func(any) ([]byte, error)
			dec  func([]byte, any) error
		}{{"json", json.Marshal, json.Unmarshal}, {"cbor", cbor.Marshal, cbor.Unmarshal}} {
			b, err := c.enc(in)
			if err != nil {
				t.Fatal(c.name, err)
			}
			var out both
			if err := c.dec(b, &out); err != nil || out != in {
				t.Fatal(c.name, out, err)
			}
		}
		b := x.Bytes()
		if id.FromBytes(b[:]) != x {
			t.Fatal("bytes")
		}
	})
}

func TestOrderIsThatOfBytesAndText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyID().Draw(t, "x"), anyID().Draw(t, "y")
		bx, by := x.Bytes(), y.Bytes()
		if x.Cmp(y) != bytes.Compare(bx[:], by[:]) || x.Cmp(y) != strings.Compare(x.String(), y.String()) {
			t.Fatal(x, y)
		}
	})
}

func TestNotAnID(t *testing.T) {
	good := id.Tiny(9).String()
	for _, s := range []string{"", "0", good[1:], good + "0", "g" + good[1:], " " + good[1:], "0x" + good[2:], "é" + good[2:], good[:31] + "\n"} {
		if _, err := id.Parse(s); !errors.Is(err, id.ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
		x := id.Tiny(1)
		if err := x.UnmarshalText([]byte(s)); !errors.Is(err, id.ErrSyntax) || x != id.Tiny(1) {
			t.Errorf("%q: %v, and the id is %v", s, err, x)
		}
		h := id.HashOf("x")
		if err := h.UnmarshalText([]byte(s + s)); err == nil || h != id.HashOf("x") {
			t.Errorf("hash %q: %v", s+s, err)
		}
	}
	for _, n := range []int{0, 15, 17, 31, 33} {
		x, h := id.Tiny(1), id.HashOf("x")
		if err := x.UnmarshalBinary(make([]byte, n)); !errors.Is(err, id.ErrSyntax) || x != id.Tiny(1) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err := h.UnmarshalBinary(make([]byte, n)); err == nil || h != id.HashOf("x") {
			t.Errorf("hash of %d bytes: %v", n, err)
		}
	}
}

func TestTiny(t *testing.T) {
	if got := id.Tiny(0xa5).String(); got != "a5000000000000000000000000000000" {
		t.Error(got)
	}
	if id.Tiny(200).Add(id.Tiny(100)) != id.Tiny(44) {
		t.Error("the small ring does not wrap")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a5000000000000000000000000000000")
	f.Add("A5000000000000000000000000000000")
	f.Add("")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, s string) {
		budget.Decode(t, len(s), func() { id.Parse(s) })
		x, err := id.Parse(s)
		if err != nil {
			if x != (id.ID{}) {
				t.Fatal("an id and an error")
			}
			return
		}
		if x.String() != strings.ToLower(s) {
			t.Fatalf("%q is %v", s, x)
		}
	})
}

func ExampleCloser() {
	// On the 8-bit ring 250 and 10 are equally far from 2: the smaller one wins.
	fmt.Println(id.Closer(id.Tiny(2), id.Tiny(10), id.Tiny(250)))
	fmt.Println(id.Closer(id.Tiny(255), id.Tiny(10), id.Tiny(250)))
	// Output:
	// true
	// false
}
