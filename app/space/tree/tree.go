package tree

import (
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/app/space/piece"
)

// MaxLevels is far above the height of the largest tree.
const MaxLevels = 10

// Tree is a directory as it was at one moment. The zero Tree is empty. It is frozen.
type Tree struct {
	Root   piece.Ref `cbor:"1,keyasint"`
	Levels uint8     `cbor:"2,keyasint,omitempty"` // of nodes: 0 if it is empty, 1 if the root is a leaf
	Count  uint64    `cbor:"3,keyasint,omitempty"` // entries
}

// Check returns an error that wraps piece.ErrDamaged for what is no tree.
func (t Tree) Check() error {
	if t.Levels > MaxLevels || (t.Levels == 0) != t.Root.IsZero() || (t.Levels == 0) != (t.Count == 0) {
		return fmt.Errorf("%w: a tree of %d levels with %d entries", piece.ErrDamaged, t.Levels, t.Count)
	}
	return nil
}

// Store loads and saves nodes, several at once. Its errors are passed on.
type Store interface {
	// Load loads nodes. One that it leaves out (nil) is passed over by Scan and Unshared, and by these alone.
	Load(refs []piece.Ref) ([]*Node, error)
	Save(nodes []*Node) ([]piece.Ref, error)
}

// load loads nodes of a level, 1 for leaves.
func load(s Store, level uint8, refs []piece.Ref) ([]*Node, error) {
	nodes, err := s.Load(refs)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if (level == 1) != (len(n.Entries) > 0) {
			return nil, fmt.Errorf("%w: a leaf above others, or none where one belongs", piece.ErrDamaged)
		}
	}
	return nodes, nil
}

// Get returns the entries with these names, which are sorted; nil for one that is not there.
func (t Tree) Get(s Store, names ...string) ([]*Entry, error) {
	out := make([]*Entry, len(names))
	if t.Levels == 0 || len(names) == 0 {
		return out, nil
	}
	// at is where the names are: in the node refs[at[i]].
	refs, at := []piece.Ref{t.Root}, make([]int, len(names))
	for level := t.Levels; ; level-- {
		nodes, err := load(s, level, refs)
		if err != nil {
			return nil, err
		}
		if level == 1 {
			for i, name := range names {
				out[i] = nodes[at[i]].find(name)
			}
			return out, nil
		}
		refs = nil
		lastNode, lastChild := -1, -1
		for i, name := range names {
			n := nodes[at[i]]
			c := n.childOf(name)
			if at[i] != lastNode || c != lastChild {
				lastNode, lastChild = at[i], c
				refs = append(refs, n.Children[c].Ref)
			}
			at[i] = len(refs) - 1
		}
	}
}

// maxAhead is how many leaves are loaded at once by a scan.
const maxAhead = 16

// Scan visits the entries from a name on, in order. visit returns the name to go on at, if it
// is after the entry's own, and false to end the scan.
func (t Tree) Scan(s Store, from string, visit func(*Entry) (next string, more bool)) error {
	if t.Levels == 0 {
		return nil
	}
	nodes, err := load(s, t.Levels, []piece.Ref{t.Root})
	if err != nil {
		return err
	}
	w := &scan{s: s, from: from, ahead: 1, visit: visit}
	_, err = w.walk(nodes[0], t.Levels)
	return err
}

type scan struct {
	s     Store
	from  string // nothing before it is visited
	ahead int
	visit func(*Entry) (string, bool)
}

// walk visits what is in a node, and reports whether the scan goes on.
func (w *scan) walk(n *Node, level uint8) (more bool, err error) {
	if n == nil {
		return true, nil
	}
	for _, e := range n.Entries {
		if e.Name < w.from {
			continue
		}
		next, more := w.visit(e)
		if !more {
			return false, nil
		}
		if next > e.Name {
			w.from, w.ahead = next, 1
		}
	}
	if len(n.Children) == 0 {
		return true, nil
	}
	for i := n.childOf(w.from); i < len(n.Children); {
		end := min(len(n.Children), i+w.ahead)
		var refs []piece.Ref
		for _, c := range n.Children[i:end] {
			refs = append(refs, c.Ref)
		}
		nodes, err := load(w.s, level-1, refs)
		if err != nil {
			return false, err
		}
		w.ahead = min(2*w.ahead, maxAhead)
		for j, below := range nodes {
			if next := i + j + 1; next < len(n.Children) && n.Children[next].First <= w.from {
				continue
			}
			if more, err := w.walk(below, level-1); !more || err != nil {
				return false, err
			}
		}
		i = max(end, n.childOf(w.from))
	}
	return true, nil
}

// After is the first name after all that begin with prefix; "" if there is none.
func After(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// Prefix visits the entries whose names begin with prefix, in order, until visit returns
// false.
func (t Tree) Prefix(s Store, prefix string, visit func(*Entry) bool) error {
	return t.Scan(s, prefix, func(e *Entry) (string, bool) {
		if !strings.HasPrefix(e.Name, prefix) {
			return "", false
		}
		return "", visit(e)
	})
}
