package account

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// refunds is what this node may want to be given back.
type refunds struct {
	own        map[id.Hash][]ref // the own charges of an object
	due        []ref             // what is to be given back, in the order in which it came
	sweep      []*ledger.Entry   // own debits whose vouchers may have been left unused, by date
	collecting bool
	audits     audited
}

// ref is one charge of an own debit.
type ref struct {
	entry *ledger.Entry
	index int
}

// maxDue is how many charges are looked at in one go.
const maxDue = 4096

const hashSize = len(id.Hash{})

// claim notes an own debit.
func (a *Accounts) claim(e *ledger.Entry, cs []voucher.Charge) {
	for i, c := range cs {
		a.own[c.Object] = append(a.own[c.Object], ref{e, i})
	}
	if e.Debit.Until == 0 {
		a.sweep = append(a.sweep, e)
		slices.SortStableFunc(a.sweep, byDate)
	}
}

// disown forgets an own debit.
func (a *Accounts) disown(e *ledger.Entry, cs []voucher.Charge) {
	of := func(r ref) bool { return r.entry == e }
	for _, c := range cs {
		if a.own[c.Object] = slices.DeleteFunc(a.own[c.Object], of); len(a.own[c.Object]) == 0 {
			delete(a.own, c.Object)
		}
	}
	a.due = slices.DeleteFunc(a.due, of)
	a.sweep = slices.DeleteFunc(a.sweep, func(x *ledger.Entry) bool { return x == e })
}

// loadDue reads what is still to be given back.
func (a *Accounts) loadDue(t *task.T) error {
	st := a.cfg.Store
	keys, err := reload.Once(t, func() (keys [][]byte, err error) {
		err = st.Scan(DueTable, store.Range{}, func(key, _ []byte) bool { keys = append(keys, key); return true })
		return keys, err
	})
	if err != nil {
		return err
	}
	done := make(map[id.Hash]bool)
	for _, key := range keys {
		switch len(key) {
		case hashSize:
			done[id.Hash(key)] = true
		case 2 * hashSize:
			for _, r := range a.own[id.Hash(key[:hashSize])] {
				if r.entry.Hash == id.Hash(key[hashSize:]) {
					a.due = append(a.due, r)
				}
			}
		}
	}
	a.sweep = slices.DeleteFunc(a.sweep, func(e *ledger.Entry) bool { return done[e.Hash] })
	return nil
}

// Stored notes that an object is kept for what a payment paid: it will not be looked for
// when the voucher is over. If it was paid for before, one of the two is given back.
func (a *Accounts) Stored(p *voucher.Payment) {
	d := p.Voucher.Debit
	if o := p.Path.Charge.Object; len(a.own[o]) > 1 {
		a.ep.Go(func(t *task.T) error { return a.Refund(t, o) }, nil)
		return
	}
	if e := a.books.Find(a.ep.Self().ID).Find(d, d.Hash(a.cfg.Ring)); e != nil && d.Account() == a.ep.Self().ID {
		if e.Stored == nil {
			e.Stored = make([]byte, len(e.Back))
		}
		e.Stored[p.Path.Index/8] |= 1 << (p.Path.Index % 8)
	}
}

// Refund asks for what was paid for an object, now that its holders do not keep it any
// more. It returns when that is written down; until it is done it is tried again and again.
//
// Errors: task.ErrStopped, or the disk's.
func (a *Accounts) Refund(t *task.T, object id.Hash) error {
	refs := a.own[object]
	if len(refs) == 0 {
		return nil
	}
	st := a.cfg.Store
	var b store.Batch
	for _, r := range refs {
		b.Put(DueTable, pairKey(object, r.entry.Hash), nil)
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, st.Apply(&b) }); err != nil {
		return err
	}
	for _, r := range refs {
		if !slices.Contains(a.due, r) {
			a.due = append(a.due, r)
		}
	}
	a.ep.Go(a.collect, nil)
	return nil
}

