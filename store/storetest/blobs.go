package storetest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Kept is a store's blobs, and how to close the store that they belong to.
type Kept struct {
	store.Blobs
	Close func() error
}

// OpenBlobs returns the blobs of a new, empty store. The suite closes it.
type OpenBlobs func(t *testing.T) Kept

// RunBlobs checks blobs against the contract, from one goroutine.
func RunBlobs(t *testing.T, open OpenBlobs) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Kept)
	}{
		{"PutAndRead", testBlobSizes},
		{"ChunksInAnyOrder", testAnyOrder},
		{"WrongChunks", testWrongChunks},
		{"BrokenOff", testBrokenOff},
		{"OneDraft", testOneDraft},
		{"NothingIsSeenBeforeCommit", testUnseen},
		{"PutTwice", testPutTwice},
		{"Delete", testDeleteBlob},
		{"List", testListBlobs},
		{"Ranges", testRanges},
		{"Scrub", testScrub},
		{"Space", testSpace},
		{"Quota", testQuota},
		{"NothingIsShared", testBlobCopies},
		{"Limits", testBlobLimits},
		{"Closed", testBlobsClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := open(t)
			c.test(t, k)
			if err := k.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// Content returns n bytes that differ with seed, in every chunk.
func Content(seed, n int) []byte {
	b := make([]byte, n)
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	for i := range b {
		if i%8 == 0 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		b[i] = byte(x >> (i % 8 * 8))
	}
	return b
}

// sizes lie at the edges of what an implementation may treat differently.
var sizes = []int{0, 1, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, store.ChunkSize - 1, store.ChunkSize,
	store.ChunkSize + 1, 3*store.ChunkSize + 5}

func putBlob(t testing.TB, b store.Blobs, content []byte) id.Hash {
	t.Helper()
	h, err := store.PutBlob(b, content)
	if err != nil {
		t.Fatalf("PutBlob of %d bytes: %v", len(content), err)
	}
	return h
}

func wantBlob(t testing.TB, b store.Blobs, h id.Hash, content []byte) {
	t.Helper()
	got, err := store.GetBlob(b, h, store.MaxBlob)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("blob of %d bytes comes back with %d, %v", len(content), len(got), err)
	}
	stat, err := b.Stat(h)
	want := store.BlobStat{Hash: h, Size: int64(len(content))}
	if err != nil || stat != want {
		t.Errorf("Stat: %+v, %v; want %+v", stat, err, want)
	}
}

func wantNoBlob(t testing.TB, b store.Blobs, h id.Hash) {
	t.Helper()
	_, statErr := b.Stat(h)
	_, outlineErr := b.Outline(h)
	_, chunkErr := b.ReadChunk(h, 0, nil)
	for what, err := range map[string]error{"Stat": statErr, "Outline": outlineErr, "ReadChunk": chunkErr} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of a blob that is not there: %v", what, err)
		}
	}
}

func create(t testing.TB, b store.Blobs, o store.Outline) store.Draft {
	t.Helper()
	d, err := b.Create(o)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return d
}

func write(t testing.TB, d store.Draft, content []byte, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		if err := d.WriteChunk(n, chunk(content, n)); err != nil {
			t.Fatalf("WriteChunk %d: %v", n, err)
		}
	}
}

func commit(t testing.TB, d store.Draft) {
	t.Helper()
	if err := d.Commit(); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	done(t, d)
}

func done(t testing.TB, d store.Draft) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatalf("closing a draft: %v", err)
	}
}

// chunk returns a copy of a content's chunk.
func chunk(content []byte, n int) []byte {
	return bytes.Clone(content[n*store.ChunkSize : min(len(content), (n+1)*store.ChunkSize)])
}

func testBlobSizes(t *testing.T, k Kept) {
	var hashes []id.Hash
	for i, n := range sizes {
		wantNoBlob(t, k, store.OutlineOf(Content(i, n)).Hash())
		hashes = append(hashes, putBlob(t, k, Content(i, n)))
	}
	for i, n := range sizes {
		wantBlob(t, k, hashes[i], Content(i, n))
		o, err := k.Outline(hashes[i])
		want(t, "error of Outline", err, error(nil))
		want(t, "hash of the outline", o.Hash(), hashes[i])
	}
}

