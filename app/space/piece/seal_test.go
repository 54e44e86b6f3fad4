package piece_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// TestSeal: what was sealed opens chunk by chunk, has the length that is said before, and no two
// chunks are under one key.
func TestSeal(t *testing.T) {
	l, key := keys.Locker{}, peer.Secret{7}
	for _, size := range []int{0, 1, piece.ChunkText - 1, piece.ChunkText, piece.ChunkText + 1, 3*piece.ChunkText + 5} {
		text := random(uint64(size), size)
		sealed := piece.Seal(l, key, "piece", text)
		var opened []byte
		var length int64
		for n, c := range sealed {
			if n+1 < len(sealed) && len(c) != task.ChunkSize {
				t.Errorf("%d bytes: chunk %d has %d, want what is moved in one go", size, n, len(c))
			}
			b, err := piece.Open(l, key, "piece", int64(size), n, c)
			if err != nil {
				t.Fatalf("%d bytes, chunk %d: %v", size, n, err)
			}
			if from, to := piece.ChunkOf(int64(size), int64(len(opened))); from != int64(len(opened)) || to-from != int64(len(b)) {
				t.Errorf("%d bytes: chunk %d is from %d to %d, want %d bytes from %d on", size, n, from, to, len(b), len(opened))
			}
			opened, length = append(opened, b...), length+int64(len(c))
		}
		if !bytes.Equal(opened, text) || length != piece.Sealed(int64(size)) {
			t.Errorf("%d bytes became %d, want %d, and opened %d", size, length, piece.Sealed(int64(size)), len(opened))
		}
	}
	zeros := piece.Seal(l, key, "piece", make([]byte, 2*piece.ChunkText))
	if bytes.Equal(zeros[0], zeros[1]) {
		t.Error("two chunks are sealed alike")
	}
}

// TestOpenRefuses: a chunk opens in its place, under its key and as what it is, and nowhere else.
func TestOpenRefuses(t *testing.T) {
	const size = 2*piece.ChunkText + 5
	l, key := keys.Locker{}, peer.Secret{7}
	sealed := piece.Seal(l, key, "piece", random(1, size))
	for _, x := range []struct {
		what   string
		key    peer.Secret
		kind   string
		size   int64
		n      int
		sealed []byte
	}{
		{"another place", key, "piece", size, 1, sealed[0]}, {"another key", peer.Secret{8}, "piece", size, 0, sealed[0]}, {"another kind", key, "list", size, 0, sealed[0]},
		{"a text of another length", key, "piece", size + 1, 2, sealed[2]}, {"one chunk of many", key, "piece", piece.ChunkText, 0, sealed[0]},
		{"cut off", key, "piece", size, 0, sealed[0][:100]}, {"nothing", key, "piece", size, 0, nil}, {"beyond the end", key, "piece", size, 3, sealed[2]},
	} {
		if _, err := piece.Open(l, x.key, x.kind, x.size, x.n, x.sealed); !errors.Is(err, piece.ErrDamaged) {
			t.Errorf("%s: %v", x.what, err)
		}
	}
}

func TestChunks(t *testing.T) {
	const full = piece.ChunkText
	for _, x := range []struct {
		from, to int64
		first, n int
	}{{0, 1, 0, 1}, {0, full, 0, 1}, {0, full + 1, 0, 2}, {full - 1, full + 1, 0, 2}, {full, 2 * full, 1, 1}, {5, 3*full + 1, 0, 4}} {
		ns := piece.Chunks(x.from, x.to)
		if len(ns) != x.n || ns[0] != x.first || ns[len(ns)-1] != x.first+x.n-1 {
			t.Errorf("[%d, %d): %v", x.from, x.to, ns)
		}
	}
}
