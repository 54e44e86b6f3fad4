package pastry

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/prefetch"
)

// hotLines is how many lines of a Node hold what most messages need, up to sides.
const hotLines = 11

// Foresee implements machine.Foreseer: in each step it fetches what the steps before lead to.
// It decides nothing: what it takes for the sender or the next hop may be another.
func (n *Node) Foresee(step int, in *machine.Input) {
	hop, _ := in.Msg.(*msg.Hop)
	if hop != nil && hop.Route == nil {
		hop = nil
	}
	switch step {
	case 0:
		prefetch.Lines(n, hotLines)
		prefetch.At(&n.cfg)
		if in.Kind == machine.InMessage && hop == nil || in.Kind == machine.InTimer {
			prefetch.All(&n.sides)
		}
		if hop != nil {
			prefetch.All(hop.Route)
		}
	case 1:
		n.leafs.fetch()
		if len(n.owing) > 0 {
			prefetch.At(&n.owing[0])
		}
		if in.Kind == machine.InMessage {
			n.contacts.fetch(in.From.ID)
		}
	case 2:
		n.leafs.fetchNearest()
		if len(n.owing) > 0 {
			prefetch.At(n.owing[0].to)
		}
		if hop != nil {
			if row, col := n.slot(hop.Route.Key); row < n.rows() {
				prefetch.At(&n.row(row)[col])
			}
		}
		prefetch.At(n.sender(in))
	default:
		n.foreseeLinks(step, in, hop)
	}
	n.ForeseeTimer(step, in)
}

// foreseeLinks are the steps 3 and 4: what contacts lead to.
func (n *Node) foreseeLinks(step int, in *machine.Input, hop *msg.Hop) {
	var cs [3]*contact
	cs[0] = n.sender(in)
	if hop != nil {
		cs[1] = n.entry(n.slot(hop.Route.Key))
	}
	if len(n.owing) > 0 {
		cs[2] = n.owing[0].to
	}
	for i, c := range cs {
		switch {
		case c == nil:
		case step == 3 && i == 1:
			prefetch.At(c)
		case step == 3:
			prefetch.At(c.link)
		case i == 1:
			prefetch.At(c.link)
			prefetch.At(c.h)
		case c.link != nil:
			prefetch.At(c.link.pending)
			prefetch.At(c.link.owed)
		}
	}
}

// sender is most likely the one from whom a message comes; nil if in is none.
func (n *Node) sender(in *machine.Input) *contact {
	if in.Kind != machine.InMessage {
		return nil
	}
	return n.contacts.guess(in.From.ID)
}

// fetch lets the places come where guess will look.
func (s *contactSet) fetch(x id.ID) {
	if s.n > 0 {
		i := s.home(s.mark(x))
		prefetch.At(&s.marks[i])
		prefetch.At(&s.slots[i])
	}
}

// guess returns the contact that find would return, or another one, or nil, and reads none.
func (s *contactSet) guess(x id.ID) *contact {
	if s.n == 0 {
		return nil
	}
	m := s.mark(x)
	for i := s.home(m); s.marks[i] != 0; i = s.next(i) {
		if s.marks[i] == m {
			return s.slots[i]
		}
	}
	return nil
}

// fetch lets the lists come.
func (l *leafSet) fetch() {
	for s := range l.sides {
		if len(l.sides[s]) > 0 {
			prefetch.At(&l.sides[s][0])
			prefetch.At(&l.aways[s][0])
		}
	}
}

// fetchNearest lets the neighbours on the ring come.
func (l *leafSet) fetchNearest() {
	for s := range l.sides {
		if len(l.sides[s]) > 0 {
			prefetch.At(l.sides[s][0])
		}
	}
}
