package store

import (
	"fmt"
	"io"

	"github.com/phyllo-net/phyllo/id"
)

// ParseOutline returns the outline of a content of so many bytes whose chunks have these
// hashes, one after another. The error is one of Outline.Check.
func ParseOutline(size int64, chunks []byte) (Outline, error) {
	o := Outline{Size: size}
	for len(chunks) >= len(id.Hash{}) {
		o.Chunks = append(o.Chunks, id.Hash(chunks[:len(id.Hash{})]))
		chunks = chunks[len(id.Hash{}):]
	}
	if len(chunks) > 0 {
		return Outline{}, fmt.Errorf("%w: %d bytes too many in an outline", ErrInvalid, len(chunks))
	}
	return o, o.Check()
}

// Bytes are the hashes of the chunks, one after another: see ParseOutline.
func (o Outline) Bytes() []byte {
	chunks := make([]byte, 0, len(o.Chunks)*len(id.Hash{}))
	for _, c := range o.Chunks {
		chunks = append(chunks, c[:]...)
	}
	return chunks
}

// BlobSource gives out the chunks of a blob: a task.Source.
type BlobSource struct {
	Blobs Blobs
	Hash  id.Hash
}

// ReadChunk returns chunk n, verified. Its errors are those of Blobs.ReadChunk.
func (s BlobSource) ReadChunk(n int, into []byte) ([]byte, error) {
	return s.Blobs.ReadChunk(s.Hash, n, into)
}

// ReaderSource gives out the chunks of a content that can be read anywhere: a task.Source.
// What is read is not verified: whoever takes it does that.
type ReaderSource struct {
	Reader io.ReaderAt
	Size   int64
}

// ReadChunk returns chunk n. Its errors are those of the reader, io.ErrUnexpectedEOF among
// them, and ErrInvalid.
func (s ReaderSource) ReadChunk(n int, into []byte) ([]byte, error) {
	at := int64(n) * ChunkSize
	if n < 0 || at >= s.Size {
		return nil, fmt.Errorf("%w: chunk %d of %d bytes", ErrInvalid, n, s.Size)
	}
	length := int(min(ChunkSize, s.Size-at))
	if cap(into) < length {
		into = make([]byte, length)
	}
	into = into[:length]
	got, err := s.Reader.ReadAt(into, at)
	if got == length {
		return into, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// WriterSink verifies the chunks of a content and writes them on, as they come: a task.Sink.
type WriterSink struct {
	Outline Outline
	Writer  io.Writer
}

// WriteChunk writes chunk n. Its errors are those of Outline.Verify and of the writer.
func (s WriterSink) WriteChunk(n int, content []byte) error {
	if err := s.Outline.Verify(n, content); err != nil {
		return err
	}
	_, err := s.Writer.Write(content)
	return err
}
