package disk

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// ReadChunk implements store.Blobs.
func (b *blobs) ReadChunk(h id.Hash, n int, into []byte) ([]byte, error) {
	content, damage, err := b.look(h, n, into)
	if damage {
		return b.judge(h, n, into)
	}
	return content, err
}

// look reads a chunk, and tells whether its error is damage.
func (b *blobs) look(h id.Hash, n int, into []byte) (content []byte, damage bool, err error) {
	v, err := b.store.enter()
	if err != nil {
		return nil, false, err
	}
	defer b.store.leave(v)
	e, err := v.entry(h)
	if err != nil {
		return nil, false, err
	}
	if n < 0 || n >= len(e.outline.Chunks) {
		return nil, false, fmt.Errorf("%w: chunk %d of %d", store.ErrInvalid, n, len(e.outline.Chunks))
	}
	if content, err = b.content(v, h, e, n, into); err == nil {
		return content, false, nil
	}
	if b.files.isDamage(h, err) {
		return nil, true, damageError(h, n, err)
	}
	return nil, false, fmt.Errorf("store: reading blob %s failed: %w", h, err)
}

// content reads and verifies a chunk.
func (b *blobs) content(v *view, h id.Hash, e entry, n int, into []byte) ([]byte, error) {
	if !e.inline() {
		return b.files.readChunk(h, e.outline, n, into)
	}
	content, err := v.get(blobTable, blobKey(contentKind, h))
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: no content", store.ErrCorrupt)
	}
	if err != nil {
		return nil, err
	}
	return append(into[:0], content...), e.outline.Verify(n, content)
}

// judge looks again at a chunk that seemed damaged, when nobody changes the blob, and
// notes the damage. A blob that is being put or deleted may have had its file changed
// between the two.
func (b *blobs) judge(h id.Hash, n int, into []byte) ([]byte, error) {
	if err := b.begin(); err != nil {
		return nil, err
	}
	defer b.end()
	alone := b.claim(h, nil) == nil
	if alone {
		defer b.release(h)
	}
	content, damage, err := b.look(h, n, into)
	if !damage {
		return content, err
	}
	if alone {
		b.condemn(h, err)
	} else {
		b.suspect(h)
	}
	return nil, err
}

// suspect notes damage of a blob on which somebody works: who puts it anew, or
// deletes it, takes it off the list when he is done.
func (b *blobs) suspect(h id.Hash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, busy := b.busy[h]; busy {
		b.damaged[h] = true
	}
}

// condemn notes damage, also for the next opening.
func (b *blobs) condemn(h id.Hash, reason error) {
	b.mu.Lock()
	known := b.damaged[h]
	b.damaged[h] = true
	b.mu.Unlock()
	if known {
		return
	}
	b.store.config.Log.Error("store: a blob is damaged", "err", reason)
	e, err := b.entry(h)
	if err == nil {
		e.flags |= isDamaged
		err = b.store.write([]store.Op{{Table: blobTable, Key: blobKey(indexKind, h), Value: e.encode()}})
	}
	if err != nil {
		b.store.config.Log.Warn("store: a blob's damage could not be noted, and will be found again", "err", err)
	}
}

// Scrub implements store.Blobs. It reads what the system has in memory for a file,
// if it has; readers get that too.
func (b *blobs) Scrub(from store.Mark, budget int64) (store.Scrubbed, error) {
	v, err := b.store.enter()
	if err != nil {
		return store.Scrubbed{}, err
	}
	defer b.store.leave(v)
	var s store.Scrubbed
	var chunk []byte
	n := from.Chunk
	err = v.entries(from.Blob, func(h id.Hash, value []byte) (bool, error) {
		if h != from.Blob {
			n = 0
		}
		e, err := parseEntry(h, value)
		if err != nil {
			return false, err
		}
		bad := false
		for ; n < len(e.outline.Chunks); n++ {
			if s.Bytes > 0 && s.Bytes >= budget {
				s.Next = store.Mark{Blob: h, Chunk: n}
				break
			}
			s.Bytes += max(int64(e.outline.ChunkLen(n)), store.MinScrub)
			read, err := b.ReadChunk(h, n, chunk)
			switch {
			case err == nil:
				chunk = read
			case errors.Is(err, store.ErrCorrupt):
				bad = true
			case err != nil && !errors.Is(err, store.ErrNotFound):
				return false, err
			}
		}
		if bad {
			s.Damaged = append(s.Damaged, h)
		}
		return s.Next == store.Mark{}, nil
	})
	return s, err
}
