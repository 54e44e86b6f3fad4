package disk

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

const (
	lockName    = "LOCK"
	recordsName = "records"

	// recoverPause is the time between two attempts to open the folder of a
	// store that met a full disk.
	recoverPause = time.Second
)

// Store is an open store. Use Open.
type Store struct {
	config   Config
	lock     io.Closer
	progress chan struct{} // has an item when background work has got on
	blobs    *blobs

	// Only the leader of the writers (see write) uses these.
	guard     *guard.Guard
	unchecked int       // bytes written since breathe has looked
	nextTry   time.Time // not before this is the folder opened anew
	pause     time.Duration

	mu       sync.Mutex
	changed  sync.Cond // leading, readers, calls or swapping changed
	db       *pebble.DB
	view     *view
	queue    []*commit
	leading  bool // a writer leads
	readers  int  // reads under way
	calls    int  // other calls for blobs under way
	taken    taken
	swapping bool // the folder is opened anew; reads wait
	closed   bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a folder and creates it if there is none. Besides
// errors of the operating system it gives store.ErrLocked, store.ErrCorrupt,
// store.ErrNewerVersion (nothing was changed then) and store.ErrFull.
func Open(c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	lock, err := c.FS.Lock(c.path(lockName))
	if err != nil {
		return nil, lockError(c.Dir, err)
	}
	s := &Store{config: c, lock: lock, progress: make(chan struct{}, 1), pause: recoverPause}
	s.changed.L = &s.mu
	s.blobs = newBlobs(s)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.view = newView(s.db, s.guard)
	if err := s.blobs.open(s.view); err != nil {
		return nil, errors.Join(err, s.closeRecords(), lock.Close())
	}
	s.guard.Hold()
	return s, nil
}

// OpenMemory opens an empty store in memory, for demonstrations and for tests
// of real nodes. It is the same code on a file system in memory, and nothing of
// it is left after Close.
func OpenMemory() (*Store, error) {
	return Open(Config{Dir: "memory", FS: vfs.NewMem()})
}

func (c Config) path(name string) string { return c.FS.PathJoin(c.Dir, name) }

// makeDir makes the folder and brings Dir into the one form under which a
// second opening in this process finds the lock.
func (c *Config) makeDir() error {
	// A new folder is there after a crash when the one above it is synced.
	var above []string
	for dir := c.Dir; ; dir = above[len(above)-1] {
		if _, err := c.FS.Stat(dir); !guard.IsNotExist(err) {
			break
		}
		above = append(above, c.FS.PathDir(dir))
	}
	err := c.FS.MkdirAll(c.Dir, 0o700)
	for _, dir := range above {
		if err == nil {
			err = guard.SyncFolder(c.FS, dir)
		}
	}
	if err != nil {
		return guard.OpenError(c.Dir, err)
	}
	if c.FS == vfs.Default {
		dir, err := filepath.Abs(c.Dir)
		if err == nil {
			dir, err = filepath.EvalSymlinks(dir)
		}
		if err != nil {
			return guard.OpenError(c.Dir, err)
		}
		c.Dir = dir
	}
	return nil
}

func lockError(dir string, err error) error {
	// A lock held in this process has no number of the operating system.
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EAGAIN {
		return guard.OpenError(dir, err)
	}
	return fmt.Errorf("%w: folder %s is open in another program or already here; stop that one or use another folder (%w)",
		store.ErrLocked, dir, err)
}

// open checks the folder, creates what is in it if it is new, and opens it.
func (s *Store) open() error {
	c, format := s.config, s.config.path(formatName)
	state, err := readFormat(c.FS, format)
	if err != nil {
		return err
	}
	if state == "" {
		if err := c.checkEmpty(); err != nil {
			return err
		}
		if err := writeFormat(c.FS, format, stateNew); err != nil {
			return guard.OpenError(c.Dir, err)
		}
	}
	if err := s.blobs.files.makeDir(); err != nil {
		return err
	}
	if state != stateReady {
		if err := s.create(); err != nil {
			return err
		}
		if err := writeFormat(c.FS, format, stateReady); err != nil {
			return guard.OpenError(c.Dir, err)
		}
	}
	s.db, s.guard, err = s.openRecords(false)
	return err
}

// create makes records/. Pebble writes its first log before it has taken on
// pebbleFormat, without what tells damage from the log's end, so nothing may be
// written into that log.
func (s *Store) create() error {
	// What an interrupted creation has left holds no record.
	records := s.config.path(recordsName)
	if err := s.config.FS.RemoveAll(records); err != nil {
		return guard.OpenError(records, err)
	}
	db, g, err := s.openRecords(true)
	if err != nil {
		return err
	}
	return guard.OpenError(records, errors.Join(db.Close(), g.Err()))
}

// checkEmpty refuses a folder that has no FORMAT but other things in it: it is
// not ours to write into, or it is a store whose FORMAT got lost.
func (c Config) checkEmpty() error {
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return guard.OpenError(c.Dir, err)
	}
	for _, n := range names {
		if n != lockName && n != formatName+".tmp" {
			return fmt.Errorf("%w: folder %s has no %s but %q in it; use an empty folder",
				store.ErrCorrupt, c.Dir, formatName, n)
		}
	}
	return nil
}

// openRecords opens Pebble. Pebble panics at some kinds of damage.
func (s *Store) openRecords(create bool) (db *pebble.DB, g *guard.Guard, err error) {
	c, records := s.config, s.config.path(recordsName)
	l := &guard.Ledger{FS: c.FS, Path: c.path(guard.LedgerName)}
	if !create {
		if l, err = guard.ReadLedger(c.FS, l.Path, records); err != nil {
			return nil, nil, err
		}
	}
	g = guard.New(c.FS, l)
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: %s: %v", store.ErrCorrupt, records, r)
		}
	}()
	db, err = pebble.Open(records, c.options(g, create, s.noteProgress))
	if failure := g.Err(); failure != nil {
		if err == nil {
			failure = errors.Join(failure, db.Close())
		}
		return nil, nil, failure
	}
	if err != nil {
		return nil, nil, guard.OpenError(records, err)
	}
	return db, g, nil
}

func (s *Store) noteProgress() {
	select {
	case s.progress <- struct{}{}:
	default:
	}
}

// Close implements store.Store. It brings what is in the log into a table, so
// that the next opening is quick.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for s.leading || s.readers > 0 || s.calls > 0 {
		s.changed.Wait()
	}
	s.mu.Unlock()
	err := s.blobs.close()
	if s.guard.Err() == nil {
		err = errors.Join(err, s.flush())
	}
	return errors.Join(err, s.closeRecords(), s.lock.Close())
}

func (s *Store) flush() error {
	done, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-done:
	case <-s.guard.Failed:
	}
	return nil
}

func (s *Store) closeRecords() error {
	s.guard.Let()
	return errors.Join(s.view.close(), s.db.Close())
}
