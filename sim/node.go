package sim

import (
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// state is how far a node's life has come.
type state uint8

const (
	running state = iota + 1
	crashed       // no process, its system answers
	silent        // nothing answers
	stopped       // ended in order; as crashed to others
)

// node is what every event of a node touches. It fills two cache lines of 64 bytes, and
// what messages need lies in the first, which at many nodes is what a message costs.
type node struct {
	machine machine.Machine // nil if not running
	self    *peer.Handle
	count   uint64 // events sent
	traffic Traffic
	host    uint32
	life    uint32
	state   state
	paused  bool
	busy    bool // a kDrain is on its way
	turn    bool // of what is not due, where a timer or result waits as well
	slow    bool // takes time
	skewed  bool // has a clock of its own

	timers  [ownTimers]uint32 // events by slot; those above stand in more
	waiting int32             // inputs, as Sim.waits has them
	most    int32             // messages of a sort that may wait
	more    *more
}

// ownTimers is how many timers a node notes itself: most never have more set at once.
const ownTimers = 12

// more is what few events touch.
type more struct {
	timers []uint32 // events by slot, from ownTimers on
	make   func(NodeEnv) machine.Machine
	codec  *wire.Table // nil: Config.Codec
	cert   *peer.Certificate
	check  func(*peer.Certificate, time.Time) error
	wiped  func()
	saved  func() []byte // nil: nothing
	clock  *clock        // nil: a right one
	place  *place        // nil: where any handle finds it
	paths  *paths        // nil: open
	ports  []port        // sorted by peer
	up     int32         // links that stand
	factor float32       // of Config.StepTime, for a slow node
}

// snapshot returns what the node saved last, or nil.
func (m *more) snapshot() []byte {
	if m.saved == nil {
		return nil
	}
	return m.saved()
}

// start begins a life: the machine is made, its InStart is the next input.
func (s *Sim) start(ref uint32) {
	n := &s.nodes[ref]
	n.life++
	n.state, n.paused, n.busy, n.turn = running, false, false, false
	m := n.more.make(NodeEnv{
		Ref: NodeRef(ref), Self: n.self, Saved: n.more.snapshot(), Life: int(n.life),
		Rand: rand.New(rand.NewPCG(scramble(s.cfg.Seed, uint64(ref)), scramble(uint64(n.life), uint64(ref)))),
	})
	s.nodes[ref].machine = m
	s.life(ref, Started)
	s.input(ref, kStart, nil)
}

// input posts an input that a node is given now.
func (s *Sim) input(to uint32, k kind, m wire.Message) {
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from, e.msg = k, to, s.nodes[to].life, m
	s.post(-1, s.now, ref)
}

// arrive hands an input to its node, or lets it wait there.
func (s *Sim) arrive(ref uint32) {
	e := &s.slab.events[ref]
	n := &s.nodes[e.node]
	if n.state != running {
		s.bounce(ref)
		return
	}
	if n.paused || n.busy {
		if e.kind == kMessage && s.full(e) {
			s.lost(e.from, e.node, e.note, LossFull)
			s.slab.release(ref)
			return
		}
		s.await(ref, s.sortOf(e))
		return
	}
	s.serve(ref)
}

// bounce is what an event meets that reaches a node that is not running.
func (s *Sim) bounce(ref uint32) {
	e := s.slab.events[ref]
	s.slab.release(ref)
	switch e.kind {
	case kMessage:
		s.lost(e.from, e.node, e.note, LossDead)
	case kHello:
		s.refuse(&e)
	}
}

// serve lets a node handle an input, and makes it busy if it is slow.
func (s *Sim) serve(ref uint32) {
	e := &s.slab.events[ref]
	ni := e.node
	s.nodes[ni].turn = e.kind.own()
	s.current = int(ni)
	s.handle(ref)
	s.current = -1
	if n := &s.nodes[ni]; n.slow && !n.busy && n.state == running {
		s.postDrain(ni)
	}
}

// postDrain lets the node take its next input after the time it takes for one.
func (s *Sim) postDrain(ni uint32) {
	n := &s.nodes[ni]
	n.busy = true
	at := s.now
	if n.slow {
		at += int64(float64(s.cfg.StepTime) * float64(n.more.factor))
	}
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from = kDrain, ni, n.life
	s.post(int(ni), at, ref)
}

// drain lets a node take the timer or result, or the other input, that is next. The
// two take turns, as package host does it for timers: what a node does by the clock does not
// wait behind all that others sent. There results go before messages; here they stand in order
// with the timers, so that none comes after its own time-out.
func (s *Sim) drain(ni, life uint32) {
	n := &s.nodes[ni]
	if n.life != life || n.state != running {
		return
	}
	n.busy = false
	if n.paused || n.waiting == 0 {
		return
	}
	ref := s.next(ni)
	s.unwait(ref)
	s.serve(ref)
	if n := &s.nodes[ni]; n.waiting > 0 && !n.busy && !n.paused && n.state == running {
		s.postDrain(ni)
	}
}

// handle turns an event into an input of its node's machine.
func (s *Sim) handle(ref uint32) {
	e := s.slab.events[ref]
	s.slab.release(ref)
	n := &s.nodes[e.node]
	var in machine.Input
	switch e.kind {
	case kMessage:
		if !s.receive(&e, &in) {
			return
		}
	case kTimer:
		n.unset(e.slot)
		in.Kind, in.Slot = machine.InTimer, e.slot
	case kHello, kHelloBack, kHelloDone, kLinkDown:
		s.linkEvent(&e)
		return
	default:
		if e.from != n.life {
			return
		}
		switch e.kind {
		case kStart:
			in.Kind = machine.InStart
		case kDone:
			in.Kind, in.Slot, in.Result = machine.InDone, e.slot, e.msg.(doneParcel).result
		case kCall:
			in.Kind, in.Call = machine.InCall, e.msg.(callParcel).call
			s.give(e.node, in)
			s.nodes[e.node].self = s.nodes[e.node].machine.Self() // it may have been told that it moved
			return
		case kWake:
			in.Kind = machine.InWake
		case kNotice:
			in.Kind, in.Why = machine.InPeerDown, machine.DownReason(e.note)
			in.From = e.handle
			s.observeLink(e.node, in.From, in.Why)
		case kStop:
			in.Kind = machine.InStop
			s.give(e.node, in)
			s.end(e.node, stopped)
			return
		}
	}
	s.give(e.node, in)
}

// give lets a machine take an input, and carries out its effects.
func (s *Sim) give(ni uint32, in machine.Input) {
	n := &s.nodes[ni]
	n.machine.Step(s.clockOf(n), in, &s.out)
	s.carryOut(ni)
}
