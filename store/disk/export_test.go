package disk

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// RecoverAtOnce makes a store whose disk was full look again with every write.
func (s *Store) RecoverAtOnce() { s.pause = 0 }

// Waiting is the number of writers in the queue.
func (s *Store) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Sealed is a small file's text with its checksum.
func Sealed(text string) string { return guard.Sealed(text) }

// EngineGivesUp does what Pebble does when it finds that its state cannot be.
func (s *Store) EngineGivesUp(why string) { logger{s.config.Log, s.guard}.Fatalf("%s", why) }

// Rot changes a bit of a blob's chunk on the disk.
func (s *Store) Rot(h id.Hash, n int) error {
	e, err := s.blobs.entry(h)
	if err != nil {
		return err
	}
	if e.inline() {
		content, err := s.view.get(blobTable, blobKey(contentKind, h))
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 1
		return s.write([]store.Op{{Table: blobTable, Key: blobKey(contentKind, h), Value: content}})
	}
	f, err := s.config.FS.OpenReadWrite(s.blobs.files.path(h), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	at := int64(n)*store.ChunkSize + int64(e.outline.ChunkLen(n)/2)
	bit := make([]byte, 1)
	_, err = f.ReadAt(bit, at)
	if err == nil {
		bit[0] ^= 1
		_, err = f.WriteAt(bit, at)
	}
	return errors.Join(err, f.Close())
}

// BlobPath is where a blob's file is.
func (s *Store) BlobPath(h id.Hash) string { return s.blobs.files.path(h) }

// EncodeEntry and DecodeEntry are the index's codec.
func EncodeEntry(o store.Outline, flags byte) []byte { return entry{o, flags}.encode() }

// DecodeEntry reads what EncodeEntry has made.
func DecodeEntry(b []byte) (store.Outline, byte, error) {
	e, err := decodeEntry(b)
	return e.outline, e.flags, err
}

// BlobFileName takes a name of a file apart and puts it together again.
func BlobFileName(name string) (string, bool) {
	h, kind, ok := parseFileName(name)
	return h.String() + map[fileKinds]string{partFile: partEnd, oldFile: oldEnd}[kind], ok
}

// Fill makes n blobs as opening sees them: entries of outlines that are made up, and
// for nine of ten a file without content.
func (s *Store) Fill(n int) error {
	f := &s.blobs.files
	for from := 0; from < n; from += 500 {
		var ops []store.Op
		for i := from; i < min(n, from+500); i++ {
			e := entry{outline: store.Outline{Size: 100_000 + int64(i), Chunks: []id.Hash{id.HashOf("fill", i)}}}
			if i%10 == 0 {
				e.flags = isInline
			}
			h := e.outline.Hash()
			ops = append(ops, store.Op{Table: blobTable, Key: blobKey(indexKind, h), Value: e.encode()})
			if e.inline() {
				ops = append(ops, store.Op{Table: blobTable, Key: blobKey(contentKind, h), Value: make([]byte, 1000)})
				continue
			}
			if err := f.prepare(h); err != nil {
				return err
			}
			file, err := f.fs.Create(f.path(h), vfs.WriteCategoryUnspecified)
			if err := errors.Join(err, file.Close()); err != nil {
				return err
			}
		}
		if err := s.write(ops); err != nil {
			return err
		}
	}
	return nil
}
