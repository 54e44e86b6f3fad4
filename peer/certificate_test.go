package peer_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// resign signs a certificate again after its fields were changed, as a bad
// admitter would.
func resign(s signer, c *peer.Certificate) *peer.Certificate {
	h := id.HashOf("certificate", c.Ring, c.Node, c.Salt[:], c.Key[:], c.NotBefore, c.NotAfter)
	c.Sig = s.Sign(h[:])
	return c
}

// RELIABILITY.md section 5, rows 5 and 6.
func TestCertificatesThatAreRefused(t *testing.T) {
	good := func() *peer.Certificate { return certificate(founder, "node", start) }
	for _, c := range []struct {
		name string
		cert *peer.Certificate
		at   time.Time
		want error
	}{
		{"good", good(), start, nil},
		{"none", nil, start, peer.ErrForged},
		{"self-signed", resign(newSigner("node"), good()), start, peer.ErrForged},
		{"id of another key", func() *peer.Certificate {
			c := good()
			c.Key = stranger.key
			return resign(founder, c)
		}(), start, peer.ErrForged},
		{"chosen id", func() *peer.Certificate {
			c := good()
			c.Node = id.Tiny(7)
			return resign(founder, c)
		}(), start, peer.ErrForged},
		{"no admission", func() *peer.Certificate { c := good(); c.Admission = nil; return c }(), start, peer.ErrForged},
		{"admission of another", func() *peer.Certificate {
			c := good()
			c.Admission = admission(second, start)
			return c
		}(), start, peer.ErrForged},
		{"admission by its own bearer", func() *peer.Certificate {
			c := good()
			c.Admission = peer.NewAdmission(founder, founder.key, start)
			return resign(founder, c)
		}(), start, peer.ErrOtherRing},
		{"altered admission", func() *peer.Certificate {
			c := good()
			a := *c.Admission
			a.Since--
			c.Admission = &a
			return c
		}(), start, peer.ErrForged},
		{"other ring", func() *peer.Certificate {
			c := good()
			c.Ring = peer.RingID(stranger.key)
			return resign(founder, c)
		}(), start, peer.ErrOtherRing},
		{"no life", func() *peer.Certificate { c := good(); c.NotAfter = c.NotBefore; return resign(founder, c) }(), start, peer.ErrForged},
		{"too long a life", func() *peer.Certificate { c := good(); c.NotAfter++; return resign(founder, c) }(), start, peer.ErrForged},
		{"eternal, by overflow", func() *peer.Certificate {
			c := good()
			c.NotBefore, c.NotAfter = math.MinInt64, math.MaxInt64
			return resign(founder, c)
		}(), start, peer.ErrForged},
		{"before 1970", func() *peer.Certificate {
			c := good()
			c.NotBefore, c.NotAfter = -10, 10
			return resign(founder, c)
		}(), time.Unix(0, 0), peer.ErrForged},
		{"our clock is 5 minutes behind", good(), start.Add(-peer.ClockSkew), nil},
		{"not yet valid", good(), start.Add(-peer.ClockSkew - time.Second), peer.ErrExpired},
		{"ended 5 minutes ago", good(), start.Add(peer.CertificateLife + peer.ClockSkew), nil},
		{"expired", good(), start.Add(peer.CertificateLife + peer.ClockSkew + time.Second), peer.ErrExpired},
		{"our clock is ten years ahead", good(), start.AddDate(10, 0, 0), peer.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.cert.Check(ring, c.at, verifier{}); !errors.Is(err, c.want) || err == nil != (c.want == nil) {
				t.Errorf("Check: %v, want %v", err, c.want)
			}
		})
	}
}

func TestNoBitOfACertificateCanBeTurned(t *testing.T) {
	enc := wire.MustMarshal(certificate(founder, "node", start))
	bits(enc, func(i int, b []byte) {
		c, err := peer.ParseCertificate(b)
		if err == nil {
			err = c.Check(ring, start, verifier{})
		}
		if err == nil {
			t.Fatalf("bit %d turned over, and nobody saw it", i)
		}
	})
}

// Row 7: keys of other kinds are longer, and are refused before anything is
// verified with them.
func TestKeysOfOtherLengthsAreRefused(t *testing.T) {
	for _, n := range []int{0, 31, 33, 57, 133, 900} {
		b := wire.MustMarshal(map[int]any{4: make([]byte, n)})
		if _, err := peer.ParseCertificate(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("key of %d bytes: %v", n, err)
		}
	}
	if _, err := peer.ParseCertificate(make([]byte, peer.MaxCertificate+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("long certificate: %v", err)
	}
}

func TestCertificateDates(t *testing.T) {
	c := certificate(founder, "node", start)
	if got := c.RenewAt().Sub(start); got != peer.CertificateRenew {
		t.Errorf("renewed after %v, want %v", got, peer.CertificateRenew)
	}
	if err := c.Check(ring, start.Add(peer.CertificateRenew), verifier{}); err != nil {
		t.Errorf("not good any more on the day of its renewal: %v", err)
	}
	if len(wire.MustMarshal(c)) > peer.MaxCertificate/2 {
		t.Errorf("a certificate has %d bytes", len(wire.MustMarshal(c)))
	}
}

func TestCertificateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0)
		c := certificate(newSigner(rapid.String().Draw(t, "admitter")), rapid.String().Draw(t, "node"), at)
		enc := wire.MustMarshal(c)
		back, err := peer.ParseCertificate(enc)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, back); d != "" {
			t.Fatal(d)
		}
		if err := back.Check(ring, at, verifier{}); err != nil {
			t.Fatal(err)
		}
		clear(enc)
		if d := cmp.Diff(c, back); d != "" {
			t.Fatalf("what was decoded keeps the bytes: %s", d)
		}
	})
}

// What is signed and hashed must never change: other versions compute it too.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	key := peer.Key(bytes.Repeat([]byte{0xaa}, peer.KeySize))
	salt := peer.Salt(bytes.Repeat([]byte{0x55}, peer.SaltSize))
	e := expulsion(1, newSigner("member"))
	e.Sign(ring, founder, admission(founder, start))
	enc, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join([]string{
		"ring " + peer.RingID(key).String(),
		"node " + peer.NodeID(key, salt).String(),
		"certificate " + hex.EncodeToString(wire.MustMarshal(certificate(founder, "node", start))),
		"expulsion " + hex.EncodeToString(enc),
	}, "\n") + "\n"
	if d := cmp.Diff(string(text), got); d != "" {
		t.Errorf("other nodes would compute something else:\n%s", d)
	}
}

func FuzzParseCertificate(f *testing.F) {
	enc := wire.MustMarshal(certificate(founder, "node", start))
	f.Add(enc)
	f.Add(enc[:len(enc)/2])
	f.Add([]byte{})
	f.Add([]byte{0xa1, 0x07, 0xf6})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { peer.ParseCertificate(b) })
		c, err := peer.ParseCertificate(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if c.Check(ring, start, verifier{}) == nil && !bytes.Equal(enc, b) {
			again := wire.MustMarshal(c)
			if c.Check(peer.RingID(c.Admission.Authority), start, verifier{}) != nil || len(again) == 0 {
				t.Fatal("a good certificate is not good")
			}
		}
	})
}
