package sim

import (
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
)

// dial begins a link, or joins the dial of the other end that is on its way: of
// two dials at once a transport keeps one, unless its time is over. It returns the link
// and the end.
func (s *Sim) dial(from, to uint32, h *peer.Handle) (ref uint32, end int) {
	if theirs, e := s.linkOf(to, from); theirs != none && s.links.list[theirs].side[e].state == dialing && s.links.list[theirs].dial != none {
		s.attach(theirs, 1-e, waiting, h)
		return theirs, 1 - e
	}
	ref = s.links.free
	if ref == none {
		s.links.list = append(s.links.list, link{})
		ref = uint32(len(s.links.list) - 1)
	} else {
		s.links.free = s.links.list[ref].next
	}
	l := &s.links.list[ref]
	l.node = [2]uint32{from, to}
	s.attach(ref, 0, dialing, h)
	l.dial = s.postLink(int(from), s.now+int64(s.cfg.DialTimeout), kDialEnd, ref, 0, 0)
	if !s.found(to, h) {
		s.misses(ref, from, to)
		return ref, 0
	}
	if at, open := s.pass(from, to); open {
		s.postLink(int(from), at, kHello, ref, 1, 0)
	}
	return ref, 0
}

// refuse answers a hello to a node that is not running.
func (s *Sim) refuse(e *event) {
	l := &s.links.list[e.slot]
	if l.life != e.from || s.nodes[e.node].state == silent {
		return
	}
	if at, open := s.pass(e.node, l.node[0]); open {
		s.postLink(int(e.node), at, kLinkDown, e.slot, 0, machine.DownRefused)
	}
}

// linkEvent handles what reaches a node's end of a link.
func (s *Sim) linkEvent(e *event) {
	l := &s.links.list[e.slot]
	if l.life != e.from {
		return // the link is gone
	}
	switch e.kind {
	case kHello:
		s.greeted(e.slot)
	case kHelloBack:
		s.answered(e.slot)
	case kHelloDone:
		if l.side[1].state == waiting {
			s.endDial(l)
			s.stand(e.slot, 1)
		}
	case kLinkDown:
		end := 0
		if l.node[0] != e.node {
			end = 1
		}
		s.downed(e.slot, end, machine.DownReason(e.note))
	}
}

// greeted: the dialler's hello is at the other end.
func (s *Sim) greeted(ref uint32) {
	l := &s.links.list[ref]
	dialler, me := l.node[0], l.node[1]
	if l.side[0].state != dialing || l.dial == none {
		return // or it is about to learn that this took too long
	}
	if !s.accepts(me, dialler) {
		if at, open := s.pass(me, dialler); open {
			s.postLink(int(me), at, kLinkDown, ref, 0, machine.DownExpelled)
		}
		if l.side[1].state != gone {
			s.downed(ref, 1, machine.DownExpelled)
		}
		return
	}
	if old, end := s.linkOf(me, dialler); old != none && old != ref {
		// The other one lost that link, or died and lives again.
		why := machine.DownLost
		if s.links.list[old].born[1-end] != s.nodes[dialler].life {
			why = machine.DownClosed
		}
		s.downed(old, end, why)
	}
	l = &s.links.list[ref]
	if l.side[1].state == gone {
		s.attach(ref, 1, waiting, s.nodes[dialler].self)
	}
	l.side[1].to = s.nodes[dialler].self
	if at, open := s.pass(me, dialler); open {
		s.postLink(int(me), at, kHelloBack, ref, 0, 0)
	}
}

// answered: the dialler has its answer.
func (s *Sim) answered(ref uint32) {
	l := &s.links.list[ref]
	me, other := l.node[0], l.node[1]
	if l.side[0].state != dialing || l.dial == none {
		return // or it is about to learn that this took too long
	}
	if !s.accepts(me, other) {
		s.tell(ref, 0, machine.DownExpelled)
		s.downed(ref, 0, machine.DownExpelled)
		return
	}
	at, open := s.pass(me, other)
	if open {
		s.postLink(int(me), at, kHelloDone, ref, 1, 0)
	}
	sd := &l.side[0]
	sd.arrival, sd.opens = [3]int64{at, at, at}, at
	sd.to = s.handleIn(other, l.born[1])
	s.stand(ref, 0)
}

// endDial takes out the event that bounds the making of a link.
func (s *Sim) endDial(l *link) {
	if l.dial != none {
		s.queue.remove(l.dial)
		s.slab.release(l.dial)
		l.dial = none
	}
}

// accepts reports whether a node accepts the certificate of another.
func (s *Sim) accepts(me, other uint32) bool {
	check, cert := s.nodes[me].more.check, s.nodes[other].more.cert
	self := s.nodes[other].self
	if cert != nil && (cert.Node != self.ID || cert.Key != self.Key) {
		return false
	}
	return check == nil || check(cert, s.clockOf(&s.nodes[me]).Wall) == nil
}

