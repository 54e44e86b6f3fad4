package account

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// An account of others moves away from a node when nearer ones come. Those take it from each other, and from the
// member; who kept it before forgets each debit of it when all who keep it now have it. Where most of them
// have not, as all came at once, it tells them. The next in line may soon keep it again, and gives up alone what the
// keepers have forgotten: it would bring that back.

// maxHanded is of how many accounts is asked in one round.
const maxHanded = 16

// handOver gives up accounts that this node does not keep any more.
func (a *Accounts) handOver(t *task.T) error {
	books := slices.Clone(a.books)
	if len(books) == 0 {
		return nil
	}
	at := a.ep.Rand().IntN(len(books))
	for n, asked := 0, 0; n < len(books) && asked < maxHanded; n++ {
		if !a.rounds.Settled() { // those near have changed: that is for the next round, which waits for the end of this one
			return nil
		}
		l := books[(at+n)%len(books)]
		if l.Member == a.ep.Self().ID {
			continue
		}
		near, _, err := a.near(t, l.Member)
		keepers := without(near, l.Member, a.cfg.Keepers)
		switch {
		case errors.Is(err, ErrNotReachable): // nor may others be, and each takes its time
			return nil
		case err != nil:
			return err
		case contains(keepers, a.ep.Self().ID):
			continue
		}
		asked++
		if err := a.handOne(t, l, keepers, contains(near, a.ep.Self().ID)); err != nil {
			return err
		}
	}
	return nil
}

// handOne asks those who keep an account now about some of its debits. next: this node is the next in line, and
// asks about those alone that they may have forgotten.
func (a *Accounts) handOne(t *task.T, l *ledger.Ledger, keepers []*peer.Handle, next bool) error {
	es := slices.DeleteFunc(slices.Clone(l.List), func(e *ledger.Entry) bool { return !e.Durable || next && !a.fadedOf(e.Debit) })
	if n := len(es); n > msg.MaxPlaces {
		at := a.ep.Rand().IntN(n)
		es = slices.Concat(es[at:], es[:at])[:msg.MaxPlaces]
	}
	if len(es) == 0 {
		return nil
	}
	q := &msg.Recall{Member: l.Member}
	for _, e := range es {
		q.Debits = append(q.Debits, msg.Place{Date: e.Debit.Date, Hash: e.Hash})
	}
	rs, err := a.askAll(t, keepers, q, a.cfg.Ask, nil)
	if err != nil {
		return err
	}
	has := make([][]byte, len(keepers))
	for i, r := range rs {
		m, ok := r.Value.(*msg.Recalled)
		if r.Err != nil || !ok || len(m.Has) != (len(es)+7)/8 {
			return nil // another time
		}
		has[i] = m.Has
	}
	for i, e := range es {
		if !a.rounds.Settled() {
			return nil
		}
		lack := slices.Clone(keepers)
		for j := len(keepers) - 1; j >= 0; j-- {
			if has[j][i/8]&(1<<(i%8)) != 0 {
				lack = slices.Delete(lack, j, j+1)
			}
		}
		most, heard := len(lack) >= majority(len(keepers)), true
		switch {
		case most && a.fadedOf(e.Debit): // they have forgotten it
			err = a.erase(t, l, e)
		case next:
		case len(lack) == 0:
			err = a.erase(t, l, e)
		case most:
			heard, err = a.bring(t, e, lack)
		} // the few who lack it hear of it from the others
		if err != nil || !heard {
			return err // another time
		}
	}
	return nil
}

// bring tells others of a debit, and reports whether all of them answered. What is damaged on the own disk, or
// not there any more, is left to those who have it.
func (a *Accounts) bring(t *task.T, e *ledger.Entry, to []*peer.Handle) (heard bool, err error) {
	cs, err := a.charges(t, e)
	if lost(err) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	rs, err := a.askAll(t, to, &msg.Note{Debit: e.Debit, Charges: cs, From: e.Debit.Date}, a.cfg.Ask, nil)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(rs, func(r task.Result[wire.Message]) bool { return r.Err != nil && refusal(r.Err) == 0 }), nil
}

// fadedOf reports whether those who keep an account may have forgotten a debit of it.
func (a *Accounts) fadedOf(d *voucher.Debit) bool {
	return a.past(ledger.NewEntry(d, id.Hash{}, nil, nil)) // as if all of it was given back
}

// onRecall says which debits are on the disk here, once this node knows what it should keep.
func (a *Accounts) onRecall(m *msg.Recall) (wire.Message, uint16) {
	if !a.rounds.Settled() {
		return nil, msg.RefusedBusy
	}
	if !a.keeps(a.ep.Self().ID, m.Member) {
		return nil, msg.RefusedNotKeeper
	}
	l, out := a.books.Find(m.Member), &msg.Recalled{Has: make([]byte, (len(m.Debits)+7)/8)}
	if l == nil {
		return out, 0
	}
	for i, p := range m.Debits {
		if at, have := l.At(p.Date, p.Hash); have && l.List[at].Durable {
			out.Has[i/8] |= 1 << (i % 8)
		}
	}
	return out, 0
}
