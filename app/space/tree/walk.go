package tree

import "github.com/phyllo-net/phyllo/app/space/piece"

// Walk visits all nodes of a tree, from the root down, each before those below it, until visit
// returns an error, which it returns.
func (t Tree) Walk(s Store, visit func(piece.Ref, *Node) error) error {
	if t.Levels == 0 {
		return nil
	}
	return walk(s, t.Levels, []piece.Ref{t.Root}, visit)
}

func walk(s Store, level uint8, refs []piece.Ref, visit func(piece.Ref, *Node) error) error {
	for len(refs) > 0 {
		some := refs[:min(maxAhead, len(refs))]
		refs = refs[len(some):]
		nodes, err := load(s, level, some)
		if err != nil {
			return err
		}
		for i, n := range nodes {
			if err := visit(some[i], n); err != nil {
				return err
			}
			if level == 1 {
				continue
			}
			below := make([]piece.Ref, len(n.Children))
			for j, c := range n.Children {
				below[j] = c.Ref
			}
			if err := walk(s, level-1, below, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
