package sim

import (
	"math/bits"

	"github.com/phyllo-net/phyllo/prefetch"
)

// A wheel's lower level has buckets of a tick, 65.5 µs, its upper level buckets of
// a turn of the lower one, 1.07 s. What lies further off than a turn of the upper
// level, 73 minutes, waits in a heap.
const (
	tickShift = 16
	lowBits   = 14
	highBits  = 12
	turnShift = tickShift + lowBits
	lowSize   = 1 << lowBits
	nearTicks = 64 // 4 ms
	highSize  = 1 << highBits
)

// wheel is a queue. Buckets are not sorted; the events of the present tick, and
// all earlier ones, stand in the run, which was sorted tick by tick, or, if they came
// when their tick had begun, in the heap due. So an event costs a heap's price only
// then, and one that is cancelled before costs none.
//
// The present tick is ahead of the time, so that the next few events are known.
type wheel struct {
	slab *slab
	due  heap
	run  run
	far  heap
	tick int64 // the present one
	low  level // ticks after the present one, of the present turn
	high level // turns after the present one
	n    int   // events in low and high

	scout   uint32 // an event that was fetched last for begin, or none; it may be none's any more
	scoutAt int64  // its bucket of low
	scouted int    // how many were fetched ahead
}

// level is a ring of buckets, with a bit for each that is not empty.
type level struct {
	heads []uint32
	bits  []uint64
}

func newLevel(size int) level {
	return level{heads: make([]uint32, size), bits: make([]uint64, size/64)}
}

func newWheel(s *slab) *wheel {
	return &wheel{slab: s, due: heap{slab: s}, far: heap{slab: s}, low: newLevel(lowSize), high: newLevel(highSize)}
}

func (w *wheel) push(ref uint32) {
	switch l, i := w.bucket(w.slab.events[ref].at); {
	case l != nil:
		w.link(l, i, ref)
	case i == 0:
		w.due.push(ref)
	default:
		w.far.push(ref)
	}
}

// bucket tells where an event of a time stands: in a bucket, or, where there is no
// level, in due (0) or far (1). The present tick alone decides it.
func (w *wheel) bucket(at int64) (l *level, i int64) {
	tick, turn := at>>tickShift, at>>turnShift
	switch now := w.tick >> lowBits; {
	case tick <= w.tick:
		return nil, 0
	case turn == now:
		return &w.low, tick & (lowSize - 1)
	case turn < now+highSize:
		return &w.high, turn & (highSize - 1)
	}
	return nil, 1
}

func (w *wheel) pop(limit int64) uint32 {
	for w.run.skip(); w.short() && w.advance(); w.run.skip() {
	}
	switch {
	case w.run.len() == 0:
		return w.due.pop(limit)
	case len(w.due.keys) > 0 && w.due.keys[0].less(w.run.at(0)):
		return w.due.pop(limit)
	}
	return w.run.pop(limit)
}

// short reports whether the next tick is to begin, too: as no event is known, or few are and that
// tick is near. With a tick far ahead all that comes until then would have to wait in due.
func (w *wheel) short() bool {
	n := len(w.due.keys) + w.run.len()
	if n == 0 || n >= lookahead {
		return n == 0
	}
	now := w.tick & (lowSize - 1)
	i := w.low.next(now + 1)
	return i >= 0 && i-now <= nearTicks
}

func (w *wheel) remove(ref uint32) {
	switch l, i := w.bucket(w.slab.events[ref].at); {
	case l != nil:
		l.unlink(w.slab, i, ref)
		w.n--
	case i == 0 && w.slab.events[ref].next == inRun:
		w.run.place(w.slab.events[ref].prev).ref = none
	case i == 0:
		w.due.remove(ref)
	default:
		w.far.remove(ref)
	}
}

func (w *wheel) link(l *level, i int64, ref uint32) {
	head := l.heads[i]
	w.slab.events[ref].chain = chain{next: head}
	if head != none {
		w.slab.events[head].prev = ref
	}
	l.heads[i] = ref
	l.bits[i/64] |= 1 << (i % 64)
	w.n++
}

