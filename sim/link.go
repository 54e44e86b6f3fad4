package sim

import (
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
)

// linkState is what one end of a link knows of it.
type linkState uint8

const (
	gone    linkState = iota // this end has no such link
	dialing                  // it has said hello
	waiting                  // it wants the link, or was greeted; the other end dials
	up
)

// side is one end of a link.
type side struct {
	to      *peer.Handle // the other end, as this one knows it
	state   linkState
	stalled bool // a kStall is on its way
	reset   bool // the notice is on its way that the other end has no such link
	queue   list // messages that wait for the link to stand
	queued  int
	used    int64    // time of the last message sent or received
	arrival [3]int64 // at the other end, of the latest message of each class
	opens   int64    // when the other end learns that the link stands, if this one dialled
}

// link is a link between two nodes; side 0 dialled it.
type link struct {
	node [2]uint32
	born [2]uint32 // lives of the nodes that got these ends
	life uint32    // grows when the number is used again
	dial uint32    // the kDialEnd, or none
	next uint32    // free
	side [2]side
}

// links keeps all links, known by their numbers.
type links struct {
	list []link
	free uint32
}

// port is what a node knows of a peer: the link, and whether it is protected.
type port struct {
	peer, link uint32
	protected  bool
}

// maxQueued is the number of messages that wait for one link to stand.
const maxQueued = 64

func (m *more) find(p uint32) (int, bool) {
	return slices.BinarySearchFunc(m.ports, p, func(a port, p uint32) int { return cmp.Compare(a.peer, p) })
}

// portOf returns what a node knows of a peer, made if need be.
func (m *more) portOf(p uint32) *port {
	i, have := m.find(p)
	if !have {
		m.ports = slices.Insert(m.ports, i, port{peer: p})
	}
	return &m.ports[i]
}

// linkOf returns the link of a node with a peer, or none, and its end.
func (s *Sim) linkOf(n, p uint32) (ref uint32, end int) {
	m := s.nodes[n].more
	i, have := m.find(p)
	if !have || m.ports[i].link == none {
		return none, 0
	}
	ref = m.ports[i].link
	if s.links.list[ref].node[0] != n {
		end = 1
	}
	return ref, end
}

// attach gives a node an end of a link.
func (s *Sim) attach(ref uint32, end int, st linkState, to *peer.Handle) {
	l := &s.links.list[ref]
	n := &s.nodes[l.node[end]]
	l.side[end] = side{to: to, state: st, used: s.now}
	l.born[end] = n.life
	n.more.portOf(l.node[1-end]).link = ref
}

// detach takes an end of a link from its node, with all that waited there. A link
// without ends is freed.
func (s *Sim) detach(ref uint32, end int) {
	l := &s.links.list[ref]
	sd := &l.side[end]
	m := s.nodes[l.node[end]].more
	if i, have := m.find(l.node[1-end]); have && m.ports[i].link == ref {
		m.ports[i].link = none
		if !m.ports[i].protected {
			m.ports = slices.Delete(m.ports, i, i+1)
		}
	}
	if sd.state == up {
		m.up--
	}
	for w := sd.queue.head; w != none; {
		next := s.slab.events[w].next
		s.lost(l.node[end], l.node[1-end], s.slab.events[w].note, LossDown)
		s.slab.release(w)
		w = next
	}
	*sd = side{}
	if l.side[1-end].state == gone {
		s.endDial(l)
		*l = link{life: l.life + 1, next: s.links.free}
		s.links.free = ref
	}
}

// sendLinked sends a message over the link to the handle's node, or lets it wait
// for one.
func (s *Sim) sendLinked(p *parcel, to *peer.Handle) {
	if to.Key != s.nodes[p.to].self.Key {
		s.lost(p.from, p.to, p.kind, LossUnknown)
		s.notify(p.from, to, machine.DownRefused, s.delay(p.from, p.to)+s.delay(p.to, p.from))
		return
	}
	ref, end := s.linkOf(p.from, p.to)
	if ref == none {
		ref, end = s.dial(p.from, p.to, to)
	}
	l := &s.links.list[ref]
	sd := &l.side[end]
	if sd.state == up {
		if stale(to, sd.to) {
			s.lost(p.from, p.to, p.kind, LossDead)
			s.notify(p.from, to, machine.DownRefused, 0)
			return
		}
		s.transmit(p, ref, end)
		return
	}
	if sd.queued == maxQueued {
		s.lost(p.from, p.to, p.kind, LossFull)
		return
	}
	w := s.slab.take()
	e := &s.slab.events[w]
	e.msg, e.note, e.class = p.msg, p.kind, p.class
	s.slab.events[w].order = to.Incarnation
	s.slab.append(&sd.queue, w)
	sd.queued++
}

// stale reports whether a handle is that of an earlier life than the one at the
// other end of a link.
func stale(h, now *peer.Handle) bool { return h.Incarnation != 0 && h.Incarnation < now.Incarnation }

