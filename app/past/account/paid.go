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

// toll is what paid for an object that is kept here. The zero toll is not known: the object
// came from a fellow holder.
type toll struct {
	Debit id.Hash `cbor:"1,keyasint"`
	Size  int64   `cbor:"2,keyasint"` // that it pays for, in bytes
	// Account is the member who pays; zero in records of earlier versions of the program.
	Account id.ID `cbor:"3,keyasint,omitzero"`
}

// Toll returns what adds to a batch what pays from now on for an object. It is written with the
// object, and may be called off the loop.
func (a *Accounts) Toll(p *voucher.Payment) func(*store.Batch) {
	c, ring := p.Path.Charge, a.cfg.Ring
	return func(b *store.Batch) {
		by := toll{Debit: p.Voucher.Debit.Hash(ring), Size: c.Size, Account: p.Voucher.Debit.Account()}
		b.Put(PaidTable, c.Object[:], wire.MustMarshal(&by))
	}
}

// Allows returns the largest content that was paid for, of an object that is kept here; 0 if
// that is not known.
func (a *Accounts) Allows(t *task.T, object id.Hash) (int64, error) {
	by, err := a.paid(t, object)
	return by.Size, err
}

func (a *Accounts) paid(t *task.T, object id.Hash) (toll, error) {
	st := a.cfg.Store
	return task.Work(t, disk, func() (by toll, err error) {
		b, err := st.Get(PaidTable, object[:])
		switch {
		case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt):
			return toll{}, nil
		case err != nil:
			return toll{}, err
		}
		if wire.Unmarshal(b, &by) != nil {
			return toll{}, nil
		}
		return by, nil
	})
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
				var by toll
				if len(key) == hashSize && wire.Unmarshal(value, &by) == nil && !by.Account.IsZero() {
					p.list = append(p.list, paid{id.Hash(key), by.Account})
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
// round.
func (a *Accounts) forget(t *task.T) error {
	st, from := a.cfg.Store, a.forgotten
	keys, err := task.Work(t, disk, func() (keys [][]byte, err error) {
		err = st.Scan(PaidTable, store.Range{From: from, Limit: maxForget}, func(key, _ []byte) bool {
			keys = append(keys, key)
			return true
		})
		return keys, err
	})
	if err != nil {
		return err
	}
	a.forgotten = nil
	if len(keys) == maxForget {
		a.forgotten = append(bytes.Clone(keys[len(keys)-1]), 0)
	}
	return a.put(t, func(b *store.Batch) {
		for _, key := range keys {
			if len(key) != hashSize || a.cfg.Storage.State(id.Hash(key)) == Absent {
				b.Delete(PaidTable, key)
			}
		}
	})
}
