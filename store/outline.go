package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// ChunkSize is the size of all chunks of a blob but the last, in bytes. A chunk is
// what is sent, verified and missed as one.
const ChunkSize = 1 << 20

// MaxBlob is the size of the largest blob, in bytes: its outline then has 32 KiB,
// and fits into one message of a protocol. Larger things are many blobs.
const MaxBlob = 1 << 30

// Outline is what must be known of a blob before its content: with it every chunk
// can be verified by itself, whoever it comes from.
type Outline struct {
	// Size is that of the content, in bytes, 0 to MaxBlob.
	Size int64
	// Chunks are the SHA-256 of the chunks, in order. An empty blob has none.
	Chunks []id.Hash
}

// OutlineOf returns the outline of a content that is in memory. What is longer than
// MaxBlob gets an outline that Check refuses.
func OutlineOf(content []byte) Outline {
	o := Outline{Size: int64(len(content))}
	for chunk := range slices.Chunk(content, ChunkSize) {
		o.Chunks = append(o.Chunks, sha256.Sum256(chunk))
	}
	return o
}

// Check tells whether the outline is one that a blob can have: nil, ErrTooLarge or
// ErrInvalid. What came from another node is checked first.
func (o Outline) Check() error {
	if o.Size > MaxBlob {
		return fmt.Errorf("%w: blob of %d bytes, the limit is %d", ErrTooLarge, o.Size, int64(MaxBlob))
	}
	if o.Size < 0 || int64(len(o.Chunks)) != (o.Size+ChunkSize-1)/ChunkSize {
		return fmt.Errorf("%w: outline of %d bytes with %d chunks", ErrInvalid, o.Size, len(o.Chunks))
	}
	return nil
}

// Hash is the blob's address: the hash ["phyllo/blob/1", size, chunks], where
// chunks is one byte string of all their hashes. It names the content and no
// other, so an outline from anybody is the right one if its hash is.
func (o Outline) Hash() id.Hash {
	return id.HashOf("blob", o.Size, o.Bytes())
}

// ChunkLen is the number of bytes in chunk n, which must be one of the outline's.
func (o Outline) ChunkLen(n int) int {
	return int(min(ChunkSize, o.Size-int64(n)*ChunkSize))
}

// Verify tells whether content is chunk n: nil, ErrInvalid if there is no such
// chunk, or ErrMismatch.
func (o Outline) Verify(n int, content []byte) error {
	switch {
	case n < 0 || n >= len(o.Chunks):
		return fmt.Errorf("%w: chunk %d of %d", ErrInvalid, n, len(o.Chunks))
	case len(content) != o.ChunkLen(n):
		return fmt.Errorf("%w: chunk %d has %d bytes, want %d", ErrMismatch, n, len(content), o.ChunkLen(n))
	case sha256.Sum256(content) != o.Chunks[n]:
		return fmt.Errorf("%w: chunk %d", ErrMismatch, n)
	}
	return nil
}

// Outliner makes the outline of a content that passes by. The zero Outliner is
// ready. It is an io.Writer.
type Outliner struct {
	outline Outline
	part    []byte // of the chunk under way
}

// Write takes the next bytes of the content. It fails, with ErrTooLarge, when there
// are more than MaxBlob, and keeps no reference to p.
func (w *Outliner) Write(p []byte) (int, error) {
	if w.outline.Size+int64(len(p)) > MaxBlob {
		return 0, fmt.Errorf("%w: blob of more than %d bytes", ErrTooLarge, int64(MaxBlob))
	}
	w.outline.Size += int64(len(p))
	for left := p; len(left) > 0; {
		n := min(len(left), ChunkSize-len(w.part))
		w.part = append(w.part, left[:n]...)
		left = left[n:]
		if len(w.part) == ChunkSize {
			w.outline.Chunks = append(w.outline.Chunks, sha256.Sum256(w.part))
			w.part = w.part[:0]
		}
	}
	return len(p), nil
}

// Outline returns the outline of what was written so far.
func (w *Outliner) Outline() Outline {
	o := Outline{Size: w.outline.Size, Chunks: slices.Clone(w.outline.Chunks)}
	if len(w.part) > 0 {
		o.Chunks = append(o.Chunks, sha256.Sum256(w.part))
	}
	return o
}

// PutBlob makes a content that is in memory durable, and returns its hash. That it
// is there already is no error.
func PutBlob(b Blobs, content []byte) (id.Hash, error) {
	o := OutlineOf(content)
	d, err := b.Create(o)
	if err != nil {
		return id.Hash{}, err
	}
	for _, n := range d.Missing() {
		at := n * ChunkSize
		if err := d.WriteChunk(n, content[at:at+o.ChunkLen(n)]); err != nil {
			return id.Hash{}, errors.Join(err, d.Close())
		}
	}
	return o.Hash(), errors.Join(d.Commit(), d.Close())
}
