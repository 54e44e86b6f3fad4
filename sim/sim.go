package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
)

// Sim is one simulation. Close it at the end: the tasks of its nodes hold
// goroutines.
type Sim struct {
	cfg     Config
	now     int64
	trace   uint64
	slab    slab
	queue   queue
	wheel   *wheel        // queue, if it is one
	seen    machine.Input // what a machine is to foresee
	nodes   []node
	index   index
	past    map[uint64]*peer.Handle // of earlier lives, by pair of node and life
	scripts uint64                  // events that the simulator itself has sent
	out     machine.Effects
	running bool              // inside Step
	current int               // the node whose input is handled, or -1
	waits   map[uint32]*lines // inputs that wait for nodes that are paused or slow
	links   links
	network network
	storm   storm
	bulks   bulks
	counts  Counts
}

// New returns a simulation without nodes, at time 0.
func New(c Config) *Sim {
	s := &Sim{cfg: c.withDefaults(), slab: newSlab(), current: -1}
	s.queue = newQueue(c.Queue, &s.slab)
	s.wheel, _ = s.queue.(*wheel)
	s.links.list = make([]link, 1)
	s.past = make(map[uint64]*peer.Handle)
	s.waits = make(map[uint32]*lines)
	s.network.rng = rand.New(rand.NewPCG(c.Seed, scramble(c.Seed, 0xfa017)))
	return s
}

// Add adds a node and starts it: its InStart is the next thing that happens to
// it. It panics if a node with this id is there already.
func (s *Sim) Add(spec Spec) NodeRef {
	switch {
	case len(s.nodes) >= maxNodes:
		panic(fmt.Sprintf("sim: more than %d nodes", maxNodes))
	case spec.Handle == nil || spec.Make == nil:
		panic("sim: a Spec needs Handle and Make")
	case spec.Host < 0 || spec.Host >= s.cfg.Topology.Hosts():
		panic(fmt.Sprintf("sim: host %d of %d", spec.Host, s.cfg.Topology.Hosts()))
	}
	if !s.index.add(spec.Handle.ID, uint32(len(s.nodes)), uint32(spec.Host)) {
		panic(fmt.Sprintf("sim: two nodes with id %v", spec.Handle.ID))
	}
	if spec.Handle.Incarnation == 0 {
		h := *spec.Handle
		h.Incarnation = 1
		spec.Handle = &h
	}
	ref := uint32(len(s.nodes))
	s.nodes = append(s.nodes, node{
		self: spec.Handle, host: uint32(spec.Host), most: int32(s.cfg.Inbox),
		more: &more{
			make: spec.Make, codec: spec.Codec, cert: spec.Cert, check: spec.Check, wiped: spec.Wiped,
		},
	})
	if spec.Saved != nil {
		s.nodes[ref].more.saved = func() []byte { return spec.Saved }
	}
	if spec.Clock != (Clock{}) {
		s.setClock(&s.nodes[ref], spec.Clock)
	}
	s.afflict(ref)
	s.start(ref)
	return NodeRef(ref)
}

// Config returns the configuration, with its defaults filled in.
func (s *Sim) Config() Config { return s.cfg }

// Now is the virtual time since the start.
func (s *Sim) Now() time.Duration { return time.Duration(s.now) }

// Step lets the next event happen, and reports whether there was one.
func (s *Sim) Step() bool { return s.step(math.MaxInt64) }

// Run lets everything happen up to the given virtual time, and stops the clock
// there.
func (s *Sim) Run(until time.Duration) {
	for s.step(int64(until)) {
	}
	s.now = max(s.now, int64(until))
}

// RunFor is Run until d from now.
func (s *Sim) RunFor(d time.Duration) { s.Run(s.Now() + d) }

// RunUntil runs until cond holds, which is asked now and every so often, or until
// limit has passed from now. It reports whether cond holds.
func (s *Sim) RunUntil(cond func() bool, every, limit time.Duration) bool {
	if every <= 0 {
		panic("sim: RunUntil needs a step above 0")
	}
	for end := s.Now() + limit; !cond(); s.RunFor(min(every, end-s.Now())) {
		if s.Now() >= end {
			return false
		}
	}
	return true
}

