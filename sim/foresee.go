package sim

import (
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/prefetch"
)

// foreseeing is how many nodes a simulation has whose events are foreseen: fewer lie in a
// processor's caches.
const foreseeing = 1 << 10

// foresee fetches what the next events will touch. An event takes longer than a read from
// memory: so each read which waits for another one begins an event later.
func (s *Sim) foresee() {
	s.wheel.look()
	if e := s.coming(machine.Foresight + 2); e != nil {
		prefetch.All(&s.nodes[e.node])
		prefetch.At(e.handle)
		if e.kind == kMessage {
			prefetch.Any(e.msg)
		}
	}
	for step := range machine.Foresight {
		e := s.coming(machine.Foresight - step)
		if e == nil {
			continue
		}
		in := &s.seen
		switch e.kind {
		case kMessage:
			*in = machine.Input{Kind: machine.InMessage, From: e.handle, Msg: e.msg}
		case kTimer:
			*in = machine.Input{Kind: machine.InTimer, Slot: e.slot}
		case kCall:
			*in = machine.Input{Kind: machine.InCall}
		default:
			continue
		}
		if m, ok := s.nodes[e.node].machine.(machine.Foreseer); ok {
			m.Foresee(step, in)
		}
	}
}

// coming returns the event that comes k after the next one of the wheel's run, or nil.
func (s *Sim) coming(k int) *event {
	r := &s.wheel.run
	if k >= r.len() || r.at(k).ref == none {
		return nil
	}
	return &s.slab.events[r.at(k).ref]
}
