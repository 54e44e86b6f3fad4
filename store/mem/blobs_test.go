package mem_test

import (
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/store/storetest"
)

func kept(s *mem.Store) storetest.Kept { return storetest.Kept{Blobs: s.Blobs(), Close: s.Close} }

func TestBlobs(t *testing.T) {
	storetest.RunBlobs(t, func(t *testing.T) storetest.Kept { return kept(mem.New()) })
}

func TestBlobsAgainstAModel(t *testing.T) {
	storetest.RunBlobsModel(t, func(t *testing.T) storetest.Kept { return kept(mem.New()) })
}

func TestBlobsAfterRestart(t *testing.T) {
	storetest.RunBlobsReopen(t, func(t *testing.T) (storetest.Kept, func() (storetest.Kept, error)) {
		s := mem.New()
		return kept(s), func() (storetest.Kept, error) {
			s = s.Clone()
			return kept(s), nil
		}
	})
}

func TestDamagedBlobs(t *testing.T) {
	storetest.RunBlobsDamage(t, func(t *testing.T) (storetest.Kept, func(id.Hash, int)) {
		s := mem.New()
		return kept(s), func(h id.Hash, n int) {
			if !s.Blobs().Rot(h, n) {
				t.Errorf("no chunk %d of %s", n, h)
			}
		}
	})
}

func TestRotOfWhatIsNotThere(t *testing.T) {
	b := mem.New().Blobs()
	h, err := store.PutBlob(b, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if b.Rot(h, 1) || b.Rot(h, -1) || b.Rot(id.Hash{}, 0) {
		t.Error("it says that it changed something")
	}
}

// Blobs of a clone are its own, also where a bit of one has changed.
func TestCloneHasItsOwnBlobs(t *testing.T) {
	s := mem.New()
	h, err := store.PutBlob(s.Blobs(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	c := s.Clone()
	s.Blobs().Rot(h, 0)
	if _, err := s.Blobs().ReadChunk(h, 0, nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("the changed one: %v", err)
	}
	if got, err := c.Blobs().ReadChunk(h, 0, nil); err != nil || string(got) != "content" {
		t.Errorf("the clone: %q, %v", got, err)
	}
	s.Wipe()
	space, err := s.Blobs().Space()
	if err != nil || space.Used != 0 || space.Blobs != 0 {
		t.Errorf("after Wipe: %+v, %v", space, err)
	}
	if _, err := c.Blobs().Stat(h); err != nil {
		t.Errorf("the clone, after the other was wiped: %v", err)
	}
}

func TestFloor(t *testing.T) {
	b := mem.New().Blobs()
	b.SetLimits(store.Limits{Quota: -1, Floor: 100})
	if _, err := store.PutBlob(b, make([]byte, 50)); err != nil {
		t.Errorf("where the free space is not known: %v", err)
	}
	b.SetFree(199)
	if _, err := store.PutBlob(b, make([]byte, 100)); !errors.Is(err, store.ErrFull) {
		t.Errorf("below the floor: %v", err)
	}
	b.SetFree(200)
	if _, err := store.PutBlob(b, make([]byte, 100)); err != nil {
		t.Errorf("just above the floor: %v", err)
	}
}

func TestBlobFaults(t *testing.T) {
	content := []byte("content")
	o := store.OutlineOf(content)
	for _, c := range []struct {
		name       string
		fail       mem.Kind
		err        error
		dies       bool // the draft is of no use any more
		afterStart bool // the blob is there after the next start
	}{
		{"full while writing", mem.WriteChunk, store.ErrFull, false, false},
		{"broken while writing", mem.WriteChunk, store.ErrFailed, true, false},
		{"full at the end", mem.CommitBlob, store.ErrFull, false, false},
		{"broken at the end", mem.CommitBlob, store.ErrFailed, true, false},
		{"broken after it was written", mem.CommitBlob, mem.Landed(store.ErrFailed), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mem.New()
			b := s.Blobs()
			d, err := b.Create(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Fail(func(op mem.Op) error {
				if op.Kind == c.fail && op.Blob == o.Hash() {
					return c.err
				}
				return nil
			})
			if err = d.WriteChunk(0, content); err == nil {
				err = d.Commit()
			}
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			s.Fail(nil)
			if _, err := b.Stat(o.Hash()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what failed is there: %v", err)
			}
			if _, err := s.Clone().Blobs().Stat(o.Hash()); (err == nil) != c.afterStart {
				t.Errorf("after a start: %v", err)
			}
			err = errors.Join(d.WriteChunk(0, content), d.Commit())
			if c.dies != (err != nil) {
				t.Errorf("going on: %v", err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if _, err := store.PutBlob(b, content); err != nil {
				t.Errorf("putting it anew: %v", err)
			}
			if err := (storetest.BlobModel{o.Hash(): content}).Equal(s.Clone().Blobs()); err != nil {
				t.Errorf("after it was put anew, and a start: %v", err)
			}
		})
	}
}

func TestDeleteThatLanded(t *testing.T) {
	s := mem.New()
	h, err := store.PutBlob(s.Blobs(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	s.Fail(func(mem.Op) error { return mem.Landed(store.ErrFailed) })
	if err := s.Blobs().Delete(h); !errors.Is(err, store.ErrFailed) {
		t.Fatal(err)
	}
	s.Fail(nil)
	if _, err := s.Blobs().Stat(h); err != nil {
		t.Errorf("before the next start: %v", err)
	}
	if err := (storetest.BlobModel{}).Equal(s.Clone().Blobs()); err != nil {
		t.Errorf("after it: %v", err)
	}
	if _, err := store.PutBlob(s.Blobs(), []byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := (storetest.BlobModel{h: []byte("content")}).Equal(s.Clone().Blobs()); err != nil {
		t.Errorf("after it was put again, and a start: %v", err)
	}
}
