package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

const (
	blobsName = "blobs"
	// A file that is written has the ending partEnd, and what an earlier try has
	// left of it, while that is copied, oldEnd.
	partEnd = ".part"
	oldEnd  = ".old"
	// What is not a file and stood in the place of one gets the ending foreignEnd.
	foreignEnd = ".foreign"
)

// blobFiles are the files of blobs: blobs/ab/abcd…, so that no folder becomes very
// long. A file has nothing in it but the content.
type blobFiles struct {
	fs  vfs.FS
	dir string

	mu sync.Mutex
	// made are the folders that are there and will be after a crash.
	made map[string]bool
	// failure is the first error of a folder's sync. What was renamed may or may
	// not be there then, and no later sync would tell.
	failure error
}

func newBlobFiles(c Config) blobFiles {
	return blobFiles{fs: c.FS, dir: c.path(blobsName), made: map[string]bool{}}
}

func (f *blobFiles) folder(h id.Hash) string {
	return f.fs.PathJoin(f.dir, hex.EncodeToString(h[:1]))
}

func (f *blobFiles) path(h id.Hash) string { return f.fs.PathJoin(f.folder(h), h.String()) }

// free is what is free on the disk, in bytes, or -1 if it cannot be known.
func (f *blobFiles) free() int64 {
	usage, err := f.fs.GetDiskUsage(f.fs.PathDir(f.dir))
	if err != nil {
		return -1
	}
	return int64(min(usage.AvailBytes, 1<<62))
}

// makeDir makes the folder of all files, durably. That is done when the store is
// opened, and not later, so that the folder above is synced by the store alone: it has
// the LEDGER in it too, and of a sync that has failed here no later one would tell.
func (f *blobFiles) makeDir() error {
	err := f.fs.MkdirAll(f.dir, 0o700)
	if err == nil {
		err = guard.SyncFolder(f.fs, f.fs.PathDir(f.dir))
	}
	return guard.OpenError(f.dir, err)
}

// prepare makes a blob's folder, durably, if it is not there.
func (f *blobFiles) prepare(h id.Hash) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return f.failure
	}
	folder := f.folder(h)
	if f.made[folder] {
		return nil
	}
	if err := f.fs.MkdirAll(folder, 0o700); err != nil {
		return guard.WriteError("creating", folder, err)
	}
	// A folder that was there may still be one that a crash would take.
	if err := guard.SyncFolder(f.fs, f.dir); err != nil {
		f.failure = guard.WriteError("syncing", f.dir, err)
		return f.failure
	}
	f.made[folder] = true
	return nil
}

// publish gives a file that was written and synced its name, durably. retry says
// that after the error the same can be tried again.
func (f *blobFiles) publish(h id.Hash) (retry bool, err error) {
	path := f.path(h)
	err = f.fs.Rename(path+partEnd, path)
	if info, statErr := f.fs.Stat(path); err != nil && statErr == nil && info.IsDir() {
		// Somebody has put a folder there. It is not ours to remove.
		err = errors.Join(f.fs.Rename(path, path+foreignEnd), f.fs.Rename(path+partEnd, path))
	}
	if err != nil {
		err = guard.WriteError("renaming", path+partEnd, err)
		return errors.Is(err, store.ErrFull), err
	}
	f.mu.Lock()
	failure := f.failure
	f.mu.Unlock()
	if failure != nil {
		return false, failure
	}
	if err := guard.SyncFolder(f.fs, f.folder(h)); err != nil {
		err = guard.WriteError("syncing", f.folder(h), err)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failure = err
		return false, err
	}
	return false, nil
}

// remove removes all files of a blob. That there are none is no error.
func (f *blobFiles) remove(h id.Hash) error { return f.removeEnds(h, "", partEnd, oldEnd) }

// removeBeside removes all files of a blob but the one with its content.
func (f *blobFiles) removeBeside(h id.Hash) error { return f.removeEnds(h, partEnd, oldEnd) }

func (f *blobFiles) removeEnds(h id.Hash, ends ...string) error {
	var failure error
	for _, end := range ends {
		if err := f.fs.Remove(f.path(h) + end); err != nil && !guard.IsNotExist(err) {
			failure = errors.Join(failure, err)
		}
	}
	return failure
}

// readChunk reads and verifies a chunk of a blob.
func (f *blobFiles) readChunk(h id.Hash, o store.Outline, n int, into []byte) ([]byte, error) {
	file, err := f.fs.Open(f.path(h))
	if err != nil {
		return nil, err
	}
	content, err := readVerified(file, o, n, into)
	return content, errors.Join(err, file.Close())
}

func readVerified(file io.ReaderAt, o store.Outline, n int, into []byte) ([]byte, error) {
	content := slices.Grow(into[:0], o.ChunkLen(n))[:o.ChunkLen(n)]
	got, err := file.ReadAt(content, int64(n)*store.ChunkSize)
	if err != nil && (err != io.EOF || got < len(content)) {
		return nil, err
	}
	if got < len(content) {
		return nil, io.ErrUnexpectedEOF
	}
	if err := o.Verify(n, content); err != nil {
		return nil, err
	}
	return content, nil
}

// isDamage tells whether an error of reading a file says that what was written is
// not there. An error for want of something, such as files that may be open, does
// not.
func (f *blobFiles) isDamage(h id.Hash, err error) bool {
	for _, cause := range []error{store.ErrMismatch, store.ErrCorrupt, io.EOF, io.ErrUnexpectedEOF, fs.ErrNotExist,
		syscall.EIO, syscall.EISDIR, syscall.ENOTDIR, syscall.ELOOP} {
		if errors.Is(err, cause) {
			return true
		}
	}
	info, statErr := f.fs.Stat(f.path(h))
	return statErr == nil && !info.Mode().IsRegular()
}

func damageError(h id.Hash, n int, err error) error {
	return fmt.Errorf("%w: blob %s, chunk %d: %w", store.ErrCorrupt, h, n, err)
}
