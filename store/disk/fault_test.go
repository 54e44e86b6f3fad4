package disk_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
)

// badDisk is a disk on which writing fails from a file operation on.
type badDisk struct {
	*vfs.MemFS
	op    atomic.Int64
	from  int64 // the first operation that may fail; 0: none
	until int64 // and the first that may not any more; 0: no end
	err   error
	hit   atomic.Bool
}

func (d *badDisk) fs() vfs.FS {
	return errorfs.Wrap(d.MemFS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		n := d.op.Add(1)
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && d.from > 0 && n >= d.from && (d.until == 0 || n < d.until) {
			d.hit.Store(true)
			return d.err
		}
		return nil
	}))
}

// run writes batches of several writers until they fail or are done, and checks
// everything that the contract says about failing.
func (d *badDisk) run(t *testing.T, writers, batches int, want error) {
	t.Helper()
	c := smallMemTable
	c.Dir, c.FS = "store", d.fs()
	acked, issued := make([]int, writers), make([]int, writers)
	s, err := disk.Open(c)
	if err != nil {
		if !errors.Is(err, d.err) || !d.hit.Load() || want == store.ErrFull && !errors.Is(err, want) {
			t.Fatalf("Open: %v, want %v", err, want)
		}
	} else {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range batches {
					issued[w] = i + 1
					if err := s.Apply(numbered(w, i)); err != nil {
						if !errors.Is(err, want) {
							t.Errorf("Apply: %v, want %v", err, want)
						}
						break
					}
					acked[w] = i + 1
				}
			})
		}
		wg.Wait()
		for w := range writers {
			shown := acked[w] // nothing of what failed
			if want == store.ErrFull && d.until > 0 {
				shown = issued[w] // the store may have recovered
			}
			checkNumbered(t, s, w, acked[w], shown)
		}
		if d.hit.Load() && d.until == 0 {
			if err := s.Put("t", []byte("k"), nil); !errors.Is(err, want) {
				t.Errorf("Put on the bad disk: %v, want %v", err, want)
			}
		}
		closeStore(t, s)
	}
	// The disk is exchanged, or has room.
	c.FS = d.MemFS
	s = open(t, c)
	for w := range writers {
		checkNumbered(t, s, w, acked[w], issued[w])
	}
	put(t, s, "k", "v")
	closeStore(t, s)
}

func TestEveryFileOperationFails(t *testing.T) {
	for _, fault := range []struct {
		name  string
		err   error
		want  error
		lasts int64
	}{
		{"EIO for good", syscall.EIO, store.ErrFailed, 0},
		{"EIO once", syscall.EIO, store.ErrFailed, 1},
		{"full for good", syscall.ENOSPC, store.ErrFull, 0},
		{"quota once", syscall.EDQUOT, store.ErrFull, 1},
	} {
		t.Run(fault.name, func(t *testing.T) {
			n, step := int64(1), int64(1)
			if small() {
				step = 7
			}
			for ; ; n += step {
				d := &badDisk{MemFS: vfs.NewMem(), from: n, err: &vfsError{"write", fault.err}}
				if fault.lasts > 0 {
					d.until = n + fault.lasts
				}
				d.run(t, 1, 12, fault.want)
				if t.Failed() {
					t.Fatalf("from file operation %d on", n)
				}
				if d.op.Load() < n {
					break
				}
			}
			t.Logf("%d file operations", n)
		})
	}
}

// vfsError is an error as a file system returns it: with a cause inside.
type vfsError struct {
	op    string
	cause error
}

func (e *vfsError) Error() string { return e.op + ": " + e.cause.Error() }
func (e *vfsError) Unwrap() error { return e.cause }

func TestRandomFaultsUnderManyWriters(t *testing.T) {
	seeds := uint64(25)
	if small() {
		seeds = 3
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(3, seed))
		d := &badDisk{MemFS: vfs.NewMem(), from: 1 + rng.Int64N(1200), err: syscall.EIO}
		want := store.ErrFailed
		if rng.IntN(2) == 0 {
			d.err, want = syscall.ENOSPC, store.ErrFull
		}
		if rng.IntN(2) == 0 {
			d.until = d.from + 1 + rng.Int64N(3)
		}
		d.run(t, 6, 200, want)
		if t.Failed() {
			t.Fatalf("seed %d: %v in file operations %d to %d", seed, d.err, d.from, d.until)
		}
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	var bad atomic.Bool
	mem := vfs.NewCrashableMem()
	c := disk.Config{Dir: "s", FS: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if bad.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return syscall.EIO
		}
		return nil
	}))}
	s := open(t, c)
	put(t, s, "k", "1")
	bad.Store(true)
	if err := s.Put("t", []byte("k"), []byte("2")); !errors.Is(err, store.ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("Put without a sync: %v", err)
	}
	// The disk says that it is well again. What it lost it does not tell.
	bad.Store(false)
	for i := range 3 {
		if err := s.Put("t", []byte("k"), []byte("3")); !errors.Is(err, store.ErrFailed) {
			t.Fatalf("Put %d after a failed sync: %v", i, err)
		}
	}
	if err := s.Apply(&store.Batch{}); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	if v := get(t, s, "k"); v != "1" {
		t.Errorf("read shows what was never durable: %q", v)
	}
	closeStore(t, s)
	c.FS = mem.CrashClone(vfs.CrashCloneCfg{})
	s = open(t, c)
	if v := get(t, s, "k"); v != "1" {
		t.Errorf("after a power failure: %q", v)
	}
	closeStore(t, s)
}

