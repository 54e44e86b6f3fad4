// Package missed counts for how long nodes that were near this one, or may know of what it keeps, have been out of its
// sight, while it was there itself to see them. Who has been so for very long is taken for lost: nobody waits for
// what only he could say. It believes nobody, and says nothing to others.
package missed

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Most bounds the nodes that are counted. Others are never taken for lost.
const Most = 256

// Missed are the nodes that are missed. The zero value is none. It belongs to the node's loop.
type Missed struct {
	nodes map[id.ID]time.Duration
	last  task.Instant // of Pass
	begun bool
}

// Add begins to count for a node that has been out of sight for so long, unless it is counted already.
func (ms *Missed) Add(n id.ID, gone time.Duration) {
	if _, there := ms.nodes[n]; there || len(ms.nodes) >= Most {
		return
	}
	if ms.nodes == nil {
		ms.nodes = make(map[id.ID]time.Duration)
	}
	ms.nodes[n] = gone
}

// Back ends it for a node that is there again.
func (ms *Missed) Back(n id.ID) { delete(ms.nodes, n) }

// Only ends it for all but some nodes, which are in order, and begins it for those of these that are new.
func (ms *Missed) Only(nodes []id.ID) {
	for _, n := range ms.All() {
		if _, named := slices.BinarySearchFunc(nodes, n, id.ID.Cmp); !named {
			delete(ms.nodes, n)
		}
	}
	for _, n := range nodes {
		ms.Add(n, 0)
	}
}

// Pass counts the time since it was called last, of which this node has been there for no more than most: in the
// rest it was asleep, or off. Who is there is missed no more.
func (ms *Missed) Pass(now task.Instant, most time.Duration, there func(id.ID) bool) {
	passed := time.Duration(0)
	if ms.begun {
		passed = min(now.Sub(ms.last), most)
	}
	ms.last, ms.begun = now, true
	for _, n := range ms.All() {
		if ms.nodes[n] += passed; there(n) {
			delete(ms.nodes, n)
		}
	}
}

// For is how long a node has been missed; 0 if it is not.
func (ms *Missed) For(n id.ID) time.Duration { return ms.nodes[n] }

// All are the nodes that are missed, in order.
func (ms *Missed) All() []id.ID { return slices.SortedFunc(maps.Keys(ms.nodes), id.ID.Cmp) }

// size is that of one node in bytes: its id, and seconds.
const size = 16 + 8

// Bytes is what Read reads, to be kept over the node's restarts.
func (ms *Missed) Bytes() (b []byte) {
	for _, n := range ms.All() {
		raw := n.Bytes()
		b = binary.BigEndian.AppendUint64(append(b, raw[:]...), uint64(ms.nodes[n]/time.Second))
	}
	return b
}

// Read adds what Bytes wrote. What is damaged is left out.
func (ms *Missed) Read(b []byte) {
	for part := range slices.Chunk(b, size) {
		if len(part) < size {
			return
		}
		if s := binary.BigEndian.Uint64(part[16:]); s < uint64(time.Duration(1<<62)/time.Second) {
			ms.Add(id.FromBytes(part[:16]), time.Duration(s)*time.Second)
		}
	}
}
