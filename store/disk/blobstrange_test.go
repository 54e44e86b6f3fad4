package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

// What may become of a blob's file (RELIABILITY section 5, row 72d). Whatever it is,
// other blobs are served, the blob is on the list of the damaged unless it is sound,
// and putting it anew mends it.
func TestStrangeBlobFiles(t *testing.T) {
	content := storetest.Content(1, store.ChunkSize+70<<10)
	for _, c := range []struct {
		name string
		do   func(path string) error
		lost []int // chunks
	}{
		{"truncated", func(p string) error { return os.Truncate(p, store.ChunkSize+5) }, []int{1}},
		{"empty", func(p string) error { return os.Truncate(p, 0) }, []int{0, 1}},
		{"gone", os.Remove, []int{0, 1}},
		{"another content", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("x"), len(content)), 0o600) }, []int{0, 1}},
		{"longer", func(p string) error { return os.WriteFile(p, append(bytes.Clone(content), 'x'), 0o600) }, nil},
		{"a folder", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, []int{0, 1}},
		{"a folder with something in it", func(p string) error {
			return errors.Join(os.Remove(p), os.MkdirAll(filepath.Join(p, "x"), 0o700))
		}, []int{0, 1}},
		{"a symbolic link to itself", func(p string) error { return errors.Join(os.Remove(p), os.Symlink(p, p)) }, []int{0, 1}},
		{"a symbolic link to the content", func(p string) error {
			return errors.Join(os.Rename(p, p+"-moved"), os.Symlink(p+"-moved", p))
		}, nil},
		{"a second link", func(p string) error { return os.Link(p, p+"-linked") }, nil},
		{"of the future", func(p string) error { return os.Chtimes(p, time.Time{}, time.Now().AddDate(100, 0, 0)) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := disk.Config{Dir: filepath.Join(t.TempDir(), "s")}
			s := open(t, config)
			h, other := putBlob(t, s, content), putBlob(t, s, content[1:])
			path := s.BlobPath(h)
			closeStore(t, s)
			if err := c.do(path); err != nil {
				t.Fatal(err)
			}
			s = open(t, config)
			for n := range 2 {
				_, err := s.Blobs().ReadChunk(h, n, nil)
				if bad := slices.Contains(c.lost, n); bad != errors.Is(err, store.ErrCorrupt) || !bad && err != nil {
					t.Errorf("chunk %d: %v", n, err)
				}
			}
			wantBlob(t, s, other, content[1:])
			damaged, err := s.Blobs().Damaged()
			if err != nil || slices.Contains(damaged, h) != (len(c.lost) > 0) {
				t.Errorf("Damaged: %v, %v", damaged, err)
			}
			mend(t, s, content, c.lost)
			closeStore(t, s)
			s = open(t, config)
			wantBlob(t, s, h, content)
			if damaged, err := s.Blobs().Damaged(); err != nil || len(damaged) > 0 {
				t.Errorf("Damaged in the end: %v, %v", damaged, err)
			}
			closeStore(t, s)
		})
	}
}

func mend(t *testing.T, s *disk.Store, content []byte, lost []int) {
	t.Helper()
	o := store.OutlineOf(content)
	d, err := s.Blobs().Create(o)
	if err != nil {
		t.Fatal(err)
	}
	if missing := d.Missing(); !slices.Equal(missing, lost) {
		t.Errorf("missing %v, want %v", missing, lost)
	}
	for _, n := range d.Missing() {
		at := n * store.ChunkSize
		if err := d.WriteChunk(n, content[at:at+o.ChunkLen(n)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Commit(), d.Close()); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, s, o.Hash(), content)
}

// Names that are not ours are neither taken for blobs nor removed.
func TestStrangeNamesAmongBlobs(t *testing.T) {
	config := disk.Config{Dir: filepath.Join(t.TempDir(), "s")}
	s := open(t, config)
	content := storetest.Content(1, 70<<10)
	h := putBlob(t, s, content)
	path := s.BlobPath(h)
	closeStore(t, s)
	strange := []string{
		filepath.Join(filepath.Dir(path), "with\nnewline"),
		filepath.Join(filepath.Dir(path), h.String()[:63]),
		filepath.Join(filepath.Dir(path), h.String()+"0.part"),
		filepath.Join(filepath.Dir(path), id.Hash{h[0] + 1}.String()), // in another's folder
		filepath.Join(config.Dir, "blobs", "zz"),
		filepath.Join(config.Dir, "blobs", "AA"),
	}
	for _, p := range strange {
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, config)
	if drafts, err := s.Blobs().Drafts(); err != nil || len(drafts) > 0 {
		t.Errorf("Drafts: %v, %v", drafts, err)
	}
	wantBlob(t, s, h, content)
	closeStore(t, s)
	for _, p := range strange {
		if _, err := os.Lstat(p); err != nil {
			t.Error(err)
		}
	}
}

// A file where a folder should be takes the blobs of that folder, and no others.
func TestFileInThePlaceOfAFolder(t *testing.T) {
	config := disk.Config{Dir: filepath.Join(t.TempDir(), "s")}
	s := open(t, config)
	content := storetest.Content(1, 70<<10)
	h := putBlob(t, s, content)
	var others []id.Hash
	for i := range 5 {
		other := putBlob(t, s, storetest.Content(10+i, 70<<10))
		if other[0] != h[0] {
			others = append(others, other)
		}
	}
	folder := filepath.Dir(s.BlobPath(h))
	closeStore(t, s)
	if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	if damaged, err := s.Blobs().Damaged(); err != nil || !slices.Equal(damaged, []id.Hash{h}) {
		t.Errorf("Damaged: %v, %v", damaged, err)
	}
	for _, other := range others {
		if _, err := s.Blobs().ReadChunk(other, 0, nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Blobs().Create(store.OutlineOf(content)); err == nil {
		t.Error("a blob was put into a file")
	}
	closeStore(t, s)
}

func FuzzBlobEntry(f *testing.F) {
	for _, c := range [][]byte{nil, []byte("x"), storetest.Content(1, 2*store.ChunkSize)} {
		f.Add(disk.EncodeEntry(store.OutlineOf(c), 0))
	}
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, flags, err := disk.DecodeEntry(b)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%v, want ErrCorrupt", err)
			}
			return
		}
		if err := o.Check(); err != nil {
			t.Errorf("an outline that cannot be: %v", err)
		}
		if again := disk.EncodeEntry(o, flags); !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x", b, again)
		}
	})
}

func FuzzBlobFileName(f *testing.F) {
	name := store.OutlineOf(nil).Hash().String()
	for _, n := range []string{"", name, name + ".part", name + ".old", name + ".part.old", name[1:], "../" + name, "LOCK"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n string) {
		again, ok := disk.BlobFileName(n)
		if ok && again != n {
			t.Errorf("%q is taken for %q", n, again)
		}
	})
}
