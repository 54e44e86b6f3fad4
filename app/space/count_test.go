package space_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/task"
)

// census counts on a node.
func (m *member) census(p space.Person, h space.Handle) (c space.Census) {
	m.w.t.Helper()
	if err := m.in(p, h, func(t *task.T, sp *space.Space) (err error) {
		c, err = sp.Census(t)
		return err
	}); err != nil {
		m.w.t.Fatal(err)
	}
	return c
}

// A census counts every object that a space consists of, with those of older versions; what
// has copies on too few nodes, or on this one alone, is told apart.
func TestCensus(t *testing.T) {
	w := newWorld(t, 1, 41)
	alone := w.members[0]
	h := alone.create(space.Founding{Name: "s", History: true})
	if c := alone.census(ann, h); c.Objects != 2 || c.OnlyHere != 2 || c.Whole+c.Missing != 0 {
		t.Errorf("an empty space: %+v, want a charter and a root, here alone", c)
	}
	for _, f := range []struct{ name, content string }{
		{"small", "text"}, {"small", "another text"}, {"long", string(make([]byte, 40<<10))}, // pieces, and a list of them
	} {
		if _, err := alone.put(ann, h, f.name, []byte(f.content), space.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	before := alone.census(ann, h)
	if before.Objects < 2+1+2+10 || before.OnlyHere != before.Objects {
		t.Errorf("with files: %+v", before)
	}
	for i := uint64(1); i < 3; i++ {
		w.join(i)
	}
	w.net.Run(5 * time.Minute)
	if c := alone.census(ann, h); c.Objects != before.Objects || c.Whole != before.Objects-3 || c.OnlyHere+c.Missing != 0 {
		t.Errorf("in a ring of three: %+v, want %d, all but charter, root and directory with three copies", c, before.Objects)
	}
	for i := uint64(3); i < 8; i++ {
		w.join(i)
	}
	w.net.Run(5 * time.Minute)
	if c := alone.census(ann, h); c.Whole != before.Objects {
		t.Errorf("in a ring of eight: %+v, want all of %d whole", c, before.Objects)
	}
}
