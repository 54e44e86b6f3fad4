package account

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/standing"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Verify asks those who keep the accounts whether slips are true: whether the account was
// charged, within its limit, and has not been given it back. A slip is Paid when so many say
// so that one of them is honest, and Unpaid when a majority denies it. Each node that is
// asked has so long to answer. The error is task.ErrStopped.
func (a *Accounts) Verify(t *task.T, slips []*voucher.Slip, timeout time.Duration) ([]voucher.Verdict, error) {
	var groups [][]int // the slips of one account go together
	for i, s := range slips {
		g := slices.IndexFunc(groups, func(g []int) bool { return len(g) < msg.MaxSlips && slips[g[0]].Account == s.Account })
		if g < 0 {
			g = len(groups)
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	rs, err := task.Gather(t, a.cfg.Patience+3*(timeout+grace), len(groups), func(i int, resolve func([]voucher.Verdict, error)) {
		some := make([]*voucher.Slip, len(groups[i]))
		for j, at := range groups[i] {
			some[j] = slips[at]
		}
		var out []voucher.Verdict
		a.ep.Go(func(t *task.T) (err error) {
			out, err = a.verifyOne(t, some, timeout)
			return err
		}, func(err error) { resolve(out, err) })
	}, nil)
	if err != nil {
		return nil, err
	}
	out := make([]voucher.Verdict, len(slips))
	for i, r := range rs {
		for j, v := range r.Value {
			out[groups[i][j]] = v
		}
	}
	return out, nil
}

// verifyOne verifies slips of one account. As many keepers are asked as must say yes, and the
// others only if one of these does not.
func (a *Accounts) verifyOne(t *task.T, slips []*voucher.Slip, timeout time.Duration) ([]voucher.Verdict, error) {
	out, member := make([]voucher.Verdict, len(slips)), slips[0].Account
	near, _, err := a.near(t, member)
	if errors.Is(err, ErrNotReachable) {
		return out, nil
	} else if err != nil {
		return nil, err
	}
	voters := without(near, member, a.cfg.Keepers)
	need, yes, no := honest(len(voters)), make([]int, len(slips)), make([]int, len(slips))
	for begin, end := 0, need; begin < len(voters); begin, end = end, len(voters) {
		rs, err := a.askAll(t, voters[begin:end], &msg.Verify{Slips: slips}, timeout, nil)
		if err != nil {
			return nil, err
		}
		count(rs, yes, no)
		if !slices.ContainsFunc(yes, func(n int) bool { return n < need }) {
			break
		}
	}
	for i := range slips {
		switch {
		case yes[i] >= need:
			out[i] = voucher.Paid
		case no[i] >= majority(len(voters)):
			out[i] = voucher.Unpaid
		}
	}
	return out, nil
}

// count adds what keepers say of slips to how many say that each is paid, and how many deny it. Whoever is
// unsure, or says something of other slips, is not counted.
func count(rs []task.Result[wire.Message], yes, no []int) {
	for _, r := range rs {
		m, ok := r.Value.(*msg.Verified)
		if r.Err != nil || !ok || len(m.Verdicts) != len(yes) {
			continue
		}
		for i, v := range m.Verdicts {
			switch voucher.Verdict(v) {
			case voucher.Paid:
				yes[i]++
			case voucher.Unpaid:
				no[i]++
			}
		}
	}
}

// onVerify says what this keeper knows of slips of one account.
func (a *Accounts) onVerify(t *task.T, m *msg.Verify) (wire.Message, uint16) {
	if !a.votes(m.Slips[0].Account) {
		return nil, msg.RefusedNotKeeper
	}
	l, out := a.books.Find(m.Slips[0].Account), new(msg.Verified)
	var last *ledger.Entry
	var cs []voucher.Charge
	for _, s := range m.Slips {
		e, v := a.verdict(l, s)
		if v == voucher.Paid && e != last {
			var err error
			if cs, err = a.charges(t, e); errors.Is(err, task.ErrStopped) {
				return nil, msg.RefusedBusy
			} else if err != nil {
				cs = nil
			}
			last = e
		}
		switch {
		case v != voucher.Paid:
		case cs == nil:
			v = voucher.Unsure
		case cs[s.Index] != s.Charge:
			v = voucher.Unpaid
		}
		out.Verdicts = append(out.Verdicts, byte(v))
	}
	return out, 0
}

// verdict is what a ledger, which may be nil, says of a slip, the charge itself not looked at.
func (a *Accounts) verdict(l *ledger.Ledger, s *voucher.Slip) (*ledger.Entry, voucher.Verdict) {
	if l == nil {
		return nil, a.denies()
	}
	i, have := l.At(s.Date, s.Debit)
	if !have {
		return nil, a.denies()
	}
	switch e := l.List[i]; {
	case int(s.Index) >= len(e.Costs), s.Until != e.Debit.Until, e.IsBack(int(s.Index)):
		return e, voucher.Unpaid
	case !e.Durable, e.Standing == standing.Open && !a.within(l):
		return e, voucher.Unsure
	case e.Standing == standing.Over && !a.within(l):
		return e, voucher.Unpaid
	default:
		return e, voucher.Paid
	}
}

// denies is what this node says of a debit that it does not know: it is sure only when it
// knows what it should keep.
func (a *Accounts) denies() voucher.Verdict {
	if a.rounds.Settled() {
		return voucher.Unpaid
	}
	return voucher.Unsure
}
