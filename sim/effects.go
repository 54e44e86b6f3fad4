package sim

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// carryOut does what a machine wants done, in order.
func (s *Sim) carryOut(ni uint32) {
	for i := range s.out.List {
		ef := &s.out.List[i]
		switch ef.Kind {
		case machine.DoSend:
			s.send(ni, ef)
		case machine.DoSetTimer:
			s.setTimer(ni, ef.Slot, ef.At)
		case machine.DoCancelTimer:
			s.cancelTimer(ni, ef.Slot)
		case machine.DoWork:
			s.work(ni, ef)
		case machine.DoSave:
			s.nodes[ni].more.saved = ef.Snapshot
		case machine.DoProtect:
			s.protect(ni, ef.To.ID, ef.On)
		case machine.DoDrop:
			s.drop(ni, ef.To.ID)
			s.dropBulk(ni, ef.To.ID)
		case machine.DoBulk, machine.DoAdmit:
			s.bulk(ni, ef)
		case machine.DoStopBulk:
			s.stopBulk(ni, ef.Slot)
		default:
			panic(fmt.Sprintf("sim: effect of kind %d", ef.Kind))
		}
	}
	s.out.Reset()
}

func (s *Sim) setTimer(ni, slot uint32, at task.Instant) {
	n := &s.nodes[ni]
	place := n.timer(slot)
	if place == nil {
		place = n.moreTimers(slot)
	}
	if *place != none {
		panic(fmt.Sprintf("sim: timer %d of node %d is set twice", slot, ni))
	}
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.slot = kTimer, ni, slot
	*place = ref
	s.post(int(ni), max(s.now, s.whenBoot(n, at)), ref)
}

// timer is where a node notes the event of the timer in a slot; nil if none was set so
// far up.
func (n *node) timer(slot uint32) *uint32 {
	if slot < ownTimers {
		return &n.timers[slot]
	}
	if k := int(slot - ownTimers); k < len(n.more.timers) {
		return &n.more.timers[k]
	}
	return nil
}

// moreTimers makes room for the timer in a slot. What lies above the slots is none.
func (n *node) moreTimers(slot uint32) *uint32 {
	m := n.more
	k := int(slot-ownTimers) + 1
	m.timers = slices.Grow(m.timers, k-len(m.timers))[:k]
	return &m.timers[k-1]
}

// slots is how many slots of timers a node has room for.
func (n *node) slots() uint32 { return uint32(ownTimers + len(n.more.timers)) }

// unset notes that a timer is not set any more, and gives back the room of a burst of
// timers.
func (n *node) unset(slot uint32) {
	*n.timer(slot) = none
	if slot < ownTimers {
		return
	}
	t := n.more.timers
	for len(t) > 0 && t[len(t)-1] == none {
		t = t[:len(t)-1]
	}
	if cap(t) > 16 && len(t) < cap(t)/2 {
		t = slices.Clone(t)
	}
	n.more.timers = t
}

// cancelTimer takes a timer out, be it to come or come and waiting.
func (s *Sim) cancelTimer(ni, slot uint32) {
	n := &s.nodes[ni]
	place := n.timer(slot)
	if place == nil || *place == none {
		panic(fmt.Sprintf("sim: timer %d of node %d is cancelled and was not set", slot, ni))
	}
	ref := *place
	n.unset(slot)
	if s.slab.events[ref].waits != 0 {
		s.unwait(ref)
	} else {
		s.queue.remove(ref)
	}
	s.slab.release(ref)
}

// work runs what a machine wants run at once; the node learns of it later.
func (s *Sim) work(ni uint32, ef *machine.Effect) {
	result := ef.Work()
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from, e.slot, e.msg = kDone, ni, s.nodes[ni].life, ef.Slot, doneParcel{result}
	s.post(int(ni), s.now+int64(s.cfg.WorkDelay), ref)
}
