package storetest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// BlobModel is the plainest keeper of blobs there can be: what blobs must agree
// with.
type BlobModel map[id.Hash][]byte

// Equal tells whether blobs are those of the model, all and no others, and whether
// the space that they take is right.
func (m BlobModel) Equal(b store.Blobs) error {
	var listed []id.Hash
	var bad error
	err := b.List(id.Hash{}, func(s store.BlobStat) bool {
		listed = append(listed, s.Hash)
		if s.Damaged || s.Size != int64(len(m[s.Hash])) {
			bad = errors.Join(bad, errors.New("stat of "+s.Hash.String()))
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	wanted := slices.SortedFunc(maps.Keys(m), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(listed, wanted) {
		return errors.New("other blobs than there should be")
	}
	used := int64(0)
	for _, h := range wanted {
		got, err := store.GetBlob(b, h, store.MaxBlob)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, m[h]) {
			return errors.New("wrong content of " + h.String())
		}
		used += int64(len(m[h]))
	}
	s, err := b.Space()
	if err != nil {
		return err
	}
	if s.Used != used || s.Blobs != len(m) {
		return errors.New("the space that is used is wrong")
	}
	return nil
}

// modelContents are few, so that a run meets each of them often.
var modelContents = func() [][]byte {
	var all [][]byte
	for i, n := range []int{0, 1, 1000, 64<<10 - 1, 64 << 10, 70 << 10, store.ChunkSize, 2*store.ChunkSize + 3} {
		all = append(all, Content(100+i, n))
	}
	return all
}()

// blobRun is a random run on blobs and on their model.
type blobRun struct {
	blobs store.Blobs
	model BlobModel
	open  map[int]store.Draft
}

func drawContent(rt *rapid.T) int {
	return rapid.IntRange(0, len(modelContents)-1).Draw(rt, "content")
}

func (r *blobRun) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"create": r.create,
		"write":  r.write,
		"commit": r.commit,
		"close":  r.close,
		"delete": r.delete,
		"scrub": func(rt *rapid.T) {
			if s, err := r.blobs.Scrub(store.Mark{}, 1<<20); err != nil || len(s.Damaged) > 0 {
				rt.Fatalf("Scrub: %+v, %v", s, err)
			}
		},
		"": func(rt *rapid.T) {
			if err := r.model.Equal(r.blobs); err != nil {
				rt.Fatal(err)
			}
		},
	}
}

func (r *blobRun) create(rt *rapid.T) {
	c := drawContent(rt)
	d, err := r.blobs.Create(store.OutlineOf(modelContents[c]))
	if r.open[c] != nil {
		if !errors.Is(err, store.ErrBusy) {
			rt.Fatalf("a second draft: %v", err)
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	r.open[c] = d
}

func (r *blobRun) write(rt *rapid.T) {
	c := drawContent(rt)
	if d := r.open[c]; d != nil {
		for _, n := range d.Missing() {
			if rapid.Bool().Draw(rt, "write") {
				if err := d.WriteChunk(n, chunk(modelContents[c], n)); err != nil {
					rt.Fatal(err)
				}
			}
		}
	}
}

func (r *blobRun) commit(rt *rapid.T) {
	c := drawContent(rt)
	d := r.open[c]
	if d == nil {
		return
	}
	err := d.Commit()
	if len(d.Missing()) > 0 {
		if !errors.Is(err, store.ErrIncomplete) {
			rt.Fatalf("Commit with chunks missing: %v", err)
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	r.model[store.OutlineOf(modelContents[c]).Hash()] = modelContents[c]
}

func (r *blobRun) close(rt *rapid.T) {
	c := drawContent(rt)
	if d := r.open[c]; d != nil {
		if err := d.Close(); err != nil {
			rt.Fatal(err)
		}
		delete(r.open, c)
	}
}

func (r *blobRun) delete(rt *rapid.T) {
	c := drawContent(rt)
	h := store.OutlineOf(modelContents[c]).Hash()
	err := r.blobs.Delete(h)
	if r.open[c] != nil {
		if !errors.Is(err, store.ErrBusy) {
			rt.Fatalf("Delete under a draft: %v", err)
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	delete(r.model, h)
}

// closeDrafts closes what is open, in any order.
func (r *blobRun) closeDrafts() error {
	var err error
	for _, d := range r.open {
		err = errors.Join(err, d.Close())
	}
	r.open = map[int]store.Draft{}
	return err
}

// RunBlobsModel does random calls on blobs and on a model, and compares.
func RunBlobsModel(t *testing.T, open OpenBlobs) {
	rapid.Check(t, func(rt *rapid.T) {
		k := open(t)
		r := &blobRun{blobs: k, model: BlobModel{}, open: map[int]store.Draft{}}
		defer func() {
			if err := errors.Join(r.closeDrafts(), k.Close()); err != nil {
				t.Error(err)
			}
		}()
		rt.Repeat(r.actions())
	})
}

// RunBlobsReopen checks that blobs are there again after their store was closed, and
// what was broken off too. open returns blobs of a new, empty store and a function
// that opens the same store again after Close.
func RunBlobsReopen(t *testing.T, open func(t *testing.T) (k Kept, reopen func() (Kept, error))) {
	rapid.Check(t, func(rt *rapid.T) {
		k, reopen := open(t)
		r := &blobRun{blobs: k, model: BlobModel{}, open: map[int]store.Draft{}}
		actions := r.actions()
		for range rapid.IntRange(1, 3).Draw(rt, "openings") {
			for range rapid.IntRange(0, 12).Draw(rt, "calls") {
				name := rapid.SampledFrom([]string{"create", "write", "commit", "close", "delete"}).Draw(rt, "call")
				actions[name](rt)
			}
			if err := errors.Join(r.closeDrafts(), k.Close()); err != nil {
				rt.Fatal(err)
			}
			var err error
			if k, err = reopen(); err != nil {
				rt.Fatal(err)
			}
			r.blobs = k
			if err := r.model.Equal(k); err != nil {
				rt.Fatalf("after Close and opening: %v", err)
			}
		}
		if err := k.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}
