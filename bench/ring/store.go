package ring

import (
	"errors"
	"sync"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

// shared is the store in memory for a real node, which reads and writes from many
// goroutines.
type shared struct {
	mu sync.Mutex
	s  *mem.Store
}

var _ store.Store = (*shared)(nil)

func newStore() *shared { return &shared{s: mem.New()} }

// membership is where the member keeps its certificate and whom it knows of the ring's
// admitters.
const membership store.Table = "member"

// certified returns a store with nothing but the membership of this one, which may be
// closed.
func (s *shared) certified() (*shared, error) {
	n := newStore()
	var kept error
	err := s.Scan(membership, store.Range{}, func(key, value []byte) bool {
		kept = n.Put(membership, key, value)
		return kept == nil
	})
	return n, errors.Join(err, kept)
}

// Get implements store.Store.
func (s *shared) Get(t store.Table, key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Get(t, key)
}

// Put implements store.Store.
func (s *shared) Put(t store.Table, key, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Put(t, key, value)
}

// Delete implements store.Store.
func (s *shared) Delete(t store.Table, key []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Delete(t, key)
}

// Apply implements store.Store.
func (s *shared) Apply(b *store.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Apply(b)
}

// Scan implements store.Store. The records are those of one moment; fn is called
// without the lock, as it may use the store.
func (s *shared) Scan(t store.Table, r store.Range, fn func(key, value []byte) bool) error {
	type record struct{ key, value []byte }
	var all []record
	s.mu.Lock()
	err := s.s.Scan(t, r, func(key, value []byte) bool {
		all = append(all, record{key, value})
		return true
	})
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, x := range all {
		if !fn(x.key, x.value) {
			break
		}
	}
	return nil
}

// Close implements store.Store. What was kept can still be read: a node that is paused
// needs its certificate again.
func (s *shared) Close() error { return nil }
