package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// RunBlobsDamage checks what a store does about damage. open returns blobs of a new
// store, and a function that changes a bit of a chunk on its disk.
func RunBlobsDamage(t *testing.T, open func(t *testing.T) (k Kept, rot func(h id.Hash, n int))) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Blobs, func(h id.Hash, n int))
	}{
		{"FoundByReading", testDamageRead},
		{"FoundByScrubbing", testDamageScrubbed},
		{"Deleted", testDamageDeleted},
		{"AllOfIt", testDamageOfAll},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, rot := open(t)
			c.test(t, k, rot)
			if err := k.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func damaged(t testing.TB, b store.Blobs) []id.Hash {
	t.Helper()
	hashes, err := b.Damaged()
	if err != nil {
		t.Fatalf("Damaged: %v", err)
	}
	return hashes
}

func testDamageRead(t *testing.T, b store.Blobs, rot func(id.Hash, int)) {
	content := Content(1, 3*store.ChunkSize+9)
	h := putBlob(t, b, content)
	other := putBlob(t, b, Content(2, 70<<10))
	rot(h, 1)
	if _, err := b.ReadChunk(h, 1, nil); !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("a chunk with a wrong bit: %v", err)
	}
	want(t, "damaged", damaged(t, b), []id.Hash{h})
	stat, err := b.Stat(h)
	if err != nil || !stat.Damaged {
		t.Errorf("Stat: %+v, %v", stat, err)
	}
	for _, n := range []int{0, 2, 3} {
		got, err := b.ReadChunk(h, n, nil)
		if err != nil || !slices.Equal(got, chunk(content, n)) {
			t.Errorf("sound chunk %d: %v", n, err)
		}
	}
	wantBlob(t, b, other, Content(2, 70<<10))
	before := space(t, b)
	repair(t, b, content, 1)
	want(t, "space after the repair", space(t, b), before)
}

// repair puts a damaged blob anew, of which just these chunks are lost.
func repair(t *testing.T, b store.Blobs, content []byte, lost ...int) {
	t.Helper()
	d := create(t, b, store.OutlineOf(content))
	want(t, "missing of a damaged blob", d.Missing(), lost)
	write(t, d, content, lost...)
	commit(t, d)
	want(t, "damaged after the repair", damaged(t, b), []id.Hash(nil))
	wantBlob(t, b, store.OutlineOf(content).Hash(), content)
}

func testDamageScrubbed(t *testing.T, b store.Blobs, rot func(id.Hash, int)) {
	content := map[id.Hash][]byte{}
	for i, n := range sizes[1:] {
		content[putBlob(t, b, Content(i, n))] = Content(i, n)
	}
	all := hashesOf(t, b, id.Hash{})
	bad := slices.Clone(all[:3])
	for _, h := range bad {
		rot(h, 0)
	}
	want(t, "damaged before it was looked at", damaged(t, b), []id.Hash(nil))
	for round := range 2 {
		var found []id.Hash
		mark := store.Mark{}
		for {
			s, err := b.Scrub(mark, 100<<10)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, s.Damaged...)
			if mark = s.Next; mark == (store.Mark{}) {
				break
			}
		}
		if !slices.Equal(found, bad) {
			t.Errorf("round %d found %v, want %v", round, found, bad)
		}
		want(t, "damaged", damaged(t, b), bad)
	}
	want(t, "all are still there", hashesOf(t, b, id.Hash{}), all)
	for _, h := range bad {
		d := create(t, b, store.OutlineOf(content[h]))
		write(t, d, content[h], d.Missing()...)
		commit(t, d)
	}
	want(t, "damaged after the repair", damaged(t, b), []id.Hash(nil))
	for h, c := range content {
		wantBlob(t, b, h, c)
	}
}

