package account

import (
	"bytes"
	"errors"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Table is where the debits are kept in the store, by member, date and hash, BackTable, by
// the same keys, which charges of them were given back. In DueTable lies what this node still
// wants to be given back, and which of its own debits need not be looked at again; in
// PaidTable, by object, what paid for those that it keeps for others, and by object and debit
// what was used: see fresh.
const (
	Table     store.Table = "account"
	BackTable store.Table = "account/back"
	DueTable  store.Table = "account/due"
	PaidTable store.Table = "account/paid"
)

// errDamaged: a record of the own store makes no sense.
var errDamaged = errors.New("account: a record in the store is damaged")

// lost reports whether an error says that one record is not to be had, while the disk may be well.
func lost(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt)
}

// readRecord reads one debit with its charges.
func readRecord(st store.Store, key []byte) (*msg.Record, error) {
	b, err := st.Get(Table, key)
	if err != nil {
		return nil, err
	}
	r := new(msg.Record)
	if wire.Unmarshal(b, r) != nil || r.Check() != nil {
		return nil, errDamaged
	}
	back, err := st.Get(BackTable, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r, nil
	case err != nil:
		return nil, err
	case msg.CheckBack(back, len(r.Charges)) != nil:
		return nil, errDamaged
	}
	r.Back = back
	return r, nil
}

// write makes an entry durable. Before that no vote, and no word that it is charged, is given.
func (a *Accounts) write(t *task.T, e *ledger.Entry, cs []voucher.Charge) error {
	if e.Durable {
		return nil
	}
	_, err := task.Await(t, disk, func(resolve func(struct{}, error)) {
		a.beginWrite(e, cs)
		e.Writers = append(e.Writers, func(err error) { resolve(struct{}{}, err) })
	})
	return err
}

// beginWrite begins to make an entry durable, unless somebody has begun that.
func (a *Accounts) beginWrite(e *ledger.Entry, cs []voucher.Charge) {
	if e.Durable || e.Writing {
		return
	}
	e.Writing = true
	st := a.cfg.Store
	a.ep.Go(func(t *task.T) error {
		_, err := task.Work(t, disk, func() (struct{}, error) {
			return struct{}{}, st.Put(Table, e.Key(), wire.MustMarshal(&msg.Record{Debit: e.Debit, Charges: cs, Standing: e.Standing}))
		})
		return err
	}, func(err error) {
		writers := e.Writers
		e.Durable, e.Writing, e.Writers = err == nil, false, nil
		for _, resolve := range writers {
			resolve(err)
		}
	})
}

// erase forgets an entry.
func (a *Accounts) erase(t *task.T, l *ledger.Ledger, e *ledger.Entry) error {
	cs, err := a.charges(t, e)
	if err != nil && !lost(err) {
		return err
	}
	if err := a.put(t, func(b *store.Batch) {
		b.Delete(Table, e.Key())
		b.Delete(BackTable, e.Key())
		b.Delete(DueTable, e.Hash[:])
		for _, c := range cs {
			b.Delete(DueTable, pairKey(c.Object, e.Hash))
		}
	}); err != nil {
		return err
	}
	l.Remove(e)
	if e.Debit.Account() == a.ep.Self().ID {
		a.disown(e, cs)
	}
	return nil
}

// load reads the books at the start. What is damaged comes anew from the fellows.
func (a *Accounts) load(t *task.T) error {
	st := a.cfg.Store
	_, err := reload.Table(t, st, Table, func(key, _ []byte) (*msg.Record, bool, error) {
		switch r, err := readRecord(st, key); {
		case errors.Is(err, errDamaged) || errors.Is(err, store.ErrCorrupt):
			return nil, false, nil
		default:
			return r, true, err
		}
	}, func(rs []*msg.Record) {
		for _, r := range rs {
			e := ledger.NewEntry(r.Debit, r.Debit.Hash(a.cfg.Ring), r.Charges, r.Back)
			e.Durable, e.Standing = true, r.Standing
			a.enter(e, r.Charges)
		}
	})
	if err != nil {
		return err
	}
	if err := errors.Join(a.loadDue(t), a.loadBorn(t)); err != nil {
		return err
	}
	a.rounds.Begin()
	return nil
}

// enter puts an entry into its member's ledger.
func (a *Accounts) enter(e *ledger.Entry, cs []voucher.Charge) {
	a.books.Of(e.Debit.Account()).Add(e)
	if e.Debit.Account() == a.ep.Self().ID {
		a.claim(e, cs)
	}
}

// charges reads the charges of an entry.
func (a *Accounts) charges(t *task.T, e *ledger.Entry) ([]voucher.Charge, error) {
	st := a.cfg.Store
	return task.Work(t, disk, func() ([]voucher.Charge, error) {
		r, err := readRecord(st, e.Key())
		if err != nil {
			return nil, err
		}
		return r.Charges, nil
	})
}

// giveBack notes durably that a charge was given back.
func (a *Accounts) giveBack(t *task.T, e *ledger.Entry, indexes ...int) error {
	if n := len(e.Costs); n == 0 || len(indexes) == 0 {
		return nil
	}
	back := bytes.Clone(e.Back)
	for _, i := range indexes {
		back[i/8] |= 1 << (i % 8)
	}
	st := a.cfg.Store
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		// Another charge of the debit may have been given back meanwhile.
		now, err := st.Get(BackTable, e.Key())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return struct{}{}, err
		}
		back := bytes.Clone(back)
		for i := range now {
			back[i] |= now[i]
		}
		return struct{}{}, st.Put(BackTable, e.Key(), back)
	}); err != nil {
		return err
	}
	for _, i := range indexes {
		if !e.IsBack(i) {
			e.GiveBack(i)
			a.stats.GivenBack++
		}
	}
	return nil
}
