package directory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// entry is what a holder remembers of a record that lies in its store.
type entry struct {
	name     id.Hash
	identity peer.Key
	time     int64 // of the record
	digest   uint64
	stands   bool         // the claim has a majority
	bars     task.Instant // a claim that does not stand bars others until then
	from     id.ID        // the node that brought it first; zero: a fellow holder
	// record is what lies in the store, if it was read a short while ago. A change
	// makes a new entry.
	record *Record
}

// lapsed reports whether the name is no longer given out at this time of day.
func (e *entry) lapsed(wall time.Time, c *Config) bool {
	return wall.After(time.Unix(e.time, 0).Add(c.Lapse))
}

// over reports whether anybody may have the name: it lapsed, and was held for its
// old key long enough; or it never stood, and bars no longer.
func (e *entry) over(now task.Instant, wall time.Time, c *Config) bool {
	if !e.stands {
		return e.bars.Before(now)
	}
	return wall.After(time.Unix(e.time, 0).Add(c.Lapse + c.Hold))
}

// shelf is the index of what this node keeps, in the order of the names' hashes.
type shelf struct {
	list []*entry
}

func (s *shelf) at(name id.Hash) (int, bool) {
	return slices.BinarySearchFunc(s.list, name, func(e *entry, n id.Hash) int { return bytes.Compare(e.name[:], n[:]) })
}

func (s *shelf) find(name id.Hash) *entry {
	if i, have := s.at(name); have {
		return s.list[i]
	}
	return nil
}

func (s *shelf) set(e *entry) {
	i, have := s.at(e.name)
	if have {
		s.list[i] = e
		return
	}
	s.list = slices.Insert(s.list, i, e)
}

func (s *shelf) remove(name id.Hash) {
	if i, have := s.at(name); have {
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// arc returns up to limit entries of an arc that wanted accepts, in the order of
// the ring from the arc's start, or from the entry after a name; and whether there are
// more.
func (s *shelf) arc(r id.Range, after *id.Hash, limit int, wanted func(*entry) bool) (es []*entry, more bool) {
	from := r.From
	if r.Full {
		from = id.ID{}
	}
	first := from.Bytes()
	var begin id.Hash
	copy(begin[:], first[:])
	last := id.ID{} // the way from the arc's start to the entry before
	if after != nil {
		begin, last = *after, after.Place().Sub(from)
	}
	i, have := s.at(begin)
	if have && after != nil {
		i++
	}
	for n := range len(s.list) {
		e := s.list[(i+n)%len(s.list)]
		way := e.name.Place().Sub(from)
		if way.Less(last) || !r.Contains(e.name.Place()) {
			break // the arc's end, or once round the ring
		}
		last = way
		switch {
		case !wanted(e):
		case len(es) == limit:
			return es, true
		default:
			es = append(es, e)
		}
	}
	return es, false
}

// stored is what lies in the store, under the name's hash.
type stored struct {
	Claim  *record.Claim `cbor:"1,keyasint"`
	Stands bool          `cbor:"2,keyasint,omitempty"`
	From   id.ID         `cbor:"3,keyasint"`
}

// Check implements wire.Checker.
func (s *stored) Check() error { return msg.CheckClaim(s.Claim) }

func (s *stored) entry(ring id.Hash) *entry {
	r := s.Claim.Record
	return &entry{
		name: r.Name.Hash(), identity: r.Identity, time: r.Time, digest: s.Claim.Digest(ring),
		stands: s.Stands, from: s.From,
	}
}

// disk bounds each piece of work with the store.
const disk = 30 * time.Second

// errDamaged: a record of the own store cannot be read; it is fetched again from
// the others.
var errDamaged = errors.New("directory: a record in the store is damaged")

// body reads what lies in the store under a name.
func (d *Directory) body(t *task.T, name id.Hash) (*stored, error) {
	st := d.cfg.Store
	s, err := task.Work(t, disk, func() (*stored, error) {
		b, err := st.Get(Table, name[:])
		if err != nil {
			return nil, err
		}
		s := new(stored)
		if err := wire.Unmarshal(b, s); err != nil || s.Claim.Record.Name.Hash() != name {
			return nil, errDamaged
		}
		return s, nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, errDamaged) {
		d.stats.Damaged++
		d.shelf.remove(name)
		d.rounds.Unsettle()
	}
	return s, err
}

// recent are the entries whose records stay at hand, the oldest first: a name that is
// asked for often is not read from the store, and decoded, each time.
type recent struct{ list []*entry }

// maxRecent bounds the records at hand, to some 2 MiB of the largest.
const maxRecent = 256

func (r *recent) add(e *entry, rec *Record) {
	if e.record == nil {
		if len(r.list) == maxRecent {
			r.list[0].record = nil
			r.list = slices.Delete(r.list, 0, 1)
		}
		r.list = append(r.list, e)
	}
	e.record = rec
}

// load reads the index from the store, at the start.
func (d *Directory) load(t *task.T) error {
	ring := d.cfg.Ring
	damaged, err := reload.Table(t, d.cfg.Store, Table, func(key, value []byte) (*entry, bool, error) {
		s := new(stored)
		if wire.Unmarshal(value, s) != nil {
			return nil, false, nil
		}
		e := s.entry(ring)
		return e, bytes.Equal(e.name[:], key), nil
	}, func(es []*entry) {
		for _, e := range es {
			e.bars = t.Env().Now().Add(d.cfg.Tentative)
			d.shelf.set(e)
		}
	})
	if err == nil {
		d.stats.Damaged += damaged
		d.rounds.Begin()
	}
	return err
}

// erase forgets entries, on the disk first, unless they have changed since.
func (d *Directory) erase(t *task.T, es []*entry) error {
	var names []id.Hash
	for _, e := range es {
		if _, busy := d.busy[e.name]; !busy && d.shelf.find(e.name) == e {
			names = append(names, e.name)
			d.busy[e.name] = struct{}{}
		}
	}
	if len(names) == 0 {
		return nil
	}
	st := d.cfg.Store
	_, err := task.Work(t, disk, func() (struct{}, error) {
		var b store.Batch
		for _, n := range names {
			b.Delete(Table, n[:])
		}
		return struct{}{}, st.Apply(&b)
	})
	for _, n := range names {
		delete(d.busy, n)
		if err == nil {
			d.shelf.remove(n)
		}
	}
	if err != nil {
		return fmt.Errorf("directory: forget %d names: %w", len(names), err)
	}
	return nil
}
