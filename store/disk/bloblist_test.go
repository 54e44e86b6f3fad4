package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

// listsEnv is how many lists of operations are played, with something at every system
// call, instead of a few with something at each eleventh; see small.
const listsEnv = "PHYLLO_LISTS"

func lists(t *testing.T, few int) (n uint64, step int64) {
	many := os.Getenv(listsEnv)
	if many == "" {
		if simtest.Race {
			return uint64(few), 33
		}
		return uint64(few), 11
	}
	n, err := strconv.ParseUint(many, 10, 16)
	if err != nil {
		t.Fatalf("%s: %v", listsEnv, err)
	}
	return n, 1
}

// listContents are what the lists put: records and files, of one chunk and of two.
var listContents = [...][]byte{
	{},
	storetest.Content(1, 1000),
	storetest.Content(2, 64<<10),
	storetest.Content(3, 70<<10+1),
	storetest.Content(4, store.ChunkSize+10),
}

var listOutlines, listHashes = func() (o [len(listContents)]store.Outline, h [len(listContents)]id.Hash) {
	for i, c := range listContents {
		o[i] = store.OutlineOf(c)
		h[i] = o[i].Hash()
	}
	return o, h
}()

// account is what a store must hold: which contents are there, and of which it is
// open, because what changes them is under way or has failed.
type account struct{ there, open [len(listContents)]bool }

// player plays a list of operations on a store.
type player struct {
	rng *rand.Rand
	s   *disk.Store

	mu  sync.Mutex
	now account
}

// account is read by those who crash the store in the midst of an operation.
func (p *player) account() account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// change runs what makes content i be there, or not.
func (p *player) change(i int, there bool, f func() error) error {
	p.mu.Lock()
	p.now.open[i] = true
	p.mu.Unlock()
	err := f()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.now.there[i], p.now.open[i] = there, false
	}
	return err
}

// step does one random operation.
func (p *player) step() error {
	i := p.rng.IntN(len(listContents))
	switch p.rng.IntN(7) {
	case 0, 1, 2:
		return p.change(i, true, func() error { return p.put(i, len(listOutlines[i].Chunks)) })
	case 3:
		return p.put(i, p.rng.IntN(len(listOutlines[i].Chunks)+1)-1)
	case 4:
		return p.change(i, false, func() error { return p.s.Blobs().Delete(listHashes[i]) })
	case 5:
		_, err := p.s.Blobs().Scrub(store.Mark{}, 1<<20)
		return err
	default:
		return p.s.Put("t", []byte{byte(i)}, make([]byte, 100))
	}
}

