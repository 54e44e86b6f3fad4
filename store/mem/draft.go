package mem

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// draft is a blob that is being put, or whose put was broken off.
type draft struct {
	blobs    *Blobs
	hash     id.Hash
	outline  store.Outline
	chunks   [][]byte // nil where one is missing
	reserved int64    // what it counts for in Space
	open     bool
	done     bool  // it was committed
	failure  error // ends the draft
}

// Create implements store.Blobs.
func (b *Blobs) Create(o store.Outline) (store.Draft, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := &draft{blobs: b, hash: o.Hash(), outline: clone(o), chunks: make([][]byte, len(o.Chunks)), reserved: o.Size, open: true}
	at, old := b.draft(d.hash)
	if old && b.drafts[at].open {
		return nil, fmt.Errorf("%w: %s is being put", store.ErrBusy, d.hash)
	}
	if err := b.store.enter(Op{Kind: CreateBlob, Blob: d.hash}); err != nil {
		return nil, err
	}
	d.takeOver(at, old)
	space, err := b.Space()
	if err != nil {
		return nil, err
	}
	if old {
		space.Drafts -= b.drafts[at].reserved
	}
	if d.reserved > 0 {
		if err := space.Check(d.reserved); err != nil {
			return nil, err
		}
	}
	if old {
		b.drafts = slices.Delete(b.drafts, at, at+1)
	}
	b.drafts = slices.Insert(b.drafts, at, d)
	return d, nil
}

// takeOver takes the sound chunks of an earlier draft and of the blob that is there.
func (d *draft) takeOver(at int, old bool) {
	if old {
		d.take(d.blobs.drafts[at].chunks)
	}
	if i, ok := d.blobs.place(d.hash); ok {
		w := d.blobs.whole[i]
		d.take(w.chunks)
		d.reserved = 0 // it counts already
		d.done = !w.damaged && !d.blobs.inLimbo(d.hash)
	}
}

func (d *draft) take(chunks [][]byte) {
	for n, c := range chunks {
		if c != nil && d.outline.Verify(n, c) == nil {
			d.chunks[n] = c
		}
	}
}

// Missing implements store.Draft.
func (d *draft) Missing() []int {
	var missing []int
	for n, c := range d.chunks {
		if c == nil {
			missing = append(missing, n)
		}
	}
	return missing
}

// WriteChunk implements store.Draft.
func (d *draft) WriteChunk(n int, content []byte) error {
	if err := d.usable(); err != nil {
		return err
	}
	if err := d.outline.Verify(n, content); err != nil {
		return err
	}
	if err := d.blobs.store.enter(Op{Kind: WriteChunk, Blob: d.hash, Chunk: n}); err != nil {
		return d.failed(err)
	}
	d.chunks[n] = bytes.Clone(content)
	return nil
}

func (d *draft) usable() error {
	switch {
	case d.blobs.store.closed:
		return store.ErrClosed
	case !d.open:
		return fmt.Errorf("%w: the draft was closed", store.ErrInvalid)
	}
	return d.failure
}

// failed returns err, which ends the draft unless the disk was only full.
func (d *draft) failed(err error) error {
	if !errors.Is(err, store.ErrFull) {
		d.failure = err
	}
	return err
}

// Commit implements store.Draft.
func (d *draft) Commit() error {
	if err := d.usable(); err != nil {
		return err
	}
	if missing := d.Missing(); len(missing) > 0 {
		return fmt.Errorf("%w: %d of %d", store.ErrIncomplete, len(missing), len(d.chunks))
	}
	if d.done {
		return nil
	}
	b := d.blobs
	c := change{blob: &blob{hash: d.hash, outline: d.outline, chunks: d.chunks}}
	if err := b.store.enter(Op{Kind: CommitBlob, Blob: d.hash}); err != nil {
		return d.failed(b.failed(c, err))
	}
	d.done, d.reserved = true, 0
	b.write(c)
	return nil
}

// Close implements store.Draft.
func (d *draft) Close() error {
	d.open = false
	at, ok := d.blobs.draft(d.hash)
	if ok && d.blobs.drafts[at] == d && (d.done || d.failure != nil) {
		d.blobs.drafts = slices.Delete(d.blobs.drafts, at, at+1)
	}
	return nil
}
