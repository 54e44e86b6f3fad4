package sim

import (
	"fmt"

	"github.com/phyllo-net/phyllo/machine"
)

// puttingOff reports whether a node is in the middle of an input; f is then called
// at this moment, but after it.
func (s *Sim) puttingOff(n NodeRef, f func()) bool {
	if s.current != int(n) {
		return false
	}
	s.script(s.now, f)
	return true
}

// Crash ends a node's process as kill -9 does: its tasks end, its timers and what
// waits for it are gone, its system closes its sockets and refuses new links. A
// node that is not running stays as it is.
func (s *Sim) Crash(n NodeRef) {
	if !s.puttingOff(n, func() { s.Crash(n) }) && s.node(n).state == running {
		s.end(uint32(n), crashed)
	}
}

// Die ends a node as a power cut does: nothing is closed, nothing answers.
func (s *Sim) Die(n NodeRef) {
	if !s.puttingOff(n, func() { s.Die(n) }) && s.node(n).state == running {
		s.end(uint32(n), silent)
	}
}

// Stop stops a node in order: it gets an InStop, may send its farewells over
// links that stand, and is then gone as after a crash.
func (s *Sim) Stop(n NodeRef) {
	if s.node(n).state == running {
		s.input(uint32(n), kStop, nil)
	}
}

// Restart starts a node that is not running, with the next incarnation and what
// it saved last.
func (s *Sim) Restart(n NodeRef) {
	nd := s.node(n)
	if nd.state == running {
		panic(fmt.Sprintf("sim: restart of node %d, which is running", n))
	}
	h := *nd.self
	h.Incarnation++
	s.past[pair(uint32(n), nd.life)] = nd.self
	nd.self = &h
	s.start(uint32(n))
}

// Wipe takes the disk of a node that is not running: what it saved is gone, and
// its Spec's Wiped is called.
func (s *Sim) Wipe(n NodeRef) {
	nd := s.node(n)
	if nd.state == running {
		panic(fmt.Sprintf("sim: node %d loses its disk while it is running", n))
	}
	nd.more.saved = nil
	if nd.more.wiped != nil {
		nd.more.wiped()
	}
	s.life(uint32(n), Wiped)
}

// Pause stops a node's process as SIGSTOP does: its links stand, its inputs wait.
func (s *Sim) Pause(n NodeRef) {
	if nd := s.node(n); nd.state == running && !nd.paused {
		nd.paused = true
		s.life(uint32(n), Paused)
	}
}

// Wake lets a paused node go on: it gets an InWake, and then what waited: timers and
// results, and other inputs, in turn, each in their order, and of the others what is urgent first.
func (s *Sim) Wake(n NodeRef) {
	nd := s.node(n)
	if nd.state != running || !nd.paused {
		return
	}
	nd.paused = false
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from = kWake, uint32(n), nd.life
	s.await(ref, urgent)
	s.foremost(ref)
	if !nd.busy {
		nd.busy = true
		ref := s.slab.take()
		e := &s.slab.events[ref]
		e.kind, e.node, e.from = kDrain, uint32(n), nd.life
		s.post(-1, s.now, ref)
	}
	s.life(uint32(n), Woken)
}

// Paused reports whether a node is paused.
func (s *Sim) Paused(n NodeRef) bool { return s.node(n).paused }

// Slow lets a node take factor times Config.StepTime for each input, from the next
// one on; 0 lets it take no time again.
func (s *Sim) Slow(n NodeRef, factor float64) {
	nd := s.node(n)
	nd.slow, nd.more.factor = factor > 0, float32(max(factor, 0))
}

// Cramp lets no more than capacity messages of each sort wait for a node; 0 means Config.Inbox.
func (s *Sim) Cramp(n NodeRef, capacity int) {
	if capacity <= 0 {
		capacity = s.cfg.Inbox
	}
	s.node(n).most = int32(capacity)
}

// Waiting is the number of inputs that wait for a node.
func (s *Sim) Waiting(n NodeRef) int { return int(s.node(n).waiting) }

// end ends a node's life.
func (s *Sim) end(ni uint32, how state) {
	n := &s.nodes[ni]
	n.state, n.paused, n.busy = how, false, false
	for slot := range n.slots() {
		if place := n.timer(slot); place != nil && *place != none {
			s.cancelTimer(ni, slot)
		}
	}
	n.more.timers = nil
	for n.waiting > 0 {
		ref := s.next(ni)
		s.unwait(ref)
		s.bounce(ref)
	}
	s.unplug(ni, how)
	m := n.machine
	n.machine = nil
	m.Halt()
	s.life(ni, [...]LifeEvent{crashed: Crashed, silent: Died, stopped: Stopped}[how])
}

// unplug ends all links of a node that ends.
func (s *Sim) unplug(ni uint32, how state) {
	m := s.nodes[ni].more
	for len(m.ports) > 0 {
		pt := &m.ports[len(m.ports)-1]
		pt.protected = false
		ref, end := s.linkOf(ni, pt.peer)
		if ref == none {
			m.ports = m.ports[:len(m.ports)-1]
			continue
		}
		if how != silent {
			why := machine.DownClosed
			if s.links.list[ref].side[1-end].state == dialing {
				why = machine.DownRefused
			}
			s.tell(ref, end, why)
		}
		s.detach(ref, end) // takes the port out too
	}
}
