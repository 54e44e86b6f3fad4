package account

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/standing"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
)

// entry is one debit of an account.
type entry struct {
	debit *voucher.Debit
	hash  id.Hash
	costs []int64 // of its charges
	back  []byte  // a bit for each charge that was given back
	backs int     // how many these are, and
	given int64   // what they come to
	// standing is what this keeper believes of it.
	standing standing.Standing
	// durable: it is on the disk. It is charged before.
	durable bool
	writing bool          // it is on its way there
	writers []func(error) // who wait for that
	// stored has a bit for each charge of an own debit whose object is known to be stored.
	stored []byte
}

func newEntry(d *voucher.Debit, hash id.Hash, cs []voucher.Charge, back []byte) *entry {
	e := &entry{debit: d, hash: hash, costs: make([]int64, len(cs)), back: make([]byte, (len(cs)+7)/8)}
	for i, c := range cs {
		e.costs[i] = c.Cost()
		if len(back) != 0 && back[i/8]&(1<<(i%8)) != 0 {
			e.giveBack(i)
		}
	}
	return e
}

func (e *entry) isBack(i int) bool { return e.back[i/8]&(1<<(i%8)) != 0 }

func (e *entry) giveBack(i int) {
	e.back[i/8] |= 1 << (i % 8)
	e.backs++
	e.given += e.costs[i]
}

// left is what is still charged. What has come to its end is not.
func (e *entry) left(now time.Time) int64 {
	if e.debit.Until != 0 && now.UnixMilli() >= e.debit.Until {
		return 0
	}
	return e.debit.Total - e.given
}

// settled reports whether nothing is left of the debit that could be given back.
func (e *entry) settled() bool { return e.backs == len(e.costs) }

// named is how many objects an entry names that count in its account. Those that were given back
// count until a date, as their holders remember that they were reclaimed. The date follows from the
// payment and not from the reclaim, which no keeper knows for sure: so of what is reclaimed later
// holders remember as many again, and no more.
func (e *entry) named(now time.Time, forget time.Duration) int {
	if now.UnixMilli() >= e.fades(forget) {
		return len(e.costs) - e.backs
	}
	return len(e.costs)
}

// fades is the date from which what was given back does not count, Unix milliseconds.
func (e *entry) fades(forget time.Duration) int64 { return e.debit.Expires + forget.Milliseconds() }

// key is the entry's place in the store: by member, then in the order of the ledger.
func (e *entry) key() []byte {
	m := e.debit.Account().Bytes()
	b := binary.BigEndian.AppendUint64(m[:], uint64(e.debit.Date))
	return append(b, e.hash[:]...)
}

// ledger is one member's account.
type ledger struct {
	member id.ID
	list   []*entry // by date, then hash
	// charges is how many these have, with all that were given back: see named.
	charges int
}

func (l *ledger) at(date int64, hash id.Hash) (int, bool) {
	return slices.BinarySearchFunc(l.list, date, func(e *entry, date int64) int {
		if c := cmp.Compare(e.debit.Date, date); c != 0 {
			return c
		}
		return bytes.Compare(e.hash[:], hash[:])
	})
}

func (l *ledger) find(d *voucher.Debit, hash id.Hash) *entry {
	if l == nil {
		return nil
	}
	if i, have := l.at(d.Date, hash); have {
		return l.list[i]
	}
	return nil
}

func (l *ledger) add(e *entry) {
	if i, have := l.at(e.debit.Date, e.hash); !have {
		l.list = slices.Insert(l.list, i, e)
		l.charges += len(e.costs)
	}
}

func (l *ledger) remove(e *entry) {
	if i, have := l.at(e.debit.Date, e.hash); have {
		l.list = slices.Delete(l.list, i, i+1)
		l.charges -= len(e.costs)
	}
}

// used is what the account has used, in bytes of all replicas.
func (l *ledger) used(now time.Time) (sum int64) {
	if l == nil {
		return 0
	}
	for _, e := range l.list {
		sum += e.left(now)
	}
	return sum
}

// named is how many objects the account names: those that are kept, and those that were reclaimed
// and still count.
func (l *ledger) named(now time.Time, forget time.Duration) (n int) {
	if l == nil {
		return 0
	}
	for _, e := range l.list {
		n += e.named(now, forget)
	}
	return n
}

// from returns the entries from a date on.
func (l *ledger) from(date int64) []*entry {
	if l == nil {
		return nil
	}
	i, _ := l.at(date, id.Hash{})
	return l.list[i:]
}

// sum is over the debits from a date on, in any order: who has the same has the same sum.
func (l *ledger) sum(date int64) (s uint64) {
	for _, e := range l.from(date) {
		s ^= binary.BigEndian.Uint64(e.hash[:])
	}
	return s
}

// whole is sum over all debits, what was given back, and how they stand.
func (l *ledger) whole() (s uint64) {
	for _, e := range l.list {
		h := id.HashOf("account", e.hash, e.back, uint8(e.standing))
		s ^= binary.BigEndian.Uint64(h[:])
	}
	return s
}

// ledgers are the accounts that a node keeps, by their members' ids.
type ledgers []*ledger

func (ls ledgers) at(member id.ID) (int, bool) {
	return slices.BinarySearchFunc(ls, member, func(l *ledger, m id.ID) int { return l.member.Cmp(m) })
}

func (ls ledgers) find(member id.ID) *ledger {
	if i, have := ls.at(member); have {
		return ls[i]
	}
	return nil
}

// of returns a member's ledger, a new one if there is none.
func (ls *ledgers) of(member id.ID) *ledger {
	i, have := ls.at(member)
	if !have {
		*ls = slices.Insert(*ls, i, &ledger{member: member})
	}
	return (*ls)[i]
}
