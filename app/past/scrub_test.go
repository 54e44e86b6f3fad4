package past_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// scrub makes a whole pass, and returns how many steps it took.
func (m *member) scrub(budget int64) (steps int) {
	m.w.t.Helper()
	var at past.Mark
	for steps = 1; ; steps++ {
		err := m.node.Call(patience, func(t *task.T) (err error) {
			at, err = m.past.Scrub(t, at, budget)
			return err
		})
		if err != nil {
			m.w.t.Fatalf("scrub: %v", err)
		}
		if at == (past.Mark{}) {
			return steps
		}
	}
}

// rot changes one byte of a small content on the disk.
func (m *member) rot(o id.Hash) {
	m.w.t.Helper()
	b, err := m.disk.Get(past.ContentTable, o[:])
	if err == nil {
		b[len(b)/2] ^= 4
		err = m.disk.Put(past.ContentTable, o[:], b)
	}
	if err != nil {
		m.w.t.Fatal(err)
	}
}

// A pass of scrubbing finds what changed on the disk, in small contents, large ones and
// records, though nobody reads it, and it is repaired from other holders (RELIABILITY 4,
// bit-rot).
func TestScrub(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 31}, nil)
	objects := w.fill(20, 6)
	b := newBig(3*mib + 5)
	s, err := w.members[0].insertLarge(b, 6)
	if err != nil {
		t.Fatal(err)
	}
	sick := w.members[3]
	sick.rot(objects[4])
	sick.rot(objects[11])
	if err := sick.disk.Delete(past.ContentTable, objects[7][:]); err != nil {
		t.Fatal(err)
	}
	if err := sick.disk.Put(past.Table, objects[8][:], []byte("no record")); err != nil {
		t.Fatal(err)
	}
	if !sick.disk.Blobs().Rot(b.outline.Hash(), 2) {
		t.Fatal("no blob")
	}
	w.net.Run(time.Hour)
	if s := sick.past.Stats(); s.Damaged != 0 {
		t.Fatalf("%d damaged, before anybody has looked", s.Damaged)
	}
	if steps := sick.scrub(5 * store.MinScrub); steps < 6 {
		t.Errorf("a pass of %d steps", steps)
	}
	if s := sick.past.Stats(); s.Damaged != 5 || s.Lost != 5 || s.Repaired != 0 {
		t.Errorf("after the pass: %+v, want 5 damaged and lost", s)
	}
	w.net.Run(time.Minute)
	if s := sick.past.Stats(); s.Lost != 0 || s.Repaired != 5 {
		t.Errorf("a minute later: %+v, want 5 repaired", s)
	}
	w.whole(true)
	w.mustHold(b, w.members)
	for _, m := range w.members {
		m.scrub(1 << 30)
		if s := m.past.Stats(); m != sick && s.Damaged > 0 {
			t.Errorf("%s finds %d damaged", m.node.Self(), s.Damaged)
		}
	}
	if got, err := sick.fetch(s.Certificate.ID()); err != nil || string(got) != string(b.bytes) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What is damaged is no replica after a restart either, and is repaired when another holder
// is back; what is there of it stays, as it may be the last.
func TestDamageOutlivesARestart(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 32}, nil)
	o := w.mustInsert(w.members[0], file("content", 2))
	b := newBig(2*mib + 5)
	s, err := w.members[0].insertLarge(b, 2)
	if err != nil {
		t.Fatal(err)
	}
	sick, well := w.members[0], w.members[1]
	well.node.Kill()
	w.net.Run(time.Minute)
	sick.rot(o)
	sick.disk.Blobs().Rot(b.outline.Hash(), 0)
	sick.scrub(1 << 30)
	w.net.Run(3 * time.Hour) // longer than blobs stay of which no record speaks
	if s := sick.past.Stats(); s.Lost != 2 || s.Objects != 0 {
		t.Fatalf("alone: %+v, want 2 lost", s)
	}
	sick.node.Kill()
	sick.restart()
	w.net.Run(time.Minute)
	if s := sick.past.Stats(); s.Lost != 2 || s.Objects != 0 {
		t.Fatalf("after a restart: %+v, want 2 lost", s)
	}
	if outline, err := sick.disk.Blobs().Outline(b.outline.Hash()); err != nil || len(outline.Chunks) != 3 {
		t.Errorf("the good chunks are gone: %v", err)
	}
	well.restart()
	w.net.Run(5 * time.Minute)
	if s := sick.past.Stats(); s.Lost != 0 || s.Repaired != 2 || s.Objects != 2 {
		t.Errorf("with the other holder: %+v, want 2 repaired", s)
	}
	sick.node.Kill()
	sick.restart()
	w.net.Run(time.Minute)
	if s := sick.past.Stats(); s.Lost != 0 || s.Damaged != 0 {
		t.Errorf("after another restart: %+v, want all well", s)
	}
	w.mustFind(sick, o, "content")
	if got, err := sick.fetch(s.Certificate.ID()); err != nil || string(got) != string(b.bytes) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w.whole(true)
}

// A disk that fails is no damage, and the step is made again.
func TestScrubOfAFailingDisk(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{Seed: 33}, nil)
	m := w.members[0]
	o := w.mustInsert(m, file("content", 1))
	m.disk.Fail(func(op mem.Op) error {
		if op.Kind == mem.Get && op.Table == past.ContentTable {
			return store.ErrFailed
		}
		return nil
	})
	var at past.Mark
	err := m.node.Call(patience, func(t *task.T) (err error) {
		at, err = m.past.Scrub(t, past.Mark{}, 1<<30)
		return err
	})
	wantErr(t, "scrub", err, store.ErrFailed)
	if at != (past.Mark{}) || m.past.Stats().Damaged != 0 {
		t.Errorf("goes on at %+v, %d damaged", at, m.past.Stats().Damaged)
	}
	m.disk.Fail(nil)
	m.scrub(1 << 30)
	w.mustFind(m, o, "content")
}
