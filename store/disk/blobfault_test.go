package disk_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

func putBlob(t testing.TB, s *disk.Store, content []byte) id.Hash {
	t.Helper()
	h, err := store.PutBlob(s.Blobs(), content)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantBlob(t testing.TB, s *disk.Store, h id.Hash, content []byte) {
	t.Helper()
	got, err := store.GetBlob(s.Blobs(), h, store.MaxBlob)
	if err != nil || !slices.Equal(got, content) {
		t.Errorf("blob of %d bytes: %d bytes, %v", len(content), len(got), err)
	}
}

// Each of 10,000 bits that change (see small) is noticed by whoever reads or scrubs, and no wrong
// byte is given out.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, disk.Config{Dir: "store", FS: mem})
	content := storetest.Content(1, 64<<10)
	h := putBlob(t, s, content)
	file, err := mem.UnsafeGetFileDataBuffer(s.BlobPath(h))
	if err != nil {
		t.Fatal(err)
	}
	flips := 10_000
	if small() {
		flips = 1000
	}
	for i := range flips {
		bit := i * (len(file)*8/flips + 1) % (len(file) * 8) // a step that has no factor with the length
		file[bit/8] ^= 1 << (bit % 8)
		if i%10 == 0 {
			found, err := s.Blobs().Scrub(store.Mark{}, 1)
			if err != nil || !slices.Equal(found.Damaged, []id.Hash{h}) {
				t.Fatalf("bit %d, scrubbed: %+v, %v", bit, found, err)
			}
		} else if _, err := s.Blobs().ReadChunk(h, 0, nil); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("bit %d, read: %v", bit, err)
		}
		file[bit/8] ^= 1 << (bit % 8)
	}
	wantBlob(t, s, h, content)
	closeStore(t, s)
}

// faultyOn opens a store with a file system on which calls of some kinds fail for
// paths that have something in them, while bad is set.
func faultyOn(t *testing.T, mem *vfs.MemFS, in string, err error, kinds ...errorfs.OpKind) (*disk.Store, *atomic.Bool) {
	t.Helper()
	bad := new(atomic.Bool)
	s := open(t, disk.Config{Dir: "store", FS: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if bad.Load() && slices.Contains(kinds, op.Kind) && strings.Contains(op.Path, in) {
			return &vfsError{"call", err}
		}
		return nil
	}))})
	return s, bad
}

func TestBlobReadErrors(t *testing.T) {
	content := storetest.Content(1, 70<<10)
	for _, c := range []struct {
		err    error
		kind   errorfs.OpKind
		damage bool
	}{
		{syscall.EIO, errorfs.OpFileReadAt, true},
		{syscall.EIO, errorfs.OpOpen, true},
		{syscall.EMFILE, errorfs.OpOpen, false},
		{syscall.ENOMEM, errorfs.OpFileReadAt, false},
	} {
		s, bad := faultyOn(t, vfs.NewMem(), "blobs", c.err, c.kind)
		h := putBlob(t, s, content)
		bad.Store(true)
		_, err := s.Blobs().ReadChunk(h, 0, nil)
		if !errors.Is(err, c.err) || errors.Is(err, store.ErrCorrupt) != c.damage || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v: %v", c.err, err)
		}
		bad.Store(false)
		wantBlob(t, s, h, content)
		if found, err := s.Blobs().Damaged(); err != nil || len(found) > 0 != c.damage {
			t.Errorf("%v: damaged %v, %v", c.err, found, err)
		}
		putBlob(t, s, content) // looks at all of it, and finds nothing missing
		if found, err := s.Blobs().Damaged(); err != nil || len(found) > 0 {
			t.Errorf("%v: damaged after it was put anew: %v, %v", c.err, found, err)
		}
		closeStore(t, s)
	}
}

