package space_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/archive"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// putArchived archives a content under a name. It returns its content, and how many fragments
// or copies there are of those wanted.
func (m *member) putArchived(h space.Handle, name string, content []byte) (c piece.Content, have, want int, err error) {
	err = m.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
		u := sp.Begin(space.Storing{Copies: 3, Archive: true})
		if err = u.Write(t, content); err != nil {
			return err
		}
		if c, err = u.Finish(t); err != nil {
			return err
		}
		have, want = u.Copies()
		if _, _, err = sp.Put(t, name, space.File{Content: c, Copies: want, Seen: u.Seen()}, space.Cond{}); err == nil {
			u.Keep()
		}
		return err
	})
	return c, have, want, err
}

// archived is a ring of so many nodes with one archived file of several pieces and lists.
func archived(t *testing.T, nodes int, seed uint64) (w *world, h space.Handle, c piece.Content, content []byte) {
	t.Helper()
	w = newWorld(t, nodes, seed)
	content = random(seed, 30_000)
	h = w.members[0].create(space.Founding{Name: "home", Copies: 5})
	c, have, want, err := w.members[0].putArchived(h, "old", content)
	if err != nil || have != want || want != int(c.Ref.Code.Total) {
		t.Fatalf("%d of %d fragments, %v", have, want, err)
	}
	return w, h, c, content
}

// readAll reads a content by its reference alone, as who has a link does.
func (m *member) readAll(c piece.Content) (b []byte, err error) {
	err = m.do(func(t *task.T) (err error) {
		b, err = m.spaces.ReadAt(t, c, 0, int(c.Ref.Size))
		return err
	})
	return b, err
}

// TestArchive: of a file in fragments 15 of 36 nodes may die at once, and whoever has its link
// reads it; then its writer's node makes the fragments anew.
func TestArchive(t *testing.T) {
	simtest.WithoutRace(t)
	w, h, c, content := archived(t, 36, 31)
	if c.Height == 0 || c.Ref.Code.Need != archive.Need || c.Ref.Code.Total != archive.Usual {
		t.Fatalf("a content of height %d in %d of %d fragments", c.Height, c.Ref.Code.Need, c.Ref.Code.Total)
	}
	for _, m := range w.members[10:25] {
		m.node.Kill()
	}
	w.net.Run(time.Minute)
	if b, err := w.members[7].readAll(c); err != nil || !bytes.Equal(b, content) {
		t.Fatalf("%d bytes came of %d, %v", len(b), len(content), err)
	}
	if n := w.members[7].fragments(c); n < archive.Need || n > 20 {
		t.Errorf("%d fragments are left", n)
	}
	tended := w.members[0].tend(ann, h)
	if tended.Err != nil || tended.Lost > 0 || tended.Objects < 4 || tended.Mended < 4*5 {
		t.Errorf("a look through the archive: %+v", tended)
	}
	if n := w.members[7].fragments(c); n != archive.Usual {
		t.Errorf("%d fragments after that", n)
	}
	if again := w.members[0].tend(ann, h); again.Mended != 0 || again.Err != nil {
		t.Errorf("a second look made more: %+v", again)
	}
}

// TestArchiveOfUploads: archives that were finished before, as parts of an upload are, become one archive, and
// know what they are.
func TestArchiveOfUploads(t *testing.T) {
	w := newWorld(t, archive.Least+2, 37)
	m := w.members[0]
	h := m.create(space.Founding{Name: "home", Copies: 5})
	one, two := random(37, 9_000), random(38, 20_000)
	var parts [2]piece.Content
	for i, b := range [][]byte{one, two} {
		c, _, _, err := m.putArchived(h, "part", b)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = c
	}
	var whole piece.Content
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
		u := sp.Begin(space.Storing{Archive: true})
		for _, c := range parts {
			if _, want := sp.Resume(c, space.Storing{}, sp.Seen()).Copies(); want != archive.Usual {
				w.t.Errorf("of a part %d copies are wanted", want)
			}
			if err := u.Append(t, c); err != nil {
				return err
			}
		}
		whole, err = u.Finish(t)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if whole.Ref.Code.Total != archive.Usual || m.fragments(whole) != archive.Usual {
		t.Errorf("the whole is kept as %+v", whole.Ref.Code)
	}
	if b, err := w.members[7].readAll(whole); err != nil || !bytes.Equal(b, append(one, two...)) {
		t.Errorf("%d bytes came, %v", len(b), err)
	}
}

// fragments counts those that there are of a content.
func (m *member) fragments(c piece.Content) (n int) {
	m.w.t.Helper()
	m.must("count", func(t *task.T) (err error) {
		n, err = m.spaces.Copies(t, c, archive.Usual)
		return err
	})
	return n
}

func (m *member) tend(p space.Person, h space.Handle) (x space.Tended) {
	m.w.t.Helper()
	if err := m.in(p, h, func(t *task.T, sp *space.Space) (err error) {
		x, err = sp.Tend(t)
		return err
	}); err != nil {
		m.w.t.Fatal(err)
	}
	return x
}

