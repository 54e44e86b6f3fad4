package topic

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

// Tree is a topic's tree: who hands its messages to whom.
type Tree struct {
	Key   id.ID    // of the topic: its root is the node nearest to it
	Nodes []Branch // each after its parent, the root first
	// More: there are nodes that were not asked, as there are more than MaxTree.
	More bool
}

// Branch is one node of a tree.
type Branch struct {
	Node   id.ID
	Parent id.ID // zero: the root
	Depth  int   // links from the root
	// Silent: it did not answer, or no longer stands there.
	Silent   bool
	Member   bool // it reads the topic
	Children int
	Messages int // that it keeps
}

const (
	// MaxTree is how many nodes of a tree are asked.
	MaxTree = 2000
	// treeWave is how many of them at once.
	treeWave = 64
	// treeAsk bounds a question to one node.
	treeAsk = 4 * time.Second
)

// Tree asks all nodes of a topic's tree where they stand, from the root downwards. The error
// is ErrUnknown, or one of the directory or of kbr.
func (s *Topics) Tree(t *task.T, n Name) (*Tree, error) {
	at, err := s.find(t, n)
	if err != nil {
		return nil, err
	}
	root, err := s.where(t, at.group.Place(), at.group)
	if err != nil {
		return nil, err
	}
	if !root.Root {
		return nil, ErrUnknown
	}
	w := &walk{s: s, group: at.group, seen: map[id.ID]bool{root.Node: true}}
	w.tree.Key = at.group.Place()
	w.add(Branch{Node: root.Node}, root)
	for len(w.next) > 0 && len(w.tree.Nodes) < MaxTree {
		if err := w.wave(t); err != nil {
			return nil, err
		}
	}
	w.tree.More = len(w.next) > 0
	return w.inOrder(), nil
}

// where asks the root of a key where it stands; ErrUnknown: it has nothing to do with the
// group.
func (s *Topics) where(t *task.T, key id.ID, group id.Hash) (*here, error) {
	a, err := kbr.Call(t, s.ep, key, encode(&where{group}), kbr.Options{Timeout: treeAsk})
	return answered(a, err)
}

func answered(a kbr.Answer, err error) (*here, error) {
	if r, ok := err.(*kbr.RefusedError); ok && r.Code == refusedUnknown {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	m, err := table.Decode(a.Payload)
	h, ok := m.(*here)
	if err == nil && !ok {
		err = errMessage
	}
	return h, err
}

// walk goes down a tree, level by level.
type walk struct {
	s     *Topics
	group id.Hash
	tree  Tree
	seen  map[id.ID]bool // no circle, and nobody twice, whatever they say
	next  []Branch       // to be asked
}

// add notes what a node said of itself; h is nil if it said nothing.
func (w *walk) add(b Branch, h *here) {
	if h == nil {
		b.Silent = true
		w.tree.Nodes = append(w.tree.Nodes, b)
		return
	}
	b.Member, b.Children, b.Messages = h.Member, len(h.Children), int(h.Messages)
	w.tree.Nodes = append(w.tree.Nodes, b)
	for _, c := range h.Children {
		if !w.seen[c] {
			w.seen[c] = true
			w.next = append(w.next, Branch{Node: c, Parent: b.Node, Depth: b.Depth + 1})
		}
	}
}

// wave asks some of the nodes that are known by their parents.
func (w *walk) wave(t *task.T) error {
	asked := w.next[:min(len(w.next), treeWave, MaxTree-len(w.tree.Nodes))]
	w.next = w.next[len(asked):]
	rs, err := task.Gather(t, 2*treeAsk, len(asked), func(i int, resolve func(kbr.Answer, error)) {
		w.s.ep.Request(asked[i].Node, encode(&where{w.group}), kbr.Options{Timeout: treeAsk}, resolve)
	}, nil)
	if err != nil {
		return err
	}
	for i, r := range rs {
		h, err := answered(r.Value, r.Err)
		if err != nil || h.Node != asked[i].Node || h.Parent != asked[i].Parent {
			h = nil
		}
		w.add(asked[i], h)
	}
	return nil
}

// inOrder puts each node right after its parent and that one's earlier children.
func (w *walk) inOrder() *Tree {
	below := make(map[id.ID][]Branch)
	for _, b := range w.tree.Nodes[1:] {
		below[b.Parent] = append(below[b.Parent], b)
	}
	out := &Tree{Key: w.tree.Key, More: w.tree.More}
	var put func(b Branch)
	put = func(b Branch) {
		out.Nodes = append(out.Nodes, b)
		for _, c := range below[b.Node] {
			put(c)
		}
	}
	put(w.tree.Nodes[0])
	return out
}