func testAnyOrder(t *testing.T, k Kept) {
	content := Content(1, 4*store.ChunkSize+10)
	d := create(t, k, store.OutlineOf(content))
	write(t, d, content, 4, 1)
	want(t, "missing", d.Missing(), []int{0, 2, 3})
	write(t, d, content, 3, 0, 1, 2) // one of them twice
	want(t, "missing in the end", len(d.Missing()), 0)
	commit(t, d)
	wantBlob(t, k, store.OutlineOf(content).Hash(), content)
}

func testWrongChunks(t *testing.T, k Kept) {
	for _, size := range []int{1000, 2*store.ChunkSize + 10} {
		content := Content(1, size)
		o := store.OutlineOf(content)
		last := len(o.Chunks) - 1
		d := create(t, k, o)
		bad := chunk(content, 0)
		bad[len(bad)/2] ^= 1
		for _, c := range []struct {
			name  string
			n     int
			chunk []byte
			want  error
		}{
			{"one bit", 0, bad, store.ErrMismatch},
			{"short", 0, chunk(content, 0)[1:], store.ErrMismatch},
			{"nothing", last, nil, store.ErrMismatch},
			{"long", last, append(chunk(content, last), 0), store.ErrMismatch},
			{"far too long", 0, make([]byte, 2*store.ChunkSize), store.ErrMismatch},
			{"before the first", -1, chunk(content, 0), store.ErrInvalid},
			{"behind the last", last + 1, chunk(content, last), store.ErrInvalid},
		} {
			if err := d.WriteChunk(c.n, c.chunk); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		want(t, "missing", len(d.Missing()), len(o.Chunks))
		if err := d.Commit(); !errors.Is(err, store.ErrIncomplete) {
			t.Errorf("Commit of nothing: %v", err)
		}
		for n := range o.Chunks {
			write(t, d, content, n)
		}
		commit(t, d)
		wantBlob(t, k, o.Hash(), content)
	}
}

func testBrokenOff(t *testing.T, k Kept) {
	content := Content(2, 3*store.ChunkSize+7)
	o := store.OutlineOf(content)
	for _, written := range [][]int{{2}, {0}, {}} {
		d := create(t, k, o)
		write(t, d, content, written...)
		done(t, d)
		wantNoBlob(t, k, o.Hash())
		drafts, err := k.Drafts()
		if err != nil || !slices.Equal(drafts, []id.Hash{o.Hash()}) {
			t.Errorf("Drafts: %v, %v", drafts, err)
		}
	}
	d := create(t, k, o)
	want(t, "missing after three tries", d.Missing(), []int{1, 3})
	write(t, d, content, 1, 3)
	commit(t, d)
	wantBlob(t, k, o.Hash(), content)
	drafts, err := k.Drafts()
	if err != nil || len(drafts) > 0 {
		t.Errorf("Drafts in the end: %v, %v", drafts, err)
	}
}

func testOneDraft(t *testing.T, k Kept) {
	content := Content(3, 100<<10)
	o := store.OutlineOf(content)
	d := create(t, k, o)
	if _, err := k.Create(o); !errors.Is(err, store.ErrBusy) {
		t.Errorf("a second draft: %v", err)
	}
	if err := k.Delete(o.Hash()); !errors.Is(err, store.ErrBusy) {
		t.Errorf("Delete while a draft is open: %v", err)
	}
	other := create(t, k, store.OutlineOf(content[1:]))
	write(t, d, content, 0)
	commit(t, d)
	done(t, d) // the second time does nothing
	if err := d.WriteChunk(0, content); err == nil {
		t.Error("a closed draft takes chunks")
	}
	if err := d.Commit(); err == nil {
		t.Error("a closed draft is committed")
	}
	write(t, other, content[1:], 0)
	commit(t, other)
	wantBlob(t, k, o.Hash(), content)
}

func testUnseen(t *testing.T, k Kept) {
	for _, size := range []int{1000, 100 << 10} {
		content := Content(4, size)
		o := store.OutlineOf(content)
		d := create(t, k, o)
		write(t, d, content, 0)
		wantNoBlob(t, k, o.Hash())
		want(t, "in the list", hashesOf(t, k, id.Hash{}), []id.Hash(nil))
		done(t, d)
		wantNoBlob(t, k, o.Hash())
		if err := k.Delete(o.Hash()); err != nil {
			t.Errorf("deleting what was broken off: %v", err)
		}
		drafts, err := k.Drafts()
		if err != nil || len(drafts) > 0 {
			t.Errorf("Drafts after Delete: %v, %v", drafts, err)
		}
	}
}

func hashesOf(t testing.TB, b store.Blobs, from id.Hash) []id.Hash {
	t.Helper()
	var hashes []id.Hash
	err := b.List(from, func(s store.BlobStat) bool { hashes = append(hashes, s.Hash); return true })
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return hashes
}

func testPutTwice(t *testing.T, k Kept) {
	for _, size := range []int{0, 1000, 2*store.ChunkSize + 1} {
		content := Content(5, size)
		h := putBlob(t, k, content)
		before := space(t, k)
		want(t, "the same hash again", putBlob(t, k, content), h)
		d := create(t, k, store.OutlineOf(content))
		want(t, "missing of a blob that is there", len(d.Missing()), 0)
		done(t, d) // without Commit: the blob stays
		want(t, "space", space(t, k), before)
		wantBlob(t, k, h, content)
	}
}

func testDeleteBlob(t *testing.T, k Kept) {
	for _, size := range []int{0, 1000, 2 * store.ChunkSize} {
		content := Content(6, size)
		h := putBlob(t, k, content)
		stays := putBlob(t, k, Content(7, size+1))
		r, err := store.NewReader(k, h)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is not there
			if err := k.Delete(h); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			wantNoBlob(t, k, h)
		}
		if _, err := r.ReadAt(make([]byte, 1), 0); size > 0 && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a reader of what was deleted: %v", err)
		}
		wantBlob(t, k, stays, Content(7, size+1))
		putBlob(t, k, content)
		wantBlob(t, k, h, content)
	}
}

