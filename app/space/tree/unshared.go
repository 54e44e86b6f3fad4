package tree

import "github.com/phyllo-net/phyllo/app/space/piece"

// Unshared returns the entries of two trees, each with the store that it lies in, but for those in nodes that both
// trees have: they are the same in both, and are not loaded. Entries are in the order of their trees. Nodes that a store leaves
// out are passed over.
func Unshared(a Tree, in Store, b Tree, there Store) (as, bs []*Entry, err error) {
	x, y := &descent{s: in}, &descent{s: there}
	for level := max(a.Levels, b.Levels); level > 0; level-- {
		x.enter(a, level)
		y.enter(b, level)
		x.refs, y.refs = without(x.refs, y.refs), without(y.refs, x.refs)
		if as, err = x.down(level); err != nil {
			return nil, nil, err
		}
		if bs, err = y.down(level); err != nil {
			return nil, nil, err
		}
	}
	return as, bs, nil
}

// descent goes down a tree, level by level.
type descent struct {
	s    Store
	refs []piece.Ref // nodes of the level
}

// enter begins at the root of a tree, on its level.
func (d *descent) enter(t Tree, level uint8) {
	if t.Levels == level {
		d.refs = []piece.Ref{t.Root}
	}
}

// down loads the nodes of a level, and returns the entries of leaves.
func (d *descent) down(level uint8) (es []*Entry, err error) {
	nodes, err := load(d.s, level, d.refs)
	d.refs = nil
	for _, n := range nodes {
		if n == nil {
			continue
		}
		es = append(es, n.Entries...)
		for _, c := range n.Children {
			d.refs = append(d.refs, c.Ref)
		}
	}
	return es, err
}

// without are the nodes of a list that are not in another one.
func without(list, other []piece.Ref) (out []piece.Ref) {
	has := make(map[piece.Ref]bool, len(other))
	for _, r := range other {
		has[r] = true
	}
	for _, r := range list {
		if !has[r] {
			out = append(out, r)
		}
	}
	return out
}
