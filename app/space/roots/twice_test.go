package roots_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
)

// TestPutTwice: a put whose answer was lost is made once more, elsewhere, with the same content. When the two versions meet, in
// any order, both say that they share it, and when one of them is removed it says so, too. What both roots have, and what has
// a content of its own, does not come to say so.
func TestPutTwice(t *testing.T) {
	own := func(m *model) (a, b tree.Version) {
		return tree.Version{Content: m.content()}, tree.Version{Content: m.content()}
	}
	for what, c := range map[string]struct {
		of     func(m *model) (a, b tree.Version) // what two machines put
		shared bool
	}{
		"one content": {func(m *model) (a, b tree.Version) { a, _ = own(m); return a, a }, true},
		"long meta data of one": {func(m *model) (a, b tree.Version) {
			a, b = own(m)
			more := m.content()
			a.More, b.More = &more, &more
			return a, b
		}, true},
		"contents of their own": {own, false},
		"no content":            {func(*model) (a, b tree.Version) { return a, b }, false},
	} {
		for order := range 4 {
			m := newModel(t, 1)
			write := func(x *machine, v *roots.Merged, by tree.Made) *roots.Root {
				t.Helper()
				x.names.Last = by
				changed, _, err := v.Tree.Apply(&m.nodes, v.Edits)
				if err != nil {
					t.Fatal(err)
				}
				return &roots.Root{Number: v.Number, Tree: changed, Made: v.After(by), Bytes: v.Bytes, Met: v.Met, Version: v.Base.Version + 1}
			}
			put := func(x *machine, base *roots.Root, name string, y tree.Version) *roots.Root {
				t.Helper()
				v, by := m.view(x, []*roots.Root{base}, false)
				if _, err := v.Put(name, y, 0); err != nil {
					t.Fatal(err)
				}
				return write(x, v, by)
			}
			meet := func(list ...*roots.Root) *roots.Root {
				t.Helper()
				v, by := m.view(m.machines[2], list, false)
				return write(m.machines[2], v, by)
			}
			both := put(m.machines[2], m.machines[2].roots[0], "f", tree.Version{Content: m.content()}) // all have that
			y, z := c.of(m)
			a, b := put(m.machines[0], both, "f", y), put(m.machines[1], both, "f", z)
			other := put(m.machines[2], both, "g", tree.Version{Content: m.content()})
			var met *roots.Root
			switch order {
			case 0:
				met = meet(a, b, other)
			case 1:
				met = meet(b, a, other)
			case 2:
				met = meet(meet(other, a), b)
			case 3:
				met = meet(meet(b, a), meet(a, other)) // which has one of them, not marked, that the other has marked
			}
			es := m.entries(met)
			if len(es) != 2 || len(es[0].Versions) != 3 {
				t.Fatalf("%s, order %d: not all is there: %v", what, order, es)
			}
			for _, e := range es {
				for _, x := range e.Versions {
					if twice := x.By == a.Made[0] || x.By == b.Made[0]; x.Shared != (twice && c.shared) {
						t.Errorf("%s, order %d: version %d of %s is marked: %v", what, order, x.Number, e.Name, x.Shared)
					}
				}
			}
			v, _ := m.view(m.machines[2], []*roots.Root{met}, false)
			v.Remove(es[0], es[0].Versions[0])
			if len(v.Dropped) != 1 || v.Dropped[0].Shared != c.shared {
				t.Errorf("%s, order %d: of what was removed its content is looked for: %v", what, order, !c.shared)
			}
		}
	}
}
