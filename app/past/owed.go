package past

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Here a holder sees to it that what comes from other holders was paid for: see package dues.

// onWhoPays says what paid for objects that are here, by replica or by pointer.
func (p *Past) onWhoPays(t *task.T, m *msg.WhoPays) (wire.Message, uint16) {
	if p.accounts == nil || !p.rounds.Begun() {
		return nil, msg.RefusedBusy
	}
	slips, err := p.accounts.Slips(t, m.Objects...)
	if err != nil {
		return nil, msg.RefusedFailed
	}
	for i, o := range m.Objects {
		if e := p.shelf.find(o); e == nil || e.gone {
			slips[i] = nil
		}
	}
	return &msg.Paying{Slips: slips}, 0
}

// lacks reports whether there is nothing of an object here, so that what comes must be paid for.
func (p *Past) lacks(o id.Hash) bool {
	e := p.shelf.find(o)
	return e == nil || e.gone
}

// billed is an object of a listing, and what the neighbour that lists it shows for it.
type billed struct {
	item
	bill voucher.Bill
}

// bills asks a neighbour what paid for those of some objects that are not here. It returns
// those that may be asked for, reclaimed ones too, for which nobody shows anything; all tells
// that those left out need not be tried again.
func (p *Past) bills(t *task.T, h *peer.Handle, xs []item) (list []billed, all bool, err error) {
	var objects []id.Hash
	for _, x := range xs {
		if p.accounts != nil && p.lacks(x.object) {
			objects = append(objects, x.object)
		}
	}
	var got []voucher.Bill
	if len(objects) > 0 {
		if got, err = p.dues.Look(t, h, objects...); err != nil {
			return nil, false, err
		}
	}
	all = true
	for _, x := range xs {
		one := billed{item: x}
		if len(objects) > 0 && objects[0] == x.object {
			one.bill, got, objects = got[0], got[1:], objects[1:]
			switch {
			case one.bill.Verdict == voucher.Unsure:
				all = false
				continue
			case one.bill.Verdict == voucher.Unpaid && one.bill.Slip != nil:
				p.dues.Refuse(h.ID, x.object)
				continue
			}
		}
		list = append(list, one)
	}
	return list, all, nil
}

// unpaid forgets, of what a neighbour lists, what it was found to have for nothing.
func (p *Past) unpaid(h *peer.Handle, xs []item) []item {
	if p.accounts == nil {
		return xs
	}
	return slices.DeleteFunc(xs, func(x item) bool { return p.dues.Refused(h.ID, x.object) })
}

// due returns 0 if an object that a neighbour gave may be kept as far as its payment goes, and
// what is to be written of that; or the code of a refusal. What is here already was paid for,
// up to its size and for its life; more must be paid for by more.
func (p *Past) due(t *task.T, h *peer.Handle, c *certificate.Certificate, b voucher.Bill) (*voucher.Slip, uint16) {
	if p.accounts == nil {
		return nil, 0
	}
	o := c.ID()
	if !p.lacks(o) {
		if e := p.shelf.find(o); c.Kind == certificate.Mutable && c.Size <= e.size {
			return nil, 0
		}
		own, err := p.dues.Own(t, o)
		switch {
		case err != nil:
			return nil, msg.RefusedFailed
		case own.Covers(c) == nil:
			return nil, 0
		}
		bills, err := p.dues.Look(t, h, o)
		if err != nil {
			return nil, msg.RefusedBusy
		}
		b = bills[0]
	}
	return p.bill(h.ID, c, b)
}

// bill is due for a bill that is known.
func (p *Past) bill(from id.ID, c *certificate.Certificate, b voucher.Bill) (*voucher.Slip, uint16) {
	switch {
	case b.Verdict == voucher.Unsure:
		return nil, msg.RefusedBusy
	case b.Verdict == voucher.Paid && b.Slip.Covers(c) == nil:
		return b.Slip, 0
	}
	p.dues.Refuse(from, c.ID())
	return nil, msg.RefusedUnpaid
}

// diverted is due for a replica that a neighbour wants this node to keep for it.
func (p *Past) diverted(t *task.T, from id.ID, c *certificate.Certificate, slip *voucher.Slip) (*voucher.Slip, uint16) {
	if p.accounts == nil {
		return nil, 0
	}
	if own, err := p.dues.Own(t, c.ID()); err != nil {
		return nil, msg.RefusedFailed
	} else if !p.lacks(c.ID()) && own.Covers(c) == nil {
		return nil, 0
	}
	return p.verify(t, from, c, slip)
}

// verify is due for a slip of which the accounts were not asked.
func (p *Past) verify(t *task.T, from id.ID, c *certificate.Certificate, slip *voucher.Slip) (*voucher.Slip, uint16) {
	if p.accounts == nil {
		return nil, 0
	}
	bills, err := p.dues.Verify(t, slip)
	if err != nil {
		return nil, msg.RefusedBusy
	}
	return p.bill(from, c, bills[0])
}

// pointed is what is written of an object that this node points to; nil if nothing is. The
// error is task.ErrStopped, or the disk's.
func (p *Past) pointed(t *task.T, o id.Hash) (*voucher.Slip, error) {
	if p.accounts == nil {
		return nil, nil
	}
	return p.dues.Own(t, o)
}

// ruled is due for a version that its root wants this node to keep. Where the accounts
// cannot be asked it is kept: that it is current must not depend on them, and it is as small
// as mutable objects are. The slip is written all the same, as others will ask what it is worth.
func (p *Past) ruled(t *task.T, m *msg.Accept) (*voucher.Slip, uint16) {
	o := m.Cert.ID()
	if p.accounts == nil || !p.lacks(o) {
		return nil, 0
	}
	if m.Payment != nil {
		code := p.worth(t, m.Payment, m.Cert)
		if code == msg.RefusedBusy {
			code = 0
		}
		return p.slip(m.Payment), code
	}
	b, err := p.dues.Seek(t, o, int(m.Cert.Copies))
	switch {
	case errors.Is(err, task.ErrStopped):
		return nil, msg.RefusedBusy
	case b.Verdict == voucher.Unsure:
		return b.Slip, 0
	}
	return p.bill(m.Ruling.Term.Root, m.Cert, b)
}
