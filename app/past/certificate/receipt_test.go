package certificate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	node   = standin.NewSigner(1, 3)
	member = peer.NewCertificate(authority, peer.NewAdmission(authority, authority.Public(), newYear), node.Public(), peer.Salt{1}, newYear)
	object = file("x").Sign(ring, ann, newYear)
)

// TestReceipts is row 39 of the hostile input: receipts of nodes that do not exist.
func TestReceipts(t *testing.T) {
	what, of := object.ID(), object.Hash(ring)
	outside := peer.NewCertificate(eve, peer.NewAdmission(eve, eve.Public(), newYear), eve.Public(), peer.Salt{}, newYear)
	invented := *member
	invented.Node = id.Tiny(9)
	fresh := func() *certificate.Receipt { return certificate.NewReceipt(ring, what, of, member, node, newYear) }
	changed := func(change func(*certificate.Receipt)) *certificate.Receipt {
		r := fresh()
		change(r)
		return r
	}
	if err := fresh().Verify(ring, what, of, newYear, verifier); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*certificate.Receipt{
		"none":                          nil,
		"of nobody":                     changed(func(r *certificate.Receipt) { r.Holder = nil }),
		"of a node of another ring":     certificate.NewReceipt(ring, what, of, outside, eve, newYear),
		"of a node that does not exist": certificate.NewReceipt(ring, what, of, &invented, node, newYear),
		"by another's key":              certificate.NewReceipt(ring, what, of, member, eve, newYear),
		"for another object":            certificate.NewReceipt(ring, id.HashOf("other"), of, member, node, newYear),
		"for another certificate":       certificate.NewReceipt(ring, what, id.HashOf("other"), member, node, newYear),
		"for another ring":              certificate.NewReceipt(id.HashOf("other"), what, of, member, node, newYear),
		"of another time":               changed(func(r *certificate.Receipt) { r.Time++ }),
		"of an impossible time":         certificate.NewReceipt(ring, what, of, member, node, time.Unix(-1, 0)),
		"with a changed signature":      changed(func(r *certificate.Receipt) { r.Sig[3] ^= 1 }),
		"with a short signature":        changed(func(r *certificate.Receipt) { r.Sig = r.Sig[1:] }),
		"without a signature":           changed(func(r *certificate.Receipt) { r.Sig = nil }),
	} {
		if err := r.Verify(ring, what, of, newYear, verifier); !errors.Is(err, certificate.ErrReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fresh().Verify(ring, what, of, newYear.AddDate(1, 0, 0), verifier); !errors.Is(err, certificate.ErrReceipt) || !errors.Is(err, peer.ErrExpired) {
		t.Errorf("when the holder's certificate has ended: %v", err)
	}
}

// TestReclaims is row 37: by who is not the owner, and played again.
func TestReclaims(t *testing.T) {
	r := certificate.NewReclaim(ring, object, ann, newYear.Add(time.Second))
	if err := r.Verify(ring, verifier); err != nil {
		t.Fatal(err)
	}
	later := file("x").Sign(ring, ann, newYear.Add(time.Minute))
	if !r.Ends(object) || r.Ends(later) {
		t.Error("it ends what was stored later, or not what it names")
	}
	stolen := *object
	stolen.Owner = eve.Public()
	mutable := &certificate.Certificate{Kind: certificate.Mutable, Copies: 1, Version: 1}
	changed := *r
	changed.Date++
	short := *r
	short.Sig = r.Sig[1:]
	for name, r := range map[string]*certificate.Reclaim{
		"none":                        nil,
		"of nothing":                  {Date: 1, Sig: r.Sig},
		"by another":                  certificate.NewReclaim(ring, object, eve, newYear),
		"of a certificate taken over": certificate.NewReclaim(ring, &stolen, eve, newYear),
		"of a mutable object":         certificate.NewReclaim(ring, mutable.Sign(ring, ann, newYear), ann, newYear),
		"for another ring":            certificate.NewReclaim(id.HashOf("other"), object, ann, newYear),
		"of another date":             &changed,
		"with a short signature":      &short,
		"of an impossible date":       certificate.NewReclaim(ring, object, ann, time.Unix(-1, 0)),
	} {
		if err := r.Verify(ring, verifier); !errors.Is(err, certificate.ErrReclaim) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// decodes feeds bytes to a decoder: what it takes is bounded, and what is good is still
// good when it is written and read again.
func decodes[V any](t *testing.T, b []byte, v *V, verify func(*V) error) {
	budget.Decode(t, len(b), func() { wire.Unmarshal(b, new(V)) })
	if wire.Unmarshal(b, v) != nil || verify(v) != nil {
		return
	}
	again := new(V)
	if err := wire.Unmarshal(wire.MustMarshal(v), again); err != nil || verify(again) != nil {
		t.Fatalf("%x is good once, and then %v", b, err)
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add(wire.MustMarshal(certificate.NewReceipt(ring, object.ID(), object.Hash(ring), member, node, newYear)))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, b, new(certificate.Receipt), func(r *certificate.Receipt) error {
			return r.Verify(ring, object.ID(), object.Hash(ring), newYear, verifier)
		})
	})
}

func FuzzReclaim(f *testing.F) {
	f.Add(wire.MustMarshal(certificate.NewReclaim(ring, object, ann, newYear)))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, b, new(certificate.Reclaim), func(r *certificate.Reclaim) error { return r.Verify(ring, verifier) })
	})
}