func testDamageDeleted(t *testing.T, b store.Blobs, rot func(id.Hash, int)) {
	for _, size := range []int{1000, 100 << 10} {
		before := space(t, b).Used
		h := putBlob(t, b, Content(3, size))
		rot(h, 0)
		if _, err := b.ReadChunk(h, 0, nil); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("a chunk with a wrong bit: %v", err)
		}
		if err := b.Delete(h); err != nil {
			t.Fatal(err)
		}
		wantNoBlob(t, b, h)
		want(t, "damaged after Delete", damaged(t, b), []id.Hash(nil))
		want(t, "used after Delete", space(t, b).Used, before)
		wantBlob(t, b, putBlob(t, b, Content(3, size)), Content(3, size))
	}
}

// A repair that is broken off leaves the blob as it was.
func testDamageOfAll(t *testing.T, b store.Blobs, rot func(id.Hash, int)) {
	content := Content(4, 2*store.ChunkSize+1)
	h := putBlob(t, b, content)
	for n := range 3 {
		rot(h, n)
	}
	if _, err := store.GetBlob(b, h, store.MaxBlob); !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("a blob with wrong bits: %v", err)
	}
	d := create(t, b, store.OutlineOf(content))
	want(t, "missing", d.Missing(), []int{0, 1, 2})
	write(t, d, content, 1)
	done(t, d)
	want(t, "damaged", damaged(t, b), []id.Hash{h})
	repair(t, b, content, 0, 2)
}

// RunBlobsConcurrent checks blobs that many goroutines may use at once.
func RunBlobsConcurrent(t *testing.T, open OpenBlobs) {
	t.Run("ManyPutReadAndDelete", func(t *testing.T) { testBlobsConcurrent(t, open(t)) })
	t.Run("ManyWriteOneDraft", func(t *testing.T) { testDraftConcurrent(t, open(t)) })
	t.Run("CloseWaits", func(t *testing.T) { testBlobsCloseWaits(t, open(t)) })
}

func testBlobsConcurrent(t *testing.T, k Kept) {
	defer k.Close()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 6 {
				content := Content(w, 1000+i%3*80<<10) // each writer its own
				wantBlob(t, k, putBlob(t, k, content), content)
				shared := Content(99, 90<<10)
				if _, err := store.PutBlob(k, shared); err != nil && !errors.Is(err, store.ErrBusy) {
					t.Errorf("what all put: %v", err)
				}
				if err := k.Delete(store.OutlineOf(content).Hash()); err != nil {
					t.Error(err)
				}
				if err := k.Delete(store.OutlineOf(shared).Hash()); err != nil && !errors.Is(err, store.ErrBusy) {
					t.Error(err)
				}
				if _, err := k.Drafts(); err != nil {
					t.Error(err)
				}
				if s, err := k.Scrub(store.Mark{}, 1<<20); err != nil || len(s.Damaged) > 0 {
					t.Errorf("Scrub beside others: %+v, %v", s, err)
				}
			}
		})
	}
	wg.Wait()
	if err := k.Delete(store.OutlineOf(Content(99, 90<<10)).Hash()); err != nil {
		t.Error(err)
	}
	s := space(t, k)
	want(t, "space in the end", []int64{s.Used, s.Drafts, int64(s.Blobs)}, []int64{0, 0, 0})
	want(t, "damaged", damaged(t, k), []id.Hash(nil))
}

func testDraftConcurrent(t *testing.T, k Kept) {
	defer k.Close()
	content := Content(1, 5*store.ChunkSize+1)
	d := create(t, k, store.OutlineOf(content))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 6 {
				if err := d.WriteChunk((i+w)%6, chunk(content, (i+w)%6)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	commit(t, d)
	wantBlob(t, k, store.OutlineOf(content).Hash(), content)
}

func testBlobsCloseWaits(t *testing.T, k Kept) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				content := Content(w*1000+i, 66<<10)
				h, err := store.PutBlob(k, content)
				if err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Errorf("PutBlob: %v", err)
					}
					return
				}
				if _, err := k.ReadChunk(h, 0, nil); err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Errorf("ReadChunk: %v", err)
					}
					return
				}
			}
		})
	}
	putBlob(t, k, Content(1, 100))
	if err := k.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wg.Wait()
}
