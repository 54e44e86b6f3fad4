package account

import (
	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// maxAudit is how many of the own charges are looked at in one round.
const maxAudit = 16

// audited is the charge that was looked at last, by its place in the ledger.
type audited struct {
	date  int64
	hash  id.Hash
	index int
}

// audit looks at some of the own charges in turn, whether their objects are still kept for
// them: their owner may have reclaimed them on another machine of his, which pays for others.
func (a *Accounts) audit(t *task.T) error {
	l := a.books.Find(a.ep.Self().ID)
	if l == nil {
		return nil
	}
	var first *ref
	for range maxAudit {
		r := a.next(l)
		if r == nil || first != nil && *r == *first {
			return nil
		}
		if first == nil {
			first = r
		}
		if _, _, err := a.refund(t, *r); err != nil {
			return err
		}
	}
	return nil
}

// next returns the charge that comes after the one that was looked at last and may be given
// back; nil if there is none at all.
func (a *Accounts) next(l *ledger.Ledger) *ref {
	last := &a.audits
	at, have := l.At(last.date, last.hash)
	index := 0
	if have {
		index = last.index + 1
	}
	for range len(l.List) + 1 {
		if at >= len(l.List) {
			at, index = 0, 0
		}
		if at == len(l.List) {
			return nil
		}
		e := l.List[at]
		for ; index < len(e.Costs); index++ {
			if e.Debit.Until == 0 && !e.IsBack(index) && e.Debit.Over(a.ep.Wall()) {
				*last = audited{e.Debit.Date, e.Hash, index}
				return &ref{e, index}
			}
		}
		at, index = at+1, 0
	}
	return nil
}
