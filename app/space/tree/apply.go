package tree

import (
	"github.com/phyllo-net/phyllo/app/space/piece"
)

// Edit sets the entry of a name, or removes it.
type Edit struct {
	Name  string
	Entry *Entry // nil: there is none any more
}

// Apply returns the tree with all the edits made, which are sorted by name, each name once.
// dropped are the nodes of t that are not in the new tree. If it fails some nodes
// may have been saved.
func (t Tree) Apply(s Store, edits []Edit) (changed Tree, dropped []piece.Ref, err error) {
	if len(edits) == 0 {
		return t, nil, nil
	}
	a := &apply{s: s}
	var top []*Node
	if t.Levels == 0 {
		top = merge(&Node{}, edits).nonEmpty()
	} else {
		got, err := a.level(t.Levels, []target{{t.Root, edits}})
		if err != nil {
			return t, nil, err
		}
		top = got[0].nonEmpty()
	}
	changed, err = a.grow(top, max(t.Levels, 1))
	return changed, a.dropped, err
}

// grow puts levels above the nodes of one, until there is one root, and takes away those
// above a single node.
func (a *apply) grow(top []*Node, level uint8) (Tree, error) {
	if len(top) == 0 {
		return Tree{}, nil
	}
	for {
		if len(top) == 1 && len(top[0].Children) == 1 {
			return a.shrink(top[0].Children[0], level-1)
		}
		var parts []*Node
		for _, n := range top {
			parts = append(parts, n.split()...)
		}
		above, err := a.save(parts)
		if err != nil {
			return Tree{}, err
		}
		if len(above.Children) == 1 {
			return Tree{Root: above.Children[0].Ref, Levels: level, Count: above.count()}, nil
		}
		top, level = []*Node{above}, level+1
	}
}

// shrink is the tree below a child, without nodes that have a single child.
func (a *apply) shrink(c Child, level uint8) (Tree, error) {
	for level > 1 {
		nodes, err := load(a.s, level, []piece.Ref{c.Ref})
		if err != nil {
			return Tree{}, err
		}
		if len(nodes[0].Children) != 1 {
			break
		}
		a.dropped = append(a.dropped, c.Ref)
		c, level = nodes[0].Children[0], level-1
	}
	return Tree{Root: c.Ref, Levels: level, Count: c.Count}, nil
}

type apply struct {
	s       Store
	dropped []piece.Ref
}

// target is a node that is to be changed.
type target struct {
	ref   piece.Ref
	edits []Edit
}

// nonEmpty is the node, or nothing if nothing is left in it.
func (n *Node) nonEmpty() []*Node {
	if n.len() == 0 {
		return nil
	}
	return []*Node{n}
}

// save saves nodes and returns the node above them.
func (a *apply) save(nodes []*Node) (*Node, error) {
	refs, err := a.s.Save(nodes)
	if err != nil {
		return nil, err
	}
	above := &Node{Children: make([]Child, len(nodes))}
	for i, n := range nodes {
		above.Children[i] = Child{n.first(), refs[i], n.count()}
	}
	return above, nil
}

// merge is a leaf with edits made.
func merge(n *Node, edits []Edit) *Node {
	out := &Node{Entries: make([]*Entry, 0, len(n.Entries)+len(edits))}
	have := n.Entries
	for _, e := range edits {
		for len(have) > 0 && have[0].Name < e.Name {
			out.Entries, have = append(out.Entries, have[0]), have[1:]
		}
		if len(have) > 0 && have[0].Name == e.Name {
			have = have[1:]
		}
		if e.Entry != nil {
			out.Entries = append(out.Entries, e.Entry)
		}
	}
	out.Entries = append(out.Entries, have...)
	return out
}

