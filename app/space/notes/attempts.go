package notes

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Tables of the node's own store: its attempts, by space, and the contents that it holds, by the
// id of their topmost object.
const (
	AttemptTable store.Table = "space/attempts"
	HeldTable    store.Table = "space/held"
)

// Made names an attempt that may have become a root.
type Made = tree.Made

// Root is what there is to know of a root: its version, the attempts that it comes after, and whether it is known
// that a majority has agreed to it.
type Root struct {
	Version uint64
	Made    []Made
	Agreed  bool
}

// After reports whether the root is made by an attempt, or comes after it.
func (r Root) After(m Made) bool {
	return slices.ContainsFunc(r.Made, func(x Made) bool { return x.Who == m.Who && x.Attempt >= m.Attempt })
}

// Attempt is a change that this node has tried.
type Attempt struct {
	Made Made `cbor:"1,keyasint"`
	// Version is that of the root that it would become.
	Version uint64 `cbor:"2,keyasint"`
	// Base is the attempt that made the root which it would replace; nil if there was none.
	Base *Made `cbor:"3,keyasint,omitempty"`
	// Sure: it became a root. Else nobody knows.
	Sure bool `cbor:"4,keyasint,omitempty"`
	// Date is when it was tried, in Unix milliseconds.
	Date int64 `cbor:"5,keyasint"`
	// Astray is for how long roots of a majority have been met that do not settle it, and Met when the last one was, both in
	// milliseconds; 0: none was.
	Astray int64 `cbor:"6,keyasint,omitempty"`
	Met    int64 `cbor:"7,keyasint,omitempty"`
	// Apart: nobody knows, and it may have been made without a majority, and stand where no root of one comes after it.
	Apart bool `cbor:"8,keyasint,omitempty"`
}

// unwatched is how much of the time between two such roots counts at most: two looks for what nobody needs. In what is longer the
// node was off, or somebody set its clock.
const unwatched = 48 * time.Hour

// settled reports whether no root can come up any more that the attempt made and this one does
// not come after. If a majority has agreed to this one, which comes after the attempt's base, and has its version or a later
// one, then another one was made in its place, unless it was made apart.
func (a *Attempt) settled(by Root) bool {
	switch {
	case by.After(a.Made):
		return true
	case a.Sure || a.Base == nil || a.Apart || !by.Agreed:
		return false
	}
	return by.Version >= a.Version && by.After(*a.Base)
}

// lapsed reports whether the attempt is not thought of any more: a majority has had roots for so long that do not settle it.
// Either these have forgotten it for the many that came after it, or the part of the ring in which it stands is lost.
func (a *Attempt) lapsed(by Root, now time.Time, lost time.Duration) bool {
	if !by.Agreed {
		return false
	}
	at := now.UnixMilli()
	if a.Met != 0 {
		a.Astray += min(max(at-a.Met, 0), unwatched.Milliseconds())
	}
	a.Met = at
	return lost > 0 && a.Astray > lost.Milliseconds()
}

// Attempts are those of a space of which this node does not know that the current root settles
// them. The zero value is none.
type Attempts struct {
	List []Attempt `cbor:"1,keyasint,omitempty"`
	// Unknown: there were more than can be remembered, or what was written down is damaged. No
	// root settles that.
	Unknown bool `cbor:"2,keyasint,omitempty"`
}

// maxAttempts is far above what one node leaves open in one space.
const maxAttempts = 1000

// Check implements wire.Checker.
func (as *Attempts) Check() error {
	if len(as.List) > maxAttempts {
		return fmt.Errorf("notes: %d attempts", len(as.List))
	}
	return nil
}

// Settle forgets what a root settles at this time of day, and what roots of a majority have not settled for longer than
// lost, after which whoever is out of sight is taken for lost; 0: never. Of a root that no majority has agreed to another
// one may know nothing that comes into sight later: of what it comes after the last attempt of each run stays.
func (as *Attempts) Settle(by Root, now time.Time, lost time.Duration) {
	all := as.List
	as.List = nil
	for _, a := range all {
		if !by.Agreed && by.After(a.Made) {
			if !slices.ContainsFunc(all, func(b Attempt) bool {
				return b.Made.Who == a.Made.Who && b.Made.Attempt > a.Made.Attempt && by.After(b.Made)
			}) {
				a.Sure, a.Apart, a.Astray, a.Met = true, false, 0, 0 // it is there
				as.List = append(as.List, a)
			}
		} else if !a.settled(by) && !a.lapsed(by, now, lost) {
			as.List = append(as.List, a)
		}
	}
}

// Try adds an attempt.
func (as *Attempts) Try(a Attempt) {
	if len(as.List) == maxAttempts {
		as.Unknown = true
		return
	}
	as.List = append(as.List, a)
}

// Sure notes that an attempt became a root.
func (as *Attempts) Sure(m Made) {
	if i := as.at(m); i >= 0 {
		as.List[i].Sure, as.List[i].Apart = true, false
	}
}

// Lost forgets an attempt that did not become a root, and cannot.
func (as *Attempts) Lost(m Made) {
	if i := as.at(m); i >= 0 {
		as.List = slices.Delete(as.List, i, i+1)
	}
}

func (as *Attempts) at(m Made) int {
	return slices.IndexFunc(as.List, func(a Attempt) bool { return a.Made == m })
}

// Read reads the attempts of a space. Errors: those of the store, but not store.ErrCorrupt.
func Read(st store.Store, space id.Hash) (*Attempts, error) {
	as := new(Attempts)
	b, err := st.Get(AttemptTable, space[:])
	switch {
	case errors.Is(err, store.ErrNotFound):
		return as, nil
	case errors.Is(err, store.ErrCorrupt):
		return &Attempts{Unknown: true}, nil
	case err != nil:
		return nil, err
	}
	if wire.Unmarshal(b, as) != nil {
		return &Attempts{Unknown: true}, nil
	}
	return as, nil
}

// Write keeps the attempts of a space.
func (as *Attempts) Write(st store.Store, space id.Hash) error {
	return st.Put(AttemptTable, space[:], wire.MustMarshal(as))
}
