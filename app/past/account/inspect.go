package account

import (
	"errors"
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Here accounts that are not as they should be are found. A keeper sees an account that uses more
// than it may. Where half of the keepers lie, the others never hear of what these have voted for:
// it is found by those who keep the objects, each of which looks at some of its slips in each round
// (Ngan, Wallach and Druschel, IPTPS 2003, the audit of usage files).

// Overdraft is an account that uses more than it may, in bytes of all replicas.
type Overdraft struct {
	Member      id.ID
	Used, Limit int64
}

// Overdrawn returns those of the accounts of others about which this node votes, in the order of their
// members' ids, that used more than they may in the last round, as the middle one of those who vote
// says: one keeper alone may have seen little of what the member stores. Where that one does not say so, as most
// of them may lie, it is enough that an account uses more than all that the member offers would allow it. Members that
// have not said what they offer, as they are away, are left out. The slice is the caller's.
func (a *Accounts) Overdrawn() []Overdraft { return slices.Clone(a.overdrafts) }

// confirm asks the others who vote about the accounts that seem to be overdrawn.
func (a *Accounts) confirm(t *task.T) error {
	var list []Overdraft
	for _, l := range slices.Clone(a.books) {
		v := a.views[l.Member]
		if v == nil || !v.heard || !a.votes(l.Member) || a.within(l) {
			continue
		}
		m, _, err := a.middle(t, l.Member, a.voters(l.Member))
		used, most := l.Used(a.ep.Wall()), a.allowed(v.offered)
		switch {
		case err != nil && !errors.Is(err, ErrNotReachable):
			return err
		case err == nil && m.Used > m.Limit:
			list = append(list, Overdraft{l.Member, m.Used, m.Limit})
		case used > most:
			list = append(list, Overdraft{l.Member, used, most})
		}
	}
	a.overdrafts = list
	return nil
}

const (
	// maxInspect is how many slips are drawn in one round, and of how many disputes is asked.
	maxInspect = 16
	// maxDrawn is how many slips are looked at for that: most may be of objects that were reclaimed.
	maxDrawn = 1024
	// enoughDisputes is in how many rounds the same slip must have been disputed: keepers that have
	// just come, or have not heard of a reclaim yet, agree by the next one (RELIABILITY, S14).
	enoughDisputes = 3
)

// dispute is a slip of which some keepers of the account say that it is paid, and some that it is not.
type dispute struct {
	slip   *voucher.Slip
	rounds int  // in which they said so, since when they have not agreed
	vague  bool // when they were asked last some were not heard, or not sure
}

// Disputed returns the members, in the order of their ids, of whose accounts' keepers some have said
// again and again that something was paid for which this node keeps, and others that it was not: either
// these or those are faulty, or the account uses more than it may.
func (a *Accounts) Disputed() (members []id.ID) {
	for _, m := range a.disputing() {
		if a.disputes[m].rounds >= enoughDisputes {
			members = append(members, m)
		}
	}
	return members
}

// disputing returns the members of all disputes in the order of their ids.
func (a *Accounts) disputing() []id.ID { return slices.SortedFunc(maps.Keys(a.disputes), id.ID.Cmp) }

// inspect asks all who keep an account about some slips of what this node keeps. Both are drawn. Of what
// they have disputed they are asked again, until they agree or it is not kept any more: among many
// others the same slip would hardly be drawn twice.
func (a *Accounts) inspect(t *task.T) error {
	if err := a.confirm(t); err != nil {
		return err
	}
	if err := a.insist(t); err != nil {
		return err
	}
	slips, err := a.draw(t)
	if err != nil || len(slips) == 0 {
		return err
	}
	found, err := a.compare(t, slips)
	if err != nil {
		return err
	}
	member := slips[0].Account
	if i := slices.Index(found, disputed); i >= 0 && a.mayDispute(member) {
		a.disputes[member] = &dispute{slip: slips[i], rounds: 1}
	}
	return nil
}

// mayDispute reports whether a slip that is disputed is noted. One for each member is enough, but one
// about which nothing is learned hides no other.
func (a *Accounts) mayDispute(member id.ID) bool {
	if d := a.disputes[member]; d != nil {
		return d.vague && d.rounds < enoughDisputes
	}
	return len(a.disputes) < maxRemembered
}

// inspects reports whether there is something to ask about a slip: its object is kept, and the charge has
// not ended by itself, which keepers forget before holders do.
func (a *Accounts) inspects(s *voucher.Slip) bool {
	return a.cfg.Storage.State(s.Charge.Object) == Kept && (s.Until == 0 || a.ep.Wall().UnixMilli() < s.Until)
}

// insist asks again about slips that were disputed.
func (a *Accounts) insist(t *task.T) error {
	for _, m := range a.disputing() {
		if !a.inspects(a.disputes[m].slip) {
			delete(a.disputes, m)
		}
	}
	members := a.disputing()
	if n := len(members); n > maxInspect {
		at := a.ep.Rand().IntN(n)
		members = slices.Concat(members[at:], members[:at])[:maxInspect]
	}
	for _, m := range members {
		d := a.disputes[m]
		found, err := a.compare(t, []*voucher.Slip{d.slip})
		if err != nil {
			return err
		}
		d.vague = found[0] == unclear
		switch found[0] {
		case agreed:
			delete(a.disputes, m)
		case disputed:
			if d.rounds++; d.rounds == enoughDisputes {
				a.stats.Disputed++
			}
		}
	}
	return nil
}

// finding is what the keepers of an account, all together, say of a slip.
type finding uint8

const (
	unclear finding = iota // some were not heard, or not sure
	agreed                 // all are sure, or a majority, which nobody contradicts, that it is paid
	disputed
)

// compare asks all who keep an account about slips of it.
func (a *Accounts) compare(t *task.T, slips []*voucher.Slip) ([]finding, error) {
	found, member := make([]finding, len(slips)), slips[0].Account
	near, _, err := a.near(t, member)
	if errors.Is(err, ErrNotReachable) {
		return found, nil
	} else if err != nil {
		return nil, err
	}
	voters := without(near, member, a.cfg.Keepers)
	rs, err := a.askAll(t, voters, &msg.Verify{Slips: slips}, a.cfg.Ask, nil)
	if err != nil {
		return nil, err
	}
	yes, no := make([]int, len(slips)), make([]int, len(slips))
	count(rs, yes, no)
	for i := range slips {
		switch {
		case yes[i] > 0 && no[i] > 0:
			found[i] = disputed
		case yes[i]+no[i] == len(voters), no[i] == 0 && yes[i] >= majority(len(voters)):
			found[i] = agreed
		}
	}
	return found, nil
}

// draw returns some slips of one account, for objects that are kept here.
func (a *Accounts) draw(t *task.T) (slips []*voucher.Slip, err error) {
	var from [hashSize]byte
	for i := range from {
		from[i] = byte(a.ep.Rand().Uint32())
	}
	st := a.cfg.Store
	all, err := task.Work(t, disk, func() (all []*voucher.Slip, err error) {
		for _, r := range []store.Range{{From: from[:], Limit: maxDrawn}, {To: from[:], Limit: maxDrawn}} {
			if err := st.Scan(PaidTable, r, func(key, value []byte) bool {
				if len(key) == hashSize {
					if s := readSlip(id.Hash(key), value); s != nil {
						all = append(all, s)
					}
				}
				return true
			}); err != nil || len(all) > 0 {
				return all, err
			}
		}
		return all, nil
	})
	for _, s := range all {
		if a.inspects(s) && len(slips) < maxInspect && (len(slips) == 0 || s.Account == slips[0].Account) {
			slips = append(slips, s)
		}
	}
	return slips, err
}
