package account

import (
	"bytes"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
)

// Check returns an error if the node contradicts itself. It is cheap enough to be called
// after every step of a small simulation.
func (a *Accounts) Check() error {
	for i, l := range a.books {
		if i > 0 && a.books[i-1].Member.Cmp(l.Member) >= 0 {
			return fmt.Errorf("account of %s: accounts %d and %d are not in order", a.ep.Self(), i-1, i)
		}
		charges, now := 0, a.ep.Wall()
		for j, e := range l.List {
			charges += len(e.Costs)
			if j > 0 && (l.List[j-1].Debit.Date > e.Debit.Date || l.List[j-1].Debit.Date == e.Debit.Date && bytes.Compare(l.List[j-1].Hash[:], e.Hash[:]) >= 0) {
				return fmt.Errorf("account of %s: debits %d and %d of %s are not in order", a.ep.Self(), j-1, j, l.Member.Short())
			}
			given, backs := int64(0), 0
			for k, c := range e.Costs {
				if e.IsBack(k) {
					given, backs = given+c, backs+1
				}
			}
			if given != e.Given || backs != e.Backs || given > e.Debit.Total {
				return fmt.Errorf("account of %s: %d bytes of a debit of %d are given back, %d are counted", a.ep.Self(), given, e.Debit.Total, e.Given)
			}
		}
		if charges != l.Charges || len(l.List) > 2*a.cfg.MaxDebits || l.Named(now, a.cfg.Forget) > 2*a.cfg.MaxCharges {
			return fmt.Errorf("account of %s: %d debits of %s with %d charges, %d are counted", a.ep.Self(), len(l.List), l.Member.Short(), charges, l.Charges)
		}
	}
	if a.serving < 0 || a.serving > a.cfg.MaxTasks {
		return fmt.Errorf("account of %s: %d tasks, at most %d", a.ep.Self(), a.serving, a.cfg.MaxTasks)
	}
	return nil
}

// Used is what a member has used by this node's book, in bytes of all replicas; false if
// this node does not vote about the account. It is for simulations.
func (a *Accounts) Used(member id.ID) (int64, bool) {
	return a.books.Find(member).Used(a.ep.Wall()), a.votes(member)
}

// Limit is what a member may use by this node's view, in bytes of all replicas. It is for
// simulations.
func (a *Accounts) Limit(member id.ID) int64 { return a.limit(member) }
