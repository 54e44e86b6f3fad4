package certificate_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// signedAtOnce are n files that ann signed together.
func signedAtOnce(n int) []*certificate.Certificate {
	cs := make([]*certificate.Certificate, n)
	for i := range cs {
		cs[i] = file(fmt.Sprint("content ", i))
		cs[i].Salt = peer.Salt{byte(i), byte(i >> 8)}
	}
	return certificate.SignAll(cs, ring, ann, newYear)
}

// Each of many certificates that have one signature is good by itself, after it was written and
// read; its own id does not depend on with whom it was signed.
func TestSignedAtOnce(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 63, 64, 65, 130} {
		sigs := make(map[string]int)
		for i, c := range signedAtOnce(n) {
			got := new(certificate.Certificate)
			if err := errors.Join(wire.Unmarshal(wire.MustMarshal(c), got), got.Verify(ring, verifier)); err != nil {
				t.Fatalf("number %d of %d: %v", i, n, err)
			}
			if d := cmp.Diff(c, got); d != "" {
				t.Fatal(d)
			}
			alone := c.Sign(ring, ann, newYear)
			if alone.Hash(ring) != c.Hash(ring) || alone.Verify(ring, verifier) != nil {
				t.Fatalf("number %d of %d is another one when it is signed alone", i, n)
			}
			if err := got.Verify(id.HashOf("another ring"), verifier); !errors.Is(err, certificate.ErrCertificate) {
				t.Fatalf("in another ring: %v", err)
			}
			sigs[string(c.Sig)]++
		}
		if want := (n + certificate.MaxBatch - 1) / certificate.MaxBatch; len(sigs) != want {
			t.Errorf("%d certificates have %d signatures, want %d", n, len(sigs), want)
		}
	}
}

