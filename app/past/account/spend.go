package account

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// spending is what this node wants to pay for.
type spending struct {
	queue  []*purchase
	paying bool
}

// purchase is one object that is to be paid for.
type purchase struct {
	charge  voucher.Charge
	until   int64
	resolve func(*voucher.Payment, error)
}

// Pay charges this node's own account for an object, and returns what its holders want to
// see. until is when the object's life ends, the zero time if it does not. What is asked
// while another voucher is on its way goes together under the next one.
//
// Errors: a *QuotaError, ErrNotReachable, voucher.ErrVoucher (the charge is out of its
// range), task.ErrStopped.
func (a *Accounts) Pay(t *task.T, c voucher.Charge, until time.Time) (*voucher.Payment, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &purchase{charge: c}
	if !until.IsZero() {
		p.until = until.UnixMilli()
	}
	pay, err := task.Await(t, 4*a.cfg.Patience, func(resolve func(*voucher.Payment, error)) {
		p.resolve = resolve
		a.queue = append(a.queue, p)
		a.pay()
	})
	if errors.Is(err, task.ErrTimeout) {
		err = ErrNotReachable
	}
	return pay, err
}

// pay starts to get a voucher for what waits, unless one is on its way.
func (a *Accounts) pay() {
	if a.paying || len(a.queue) == 0 {
		return
	}
	a.paying = true
	// The task begins when this one gives way: what others want by then goes along.
	a.ep.Go(func(t *task.T) error { return a.buy(t, a.batch()) }, func(err error) {
		if a.paying = false; !errors.Is(err, task.ErrStopped) {
			a.pay()
		}
	})
}

// batch takes what goes under one voucher out of the queue: objects of one end, each once.
func (a *Accounts) batch() (batch []*purchase) {
	var left []*purchase
	in := make(map[id.Hash]bool)
	for _, p := range a.queue {
		if len(batch) < voucher.MaxCharges && !in[p.charge.Object] && p.until == a.queue[0].until {
			in[p.charge.Object] = true
			batch = append(batch, p)
		} else {
			left = append(left, p)
		}
	}
	a.queue = left
	return batch
}

// buy gets a voucher for a batch. If the account does not allow all of it, its halves are
// tried.
func (a *Accounts) buy(t *task.T, batch []*purchase) error {
	cs := make([]voucher.Charge, len(batch))
	for i, p := range batch {
		cs[i] = p.charge
	}
	v, err := a.obtain(t, cs, batch[0].until)
	if n := len(batch); errors.Is(err, ErrQuota) && n > 1 {
		if err := a.buy(t, batch[:n/2]); errors.Is(err, task.ErrStopped) {
			return err
		}
		return a.buy(t, batch[n/2:])
	}
	if err != nil {
		for _, p := range batch {
			p.resolve(nil, err)
		}
		return err
	}
	a.stats.Vouchers++
	for i, path := range voucher.Paths(cs) {
		batch[i].resolve(&voucher.Payment{Voucher: v, Path: path}, nil)
	}
	return nil
}

// obtain charges the own account, and gets the votes.
func (a *Accounts) obtain(t *task.T, cs []voucher.Charge, until int64) (*voucher.Voucher, error) {
	own := a.cfg.Certificate()
	if own == nil || !a.rounds.Begun() || a.stopped {
		return nil, ErrNotReachable
	}
	ring, signer, number, wall, life := a.cfg.Ring, a.cfg.Signer, a.ep.Rand().Uint64(), a.ep.Wall(), a.cfg.Life
	var end time.Time
	if until != 0 {
		end = time.UnixMilli(until)
	}
	d, err := task.Work(t, disk, func() (*voucher.Debit, error) {
		d := voucher.NewDebit(ring, number, cs, end, own, signer, wall, life)
		return d, d.Check()
	})
	if err != nil {
		return nil, err
	}
	if a.full(a.books.Find(d.Account()), len(cs), 1) {
		return nil, quota([]task.Result[wire.Message]{{Value: a.refuse(d.Account(), errFull)}})
	}
	e, err := a.book(t, d, cs, false)
	if err != nil {
		return nil, err
	}
	// It is on the own disk before it is used for anything. A node that ends before hears of it
	// from the keepers, when it is back.
	a.beginWrite(e, cs)
	b := &ballot{a: a, entry: e, question: &msg.Debit{Debit: d, Charges: cs}, votes: []*voucher.Vote{}}
	for stop := a.ep.Now().Add(a.cfg.Patience); ; {
		v, err := b.hold(t)
		if err == nil || errors.Is(err, ErrQuota) {
			if failed := a.write(t, e, cs); failed != nil {
				return nil, failed
			}
		}
		switch {
		case errors.Is(err, ErrQuota):
			// So many refuse it that it was and will be no voucher.
			if err := a.erase(t, a.books.Of(d.Account()), e); err != nil {
				return nil, err
			}
			return nil, err
		case err == nil || errors.Is(err, task.ErrStopped):
			return v, err
		}
		wait := a.some()
		if !a.ep.Now().Add(wait).Before(stop) {
			return nil, ErrNotReachable
		}
		if err := t.Sleep(wait); err != nil {
			return nil, err
		}
	}
}

