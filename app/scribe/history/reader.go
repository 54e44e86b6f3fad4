package history

import "github.com/phyllo-net/phyllo/app/scribe/msg"

// Reader is how far a member has read. The zero value has read nothing.
type Reader struct {
	// Unordered lets it read what is there without waiting for what is missing, which is
	// then passed over.
	Unordered bool

	next map[msg.Stream]uint64
}

// Item is what a reader is given: a message, or a run that was lost for good.
type Item struct {
	Seal    *msg.Seal
	Seq     uint64
	Message []byte // shared with the history; nil if Lost is set
	Lost    Run    // From is 0 for a message
}

// Read appends what can be read of a stream: each message once, in the order of their
// numbers, and the runs that are lost for good.
func (r *Reader) Read(items []Item, h *History, name msg.Stream) []Item {
	s := h.streams[name]
	if s == nil {
		return items
	}
	lost := func(from, to uint64) {
		if !r.Unordered {
			items = append(items, Item{Seal: s.seal, Lost: Run{name, from, to}})
		}
	}
	next, began := r.next[name]
	if !began {
		next = s.base
	}
	if next < s.base { // let go before it could be read
		lost(next, s.base-1)
		next = s.base
	}
	for _, e := range s.entries[s.at(next):] {
		if !r.Unordered && e.first > next {
			break
		}
		if e.batch == nil {
			lost(next, e.last)
		} else {
			e.batch.Each(func(seq uint64, m []byte) {
				if seq >= next {
					items = append(items, Item{Seal: e.batch.Seal, Seq: seq, Message: m})
				}
			})
		}
		next = e.last + 1
	}
	r.Start(name, next)
	return items
}

// Start lets it read a stream from the message next on.
func (r *Reader) Start(name msg.Stream, next uint64) {
	if r.next == nil {
		r.next = make(map[msg.Stream]uint64)
	}
	r.next[name] = next
}

// ReadAll is Read for all streams, in their order, and forgets those that the history has
// forgotten.
func (r *Reader) ReadAll(items []Item, h *History) []Item {
	for _, s := range h.order {
		items = r.Read(items, h, s.name)
	}
	for name := range r.next {
		if h.streams[name] == nil {
			delete(r.next, name)
		}
	}
	return items
}
