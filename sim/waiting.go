package sim

import "github.com/phyllo-net/phyllo/machine"

// sort is a sort of inputs that wait for a node that is paused or busy. Those of a sort stand in
// order. Which goes first is as in package host: what a node hears of its neighbours does not stand
// behind all else that others sent.
type sort uint8

const (
	due    sort = iota + 1 // timers and results: they take turns with all others
	urgent                 // what is no message, and messages of class Liveness: before the rest
	rest
	sorts
)

// fairShare is as in package host: of so many inputs that are taken, one is of the rest.
const fairShare = 16

// lines are the inputs that wait for a node.
type lines struct {
	list  [sorts]list
	count [sorts]int32
	taken uint32 // while both urgent inputs and others waited
}

// sortOf is where an input waits. The end of a link is told after what came over it, and so is
// another one in its place; and nothing that comes over a link goes before the news of it.
func (s *Sim) sortOf(e *event) sort {
	switch e.kind {
	case kTimer, kDone:
		return due
	case kLinkDown:
		return rest
	case kHello:
		if old, _ := s.linkOf(e.node, s.links.list[e.slot].node[0]); old != none && old != e.slot {
			return rest
		}
	case kMessage:
		if e.class != machine.ClassLiveness {
			return rest
		}
	}
	return urgent
}

// full reports whether there is no room for a message among those of its sort.
func (s *Sim) full(e *event) bool {
	w := s.waits[e.node]
	return w != nil && w.count[s.sortOf(e)] >= s.nodes[e.node].most
}

// await lets an input wait for its node, behind the others of a sort.
func (s *Sim) await(ref uint32, of sort) {
	e := &s.slab.events[ref]
	w := s.waits[e.node]
	if w == nil {
		w = new(lines)
		s.waits[e.node] = w
	}
	e.waits = of
	w.count[of]++
	s.nodes[e.node].waiting++
	s.slab.append(&w.list[of], ref)
}

// foremost lets an urgent input that waits be the next of all.
func (s *Sim) foremost(ref uint32) {
	e := &s.slab.events[ref]
	w := s.waits[e.node]
	s.slab.unlink(&w.list[urgent], ref)
	s.slab.prepend(&w.list[urgent], ref)
	w.taken, s.nodes[e.node].turn = 0, true
}

// unwait takes an input out of where it waits for its node.
func (s *Sim) unwait(ref uint32) {
	e := &s.slab.events[ref]
	w := s.waits[e.node]
	s.slab.unlink(&w.list[e.waits], ref)
	w.count[e.waits]--
	s.nodes[e.node].waiting--
	if s.nodes[e.node].waiting == 0 {
		delete(s.waits, e.node)
	}
}

// next is what a node for which inputs wait takes next.
func (s *Sim) next(ni uint32) uint32 {
	w := s.waits[ni]
	first, second := w.list[urgent].head, w.list[rest].head
	if first != none && second != none {
		if w.taken++; w.taken%fairShare == 0 {
			first, second = second, first
		}
	}
	if first == none {
		first = second
	}
	if d := w.list[due].head; d != none && (first == none || !s.nodes[ni].turn) {
		return d
	}
	return first
}
