package mem

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Blobs are the blobs of a Store. Use Store.Blobs.
type Blobs struct {
	store  *Store
	whole  []*blob  // committed, sorted by hash; a clone shares them, so they never change
	drafts []*draft // sorted by hash
	used   int64
	limits store.Limits
	free   int64
	// limbo holds what was reported as failed and has reached the disk all the
	// same, as Store.limbo does.
	limbo []change
}

var _ store.Blobs = (*Blobs)(nil)

// blob is one that was committed.
type blob struct {
	hash    id.Hash
	outline store.Outline
	chunks  [][]byte
	damaged bool
}

// change is a blob that comes, or goes.
type change struct {
	blob  *blob
	going bool
}

func newBlobs(s *Store) *Blobs {
	return &Blobs{store: s, limits: store.Limits{Quota: -1}, free: -1}
}

// Blobs returns the blobs of this store, the same with each call.
func (s *Store) Blobs() *Blobs { return s.blobs }

// Outline implements store.Blobs.
func (b *Blobs) Outline(h id.Hash) (store.Outline, error) {
	if err := b.store.enter(Op{Kind: ReadBlob, Blob: h}); err != nil {
		return store.Outline{}, err
	}
	i, ok := b.place(h)
	if !ok {
		return store.Outline{}, absent(h)
	}
	return clone(b.whole[i].outline), nil
}

// ReadChunk implements store.Blobs.
func (b *Blobs) ReadChunk(h id.Hash, n int, into []byte) ([]byte, error) {
	if err := b.store.enter(Op{Kind: ReadBlob, Blob: h, Chunk: n}); err != nil {
		return nil, err
	}
	i, ok := b.place(h)
	if !ok {
		return nil, absent(h)
	}
	if n < 0 || n >= len(b.whole[i].chunks) {
		return nil, fmt.Errorf("%w: chunk %d of %d", store.ErrInvalid, n, len(b.whole[i].chunks))
	}
	if !b.sound(i, n) {
		return nil, fmt.Errorf("%w: blob %s, chunk %d", store.ErrCorrupt, h, n)
	}
	return append(into[:0], b.whole[i].chunks[n]...), nil
}

// sound verifies a chunk, and notes it if it is damaged.
func (b *Blobs) sound(i, n int) bool {
	w := b.whole[i]
	if w.outline.Verify(n, w.chunks[n]) == nil {
		return true
	}
	worse := *w
	worse.damaged = true
	b.whole[i] = &worse
	return false
}

// Delete implements store.Blobs.
func (b *Blobs) Delete(h id.Hash) error {
	d, has := b.draft(h)
	if has && b.drafts[d].open {
		return fmt.Errorf("%w: %s is being put", store.ErrBusy, h)
	}
	gone := change{&blob{hash: h}, true}
	if err := b.store.enter(Op{Kind: DeleteBlob, Blob: h}); err != nil {
		return b.failed(gone, err)
	}
	if has {
		b.drafts = slices.Delete(b.drafts, d, d+1)
	}
	b.write(gone)
	return nil
}

// failed returns err, and remembers a change that has reached the disk all the same.
func (b *Blobs) failed(c change, err error) error {
	if landed(err) {
		b.limbo = append(b.limbo, c)
	}
	return err
}

// inLimbo tells whether the next start may find another thing than reads show.
func (b *Blobs) inLimbo(h id.Hash) bool {
	return slices.ContainsFunc(b.limbo, func(c change) bool { return c.blob.hash == h })
}

// write makes a change, after those that have landed unseen and are older.
func (b *Blobs) write(c change) {
	for _, c := range append(b.limbo, c) {
		i, ok := b.place(c.blob.hash)
		if ok {
			b.used -= b.whole[i].outline.Size
			b.whole = slices.Delete(b.whole, i, i+1)
		}
		if !c.going {
			b.used += c.blob.outline.Size
			b.whole = slices.Insert(b.whole, i, c.blob)
		}
	}
	b.limbo = nil
}

// Stat implements store.Blobs.
func (b *Blobs) Stat(h id.Hash) (store.BlobStat, error) {
	if err := b.store.enter(Op{Kind: ReadBlob, Blob: h}); err != nil {
		return store.BlobStat{}, err
	}
	i, ok := b.place(h)
	if !ok {
		return store.BlobStat{}, absent(h)
	}
	return b.whole[i].stat(), nil
}

func (w *blob) stat() store.BlobStat {
	return store.BlobStat{Hash: w.hash, Size: w.outline.Size, Damaged: w.damaged}
}

