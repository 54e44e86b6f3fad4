package sim

import (
	"math/bits"

	"github.com/phyllo-net/phyllo/id"
)

// index finds nodes by id. An entry tells all that sending needs of the receiver,
// so that the receiver itself is not touched before the message arrives.
type index struct {
	entries []entry // open addressing
	n       int
}

// entry knows a node by a 64-bit mark of its id. Two ids of one mark are a chance
// of one in 10^10 at a million nodes; add refuses them.
type entry struct {
	mark uint64
	ref  uint32 // node + 1, or 0
	host uint32
}

func mark(x id.ID) uint64 {
	hi, lo := bits.Mul64(x.Hi^0x9e3779b97f4a7c15, x.Lo^0xbf58476d1ce4e5b9)
	h := (hi ^ lo ^ x.Hi) * 0x94d049bb133111eb
	return h ^ h>>32 ^ x.Lo
}

// find returns the entry of a node, or nil.
func (x *index) find(i id.ID) *entry {
	if x.n == 0 {
		return nil
	}
	m := mark(i)
	for h := m; ; h++ {
		switch e := &x.entries[h&uint64(len(x.entries)-1)]; {
		case e.ref == 0:
			return nil
		case e.mark == m:
			return e
		}
	}
}

// add takes in a node, and reports false if there is one with its id already.
func (x *index) add(i id.ID, ref, host uint32) bool {
	if x.find(i) != nil {
		return false
	}
	x.n++
	if 5*x.n > 4*len(x.entries) {
		old := x.entries
		x.entries = make([]entry, max(16, 2*len(old)))
		for _, e := range old {
			if e.ref != 0 {
				x.put(e)
			}
		}
	}
	x.put(entry{mark(i), ref + 1, host})
	return true
}

func (x *index) put(e entry) {
	h := e.mark
	for x.entries[h&uint64(len(x.entries)-1)].ref != 0 {
		h++
	}
	x.entries[h&uint64(len(x.entries)-1)] = e
}
