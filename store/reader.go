package store

import (
	"fmt"
	"io"

	"github.com/phyllo-net/phyllo/id"
)

// Reader reads any range of a blob, every byte of it verified. It remembers the
// last chunk that it has read, so small reads one after another cost one
// verification. A Reader has a single owner and needs no closing.
type Reader struct {
	blobs   Blobs
	hash    id.Hash
	outline Outline
	number  int // of the chunk in memory
	chunk   []byte
}

var _ io.ReaderAt = (*Reader)(nil)

// NewReader returns a Reader of a blob that was committed. Its errors are those of
// Blobs.Outline.
func NewReader(b Blobs, h id.Hash) (*Reader, error) {
	o, err := b.Outline(h)
	if err != nil {
		return nil, err
	}
	return &Reader{blobs: b, hash: h, outline: o}, nil
}

// Outline returns the blob's outline, which must not be changed.
func (r *Reader) Outline() Outline { return r.outline }

// ReadAt implements io.ReaderAt. Its errors are io.EOF and those of
// Blobs.ReadChunk.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%w: reading at %d", ErrInvalid, off)
	}
	read := 0
	for read < len(p) {
		if off >= r.outline.Size {
			return read, io.EOF
		}
		if err := r.load(int(off / ChunkSize)); err != nil {
			return read, err
		}
		n := copy(p[read:], r.chunk[off%ChunkSize:])
		read += n
		off += int64(n)
	}
	return read, nil
}

func (r *Reader) load(n int) error {
	if r.chunk != nil && r.number == n {
		return nil
	}
	chunk, err := r.blobs.ReadChunk(r.hash, n, r.chunk)
	r.number, r.chunk = n, chunk // no chunk after an error
	return err
}

// GetBlob returns the content of a blob of at most limit bytes, verified. Its errors
// are those of Blobs.ReadChunk, and ErrTooLarge.
func GetBlob(b Blobs, h id.Hash, limit int64) ([]byte, error) {
	o, err := b.Outline(h)
	if err != nil {
		return nil, err
	}
	if o.Size > limit {
		return nil, fmt.Errorf("%w: blob of %d bytes, at most %d are wanted", ErrTooLarge, o.Size, limit)
	}
	content := make([]byte, 0, o.Size)
	for n := range o.Chunks {
		chunk, err := b.ReadChunk(h, n, content[len(content):])
		if err != nil {
			return nil, err
		}
		content = append(content, chunk...) // it is there already, if the store has used the room
	}
	return content, nil
}
