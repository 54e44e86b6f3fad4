package ledger

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

// Entry is one debit of an account. Its fields belong to who keeps the account; what was given back changes by
// GiveBack alone.
type Entry struct {
	Debit *voucher.Debit
	Hash  id.Hash
	Costs []int64 // of its charges
	Back  []byte  // a bit for each charge that was given back
	Backs int     // how many these are, and
	Given int64   // what they come to
	// Standing is what this keeper believes of it.
	Standing standing.Standing
	// Durable: it is on the disk. It is charged before.
	Durable bool
	Writing bool          // it is on its way there
	Writers []func(error) // who wait for that
	// Stored has a bit for each charge of an own debit whose object is known to be stored.
	Stored []byte
}

// NewEntry returns the entry of a debit with its charges, of which those were given back that have a bit.
func NewEntry(d *voucher.Debit, hash id.Hash, cs []voucher.Charge, back []byte) *Entry {
	e := &Entry{Debit: d, Hash: hash, Costs: make([]int64, len(cs)), Back: make([]byte, (len(cs)+7)/8)}
	for i, c := range cs {
		e.Costs[i] = c.Cost()
		if len(back) != 0 && back[i/8]&(1<<(i%8)) != 0 {
			e.GiveBack(i)
		}
	}
	return e
}

// IsBack reports whether a charge was given back.
func (e *Entry) IsBack(i int) bool { return e.Back[i/8]&(1<<(i%8)) != 0 }

// GiveBack notes that a charge was given back, which it was not.
func (e *Entry) GiveBack(i int) {
	e.Back[i/8] |= 1 << (i % 8)
	e.Backs++
	e.Given += e.Costs[i]
}

// left is what is still charged. What has come to its end is not.
func (e *Entry) left(now time.Time) int64 {
	if e.Debit.Until != 0 && now.UnixMilli() >= e.Debit.Until {
		return 0
	}
	return e.Debit.Total - e.Given
}

// Settled reports whether nothing is left of the debit that could be given back.
func (e *Entry) Settled() bool { return e.Backs == len(e.Costs) }

// Named is how many objects an entry names that count in its account. Those that were given back
// count until a date, as their holders remember that they were reclaimed. The date follows from the
// payment and not from the reclaim, which no keeper knows for sure: so of what is reclaimed later
// holders remember as many again, and no more.
func (e *Entry) named(now time.Time, forget time.Duration) int {
	if now.UnixMilli() >= e.Fades(forget) {
		return len(e.Costs) - e.Backs
	}
	return len(e.Costs)
}

// Fades is the date from which what was given back does not count, Unix milliseconds.
func (e *Entry) Fades(forget time.Duration) int64 { return e.Debit.Expires + forget.Milliseconds() }

// Key is the entry's place in the store: by member, then in the order of the ledger.
func (e *Entry) Key() []byte {
	m := e.Debit.Account().Bytes()
	b := binary.BigEndian.AppendUint64(m[:], uint64(e.Debit.Date))
	return append(b, e.Hash[:]...)
}

// Ledger is one member's account.
type Ledger struct {
	Member id.ID
	List   []*Entry // by date, then hash
	// charges is how many these have, with all that were given back: see named.
	Charges int
}

// At returns the place of a debit, and whether it is there.
func (l *Ledger) At(date int64, hash id.Hash) (int, bool) {
	return slices.BinarySearchFunc(l.List, date, func(e *Entry, date int64) int {
		if c := cmp.Compare(e.Debit.Date, date); c != 0 {
			return c
		}
		return bytes.Compare(e.Hash[:], hash[:])
	})
}

// Find returns the entry of a debit with this hash; nil if there is none, or no ledger.
func (l *Ledger) Find(d *voucher.Debit, hash id.Hash) *Entry {
	if l == nil {
		return nil
	}
	if i, have := l.At(d.Date, hash); have {
		return l.List[i]
	}
	return nil
}

// Add adds an entry whose debit is not there yet.
func (l *Ledger) Add(e *Entry) {
	if i, have := l.At(e.Debit.Date, e.Hash); !have {
		l.List = slices.Insert(l.List, i, e)
		l.Charges += len(e.Costs)
	}
}

// Remove removes an entry.
func (l *Ledger) Remove(e *Entry) {
	if i, have := l.At(e.Debit.Date, e.Hash); have {
		l.List = slices.Delete(l.List, i, i+1)
		l.Charges -= len(e.Costs)
	}
}

// Used is what the account has used, in bytes of all replicas.
func (l *Ledger) Used(now time.Time) (sum int64) {
	if l == nil {
		return 0
	}
	for _, e := range l.List {
		sum += e.left(now)
	}
	return sum
}

// Named is how many objects the account names: those that are kept, and those that were reclaimed
// and still count.
func (l *Ledger) Named(now time.Time, forget time.Duration) (n int) {
	if l == nil {
		return 0
	}
	for _, e := range l.List {
		n += e.named(now, forget)
	}
	return n
}

// From returns the entries from a date on.
func (l *Ledger) From(date int64) []*Entry {
	if l == nil {
		return nil
	}
	i, _ := l.At(date, id.Hash{})
	return l.List[i:]
}

// Sum is over the debits from a date on, in any order: who has the same has the same sum.
func (l *Ledger) Sum(date int64) (s uint64) {
	for _, e := range l.From(date) {
		s ^= binary.BigEndian.Uint64(e.Hash[:])
	}
	return s
}

// Whole is sum over all debits, what was given back, and how they stand.
func (l *Ledger) Whole() (s uint64) {
	for _, e := range l.List {
		h := id.HashOf("account", e.Hash, e.Back, uint8(e.Standing))
		s ^= binary.BigEndian.Uint64(h[:])
	}
	return s
}

// Ledgers are the accounts that a node keeps, by their members' ids.
type Ledgers []*Ledger

func (ls Ledgers) at(member id.ID) (int, bool) {
	return slices.BinarySearchFunc(ls, member, func(l *Ledger, m id.ID) int { return l.Member.Cmp(m) })
}

// Find returns a member's ledger; nil if there is none.
func (ls Ledgers) Find(member id.ID) *Ledger {
	if i, have := ls.at(member); have {
		return ls[i]
	}
	return nil
}

// Of returns a member's ledger, a new one if there is none.
func (ls *Ledgers) Of(member id.ID) *Ledger {
	i, have := ls.at(member)
	if !have {
		*ls = slices.Insert(*ls, i, &Ledger{Member: member})
	}
	return (*ls)[i]
}
