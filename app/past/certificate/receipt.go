package certificate

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// ErrReceipt is wrapped by the reasons why a receipt is refused.
var ErrReceipt = errors.New("not a valid store receipt")

// Receipt is a holder's word that it has written an object down, durably (PAST's store
// receipt). Who stored the object checks that there are k of them, of different certified
// nodes. It proves what was said, not that it is true.
type Receipt struct {
	Object      id.Hash           `cbor:"1,keyasint"`
	Certificate id.Hash           `cbor:"2,keyasint"` // Certificate.Hash of what was stored
	Time        int64             `cbor:"3,keyasint"` // Unix milliseconds, by the holder's clock
	Holder      *peer.Certificate `cbor:"4,keyasint"`
	Sig         []byte            `cbor:"5,keyasint"`
	Batch       *Batch            `cbor:"6,keyasint,omitempty"` // of those that it was signed with: see NewReceipts
}

func (r *Receipt) hash(ring id.Hash) id.Hash {
	return id.HashOf("store receipt", ring, r.Object, r.Certificate, r.Time, r.Holder.Node)
}

// NewReceipt signs a receipt with the key of the node whose certificate is given.
func NewReceipt(ring, object, cert id.Hash, holder *peer.Certificate, key peer.Signer, now time.Time) *Receipt {
	return NewReceipts(ring, []Written{{object, cert}}, holder, key, now)[0]
}

// Check implements wire.Checker. The error wraps ErrReceipt.
func (r *Receipt) Check() error {
	switch {
	case r == nil || r.Holder == nil:
		return fmt.Errorf("%w: it names no holder", ErrReceipt)
	case r.Time <= 0 || r.Time > maxDate:
		return fmt.Errorf("%w: impossible time %d", ErrReceipt, r.Time)
	case len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrReceipt, len(r.Sig))
	}
	if err := r.Batch.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return nil
}

// Verify returns nil if a node that is certified at the time of day now gave the receipt,
// in this ring, for this certificate of this object. Whether the node was expelled is for
// the caller to know. The error wraps ErrReceipt.
func (r *Receipt) Verify(ring, object, cert id.Hash, now time.Time, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Object != object || r.Certificate != cert {
		return fmt.Errorf("%w: it is for something else", ErrReceipt)
	}
	if err := r.Holder.Check(ring, now, v); err != nil {
		return fmt.Errorf("%w: its holder: %w", ErrReceipt, err)
	}
	switch h, ok := r.Batch.signed(manyReceipts, ring, r.hash(ring)); {
	case !ok:
		return fmt.Errorf("%w: a path that is not one of its batch", ErrReceipt)
	case !v.Verify(r.Holder.Key, h[:], r.Sig):
		return fmt.Errorf("%w: wrong signature", ErrReceipt)
	}
	return nil
}

// ErrReclaim is wrapped by the reasons why a reclaim is refused.
var ErrReclaim = errors.New("not a valid reclaim")

// Reclaim is an owner's word that a file need not be kept any longer (PAST's reclaim
// certificate). It reclaims what was signed up to the date of the certificate that it
// names: the same reclaim, played again after the owner has stored the file anew, does
// nothing.
type Reclaim struct {
	Of   *Certificate `cbor:"1,keyasint"`
	Date int64        `cbor:"2,keyasint"` // when it was signed, Unix milliseconds
	Sig  []byte       `cbor:"3,keyasint"`
}

func (r *Reclaim) message(ring id.Hash) []byte {
	h := id.HashOf("reclaim", ring, r.Of.Hash(ring), r.Date)
	return h[:]
}

// NewReclaim signs a reclaim with the owner's key.
func NewReclaim(ring id.Hash, of *Certificate, owner peer.Signer, now time.Time) *Reclaim {
	r := &Reclaim{Of: of, Date: now.UnixMilli()}
	r.Sig = owner.Sign(r.message(ring))
	return r
}

// Check implements wire.Checker. The error wraps ErrReclaim.
func (r *Reclaim) Check() error {
	if r == nil {
		return fmt.Errorf("%w: there is none", ErrReclaim)
	}
	if err := r.Of.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrReclaim, err)
	}
	switch {
	case r.Of.Kind != File:
		return fmt.Errorf("%w: an object of kind %d is not reclaimed", ErrReclaim, r.Of.Kind)
	case r.Date <= 0 || r.Date > maxDate:
		return fmt.Errorf("%w: impossible date %d", ErrReclaim, r.Date)
	case len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrReclaim, len(r.Sig))
	}
	return nil
}

// Verify returns nil if the file's owner signed both the certificate and the reclaim,
// for this ring. The error wraps ErrReclaim.
func (r *Reclaim) Verify(ring id.Hash, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if err := r.Of.Verify(ring, v); err != nil {
		return fmt.Errorf("%w: %w", ErrReclaim, err)
	}
	if !v.Verify(r.Of.Owner, r.message(ring), r.Sig) {
		return fmt.Errorf("%w: wrong signature", ErrReclaim)
	}
	return nil
}

// Ends reports whether the reclaim ends what a certificate of the same file began.
func (r *Reclaim) Ends(c *Certificate) bool { return c.Date <= r.Of.Date }
