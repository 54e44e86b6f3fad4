package space_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// longest is the longest piece that is one chunk, when it is sealed.
var longest = space.Default().Piece

// readOn reads a content to its end, as who plays a film does.
func (m *member) readOn(c piece.Content, at int64, n int) (b []byte, asked int, err error) {
	err = m.do(func(t *task.T) error {
		for end := c.Ref.Size; at < end; asked++ {
			part, err := m.spaces.ReadOn(t, c, at, end, n)
			if err != nil {
				return err
			}
			b, at = append(b, part...), at+int64(len(part))
		}
		return nil
	})
	return b, asked, err
}

// TestLongFile: pieces that are too long for a message are stored and read, kept once in a
// convergent space, and given back with their file.
func TestLongFile(t *testing.T) {
	for _, convergent := range []bool{false, true} {
		w := newWorldOf(t, 5, 41, longest)
		a, b := w.members[0], w.members[4]
		h := a.create(space.Founding{Name: "films", Convergent: convergent})
		content := random(7, 6<<20+13)
		empty := w.objects()
		v, err := a.put(ann, h, "film", content, space.Cond{})
		if err != nil {
			t.Fatal(err)
		}
		w.net.Run(10 * time.Minute)
		stored := w.objects() - empty
		if most := 3 * (6<<20/(longest/4) + 3); stored > most {
			t.Errorf("%d replicas for %d bytes, want %d at most: pieces are long", stored, len(content), most)
		}
		if got, _, err := b.readOn(v.Content, 0, 1<<20); err != nil || !bytes.Equal(got, content) {
			t.Errorf("read from the beginning: %d bytes, %v", len(got), err)
		}
		if _, err := a.put(ann, h, "again", content, space.Cond{}); err != nil {
			t.Fatal(err)
		}
		w.net.Run(10 * time.Minute)
		if more := w.objects() - empty - stored; convergent && more > 3 {
			t.Errorf("%d replicas more for the same content", more)
		}
		if convergent {
			continue
		}
		if err := a.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.RemoveAll(t, "", true) }); err != nil {
			t.Fatal(err)
		}
		w.net.Run(10 * time.Minute)
		if n := w.objects(); n != 2*5 {
			t.Errorf("%d replicas are left, want those of the charter and the root", n)
		}
	}
}

// TestReadOn: whoever reads on gets all, asks for about as much as he wants, and for no piece
// twice.
func TestReadOn(t *testing.T) {
	w := newWorld(t, 3, 42)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	content := random(8, 300_000)
	v, err := m.put(ann, h, "f", content, space.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   int64
		n    int
		most int // times
	}{{0, 1, 300}, {0, 20_000, 20}, {0, 1 << 20, 1}, {12_345, 64_000, 5}, {299_999, 1000, 1}} {
		got, asked, err := m.readOn(v.Content, c.at, c.n)
		if err != nil || !bytes.Equal(got, content[c.at:]) || asked > c.most {
			t.Errorf("from %d, %d at once: %d bytes, asked %d times, want at most %d: %v", c.at, c.n, len(got), asked, c.most, err)
		}
	}
	m.must("until a place", func(t *task.T) error {
		got, err := m.spaces.ReadOn(t, v.Content, 10, 20, 1000)
		if err == nil && !bytes.Equal(got, content[10:20]) {
			w.t.Errorf("10 bytes at 10: got %d", len(got))
		}
		return err
	})
}

// counting is a Locker that counts what is opened.
type counting struct {
	peer.Locker
	opened int
}

// Unlock implements peer.Locker.
func (c *counting) Unlock(key peer.Secret, info, locked []byte) ([]byte, error) {
	c.opened++
	return c.Locker.Unlock(key, info, locked)
}

// TestRangeOfLongPiece: who wants a few bytes of a long piece is given its chunks with these, and
// none of the others.
func TestRangeOfLongPiece(t *testing.T) {
	w := newWorldOf(t, 3, 44, longest)
	reader := new(counting)
	w.tending = func(c *space.Config) { reader.Locker, c.Locker = c.Locker, reader }
	w.join(3)
	w.tending = nil
	w.net.Run(time.Minute)
	a, b := w.members[0], w.members[3]
	h := a.create(space.Founding{Name: "films"})
	content := random(9, 2*piece.ChunkText-7) // shorter than the shortest of several pieces
	v, err := a.put(ann, h, "film", content, space.Cond{})
	if err != nil || v.Content.Height != 0 {
		t.Fatalf("%d lists, want one piece: %v", v.Content.Height, err)
	}
	for _, x := range []struct{ at, n, chunks int }{
		{0, 10, 1}, {piece.ChunkText - 5, 5, 1}, {piece.ChunkText - 5, 10, 2}, {piece.ChunkText, 10, 1}, {len(content) - 3, 10, 1}, {0, len(content), 2},
	} {
		before := reader.opened
		b.must("read", func(t *task.T) error {
			got, err := b.spaces.ReadAt(t, v.Content, int64(x.at), x.n)
			if err == nil && !bytes.Equal(got, content[x.at:min(x.at+x.n, len(content))]) {
				w.t.Errorf("%d bytes at %d: got %d others", x.n, x.at, len(got))
			}
			return err
		})
		if n := reader.opened - before; n != x.chunks {
			t.Errorf("%d bytes at %d: %d chunks were opened, want %d", x.n, x.at, n, x.chunks)
		}
	}
	for at, want := range map[int64]int{0: 2, piece.ChunkText: 1, 10: 2} {
		if got, asked, err := b.readOn(v.Content, at, 1000); err != nil || !bytes.Equal(got, content[at:]) || asked != want {
			t.Errorf("from %d on: %d bytes, asked %d times, want %d: %v", at, len(got), asked, want, err)
		}
	}
}

// TestLongPieceFindsNoRoom: a piece of which no node takes so much at once (t_pri) is stored
// in shorter ones.
func TestLongPieceFindsNoRoom(t *testing.T) {
	w := newTunedWorld(t, 8, 45, longest, func(c *past.Config) { c.Capacity = 40 << 20 })
	a, b := w.members[0], w.members[5]
	h := a.create(space.Founding{Name: "films"})
	content := random(10, 8<<20)
	var c piece.Content
	if err := a.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
		u := sp.Begin(space.Storing{Copies: 1})
		if err := u.Write(t, content); err != nil {
			return err
		}
		c, err = u.Finish(t)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.readOn(c, 0, 1<<20); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes of %d: %v", len(got), len(content), err)
	}
}

// TestLongDamage: an object that is longer than a piece can be is not read.
func TestLongDamage(t *testing.T) {
	w := newWorldOf(t, 1, 43, longest)
	m := w.members[0]
	b := random(9, 3*task.ChunkSize)
	large := past.Large{Size: int64(len(b)), Chunks: store.OutlineOf(b).Bytes(), Source: store.ReaderSource{Reader: bytes.NewReader(b), Size: int64(len(b))}}
	var stored past.Stored
	m.must("store", func(t *task.T) (err error) {
		stored, err = m.past.InsertLarge(t, past.File{Copies: 1}, large, ann.Signer)
		return err
	})
	bad := piece.Content{Ref: piece.Ref{Object: stored.Certificate.ID(), Hash: stored.Certificate.Content, Size: 3 * task.ChunkSize}}
	wantErr(t, "three chunks in a piece of another length", m.do(func(t *task.T) error {
		_, err := m.spaces.ReadAt(t, bad, 0, 10)
		return err
	}), space.ErrDamaged)
}
