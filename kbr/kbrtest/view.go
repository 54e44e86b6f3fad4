package kbrtest

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// Partition puts the nodes into groups that cannot reach each other: each group
// named is one, all other nodes are one more. They see it after Config.Notice.
func (w *Net) Partition(groups ...[]*Node) {
	for _, n := range w.nodes {
		n.side = 0
	}
	for i, g := range groups {
		for _, n := range g {
			n.side = i + 1
		}
	}
	w.changed(w.cfg.Notice)
}

// Heal ends all partitions. The nodes see each other again after Config.Delay.
func (w *Net) Heal() {
	for _, n := range w.nodes {
		n.side = 0
	}
	w.changed(w.cfg.Delay)
}

// Cut takes away the link between two nodes, both of which the others reach. What
// they send to each other goes through a third node, as if routed to the receiver's
// id, and answers come Relayed.
func (w *Net) Cut(a, b *Node) { w.cuts[pair(a, b)] = true }

// Mend gives the link back.
func (w *Net) Mend(a, b *Node) { delete(w.cuts, pair(a, b)) }

func pair(a, b *Node) [2]id.ID {
	if b.self.ID.Less(a.self.ID) {
		a, b = b, a
	}
	return [2]id.ID{a.self.ID, b.self.ID}
}

// linked reports whether a message can go from a to b now.
func (w *Net) linked(a, b *Node) bool {
	return a == b || a.alive && b.alive && a.side == b.side && !w.cuts[pair(a, b)]
}

// changed lets every node look around d from now.
func (w *Net) changed(d time.Duration) {
	w.after(d, nil, func() {
		for _, n := range w.Nodes() {
			w.after(0, n, n.look)
		}
	})
}

// look brings the node's view up to date and tells its applications.
func (n *Node) look() {
	var view []*Node
	for _, m := range n.net.nodes {
		if m != n && m.alive && m.ready && m.side == n.side {
			view = append(view, m)
		}
	}
	slices.SortFunc(view, func(a, b *Node) int { return a.self.ID.Cmp(b.self.ID) })
	before := n.leaves
	n.view = view
	n.leaves = n.leafSet()
	n.tellWatches()
	for _, m := range before {
		if n.alive && !slices.Contains(n.leaves, m) {
			n.tell(m.self, false)
		}
	}
	for _, m := range n.leaves {
		if n.alive && !slices.Contains(before, m) {
			n.tell(m.self, true)
		}
	}
}

func (n *Node) tell(p *peer.Handle, joined bool) {
	for _, m := range n.mounts {
		m.App.Update(p, joined)
	}
}

// tellWatches calls the watches of peers that are no longer there.
func (n *Node) tellWatches() {
	var due []*watch
	n.watches = slices.DeleteFunc(n.watches, func(w *watch) bool {
		gone := w.peer.ID != n.self.ID && n.known(w.peer) == nil
		if gone {
			due = append(due, w)
		}
		return gone
	})
	for _, w := range due {
		why := kbr.Died
		if last := n.net.last(w.peer.ID); last != nil && last.left {
			why = kbr.Left
		}
		w.f(kbr.Down{Peer: w.peer, Why: why})
	}
}

// last returns the newest node with this id, dead or alive.
func (w *Net) last(node id.ID) *Node {
	for _, n := range slices.Backward(w.nodes) {
		if n.self.ID == node {
			return n
		}
	}
	return nil
}

// known returns the node of the view that is this incarnation of the peer, or nil.
func (n *Node) known(p *peer.Handle) *Node {
	if m := n.seen(p); m != nil && m.self.Incarnation == p.Incarnation {
		return m
	}
	return nil
}

// seen returns the node of the view with the peer's id and key, or nil.
func (n *Node) seen(p *peer.Handle) *Node {
	for _, m := range n.view {
		if m.self.ID == p.ID && m.self.Key == p.Key {
			return m
		}
	}
	return nil
}

// ring returns the view and, if it is ready, the node itself, by id.
func (n *Node) ring() []*Node {
	r := slices.Clone(n.view)
	if n.ready {
		r = append(r, n)
		slices.SortFunc(r, func(a, b *Node) int { return a.self.ID.Cmp(b.self.ID) })
	}
	return r
}

// leafSet returns the view's nodes nearest on either side.
func (n *Node) leafSet() []*Node {
	if len(n.view) <= n.net.cfg.LeafSet {
		return slices.Clone(n.view)
	}
	at, _ := slices.BinarySearchFunc(n.view, n.self.ID, func(m *Node, x id.ID) int { return m.self.ID.Cmp(x) })
	half := n.net.cfg.LeafSet / 2
	var ls []*Node
	for i := at - half; i < at+half; i++ {
		ls = append(ls, n.view[(i+len(n.view))%len(n.view)])
	}
	return ls
}

// near returns the nodes that this one is sure to be all that there are between
// the first and the last, in ring order, and whether they are the whole ring.
func (n *Node) near() (ns []*Node, whole bool) {
	if len(n.view) <= n.net.cfg.LeafSet {
		return n.ring(), true
	}
	half := len(n.leaves) / 2
	ns = append(ns, n.leaves[:half]...)
	if n.ready {
		ns = append(ns, n)
	}
	return append(ns, n.leaves[half:]...), false
}

// replicas returns the k ready nodes nearest to key, or nil if this node cannot
// know them.
func (n *Node) replicas(key id.ID, k int) []*Node {
	ns, whole := n.near()
	first, last := 0, len(ns)-1
	if !whole && !(id.Range{From: ns[first].self.ID, To: ns[last].self.ID}).Contains(key) {
		return nil
	}
	ends := []*Node{}
	if !whole {
		ends = append(ends, ns[first], ns[last])
	}
	sortNearest(key, ns)
	ns = ns[:min(k, len(ns))]
	for _, e := range ends {
		if slices.Contains(ns, e) {
			return nil // beyond its last neighbour there may be nearer ones
		}
	}
	return ns
}

// keys returns the keys for which p is among the rank+1 nearest nodes.
func (n *Node) keys(p id.ID, rank int) (id.Range, bool) {
	ns, whole := n.near()
	at := slices.IndexFunc(ns, func(m *Node) bool { return m.self.ID == p })
	switch {
	case at < 0:
		return id.Range{}, false
	case whole && len(ns) <= rank+1:
		return id.Range{Full: true}, true
	case !whole && (at-rank-1 < 0 || at+rank+1 >= len(ns)):
		return id.Range{}, false
	}
	before := ns[(at-rank-1+len(ns))%len(ns)].self.ID
	after := ns[(at+rank+1)%len(ns)].self.ID
	return id.Range{From: id.Middle(before, p).Add(id.ID{Lo: 1}), To: id.Middle(p, after)}, true
}
