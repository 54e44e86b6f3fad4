package account

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// noteTime is how long a keeper waits for its fellows before it votes. Whoever does not
	// answer in that time counts as one that cannot be reached.
	noteTime = time.Second
	// recent is how far back keepers compare what they have charged before they vote: longer
	// than a voucher lives, by whatever clock.
	recent = 2 * voucher.MaxLife
)

// errOver: the account does not allow it.
var errOver = errors.New("account: over the limit")

// charge enters a debit into its account, durably. With strict it must be within the limit.
func (a *Accounts) charge(t *task.T, d *voucher.Debit, cs []voucher.Charge, strict bool) (*ledger.Entry, error) {
	e, err := a.book(t, d, cs, strict)
	if err != nil {
		return nil, err
	}
	return e, a.write(t, e, cs)
}

// book is charge, in memory alone.
func (a *Accounts) book(t *task.T, d *voucher.Debit, cs []voucher.Charge, strict bool) (*ledger.Entry, error) {
	hash, member := d.Hash(a.cfg.Ring), d.Account()
	e := a.books.Find(member).Find(d, hash)
	if e == nil {
		ring, v := a.cfg.Ring, a.cfg.Verifier
		if _, err := task.Work(t, disk, func() (struct{}, error) {
			return struct{}{}, errors.Join(d.Lists(cs), d.Verify(ring, v))
		}); err != nil {
			return nil, err
		}
		l := a.books.Find(member)
		if e = l.Find(d, hash); e == nil {
			switch now := a.ep.Wall(); {
			case strict && l.Used(now)+d.Total > a.limit(member):
				return nil, errOver
			case strict && a.full(l, len(cs), 1), a.full(l, len(cs), 2):
				return nil, errFull
			}
			e = ledger.NewEntry(d, hash, cs, nil)
			e.Standing = a.first(d)
			a.enter(e, cs)
		}
	}
	return e, nil
}

// errFull: the account has too many debits, or these name too many objects.
var errFull = errors.New("account: too many debits")

// full reports whether an account has no room for one more debit with so many charges, where so
// many times as much is allowed as the Config says.
func (a *Accounts) full(l *ledger.Ledger, charges, times int) bool {
	return l != nil && (len(l.List) >= times*a.cfg.MaxDebits || a.names(l, times*a.cfg.MaxCharges-charges))
}

// names reports whether an account names more than so many objects.
func (a *Accounts) names(l *ledger.Ledger, most int) bool {
	return l.Charges > most && l.Named(a.ep.Wall(), a.cfg.Forget) > most
}

// refuse says why an account does not allow a debit: errOver or errFull.
func (a *Accounts) refuse(member id.ID, why error) *msg.Over {
	l := a.books.Find(member)
	m := &msg.Over{Used: l.Used(a.ep.Wall()), Limit: a.limit(member)}
	if errors.Is(why, errFull) {
		m.Objects, m.Again = int64(l.Named(a.ep.Wall(), a.cfg.Forget)), a.again(l)
	}
	return m
}

func (a *Accounts) refusalOf(err error) uint16 {
	switch {
	case errors.Is(err, voucher.ErrVoucher):
		a.stats.BadInput++
		return msg.RefusedInvalid
	case errors.Is(err, errFull):
		return msg.RefusedFull
	case errors.Is(err, errAway):
		return msg.RefusedAway
	}
	return msg.RefusedFailed
}

// errAway: a majority of the keepers is not reachable.
var errAway = errors.New("account: a majority of the keepers is not reachable")

func (a *Accounts) onDebit(t *task.T, m *msg.Debit) (wire.Message, uint16) {
	member, own := m.Debit.Account(), a.cfg.Certificate()
	voters := a.voters(member)
	switch {
	case !a.rounds.Settled() || own == nil:
		return nil, msg.RefusedBusy
	case !contains(voters, a.ep.Self().ID):
		return nil, msg.RefusedNotKeeper
	case !m.Debit.Open(a.ep.Wall()):
		return nil, msg.RefusedClock
	}
	e, err := a.book(t, m.Debit, m.Charges, true)
	if err == nil {
		a.beginWrite(e, m.Charges) // while the others are told, who write it too
		err = errors.Join(a.tell(t, e, m, voters), a.write(t, e, m.Charges))
	}
	switch {
	case errors.Is(err, errOver), errors.Is(err, errFull):
		a.stats.Over++
		return a.refuse(member, err), 0
	case err != nil:
		return nil, a.refusalOf(err)
	}
	ring, signer := a.cfg.Ring, a.cfg.Signer
	vote, err := task.Work(t, disk, func() (*voucher.Vote, error) { return voucher.NewVote(ring, e.Hash, own, signer), nil })
	if err != nil {
		return nil, msg.RefusedFailed
	}
	a.stats.Votes++
	return &msg.Voted{Vote: vote}, 0
}

// tell tells the other keepers of a debit, and learns from them what else they have charged
// of late. The error is errOver or errFull if the account does not allow that all.
func (a *Accounts) tell(t *task.T, e *ledger.Entry, m *msg.Debit, voters []*peer.Handle) error {
	var others []*peer.Handle
	for _, h := range voters {
		if h.ID != a.ep.Self().ID {
			others = append(others, h)
		}
	}
	member := m.Debit.Account()
	from := e.Debit.Date - recent.Milliseconds()
	rs, err := a.askAll(t, others, &msg.Note{Debit: m.Debit, Charges: m.Charges, From: from}, noteTime, nil)
	if err != nil {
		return err
	}
	heard := 1
	for i, r := range rs {
		n, ok := r.Value.(*msg.Noted)
		if r.Err != nil || !ok {
			continue
		}
		if n.Sum != a.books.Find(member).Sum(from) {
			if _, err := a.pull(t, others[i], member, from); err != nil {
				continue
			}
		}
		heard++
	}
	switch l := a.books.Find(member); {
	case heard < majority(len(voters)):
		return errAway
	case l.Used(a.ep.Wall()) > a.limit(member):
		return errOver
	case l != nil && (len(l.List) > a.cfg.MaxDebits || a.names(l, a.cfg.MaxCharges)):
		return errFull // a fellow may have told of it before the member asked, and it was in the book
	}
	return nil
}

func (a *Accounts) onNote(t *task.T, from id.ID, m *msg.Note) (wire.Message, uint16) {
	member := m.Debit.Account()
	// Who has kept the account before may bring what nobody can have forgotten yet.
	if !a.keeps(a.ep.Self().ID, member) || !a.keeps(from, member) && (from.IsZero() || a.fadedOf(m.Debit)) {
		return nil, msg.RefusedNotKeeper
	}
	if _, err := a.charge(t, m.Debit, m.Charges, false); err != nil {
		return nil, a.refusalOf(err)
	}
	return &msg.Noted{Sum: a.books.Find(member).Sum(m.From)}, 0
}

func (a *Accounts) onAsk(m *msg.Ask) (wire.Message, uint16) {
	if !a.rounds.Settled() {
		return nil, msg.RefusedBusy
	}
	if !a.keeps(a.ep.Self().ID, m.Member) {
		return nil, msg.RefusedNotKeeper
	}
	offered, counted := a.offer(m.Member)
	return &msg.Balance{Used: a.books.Find(m.Member).Used(a.ep.Wall()), Limit: a.limit(m.Member), Offered: offered, Counted: counted}, 0
}
