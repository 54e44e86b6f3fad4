package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// sweep compares the index with the files when a store is opened, folder by folder,
// so that it needs little memory. A crash leaves files that the index does not know:
// they are what was broken off. A file that the index knows and that is not there is
// damage. Names that are not ours stay as they are.
type sweep struct {
	blobs   *blobs
	folders [256]bool // those that are there
	at      int       // the folder in files
	files   map[id.Hash]fileKinds
}

// fileKinds says which files of a blob there are.
type fileKinds uint8

const (
	wholeFile fileKinds = 1 << iota
	partFile
	oldFile
)

// open finds out what there is, and how much room it takes.
func (b *blobs) open(v *view) error {
	s := sweep{blobs: b, at: -1}
	if err := s.readFolders(); err != nil {
		return err
	}
	err := v.entries(id.Hash{}, func(h id.Hash, value []byte) (bool, error) {
		size, flags, err := parseHead(value)
		if err != nil {
			return false, err
		}
		b.store.taken.add(taken{size, 1})
		return true, s.entry(h, flags)
	})
	if err != nil {
		return err
	}
	return s.goTo(len(s.folders))
}

func (s *sweep) readFolders() error {
	f := &s.blobs.files
	names, err := f.fs.List(f.dir)
	if err != nil {
		return guard.OpenError(f.dir, err)
	}
	for _, name := range names {
		raw, err := hex.DecodeString(name)
		if err != nil || len(raw) != 1 || name != strings.ToLower(name) {
			s.blobs.store.config.Log.Warn("store: not a folder of ours", "path", f.fs.PathJoin(f.dir, name))
			continue
		}
		s.folders[raw[0]] = true
	}
	return nil
}

// entry looks at one entry of the index. They come in order.
func (s *sweep) entry(h id.Hash, flags byte) error {
	if err := s.goTo(int(h[0])); err != nil {
		return err
	}
	b, kinds := s.blobs, s.files[h]
	damaged := flags&isDamaged != 0
	if flags&isInline == 0 {
		if kinds&wholeFile == 0 {
			damaged = true
			b.store.config.Log.Error("store: the file of a blob is missing", "blob", h)
		}
		kinds &^= wholeFile
	}
	switch {
	case kinds == 0:
		delete(s.files, h)
	case damaged: // what a repair has left
		s.files[h] = kinds
	default: // and what it has left of that when it was done
		delete(s.files, h)
		if err := b.files.removeBeside(h); err != nil {
			b.store.config.Log.Warn("store: a file that is of no use could not be removed", "err", err)
		}
	}
	if damaged {
		b.damaged[h] = true
	}
	return nil
}

// goTo reads folder x. What is left of the folders before is what was broken off.
func (s *sweep) goTo(x int) error {
	for s.at < x {
		for h, kinds := range s.files {
			if err := s.blobs.setAside(h, kinds); err != nil {
				return err
			}
		}
		s.at++
		s.files = map[id.Hash]fileKinds{}
		if s.at < len(s.folders) && s.folders[s.at] {
			if err := s.readFolder(fmt.Sprintf("%02x", s.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sweep) readFolder(name string) error {
	f := &s.blobs.files
	folder := f.fs.PathJoin(f.dir, name)
	names, err := f.fs.List(folder)
	if errors.Is(err, syscall.ENOTDIR) {
		s.blobs.store.config.Log.Error("store: not a folder", "path", folder)
		return nil
	}
	if err != nil {
		return guard.OpenError(folder, err)
	}
	strange := 0
	for _, n := range names {
		h, kind, ok := parseFileName(n)
		if !ok || !strings.HasPrefix(n, name) {
			strange++
			continue
		}
		s.files[h] |= kind
	}
	if strange > 0 {
		s.blobs.store.config.Log.Warn("store: names that are not ours", "path", folder, "number", strange)
	}
	return nil
}

func parseFileName(name string) (h id.Hash, kind fileKinds, ok bool) {
	kind = wholeFile
	if base, cut := strings.CutSuffix(name, partEnd); cut {
		name, kind = base, partFile
	} else if base, cut := strings.CutSuffix(name, oldEnd); cut {
		name, kind = base, oldFile
	}
	if err := h.UnmarshalText([]byte(name)); err != nil || h.String() != name {
		return id.Hash{}, 0, false
	}
	return h, kind, true
}

// setAside gives what was broken off the name under which Create looks for it.
func (b *blobs) setAside(h id.Hash, kinds fileKinds) error {
	f := &b.files
	path := f.path(h)
	var err error
	switch {
	case kinds&wholeFile != 0:
		if info, statErr := f.fs.Stat(path); statErr == nil && info.IsDir() {
			b.store.config.Log.Warn("store: a folder in the place of a file", "path", path)
			return nil
		}
		err = f.fs.Rename(path, path+partEnd)
	case kinds&partFile == 0:
		err = f.fs.Rename(path+oldEnd, path+partEnd)
	}
	if err != nil {
		return guard.OpenError(path, err)
	}
	info, err := f.fs.Stat(path + partEnd)
	if err != nil {
		return guard.OpenError(path+partEnd, err)
	}
	b.left[h] = max(info.Size(), 1)
	return nil
}

// count adds up what blobs take in a folder that was opened anew, and finds out what
// has become of changes that had failed.
func (b *blobs) count(v *view) (taken, error) {
	var t taken
	b.mu.Lock()
	defer b.mu.Unlock()
	err := v.entries(id.Hash{}, func(h id.Hash, value []byte) (bool, error) {
		size, _, err := parseHead(value)
		if err != nil {
			return false, err
		}
		t.add(taken{size, 1})
		delete(b.unsure, h)
		if !b.damaged[h] {
			delete(b.left, h)
		}
		return true, nil
	})
	if err != nil {
		return taken{}, err
	}
	for h, n := range b.unsure {
		delete(b.damaged, h)
		if n > 0 {
			b.left[h] = n
		}
	}
	clear(b.unsure)
	return t, nil
}
