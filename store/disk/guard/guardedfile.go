package guard

import (
	"hash/crc32"
	"io"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// guardedFile is a file or a folder that Pebble writes to or syncs. Without a
// File behind it, because it was created after the folder was frozen, it
// swallows what it is given.
type guardedFile struct {
	vfs.File
	g        *Guard
	path     string
	folder   bool
	log      bool           // holds acknowledged batches
	manifest *manifestEntry // what was written so far, if it is a list of tables
	noted    bool           // the log stands in the ledger as one with content
	size     int64          // bytes swallowed
}

func (f *guardedFile) do(what string, write func() error) bool {
	return f.g.do(what, f.path, func() error {
		if f.File == nil {
			return nil
		}
		return write()
	})
}

// Write implements vfs.File.
func (f *guardedFile) Write(p []byte) (int, error) {
	sum := uint32(0)
	if f.manifest != nil { // before the write, which may change p
		sum = crc32.Update(f.manifest.sum, castagnoli, p)
	}
	done := f.do("writing", func() error {
		_, err := f.File.Write(p)
		return err
	})
	if !done || f.File == nil {
		f.size += int64(len(p))
	} else if f.manifest != nil {
		f.manifest.sum = sum
		f.manifest.size += int64(len(p))
	}
	return len(p), nil
}

// WriteAt implements vfs.File.
func (f *guardedFile) WriteAt(p []byte, off int64) (int, error) {
	f.do("writing", func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
	return len(p), nil
}

// Sync implements vfs.File.
func (f *guardedFile) Sync() error {
	f.do("syncing", func() error { return f.synced(f.File.Sync()) })
	return nil
}

// SyncData implements vfs.File.
func (f *guardedFile) SyncData() error {
	f.do("syncing", func() error { return f.synced(f.File.SyncData()) })
	return nil
}

// SyncTo implements vfs.File.
func (f *guardedFile) SyncTo(length int64) (full bool, err error) {
	f.do("syncing", func() error {
		var err error
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

// synced writes into the ledger what is durable now. Pebble learns of its sync
// only afterwards, and so does whoever waits for an acknowledgement.
func (f *guardedFile) synced(err error) error {
	switch {
	case err != nil:
		return err
	case f.manifest != nil:
		return f.g.ledger.manifestSynced(*f.manifest)
	case f.log && !f.noted:
		f.noted = true
		return f.g.ledger.logSynced(f.g.PathBase(f.path))
	}
	return nil
}

// Preallocate implements vfs.File. It is a hint; if it does not work, the write
// that follows tells.
func (f *guardedFile) Preallocate(off, length int64) error {
	if f.File == nil || f.g.Err() != nil {
		return nil
	}
	return f.File.Preallocate(off, length)
}

// Close implements vfs.File.
func (f *guardedFile) Close() error {
	if f.File == nil {
		return nil
	}
	if err := f.File.Close(); err != nil && !f.folder {
		f.g.Fail(WriteError("closing", f.path, err))
	}
	return nil
}

// Read implements vfs.File.
func (f *guardedFile) Read(p []byte) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.Read(p)
}

// ReadAt implements vfs.File.
func (f *guardedFile) ReadAt(p []byte, off int64) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.ReadAt(p, off)
}

// Prefetch implements vfs.File.
func (f *guardedFile) Prefetch(off, length int64) error {
	if f.File == nil {
		return nil
	}
	return f.File.Prefetch(off, length)
}

// Stat implements vfs.File.
func (f *guardedFile) Stat() (vfs.FileInfo, error) {
	if f.File == nil {
		return swallowedInfo{f.g.PathBase(f.path), f.size}, nil
	}
	return f.File.Stat()
}

// Fd implements vfs.File.
func (f *guardedFile) Fd() uintptr {
	if f.File == nil {
		return vfs.InvalidFd
	}
	return f.File.Fd()
}

// swallowedInfo describes a file that was never created.
type swallowedInfo struct {
	name string
	size int64
}

func (i swallowedInfo) Name() string         { return i.name }
func (i swallowedInfo) Size() int64          { return i.size }
func (swallowedInfo) Mode() fs.FileMode      { return 0o600 }
func (swallowedInfo) ModTime() time.Time     { return time.Time{} }
func (swallowedInfo) IsDir() bool            { return false }
func (swallowedInfo) Sys() any               { return nil }
func (swallowedInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
