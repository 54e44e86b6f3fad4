package space_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// TestOwnRoot: who made the last root that he knows of goes on from there without looking.
// What he refuses for it he refuses for what is there now.
func TestOwnRoot(t *testing.T) {
	w := newWorld(t, 3, 41)
	a, b := w.members[0], w.members[1]
	h := a.create(space.Founding{Name: "x"})
	remove := func(m *member, name string) error {
		return m.in(ann, h, func(t *task.T, sp *space.Space) error {
			_, err := sp.Remove(t, name, 0, space.Cond{})
			return err
		})
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.put(ann, h, "f", []byte("one"), space.Cond{}))
	must(nil, remove(b, "f"))
	must(a.put(ann, h, "f", []byte("two"), space.Cond{Absent: true}))
	must(nil, remove(b, "f"))
	wantErr(t, "what another one has removed", remove(a, "f"), space.ErrNotFound)
	must(a.put(ann, h, "g", nil, space.Cond{}))
	must(b.put(ann, h, "f", []byte("three"), space.Cond{}))
	must(nil, remove(a, "f"))
	must(b.put(ann, h, "h", nil, space.Cond{}))
	must(a.put(ann, h, "i", nil, space.Cond{}))
	if got, want := a.list(ann, h), []string{"g", "h", "i"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNodesElsewhere: where some nodes of the ring have no room, directories of several levels are stored in
// other places, and what did not fit leaves nothing behind.
func TestNodesElsewhere(t *testing.T) {
	simtest.WithoutRace(t)
	n := 0
	w := newTunedWorld(t, 24, 43, 4<<10, func(c *past.Config) {
		if c.Capacity = 1e6; n%4 == 3 {
			c.Capacity = 2000
		}
		c.Diversion.Diverted = 0
		c.Diversion.Salts = 16
		n++
	})
	a := w.members[0]
	h := a.create(space.Founding{Name: "x", Copies: 1})
	const files = 200
	for i := range files / 10 {
		if err := a.in(ann, h, func(t *task.T, sp *space.Space) error {
			for j := range 10 {
				if _, _, err := sp.Put(t, fmt.Sprintf("a name that takes some room %04d", 10*i+j), space.File{}, space.Cond{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(i, err)
		}
	}
	if got := w.members[1].list(ann, h); len(got) != files {
		t.Errorf("%d files are listed, want %d", len(got), files)
	}
	w.net.Run(patience)
	before := w.objects()
	if err := a.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.RemoveAll(t, "", false) }); err != nil {
		t.Fatal(err)
	}
	w.net.Run(patience)
	if left := w.objects(); left > 5 || before < 8 {
		t.Errorf("%d objects are left of %d when all is removed: charter, root and list of spaces", left, before)
	}
}

// TestOneCauseIsSaidOnce: none of the many nodes of a directory that are on their way at once
// can be stored, for one cause: the error says it once.
func TestOneCauseIsSaidOnce(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 6, 44)
	a := w.members[0]
	h := a.create(space.Founding{Name: "x", History: true})
	for i := range 30 {
		if err := a.in(ann, h, func(t *task.T, sp *space.Space) error {
			for j := range 10 {
				if _, _, err := sp.Put(t, fmt.Sprintf("old/a name that takes some room %04d", 10*i+j), space.File{}, space.Cond{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(i, err)
		}
	}
	lost := 0
	for _, m := range w.members {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if len(d.Payload) < 1500 {
				return false
			}
			lost++
			return true
		}
	}
	err := a.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.RemoveAll(t, "old", false) })
	wantErr(t, "a change whose nodes are lost", err, past.ErrTooFew)
	if n := strings.Count(err.Error(), "of 5 copies were made"); n != 1 || lost < 10 {
		t.Errorf("%d times the same, after %d lost messages: %v", n, lost, err)
	}
}