// ballot is the search for a majority of votes for one debit.
type ballot struct {
	a        *Accounts
	entry    *ledger.Entry
	question *msg.Debit
	votes    []*voucher.Vote
}

// hold asks the keepers once. The error is a *QuotaError if so many refuse that there will be
// no majority.
func (b *ballot) hold(t *task.T) (*voucher.Voucher, error) {
	a := b.a
	voters := a.voters(a.ep.Self().ID)
	if len(voters) == 0 || !a.ep.Ready() {
		return nil, ErrNotReachable
	}
	need := majority(len(voters))
	count := func(so []task.Result[wire.Message]) (votes, overs int) {
		for _, r := range so {
			switch r.Value.(type) {
			case *msg.Voted:
				votes++
			case *msg.Over:
				overs++
			}
		}
		return votes, overs
	}
	rs, err := a.askAll(t, voters, b.question, a.cfg.Ask, func(so []task.Result[wire.Message]) bool {
		votes, overs := count(so)
		return votes >= need || overs > len(voters)-need
	})
	if err != nil {
		return nil, err
	}
	votes, err := b.verified(t, voters, rs)
	if err != nil {
		return nil, err
	}
	if len(votes) >= need {
		return &voucher.Voucher{Debit: b.question.Debit, Votes: votes[:need]}, nil
	}
	if _, overs := count(rs); overs > len(voters)-need {
		return nil, quota(rs)
	}
	return nil, ErrNotReachable
}

// verified returns the votes that are good.
func (b *ballot) verified(t *task.T, voters []*peer.Handle, rs []task.Result[wire.Message]) (votes []*voucher.Vote, err error) {
	ring, v, wall, hash := b.a.cfg.Ring, b.a.cfg.Verifier, b.a.ep.Wall(), b.entry.Hash
	var given []*voucher.Vote
	for i, r := range rs {
		if m, ok := r.Value.(*msg.Voted); ok && m.Vote.Voter.Node == voters[i].ID {
			given = append(given, m.Vote)
		}
	}
	votes, err = task.Work(t, disk, func() (good []*voucher.Vote, _ error) {
		for _, x := range given {
			if x.Verify(ring, hash, wall, v) == nil {
				good = append(good, x)
			}
		}
		return good, nil
	})
	if err != nil {
		return nil, err
	}
	b.a.stats.BadInput += uint64(len(given) - len(votes))
	return votes, nil
}

// quota is what those who refuse say: of those who name a reason that most of them name the middle one,
// by when there is room again and by the limit, as one may lie.
func quota(rs []task.Result[wire.Message]) error {
	var bytes, objects []*msg.Over
	for _, r := range rs {
		switch m, ok := r.Value.(*msg.Over); {
		case !ok:
		case m.Objects > 0:
			objects = append(objects, m)
		default:
			bytes = append(bytes, m)
		}
	}
	said := bytes
	if len(objects) > len(bytes) {
		said = objects
	}
	slices.SortStableFunc(said, func(x, y *msg.Over) int { return cmp.Or(cmp.Compare(x.Again, y.Again), cmp.Compare(x.Limit, y.Limit)) })
	m := said[len(said)/2]
	e := &QuotaError{Used: m.Used, Limit: m.Limit, Objects: m.Objects}
	if m.Again != 0 {
		e.Again = time.UnixMilli(m.Again)
	}
	return e
}
