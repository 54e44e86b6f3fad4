package account

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/standing"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// judging is what a keeper needs to know of itself to judge debits: see package standing.
type judging struct {
	// served are the members about whose accounts this node voted when it last knew what it
	// should keep: of these it takes nothing over.
	served map[id.ID]bool
	// born is when this node's disk began to keep accounts, Unix milliseconds.
	born int64
}

// said collects what fellow keepers who vote say of accounts in one round.
type said struct {
	list  []*words
	heard tally // who have something else than this node
	same  tally // who have the same
}

// tally counts fellows for each account.
type tally map[id.ID]int

func (c tally) add(member id.ID, one bool) {
	if one {
		c[member]++
	}
}

// words are about one debit.
type words struct {
	entry *ledger.Entry
	backs []int // how many say that it was given back, of each charge
	sound int   // how many say that it stands well, and how many leave that open
	open  int
}

func newSaid() *said { return &said{heard: make(tally), same: make(tally)} }

func (s *said) of(e *ledger.Entry) *words {
	if i := slices.IndexFunc(s.list, func(w *words) bool { return w.entry == e }); i >= 0 {
		return s.list[i]
	}
	return nil
}

func (s *said) count(e *ledger.Entry, r *msg.Record) {
	w := s.of(e)
	if w == nil {
		w = &words{entry: e, backs: make([]int, len(e.Costs))}
		s.list = append(s.list, w)
	}
	for c := range e.Costs {
		if r.IsBack(c) {
			w.backs[c]++
		}
	}
	switch r.Standing {
	case standing.Sound:
		w.sound++
	case standing.Open:
		w.open++
	}
}

// believe gives back what so many voters say was given back that one of them is honest,
// though nearly half of all, this node counted, are not.
func (a *Accounts) believe(t *task.T, s *said) error {
	for _, w := range s.list {
		enough := honest(len(a.voters(w.entry.Debit.Account())))
		var indexes []int
		for i, n := range w.backs {
			if n >= enough && !w.entry.IsBack(i) {
				indexes = append(indexes, i)
			}
		}
		if err := a.giveBack(t, w.entry, indexes...); err != nil {
			return err
		}
	}
	return nil
}

// honest is how many of n voters have an honest one among them, as fewer than half lie.
func honest(n int) int { return (n-1)/2 + 1 }

// first is how a debit stands of which this node hears.
func (a *Accounts) first(d *voucher.Debit) standing.Standing {
	member := d.Account()
	switch {
	case member == a.ep.Self().ID, a.books.Find(member).Used(a.ep.Wall())+d.Total <= a.limit(member):
		return standing.Sound
	case a.served[member]:
		return standing.Over
	}
	return standing.Open
}

// within reports whether all that an account was charged is within its limit.
func (a *Accounts) within(l *ledger.Ledger) bool { return l.Used(a.ep.Wall()) <= a.limit(l.Member) }

// judge judges anew the debits that do not stand well, after a round in which all were heard.
func (a *Accounts) judge(t *task.T, s *said) error {
	for _, l := range slices.Clone(a.books) {
		within := a.within(l)
		for _, e := range slices.Clone(l.List) {
			if e.Standing == standing.Sound {
				continue
			}
			o := standing.Opinions{Heard: s.heard[l.Member], Same: s.same[l.Member]}
			if w := s.of(e); w != nil {
				o.Sound, o.Open = w.sound, w.open
			}
			next := o.Judge(e.Standing, e.Debit.Date < a.born)
			if within {
				next = standing.Sound
			}
			if err := a.stand(t, e, next); err != nil {
				return err
			}
		}
	}
	a.served = make(map[id.ID]bool)
	for _, h := range a.ep.NeighborSet(4 * (a.cfg.Keepers + 1)) {
		a.served[h.ID] = a.votes(h.ID)
	}
	for _, l := range a.books {
		a.served[l.Member] = a.votes(l.Member)
	}
	return nil
}

// stand writes down how a debit stands from now on.
func (a *Accounts) stand(t *task.T, e *ledger.Entry, now standing.Standing) error {
	if now == e.Standing || !e.Durable {
		return nil
	}
	st := a.cfg.Store
	_, err := task.Work(t, disk, func() (struct{}, error) {
		r, err := readRecord(st, e.Key())
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, errDamaged) {
			return struct{}{}, nil // it is judged again when it is there again
		} else if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, st.Put(Table, e.Key(), wire.MustMarshal(&msg.Record{Debit: r.Debit, Charges: r.Charges, Standing: now}))
	})
	if err == nil {
		e.Standing = now
	}
	return err
}

// bornKey is where judging.born lies, in DueTable.
const bornKey = "born"

// loadBorn reads since when this node keeps accounts, or begins.
func (a *Accounts) loadBorn(t *task.T) error {
	st, now := a.cfg.Store, a.ep.Wall().UnixMilli()
	born, err := reload.Once(t, func() (int64, error) {
		b, err := st.Get(DueTable, []byte(bornKey))
		switch {
		case err == nil && len(b) == 8:
			return int64(binary.BigEndian.Uint64(b)), nil
		case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
			return now, st.Put(DueTable, []byte(bornKey), binary.BigEndian.AppendUint64(nil, uint64(now)))
		}
		return 0, err
	})
	if err == nil {
		a.born = born
	}
	return err
}
