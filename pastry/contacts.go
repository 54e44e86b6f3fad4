package pastry

import (
	"math/bits"

	"github.com/phyllo-net/phyllo/id"
)

// contactSet finds contacts by id, with open addressing: a ring of any size needs some
// hundred contacts a node, which a Go map would need as much memory for as the rest of
// the node.
type contactSet struct {
	// seed is the node's own, so that ids which meet in one place of the index meet at
	// this node only. They cost some time, which maxContacts bounds.
	seed uint64
	n    int
	// slots holds the contacts, and marks the mark of each one's id, 0 where the slot is
	// free. A mark tells where its contact belongs, and is nearly always another for
	// another id: so contacts that are not looked for are not touched.
	slots []*contact
	marks []uint16
}

// mark is 16 bits of an id's hash, but not 0.
func (s *contactSet) mark(x id.ID) uint16 {
	hi, lo := bits.Mul64(x.Lo^s.seed, x.Hi|1)
	return uint16((hi^lo)>>48) | 1
}

// home is the slot where an id stands if that is free, or the next one that is.
func (s *contactSet) home(mark uint16) int { return int(uint64(mark) * uint64(len(s.slots)) >> 16) }

func (s *contactSet) next(i int) int {
	if i++; i < len(s.slots) {
		return i
	}
	return 0
}

// find returns the contact of an id, or nil.
func (s *contactSet) find(x id.ID) *contact {
	if s.n == 0 {
		return nil
	}
	m := s.mark(x)
	for i := s.home(m); ; i = s.next(i) {
		switch s.marks[i] {
		case 0:
			return nil
		case m:
			if c := s.slots[i]; c.h.ID == x {
				return c
			}
		}
	}
}

// add takes in a contact whose id is not there yet.
func (s *contactSet) add(c *contact) {
	s.n++
	if 9*len(s.slots) < 10*s.n {
		s.resize(max(16, 4*s.n/3))
	}
	s.put(c, s.mark(c.h.ID))
}

func (s *contactSet) put(c *contact, mark uint16) {
	i := s.home(mark)
	for s.marks[i] != 0 {
		i = s.next(i)
	}
	s.slots[i], s.marks[i] = c, mark
}

// resize makes the index anew, of the given size.
func (s *contactSet) resize(size int) {
	slots, marks := s.slots, s.marks
	s.slots, s.marks = make([]*contact, size), make([]uint16, size)
	for i, c := range slots {
		if c != nil {
			s.put(c, marks[i])
		}
	}
}

// retain keeps the contacts for which keep reports true, and, unasked, those that have
// a place and no link, which are most. It may ask twice for one.
func (s *contactSet) retain(keep func(*contact) bool) {
	for i := 0; i < len(s.slots); {
		if c := s.slots[i]; c == nil || c.is&places != 0 && c.link == nil || keep(c) {
			i++
		} else {
			s.free(i) // and look who stands there now
		}
	}
	if size := max(16, 6*s.n/5); len(s.slots) > size+size/3 {
		s.resize(size)
	}
}

// free empties a slot, and moves up those behind it that could not be found any more.
func (s *contactSet) free(i int) {
	s.n--
	for j := s.next(i); s.marks[j] != 0; j = s.next(j) {
		home := s.home(s.marks[j])
		// Whose home lies behind the gap, up to where it stands, is found as before.
		if i < j && i < home && home <= j || j < i && (home <= j || i < home) {
			continue
		}
		s.slots[i], s.marks[i] = s.slots[j], s.marks[j]
		i = j
	}
	s.slots[i], s.marks[i] = nil, 0
}

// each calls f for every contact.
func (s *contactSet) each(f func(*contact)) {
	for _, c := range s.slots {
		if c != nil {
			f(c)
		}
	}
}
