package certificate_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	authority = standin.NewSigner(1, 0)
	ann       = standin.NewSigner(1, 1)
	eve       = standin.NewSigner(1, 2)
	ring      = peer.RingID(authority.Public())
	verifier  = standin.Verifier{}
	newYear   = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// file is a file's certificate that is not signed yet.
func file(content string) *certificate.Certificate {
	return &certificate.Certificate{Kind: certificate.File, Part: certificate.NamePart([]byte("space"), "name"), Salt: peer.Salt{7},
		Content: certificate.ContentHash([]byte(content)), Size: int64(len(content)), Copies: 5}
}

// draw is any certificate within the limits.
func draw(rt *rapid.T) *certificate.Certificate {
	c := file(rapid.StringN(0, 20, 40).Draw(rt, "content"))
	c.Kind = certificate.Kind(rapid.IntRange(1, 3).Draw(rt, "kind"))
	c.Copies = uint8(rapid.IntRange(1, certificate.MaxCopies).Draw(rt, "copies"))
	if c.Kind == certificate.Block || rapid.Bool().Draw(rt, "ends") {
		c.Expires = newYear.Add(time.Duration(rapid.Int64Range(1, 300).Draw(rt, "days")) * 24 * time.Hour).UnixMilli()
	}
	switch c.Kind {
	case certificate.Block:
		c.Part, c.Salt = certificate.Part{}, peer.Salt{}
	case certificate.Mutable:
		c.Salt, c.Expires, c.Version = peer.Salt{}, 0, rapid.Uint64Min(1).Draw(rt, "version")
	}
	return c.Sign(ring, ann, newYear)
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := draw(rt)
		got := new(certificate.Certificate)
		if err := wire.Unmarshal(wire.MustMarshal(c), got); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(c, got); d != "" {
			rt.Fatal(d)
		}
		if err := got.Verify(ring, verifier); err != nil {
			rt.Fatal(err)
		}
		if err := got.Verify(id.HashOf("another ring"), verifier); !errors.Is(err, certificate.ErrCertificate) {
			rt.Fatalf("in another ring: %v", err)
		}
	})
}

// TestEachBit is the goal of RELIABILITY, storage: of 100,000 certificates with one bit
// changed none is accepted.
func TestEachBit(t *testing.T) {
	tried := 0
	for n := 0; tried < 100_000; n++ {
		c := file(fmt.Sprint("content ", n))
		if n%2 == 1 {
			c.Expires = newYear.Add(time.Hour).UnixMilli()
		}
		b := wire.MustMarshal(c.Sign(ring, ann, newYear.Add(time.Duration(n)*time.Second)))
		for bit := range 8 * len(b) {
			bad := slices.Clone(b)
			bad[bit/8] ^= 1 << (bit % 8)
			tried++
			got := new(certificate.Certificate)
			if wire.Unmarshal(bad, got) == nil && got.Verify(ring, verifier) == nil {
				t.Fatalf("certificate %d with bit %d changed is accepted", n, bit)
			}
		}
	}
}

