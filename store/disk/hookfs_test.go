package disk_test

import (
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	vfsEIO    error = &vfsError{"write", syscall.EIO}
	vfsENOSPC error = &vfsError{"write", syscall.ENOSPC}
)

// hookFS asks before each system call what is to become of it.
type hookFS struct {
	vfs.FS
	// before gets the number of the call, from 1 on, and its path. An error is the
	// call's.
	before func(n int64, path string) error
	// writesOnly: calls that only read are not asked about, nor counted.
	writesOnly bool
	short      bool // a write that fails writes half
	lies       bool // a sync that has failed says from then on that all is well

	mu   sync.Mutex
	n    int64
	lost map[string]bool // paths whose sync has failed
}

func (h *hookFS) ask(write bool, path string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writesOnly && !write {
		return nil
	}
	h.n++
	return h.before(h.n, path)
}

func (h *hookFS) file(path string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &hookFile{f, h, path}, nil
}

func (h *hookFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := h.ask(true, name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	delete(h.lost, name) // it is a new file
	h.mu.Unlock()
	f, err := h.FS.Create(name, c)
	return h.file(name, f, err)
}

func (h *hookFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := h.ask(false, name); err != nil {
		return nil, err
	}
	f, err := h.FS.Open(name, opts...)
	return h.file(name, f, err)
}

func (h *hookFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := h.ask(true, name); err != nil {
		return nil, err
	}
	f, err := h.FS.OpenReadWrite(name, c, opts...)
	return h.file(name, f, err)
}

func (h *hookFS) OpenDir(name string) (vfs.File, error) {
	if err := h.ask(false, name); err != nil {
		return nil, err
	}
	f, err := h.FS.OpenDir(name)
	return h.file(name, f, err)
}

func (h *hookFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := h.ask(true, newname); err != nil {
		return nil, err
	}
	f, err := h.FS.ReuseForWrite(oldname, newname, c)
	return h.file(newname, f, err)
}

func (h *hookFS) Remove(name string) error {
	if err := h.ask(true, name); err != nil {
		return err
	}
	return h.FS.Remove(name)
}

func (h *hookFS) RemoveAll(name string) error {
	if err := h.ask(true, name); err != nil {
		return err
	}
	return h.FS.RemoveAll(name)
}

func (h *hookFS) Rename(oldname, newname string) error {
	if err := h.ask(true, oldname); err != nil {
		return err
	}
	h.mu.Lock()
	if h.lost[oldname] {
		h.lost[newname] = true
	} else {
		delete(h.lost, newname)
	}
	h.mu.Unlock()
	return h.FS.Rename(oldname, newname)
}

func (h *hookFS) MkdirAll(dir string, perm os.FileMode) error {
	if err := h.ask(true, dir); err != nil {
		return err
	}
	return h.FS.MkdirAll(dir, perm)
}

func (h *hookFS) List(dir string) ([]string, error) {
	if err := h.ask(false, dir); err != nil {
		return nil, err
	}
	return h.FS.List(dir)
}

func (h *hookFS) Unwrap() vfs.FS { return h.FS }

// sync syncs a file, unless that has failed once.
func (h *hookFS) sync(path string, sync func() error) error {
	err := h.ask(true, path)
	h.mu.Lock()
	if err != nil && h.lies {
		if h.lost == nil {
			h.lost = map[string]bool{}
		}
		h.lost[path] = true
	}
	lost := h.lost[path]
	h.mu.Unlock()
	if err != nil || lost {
		return err
	}
	return sync()
}

type hookFile struct {
	vfs.File
	h    *hookFS
	path string
}

func (f *hookFile) Write(p []byte) (int, error) {
	if err := f.h.ask(true, f.path); err != nil {
		if f.h.short {
			n, _ := f.File.Write(p[:len(p)/2])
			return n, err
		}
		return 0, err
	}
	return f.File.Write(p)
}

func (f *hookFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.h.ask(true, f.path); err != nil {
		if f.h.short {
			n, _ := f.File.WriteAt(p[:len(p)/2], off)
			return n, err
		}
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *hookFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.h.ask(false, f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *hookFile) Sync() error     { return f.h.sync(f.path, f.File.Sync) }
func (f *hookFile) SyncData() error { return f.h.sync(f.path, f.File.SyncData) }

func (f *hookFile) SyncTo(length int64) (full bool, err error) {
	err = f.h.sync(f.path, func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
