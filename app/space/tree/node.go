package tree

import (
	"fmt"
	"sort"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxNode bounds a node's encoding, in bytes. Small nodes make a change of one name
// cheap, large ones make a long list quick.
const MaxNode = 16 << 10

// Node is a leaf, which has entries, or stands above others and has children. It is frozen.
type Node struct {
	Entries  []*Entry `cbor:"1,keyasint,omitempty"` // sorted by name
	Children []Child  `cbor:"2,keyasint,omitempty"` // sorted by their first names
}

// Child is a node below another one.
type Child struct {
	First string    `cbor:"1,keyasint"` // no name in it is before this one
	Ref   piece.Ref `cbor:"2,keyasint"`
	Count uint64    `cbor:"3,keyasint"` // entries in it
}

func (c *Child) cost() int { return 130 + len(c.First) }

// Encode returns a node's encoding.
func (n *Node) Encode() []byte { return wire.MustMarshal(n) }

var nodeForm = wire.FormOf((*Node)(nil))

// Decode reads and checks a node, whatever the bytes are. Errors wrap piece.ErrDamaged.
func Decode(b []byte) (*Node, error) {
	n := new(Node)
	if err := nodeForm.Unmarshal(b, n); err != nil {
		return nil, fmt.Errorf("%w: %w", piece.ErrDamaged, err)
	}
	if (len(n.Entries) == 0) == (len(n.Children) == 0) {
		return nil, fmt.Errorf("%w: a node with %d entries and %d children", piece.ErrDamaged, len(n.Entries), len(n.Children))
	}
	for i, e := range n.Entries {
		if e == nil || i > 0 && e.Name <= n.Entries[i-1].Name {
			return nil, fmt.Errorf("%w: entries that are not in order", piece.ErrDamaged)
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("%w: %w", piece.ErrDamaged, err)
		}
	}
	for i, c := range n.Children {
		if c.Ref.IsZero() || c.Count == 0 || i > 0 && c.First <= n.Children[i-1].First || CheckName(c.First) != nil {
			return nil, fmt.Errorf("%w: children that are not in order", piece.ErrDamaged)
		}
	}
	return n, nil
}

// first is the first name in it, or a name before that.
func (n *Node) first() string {
	if len(n.Entries) > 0 {
		return n.Entries[0].Name
	}
	return n.Children[0].First
}

func (n *Node) len() int { return len(n.Entries) + len(n.Children) }

// count is the number of entries in it and below.
func (n *Node) count() uint64 {
	count := uint64(len(n.Entries))
	for _, c := range n.Children {
		count += c.Count
	}
	return count
}

// cost is at least the length of its encoding.
func (n *Node) cost() int {
	cost := 16
	for i := range n.len() {
		cost += n.costOf(i)
	}
	return cost
}

func (n *Node) costOf(i int) int {
	if len(n.Entries) > 0 {
		return n.Entries[i].cost()
	}
	return n.Children[i].cost()
}

// slice is the part of a node from i to before j.
func (n *Node) slice(i, j int) *Node {
	if len(n.Entries) > 0 {
		return &Node{Entries: n.Entries[i:j:j]}
	}
	return &Node{Children: n.Children[i:j:j]}
}

// split cuts a node that is too large into equal parts that are not.
func (n *Node) split() (parts []*Node) {
	cost := n.cost()
	if cost <= MaxNode {
		return []*Node{n}
	}
	goal := cost / (cost/(MaxNode/2) + 1)
	from, sum := 0, 16
	for i := range n.len() {
		c := n.costOf(i)
		if i > from && (sum+c > MaxNode || sum >= goal+goal/4) {
			parts = append(parts, n.slice(from, i))
			from, sum = i, 16
		}
		sum += c
	}
	return append(parts, n.slice(from, n.len()))
}

// find returns the entry with a name, or nil.
func (n *Node) find(name string) *Entry {
	i := sort.Search(len(n.Entries), func(i int) bool { return n.Entries[i].Name >= name })
	if i < len(n.Entries) && n.Entries[i].Name == name {
		return n.Entries[i]
	}
	return nil
}

// childOf returns the index of the child in which a name belongs.
func (n *Node) childOf(name string) int {
	i := sort.Search(len(n.Children), func(i int) bool { return n.Children[i].First > name })
	return max(0, i-1)
}
