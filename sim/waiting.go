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
	list     [sorts]list
	messages [sorts]int32 // how many of them are messages: only these find no room
	taken    uint32       // urgent inputs and others, while both waited
}

// sortOf is where an input waits. The end of a link is told after what came over it, and so is
// another one in its place; nothing has come over a link that its node is dialling.
func (s *Sim) sortOf(e *event) sort {
	switch e.kind {
	case kTimer, kDone:
		return due
	case kLinkDown:
		if !s.dials(e) {
			return rest
		}
	case kHello:
		if old, end := s.linkOf(e.node, s.links.list[e.slot].node[0]); old != none && old != e.slot && s.links.list[old].side[end].state != dialing {
			return rest
		}
	case kMessage:
		if e.class != machine.ClassLiveness {
			return rest
		}
	}
	return urgent
}

// dials reports whether the end of a link of which an event tells is dialling still. One that was
// greeted may have the news, and messages behind it, before it.
func (s *Sim) dials(e *event) bool {
	l := &s.links.list[e.slot]
	return l.life == e.from && l.node[0] == e.node && l.side[0].state == dialing
}

// full reports whether there is no room for a message among those of its sort.
func (s *Sim) full(e *event) bool {
	w := s.waits[e.node]
	return w != nil && w.messages[s.sortOf(e)] >= s.nodes[e.node].most
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
	if e.kind == kMessage {
		w.messages[of]++
	}
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
	if e.kind == kMessage {
		w.messages[e.waits]--
	}
	s.nodes[e.node].waiting--
	if s.nodes[e.node].waiting == 0 {
		delete(s.waits, e.node)
	}
}

// next is what a node for which inputs wait takes next.
func (s *Sim) next(ni uint32) uint32 {
	w := s.waits[ni]
	first, second := w.list[urgent].head, w.list[rest].head
	if d := w.list[due].head; d != none && (first == none && second == none || !s.nodes[ni].turn) {
		return d
	}
	switch {
	case first == none:
		return second
	case second == none:
		return first
	}
	if w.taken++; w.taken%fairShare == 0 && !s.behind(&s.slab.events[second]) {
		return second
	}
	return first
}

// behind reports whether one of the rest has to wait for something urgent: a message for the news of the
// link that it came over, and the end of a link for what came over that, be it before the end was known or since.
func (s *Sim) behind(e *event) bool {
	over := e.slot
	if e.kind == kHello {
		over, _ = s.linkOf(e.node, s.links.list[e.slot].node[0]) // in whose place it comes
	}
	for ref := s.waits[e.node].list[urgent].head; ref != none; ref = s.slab.events[ref].next {
		switch u := &s.slab.events[ref]; u.kind {
		case kMessage:
			if e.kind != kMessage && u.slot == over {
				return true
			}
		case kHello, kHelloBack, kHelloDone, kLinkDown:
			if u.slot == over {
				return true
			}
		}
	}
	return false
}
