package sim

import (
	"fmt"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// kind says what an event is.
type kind uint8

const (
	kScript kind = iota + 1 // the simulator calls a function of a scenario

	// Inputs of a node. They wait while it is paused or busy.
	kStart
	kMessage
	kTimer
	kDone
	kCall
	kWake
	kStop
	kNotice    // the transport tells of a link that is gone already
	kHello     // a dialler's hello arrives
	kHelloBack // the answer arrives at the dialler
	kHelloDone // the dialler's last word: the link stands
	kLinkDown  // the end of a link arrives

	// Events of the transport and the driver.
	kDrain   // a busy node takes its next input
	kDialEnd // a dial took too long
	kStall   // what was sent was not acknowledged for too long
	kBulk    // a transfer goes on, or its time is over
)

// own reports whether an input is what the node itself asked for: a timer, or a result.
func (k kind) own() bool { return k == kTimer || k == kDone }

// none is the number of no event, and of no link.
const none = 0

// event is one thing that will happen. Events live in a slab and are known by
// their number there. One fills a cache line of 64 bytes: at many nodes each event lies
// in memory that was not touched for long, and reading that is most of what it costs.
type event struct {
	moment              // of a message inLink, order is the receiver's incarnation
	msg    wire.Message // or a parcel
	handle *peer.Handle // of a message's sender; the peer of a kNotice
	chain
	node  uint32 // to which it happens
	from  uint32 // a message's sender; else the life that is meant, of the node or link
	slot  uint32 // timer's slot, work's number, link
	kind  kind
	note  uint8 // a message's kind, or a machine.DownReason
	class machine.Class
	waits sort // for its node, and where; 0 if it does not wait
}

// moment is where an event stands in the order of all.
type moment struct {
	at    int64  // virtual time, ns
	order uint64 // sender and the sender's count, see Sim.post
}

// chain links an event into a list: of free events, of a bucket, of what waits for a node, or of a
// link's queue. In a heap, prev is its place there.
type chain struct{ next, prev uint32 }

// slab keeps events without allocating for each.
type slab struct {
	events []event
	free   uint32
}

func newSlab() slab { return slab{events: make([]event, 1)} } // number 0 is none

func (s *slab) take() uint32 {
	if ref := s.free; ref != none {
		s.free = s.events[ref].next
		return ref
	}
	s.events = append(s.events, event{})
	return uint32(len(s.events) - 1)
}

func (s *slab) release(ref uint32) {
	s.events[ref] = event{chain: chain{next: s.free}}
	s.free = ref
}

// Parcels travel in an event's msg where a message has its place; their Kind is
// never asked.
type (
	callParcel struct{ call func() }
	doneParcel struct{ result any }
	frame      []byte // an encoded message
)

func (callParcel) Kind() wire.Kind { return 0 }
func (doneParcel) Kind() wire.Kind { return 0 }
func (f frame) Kind() wire.Kind    { return wire.Kind(f[0]) }

// list is a queue of events.
type list struct{ head, tail uint32 }

func (s *slab) append(l *list, ref uint32) {
	s.events[ref].chain = chain{none, l.tail}
	if l.tail == none {
		l.head = ref
	} else {
		s.events[l.tail].next = ref
	}
	l.tail = ref
}

func (s *slab) prepend(l *list, ref uint32) {
	s.events[ref].chain = chain{l.head, none}
	if l.head == none {
		l.tail = ref
	} else {
		s.events[l.head].prev = ref
	}
	l.head = ref
}

func (s *slab) unlink(l *list, ref uint32) {
	c := s.events[ref].chain
	if c.prev == none {
		l.head = c.next
	} else {
		s.events[c.prev].next = c.next
	}
	if c.next == none {
		l.tail = c.prev
	} else {
		s.events[c.next].prev = c.prev
	}
}

// queue orders events by (time, order).
type queue interface {
	push(ref uint32)
	// pop returns the first event, or none if it comes after limit.
	pop(limit int64) uint32
	// remove takes out an event that is queued.
	remove(ref uint32)
}

// Queue is a kind of event queue. Both give the same trace.
type Queue uint8

// Kinds of queue.
const (
	// Wheel is a timing wheel of two levels: the faster one for cancelling.
	Wheel Queue = iota
	// Heap is a heap of four children a node.
	Heap
)

// String names the kind.
func (q Queue) String() string {
	switch q {
	case Wheel:
		return "wheel"
	case Heap:
		return "heap"
	}
	return fmt.Sprintf("queue %d", uint8(q))
}

func newQueue(k Queue, s *slab) queue {
	switch k {
	case Wheel:
		return newWheel(s)
	case Heap:
		return &heap{slab: s}
	}
	panic(fmt.Sprintf("sim: there is no %v", k))
}