// transmit sends a message over a link that stands at this end.
func (s *Sim) transmit(p *parcel, ref uint32, end int) {
	l := &s.links.list[ref]
	sd := &l.side[end]
	sd.used = s.now
	there, back := !s.blocked(p.from, p.to), !s.blocked(p.to, p.from)
	halfOpen := l.side[1-end].state == gone
	switch {
	case !there:
		s.lost(p.from, p.to, p.kind, LossParted)
	case halfOpen:
		s.lost(p.from, p.to, p.kind, LossDead)
		if back && s.nodes[p.to].state != silent && s.found(p.to, sd.to) {
			s.reset(ref, end)
			return
		}
	default:
		// Whoever moved is still known by what it showed when the link was made.
		p.self, p.link, p.opens = l.side[1-end].to, ref, sd.opens
		s.launch(p, s.now+s.delay(p.from, p.to), &sd.arrival[min(p.class, machine.ClassUpkeep)])
		if back {
			return
		}
	}
	if !sd.stalled { // nothing is acknowledged: watch it
		sd.stalled = true
		s.postLink(int(p.from), s.now+int64(s.cfg.LostAfter), kStall, ref, end, 0)
	}
}

// reset lets an end learn, after a round trip, that the other has no such link.
func (s *Sim) reset(ref uint32, end int) {
	l := &s.links.list[ref]
	if l.side[end].reset {
		return
	}
	l.side[end].reset = true
	me, other := l.node[end], l.node[1-end]
	why := machine.DownClosed
	if n := &s.nodes[other]; n.state == running && n.life == l.born[1-end] {
		why = machine.DownLost // the process lives, and forgot the link when the network was parted
	}
	s.postLink(int(other), s.now+s.delay(me, other)+s.delay(other, me), kLinkDown, ref, end, why)
}

// linked reports whether a message's link still stands at its arrival.
func (s *Sim) linked(e *event) bool {
	l := &s.links.list[e.slot]
	end := 0
	if l.node[0] != e.node {
		end = 1
	}
	sd := &l.side[end]
	if l.node[end] != e.node || l.node[1-end] != e.from || sd.state != up || sd.to != e.handle {
		return false
	}
	sd.used = s.now
	return true
}

// postLink posts an event of one end of a link.
func (s *Sim) postLink(sender int, at int64, k kind, ref uint32, end int, why machine.DownReason) uint32 {
	ev := s.slab.take()
	e := &s.slab.events[ev]
	l := &s.links.list[ref]
	e.kind, e.node, e.from, e.slot, e.note = k, l.node[end], l.life, ref, uint8(why)
	s.post(sender, at, ev)
	return ev
}

// tell lets the other end of a link know that this one gave it up, after all that
// was sent before; nothing comes over a parted path.
func (s *Sim) tell(ref uint32, end int, why machine.DownReason) {
	l := &s.links.list[ref]
	me, other := l.node[end], l.node[1-end]
	at, open := s.pass(me, other)
	if !open || l.side[1-end].state == gone {
		return
	}
	at = max(at, slices.Max(l.side[end].arrival[:]))
	s.postLink(int(me), at, kLinkDown, ref, 1-end, why)
}

// hangUp closes a link at this end; both ends learn a reason.
func (s *Sim) hangUp(ref uint32, end int, here, there machine.DownReason) {
	l := &s.links.list[ref]
	s.notify(l.node[end], l.side[end].to, here, 0)
	s.tell(ref, end, there)
	s.detach(ref, end)
}

// notify posts an InPeerDown for a link that a node does not have any more, or
// never had.
func (s *Sim) notify(n uint32, of *peer.Handle, why machine.DownReason, after int64) {
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from, e.note, e.handle = kNotice, n, s.nodes[n].life, uint8(why), of
	s.post(int(n), s.now+after, ref)
}

// protect carries out a DoProtect.
func (s *Sim) protect(n uint32, x id.ID, on bool) {
	at := s.index.find(x)
	if !s.cfg.Connections || at == nil || at.ref-1 == n {
		return
	}
	p := at.ref - 1
	m := s.nodes[n].more
	pt := m.portOf(p)
	pt.protected = on
	if !on && pt.link == none {
		i, _ := m.find(p)
		m.ports = slices.Delete(m.ports, i, i+1)
	}
}

// drop carries out a DoDrop.
func (s *Sim) drop(n uint32, x id.ID) {
	at := s.index.find(x)
	if !s.cfg.Connections || at == nil {
		return
	}
	if ref, end := s.linkOf(n, at.ref-1); ref != none {
		s.hangUp(ref, end, machine.DownExpelled, machine.DownOurs)
	}
}

// trim closes the links that a node has too many of.
func (s *Sim) trim(n uint32) {
	for int(s.nodes[n].more.up) > s.cfg.MaxLinks {
		var oldest uint32
		oldestEnd, used := 0, s.now
		for _, pt := range s.nodes[n].more.ports {
			if pt.protected || pt.link == none {
				continue
			}
			l := &s.links.list[pt.link]
			end := 0
			if l.node[0] != n {
				end = 1
			}
			if sd := &l.side[end]; sd.state == up && sd.used < used {
				oldest, oldestEnd, used = pt.link, end, sd.used
			}
		}
		if oldest == none {
			return // all are protected, or in use at this very moment
		}
		s.hangUp(oldest, oldestEnd, machine.DownOurs, machine.DownOurs)
	}
}

// Links returns the nodes with which a node has a link that stands, in the order
// of their numbers.
func (s *Sim) Links(n NodeRef) []NodeRef {
	var with []NodeRef
	for _, pt := range s.node(n).more.ports {
		if pt.link == none {
			continue
		}
		if ref, end := s.linkOf(uint32(n), pt.peer); s.links.list[ref].side[end].state == up {
			with = append(with, NodeRef(pt.peer))
		}
	}
	return with
}