func testListBlobs(t *testing.T, k Kept) {
	var all []id.Hash
	for i := range 20 {
		all = append(all, putBlob(t, k, Content(i, 1+i*7000)))
	}
	slices.SortFunc(all, func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	want(t, "all", hashesOf(t, k, id.Hash{}), all)
	want(t, "from one of them", hashesOf(t, k, all[5]), all[5:])
	above := all[5]
	above[31]++
	want(t, "from between two", hashesOf(t, k, above), all[6:])
	above = all[19]
	above[31]++
	want(t, "from above the last", hashesOf(t, k, above), []id.Hash(nil))
	n := 0
	err := k.List(id.Hash{}, func(s store.BlobStat) bool {
		n++
		if err := k.Delete(all[n]); err != nil { // not seen by the list under way
			t.Error(err)
		}
		return n < 3
	})
	if err != nil || n != 3 {
		t.Errorf("stopped after %d blobs, want 3, error %v", n, err)
	}
	want(t, "afterwards", hashesOf(t, k, id.Hash{}), append(all[:1:1], all[4:]...))
}

func testRanges(t *testing.T, k Kept) {
	for _, size := range []int{10, 2*store.ChunkSize + 100} {
		content := Content(8, size)
		r, err := store.NewReader(k, putBlob(t, k, content))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ off, n int }{
			{0, 1}, {3, 5}, {0, size}, {size - 1, 1}, {size / 2, size - size/2}, {min(size-2, store.ChunkSize-1), 2},
		} {
			p := make([]byte, c.n)
			if n, err := r.ReadAt(p, int64(c.off)); n != c.n || err != nil || !bytes.Equal(p, content[c.off:c.off+c.n]) {
				t.Errorf("%d bytes at %d: %d read, %v", c.n, c.off, n, err)
			}
		}
		for off, wanted := range map[int]int{size - 3: 3, size: 0, size + 1: 0} {
			if n, err := r.ReadAt(make([]byte, 10), int64(off)); n != wanted || err != io.EOF {
				t.Errorf("at %d: %d bytes, %v; want %d and EOF", off, n, err, wanted)
			}
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("before the beginning: %v", err)
		}
		all, err := io.ReadAll(io.NewSectionReader(r, 0, int64(size)))
		if err != nil || !bytes.Equal(all, content) {
			t.Errorf("through a SectionReader: %d bytes, %v", len(all), err)
		}
	}
}

