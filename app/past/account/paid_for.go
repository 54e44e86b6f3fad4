package account

import (
	"bytes"
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// PaysFor lists the objects that this node pays for until they are reclaimed, and for which nobody
// takes its vouchers any more: whether they were stored is decided. They come in the order of
// their ids; the slice is the caller's.
func (a *Accounts) PaysFor() (objects []id.Hash) {
	now := a.ep.Wall()
	for _, o := range slices.SortedFunc(maps.Keys(a.own), func(x, y id.Hash) int { return bytes.Compare(x[:], y[:]) }) {
		left, over := false, true
		for _, r := range a.own[o] {
			d := r.entry.Debit
			left = left || d.Until == 0 && !r.entry.IsBack(r.index)
			over = over && d.Over(now)
		}
		if left && over {
			objects = append(objects, o)
		}
	}
	return objects
}
