package disk

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/phyllo-net/phyllo/store"
)

const (
	// maxGroup ends the gathering of a group, in bytes. A single batch may be
	// larger.
	maxGroup = 1 << 20

	// Writers wait while this many memtables are not in tables yet, or reads
	// would have to look into this many layers of tables.
	maxMemTables = 4
	maxLayers    = 20
)

// commit is one call of Put, Delete or Apply.
type commit struct {
	ops  []store.Op
	size int
	err  error
	// wake gets true when the outcome is in err, false when the writer is to
	// lead the next group.
	wake chan bool
}

// Put implements store.Store.
func (s *Store) Put(t store.Table, key, value []byte) error {
	if err := store.CheckRecord(t, key, value); err != nil {
		return err
	}
	return s.write([]store.Op{{Table: t, Key: key, Value: value}})
}

// Delete implements store.Store.
func (s *Store) Delete(t store.Table, key []byte) error {
	if err := store.CheckKey(t, key); err != nil {
		return err
	}
	return s.write([]store.Op{{Table: t, Key: key, Delete: true}})
}

// Apply implements store.Store.
func (s *Store) Apply(b *store.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	return s.write(b.Ops())
}

// write queues up. The first writer in the queue leads: it commits a group of
// those that wait, gives them their outcome, and then passes the lead on.
func (s *Store) write(ops []store.Op) error {
	c := &commit{ops: ops, wake: make(chan bool, 1)}
	for _, op := range ops {
		c.size += op.Size()
	}
	s.mu.Lock()
	if s.closed || len(ops) == 0 {
		defer s.mu.Unlock()
		if s.closed {
			return store.ErrClosed
		}
		return nil
	}
	s.queue = append(s.queue, c)
	follows := s.leading
	s.leading = true
	s.mu.Unlock()
	if follows && <-c.wake {
		return c.err
	}

	// Let the writers of the group before come back into the queue.
	runtime.Gosched()
	group := s.gather()
	err := s.commit(group)
	for _, f := range group {
		f.err = err
		f.wake <- true // the leader's own is dropped with it
	}
	s.passOn()
	return err
}

// gather takes the next group from the queue. The first is the leader.
func (s *Store) gather() []*commit {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size+s.queue[n].size <= maxGroup) {
		size += s.queue[n].size
		n++
	}
	group := s.queue[:n:n]
	s.queue = s.queue[n:]
	return group
}

func (s *Store) passOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		s.queue[0].wake <- false
		return
	}
	s.queue = nil
	s.leading = false
	s.changed.Broadcast()
}

// commit makes a group durable, whole.
func (s *Store) commit(group []*commit) error {
	size, frees := 0, true
	for _, c := range group {
		size += c.size
		for _, op := range c.ops {
			frees = frees && op.Delete
		}
	}
	if err := s.ready(frees); err != nil {
		return err
	}
	change, err := s.takes(group)
	if err != nil {
		return err
	}
	b := s.db.NewBatchWithSize(size)
	var key []byte
	for _, c := range group {
		for _, op := range c.ops {
			key = appendKey(key[:0], op.Table, op.Key)
			var err error
			if op.Delete {
				err = b.Delete(key, nil)
			} else {
				err = b.Set(key, op.Value, nil)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("%w: %w", store.ErrFailed, err), b.Close())
			}
		}
	}
	err = s.db.Apply(b, pebble.Sync)
	// The guard, not Pebble, knows whether all went well.
	if failure := s.guard.Err(); failure != nil {
		return failure
	}
	if err != nil {
		s.guard.Fail(fmt.Errorf("%w: %w", store.ErrFailed, err))
		return s.guard.Err()
	}
	s.unchecked += size
	s.show(change)
	return b.Close()
}

// ready says whether a group may be written now, and waits while Pebble is
// behind. It makes the folder usable again after the disk was full.
func (s *Store) ready(frees bool) error {
	if failure := s.guard.Err(); failure != nil {
		if !errors.Is(failure, store.ErrFull) || !s.reopen() {
			return failure
		}
	}
	if err := s.room(frees); err != nil {
		return err
	}
	return s.breathe()
}

// room refuses writes below the reserve of free space.
func (s *Store) room(frees bool) error {
	reserve := s.config.Reserve
	if frees {
		reserve /= 4
	}
	if reserve == 0 {
		return nil
	}
	// A file system that cannot tell its free space is taken to have some.
	usage, err := s.config.FS.GetDiskUsage(s.config.Dir)
	if err != nil || usage.AvailBytes >= uint64(reserve) {
		return nil
	}
	return fmt.Errorf("%w: %s has %d MiB left and %d must stay free; writing goes on when there is more",
		store.ErrFull, s.config.Dir, usage.AvailBytes>>20, reserve>>20)
}

// breathe waits until Pebble's background work has caught up.
func (s *Store) breathe() error {
	if s.unchecked < s.config.MemTable/4 {
		return nil
	}
	for {
		m := s.db.Metrics()
		if m.MemTable.Count <= maxMemTables && m.Levels[0].Sublevels <= maxLayers {
			s.unchecked = 0
			return nil
		}
		select {
		case <-s.progress:
		case <-s.guard.Failed:
			return s.guard.Err()
		}
	}
}

// reopen opens the folder anew after the disk was full, and tells whether the
// store is usable again. Reads wait meanwhile; while one is under way it is not
// tried, because that read would lose its files, and it may be waiting for us.
func (s *Store) reopen() bool {
	now := time.Now()
	if now.Before(s.nextTry) || s.room(false) != nil {
		return false
	}
	s.mu.Lock()
	if s.readers > 0 {
		s.mu.Unlock()
		return false
	}
	s.swapping = true
	s.mu.Unlock()
	s.nextTry = now.Add(s.pause)
	db, g, err := s.openRecords(false)
	if err != nil {
		s.config.Log.Warn("store: no room yet", "err", err)
	} else {
		if err := s.closeRecords(); err != nil {
			s.config.Log.Warn("store: closing what was frozen", "err", err)
		}
		s.config.Log.Info("store: there is room again")
		g.Hold()
		s.guard, s.unchecked = g, 0
		s.found(db, newView(db, g))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swapping = false
	s.changed.Broadcast()
	return err == nil
}

// found makes reads look at a folder that was opened anew. Changes that had failed
// may be in it.
func (s *Store) found(db *pebble.DB, v *view) {
	t, err := s.blobs.count(v)
	if err != nil {
		s.config.Log.Error("store: counting blobs", "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db, s.view = db, v
	if err == nil {
		s.taken = t
	}
}