// List implements store.Blobs.
func (b *Blobs) List(from id.Hash, fn func(store.BlobStat) bool) error {
	if err := b.store.enter(Op{Kind: ReadBlob, Blob: from}); err != nil {
		return err
	}
	i, _ := b.place(from)
	for _, w := range slices.Clone(b.whole[i:]) {
		if !fn(w.stat()) {
			break
		}
	}
	return nil
}

// Drafts implements store.Blobs.
func (b *Blobs) Drafts() ([]id.Hash, error) {
	if b.store.closed {
		return nil, store.ErrClosed
	}
	var hashes []id.Hash
	for _, d := range b.drafts {
		if !d.done {
			hashes = append(hashes, d.hash)
		}
	}
	return hashes, nil
}

// Damaged implements store.Blobs.
func (b *Blobs) Damaged() ([]id.Hash, error) {
	if b.store.closed {
		return nil, store.ErrClosed
	}
	var hashes []id.Hash
	for _, w := range b.whole {
		if w.damaged {
			hashes = append(hashes, w.hash)
		}
	}
	return hashes, nil
}

// Scrub implements store.Blobs.
func (b *Blobs) Scrub(from store.Mark, budget int64) (store.Scrubbed, error) {
	if err := b.store.enter(Op{Kind: ReadBlob, Blob: from.Blob, Chunk: from.Chunk}); err != nil {
		return store.Scrubbed{}, err
	}
	var s store.Scrubbed
	i, same := b.place(from.Blob)
	n := from.Chunk
	if !same {
		n = 0
	}
	for ; i < len(b.whole); i, n = i+1, 0 {
		w := b.whole[i]
		for ; n < len(w.chunks); n++ {
			if s.Bytes > 0 && s.Bytes >= budget {
				s.Next = store.Mark{Blob: w.hash, Chunk: n}
				return s, nil
			}
			s.Bytes += max(int64(w.outline.ChunkLen(n)), store.MinScrub)
			if !b.sound(i, n) && !slices.Contains(s.Damaged, w.hash) {
				s.Damaged = append(s.Damaged, w.hash)
			}
		}
	}
	return s, nil
}

// Space implements store.Blobs.
func (b *Blobs) Space() (store.Space, error) {
	if b.store.closed {
		return store.Space{}, store.ErrClosed
	}
	s := store.Space{Used: b.used, Blobs: len(b.whole), Free: b.free, Limits: b.limits}
	for _, d := range b.drafts {
		s.Drafts += d.reserved
	}
	return s, nil
}

// SetLimits implements store.Blobs.
func (b *Blobs) SetLimits(l store.Limits) { b.limits = l }

// SetFree sets what Space says is free on the disk, in bytes; -1, as at first: it
// cannot be known. It does not change with what is written.
func (b *Blobs) SetFree(n int64) { b.free = n }

// Rot changes a bit of a chunk on the disk, as ageing does. It reports whether there
// was such a chunk.
func (b *Blobs) Rot(h id.Hash, n int) bool {
	i, ok := b.place(h)
	if !ok || n < 0 || n >= len(b.whole[i].chunks) {
		return false
	}
	worse := *b.whole[i]
	worse.chunks = slices.Clone(worse.chunks)
	worse.chunks[n] = bytes.Clone(worse.chunks[n])
	worse.chunks[n][len(worse.chunks[n])/2] ^= 1
	b.whole[i] = &worse
	return true
}

// clone returns the blobs as the next start finds them.
func (b *Blobs) clone(s *Store) *Blobs {
	c := newBlobs(s)
	c.whole, c.used, c.free = slices.Clone(b.whole), b.used, b.free
	for _, d := range b.drafts {
		if d.done || d.failure != nil {
			continue
		}
		left := *d
		left.blobs, left.open, left.chunks = c, false, slices.Clone(d.chunks)
		c.drafts = append(c.drafts, &left)
	}
	if len(b.limbo) > 0 {
		last := len(b.limbo) - 1
		c.limbo = slices.Clone(b.limbo[:last])
		c.write(b.limbo[last])
	}
	return c
}

func (b *Blobs) place(h id.Hash) (int, bool) {
	return slices.BinarySearchFunc(b.whole, h, func(w *blob, h id.Hash) int { return bytes.Compare(w.hash[:], h[:]) })
}

func (b *Blobs) draft(h id.Hash) (int, bool) {
	return slices.BinarySearchFunc(b.drafts, h, func(d *draft, h id.Hash) int { return bytes.Compare(d.hash[:], h[:]) })
}

func absent(h id.Hash) error { return fmt.Errorf("%w: blob %s", store.ErrNotFound, h) }

func clone(o store.Outline) store.Outline {
	o.Chunks = slices.Clone(o.Chunks)
	return o
}
