package voucher

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// MaxLife is the longest time for which a voucher may be used.
const MaxLife = time.Hour

// maxDate is far beyond any date that a clock may show, and far from overflow.
const maxDate = 1 << 50

// Debit is a member's word that it wants objects to be stored, and pays for them. It is
// frozen once it is signed.
type Debit struct {
	Member *peer.Certificate `cbor:"1,keyasint"` // whose account it is
	Number uint64            `cbor:"2,keyasint"` // drawn: two debits of a member differ
	Root   id.Hash           `cbor:"3,keyasint"` // of the Merkle tree over the charges
	Count  uint16            `cbor:"4,keyasint"` // of charges, 1 to MaxCharges
	Total  int64             `cbor:"5,keyasint"` // what they cost together, in bytes
	Date   int64             `cbor:"6,keyasint"` // when it was signed, Unix milliseconds
	// Expires is when the voucher can be used no longer, at most MaxLife after Date.
	Expires int64 `cbor:"7,keyasint"`
	// Until is when the lives of all its objects have ended, and the cost is given back
	// without being asked; 0: when the objects are released.
	Until int64  `cbor:"8,keyasint,omitempty"`
	Sig   []byte `cbor:"9,keyasint"`
}

// NewDebit signs a debit for charges that CheckCharges has passed, with the member's key. A
// life above MaxLife is cut to that. until may be the zero time.
func NewDebit(ring id.Hash, number uint64, cs []Charge, until time.Time, member *peer.Certificate, key peer.Signer, now time.Time, life time.Duration) *Debit {
	d := &Debit{Member: member, Number: number, Count: uint16(len(cs)), Date: now.UnixMilli(), Expires: now.Add(min(life, MaxLife)).UnixMilli()}
	d.Root, d.Total = sum(cs)
	if !until.IsZero() {
		d.Until = until.UnixMilli()
	}
	h := d.Hash(ring)
	d.Sig = key.Sign(h[:])
	return d
}

// Account is the member's nodeId.
func (d *Debit) Account() id.ID { return d.Member.Node }

// Hash is the debit's own id in a ring: what is signed.
func (d *Debit) Hash(ring id.Hash) id.Hash {
	return id.HashOf("debit", ring, d.Member.Node, d.Number, d.Root, d.Count, d.Total, d.Date, d.Expires, d.Until)
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (d *Debit) Check() error {
	switch {
	case d == nil || d.Member == nil:
		return bad("it names no member")
	case d.Count < 1 || d.Count > MaxCharges:
		return bad("%d charges, want 1 to %d", d.Count, MaxCharges)
	case d.Total < 0 || d.Total > maxTotal:
		return bad("impossible total %d", d.Total)
	case d.Date <= 0 || d.Date > maxDate || d.Until < 0 || d.Until > maxDate:
		return bad("impossible dates %d and %d", d.Date, d.Until)
	case d.Expires <= d.Date || d.Expires-d.Date > MaxLife.Milliseconds():
		return bad("it lives for more than %s, or ends before it begins", MaxLife)
	case d.Until != 0 && d.Until <= d.Date:
		return bad("its objects end before they begin")
	case len(d.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(d.Sig))
	}
	return nil
}

// maxTotal bounds sums of totals far from overflow: the largest object, the most copies,
// the most charges.
const maxTotal = 1 << 52

// Verify returns nil if a member that was certified when it signed gave the debit, in this
// ring. The error wraps ErrVoucher.
func (d *Debit) Verify(ring id.Hash, v peer.Verifier) error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := d.Member.Check(ring, time.UnixMilli(d.Date), v); err != nil {
		return bad("its member: %v", err)
	}
	if h := d.Hash(ring); !v.Verify(d.Member.Key, h[:], d.Sig) {
		return bad("wrong signature")
	}
	return nil
}

// Lists returns nil if these are the debit's charges, which need not have been checked.
// The error wraps ErrVoucher.
func (d *Debit) Lists(cs []Charge) error {
	if err := CheckCharges(cs); err != nil {
		return err
	}
	if root, total := sum(cs); len(cs) != int(d.Count) || root != d.Root || total != d.Total {
		return bad("other charges than it says")
	}
	return nil
}

// Open reports whether a voucher of the debit may be used at this time of day; clocks
// differ by up to peer.ClockSkew.
func (d *Debit) Open(now time.Time) bool {
	return now.Add(peer.ClockSkew).UnixMilli() >= d.Date && now.Add(-peer.ClockSkew).UnixMilli() < d.Expires
}

// Over reports whether no honest node takes a voucher of the debit any more, whatever its
// clock says within peer.ClockSkew.
func (d *Debit) Over(now time.Time) bool {
	return now.Add(-2*peer.ClockSkew).UnixMilli() >= d.Expires
}
