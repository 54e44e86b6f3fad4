package sim

import "fmt"

// CheckLinks returns what is wrong with the records of links, or nil: each end
// stands in its node's ports and in no other's, and all records that are not in
// use can be used again.
func (s *Sim) CheckLinks() error {
	ports, ends := 0, 0
	for n := range s.nodes {
		m, standing := s.nodes[n].more, int32(0)
		for _, pt := range m.ports {
			if pt.link == none {
				continue
			}
			ports++
			ref, end := s.linkOf(uint32(n), pt.peer)
			l := &s.links.list[ref]
			if l.node[end] != uint32(n) || l.node[1-end] != pt.peer || l.side[end].state == gone {
				return fmt.Errorf("node %d has a link with %d that is not its own: %+v", n, pt.peer, l)
			}
		}
		for _, l := range s.links.list[1:] {
			for end := range l.side {
				if l.side[end].state != gone && l.node[end] == uint32(n) {
					ends++
					if l.side[end].state == up {
						standing++
					}
				}
			}
		}
		if standing != m.up {
			return fmt.Errorf("node %d counts %d links, and has %d", n, m.up, standing)
		}
	}
	if ports != ends {
		return fmt.Errorf("%d ports, but %d ends of links", ports, ends)
	}
	free := 0
	for ref := s.links.free; ref != none; ref = s.links.list[ref].next {
		free++
	}
	used := 0
	for _, l := range s.links.list[1:] {
		if l.side[0].state != gone || l.side[1].state != gone {
			used++
		}
	}
	if used+free != len(s.links.list)-1 {
		return fmt.Errorf("%d links in use and %d free, of %d", used, free, len(s.links.list)-1)
	}
	return nil
}

// CheckEvents empties the queue of a simulation that is not used any more, and
// returns an error if an event is neither queued, nor waits, nor is free.
func (s *Sim) CheckEvents() error {
	found := 0
	for s.queue.pop(1<<63-1) != none {
		found++
	}
	for ref := s.slab.free; ref != none; ref = s.slab.events[ref].next {
		found++
	}
	for n := range s.nodes {
		found += int(s.nodes[n].waiting)
	}
	for _, l := range s.links.list {
		found += l.side[0].queued + l.side[1].queued
	}
	if all := len(s.slab.events) - 1; found != all {
		return fmt.Errorf("%d of %d events are accounted for", found, all)
	}
	return nil
}
