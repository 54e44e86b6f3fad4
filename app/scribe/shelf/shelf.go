package shelf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Table is where the records are.
const Table store.Table = "scribe"

const (
	// Settle is how long what is to be written is gathered.
	Settle = 200 * time.Millisecond
	// reading bounds the reading of all that is there.
	reading = time.Minute
)

// Shelf is one node's. Not for several goroutines at once: all is called on the node's loop.
type Shelf struct {
	st      store.Store
	env     task.Env
	failed  func(error)
	pending map[string]*msg.Keep // by the key of the record; nil: it is to be removed
	gone    map[id.Hash]bool     // groups of which all is to be removed, before that
	planned bool                 // a flush is, or is under way
}

// New returns a shelf on a store, which it shares with others. failed, which may be nil, is
// told when something could not be written: it is then in memory alone.
func New(st store.Store, env task.Env, failed func(error)) *Shelf {
	return &Shelf{st: st, env: env, failed: failed, pending: make(map[string]*msg.Keep), gone: make(map[id.Hash]bool)}
}

// The key of a record is the group's id, and of a batch then its publisher, life and first number.
const (
	keySize   = len(id.Hash{})
	batchSize = keySize + len(msg.Stream{}.Publisher) + 8 + 8
)

func batchKey(group id.Hash, seal *msg.Seal) string {
	k := append(make([]byte, 0, batchSize), group[:]...)
	k = append(k, seal.Publisher[:]...)
	k = binary.BigEndian.AppendUint64(k, seal.Life)
	return string(binary.BigEndian.AppendUint64(k, seal.First))
}

// Charter writes down a group's charter, which is frozen.
func (s *Shelf) Charter(group id.Hash, c *msg.Charter) {
	s.set(string(group[:]), &msg.Keep{Group: group, Charter: c})
}

// Put writes down a batch, which is frozen.
func (s *Shelf) Put(group id.Hash, b *msg.Batch) {
	s.set(batchKey(group, b.Seal), &msg.Keep{Group: group, Batch: b})
}

// Drop removes a batch that is kept no longer.
func (s *Shelf) Drop(group id.Hash, seal *msg.Seal) { s.set(batchKey(group, seal), nil) }

// Forget removes all that is written down of a group.
func (s *Shelf) Forget(group id.Hash) {
	maps.DeleteFunc(s.pending, func(k string, _ *msg.Keep) bool { return k[:keySize] == string(group[:]) })
	s.gone[group] = true
	s.plan()
}

func (s *Shelf) set(key string, m *msg.Keep) {
	s.pending[key] = m
	s.plan()
}

func (s *Shelf) plan() {
	if !s.planned {
		s.planned = true
		s.env.After(Settle, s.flush)
	}
}

// flush writes what has come, off the loop; what comes meanwhile is gathered for the next time.
func (s *Shelf) flush() {
	write := s.take()
	s.env.Work(func() any { return write() }, func(result any) {
		s.planned = false
		if err, _ := result.(error); err != nil && s.failed != nil {
			s.failed(err)
		}
		if len(s.pending)+len(s.gone) > 0 {
			s.plan()
		}
	})
}

// Close writes what has not been written yet, at once: the node stops.
func (s *Shelf) Close() {
	if err := s.take()(); err != nil && s.failed != nil {
		s.failed(err)
	}
}

// take returns a function that writes all that waits.
func (s *Shelf) take() func() error {
	st, pending, gone := s.st, s.pending, s.gone
	s.pending, s.gone = make(map[string]*msg.Keep), make(map[id.Hash]bool)
	return func() error {
		w := writer{st: st}
		for _, group := range slices.SortedFunc(maps.Keys(gone), func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) }) {
			err := st.Scan(Table, store.Prefix(group[:]), func(key, _ []byte) bool {
				w.room(len(key))
				w.batch.Delete(Table, key)
				return true
			})
			w.err = errors.Join(w.err, err)
		}
		for _, key := range slices.Sorted(maps.Keys(pending)) {
			m := pending[key]
			if m == nil {
				w.room(len(key))
				w.batch.Delete(Table, []byte(key))
				continue
			}
			value := msg.Encode(m)
			w.room(len(key) + len(value))
			w.batch.Put(Table, []byte(key), value)
		}
		return w.end()
	}
}

// writer writes in batches that the store takes.
type writer struct {
	st    store.Store
	batch store.Batch
	err   error
}

// room makes room for one more record of so many bytes.
func (w *writer) room(size int) {
	if w.batch.Size()+size+1024 > store.MaxBatch {
		w.end()
	}
}

func (w *writer) end() error {
	if w.batch.Len() > 0 {
		w.err = errors.Join(w.err, w.st.Apply(&w.batch))
		w.batch.Reset()
	}
	return w.err
}

// Kept is what was written down of one group.
type Kept struct {
	Charter *msg.Charter
	Batches []*msg.Batch // of each stream in the order of their numbers, those signed first before others
}

// Load reads what was written down, off the loop. What is damaged, or without a charter, is
// left out.
func (s *Shelf) Load(t *task.T, ring id.Hash) ([]*Kept, error) {
	st := s.st
	return task.Work(t, reading, func() ([]*Kept, error) { return load(st, ring) })
}

func load(st store.Store, ring id.Hash) (list []*Kept, err error) {
	var last *Kept
	var group id.Hash
	err = st.Scan(Table, store.Range{}, func(key, value []byte) bool {
		m, err := msg.Decode(value)
		k, ok := m.(*msg.Keep)
		switch {
		case err != nil || !ok || string(key[:min(len(key), keySize)]) != string(k.Group[:]):
		case len(key) == keySize && k.Charter != nil && k.Charter.Group(ring) == k.Group:
			last, group = &Kept{Charter: k.Charter}, k.Group
			list = append(list, last)
		case last != nil && k.Group == group && k.Batch != nil && string(key) == batchKey(group, k.Batch.Seal):
			last.Batches = append(last.Batches, k.Batch)
		}
		return true
	})
	for _, k := range list {
		k.sort()
	}
	return list, err
}

// sort puts batches in the order in which they were signed, but never one before those of lower
// numbers in its stream, whatever its publisher's clock did.
func (k *Kept) sort() {
	type dated struct {
		at int64
		b  *msg.Batch
	}
	all := make([]dated, len(k.Batches)) // by stream, then number, as they were read
	for i, b := range k.Batches {
		all[i] = dated{b.Seal.Time, b}
		if i > 0 && all[i-1].b.Seal.Stream() == b.Seal.Stream() {
			all[i].at = max(all[i].at, all[i-1].at)
		}
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.at, b.at) })
	for i, d := range all {
		k.Batches[i] = d.b
	}
}
