package account

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// maxPages bounds what a neighbour can make this node read of one account.
	maxPages = 1 << 16
	// ended is how long a debit is remembered whose objects have ended by themselves: about as long as
	// their holders keep them, who wait for slow clocks and then erase a hundredth of what they have in
	// an hour. Forgotten earlier, objects of an hour's life could fill them.
	ended = 4 * 24 * time.Hour
)

// upkeep is what a node knows of how the accounts stand around it.
type upkeep struct {
	rounds rounds.Rounds // in which the fellow keepers are asked; begun when the books are read
	// looked is when this node has looked through what it has last: see round.
	looked task.Instant
	// forgotten is where PaidTable is looked through next.
	forgotten []byte
}

// Update implements kbr.App: when those near change, so may whose accounts this node keeps.
func (a *Accounts) Update(n *peer.Handle, _ bool) {
	if !contains(a.fellows(), n.ID) && a.keeps(a.ep.Self().ID, n.ID) {
		return
	}
	a.rounds.Unsettle()
}

// fellows returns those who keep an account in common with this node: the keepers of one
// account lie within so many nodes of it.
func (a *Accounts) fellows() []*peer.Handle {
	all, self, side := a.ep.NeighborSet(4*(a.cfg.Keepers+1)), a.ep.Self().ID, 2*(a.cfg.Keepers+1)
	if len(all) <= side {
		return all
	}
	slices.SortFunc(all, func(x, y *peer.Handle) int { return x.ID.Sub(self).Cmp(y.ID.Sub(self)) })
	side = a.cfg.Keepers + 1
	return slices.Concat(all[:side], all[len(all)-side:])
}

