package past_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// large is a file that a node with little room refuses, and others do not.
var large = string(bytes.Repeat([]byte("x"), 2000))

// uneven starts a ring in which each third node offers little.
func uneven(t *testing.T, nodes int, seed uint64) *world {
	n := 0
	return newWorld(t, nodes, kbrtest.Config{Seed: seed}, func(c *past.Config) {
		c.Capacity = 1e6
		if n%3 == 0 {
			c.Capacity = 10_000
		}
		n++
	})
}

// diverted stores files until one has a replica that was diverted, and returns it with the node
// that points to it and the node that keeps it.
func (w *world) diverted(copies int) (o id.Hash, a, b *member) {
	w.t.Helper()
	for range 50 {
		s, err := w.members[1].insert(file(large, copies))
		if err != nil {
			w.t.Fatal(err)
		}
		o := s.Certificate.ID()
		for _, a := range w.nearest(o, copies) {
			for _, b := range w.members {
				if b.node.Self().ID == a.past.Points(o) {
					return o, a, b
				}
			}
		}
	}
	w.t.Fatal("nothing was diverted")
	return o, nil, nil
}

// TestReplicaDiversion: PAST, 3.3: a node without room has another one of its leaf set keep
// its replica, and gives the receipt itself.
func TestReplicaDiversion(t *testing.T) {
	simtest.WithoutRace(t)
	w := uneven(t, 40, 31)
	o, a, b := w.diverted(3)
	if !b.past.Holds(o) || a.past.Holds(o) || a.past.Stats().Pointers == 0 {
		t.Error("the replica does not lie where the pointer says")
	}
	if next := w.nearest(o, 4)[3]; !next.past.Keeps(o) {
		t.Error("the next in line has no pointer")
	}
	f, err := ask(w.outside(w.nearest(o, 4)), a, past.AskGet(o))
	if err != nil || !bytes.Contains(f, []byte(large)) {
		t.Errorf("through the pointer: %d bytes, %v", len(f), err)
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
	if !b.past.Holds(o) || a.past.Points(o) != b.node.Self().ID {
		t.Error("a diverted replica moves though nothing has changed")
	}
	for _, m := range w.members {
		w.mustFind(m, o, large)
	}
	if err := w.members[0].reclaim(o, ann); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	if b.past.Keeps(o) {
		t.Error("a diverted replica outlives the reclaim")
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
}

// TestDivertedSurvives: PAST, 3.3: the failure of A, who points, loses nothing; that of B,
// who keeps the replica, leads to a new one.
func TestDivertedSurvives(t *testing.T) {
	simtest.WithoutRace(t)
	t.Run("A", func(t *testing.T) {
		w := uneven(t, 40, 32)
		o, a, b := w.diverted(3)
		for _, m := range w.nearest(o, 3) {
			if m != a && m != b {
				m.node.Kill() // b has the only replica, and two have pointers to it
			}
		}
		a.node.Kill()
		w.net.Run(10 * time.Second)
		w.mustFind(w.live()[0], o, large)
		w.net.Run(2 * time.Hour)
		w.whole(true)
		w.mustFind(w.live()[0], o, large)
	})
	t.Run("B", func(t *testing.T) {
		w := uneven(t, 40, 33)
		o, a, b := w.diverted(3)
		b.node.Kill()
		w.net.Run(10 * time.Second)
		if a.past.Points(o) != b.node.Self().ID {
			t.Error("who was away for seconds is not waited for")
		}
		w.mustFind(w.live()[0], o, large)
		w.net.Run(2 * time.Hour)
		if at := a.past.Points(o); at == b.node.Self().ID {
			t.Error("a pointer to a dead node")
		}
		w.whole(true)
		b.restart()
		w.net.Run(2 * time.Hour)
		w.whole(true)
	})
	t.Run("the disk of B", func(t *testing.T) {
		w := uneven(t, 40, 34)
		o, _, b := w.diverted(3)
		if err := b.disk.Put(past.ContentTable, o[:], []byte("rot")); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Minute)
		for _, m := range w.members {
			w.mustFind(m, o, large)
		}
		if _, err := ask(w.members[1], b, past.AskGet(o)); err != nil {
			t.Fatal(err)
		}
		w.net.Run(2 * time.Hour)
		w.whole(true)
	})
}

// TestDivertedThroughChange: nodes come and go, and each object is where it belongs or has
// a pointer there.
func TestDivertedThroughChange(t *testing.T) {
	simtest.WithoutRace(t)
	w := uneven(t, 30, 35)
	var objects []id.Hash
	for range 60 {
		s, err := w.members[1].insert(file(large, 4))
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, s.Certificate.ID())
	}
	for i := range 8 {
		w.join()
		w.live()[3*i].node.Kill()
		w.net.Run(20 * time.Minute)
		w.check()
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
	pointers := 0
	for _, p := range w.pasts() {
		s := p.Stats()
		pointers += s.Pointers
		if s.BadInput+s.Damaged > 0 {
			t.Errorf("%+v", s)
		}
	}
	if pointers < len(objects)/4 {
		t.Errorf("%d pointers for %d objects: nothing is tested", pointers, len(objects))
	}
	for i, o := range objects {
		w.mustFind(w.live()[i%len(w.live())], o, large)
	}
}

// TestComesHome: a replica that was diverted comes to its own node when that has room.
func TestComesHome(t *testing.T) {
	simtest.WithoutRace(t)
	w := uneven(t, 40, 36)
	small := w.members[0]
	var filler []id.Hash
	for range 200 {
		s, err := w.members[1].insert(file(large[:900], 3))
		if err != nil {
			t.Fatal(err)
		}
		filler = append(filler, s.Certificate.ID())
	}
	before := small.past.Stats()
	for _, o := range filler {
		if small.past.Holds(o) {
			if err := small.reclaim(o, ann); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.net.Run(time.Hour)
	w.whole(true)
	if s := small.past.Stats(); before.Pointers == 0 || s.Pointers >= before.Pointers || s.Bytes == 0 {
		t.Errorf("%d pointers, then %d, and %d bytes here", before.Pointers, s.Pointers, s.Bytes)
	}
}

// TestFileDiversion: PAST, 3.4: where a part of the ring is full a file goes to another one,
// and leaves nothing behind; where all is full it is refused.
func TestFileDiversion(t *testing.T) {
	simtest.WithoutRace(t)
	n := 0
	w := newWorld(t, 60, kbrtest.Config{Seed: 37}, func(c *past.Config) {
		if c.Capacity = 1e6; n >= 20 {
			c.Capacity = 500
		}
		c.Diversion.Diverted = 0 // or nearly each file would find a node of its leaf set
		c.Diversion.Salts = 16
		n++
	})
	stored, refused := 0, 0
	for range 10 {
		s, err := w.members[3].insert(file(large[:400], 1))
		switch {
		case err == nil:
			stored++
			w.checkStored(s)
		case !errors.Is(err, past.ErrFull):
			t.Fatal(err)
		}
	}
	if stored < 9 {
		t.Errorf("%d of 10 files were stored", stored)
	}
	for range 20 { // under one id alone there may be no room, while there is elsewhere
		m, done := w.members[3], past.Stored{}
		switch err := m.node.Call(patience, func(t *task.T) error {
			f, err := m.past.Sign(t, file(large[:400], 1), ann)
			if err != nil {
				return err
			}
			done, err = m.past.InsertSigned(t, f)
			return err
		}); {
		case err == nil:
			stored++
			w.checkStored(done)
		case !errors.Is(err, past.ErrFull):
			t.Fatal(err)
		default:
			refused++
		}
	}
	if refused == 0 || stored < 12 {
		t.Errorf("%d files were stored, and of 20 under one id %d were refused: want some of both", stored, refused)
	}
	held := 0
	for _, p := range w.pasts() {
		held += p.Stats().Objects
	}
	if held != stored {
		t.Errorf("%d files were stored, and %d are kept", stored, held)
	}
	_, err := w.members[3].insert(file(string(make([]byte, past.MaxContent)), 20-4))
	wantErr(t, "where some of 16 holders have no room", err, past.ErrFull)
	w.net.Run(time.Minute)
	for _, p := range w.pasts() {
		held -= p.Stats().Objects
	}
	if held != 0 {
		t.Errorf("a file that was refused is kept %d times", -held)
	}
}

// TestHostileDiversion: a stranger can neither fill a node nor make it believe in replicas.
func TestHostileDiversion(t *testing.T) {
	simtest.WithoutRace(t)
	w := uneven(t, 60, 38)
	c := sign(w, 1, "content", 3)
	o := c.ID()
	near := w.nearest(o, 60)
	far, holder, next := near[59], near[0], near[3]
	at := near[5].node.Self().ID
	for _, q := range []struct {
		name     string
		from, to *member
		ask      []byte
	}{
		{"a replica from one who is not near the object", far, near[10], past.AskDivert(c, []byte("content"))},
		{"a replica for one who is to keep one itself", near[1], holder, past.AskDivert(c, []byte("content"))},
		{"another content", near[1], near[8], past.AskDivert(c, []byte("Content"))},
		{"a pointer from a stranger", far, next, past.AskPoint(c, at)},
		{"a pointer for one who is to keep a replica", near[1], holder, past.AskPoint(c, at)},
		{"a pointer to oneself", near[1], next, past.AskPoint(c, next.node.Self().ID)},
		{"a pointer for one who is not next", near[1], near[7], past.AskPoint(c, at)},
		{"the room, by a stranger", far, holder, past.AskRoom()},
	} {
		if got, err := ask(q.from, q.to, q.ask); !refused(err) {
			t.Errorf("%s: %s, %v", q.name, past.KindOf(got), err)
		}
	}
	// A pointer to a node that keeps nothing is found out.
	if _, err := ask(near[1], next, past.AskPoint(c, at)); err != nil {
		t.Fatal(err)
	}
	if next.past.Points(o) != at {
		t.Fatal("a good pointer was not taken")
	}
	w.net.Run(time.Hour)
	if next.past.Keeps(o) {
		t.Error("a pointer to nothing stays")
	}
	_, err := w.members[2].lookup(o)
	wantErr(t, "what was never stored", err, past.ErrNotFound)
}
