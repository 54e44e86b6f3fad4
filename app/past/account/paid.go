package account

import (
	"bytes"
	"errors"

	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Slip is what a holder writes down, with an object, of a payment that Admit has passed.
func (a *Accounts) Slip(p *voucher.Payment) *voucher.Slip { return p.Slip(a.cfg.Ring) }

// PutSlip adds to a batch what pays from now on for an object. It is written with the object,
// and may be called off the loop.
func PutSlip(b *store.Batch, s *voucher.Slip) {
	b.Put(PaidTable, s.Charge.Object[:], wire.MustMarshal(s))
}

// DropSlip adds to a batch that an object, and with it what paid for it, is forgotten. It may be
// called off the loop.
func DropSlip(b *store.Batch, object id.Hash) { b.Delete(PaidTable, object[:]) }

// Slips returns what paid for objects that are kept here, nil where that is not known. The
// error is task.ErrStopped, or the disk's.
func (a *Accounts) Slips(t *task.T, objects ...id.Hash) ([]*voucher.Slip, error) {
	st := a.cfg.Store
	return task.Work(t, disk, func() ([]*voucher.Slip, error) {
		list := make([]*voucher.Slip, len(objects))
		for i, o := range objects {
			b, err := st.Get(PaidTable, o[:])
			switch {
			case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt):
			case err != nil:
				return nil, err
			default:
				list[i] = readSlip(o, b)
			}
		}
		return list, nil
	})
}

// readSlip reads what is written of an object; nil if that makes no sense.
func readSlip(o id.Hash, b []byte) *voucher.Slip {
	s := new(voucher.Slip)
	if wire.Unmarshal(b, s) != nil || s.Check() != nil || s.Charge.Object != o {
		return nil
	}
	return s
}

func (a *Accounts) paid(t *task.T, object id.Hash) (*voucher.Slip, error) {
	list, err := a.Slips(t, object)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// Payers calls visit for each object that is kept here, or was a while ago, and was paid for by
// a member that is known, in the order of their ids. The error is task.ErrStopped, or the disk's.
func (a *Accounts) Payers(t *task.T, visit func(object id.Hash, member id.ID)) error {
	type paid struct {
		object id.Hash
		member id.ID
	}
	type page struct {
		list []paid
		seen int
		next []byte // where the page after it begins
	}
	st := a.cfg.Store
	for from := []byte(nil); ; {
		p, err := task.Work(t, disk, func() (p page, err error) {
			err = st.Scan(PaidTable, store.Range{From: from, Limit: maxForget}, func(key, value []byte) bool {
				p.seen++
				p.next = append(bytes.Clone(key), 0)
				if len(key) == hashSize {
					if by := readSlip(id.Hash(key), value); by != nil {
						p.list = append(p.list, paid{by.Charge.Object, by.Account})
					}
				}
				return true
			})
			return p, err
		})
		if err != nil {
			return err
		}
		for _, x := range p.list {
			visit(x.object, x.member)
		}
		if p.seen < maxForget {
			return nil
		}
		from = p.next
	}
}

// maxForget is how many objects are looked at in one round, whether they are still here.
const maxForget = 1024

// forget deletes what is remembered of objects that are not here any more, some in each
// round: of those that were lost, and of mutable ones that never came. Others go with their slips. What was used
// is forgotten when its voucher is over.
func (a *Accounts) forget(t *task.T) error {
	st, from := a.cfg.Store, a.forgotten
	type row struct {
		key  []byte
		over bool // it says what was used, and is outdated
	}
	now := a.ep.Wall()
	list, err := task.Work(t, disk, func() (list []row, err error) {
		err = st.Scan(PaidTable, store.Range{From: from, Limit: maxForget}, func(key, value []byte) bool {
			list = append(list, row{key, outdated(key, value, now)})
			return true
		})
		return list, err
	})
	if err != nil {
		return err
	}
	a.forgotten = nil
	if len(list) == maxForget {
		a.forgotten = append(bytes.Clone(list[len(list)-1].key), 0)
	}
	return a.put(t, func(b *store.Batch) {
		for _, r := range list {
			switch n := len(r.key); {
			case r.over, n != hashSize && n != 2*hashSize, n == hashSize && a.cfg.Storage.State(id.Hash(r.key)) == Absent:
				b.Delete(PaidTable, r.key)
			}
		}
	})
}