func testBlobCopies(t *testing.T, k Kept) {
	for _, size := range []int{1000, 100 << 10} {
		content, given := Content(9, size), Content(9, size)
		o := store.OutlineOf(content)
		d := create(t, k, o)
		hash := o.Hash()
		o.Chunks[0] = id.Hash{}
		write(t, d, given, 0)
		if err := d.WriteChunk(0, given); err != nil {
			t.Fatal(err)
		}
		spoil(given)
		commit(t, d)
		got, err := k.ReadChunk(hash, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		spoil(got)
		back, err := k.Outline(hash)
		if err != nil {
			t.Fatal(err)
		}
		back.Chunks[0] = id.Hash{}
		wantBlob(t, k, hash, content)

		room := bytes.Repeat([]byte{'#'}, size+10)
		for _, into := range [][]byte{room[:0], room[:5:5], room[: size-1 : size-1]} {
			got, err = k.ReadChunk(hash, 0, into)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("into %d bytes: %d bytes, %v", cap(into), len(got), err)
			}
			if inside := &got[0] == &room[0]; inside != (cap(into) >= size) {
				t.Errorf("into %d bytes: written there: %v", cap(into), inside)
			}
		}
		want(t, "what lies behind the room", string(room[size:]), "##########")
	}
}

func testBlobLimits(t *testing.T, k Kept) {
	for _, c := range []struct {
		name string
		o    store.Outline
		want error
	}{
		{"too large", store.Outline{Size: store.MaxBlob + 1, Chunks: make([]id.Hash, 1025)}, store.ErrTooLarge},
		{"far too large", store.Outline{Size: 1 << 62}, store.ErrTooLarge},
		{"negative", store.Outline{Size: -1}, store.ErrInvalid},
		{"no chunks", store.Outline{Size: 1}, store.ErrInvalid},
		{"empty with a chunk", store.Outline{Chunks: make([]id.Hash, 1)}, store.ErrInvalid},
		{"a chunk too many", store.Outline{Size: store.ChunkSize, Chunks: make([]id.Hash, 2)}, store.ErrInvalid},
		{"a chunk too few", store.Outline{Size: store.ChunkSize + 1, Chunks: make([]id.Hash, 1)}, store.ErrInvalid},
	} {
		if _, err := k.Create(c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	largest := create(t, k, store.Outline{Size: store.MaxBlob, Chunks: make([]id.Hash, 1024)})
	want(t, "missing of the largest", len(largest.Missing()), 1024)
	done(t, largest)

	h := putBlob(t, k, Content(1, 10))
	for _, n := range []int{-1, 1, 1 << 40} {
		if _, err := k.ReadChunk(h, n, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("chunk %d of 1: %v", n, err)
		}
	}
	if _, err := store.GetBlob(k, h, 9); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("GetBlob with too low a limit: %v", err)
	}
	if _, err := k.ReadChunk(putBlob(t, k, nil), 0, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("chunk 0 of an empty blob: %v", err)
	}
}

func testBlobsClosed(t *testing.T, k Kept) {
	content := Content(1, 100<<10)
	h := putBlob(t, k, content)
	other := Content(2, 100<<10)
	d := create(t, k, store.OutlineOf(other))
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	_, createErr := k.Create(store.OutlineOf(Content(3, 100)))
	_, statErr := k.Stat(h)
	_, outlineErr := k.Outline(h)
	_, chunkErr := k.ReadChunk(h, 0, nil)
	_, draftsErr := k.Drafts()
	_, damagedErr := k.Damaged()
	_, scrubErr := k.Scrub(store.Mark{}, 1)
	_, spaceErr := k.Space()
	for name, err := range map[string]error{
		"Create": createErr, "Stat": statErr, "Outline": outlineErr, "ReadChunk": chunkErr,
		"Drafts": draftsErr, "Damaged": damagedErr, "Scrub": scrubErr, "Space": spaceErr,
		"Delete":     k.Delete(h),
		"List":       k.List(id.Hash{}, func(store.BlobStat) bool { return true }),
		"WriteChunk": d.WriteChunk(0, other),
		"Commit":     d.Commit(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	done(t, d)
	k.SetLimits(store.Limits{})
}