// remind makes due again what was given back here, and not at a keeper that has these
// records of the own account: it was away, or has come since.
func (a *Accounts) remind(rs []*msg.Record) {
	l := a.books.Find(a.ep.Self().ID)
	for _, x := range rs {
		e := l.Find(x.Debit, x.Debit.Hash(a.cfg.Ring))
		if e == nil {
			continue
		}
		for i := range e.Costs {
			if r := (ref{e, i}); e.IsBack(i) && !x.IsBack(i) && !slices.Contains(a.due, r) {
				a.due = append(a.due, r)
			}
		}
	}
}

// collect asks for what is due, and looks what became of vouchers that are over.
func (a *Accounts) collect(t *task.T) error {
	if a.collecting {
		return nil
	}
	a.collecting = true
	defer func() { a.collecting = false }()
	asked := make(map[ref]bool)
	for len(asked) < maxDue {
		i := slices.IndexFunc(a.due, func(r ref) bool { return !asked[r] })
		if i < 0 {
			break
		}
		r := a.due[i]
		asked[r] = true
		object, done, err := a.refund(t, r)
		if err != nil {
			return err
		}
		if done {
			a.due = slices.DeleteFunc(a.due, func(x ref) bool { return x == r })
			if err := a.put(t, func(b *store.Batch) { b.Delete(DueTable, pairKey(object, r.entry.Hash)) }); err != nil {
				return err
			}
		}
	}
	return a.look(t)
}

func (a *Accounts) put(t *task.T, change func(*store.Batch)) error {
	var b store.Batch
	change(&b)
	st := a.cfg.Store
	_, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, st.Apply(&b) })
	return err
}

// look asks for what was paid for objects that were perhaps never stored.
func (a *Accounts) look(t *task.T) error {
	for _, e := range slices.Clone(a.sweep) {
		if !e.Debit.Over(a.ep.Wall()) {
			break
		}
		all := true
		for i := range e.Costs {
			if e.IsBack(i) || e.Stored != nil && e.Stored[i/8]&(1<<(i%8)) != 0 {
				continue
			}
			_, done, err := a.refund(t, ref{e, i})
			if err != nil {
				return err
			}
			all = all && done
		}
		if !all {
			continue
		}
		if err := a.put(t, func(b *store.Batch) { b.Put(DueTable, e.Hash[:], nil) }); err != nil {
			return err
		}
		a.sweep = slices.DeleteFunc(a.sweep, func(x *ledger.Entry) bool { return x == e })
		e.Stored = nil
	}
	return nil
}

// refund tries to have one charge given back. done tells that it was, or that the object is
// kept for it.
func (a *Accounts) refund(t *task.T, r ref) (object id.Hash, done bool, err error) {
	cs, err := a.charges(t, r.entry)
	if err != nil {
		return object, false, err
	}
	c := cs[r.index]
	releases, kept, err := a.releases(t, c, r.entry)
	if errors.Is(err, task.ErrStopped) {
		return c.Object, false, err
	}
	if err != nil || kept || releases == nil {
		return c.Object, kept, nil
	}
	voters := a.voters(a.ep.Self().ID)
	q := &msg.Credit{Member: a.ep.Self().ID, Debit: r.entry.Hash, Date: r.entry.Debit.Date, Index: uint16(r.index), Releases: releases}
	rs, err := a.askAll(t, voters, q, a.cfg.Ask, nil)
	if err != nil {
		return c.Object, false, err
	}
	n := 0
	for _, x := range rs {
		if _, ok := x.Value.(*msg.Credited); ok && x.Err == nil {
			n++
		}
	}
	if n < majority(len(voters)) {
		return c.Object, false, nil
	}
	return c.Object, true, a.giveBack(t, r.entry, r.index)
}

