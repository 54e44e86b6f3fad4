package roots

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
)

// Merged are roots that were brought together.
type Merged struct {
	*View
	Base  *Root   // that the view is made from
	Roots []*Root // the current one, and those of its rivals that are in the view
}

// Together brings the rivals of a root together with it, which is the first of the list. The view is made from
// that or, where nodes of its directory are not there any more, from another one: of a minority that has made more
// changes than the majority, which has replaced such nodes and given them back, the root is the current one.
// If none is whole the error is ErrGone.
func (from View) Together(roots []*Root) (m *Merged, err error) {
	for _, base := range roots {
		m, err = from.over(base, roots)
		if err == nil || !errors.Is(err, ErrGone) {
			return m, err
		}
	}
	return nil, err
}

// over is Together, with a view that is made from one of the roots.
//
// Where nodes of another one are not there any more, a majority has replaced them and given them back. If
// one has a say here, its root is one of these, or before one of them, and nothing is missing. Else it may be out of
// sight, with what was in these nodes: such a rival is left for later.
func (from View) over(base *Root, roots []*Root) (*Merged, error) {
	v := &from
	v.Tree, v.Number, v.History, v.Bytes, v.Met = base.Tree, base.Number, base.History, base.Bytes, base.Met
	m, after := &Merged{v, base, nil}, base.Made
	for i, x := range roots {
		if x != base {
			whole, err := v.bring(x, after, base.Common(x))
			if err != nil {
				return nil, err
			}
			if !whole && v.Apart {
				if i == 0 {
					return nil, ErrGone
				}
				continue
			}
			after = slices.Concat(after, x.Made)
		}
		m.Roots = append(m.Roots, x)
	}
	if len(m.Roots) > 1 {
		v.Number++
		v.Met = v.Number
	}
	return m, nil
}

// Resolved are the rivals that the view has done with.
func (m *Merged) Resolved() (done []id.Hash) {
	for _, x := range m.Roots[1:] {
		done = append(done, x.Certificate)
	}
	return done
}

// After are the attempts that the view comes after, and one more. The roots take turns, each from its latest on: where
// there are too many, it is the oldest of each that are forgotten, and not all of one of them.
func (m *Merged) After(last tree.Made) []tree.Made {
	var list []tree.Made
	for i := range MaxMade {
		for _, x := range m.Roots {
			if i < len(x.Made) {
				list = append(list, x.Made[i])
			}
		}
	}
	return with(list, last)
}

// beside is a name itself if it can be had, or one that is like it: where one root has a file and
// another one a folder of the same name, the second one that comes is called "name (2)".
func (v *View) beside(name string) (string, error) {
	err := v.Free(name)
	if !errors.Is(err, ErrClash) {
		return name, err
	}
	at, err := v.blocked(name)
	if err != nil {
		return "", err
	}
	for n := 2; ; n++ {
		other := marked(name, at, n)
		have, err := v.Current(other)
		if err == nil && have == nil {
			err = v.Free(other)
		}
		switch {
		case err == nil && have == nil:
			return other, nil
		case err != nil && !errors.Is(err, ErrClash):
			return "", err
		}
	}
}

// marked is a name with a number after its first bytes, within the limits of names.
func marked(name string, at, number int) string {
	mark, tail, slash := fmt.Sprintf(" (%d)", number), name[at:], ""
	if strings.HasSuffix(tail, "/") {
		tail, slash = strings.TrimSuffix(tail, "/"), "/"
	}
	room := tree.MaxName - len(slash)
	return tree.Shorten(tree.Shorten(name[:at], room-len(mark))+mark+tail, room) + slash
}

// blocked is where the part of a name ends that stands for something else already.
func (v *View) blocked(name string) (int, error) {
	for i, c := range name {
		if c != '/' || i == 0 || i == len(name)-1 {
			continue
		}
		if x, err := v.Current(name[:i]); err != nil || x != nil {
			return i, err
		}
	}
	return len(strings.TrimSuffix(name, "/")), nil
}