// level changes nodes of one level. The changed ones are not saved, and may be empty, too
// small or too large: the level above sees to that.
func (a *apply) level(level uint8, at []target) ([]*Node, error) {
	refs := make([]piece.Ref, len(at))
	for i, t := range at {
		refs[i] = t.ref
	}
	nodes, err := load(a.s, level, refs)
	if err != nil {
		return nil, err
	}
	a.dropped = append(a.dropped, refs...)
	out := make([]*Node, len(at))
	if level == 1 {
		for i, n := range nodes {
			out[i] = merge(n, at[i].edits)
		}
		return out, nil
	}
	rows := make([][]slot, len(at))
	var below []target
	var into []*slot
	for i, n := range nodes {
		rows[i] = slots(n, at[i].edits)
		for j := range rows[i] {
			if s := &rows[i][j]; s.edits != nil {
				below, into = append(below, target{s.child.Ref, s.edits}), append(into, s)
			}
		}
	}
	changed, err := a.level(level-1, below)
	if err != nil {
		return nil, err
	}
	for i, s := range into {
		s.node = changed[i]
	}
	return a.settle(level, rows)
}

// slot is a child of a node that is being changed: as it was, or a changed one.
type slot struct {
	child Child
	edits []Edit
	node  *Node // not nil: in place of child
}

// slots tells for each child of a node what is to be changed in it.
func slots(n *Node, edits []Edit) []slot {
	row := make([]slot, len(n.Children))
	for i, c := range n.Children {
		row[i].child = c
		end := len(edits)
		if i+1 < len(n.Children) {
			end = 0
			for end < len(edits) && edits[end].Name < n.Children[i+1].First {
				end++
			}
		}
		if end > 0 {
			row[i].edits, edits = edits[:end], edits[end:]
		}
	}
	return row
}

// settle saves the changed children of nodes, all at once, and returns the nodes above them.
func (a *apply) settle(level uint8, rows [][]slot) ([]*Node, error) {
	var unsaved []*Node
	for i, row := range rows {
		row, err := a.join(level-1, row)
		if err != nil {
			return nil, err
		}
		rows[i] = row
		for _, s := range row {
			if s.node != nil {
				unsaved = append(unsaved, s.node)
			}
		}
	}
	saved := &Node{}
	if len(unsaved) > 0 {
		var err error
		if saved, err = a.save(unsaved); err != nil {
			return nil, err
		}
	}
	out := make([]*Node, len(rows))
	next := 0
	for i, row := range rows {
		n := &Node{}
		for _, s := range row {
			if s.node != nil {
				s.child = saved.Children[next]
				next++
			}
			n.Children = append(n.Children, s.child)
		}
		out[i] = n
	}
	return out, nil
}

// join drops the changed children of a node that are empty, joins those that are small with
// a neighbour, and splits those that are large. level is theirs.
func (a *apply) join(level uint8, row []slot) (out []slot, err error) {
	for i := 0; i < len(row); i++ {
		s := row[i]
		switch {
		case s.node == nil:
			out = append(out, s)
			continue
		case s.node.len() == 0:
			continue
		case s.node.cost() < MaxNode/4 && i+1 < len(row):
			if err := a.open(level, &row[i+1]); err != nil {
				return nil, err
			}
			row[i+1].node = concat(s.node, row[i+1].node)
			continue
		case s.node.cost() < MaxNode/4 && len(out) > 0:
			last := &out[len(out)-1]
			if err := a.open(level, last); err != nil {
				return nil, err
			}
			s.node = concat(last.node, s.node)
			out = out[:len(out)-1]
		}
		for _, n := range s.node.split() {
			out = append(out, slot{node: n})
		}
	}
	return out, nil
}

// open loads a child that is joined with another one.
func (a *apply) open(level uint8, s *slot) error {
	if s.node != nil {
		return nil
	}
	nodes, err := load(a.s, level, []piece.Ref{s.child.Ref})
	if err != nil {
		return err
	}
	a.dropped = append(a.dropped, s.child.Ref)
	s.node = nodes[0]
	return nil
}

// concat is a node with what is in two of one level.
func concat(a, b *Node) *Node {
	return &Node{
		Entries:  append(a.Entries[:len(a.Entries):len(a.Entries)], b.Entries...),
		Children: append(a.Children[:len(a.Children):len(a.Children)], b.Children...),
	}
}
