package host

import (
	"fmt"

	"github.com/phyllo-net/phyllo/task"
)

// deadline is a timer that is set. Equal ones ring in the order in which they were
// set.
type deadline struct {
	at   task.Instant
	seq  uint64
	slot uint32
}

func (d deadline) before(e deadline) bool { return d.at < e.at || d.at == e.at && d.seq < e.seq }

// timers is a heap of deadlines, with the place of each slot in it, so that a
// timer that is cancelled leaves nothing behind.
type timers struct {
	heap  []deadline
	place []int32 // by slot: index in heap + 1, or 0
	seq   uint64
}

func (t *timers) set(slot uint32, at task.Instant) {
	for int(slot) >= len(t.place) {
		t.place = append(t.place, 0)
	}
	if t.place[slot] != 0 {
		panic(fmt.Sprintf("host: timer %d was set twice", slot)) // a bug of the machine
	}
	t.seq++
	t.heap = append(t.heap, deadline{at, t.seq, slot})
	t.up(len(t.heap) - 1)
}

func (t *timers) cancel(slot uint32) {
	if int(slot) < len(t.place) && t.place[slot] != 0 {
		t.remove(int(t.place[slot]) - 1)
	}
}

// next is the earliest deadline; false if no timer is set.
func (t *timers) next() (task.Instant, bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].at, true
}

// due takes the earliest timer if its time has come.
func (t *timers) due(now task.Instant) (slot uint32, ok bool) {
	if len(t.heap) == 0 || now.Before(t.heap[0].at) {
		return 0, false
	}
	slot = t.heap[0].slot
	t.remove(0)
	return slot, true
}

func (t *timers) remove(i int) {
	last := len(t.heap) - 1
	t.place[t.heap[i].slot] = 0
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if i == last {
		return
	}
	t.put(i, moved)
	t.down(i)
	t.up(i)
}

func (t *timers) put(i int, d deadline) {
	t.heap[i] = d
	t.place[d.slot] = int32(i + 1)
}

func (t *timers) up(i int) {
	d := t.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !d.before(t.heap[parent]) {
			break
		}
		t.put(i, t.heap[parent])
		i = parent
	}
	t.put(i, d)
}

func (t *timers) down(i int) {
	d := t.heap[i]
	for {
		child := 2*i + 1
		if child >= len(t.heap) {
			break
		}
		if child+1 < len(t.heap) && t.heap[child+1].before(t.heap[child]) {
			child++
		}
		if !t.heap[child].before(d) {
			break
		}
		t.put(i, t.heap[child])
		i = child
	}
	t.put(i, d)
}