// releases asks an object's holders. kept tells that a majority keeps it for this debit;
// releases are those of a majority, or nil.
func (a *Accounts) releases(t *task.T, c voucher.Charge, e *ledger.Entry) (releases []*voucher.Release, kept bool, err error) {
	near, err := a.cfg.Storage.Near(t, c.Object.Place(), int(c.Copies))
	if err != nil {
		return nil, false, err
	}
	near = near[:min(int(c.Copies), len(near))]
	rs, err := a.askAll(t, near, &msg.LetGo{Object: c.Object, Debit: e.Debit}, a.cfg.Ask, nil)
	if err != nil {
		return nil, false, err
	}
	keep, need := 0, majority(len(near))
	for i, r := range rs {
		if refusal(r.Err) == msg.RefusedKept {
			keep++
		}
		m, ok := r.Value.(*msg.Released)
		if !ok || r.Err != nil || m.Release.Holder.Node != near[i].ID {
			continue
		}
		if a.good(t, m.Release, c.Object, e.Hash) {
			releases = append(releases, m.Release)
		}
	}
	if len(releases) < need {
		return nil, keep >= need, nil
	}
	return releases[:need], false, nil
}

// good verifies a release.
func (a *Accounts) good(t *task.T, r *voucher.Release, object, debit id.Hash) bool {
	ring, v, wall := a.cfg.Ring, a.cfg.Verifier, a.ep.Wall()
	_, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, r.Verify(ring, object, debit, wall, v) })
	if err != nil && !errors.Is(err, task.ErrStopped) {
		a.stats.BadInput++
	}
	return err == nil
}

// onCredit gives a charge back, if a majority of the object's holders have released it.
func (a *Accounts) onCredit(t *task.T, m *msg.Credit) (wire.Message, uint16) {
	if !a.keeps(a.ep.Self().ID, m.Member) {
		return nil, msg.RefusedNotKeeper
	}
	l := a.books.Find(m.Member)
	if l == nil {
		return &msg.Credited{}, 0 // it is not charged here
	}
	i, have := l.At(m.Date, m.Debit)
	if !have {
		return &msg.Credited{}, 0
	}
	e, index := l.List[i], int(m.Index)
	switch {
	case index >= len(e.Costs):
		a.stats.BadInput++
		return nil, msg.RefusedInvalid
	case e.IsBack(index):
		return &msg.Credited{}, 0
	}
	cs, err := a.charges(t, e)
	if err != nil {
		return nil, msg.RefusedFailed
	}
	c := cs[index]
	near, err := a.cfg.Storage.Near(t, c.Object.Place(), int(c.Copies))
	if err != nil {
		return nil, msg.RefusedAway
	}
	n := min(int(c.Copies), len(near))
	var from []id.ID
	for _, r := range m.Releases {
		// One more than the nearest: another node may see one more than this one.
		if contains(near[:min(n+1, len(near))], r.Holder.Node) && !slices.Contains(from, r.Holder.Node) && a.good(t, r, c.Object, e.Hash) {
			from = append(from, r.Holder.Node)
		}
	}
	if len(from) < majority(n) {
		return nil, msg.RefusedInvalid
	}
	if err := a.giveBack(t, e, index); err != nil {
		return nil, msg.RefusedFailed
	}
	return &msg.Credited{}, 0
}

// onLetGo releases an object that is not kept for a debit and will not be.
func (a *Accounts) onLetGo(t *task.T, m *msg.LetGo) (wire.Message, uint16) {
	own, hash, wall := a.cfg.Certificate(), m.Debit.Hash(a.cfg.Ring), a.ep.Wall()
	by, err := a.paid(t, m.Object)
	if err != nil {
		return nil, msg.RefusedFailed
	}
	s := a.cfg.Storage.State(m.Object)
	switch {
	case own == nil || s == Unsure:
		return nil, msg.RefusedBusy
	case s == Kept && (by == nil || by.Debit == hash):
		return nil, msg.RefusedKept
	case s == Gone && by != nil && by.Debit == hash: // and so it is not taken for this debit again
	case !m.Debit.Over(wall):
		return nil, msg.RefusedBusy
	}
	ring, signer := a.cfg.Ring, a.cfg.Signer
	r, err := task.Work(t, disk, func() (*voucher.Release, error) {
		return voucher.NewRelease(ring, m.Object, hash, own, signer, wall), nil
	})
	if err != nil {
		return nil, msg.RefusedFailed
	}
	return &msg.Released{Release: r}, 0
}
