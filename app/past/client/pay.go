package client

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// ErrQuota: the member's account does not allow so much.
var ErrQuota = voucher.ErrQuota

// Accounts pay from this node's account for what it stores: see package account, whose
// Accounts these are.
type Accounts interface {
	// Pay returns what the object's holders want to see. until is the end of the object's
	// life, the zero time if it has none. The error is ErrQuota, voucher.ErrVoucher,
	// task.ErrStopped, or one of those that another try may change.
	Pay(t *task.T, c voucher.Charge, until time.Time) (*voucher.Payment, error)
	// Stored notes that the object is kept for what was paid.
	Stored(p *voucher.Payment)
	// Refund asks for what was paid for an object that is not kept any more.
	Refund(t *task.T, object id.Hash) error
}

const (
	// maxPaid is how often one insert is paid for: the keepers of the account may change, or
	// the voucher end, before all holders have it.
	maxPaid = 3
	// untilStep is what the ends of lives are rounded up to, so that objects of nearly one
	// end go under one voucher.
	untilStep = time.Hour
)

// pay pays for an object, if that is wanted and was not done.
func (s *storing) pay(t *task.T) error {
	if s.cl.cfg.Accounts == nil || s.put.Payment != nil {
		return nil
	}
	p, err := s.cl.pay(t, s.put.Cert, s.pays)
	if errors.Is(err, ErrQuota) || errors.Is(err, voucher.ErrVoucher) {
		s.final = err
	}
	if err != nil {
		return err
	}
	s.paid++
	s.put = &msg.Put{Cert: s.put.Cert, Content: s.put.Content, Payment: p}
	return nil
}

// until is the end of an object's life, as it is paid for; the zero time if it has none.
func until(c *certificate.Certificate) time.Time {
	if c.Expires == 0 {
		return time.Time{}
	}
	return time.UnixMilli(c.Expires).Add(untilStep - time.Millisecond).Truncate(untilStep)
}

// pay pays for up to size bytes of an object. Errors: those of Accounts.Pay, and else
// ErrNotReachable.
func (cl *Client) pay(t *task.T, c *certificate.Certificate, size int64) (*voucher.Payment, error) {
	p, err := cl.cfg.Accounts.Pay(t, voucher.Charge{Object: c.ID(), Size: size, Copies: c.Copies}, until(c))
	switch {
	case errors.Is(err, ErrQuota):
		cl.tight = cl.asker.ep.Now().Add(tightTime)
		return nil, err
	case err == nil, errors.Is(err, voucher.ErrVoucher), errors.Is(err, task.ErrStopped):
		return p, err
	}
	return nil, ErrNotReachable
}

// bill is what one change of a mutable object costs: nothing, as long as its content is not
// larger than what was paid for.
type bill struct {
	cl      *Client
	cert    *certificate.Certificate
	due     bool
	times   int
	payment *voucher.Payment
}

// smallest is the least content that is paid for in a mutable object, in bytes; beyond that
// it is the next power of two, so that a growing object is paid for a few times only.
const smallest = 256

func (b *bill) pay(t *task.T) error {
	if b.cl.cfg.Accounts == nil || !b.due || b.payment != nil || b.times == maxPaid {
		return nil
	}
	size := int64(smallest)
	for size < b.cert.Size {
		size *= 2
	}
	p, err := b.cl.pay(t, b.cert, min(size, MaxContent))
	if err != nil {
		return err
	}
	b.times++
	b.payment = p
	return nil
}

func (b *bill) settle() {
	if b.payment != nil {
		b.cl.cfg.Accounts.Stored(b.payment)
	}
}

// unpaid lets the next try pay again.
func (s *storing) unpaid() {
	if s.put.Payment != nil && s.paid < maxPaid {
		s.cl.spoil(s.put.Cert)
		s.put = &msg.Put{Cert: s.put.Cert, Content: s.put.Content}
	}
}

// settle notes that the object is where it was paid for.
func (s *storing) settle() {
	if s.put.Payment != nil {
		s.cl.cfg.Accounts.Stored(s.put.Payment)
	}
}

// refund asks for what was paid for an object, now that it is reclaimed.
func (cl *Client) refund(t *task.T, o id.Hash) error {
	if cl.cfg.Accounts == nil {
		return nil
	}
	return cl.cfg.Accounts.Refund(t, o)
}