// TestArchiveIsLazy: a few nodes that are away cost nothing, and who only reads makes nothing anew.
func TestArchiveIsLazy(t *testing.T) {
	w, h, c, _ := archived(t, 30, 32)
	for _, m := range w.members[25:27] {
		m.node.Kill()
	}
	w.net.Run(time.Minute)
	if n := w.members[7].fragments(c); n == archive.Usual {
		t.Error("nobody who died had a fragment")
	}
	if x := w.members[0].tend(ann, h); x.Mended != 0 || x.Lost != 0 || x.Err != nil {
		t.Errorf("a look through the archive: %+v", x)
	}
	for _, m := range w.members[15:25] {
		m.node.Kill()
	}
	w.net.Run(time.Minute)
	if err := w.members[0].in(ann, h, func(t *task.T, sp *space.Space) error {
		return sp.Grant(t, grant(bob, false))
	}); err != nil {
		t.Fatal(err)
	}
	if x := w.members[1].tend(bob, h); x.Objects != 0 {
		t.Errorf("who may only read has tended: %+v", x)
	}
}

// TestArchiveLost: of what has too few fragments left it is said that it is lost.
func TestArchiveLost(t *testing.T) {
	w, h, c, _ := archived(t, 30, 33)
	m := w.members[0]
	m.must("reclaim", func(t *task.T) error {
		sp, err := m.spaces.Open(t, ann, h)
		if err != nil {
			return err
		}
		return sp.Spoil(t, c, archive.Usual-archive.Need+1)
	})
	if b, err := w.members[7].readAll(c); !errors.Is(err, past.ErrNotFound) {
		t.Errorf("%d bytes came, %v", len(b), err)
	}
	if x := m.tend(ann, h); x.Lost != 1 || x.Err != nil {
		t.Errorf("a look through the archive: %+v", x)
	}
}

// TestArchiveGoes: with its name an archived file goes, with all fragments.
func TestArchiveGoes(t *testing.T) {
	w := newWorld(t, 26, 34)
	m := w.members[0]
	h := m.create(space.Founding{Name: "home", Copies: 5})
	if _, err := m.put(ann, h, "other", random(1, 10), space.Cond{}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	before := w.objects()
	if _, _, _, err := m.putArchived(h, "old", random(2, 9000)); err != nil {
		t.Fatal(err)
	}
	if n := w.objects() - before; n < 3*archive.Usual {
		t.Errorf("%d objects more with an archive", n)
	}
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.Erase(t, "old") }); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	if n := w.objects(); n != before {
		t.Errorf("%d objects, %d before", n, before)
	}
}

// TestNoArchiveHere: in a ring with too few nodes the file is kept in copies.
func TestNoArchiveHere(t *testing.T) {
	w := newWorld(t, 5, 35)
	h := w.members[0].create(space.Founding{Name: "home", Copies: 3})
	content := random(1, 9000)
	c, have, want, err := w.members[0].putArchived(h, "old", content)
	if err != nil || have != 3 || want != 3 || !c.Ref.Code.IsZero() {
		t.Fatalf("%d of %d, code %+v, %v", have, want, c.Ref.Code, err)
	}
	if b, err := w.members[3].readAll(c); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%d bytes came, %v", len(b), err)
	}
}

// TestArchiveOfLongPieces: fragments that are too long for a message go on streams; a convergent
// space keeps equal pieces once.
func TestArchiveOfLongPieces(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorldOf(t, 30, 36, task.ChunkSize-peer.LockOverhead)
	m := w.members[0]
	h := m.create(space.Founding{Name: "home", Copies: 3, Convergent: true})
	content := random(1, 2_500_000)
	c, _, _, err := m.putArchived(h, "old", content)
	if err != nil {
		t.Fatal(err)
	}
	before := w.objects()
	if again, _, _, err := m.putArchived(h, "old too", content); err != nil || again != c {
		t.Errorf("the same content again: %v", err)
	}
	if n := w.objects() - before; n > 4*5 {
		t.Errorf("%d objects more for the same content", n)
	}
	for _, x := range w.members[18:] {
		x.node.Kill()
	}
	w.net.Run(time.Minute)
	if b, err := w.members[7].readAll(c); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%d bytes came of %d, %v", len(b), len(content), err)
	}
}

// TestTendsByItself: a node looks through its people's archives without being told.
func TestTendsByItself(t *testing.T) {
	simtest.WithoutRace(t)
	var found []space.Tended
	w := newWorldOf(t, 0, 37, 4<<10)
	w.tending = func(c *space.Config) {
		c.Tend = time.Hour
		if len(w.members) == 0 {
			c.People = func() []space.Person { return []space.Person{ann} }
			c.Tended = func(x space.Tended) { found = append(found, x) }
		}
	}
	for i := range 36 {
		w.join(uint64(i))
	}
	w.net.Run(10 * time.Second)
	m := w.members[0]
	h := m.create(space.Founding{Name: "home", Copies: 5})
	m.must("add", func(t *task.T) error { return m.spaces.Add(t, ann, space.Entry{Name: "home", Handle: h}) })
	c, _, _, err := m.putArchived(h, "old", random(9, 9000))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range w.members[20:33] {
		x.node.Kill()
	}
	w.net.Run(2 * time.Hour)
	mended := 0
	for _, x := range found {
		mended += x.Mended
		if x.Err != nil || x.Lost > 0 {
			t.Errorf("a look found %+v", x)
		}
	}
	if mended == 0 || len(found) < 2 || len(found) > 5 {
		t.Errorf("%d looks, %d fragments made anew", len(found), mended)
	}
	if n := w.members[7].fragments(c); n < archive.Usual-4 {
		t.Errorf("%d fragments", n)
	}
}