// TestLimits are row 33 of the hostile input, and more of its kind.
func TestLimits(t *testing.T) {
	for what, change := range map[string]func(*certificate.Certificate){
		"no kind":                func(c *certificate.Certificate) { c.Kind = 0 },
		"an unknown kind":        func(c *certificate.Certificate) { c.Kind = 4 },
		"no copies":              func(c *certificate.Certificate) { c.Copies = 0 },
		"17 copies":              func(c *certificate.Certificate) { c.Copies = 17 },
		"255 copies":             func(c *certificate.Certificate) { c.Copies = 255 },
		"size -1":                func(c *certificate.Certificate) { c.Size = -1 },
		"size 2^63-1":            func(c *certificate.Certificate) { c.Size = 1<<63 - 1 },
		"an end before its date": func(c *certificate.Certificate) { c.Expires = newYear.UnixMilli() - 1 },
		"an end at its date":     func(c *certificate.Certificate) { c.Expires = newYear.UnixMilli() },
		"an end before 1970":     func(c *certificate.Certificate) { c.Expires = -1 },
		"an impossible end":      func(c *certificate.Certificate) { c.Expires = 1 << 60 },
		"a version":              func(c *certificate.Certificate) { c.Version = 1 },
		"mutable, without one":   func(c *certificate.Certificate) { c.Kind, c.Salt = certificate.Mutable, peer.Salt{} },
		"mutable, with a salt":   func(c *certificate.Certificate) { c.Kind, c.Version = certificate.Mutable, 1 },
		"mutable, with an end": func(c *certificate.Certificate) {
			c.Kind, c.Salt, c.Version, c.Expires = certificate.Mutable, peer.Salt{}, 1, newYear.Add(time.Hour).UnixMilli()
		},
		"a block with a name":        func(c *certificate.Certificate) { block(c); c.Part = certificate.Part{1} },
		"a block with a salt":        func(c *certificate.Certificate) { block(c); c.Salt = peer.Salt{1} },
		"a block without an end":     func(c *certificate.Certificate) { block(c); c.Expires = 0 },
		"a block that lives 2 years": func(c *certificate.Certificate) { block(c); c.Expires += 2 * certificate.MaxLease.Milliseconds() },
	} {
		c := file("x")
		change(c)
		if err := c.Sign(ring, ann, newYear).Verify(ring, verifier); !errors.Is(err, certificate.ErrCertificate) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, at := range map[string]time.Time{"1970": time.Unix(0, 0), "1960": time.Unix(-1e8, 0), "the year 70000": time.Unix(1<<41, 0)} {
		if err := file("x").Sign(ring, ann, at).Check(); !errors.Is(err, certificate.ErrCertificate) {
			t.Errorf("signed in %s: %v", what, err)
		}
	}
	var none *certificate.Certificate
	if err := none.Check(); !errors.Is(err, certificate.ErrCertificate) {
		t.Errorf("none: %v", err)
	}
	c := file("x").Sign(ring, ann, newYear)
	c.Owner = peer.Key{}
	if err := c.Check(); !errors.Is(err, certificate.ErrCertificate) {
		t.Errorf("without an owner: %v", err)
	}
	c = file("x").Sign(ring, ann, newYear)
	c.Sig = c.Sig[:63]
	if err := c.Check(); !errors.Is(err, certificate.ErrCertificate) {
		t.Errorf("with a short signature: %v", err)
	}
}

func block(c *certificate.Certificate) {
	c.Kind, c.Part, c.Salt, c.Expires = certificate.Block, certificate.Part{}, peer.Salt{}, newYear.Add(time.Hour).UnixMilli()
}

func TestFits(t *testing.T) {
	c := file("content").Sign(ring, ann, newYear)
	if err := c.Fits([]byte("content")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "contenT", "conten", "content "} {
		if err := c.Fits([]byte(bad)); !errors.Is(err, certificate.ErrContent) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestIDs: what an id is made of, and that the kinds never meet. The values are fixed:
// stored objects are found by them.
func TestIDs(t *testing.T) {
	f := file("content")
	f.Owner = peer.Key{1, 2, 3}
	b, m := *f, *f
	b.Kind, m.Kind = certificate.Block, certificate.Mutable
	for what, x := range map[string]struct {
		c    *certificate.Certificate
		want string
	}{
		"file":    {f, "2365b8c5de3810eb69cc73bba5c89cb02187c6a7698471ce04cdffb9a48397f3"},
		"block":   {&b, "c8933e4d3fd5a16e68a6139c2301805dab53d3243a478d719a00dce22b4b25e2"},
		"mutable": {&m, "4b577d58dbc051e3ba9c3bcda76221c051bd9a339ee5513573bf01526f94ceec"},
	} {
		if got := x.c.ID().String(); got != x.want {
			t.Errorf("%s: %s, want %s", what, got, x.want)
		}
	}
	other := func(c certificate.Certificate, change func(*certificate.Certificate)) bool {
		was := c.ID()
		change(&c)
		return c.ID() != was
	}
	for what, x := range map[string]struct{ got, want bool }{
		"file: content":     {other(*f, func(c *certificate.Certificate) { c.Content[0]++ }), false},
		"file: salt":        {other(*f, func(c *certificate.Certificate) { c.Salt[0]++ }), true},
		"file: owner":       {other(*f, func(c *certificate.Certificate) { c.Owner[0]++ }), true},
		"file: name":        {other(*f, func(c *certificate.Certificate) { c.Part[0]++ }), true},
		"block: content":    {other(b, func(c *certificate.Certificate) { c.Content[0]++ }), true},
		"block: copies":     {other(b, func(c *certificate.Certificate) { c.Copies++ }), true},
		"block: owner":      {other(b, func(c *certificate.Certificate) { c.Owner[0]++ }), false},
		"mutable: content":  {other(m, func(c *certificate.Certificate) { c.Content[0]++; c.Version++ }), false},
		"mutable: owner":    {other(m, func(c *certificate.Certificate) { c.Owner[0]++ }), true},
		"mutable: copies":   {other(m, func(c *certificate.Certificate) { c.Copies++ }), true},
		"mutable: its name": {other(m, func(c *certificate.Certificate) { c.Part[0]++ }), true},
	} {
		if x.got != x.want {
			t.Errorf("%s: is another id %v, want %v", what, x.got, x.want)
		}
	}
	if certificate.NamePart([]byte("a"), "name") == certificate.NamePart([]byte("b"), "name") {
		t.Error("one name has the same part in two spaces")
	}
}

// TestOver: of any certificates of one object all nodes keep the same, in whatever order
// they come.
func TestOver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.IntRange(1, 3).Draw(rt, "kind")
		var cs []*certificate.Certificate
		for range rapid.IntRange(2, 5).Draw(rt, "certificates") {
			c := file("x")
			switch c.Kind = certificate.Kind(kind); c.Kind {
			case certificate.Block:
				block(c)
				c.Expires += rapid.Int64Range(0, 2).Draw(rt, "end")
			case certificate.Mutable:
				c.Salt, c.Version = peer.Salt{}, rapid.Uint64Range(1, 3).Draw(rt, "version")
				c.Content[0] = byte(rapid.IntRange(0, 2).Draw(rt, "content"))
			default:
				c.Content[0] = byte(rapid.IntRange(0, 2).Draw(rt, "content"))
			}
			cs = append(cs, c.Sign(ring, ann, newYear.Add(time.Duration(rapid.Int64Range(0, 2).Draw(rt, "date"))*time.Millisecond)))
		}
		last := func(order []*certificate.Certificate) id.Hash {
			have := order[0]
			for _, c := range order[1:] {
				if c.Over(have, ring) {
					have = c
				}
			}
			return have.Hash(ring)
		}
		want := last(cs)
		if got := last(rapid.Permutation(cs).Draw(rt, "order")); got != want {
			rt.Fatal("what stays depends on the order")
		}
	})
}

func TestExpired(t *testing.T) {
	c := file("x")
	if c.Expired(newYear.AddDate(100, 0, 0)) {
		t.Error("an object without an end has ended")
	}
	c.Expires = newYear.UnixMilli()
	if c.Expired(newYear.Add(-time.Millisecond)) || !c.Expired(newYear) {
		t.Error("it ends at another time than it says")
	}
}

func FuzzCertificate(f *testing.F) {
	f.Add(wire.MustMarshal(file("x").Sign(ring, ann, newYear)))
	f.Add(wire.MustMarshal(signedAtOnce(5)[3]))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, b, new(certificate.Certificate), func(c *certificate.Certificate) error { return c.Verify(ring, verifier) })
	})
}
