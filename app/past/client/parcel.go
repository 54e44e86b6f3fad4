package client

import (
	"crypto/sha256"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// What a parcel and the parts of it measure at most, in bytes: it must fit into one message.
const (
	parcelSize  = wire.MaxPayload - 4<<10
	entrySize   = 512 // of a file, its certificate and its charge
	hashSize    = sha256.Size + 2
	voucherSize = 512 // of a debit, or of a vote
)

// parcel is what goes to one holder in one message.
type parcel struct {
	to    *peer.Handle
	files []*parcelled
	m     msg.PutMany
	size  int
}

// parcelled is a file that is stored, as it goes to one holder.
type parcelled struct {
	s       *storing
	resolve func(reply, error)
}

// parcels are those that are not on their way yet.
type parcels struct {
	list []*parcel
	open map[id.ID]*parcel // the last of each holder's
}

// post sends a file that is stored to a holder, together with what else goes there just now.
func (cl *Client) post(to *peer.Handle, s *storing, resolve func(reply, error)) {
	if len(cl.parcels.list) == 0 {
		cl.parcels.open = make(map[id.ID]*parcel)
		// The task begins when the one that stores this file gives way, and those that were
		// signed with it have posted theirs.
		cl.asker.ep.Go(func(*task.T) error { cl.sendParcels(); return nil }, nil)
	}
	p := cl.parcels.open[to.ID]
	if p == nil || !p.add(s.put) {
		p = &parcel{to: to}
		p.add(s.put)
		cl.parcels.list, cl.parcels.open[to.ID] = append(cl.parcels.list, p), p
	}
	p.files = append(p.files, &parcelled{s, resolve})
}

// add adds a file to the message. It reports false where there is no room for it.
func (p *parcel) add(q *msg.Put) bool {
	x := &msg.OneOfMany{Cert: q.Cert, Content: q.Content}
	size, vouchers := entrySize+len(q.Content), p.m.Vouchers
	if q.Cert.Batch != nil {
		size += hashSize * len(q.Cert.Batch.Beside)
	}
	if q.Payment != nil {
		v := q.Payment.Voucher
		i := slices.Index(vouchers, v) // what was paid for at once has the same pointer
		if i < 0 {
			i, vouchers = len(vouchers), append(vouchers, v)
			size += voucherSize * (1 + len(v.Votes))
		}
		x.Path, x.Voucher = q.Payment.Path, uint8(i)
		size += hashSize * len(x.Path.Beside)
	}
	if len(p.m.Puts) > 0 && (p.size+size > parcelSize || len(p.m.Puts) == certificate.MaxBatch || len(vouchers) > msg.MaxVouchers) {
		return false
	}
	p.m.Puts, p.m.Vouchers, p.size = append(p.m.Puts, x), vouchers, p.size+size
	return true
}

func (cl *Client) sendParcels() {
	list := cl.parcels.list
	cl.parcels = parcels{}
	for _, p := range list {
		if len(p.files) == 1 {
			p.files[0].alone(p.to)
			continue
		}
		cl.asker.Ask(p.to, &p.m, func(m wire.Message, err error) { p.answered(cl, m, err) })
	}
}

// alone asks a holder about one file.
func (f *parcelled) alone(to *peer.Handle) {
	f.s.cl.asker.Ask(to, f.s.put, func(m wire.Message, err error) { f.s.verify(m, err, f.resolve) })
}

// answered gives each file what its holder says of it.
func (p *parcel) answered(cl *Client, m wire.Message, err error) {
	a, ok := m.(*msg.StoredMany)
	if err == nil && ok && len(a.Codes) == len(p.files) {
		p.read(cl, a)
		return
	}
	for _, f := range p.files {
		if msg.Refusal(err) == msg.RefusedMalformed { // of an earlier version of the program
			f.alone(p.to)
			continue
		}
		f.resolve(reply{Message: m}, err)
	}
}

// read verifies the receipts in an answer.
func (p *parcel) read(cl *Client, a *msg.StoredMany) {
	var of []certificate.Written
	var stored []*parcelled
	for i, f := range p.files {
		switch code := a.Codes[i]; code {
		case 0:
			stored, of = append(stored, f), append(of, certificate.Written{Object: f.s.object, Certificate: f.s.hash})
		case msg.RefusedAlone:
			f.alone(p.to)
		default:
			f.resolve(reply{}, &kbr.RefusedError{Code: code, Text: msg.Refusals[code]})
		}
	}
	if len(of) == 0 {
		return
	}
	ring, v, wall := cl.cfg.Ring, cl.cfg.Verifier, cl.asker.ep.Wall()
	cl.asker.ep.Work(func() any {
		rs := make([]reply, len(of))
		for i, r := range certificate.Receipts(ring, of, a.Holder, a.Time, a.Sig) {
			rs[i] = reply{&msg.Stored{Receipt: r}, r.Verify(ring, of[i].Object, of[i].Certificate, wall, v) == nil}
		}
		return rs
	}, func(rs any) {
		for i, r := range rs.([]reply) {
			stored[i].resolve(r, nil)
		}
	})
}
