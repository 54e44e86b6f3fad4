package scribe

import "slices"

// This file is the bound on what this node has of the messages of all groups together: each
// group alone may be far below its own.

// grew notes that so many bytes more are kept, and lets go what is too much.
func (s *Scribe) grew(bytes int) {
	if s.bytes += bytes; s.bytes > s.cfg.MaxTotal {
		s.cut()
	}
}

// cut lets go the oldest messages of the groups that have most, until an eighth of the room is
// free again: so it is rare, and small groups keep all they have.
func (s *Scribe) cut() {
	sizes := make([]int, len(s.order))
	s.bytes = 0
	for i, g := range s.order {
		_, sizes[i] = g.hist.Len()
		s.bytes += sizes[i]
	}
	if s.bytes <= s.cfg.MaxTotal {
		return // what was counted of groups that are gone
	}
	most := share(sizes, s.cfg.MaxTotal-s.cfg.MaxTotal/8)
	for _, g := range slices.Clone(s.order) {
		_, had := g.hist.Len()
		if had <= most {
			continue
		}
		g.hist.Cut(most)
		_, has := g.hist.Len()
		s.bytes -= had - has
		g.read() // a member is told what it can no longer read
	}
}

// share is how much each of those that have so much may keep, so that all of them together
// have no more than room.
func share(sizes []int, room int) int {
	sizes = slices.Sorted(slices.Values(sizes))
	for i, n := range sizes {
		if left := len(sizes) - i; n > room/left {
			return room / left
		}
		room -= n
	}
	return room
}
