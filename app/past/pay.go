package past

import (
	"cmp"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Accounts is the part of this node in the ring's accounts, to be mounted beside p; nil if
// nobody pays.
func (p *Past) Accounts() *account.Accounts { return p.accounts }

func (p *Past) openAccounts() (err error) {
	if p.cfg.Accounts == nil {
		return nil
	}
	c := *p.cfg.Accounts
	c.Ring, c.Signer, c.Verifier, c.Certificate, c.Store = p.cfg.Ring, p.cfg.Signer, p.cfg.Verifier, p.cfg.Certificate, p.cfg.Store
	c.Storage = desk{p}
	p.accounts, err = account.New(c)
	return err
}

// payers is what the client pays with.
func (p *Past) payers() client.Accounts {
	if p.accounts == nil {
		return nil
	}
	return p.accounts
}

// admit returns 0 if an object may be kept as far as its payment goes: a certificate that is
// here already was paid for, and one that was reclaimed since is worth no question.
func (p *Past) admit(t *task.T, m *msg.Put) uint16 {
	if p.accounts == nil {
		return 0
	}
	e := p.shelf.find(m.Cert.ID())
	if e != nil && !e.gone && e.content == m.Cert.Content && e.date == m.Cert.Date && e.expires == m.Cert.Expires {
		return 0
	}
	if e != nil && e.gone && m.Cert.Date <= e.date {
		return msg.RefusedReclaimed // as take says, without asking anybody what the payment is worth
	}
	return p.worth(t, m.Payment, m.Cert)
}

// covers returns 0 if a change is paid for: its content is no larger than what was paid for
// before, or than what is current; or a payment comes with it.
func (p *Past) covers(t *task.T, of *office.Office, m *msg.Update) uint16 {
	if p.accounts == nil {
		return 0
	}
	if v := of.Current(); v != nil {
		by, err := p.dues.Own(t, of.Object())
		if err != nil {
			return msg.RefusedFailed
		}
		if m.Cert.Size <= v.Certificate.Size || by.Covers(m.Cert) == nil {
			m.Payment = nil
			return 0
		}
	}
	return p.worth(t, m.Payment, m.Cert)
}

// note notes what pays for a mutable object, if it is good. The root is not believed: it
// could let the debit before be given back.
func (p *Past) note(m *msg.Accept) {
	if p.accounts == nil || m.Payment == nil {
		return
	}
	p.ep.Go(func(t *task.T) error {
		if err := p.accounts.Admit(t, m.Payment, m.Cert); err != nil {
			return err
		}
		st, slip := p.cfg.Store, p.slip(m.Payment)
		_, err := task.Work(t, disk, func() (struct{}, error) {
			var b store.Batch
			account.PutSlip(&b, slip)
			return struct{}{}, st.Apply(&b)
		})
		return err
	}, nil)
}

// slip is what is written of a payment; nil where nobody pays.
func (p *Past) slip(pay *voucher.Payment) *voucher.Slip {
	if p.accounts == nil || pay == nil {
		return nil
	}
	return p.accounts.Slip(pay)
}

// worth returns 0 if a payment is good for an object.
func (p *Past) worth(t *task.T, pay *voucher.Payment, c *certificate.Certificate) uint16 {
	switch err := p.accounts.Admit(t, pay, c); {
	case err == nil:
		return 0
	case errors.Is(err, account.ErrNotReachable) || errors.Is(err, task.ErrStopped):
		return msg.RefusedBusy
	case errors.Is(err, voucher.ErrVoucher) || errors.Is(err, account.ErrVoters) || errors.Is(err, account.ErrUsed):
		return msg.RefusedUnpaid
	}
	return msg.RefusedFailed
}

// Use is what this node keeps for one member.
type Use struct {
	Member  id.ID // who paid; zero: it is not known, as the objects came from other holders
	Objects int
	Bytes   int64 // of their content
}

// UsedBy returns what this node keeps, by the members who paid for it, the largest use first.
// The error is task.ErrStopped, or the disk's.
func (p *Past) UsedBy(t *task.T) ([]Use, error) {
	rest := Use{Objects: p.shelf.objects, Bytes: p.shelf.bytes}
	var uses []Use
	if p.accounts != nil {
		err := p.accounts.Payers(t, func(o id.Hash, member id.ID) {
			e := p.shelf.find(o)
			if e == nil || e.gone {
				return
			}
			i, known := slices.BinarySearchFunc(uses, member, func(u Use, m id.ID) int { return u.Member.Cmp(m) })
			if !known {
				uses = slices.Insert(uses, i, Use{Member: member})
			}
			uses[i].Objects, uses[i].Bytes = uses[i].Objects+1, uses[i].Bytes+e.size
			rest.Objects, rest.Bytes = rest.Objects-1, rest.Bytes-e.size
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(uses, func(a, b Use) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if rest.Objects > 0 {
		rest.Bytes = max(0, rest.Bytes) // objects may have come and gone while the disk was read
		uses = append(uses, rest)
	}
	return uses, nil
}

// desk is what accounts see of the storage of their node.
type desk struct{ p *Past }

var _ account.Storage = desk{}

// Near implements account.Storage.
func (d desk) Near(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	return d.p.asker.Near(t, key, k)
}

// State implements account.Storage.
func (d desk) State(o id.Hash) account.State {
	switch e := d.p.shelf.find(o); {
	case e == nil && d.p.busy.Held(o):
		return account.Unsure
	case e == nil && d.p.knowsAll(o.Place()):
		return account.Absent
	case e == nil:
		return account.Unsure
	case e.gone:
		return account.Gone
	}
	return account.Kept
}

// Heard implements account.Storage.
func (d desk) Heard() bool { return d.p.rounds.Old() }

// maxDrawn is how many objects are looked at to know what two nodes have in common.
const maxDrawn = 256

// Common implements account.Storage. On a full shelf it estimates from objects that it draws.
func (d desk) Common(with id.ID, n int) (size int64, drawn []id.Hash) {
	p, list := d.p, d.p.shelf.list
	if len(list) == 0 {
		return 0, nil
	}
	look := min(len(list), maxDrawn)
	at := p.ep.Rand().IntN(len(list))
	for i := range look {
		if len(list) > maxDrawn {
			at = p.ep.Rand().IntN(len(list))
		}
		e := list[(at+i)%len(list)]
		if e.gone || e.pointer() || !client.Contains(p.asker.Replicas(e.object.Place(), int(e.copies), 0), with) {
			continue
		}
		size += e.size
		if len(drawn) < n {
			drawn = append(drawn, e.object)
		}
	}
	if look < len(list) {
		size = size / int64(look) * int64(len(list))
	}
	return size, drawn
}

// Prove implements account.Storage.
func (d desk) Prove(t *task.T, o id.Hash, nonce uint64) (id.Hash, error) {
	e := d.p.shelf.find(o)
	if e == nil || e.gone || e.pointer() { // what another node keeps proves nothing about this one
		return id.Hash{}, client.ErrNotFound
	}
	if e.large() { // a chunk of it, drawn by the nonce
		blobs, n := d.p.cfg.Blobs, int(nonce%uint64((e.size+task.ChunkSize-1)/task.ChunkSize))
		return task.Work(t, disk, func() (id.Hash, error) {
			chunk, err := blobs.ReadChunk(e.content, n, nil)
			return account.Proof(nonce, chunk), err
		})
	}
	_, content, err := d.p.body(t, o, true)
	if err != nil {
		return id.Hash{}, err
	}
	return account.Proof(nonce, content), nil
}

// Offered implements account.Storage.
func (d desk) Offered() int64 { return d.p.Offered() }
