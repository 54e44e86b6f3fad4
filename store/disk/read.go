package disk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// view is what reads see: all groups up to the last durable one.
type view struct {
	snapshot *pebble.Snapshot
	guard    *guard.Guard
	readers  int
	old      bool
}

func newView(db *pebble.DB, g *guard.Guard) *view {
	return &view{snapshot: db.NewSnapshot(), guard: g}
}

func (v *view) close() error { return v.snapshot.Close() }

// show moves the view on to what is durable now. t is what that has changed in the
// room that blobs take.
func (s *Store) show(t taken) {
	next := newView(s.db, s.guard)
	s.mu.Lock()
	s.taken.add(t)
	last := s.view
	s.view, last.old = next, true
	unused := last.readers == 0
	s.mu.Unlock()
	if unused {
		s.drop(last)
	}
}

func (s *Store) drop(v *view) {
	if err := v.close(); err != nil {
		s.config.Log.Warn("store: closing a snapshot", "err", err)
	}
}

// enter begins a read.
func (s *Store) enter() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.swapping && !s.closed {
		s.changed.Wait()
	}
	if s.closed {
		return nil, store.ErrClosed
	}
	s.readers++
	s.view.readers++
	return s.view, nil
}

func (s *Store) leave(v *view) {
	s.mu.Lock()
	v.readers--
	unused := v.old && v.readers == 0
	s.mu.Unlock()
	if unused {
		s.drop(v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers--; s.readers == 0 {
		s.changed.Broadcast()
	}
}

// Get implements store.Store.
func (s *Store) Get(t store.Table, key []byte) ([]byte, error) {
	if err := store.CheckKey(t, key); err != nil {
		return nil, err
	}
	v, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer s.leave(v)
	value, err := v.get(t, key)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: table %s, key %q", store.ErrNotFound, t, key)
	}
	return value, err
}

// get returns a copy of a value, or store.ErrNotFound.
func (v *view) get(t store.Table, key []byte) (value []byte, err error) {
	found, closer, err := v.snapshot.Get(appendKey(nil, t, key))
	if errors.Is(err, pebble.ErrNotFound) {
		err = store.ErrNotFound
	} else if err != nil {
		return nil, guard.ReadError(err)
	} else {
		value = append([]byte{}, found...)
		if err := closer.Close(); err != nil {
			return nil, guard.ReadError(err)
		}
	}
	if broken := v.guard.ReadErr(); broken != nil {
		return nil, broken
	}
	return value, err
}

// Scan implements store.Store.
func (s *Store) Scan(t store.Table, r store.Range, fn func(key, value []byte) bool) error {
	if err := store.CheckRange(t, r); err != nil {
		return err
	}
	v, err := s.enter()
	if err != nil {
		return err
	}
	defer s.leave(v)
	return v.scan(t, r, fn)
}

func (v *view) scan(t store.Table, r store.Range, fn func(key, value []byte) bool) error {
	lower, upper := bounds(t, r)
	if bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	it, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return guard.ReadError(err)
	}
	defer it.Close() // its error is it.Error, or that of a panic in fn
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	n := 0
	for ok := first(); ok; ok = next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = v.guard.ReadErr()
		}
		if err != nil {
			return guard.ReadError(err)
		}
		key := bytes.Clone(it.Key()[tablePrefix(t):])
		n++
		if !fn(key, append([]byte{}, value...)) || n == r.Limit {
			return nil
		}
	}
	if broken := v.guard.ReadErr(); broken != nil {
		return broken
	}
	return guard.ReadError(it.Error())
}