// stand: a link stands at an end. The node learns of it before all else, and then
// what waited goes out.
func (s *Sim) stand(ref uint32, end int) {
	l := &s.links.list[ref]
	me, other := l.node[end], l.node[1-end]
	sd := &l.side[end]
	sd.state, sd.used = up, s.now
	s.nodes[me].more.up++
	to, life, queue := sd.to, l.life, sd.queue
	sd.queue, sd.queued = list{}, 0
	s.observeLink(me, to, 0)
	s.give(me, machine.Input{Kind: machine.InPeerUp, From: to, Cert: s.nodes[other].more.cert})
	var told uint64 // the incarnation about which the node was told
	for w := queue.head; w != none; {
		e, incarnation := s.slab.events[w], s.slab.events[w].order
		next := s.slab.events[w].next
		s.slab.release(w)
		w = next
		was := peer.Handle{Incarnation: incarnation}
		switch l := &s.links.list[ref]; {
		case l.life != life || l.side[end].state != up: // the machine dropped it at once
			s.lost(me, other, e.note, LossDown)
		case stale(&was, to):
			s.lost(me, other, e.note, LossDead)
			if told != incarnation {
				told = incarnation
				s.notify(me, s.handleOf(other, incarnation), machine.DownRefused, 0)
			}
		default:
			s.transmit(&parcel{from: me, to: other, self: s.nodes[me].self, msg: e.msg, kind: e.note, class: e.class}, ref, end)
		}
	}
	s.trim(me)
}

// handleIn returns a node's handle in one of its lives.
func (s *Sim) handleIn(n, life uint32) *peer.Handle {
	if nd := &s.nodes[n]; life == nd.life {
		return nd.self
	}
	return s.past[pair(n, life)]
}

// handleOf returns a node's handle of an earlier incarnation, which may be one
// from before the simulation.
func (s *Sim) handleOf(n uint32, incarnation uint64) *peer.Handle {
	nd := &s.nodes[n]
	if ago := nd.self.Incarnation - incarnation; ago < uint64(nd.life) {
		return s.handleIn(n, nd.life-uint32(ago))
	}
	h := *nd.self
	h.Incarnation = incarnation
	return &h
}

// downed ends a link at an end, whose node is told if it used or wanted it.
func (s *Sim) downed(ref uint32, end int, why machine.DownReason) {
	l := &s.links.list[ref]
	sd := &l.side[end]
	if sd.state == gone {
		return
	}
	if sd.state == up { // it came to stand while the bad news was on its way
		switch why {
		case machine.DownRefused:
			why = machine.DownClosed
		case machine.DownUnreachable:
			why = machine.DownLost
		}
	}
	wanted := sd.state != waiting || sd.queued > 0
	me, to := l.node[end], sd.to
	s.detach(ref, end)
	if wanted {
		s.observeLink(me, to, why)
		s.give(me, machine.Input{Kind: machine.InPeerDown, From: to, Why: why})
	}
}

// transport handles what only concerns the transport of a node.
func (s *Sim) transport(ref uint32) {
	e := s.slab.events[ref]
	s.slab.release(ref)
	if e.kind == kBulk {
		s.bulkEvent(e)
		return
	}
	l := &s.links.list[e.slot]
	if l.life != e.from {
		return
	}
	switch e.kind {
	case kDialEnd:
		l.dial = none
		for end := range l.side {
			if l.side[end].state != gone {
				s.postLink(int(l.node[end]), s.now, kLinkDown, e.slot, end, machine.DownUnreachable)
			}
		}
	case kStall:
		end := 0
		if l.node[0] != e.node {
			end = 1
		}
		s.stalled(e.slot, end)
	}
}

// stalled: nothing was acknowledged for too long, unless the path is open again.
func (s *Sim) stalled(ref uint32, end int) {
	l := &s.links.list[ref]
	sd := &l.side[end]
	if sd.state != up {
		return
	}
	sd.stalled = false
	me, other := l.node[end], l.node[1-end]
	halfOpen := l.side[1-end].state == gone
	switch {
	case halfOpen && (s.nodes[other].state == silent || !s.found(other, sd.to)), s.blocked(me, other), s.blocked(other, me):
		s.postLink(int(me), s.now, kLinkDown, ref, end, machine.DownLost)
	case halfOpen:
		s.reset(ref, end) // what was sent again was answered
	}
}

func (s *Sim) observeLink(n uint32, of *peer.Handle, why machine.DownReason) {
	if s.cfg.Observe.Link == nil {
		return
	}
	other := Nobody
	if p := s.index.find(of.ID); p != nil {
		other = NodeRef(p.ref - 1)
	}
	s.cfg.Observe.Link(NodeRef(n), other, why)
}
