package scribe

import (
	"fmt"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Place is where a node stands in a group's tree.
type Place struct {
	Root     bool
	Keeper   bool // it keeps the group's state for the root
	Member   bool
	Parent   id.ID   // zero: none
	Path     []id.ID // from the root to the parent
	Children []id.ID
	Messages int // that are kept here
}

// Place returns where this node stands in a group's tree; the zero Place if it has nothing
// to do with it.
func (s *Scribe) Place(group id.Hash) Place {
	g := s.groups[group]
	if g == nil {
		return Place{}
	}
	p := Place{Root: g.root != nil, Keeper: g.keeper != nil, Member: g.member != nil}
	if g.parent != nil {
		p.Parent = g.parent.node.ID
	}
	for at := 0; at+id.Size <= len(g.path); at += id.Size {
		p.Path = append(p.Path, id.FromBytes(g.path[at:at+id.Size]))
	}
	for _, c := range g.children {
		p.Children = append(p.Children, c.node.ID)
	}
	p.Messages, _ = g.hist.Len()
	return p
}

// Stats counts what happened since the start.
type Stats struct {
	Attaches uint64 // questions to a node whether it would be this one's parent, or to the parent to tell it that this is a member, or none
}

// Stats returns what happened since the start.
func (s *Scribe) Stats() Stats { return s.stats }

// Neighbours are those next to a node in a group's tree, for what walks over it.
type Neighbours struct {
	Charter  *msg.Charter // nil until it is known
	Root     bool
	Member   bool
	Parent   *peer.Handle // nil: none
	Children []*peer.Handle
	Members  []bool // of each child: it said that it is a member itself; nil: of none it is known
}

// InTree reports whether the node stands in the tree.
func (n Neighbours) InTree() bool {
	return n.Root || n.Member || n.Parent != nil || len(n.Children) > 0
}

// Neighbours returns those next to this node in a group's tree. The handles are shared.
func (s *Scribe) Neighbours(group id.Hash) Neighbours {
	g := s.groups[group]
	if g == nil || g.charter == nil {
		return Neighbours{}
	}
	n := Neighbours{Charter: g.charter, Root: g.root != nil, Member: g.member != nil && g.member.began}
	if g.parent != nil {
		n.Parent = g.parent.node
	}
	for _, c := range g.children {
		n.Children, n.Members = append(n.Children, c.node), append(n.Members, c.member)
	}
	return n
}

// Charter returns what holds in a group, as this node knows; nil: it knows nothing.
func (s *Scribe) Charter(group id.Hash) *msg.Charter {
	if g := s.groups[group]; g != nil {
		return g.charter
	}
	return nil
}

// Check returns what is wrong with the node's own state, for tests and simulations.
func (s *Scribe) Check() error {
	crowd := make(map[id.ID]int)
	for _, g := range s.order {
		if s.groups[g.id] != g {
			return fmt.Errorf("scribe: group %s is listed and not known", g.id)
		}
		if err := g.hist.Check(); err != nil {
			return fmt.Errorf("scribe: group %s: %w", g.id, err)
		}
		if g.root != nil && g.parent != nil {
			return fmt.Errorf("scribe: the root of %s has a parent", g.id)
		}
		if len(g.children) > s.cfg.MaxChildren {
			return fmt.Errorf("scribe: %d children, at most %d", len(g.children), s.cfg.MaxChildren)
		}
		for _, c := range g.children {
			if crowd[c.node.ID]++; g.parent != nil && g.parent.node.ID == c.node.ID {
				return fmt.Errorf("scribe: %s is parent and child", c.node)
			}
		}
		if msg.OnPath(g.path, s.ep.Self().ID) {
			return fmt.Errorf("scribe: this node is its own ancestor")
		}
	}
	if len(crowd) != len(s.crowd) {
		return fmt.Errorf("scribe: %d neighbours are children, counted are %d", len(s.crowd), len(crowd))
	}
	return nil
}
