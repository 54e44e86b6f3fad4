package voucher

import (
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
)

// Slip says what paid for an object that is kept: which charge, in whose account. It lies
// beside the object and goes with it from holder to holder. Anybody can write one; what it is
// worth those say who keep the account, long after the voucher's life.
type Slip struct {
	Account id.ID   `cbor:"1,keyasint"`
	Debit   id.Hash `cbor:"2,keyasint"` // Debit.Hash
	Date    int64   `cbor:"3,keyasint"` // the debit's, by which it is found
	Until   int64   `cbor:"4,keyasint,omitempty"`
	Index   uint16  `cbor:"5,keyasint,omitempty"` // of the charge
	Charge  Charge  `cbor:"6,keyasint"`
}

// Slip is what a holder writes down of a payment that it has accepted.
func (p *Payment) Slip(ring id.Hash) *Slip {
	d := p.Voucher.Debit
	return &Slip{Account: d.Account(), Debit: d.Hash(ring), Date: d.Date, Until: d.Until, Index: p.Path.Index, Charge: p.Path.Charge}
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (s *Slip) Check() error {
	switch {
	case s == nil:
		return bad("no slip")
	case s.Date <= 0 || s.Date > maxDate || s.Until < 0 || s.Until > maxDate:
		return bad("impossible dates %d and %d", s.Date, s.Until)
	case s.Index >= MaxCharges:
		return bad("charge %d", s.Index)
	}
	return s.Charge.Check()
}

// Covers is Payment.Covers for a slip, if what it says is true. There is no slip in nil, which
// covers nothing.
func (s *Slip) Covers(c *certificate.Certificate) error {
	if s == nil {
		return bad("no slip")
	}
	return covers(s.Charge, s.Until, c)
}

// Verdict is what is known of a slip.
type Verdict uint8

// The verdicts. Unsure may be another one later: too few of those who keep the account said
// something.
const (
	Unsure Verdict = iota
	Paid
	Unpaid
)

// Bill is a slip that somebody has shown, and what those who keep the account say of it.
type Bill struct {
	Slip    *Slip // nil: none was shown
	Verdict Verdict
}
