package mem

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/store"
)

// Store is a store in memory. Use New.
type Store struct {
	tables []*table // sorted by name
	closed bool
	calls  int64
	fail   func(Op) error
	// limbo holds writes that were reported as failed and have reached the
	// disk all the same: reads do not show them, Clone does.
	limbo []store.Op
	blobs *Blobs
}

var _ store.Store = (*Store)(nil)

// table is one table. Its records may be seen by a running scan or by a clone;
// then a write copies them first.
type table struct {
	name store.Table
	run  *run
}

type record struct{ key, value []byte }

// New returns an empty store.
func New() *Store {
	s := &Store{}
	s.blobs = newBlobs(s)
	return s
}

// Get implements store.Store.
func (s *Store) Get(t store.Table, key []byte) ([]byte, error) {
	if err := store.CheckKey(t, key); err != nil {
		return nil, err
	}
	if err := s.enter(Op{Kind: Get, Table: t, Key: key}); err != nil {
		return nil, err
	}
	if tab := s.find(t); tab != nil {
		if at, ok := tab.run.search(key); ok {
			return append([]byte{}, tab.run.at(at).value...), nil
		}
	}
	return nil, fmt.Errorf("%w: table %s, key %q", store.ErrNotFound, t, key)
}

// Put implements store.Store.
func (s *Store) Put(t store.Table, key, value []byte) error {
	var b store.Batch
	b.Put(t, key, value)
	return s.Apply(&b)
}

// Delete implements store.Store.
func (s *Store) Delete(t store.Table, key []byte) error {
	var b store.Batch
	b.Delete(t, key)
	return s.Apply(&b)
}

// Apply implements store.Store.
func (s *Store) Apply(b *store.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	if s.closed {
		return store.ErrClosed
	}
	if b.Len() == 0 {
		return nil
	}
	if err := s.enter(Op{Kind: Write, Writes: b.Ops()}); err != nil {
		if landed(err) {
			s.limbo = append(s.limbo, b.Ops()...)
		}
		return err
	}
	// A write that has landed unseen is older than this one.
	s.write(s.limbo)
	s.limbo = nil
	s.write(b.Ops())
	return nil
}

// Scan implements store.Store.
func (s *Store) Scan(t store.Table, r store.Range, fn func(key, value []byte) bool) error {
	if err := store.CheckRange(t, r); err != nil {
		return err
	}
	if err := s.enter(Op{Kind: Scan, Table: t, Key: r.From}); err != nil {
		return err
	}
	tab := s.find(t)
	if tab == nil {
		return nil
	}
	run := tab.run
	run.readers++
	defer func() { run.readers-- }()
	lo, _ := run.search(r.From)
	hi := place{page: len(run.pages)}
	if len(r.To) > 0 {
		hi, _ = run.search(r.To)
	}
	for n := 0; lo.before(hi) && (r.Limit <= 0 || n < r.Limit); n++ {
		var rec record
		if r.Reverse {
			hi = run.previous(hi)
			rec = run.at(hi)
		} else {
			rec = run.at(lo)
			lo = run.following(lo)
		}
		if !fn(bytes.Clone(rec.key), append([]byte{}, rec.value...)) {
			break
		}
	}
	return nil
}

// Close implements store.Store. Records and blobs stay, for Clone.
func (s *Store) Close() error {
	s.closed = true
	return nil
}

// Clone returns the disk as the next start of the node finds it: an open store
// of its own with the same records, without a fault injector. It works on a
// closed store too. Records cost nothing, each blob a pointer.
func (s *Store) Clone() *Store {
	c := New()
	for _, t := range s.tables {
		t.run.readers++ // for good: both sides copy before they write
		c.tables = append(c.tables, &table{t.name, t.run})
	}
	c.write(s.limbo)
	c.blobs = s.blobs.clone(c)
	return c
}

// Wipe loses all records and blobs, as a new disk has none.
func (s *Store) Wipe() {
	s.tables, s.limbo = nil, nil
	s.blobs.whole, s.blobs.drafts, s.blobs.limbo, s.blobs.used = nil, nil, nil, 0
}

// Len is the number of records in all tables.
func (s *Store) Len() int {
	n := 0
	for _, t := range s.tables {
		n += t.run.len()
	}
	return n
}

func (s *Store) write(ops []store.Op) {
	for _, op := range ops {
		t := s.find(op.Table)
		if t == nil {
			if op.Delete {
				continue
			}
			t = &table{op.Table, &run{}}
			i, _ := s.place(op.Table)
			s.tables = slices.Insert(s.tables, i, t)
		}
		t.write(op)
	}
}

func (t *table) write(op store.Op) {
	at, ok := t.run.search(op.Key)
	if op.Delete && !ok {
		return
	}
	if t.run.readers > 0 {
		t.run = t.run.clone()
	}
	switch rec := (record{op.Key, op.Value}); {
	case op.Delete:
		t.run.remove(at)
	case ok:
		t.run.pages[at.page][at.index] = rec
	default:
		t.run.insert(at, rec)
	}
}

func (s *Store) find(name store.Table) *table {
	if i, ok := s.place(name); ok {
		return s.tables[i]
	}
	return nil
}

func (s *Store) place(name store.Table) (int, bool) {
	return slices.BinarySearchFunc(s.tables, name, func(t *table, name store.Table) int {
		return strings.Compare(string(t.name), string(name))
	})
}