// What a hostile node can make of batches that it has seen is refused.
func TestFalseBatches(t *testing.T) {
	five, four := signedAtOnce(5), signedAtOnce(4)
	alone := file("content 0").Sign(ring, ann, newYear)
	// A tree over a certificate of ann's, signed by eve.
	stolen := certificate.SignAll([]*certificate.Certificate{file("a"), file("b")}, ring, eve, newYear)[0]
	stolen.Owner = ann.Public()
	change := func(c *certificate.Certificate, f func(*certificate.Certificate)) *certificate.Certificate {
		x := *c
		if x.Batch != nil {
			b := *x.Batch
			b.Beside = slices.Clone(b.Beside)
			x.Batch = &b
		}
		f(&x)
		return &x
	}
	for what, c := range map[string]*certificate.Certificate{
		"root of another owner":         stolen,
		"without its path":              change(five[1], func(c *certificate.Certificate) { c.Batch = nil }),
		"with a path, but signed alone": change(alone, func(c *certificate.Certificate) { c.Batch = five[0].Batch }),
		"path of another":               change(five[1], func(c *certificate.Certificate) { c.Batch = five[2].Batch }),
		"path of another batch":         change(five[1], func(c *certificate.Certificate) { c.Batch = four[1].Batch }),
		"signature of another batch":    change(five[1], func(c *certificate.Certificate) { c.Sig = four[1].Sig }),
		"content of another":            change(five[1], func(c *certificate.Certificate) { c.Content = five[2].Content }),
		"another size":                  change(five[1], func(c *certificate.Certificate) { c.Size++ }),
		"another place":                 change(five[1], func(c *certificate.Certificate) { c.Batch.Index = 0 }),
		"a place behind the last":       change(five[4], func(c *certificate.Certificate) { c.Batch.Index = 5 }),
		"a larger batch":                change(five[1], func(c *certificate.Certificate) { c.Batch.Count = 6 }),
		"a batch of one":                change(five[0], func(c *certificate.Certificate) { c.Batch.Count = 1 }),
		"a batch of none":               change(five[0], func(c *certificate.Certificate) { c.Batch.Count = 0 }),
		"a batch beyond the limit":      change(five[0], func(c *certificate.Certificate) { c.Batch.Count = certificate.MaxBatch + 1 }),
		"no path":                       change(five[1], func(c *certificate.Certificate) { c.Batch.Beside = nil }),
		"a path too short":              change(five[1], func(c *certificate.Certificate) { c.Batch.Beside = c.Batch.Beside[1:] }),
		"a path too long":               change(five[1], func(c *certificate.Certificate) { c.Batch.Beside = append(c.Batch.Beside, id.Hash{}) }),
		"a path far too long":           change(five[1], func(c *certificate.Certificate) { c.Batch.Beside = make([]id.Hash, 1000) }),
		"a changed path":                change(five[1], func(c *certificate.Certificate) { c.Batch.Beside[1][31] ^= 1 }),
		// An inner hash of the tree stands for no certificate: its subtree cannot be shown as one.
		"the upper part of a path": change(five[1], func(c *certificate.Certificate) { c.Batch.Beside, c.Batch.Count = c.Batch.Beside[1:], 3 }),
	} {
		if err := c.Verify(ring, verifier); !errors.Is(err, certificate.ErrCertificate) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Played again it is what it was: the same object, of the same date, which holders have.
	if again := change(five[1], func(*certificate.Certificate) {}); again.Verify(ring, verifier) != nil || again.Over(five[1], ring) {
		t.Error("a certificate that is played again is newer than itself")
	}
}

// Of certificates signed at once no bit can be changed either: see TestEachBit.
func TestEachBitOfABatch(t *testing.T) {
	for n, c := range signedAtOnce(11) {
		b := wire.MustMarshal(c)
		for bit := range 8 * len(b) {
			bad := slices.Clone(b)
			bad[bit/8] ^= 1 << (bit % 8)
			got := new(certificate.Certificate)
			if wire.Unmarshal(bad, got) == nil && got.Verify(ring, verifier) == nil {
				t.Fatalf("certificate %d with bit %d changed is accepted", n, bit)
			}
		}
	}
}

// Receipts for many objects have one signature, and each is good for its own object alone.
func TestReceiptsAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var of []certificate.Written
		for i := range rapid.IntRange(1, certificate.MaxBatch).Draw(rt, "objects") {
			of = append(of, certificate.Written{Object: id.HashOf("object", i), Certificate: id.HashOf("certificate", i)})
		}
		rs := certificate.NewReceipts(ring, of, member, node, newYear)
		if again := certificate.Receipts(ring, of, member, newYear.UnixMilli(), rs[0].Sig); !reflect.DeepEqual(rs, again) {
			rt.Fatal(cmp.Diff(rs, again))
		}
		i := rapid.IntRange(0, len(of)-1).Draw(rt, "object")
		r := new(certificate.Receipt)
		if err := wire.Unmarshal(wire.MustMarshal(rs[i]), r); err != nil {
			rt.Fatal(err)
		}
		if err := r.Verify(ring, of[i].Object, of[i].Certificate, newYear, verifier); err != nil {
			rt.Fatal(err)
		}
		refused := func(what string, r *certificate.Receipt, w certificate.Written) {
			if err := r.Verify(ring, w.Object, w.Certificate, newYear.Add(time.Minute), verifier); !errors.Is(err, certificate.ErrReceipt) {
				rt.Fatalf("%s: %v", what, err)
			}
		}
		other := certificate.Written{Object: id.HashOf("another"), Certificate: of[i].Certificate}
		refused("for another object", r, other)
		forged := *r
		forged.Object = other.Object
		refused("with another object written in", &forged, other)
		forged = *r
		forged.Time++
		refused("of another time", &forged, of[i])
		if r.Batch != nil {
			forged = *r
			forged.Batch = nil
			refused("without its path", &forged, of[i])
			forged.Batch = &certificate.Batch{Index: r.Batch.Index, Count: r.Batch.Count, Beside: r.Batch.Beside[1:]}
			refused("with a path too short", &forged, of[i])
		}
		if i > 0 {
			for j, r := range certificate.Receipts(ring, of[:i], member, newYear.UnixMilli(), r.Sig) {
				refused("rebuilt without the others", r, of[j])
			}
		}
	})
}