// advance goes on to the next tick that has an event, and puts its events, at
// least one, into due; false if there is none.
func (w *wheel) advance() bool {
	for {
		if i := w.low.next(w.tick&(lowSize-1) + 1); i >= 0 {
			w.tick = w.tick&^(lowSize-1) + i
			w.begin(i)
			return true
		}
		turn := w.nextTurn()
		if turn < 0 {
			return false
		}
		// Hand out what the turn holds, and let what came into reach of the upper
		// level enter it.
		w.tick = turn << lowBits
		w.empty(&w.high, turn&(highSize-1))
		for ref := w.far.first(turn + highSize); ref != none; ref = w.far.first(turn + highSize) {
			w.far.remove(ref)
			w.push(ref)
		}
		if len(w.due.keys) > 0 {
			return true
		}
	}
}

// nextTurn returns the first later turn that has an event, or -1.
func (w *wheel) nextTurn() int64 {
	turn := int64(-1)
	if w.n > 0 {
		now := w.tick >> lowBits
		i := w.high.next((now + 1) & (highSize - 1))
		if i < 0 {
			i = w.high.next(0)
		}
		turn = now + 1 + (i-now-1)&(highSize-1)
	}
	if len(w.far.keys) > 0 {
		if f := w.far.keys[0].at >> turnShift; turn < 0 || f < turn {
			turn = f
		}
	}
	return turn
}

// begin takes the events of a bucket of the lower level, whose tick begins, into the run.
func (w *wheel) begin(i int64) {
	ref := w.low.heads[i]
	w.low.heads[i] = none
	w.low.bits[i/64] &^= 1 << (i % 64)
	first := w.run.end
	for ref != none {
		e := &w.slab.events[ref]
		next := e.next
		if w.run.end-first < maxSorted {
			w.run.put(key{e.moment, ref})
		} else {
			w.due.push(ref)
		}
		ref = next
		w.n--
		w.scouted--
	}
	if w.scouted < 0 {
		w.scout, w.scoutAt, w.scouted = none, i, 0
	}
	w.run.sort(first)
	for i := first; i != w.run.end; i++ {
		w.slab.events[w.run.place(i).ref].chain = chain{inRun, i}
	}
}

// look fetches one more of the events that begin will take, which hang on each other.
func (w *wheel) look() {
	if w.scout != none {
		w.scout = w.slab.events[w.scout].next
	}
	if w.scout == inRun {
		w.scout = none // it was taken meanwhile
	}
	if w.scout == none {
		if w.scouted >= 2*lookahead {
			return
		}
		if w.scoutAt = w.low.next(w.scoutAt + 1); w.scoutAt < 0 {
			w.scoutAt = lowSize // until the next turn
			return
		}
		w.scout = w.low.heads[w.scoutAt]
	}
	prefetch.At(&w.slab.events[w.scout])
	w.scouted++
}

// empty pushes the events of a bucket again, to where they belong by now.
func (w *wheel) empty(l *level, i int64) {
	ref := l.heads[i]
	l.heads[i] = none
	l.bits[i/64] &^= 1 << (i % 64)
	for ref != none {
		next := w.slab.events[ref].next
		w.n--
		w.push(ref)
		ref = next
	}
}

// first returns the first event if its turn is before the given one, else none.
func (h *heap) first(turn int64) uint32 {
	if len(h.keys) == 0 || h.keys[0].at>>turnShift >= turn {
		return none
	}
	return h.keys[0].ref
}

// next returns the first bucket from i on that is not empty, or -1.
func (l *level) next(i int64) int64 {
	word := i / 64
	if word >= int64(len(l.bits)) {
		return -1
	}
	b := l.bits[word] >> (i % 64) << (i % 64)
	for b == 0 {
		if word++; word == int64(len(l.bits)) {
			return -1
		}
		b = l.bits[word]
	}
	return word*64 + int64(bits.TrailingZeros64(b))
}

func (l *level) unlink(s *slab, i int64, ref uint32) {
	c := s.events[ref].chain
	if c.next != none {
		s.events[c.next].prev = c.prev
	}
	if c.prev != none {
		s.events[c.prev].next = c.next
		return
	}
	l.heads[i] = c.next
	if c.next == none {
		l.bits[i/64] &^= 1 << (i % 64)
	}
}
