package certificate

import (
	"crypto/sha256"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// MaxInline is the largest content that travels in one message, in bytes.
	MaxInline = 40 << 10
	// MaxSize is the largest content of one object, in bytes: 1 GiB.
	MaxSize = task.MaxChunks * task.ChunkSize
)

// ContentHash is what a certificate says about content of at most MaxInline bytes.
func ContentHash(content []byte) id.Hash { return id.Hash(sha256.Sum256(content)) }

// LargeHash is what a certificate says about a longer one: a hash over the SHA-256 of its
// chunks of task.ChunkSize, one after another. It is that of the outline of a blob.
func LargeHash(size int64, chunks []byte) id.Hash { return id.HashOf("blob", size, chunks) }

// Large reports whether the content is moved chunk by chunk. The hashes of its chunks stand
// for it then in messages and records: that is its body. The body of another object is the
// content itself.
func (c *Certificate) Large() bool { return c.Size > MaxInline }

// Body is the length of the body, in bytes.
func (c *Certificate) Body() int64 {
	if !c.Large() {
		return c.Size
	}
	return (c.Size + task.ChunkSize - 1) / task.ChunkSize * sha256.Size
}

// BodyHash is what a certificate for a content of this Size says about its body.
func (c *Certificate) BodyHash(body []byte) id.Hash {
	if c.Large() {
		return LargeHash(c.Size, body)
	}
	return ContentHash(body)
}

// Fits returns nil if this is the body that the certificate speaks of, and otherwise
// an error that wraps ErrContent. Of a large content each chunk is to be verified besides.
func (c *Certificate) Fits(body []byte) error {
	switch {
	case int64(len(body)) != c.Body():
		return fmt.Errorf("%w: %d bytes, want %d", ErrContent, len(body), c.Body())
	case c.BodyHash(body) != c.Content:
		return fmt.Errorf("%w: another hash", ErrContent)
	}
	return nil
}
