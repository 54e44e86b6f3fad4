package space_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// TestResumed: content that was finished before the node ended is put or given back after it, alone or
// joined with others, and nothing is left over.
func TestResumed(t *testing.T) {
	w := newWorld(t, 3, 21)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	store := func(b []byte) (c piece.Content) {
		t.Helper()
		if err := m.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
			u := sp.Begin(space.Storing{Copies: 3})
			if err := u.Write(t, b); err != nil {
				return err
			}
			c, err = u.Finish(t)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	remove := func() {
		t.Helper()
		if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
			_, err := sp.Remove(t, "f", 0, space.Cond{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Hour)
	}
	if _, err := m.put(ann, h, "f", nil, space.Cond{}); err != nil {
		t.Fatal(err)
	}
	remove()
	before := w.objects()
	one, two := random(5, 50_000), random(6, 20_000)
	parts := []piece.Content{store(one), store(two), store(random(7, 30_000))}
	m.node.Kill()
	m.restart()
	w.net.Run(10 * time.Second)

	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
		whole := sp.Begin(space.Storing{Copies: 3})
		var us []*space.Upload
		for _, c := range parts[:2] {
			us = append(us, sp.Resume(c, space.Storing{Copies: 3}, sp.Seen()))
			if err := whole.Append(t, c); err != nil {
				return err
			}
		}
		c, err := whole.Finish(t)
		if err != nil {
			return err
		}
		if _, _, err := sp.Put(t, "f", space.File{Content: c, Copies: 3}, space.Cond{}); err != nil {
			return err
		}
		whole.Keep()
		for _, u := range us {
			u.Keep()
			u.Discard() // too late
		}
		sp.Resume(parts[2], space.Storing{Copies: 3}, 0).Discard()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Hour)
	if b, err := m.get(ann, h, "f", 0); err != nil || !bytes.Equal(b, append(one, two...)) {
		t.Fatalf("%d bytes came back, %v", len(b), err)
	}
	remove()
	if n := w.objects(); n != before {
		t.Errorf("%d objects are there, there were %d before", n, before)
	}
}

// TestOnce: a Put that is made again has no other effect than the first, from another node and after a
// restart, too.
func TestOnce(t *testing.T) {
	w := newWorld(t, 3, 22)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x", History: true})
	put := func(m *member, text, once string) (v *tree.Version) {
		t.Helper()
		if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
			u := sp.Begin(space.Storing{Copies: 3})
			if err := u.Write(t, []byte(text)); err != nil {
				return err
			}
			c, err := u.Finish(t)
			if err != nil {
				return err
			}
			var fates space.Fates
			v, fates, err = sp.Put(t, "f", space.File{Content: c, Copies: 3, Once: once}, space.Cond{})
			u.Settle(fates.Content)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := put(m, "first", "1")
	if again := put(w.members[1], "first", "1"); again.Number != first.Number {
		t.Errorf("from another node it is version %d, not %d", again.Number, first.Number)
	}
	if second := put(m, "second", "2"); second.Number == first.Number {
		t.Error("another Put has done nothing")
	}
	m.node.Kill()
	m.restart()
	w.net.Run(10 * time.Second)
	if again := put(m, "first", "1"); again.Number != first.Number {
		t.Errorf("after a restart it is version %d, not %d", again.Number, first.Number)
	}
	if b, err := m.get(ann, h, "f", 0); err != nil || string(b) != "second" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