func TestFailedSyncOfABlobIsFinal(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s, bad := faultyOn(t, mem, ".part", syscall.EIO, errorfs.OpFileSync)
	content := storetest.Content(1, 70<<10)
	d, err := s.Blobs().Create(store.OutlineOf(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteChunk(0, content); err != nil {
		t.Fatal(err)
	}
	bad.Store(true)
	if err := d.Commit(); !errors.Is(err, store.ErrFailed) {
		t.Fatalf("Commit without a sync: %v", err)
	}
	bad.Store(false)
	for range 2 {
		if err := errors.Join(d.Commit(), d.WriteChunk(0, content)); !errors.Is(err, store.ErrFailed) {
			t.Errorf("the draft goes on: %v", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if drafts, err := s.Blobs().Drafts(); err != nil || len(drafts) > 0 {
		t.Errorf("what is not believed was kept: %v, %v", drafts, err)
	}
	put(t, s, "k", "records go on")
	h := putBlob(t, s, content)
	crashed := open(t, disk.Config{Dir: "store", FS: mem.CrashClone(vfs.CrashCloneCfg{})})
	wantBlob(t, crashed, h, content)
	closeStore(t, crashed)
	closeStore(t, s)
}

func TestFailedSyncOfAFolderIsFinal(t *testing.T) {
	mem := vfs.NewCrashableMem()
	content := storetest.Content(1, 70<<10)
	h := store.OutlineOf(content).Hash()
	folder := "/" + h.String()[:2]
	bad := new(atomic.Bool)
	c := disk.Config{Dir: "store", FS: &hookFS{FS: mem, before: func(_ int64, path string) error {
		if bad.Load() && strings.HasSuffix(path, folder) {
			return vfsEIO
		}
		return nil
	}}}
	s := open(t, c)
	other := putBlob(t, s, storetest.Content(2, 70<<10))
	putBlob(t, s, content) // makes the folder
	if err := s.Blobs().Delete(h); err != nil {
		t.Fatal(err)
	}
	bad.Store(true)
	if _, err := store.PutBlob(s.Blobs(), content); !errors.Is(err, store.ErrFailed) {
		t.Fatalf("without a sync of the folder: %v", err)
	}
	bad.Store(false)
	for i := range 3 {
		if _, err := store.PutBlob(s.Blobs(), storetest.Content(i, 70<<10+i)); !errors.Is(err, store.ErrFailed) {
			t.Errorf("blob %d after it: %v", i, err)
		}
	}
	put(t, s, "k", "records go on")
	wantBlob(t, s, other, storetest.Content(2, 70<<10))
	closeStore(t, s)
	s = open(t, c)
	putBlob(t, s, content)
	wantBlob(t, s, h, content)
	closeStore(t, s)
}

// A full disk is a clear error; the put goes on when there is room.
func TestFullDiskUnderABlob(t *testing.T) {
	content := storetest.Content(1, store.ChunkSize+100)
	for _, c := range []struct {
		kind errorfs.OpKind
		lost []int // chunks to be written anew
	}{
		{errorfs.OpFileWriteAt, []int{1}},
		{errorfs.OpFileSync, []int{0, 1}}, // nobody knows what was written
		{errorfs.OpRename, nil},
	} {
		s, bad := faultyOn(t, vfs.NewMem(), ".part", syscall.ENOSPC, c.kind)
		d, err := s.Blobs().Create(store.OutlineOf(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.WriteChunk(0, content[:store.ChunkSize]); err != nil {
			t.Fatal(err)
		}
		bad.Store(true)
		if err = d.WriteChunk(1, content[store.ChunkSize:]); err == nil {
			err = d.Commit()
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("on a full disk: %v", err)
		}
		bad.Store(false)
		if lost := d.Missing(); !slices.Equal(lost, c.lost) {
			t.Errorf("missing %v, want %v", lost, c.lost)
		}
		for _, n := range d.Missing() {
			at := n * store.ChunkSize
			if err := d.WriteChunk(n, content[at:min(len(content), at+store.ChunkSize)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(d.Commit(), d.Close()); err != nil {
			t.Fatalf("when there is room: %v", err)
		}
		wantBlob(t, s, store.OutlineOf(content).Hash(), content)
		closeStore(t, s)
	}
}

func TestBlobFloor(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, disk.Config{Dir: "store", FS: mem, Reserve: 1 << 20})
	content := storetest.Content(1, 100<<10)
	for _, floor := range []int64{2 << 20, 10 << 20} { // twice the reserve, before another is set
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(floor) + 100<<10 - 1, TotalBytes: 1 << 40})
		if _, err := store.PutBlob(s.Blobs(), content); !errors.Is(err, store.ErrFull) {
			t.Errorf("below a floor of %d: %v", floor, err)
		}
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(floor) + 100<<10, TotalBytes: 1 << 40})
		h := putBlob(t, s, content)
		if err := s.Blobs().Delete(h); err != nil {
			t.Fatal(err)
		}
		s.Blobs().SetLimits(store.Limits{Quota: -1, Floor: 10 << 20})
	}
	closeStore(t, s)
}

// A change that has failed may have reached the disk all the same, and shows at the
// next opening. Until then nobody may say yes because of what reads show.
func TestNothingRestsOnAFailedChange(t *testing.T) {
	for _, size := range []int{1000, 70 << 10} {
		for _, there := range []bool{true, false} {
			content := storetest.Content(1, size)
			h := store.OutlineOf(content).Hash()
			mem := vfs.NewMem()
			s := open(t, disk.Config{Dir: "store", FS: mem})
			if there {
				putBlob(t, s, content)
			}
			closeStore(t, s)
			s, bad := faultyOn(t, mem, ".log", syscall.EIO, errorfs.OpFileSyncData) // it is written already
			changes := []func() error{
				func() error { return s.Blobs().Delete(h) },
				func() error { _, err := store.PutBlob(s.Blobs(), content); return err },
			}
			if !there {
				slices.Reverse(changes)
			}
			bad.Store(true)
			for i, change := range changes {
				if err := change(); !errors.Is(err, store.ErrFailed) {
					t.Errorf("%d bytes, there: %v, change %d: %v", size, there, i, err)
				}
			}
			if _, err := s.Blobs().Stat(h); there != (err == nil) {
				t.Errorf("%d bytes: the failed change shows: %v", size, err)
			}
			closeStore(t, s)
			s = open(t, disk.Config{Dir: "store", FS: mem})
			if _, err := s.Blobs().Stat(h); there == (err == nil) {
				t.Errorf("%d bytes: the change that has reached the disk does not show: %v", size, err)
			}
			closeStore(t, s)
		}
	}
}