// round takes over what fellow keepers have, asks for proofs, and forgets what is over.
func (a *Accounts) round(t *task.T, r *rounds.Round) error {
	said := newSaid()
	for _, h := range a.fellows() {
		heard, old, err := a.meet(t, h, said)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		r.Heard(heard, old)
	}
	if err := a.believe(t, said); err != nil {
		return err
	}
	all := r.Settle()
	if all {
		if err := a.judge(t, said); err != nil {
			return err
		}
	}
	if err := a.prove(t); err != nil {
		return err
	}
	// A fellow that says nothing must not keep this node from the rest; but rounds like that follow one another soon.
	if !all && a.ep.Now().Sub(a.looked) < a.cfg.Sync {
		return nil
	}
	a.looked = a.ep.Now()
	for _, f := range []func(*task.T) error{a.handOver, a.tidy, a.forget, a.collect, a.audit, a.inspect} {
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

// meet takes over from one neighbour what this node should keep. heard tells that it was
// heard to the end; old that it is no newcomer.
func (a *Accounts) meet(t *task.T, h *peer.Handle, s *said) (heard, old bool, err error) {
	m, err := a.askOne(t, h, &msg.List{})
	l, ok := m.(*msg.Listed)
	if err != nil || !ok {
		return false, false, err
	}
	for _, x := range l.Accounts {
		if !a.keeps(a.ep.Self().ID, x.Member) || !a.keeps(h.ID, x.Member) {
			continue
		}
		votes := contains(a.voters(x.Member), h.ID)
		if own := a.books.Find(x.Member); own != nil && own.Whole() == x.Sum {
			s.same.add(x.Member, votes)
			continue
		}
		rs, err := a.pull(t, h, x.Member, 0)
		if err != nil {
			return false, false, err
		}
		if x.Member == a.ep.Self().ID {
			a.remind(rs)
		}
		if s.heard.add(x.Member, votes); !votes {
			continue // the member has no say in what is given back to it
		}
		for _, r := range rs {
			if e := a.books.Find(x.Member).Find(r.Debit, r.Debit.Hash(a.cfg.Ring)); e != nil {
				s.count(e, r)
			}
		}
	}
	return true, l.Sure, nil
}

// pull charges what a fellow has charged to an account from a date on, and returns it.
func (a *Accounts) pull(t *task.T, h *peer.Handle, member id.ID, from int64) (all []*msg.Record, err error) {
	q := &msg.Open{Member: member, From: from}
	for range maxPages {
		m, err := a.askOne(t, h, q)
		if err != nil {
			return nil, err
		}
		p, ok := m.(*msg.Page)
		if !ok {
			return nil, msg.ErrMessage
		}
		for _, r := range p.Records {
			if r.Debit.Account() != member {
				a.stats.BadInput++
				return nil, msg.ErrMessage
			}
			if a.over(r) {
				continue
			}
			switch _, err := a.charge(t, r.Debit, r.Charges, false); {
			case errors.Is(err, errFull): // no honest keeper has so much: the others are heard all the same
				continue
			case err != nil:
				return nil, err
			}
			all = append(all, r)
		}
		if !p.More || len(p.Records) == 0 {
			return all, nil
		}
		last := p.Records[len(p.Records)-1].Debit
		q = &msg.Open{Member: member, From: last.Date, After: last.Hash(a.cfg.Ring)}
	}
	return nil, msg.ErrMessage
}

func (a *Accounts) onList(from id.ID) (wire.Message, uint16) {
	if !a.rounds.Begun() || a.stopped {
		return nil, msg.RefusedBusy
	}
	m := &msg.Listed{Sure: a.rounds.Old()}
	for _, l := range a.books {
		if len(m.Accounts) < msg.MaxListed && len(l.List) > 0 && a.keeps(from, l.Member) {
			m.Accounts = append(m.Accounts, msg.AccountSum{Member: l.Member, Sum: l.Whole()})
		}
	}
	return m, 0
}

func (a *Accounts) onOpen(t *task.T, from id.ID, m *msg.Open) (wire.Message, uint16) {
	if !a.keeps(from, m.Member) {
		return nil, msg.RefusedNotKeeper
	}
	var keys [][]byte
	more := false
	for _, e := range a.books.Find(m.Member).From(m.From) {
		if !e.Durable || e.Debit.Date == m.From && bytes.Compare(e.Hash[:], m.After[:]) <= 0 {
			continue
		}
		if more = len(keys) == msg.MaxRecords; more {
			break
		}
		keys = append(keys, e.Key())
	}
	st := a.cfg.Store
	p, err := task.Work(t, disk, func() (*msg.Page, error) {
		p, size := &msg.Page{More: more}, 0
		for _, key := range keys {
			r, err := readRecord(st, key)
			if lost(err) {
				continue
			} else if err != nil {
				return nil, err
			}
			if size += recordSize(r); size > msg.PageBytes && len(p.Records) > 0 {
				p.More = true
				break
			}
			p.Records = append(p.Records, r)
		}
		return p, nil
	})
	if err != nil {
		return nil, msg.RefusedFailed
	}
	return p, 0
}

// recordSize is at least what a record takes on the wire, in bytes.
func recordSize(r *msg.Record) int { return 1024 + 64*len(r.Charges) }

// tidy forgets what is over.
func (a *Accounts) tidy(t *task.T) error {
	for _, l := range slices.Clone(a.books) {
		for _, e := range slices.Clone(l.List) {
			if !a.past(e) {
				continue
			}
			if err := a.erase(t, l, e); err != nil {
				return err
			}
		}
	}
	a.books = slices.DeleteFunc(a.books, func(l *ledger.Ledger) bool { return len(l.List) == 0 })
	return nil
}

// past reports whether an entry need not be remembered: its objects have ended, or all was
// given back so long ago that no fellow brings it again.
func (a *Accounts) past(e *ledger.Entry) bool {
	end := a.end(e)
	return end != 0 && a.ep.Wall().UnixMilli() >= end
}

// end is when an entry need not be remembered any more, Unix milliseconds; 0: that is not known, as
// something in it is kept.
func (a *Accounts) end(e *ledger.Entry) int64 {
	switch {
	case e.Debit.Until != 0:
		return max(e.Debit.Until, e.Debit.Expires) + ended.Milliseconds()
	case e.Settled():
		return e.Fades(a.cfg.Forget)
	}
	return 0
}

// again is when an account has room once more without anything being reclaimed, as something of it is
// forgotten, Unix milliseconds; 0: never.
func (a *Accounts) again(l *ledger.Ledger) (first int64) {
	now := a.ep.Wall()
	for _, e := range l.List {
		end := a.end(e)
		if fades := e.Fades(a.cfg.Forget); end == 0 && e.Backs > 0 && fades > now.UnixMilli() && len(l.List) < a.cfg.MaxDebits {
			end = fades
		}
		if end != 0 && (first == 0 || end < first) {
			first = end
		}
	}
	if first != 0 {
		first = max(first, now.Add(a.cfg.Sync).UnixMilli()) // entries are looked through once in a round
	}
	return first
}

// over reports whether a fellow's record is one that this node would forget.
func (a *Accounts) over(r *msg.Record) bool {
	return a.past(ledger.NewEntry(r.Debit, id.Hash{}, r.Charges, r.Back))
}

// byDate is the order of a ledger.
func byDate(x, y *ledger.Entry) int { return cmp.Compare(x.Debit.Date, y.Debit.Date) }