// At calls f at the given virtual time, or now if that is past, from the
// simulation itself: before what happens to nodes at that very moment. f may
// change the simulation in any way, but not run it.
func (s *Sim) At(t time.Duration, f func()) {
	s.script(max(int64(t), s.now), f)
}

// After is At, d from now.
func (s *Sim) After(d time.Duration, f func()) { s.At(s.Now()+d, f) }

func (s *Sim) script(at int64, f func()) {
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.msg = kScript, callParcel{f}
	s.post(-1, at, ref)
}

// Call runs f on a node's loop as an input of kind InCall, in which f may use the
// node's Env and Endpoint. It is the next thing that happens to the node, unless
// it is paused or busy. It reports false, and does nothing, if the node is not
// running; f is not called either if the node dies before.
func (s *Sim) Call(n NodeRef, f func()) bool {
	if s.node(n).state != running {
		return false
	}
	s.input(uint32(n), kCall, callParcel{f})
	return true
}

// Close halts all nodes. The simulation must not be run any more.
func (s *Sim) Close() {
	for i := range s.nodes {
		if m := s.nodes[i].machine; m != nil {
			s.nodes[i].machine = nil
			s.nodes[i].state = stopped
			m.Halt()
		}
	}
}

// Len is the number of nodes that were ever added.
func (s *Sim) Len() int { return len(s.nodes) }

// Find returns the node with an id.
func (s *Sim) Find(x id.ID) (NodeRef, bool) {
	if e := s.index.find(x); e != nil {
		return NodeRef(e.ref - 1), true
	}
	return Nobody, false
}

// Alive reports whether a node is running (or paused).
func (s *Sim) Alive(n NodeRef) bool { return s.node(n).state == running }

// Machine returns the machine of a node that is running, for checkers; else nil.
func (s *Sim) Machine(n NodeRef) machine.Machine { return s.node(n).machine }

// Handle returns a node's present handle, or its last one.
func (s *Sim) Handle(n NodeRef) *peer.Handle { return s.node(n).self }

// Host is where a node stands in the topology.
func (s *Sim) Host(n NodeRef) int { return int(s.node(n).host) }

// Saved returns what a node saved last, or nil. It must not be changed.
func (s *Sim) Saved(n NodeRef) []byte { return s.node(n).more.snapshot() }

// Delay returns the time of a message between two nodes, without faults.
func (s *Sim) Delay(a, b NodeRef) time.Duration {
	return time.Duration(s.delay(uint32(a), uint32(b)))
}

func (s *Sim) node(n NodeRef) *node {
	if int(n) >= len(s.nodes) {
		panic(fmt.Sprintf("sim: node %d of %d", n, len(s.nodes)))
	}
	return &s.nodes[n]
}

// post queues an event. sender is the node that causes it, or -1 for the
// simulation.
func (s *Sim) post(sender int, at int64, ref uint32) {
	order := s.scripts + 1
	if sender < 0 {
		s.scripts++
	} else {
		n := &s.nodes[sender]
		n.count++
		order = uint64(sender+1)<<40 | n.count
	}
	s.slab.events[ref].moment = moment{at, order}
	s.queue.push(ref)
}

// step lets the next event up to limit happen.
func (s *Sim) step(limit int64) bool {
	if s.running {
		panic("sim: a simulation must not be run from inside it: use At")
	}
	ref := s.queue.pop(limit)
	if ref == none {
		return false
	}
	s.running = true
	if len(s.nodes) >= foreseeing && s.wheel != nil {
		s.foresee()
	}
	e := &s.slab.events[ref]
	s.now = e.at
	s.trace = mix(s.trace, e)
	s.counts.Events++
	switch {
	case e.kind >= kStart && e.kind <= kLinkDown:
		s.arrive(ref)
	case e.kind == kScript:
		call := e.msg.(callParcel).call
		s.slab.release(ref)
		call()
	case e.kind == kDrain:
		n, life := e.node, e.from
		s.slab.release(ref)
		s.drain(n, life)
	default:
		s.transport(ref)
	}
	s.running = false
	return true
}
