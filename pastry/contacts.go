package pastry

import (
	"math/bits"

	"github.com/phyllo-net/phyllo/id"
)

// contactSet finds contacts by id. It is a list with an open-addressed index of
// 4 bytes an entry: a ring of any size needs some hundred contacts a node, which a
// Go map would need as much memory for as the rest of the node.
type contactSet struct {
	// seed is the node's own, so that ids which meet in one place of the index meet at
	// this node only. They cost some time, which maxContacts bounds.
	seed uint64
	list []*contact
	// slots holds, from the bit refBits on, a mark of the id, and below it the place
	// in list, from 1; 0 is free. Its length is a power of two.
	slots []uint32
}

const (
	refBits = 14 // list is shorter than 1<<refBits
	refMask = 1<<refBits - 1
)

func (s *contactSet) hash(x id.ID) uint64 {
	hi, lo := bits.Mul64(x.Lo^s.seed, x.Hi|1)
	return hi ^ lo
}

// mark is what a slot holds of an id, besides its place.
func mark(hash uint64) uint32 { return uint32(hash>>32) &^ refMask }

// find returns the contact of an id, or nil.
func (s *contactSet) find(x id.ID) *contact {
	if len(s.slots) == 0 {
		return nil
	}
	h := s.hash(x)
	m := mark(h)
	for i := h; ; i++ {
		slot := s.slots[i&uint64(len(s.slots)-1)]
		if slot == 0 {
			return nil
		}
		if slot&^refMask == m {
			if c := s.list[slot&refMask-1]; c.h.ID == x {
				return c
			}
		}
	}
}

// add takes in a contact whose id is not there yet.
func (s *contactSet) add(c *contact) {
	s.list = append(s.list, c)
	if 4*len(s.list) > 3*len(s.slots) {
		s.index(max(16, 2*len(s.slots)))
		return
	}
	s.put(len(s.list))
}

// put enters number ref of the list, counted from 1, into the index.
func (s *contactSet) put(ref int) {
	h := s.hash(s.list[ref-1].h.ID)
	i := h
	for s.slots[i&uint64(len(s.slots)-1)] != 0 {
		i++
	}
	s.slots[i&uint64(len(s.slots)-1)] = mark(h) | uint32(ref)
}

// index makes the index anew, of the given size.
func (s *contactSet) index(size int) {
	s.slots = make([]uint32, size)
	for i := range s.list {
		s.put(i + 1)
	}
}

// retain keeps the contacts for which keep reports true.
func (s *contactSet) retain(keep func(*contact) bool) {
	kept := 0
	for _, c := range s.list {
		if keep(c) {
			s.list[kept] = c
			kept++
		}
	}
	if kept == len(s.list) {
		return
	}
	clear(s.list[kept:])
	s.list = s.list[:kept]
	if cap(s.list) > 2*kept+8 {
		s.list = append(make([]*contact, 0, kept+kept/4), s.list...)
	}
	size := 16
	for 3*size < 4*kept {
		size *= 2
	}
	s.index(size)
}
