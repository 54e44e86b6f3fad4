package guard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
)

// ReadErrorPause is how long a failed read takes at least. Pebble repeats a
// background job that could not read at once and without end; this keeps such a
// loop from eating a processor.
const ReadErrorPause = 5 * time.Millisecond

// Guard is the file system under Pebble. It passes everything on until a write
// fails. From then on the folder is frozen: see the package comment. Pebble
// never gets an error for a write:
//
//   - Writes to tables wait for release, and seem to succeed then. Were they to
//     fail, Pebble would try again for ever; were they to succeed at once, it
//     would forget records in memory in favour of a table that does not exist.
//     Pebble holds no lock while it writes a table.
//   - All other writes, among them those to the log in the midst of a commit,
//     seem to succeed at once. A manifest that is not written any more names
//     only tables that are complete, so reads stay right.
//
// While the store is opened or closed nobody reads from it, and nothing waits.
type Guard struct {
	vfs.FS
	ledger *Ledger

	mu      sync.Mutex
	failure error
	broken  error         // Pebble gave up: reads are refused too
	waits   bool          // writes to tables wait when frozen
	Failed  chan struct{} // closed with the first failure
	release chan struct{} // closed by let
}

// New puts a guard before a file system.
func New(fs vfs.FS, l *Ledger) *Guard {
	return &Guard{FS: fs, ledger: l, Failed: make(chan struct{}), release: make(chan struct{})}
}

// Hold makes writes to tables wait from now on when the folder is frozen.
func (g *Guard) Hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits = true
}

// Let ends the effect of hold, also for those that wait already.
func (g *Guard) Let() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waits {
		g.waits = false
		close(g.release)
	}
}

// Err is the first failure, or nil while all is well.
func (g *Guard) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// ReadErr says why nothing may be read any more, or nil.
func (g *Guard) ReadErr() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.broken
}

// GiveUp freezes the folder and refuses reads too.
func (g *Guard) GiveUp(err error) {
	g.Fail(err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = err
}

// Fail freezes the folder. Only the first failure counts.
func (g *Guard) Fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure == nil {
		g.failure = err
		close(g.Failed)
	}
}

// do runs one write, unless the folder is frozen. It reports whether the write
// was done; if it was not, the caller acts as if it had been.
func (g *Guard) do(what, name string, write func() error) bool {
	if g.Err() == nil {
		err := write()
		if err == nil {
			return true
		}
		g.Fail(WriteError(what, name, err))
	}
	g.mu.Lock()
	wait := g.waits && isTable(name)
	g.mu.Unlock()
	if wait {
		<-g.release
	}
	return false
}

// WriteError gives a failed write its type: ErrFull or ErrFailed.
func WriteError(what, name string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %s %s: %w; writing goes on when there is room", store.ErrFull, what, name, err)
	}
	return fmt.Errorf("%w: %s %s: %w; check the disk, then start again", store.ErrFailed, what, name, err)
}

func isTable(name string) bool    { return strings.HasSuffix(name, ".sst") }
func isLog(name string) bool      { return strings.HasSuffix(name, ".log") }
func isManifest(name string) bool { return strings.HasPrefix(name, "MANIFEST-") }

// create makes a writable file out of what open gives.
func (g *Guard) create(name string, open func() (vfs.File, error)) (vfs.File, error) {
	base := g.PathBase(name)
	f := &guardedFile{g: g, path: name, log: isLog(base)}
	ok := g.do("creating", name, func() (err error) {
		f.File, err = open()
		return err
	})
	if !ok {
		f.File = nil
		return f, nil
	}
	if isManifest(base) {
		f.manifest = &manifestEntry{name: base}
	}
	return f, nil
}

// Create implements vfs.FS.
func (g *Guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(name, func() (vfs.File, error) {
		// A marker names the manifest that counts. Pebble syncs the folder only
		// after it has made the marker, and after a crash in between a file
		// system may have kept the marker and not the manifest.
		if strings.HasPrefix(g.PathBase(name), "marker.") {
			if err := SyncFolder(g.FS, g.PathDir(name)); err != nil {
				return nil, err
			}
		}
		return g.FS.Create(name, c)
	})
}

// OpenReadWrite implements vfs.FS.
func (g *Guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.create(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (g *Guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(newname, func() (vfs.File, error) {
		if err := g.ledger.forget(g.PathBase(oldname)); err != nil {
			return nil, err
		}
		return g.FS.ReuseForWrite(oldname, newname, c)
	})
}

// Open implements vfs.FS.
func (g *Guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := g.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	return pausingFile{f}, nil
}

// OpenDir implements vfs.FS.
func (g *Guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, g: g, path: name, folder: true}, nil
}

// Rename implements vfs.FS.
func (g *Guard) Rename(oldname, newname string) error {
	g.do("renaming", oldname, func() error { return g.FS.Rename(oldname, newname) })
	return nil
}

// Link implements vfs.FS.
func (g *Guard) Link(oldname, newname string) error {
	g.do("linking", oldname, func() error { return g.FS.Link(oldname, newname) })
	return nil
}

// Remove implements vfs.FS. That a file cannot be removed harms nobody, so it
// is the one write whose error is passed on.
func (g *Guard) Remove(name string) error {
	var err error
	g.do("removing", name, func() error {
		if ledgerErr := g.ledger.forget(g.PathBase(name)); ledgerErr != nil {
			return ledgerErr
		}
		err = g.FS.Remove(name)
		return nil
	})
	return err
}

// MkdirAll implements vfs.FS.
func (g *Guard) MkdirAll(dir string, perm os.FileMode) error {
	g.do("creating", dir, func() error { return g.FS.MkdirAll(dir, perm) })
	return nil
}

// Lock implements vfs.FS. The store holds a lock on the whole folder already,
// and when it recovers from a full disk it has the folder open twice for a
// moment, the first time frozen.
func (g *Guard) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap implements vfs.FS.
func (g *Guard) Unwrap() vfs.FS { return g.FS }

// pausingFile is a file to read from.
type pausingFile struct{ vfs.File }

func (f pausingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if err != nil && err != io.EOF {
		time.Sleep(ReadErrorPause)
	}
	return n, err
}
