package account

import (
	"bytes"
	"errors"
	"maps"
	"slices"

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
// members' ids. Members that have not said what they offer, as they are away, are left out.
func (a *Accounts) Overdrawn() (list []Overdraft) {
	now := a.ep.Wall()
	for _, l := range a.books {
		if v := a.views[l.member]; v == nil || !v.heard || !a.votes(l.member) {
			continue
		}
		if used, limit := l.used(now), a.limit(l.member); used > limit {
			list = append(list, Overdraft{l.member, used, limit})
		}
	}
	return list
}

const (
	// maxInspect is how many slips are drawn in one round.
	maxInspect = 16
	// enoughDisputes is how many rounds must have found the same, one after another: keepers that have
	// just come, or have not heard of a reclaim yet, agree by the next one (RELIABILITY, S14).
	enoughDisputes = 3
)

// Disputed returns the members, in the order of their ids, of whose accounts' keepers some have said
// again and again that something was paid for which this node keeps, and others that it was not: either
// these or those are faulty, or the account uses more than it may.
func (a *Accounts) Disputed() (members []id.ID) {
	for _, m := range slices.SortedFunc(maps.Keys(a.disputes), id.ID.Cmp) {
		if a.disputes[m] >= enoughDisputes {
			members = append(members, m)
		}
	}
	return members
}

// inspect asks all who keep an account about some slips of what this node keeps. Both are drawn.
func (a *Accounts) inspect(t *task.T) error {
	slips, err := a.draw(t)
	if err != nil || len(slips) == 0 {
		return err
	}
	member := slips[0].Account
	near, _, err := a.near(t, member)
	if errors.Is(err, ErrNotReachable) {
		return nil
	} else if err != nil {
		return err
	}
	voters := without(near, member, a.cfg.Keepers)
	rs, err := a.askAll(t, voters, &verify{Slips: slips}, a.cfg.Ask, nil)
	if err != nil {
		return err
	}
	yes, no, sure := make([]bool, len(slips)), make([]bool, len(slips)), 0
	for _, r := range rs {
		m, ok := r.Value.(*verified)
		if r.Err != nil || !ok || len(m.Verdicts) != len(slips) {
			continue
		}
		if !bytes.Contains(m.Verdicts, []byte{byte(voucher.Unsure)}) {
			sure++
		}
		for i, v := range m.Verdicts {
			yes[i] = yes[i] || voucher.Verdict(v) == voucher.Paid
			no[i] = no[i] || voucher.Verdict(v) == voucher.Unpaid
		}
	}
	for i := range slips {
		if yes[i] && no[i] {
			if len(a.disputes) >= maxRemembered {
				clear(a.disputes)
			}
			if a.disputes[member]++; a.disputes[member] == enoughDisputes {
				a.stats.Disputed++
			}
			return nil
		}
	}
	if sure == len(voters) {
		delete(a.disputes, member)
	}
	return nil
}

// draw returns some slips of one account, for objects that are kept here.
func (a *Accounts) draw(t *task.T) (slips []*voucher.Slip, err error) {
	var from [hashSize]byte
	for i := range from {
		from[i] = byte(a.ep.Rand().Uint32())
	}
	st := a.cfg.Store
	all, err := task.Work(t, disk, func() (all []*voucher.Slip, err error) {
		for _, r := range []store.Range{{From: from[:], Limit: 4 * maxInspect}, {To: from[:], Limit: 4 * maxInspect}} {
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
		if a.cfg.Storage.State(s.Charge.Object) == Kept && len(slips) < maxInspect && (len(slips) == 0 || s.Account == slips[0].Account) {
			slips = append(slips, s)
		}
	}
	return slips, err
}
