package sim

import (
	"slices"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
)

// place is where a node that moved is found.
type place struct {
	addrs []string
	taken bool // another machine has the addresses that it left
}

// Move gives a node's host other addresses, as when a laptop is carried to another
// network. Its links break: the node learns of it at once, the other ends by what is
// not acknowledged any more. From now on a handle that names none of the new addresses
// leads to another machine, which refuses links if taken is set and otherwise to nobody.
// The node's machine learns of it by a Call, which sets its Self.
func (s *Sim) Move(n NodeRef, addrs []string, taken bool) {
	m := s.node(n).more
	m.place = &place{slices.Clone(addrs), taken}
	for _, pt := range m.ports {
		if pt.link != none {
			ref, end := s.linkOf(uint32(n), pt.peer)
			s.postLink(-1, s.now, kLinkDown, ref, end, machine.DownLost)
		}
	}
}

// found reports whether a dial by the handle reaches its node.
func (s *Sim) found(n uint32, h *peer.Handle) bool {
	at := s.nodes[n].more.place
	return at == nil || slices.ContainsFunc(h.Addrs, func(a string) bool { return slices.Contains(at.addrs, a) })
}

// misses begins a dial that leads to an address that its node has left.
func (s *Sim) misses(ref, from, to uint32) {
	if !s.nodes[to].more.place.taken {
		return // the dial's own time-out ends it
	}
	if at, open := s.pass(from, to); open {
		s.postLink(int(from), at+s.delay(to, from), kLinkDown, ref, 0, machine.DownRefused)
	}
}