func TestFullDiskGoesOnByItself(t *testing.T) {
	mem := vfs.NewMem()
	room := func(n uint64) { mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: n, TotalBytes: 1 << 40}) }
	s := open(t, disk.Config{Dir: "s", FS: mem, Reserve: 4 << 20})
	room(4 << 20)
	put(t, s, "k", "1")
	room(4<<20 - 1)
	if err := s.Put("t", []byte("k"), []byte("2")); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Put below the reserve: %v", err)
	}
	if v := get(t, s, "k"); v != "1" {
		t.Errorf("read on a full disk: %q", v)
	}
	if err := s.Delete("t", []byte("k")); err != nil {
		t.Errorf("Delete below the reserve: %v", err)
	}
	room(1<<20 - 1)
	if err := s.Delete("t", []byte("k")); !errors.Is(err, store.ErrFull) {
		t.Errorf("Delete below a quarter of the reserve: %v", err)
	}
	room(5 << 20)
	put(t, s, "k", "3")
	if v := get(t, s, "k"); v != "3" {
		t.Errorf("after there was room: %q", v)
	}
	closeStore(t, s)
}

func TestSuddenlyFullDiskGoesOnByItself(t *testing.T) {
	var full atomic.Bool
	c := smallMemTable
	c.Dir, c.FS = "s", errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, c)
	s.RecoverAtOnce()
	n := 0
	for range 5 {
		for range 100 {
			if err := s.Apply(numbered(0, n)); err != nil {
				t.Fatal(err)
			}
			n++
		}
		full.Store(true)
		for range 2 {
			if err := s.Apply(numbered(0, n)); !errors.Is(err, store.ErrFull) {
				t.Fatalf("Apply on a full disk: %v", err)
			}
		}
		checkNumbered(t, s, 0, n, n)
		full.Store(false)
		// Not while someone reads: his files would be taken away under him.
		err := s.Scan("a", store.Range{Limit: 1}, func(k, v []byte) bool {
			if err := s.Apply(numbered(0, n)); !errors.Is(err, store.ErrFull) {
				t.Errorf("the folder was opened anew under a scan: %v", err)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "k", "v")
	checkNumbered(t, s, 0, n, n+1)
	closeStore(t, s)
	s = open(t, c)
	checkNumbered(t, s, 0, n, n+1)
	closeStore(t, s)
}

func TestReadErrorIsNotDamage(t *testing.T) {
	var bad atomic.Bool
	mem := vfs.NewMem()
	c := smallMemTable
	c.Dir, c.FS = "s", errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if bad.Load() && op.Kind == errorfs.OpFileReadAt {
			return syscall.EIO
		}
		return nil
	}))
	s := open(t, c)
	for i := range 300 {
		if err := s.Apply(numbered(0, i)); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s) // everything is in tables now
	s = open(t, c)
	bad.Store(true)
	_, err := s.Get("a", numbered(0, 5).Ops()[0].Key)
	if !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	err = s.Scan("a", store.Range{}, func(k, v []byte) bool { return true })
	if !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Scan: %v", err)
	}
	bad.Store(false)
	// A job in the background may have met the error too, and reads that came
	// upon the same file share its outcome.
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := s.Scan("a", store.Range{}, func(k, v []byte) bool { return true })
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EIO) || time.Now().After(deadline) {
			t.Fatalf("the disk is well again: %v", err)
		}
	}
	checkNumbered(t, s, 0, 300, 300)
	put(t, s, "k", "v")
	closeStore(t, s)
}

func TestEngineThatGaveUpIsNotTrusted(t *testing.T) {
	c := disk.Config{Dir: "s", FS: vfs.NewMem()}
	s := open(t, c)
	put(t, s, "k", "v")
	s.EngineGivesUp("a test says so")
	if err := s.Put("t", []byte("k"), nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Get("t", []byte("k")); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.Get("t", []byte("none")); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Get of nothing: %v", err)
	}
	for _, r := range []store.Range{{}, {From: []byte("l")}} {
		err := s.Scan("t", r, func(k, v []byte) bool { t.Error("a record was shown"); return true })
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("Scan: %v", err)
		}
	}
	closeStore(t, s)
	s = open(t, c)
	if v := get(t, s, "k"); v != "v" {
		t.Errorf("opened again: %q", v)
	}
	closeStore(t, s)
}
