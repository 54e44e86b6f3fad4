package voucher

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Release is a holder's word that it does not keep an object for what a debit paid, and
// will not: it was reclaimed or has ended, or never came, or another debit pays for it.
type Release struct {
	Object id.Hash           `cbor:"1,keyasint"`
	Debit  id.Hash           `cbor:"2,keyasint"` // Debit.Hash
	Time   int64             `cbor:"3,keyasint"` // Unix milliseconds, by the holder's clock
	Holder *peer.Certificate `cbor:"4,keyasint"`
	Sig    []byte            `cbor:"5,keyasint"`
}

func (r *Release) message(ring id.Hash) []byte {
	h := id.HashOf("release", ring, r.Object, r.Debit, r.Time, r.Holder.Node)
	return h[:]
}

// NewRelease signs a release with the key of the node whose certificate is given.
func NewRelease(ring, object, debit id.Hash, holder *peer.Certificate, key peer.Signer, now time.Time) *Release {
	r := &Release{Object: object, Debit: debit, Time: now.UnixMilli(), Holder: holder}
	r.Sig = key.Sign(r.message(ring))
	return r
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (r *Release) Check() error {
	switch {
	case r == nil || r.Holder == nil:
		return bad("a release of nobody")
	case r.Time <= 0 || r.Time > maxDate:
		return bad("impossible time %d", r.Time)
	case len(r.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(r.Sig))
	}
	return nil
}

// Verify returns nil if a node that is certified at the time of day now gave the release, in
// this ring, for this object and debit. That it is one of the object's holders is for the
// caller to know. The error wraps ErrVoucher.
func (r *Release) Verify(ring, object, debit id.Hash, now time.Time, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Object != object || r.Debit != debit {
		return bad("the release is for something else")
	}
	if err := r.Holder.Check(ring, now, v); err != nil {
		return bad("a holder: %v", err)
	}
	if !v.Verify(r.Holder.Key, r.message(ring), r.Sig) {
		return bad("wrong signature of a release")
	}
	return nil
}
