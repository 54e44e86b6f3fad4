package link

import "github.com/phyllo-net/phyllo/transport"

// A queue holds what waits for one peer: a first-in, first-out list for each
// class, bounded in frames and bytes. Empty it holds room for spareFrames at most.
type queue struct {
	frames [transport.Classes][][]byte
	bytes  [transport.Classes]int
}

// The bounds of a queue for each class. Together they stay under 3 MiB.
var (
	maxFrames = [transport.Classes]int{transport.Liveness: 256, transport.App: 1024, transport.Upkeep: 512}
	maxBytes  = [transport.Classes]int{transport.Liveness: 256 << 10, transport.App: 2 << 20, transport.Upkeep: 512 << 10}
)

// spareFrames is for how many frames of a class an empty queue keeps its room: most wait alone,
// and each would take new memory else.
const spareFrames = 4

// push appends a frame, or reports that the class is full. Of class Upkeep the oldest
// frames give way: newer maintenance says the same of a later time. dropped is how
// many did.
func (q *queue) push(c transport.Class, frame []byte) (ok bool, dropped int) {
	for len(q.frames[c]) >= maxFrames[c] || q.bytes[c]+len(frame) > maxBytes[c] {
		if c != transport.Upkeep || len(q.frames[c]) == 0 {
			return false, dropped
		}
		q.pop(c)
		dropped++
	}
	q.frames[c] = append(q.frames[c], frame)
	q.bytes[c] += len(frame)
	return true, dropped
}

// first returns the oldest frame of a class, or nil.
func (q *queue) first(c transport.Class) []byte {
	if len(q.frames[c]) == 0 {
		return nil
	}
	return q.frames[c][0]
}

// pop drops the oldest frame of a class, which must not be empty.
func (q *queue) pop(c transport.Class) {
	fs := q.frames[c]
	q.bytes[c] -= len(fs[0])
	fs[0] = nil
	if len(fs) == 1 {
		q.frames[c] = nil
		if cap(fs) <= spareFrames {
			q.frames[c] = fs[:0]
		}
		return
	}
	q.frames[c] = fs[1:]
}

// len is the number of frames that wait.
func (q *queue) len() int {
	n := 0
	for c := range q.frames {
		n += len(q.frames[c])
	}
	return n
}

// clear empties the queue and returns how many frames were in it.
func (q *queue) clear() int {
	n := q.len()
	*q = queue{}
	return n
}