// put writes the first chunks of content i that are missing, in any order, and
// commits if they are all.
func (p *player) put(i, chunks int) error {
	d, err := p.s.Blobs().Create(listOutlines[i])
	if err != nil {
		return err
	}
	missing := d.Missing()
	p.rng.Shuffle(len(missing), func(a, b int) { missing[a], missing[b] = missing[b], missing[a] })
	for _, n := range missing[:max(0, min(chunks, len(missing)))] {
		at := n * store.ChunkSize
		if err := d.WriteChunk(n, listContents[i][at:at+listOutlines[i].ChunkLen(n)]); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	if chunks == len(listOutlines[i].Chunks) {
		err = d.Commit()
	}
	return errors.Join(err, d.Close())
}

// check compares a store with an account: all that must be there is there, and whole,
// and nothing else is.
func (a account) check(t testing.TB, s *disk.Store) {
	t.Helper()
	b, used := s.Blobs(), int64(0)
	var listed []id.Hash
	err := b.List(id.Hash{}, func(stat store.BlobStat) bool {
		listed = append(listed, stat.Hash)
		used += stat.Size
		if stat.Damaged {
			t.Errorf("damaged: %+v", stat)
		}
		return true
	})
	if err != nil {
		t.Errorf("List: %v", err)
	}
	for i, h := range listHashes {
		got, err := store.GetBlob(b, h, store.MaxBlob)
		switch {
		case err == nil && !bytes.Equal(got, listContents[i]):
			t.Errorf("content %d is wrong", i)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			t.Errorf("content %d: %v", i, err)
		case !a.open[i] && a.there[i] != (err == nil):
			t.Errorf("content %d: %v, but it should be there: %v", i, err, a.there[i])
		case slices.Contains(listed, h) != (err == nil):
			t.Errorf("content %d: %v, but the list says otherwise", i, err)
		}
	}
	space, err := b.Space()
	if err != nil || space.Used != used || space.Blobs != len(listed) {
		t.Errorf("Space: %+v, %v; want %d bytes of %d", space, err, used, len(listed))
	}
}

// checkLife checks that a store works whatever it went through: all contents can be
// put, and when they are deleted nothing is left on the disk. The largest, which takes
// long, is put where something of it is left.
func checkLife(t testing.TB, s *disk.Store, fs vfs.FS) {
	t.Helper()
	b := s.Blobs()
	all := account{}
	drafts, err := b.Drafts()
	if err != nil {
		t.Errorf("Drafts: %v", err)
	}
	for i, h := range listHashes {
		if _, err := b.Stat(h); err != nil && i == len(listContents)-1 && !slices.Contains(drafts, h) {
			continue
		}
		if _, err := store.PutBlob(b, listContents[i]); err != nil {
			t.Errorf("putting content %d: %v", i, err)
		}
		all.there[i] = true
	}
	all.check(t, s)
	for i, h := range listHashes {
		if err := b.Delete(h); err != nil {
			t.Errorf("deleting content %d: %v", i, err)
		}
	}
	account{}.check(t, s)
	space, err := b.Space()
	if err != nil || space.Used != 0 || space.Drafts != 0 {
		t.Errorf("after all was deleted: %+v, %v", space, err)
	}
	if left := blobFiles(t, fs); len(left) > 0 {
		t.Errorf("files after all was deleted: %q", left)
	}
}

// blobFiles returns the paths of the files of blobs.
func blobFiles(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	dir := fs.PathJoin("store", "blobs")
	folders, err := fs.List(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var paths []string
	for _, folder := range folders {
		names, err := fs.List(fs.PathJoin(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			paths = append(paths, fs.PathJoin(dir, folder, n))
		}
	}
	return paths
}

// listCrash is what a crash has left, and what must be found in it.
type listCrash struct {
	op   int64
	fs   *vfs.MemFS
	want account
}

// A crash before every system call of a list: whatever was acknowledged is there,
// whole, and nothing else is. What was not synced may be lost, or half of it.
func TestListsCrashEverywhere(t *testing.T) {
	crashes := 0
	seeds, step := lists(t, 3)
	for seed := range seeds {
		// What is lost is drawn by those who make the system calls: by the store's own
		// goroutines, too.
		lost := rand.New(rand.NewPCG(13, seed))
		unsynced := []int{0, 50, 100}[seed%3]
		mem := vfs.NewCrashableMem()
		p := &player{rng: rand.New(rand.NewPCG(11, seed))}
		var left []listCrash
		hook := &hookFS{FS: mem, before: func(n int64, _ string) error {
			if (n+int64(seed))%step > 0 {
				return nil
			}
			left = append(left, listCrash{n, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: lost}), p.account()})
			return nil
		}}
		c := disk.Config{Dir: "store", FS: hook}
		for range 2 {
			p.s = open(t, c)
			for range 6 {
				if err := p.step(); err != nil {
					t.Fatalf("list %d: %v", seed, err)
				}
			}
			closeStore(t, p.s)
		}
		for _, crash := range left {
			c.FS = crash.fs
			s := open(t, c)
			crash.want.check(t, s)
			checkLife(t, s, crash.fs)
			closeStore(t, s)
			if t.Failed() {
				t.Fatalf("list %d, crash before system call %d", seed, crash.op)
			}
		}
		crashes += len(left)
	}
	t.Logf("%d crashes", crashes)
}

// listFault is what goes wrong with a system call that writes, and with those after
// it.
type listFault struct {
	name string
	err  error
	want error
	// calls fail, from the first one on; 0: all.
	calls int64
	// short: half of what was to be written is.
	short bool
	// lies: a sync that failed once says from then on that all is well, and does
	// nothing, as that of an operating system that has dropped the pages.
	lies bool
}

var listFaults = []listFault{
	{"EIO once", vfsEIO, store.ErrFailed, 1, false, false},
	{"EIO for good", vfsEIO, store.ErrFailed, 0, false, false},
	{"full once", vfsENOSPC, store.ErrFull, 1, false, false},
	{"full for three calls", vfsENOSPC, store.ErrFull, 3, false, false},
	{"full for good", vfsENOSPC, store.ErrFull, 0, false, false},
	{"a short write", vfsEIO, store.ErrFailed, 1, true, false},
	{"a short write on a full disk", vfsENOSPC, store.ErrFull, 1, true, false},
	{"a sync that lies afterwards", vfsEIO, store.ErrFailed, 1, false, true},
}

// A fault with every system call of a list that writes: what fails changes nothing,
// what does not fail is there, also after a crash that takes what was not synced.
func TestListsFailEverywhere(t *testing.T) {
	simtest.WithoutRace(t)
	faults := 0
	seeds, step := lists(t, len(listFaults))
	for seed := range seeds {
		f := listFaults[seed%uint64(len(listFaults))]
		for n := 1 + int64(seed)%step; f.play(t, seed, n); n += step {
			if t.Failed() {
				t.Fatalf("list %d, %s at writing system call %d", seed, f.name, n)
			}
			faults++
		}
	}
	t.Logf("%d faults", faults)
}

// play plays a list in which call n goes wrong, and tells whether there was one.
func (f listFault) play(t *testing.T, seed uint64, n int64) bool {
	var hit atomic.Bool // also by the store's own goroutines
	p := &player{rng: rand.New(rand.NewPCG(12, seed))}
	mem := vfs.NewCrashableMem()
	bad := &hookFS{FS: mem, short: f.short, lies: f.lies, before: func(call int64, _ string) error {
		if call < n || f.calls > 0 && call >= n+f.calls {
			return nil
		}
		hit.Store(true)
		return f.err
	}}
	bad.writesOnly = true
	c := disk.Config{Dir: "store", FS: bad}
	for range 2 {
		s, err := disk.Open(c)
		if err != nil {
			f.judge(t, hit.Load(), err)
			break
		}
		s.RecoverAtOnce()
		p.s = s
		for range 6 {
			if err := p.step(); err != nil {
				f.judge(t, hit.Load(), err)
			}
			p.account().check(t, s)
		}
		closeStore(t, s)
		if hit.Load() { // the disk is exchanged, or has room
			break
		}
	}
	if t.Failed() {
		return hit.Load()
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	c.FS = left
	s := open(t, c)
	p.account().check(t, s)
	checkLife(t, s, left)
	closeStore(t, s)
	return hit.Load()
}

// judge looks at the error of an operation.
func (f listFault) judge(t *testing.T, hit bool, err error) {
	t.Helper()
	if !hit || !errors.Is(err, f.err) && !errors.Is(err, f.want) {
		t.Errorf("%v, want %v", err, f.want)
	}
}

func TestListsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(10) {
		p := &player{rng: rand.New(rand.NewPCG(11, seed)), s: open(t, disk.Config{Dir: "store", FS: vfs.NewMem()})}
		for range 12 {
			if err := p.step(); err != nil {
				t.Fatal(err)
			}
		}
		seen[fmt.Sprint(p.account().there)] = true
		closeStore(t, p.s)
	}
	if len(seen) < 5 {
		t.Errorf("ten lists end in %d ways", len(seen))
	}
}
