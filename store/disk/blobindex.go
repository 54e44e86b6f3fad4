package disk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Blobs have two kinds of records, in a table whose name the contract allows to
// nobody: the index, with an entry for each blob that was committed, and the
// contents of blobs that are too small for a file of their own.
const (
	blobTable store.Table = ""

	indexKind   = 'i'
	contentKind = 'c'
)

// minFile is the size of the smallest blob that gets a file, in bytes. Below, a
// record costs less: it shares its sync with others.
const minFile = 64 << 10

// The flags of an entry.
const (
	isInline  = 1 << iota // the content is a record
	isDamaged             // it was found that a part cannot be read as it was written
	allFlags  = isInline | isDamaged
)

// entryHead is the length of what stands before the chunks' hashes in an entry: the
// flags and the size.
const entryHead = 1 + 8

// entry is what the index says of a blob.
type entry struct {
	outline store.Outline
	flags   byte
}

func (e entry) inline() bool  { return e.flags&isInline != 0 }
func (e entry) damaged() bool { return e.flags&isDamaged != 0 }

func blobKey(kind byte, h id.Hash) []byte { return append([]byte{kind}, h[:]...) }

func (e entry) encode() []byte {
	b := append(make([]byte, 0, entryHead+len(e.outline.Chunks)*len(id.Hash{})), e.flags)
	b = binary.BigEndian.AppendUint64(b, uint64(e.outline.Size))
	for _, c := range e.outline.Chunks {
		b = append(b, c[:]...)
	}
	return b
}

// parseEntry reads the entry of a blob, and makes sure that it is that blob's.
func parseEntry(h id.Hash, b []byte) (entry, error) {
	e, err := decodeEntry(b)
	if err != nil {
		return entry{}, err
	}
	if e.outline.Hash() != h {
		return entry{}, fmt.Errorf("%w: the entry of blob %s is another's", store.ErrCorrupt, h)
	}
	return e, nil
}

func decodeEntry(b []byte) (entry, error) {
	size, flags, err := parseHead(b)
	if err != nil {
		return entry{}, err
	}
	e := entry{store.Outline{Size: size}, flags}
	for b = b[entryHead:]; len(b) > 0; b = b[len(id.Hash{}):] {
		e.outline.Chunks = append(e.outline.Chunks, id.Hash(b[:len(id.Hash{})]))
	}
	if err := e.outline.Check(); err != nil {
		return entry{}, fmt.Errorf("%w: entry of a blob: %w", store.ErrCorrupt, err)
	}
	return e, nil
}

// parseHead reads what a list or a count needs of an entry.
func parseHead(b []byte) (size int64, flags byte, err error) {
	if len(b) < entryHead || (len(b)-entryHead)%len(id.Hash{}) != 0 || b[0]&^allFlags != 0 {
		return 0, 0, fmt.Errorf("%w: entry of a blob with %d bytes", store.ErrCorrupt, len(b))
	}
	size = int64(binary.BigEndian.Uint64(b[1:]))
	if size < 0 || size > store.MaxBlob {
		return 0, 0, fmt.Errorf("%w: entry of a blob of %d bytes", store.ErrCorrupt, size)
	}
	return size, b[0], nil
}

// entry returns what the index says of a blob, or store.ErrNotFound.
func (v *view) entry(h id.Hash) (entry, error) {
	b, err := v.get(blobTable, blobKey(indexKind, h))
	if errors.Is(err, store.ErrNotFound) {
		return entry{}, fmt.Errorf("%w: blob %s", store.ErrNotFound, h)
	}
	if err != nil {
		return entry{}, err
	}
	return parseEntry(h, b)
}

// entries calls fn for the index from a blob on, in order, until it returns false or
// fails. The value is that of the record.
func (v *view) entries(from id.Hash, fn func(h id.Hash, value []byte) (bool, error)) error {
	var failure error
	r := store.Range{From: blobKey(indexKind, from), To: []byte{indexKind + 1}}
	err := v.scan(blobTable, r, func(key, value []byte) bool {
		if len(key) != 1+len(id.Hash{}) {
			failure = fmt.Errorf("%w: index of blobs with a key of %d bytes", store.ErrCorrupt, len(key))
			return false
		}
		more, err := fn(id.Hash(key[1:]), value)
		failure = err
		return more && err == nil
	})
	return errors.Join(err, failure)
}

// taken is what the blobs of the index take.
type taken struct {
	used  int64 // bytes of content
	blobs int
}

func (t *taken) add(u taken) {
	t.used += u.used
	t.blobs += u.blobs
}

// takes is how a group of writes changes what blobs take. The leader asks before it
// writes, when what the index says is what it will be changed from.
func (s *Store) takes(group []*commit) (taken, error) {
	var t taken
	for _, c := range group {
		for _, op := range c.ops {
			if op.Table != blobTable || op.Key[0] != indexKind {
				continue
			}
			before, err := s.sizeOf(op.Key)
			if err != nil {
				return taken{}, err
			}
			t.used -= before.used
			t.blobs -= before.blobs
			if !op.Delete {
				size, _, err := parseHead(op.Value)
				if err != nil {
					return taken{}, err
				}
				t.add(taken{size, 1})
			}
		}
	}
	return t, nil
}

// sizeOf is what the blob with a key of the index takes.
func (s *Store) sizeOf(key []byte) (taken, error) {
	s.mu.Lock()
	v := s.view // the leader alone moves it on
	s.mu.Unlock()
	value, err := v.get(blobTable, key)
	if errors.Is(err, store.ErrNotFound) {
		return taken{}, nil
	}
	if err != nil {
		return taken{}, err
	}
	size, _, err := parseHead(value)
	return taken{size, 1}, err
}
