package piece

import (
	"encoding/binary"
	"fmt"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// ChunkText is how many bytes of text a full chunk has, when it is sealed: what is left of a
// chunk that is moved is what sealing adds.
const ChunkText = task.ChunkSize - peer.LockOverhead

// MaxChunks is how many chunks a piece has at most.
const MaxChunks = 16

// chunks is how many chunks a text of so many bytes has.
func chunks(size int64) int { return int(max(1, (size+ChunkText-1)/ChunkText)) }

// Sealed is how long a text of so many bytes is, when it is sealed.
func Sealed(size int64) int64 { return size + int64(chunks(size))*peer.LockOverhead }

// Seal seals a text under a key of its own, in chunks that can be opened one by one. Each is new
// memory.
func Seal(l peer.Locker, key peer.Secret, kind string, text []byte) [][]byte {
	out := make([][]byte, chunks(int64(len(text))))
	for n := range out {
		from := n * ChunkText
		out[n] = l.Lock(chunkKey(key, n, len(out)), []byte(kind), text[from:min(from+ChunkText, len(text))])
	}
	return out
}

// Open opens chunk n of a text of size bytes, in new memory. Errors wrap ErrDamaged.
func Open(l peer.Locker, key peer.Secret, kind string, size int64, n int, sealed []byte) ([]byte, error) {
	text, err := l.Unlock(chunkKey(key, n, chunks(size)), []byte(kind), sealed)
	switch from, to := ChunkOf(size, int64(n)*ChunkText); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case int64(len(text)) != to-from:
		return nil, fmt.Errorf("%w: %d bytes in chunk %d, want %d", ErrDamaged, len(text), n, to-from)
	}
	return text, nil
}

// chunkKey is the key of one chunk: a key locks one text alone. The only chunk has the text's own.
func chunkKey(key peer.Secret, n, of int) peer.Secret {
	if of == 1 {
		return key
	}
	return key.Derive("chunk", binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// ChunkOf is where the chunk with byte at of a text begins and ends in it.
func ChunkOf(size, at int64) (from, to int64) {
	from = at / ChunkText * ChunkText
	return from, min(from+ChunkText, size)
}

// Chunks are the numbers of the chunks with bytes of [from, to), which is not empty.
func Chunks(from, to int64) (ns []int) {
	for n := from / ChunkText; n*ChunkText < to; n++ {
		ns = append(ns, int(n))
	}
	return ns
}
