package pastry

import (
	"encoding/binary"

	"github.com/phyllo-net/phyllo/task"
)

// What is sent for each hop of each message has room in it for what it usually carries,
// so that it is made at once.

// roomyHop is a Hop with room for the path of a usual message.
type roomyHop struct {
	Hop
	room [16]byte
}

// onward returns the hop over the next link, without its numbers: the path leads over
// the node whose id begins with these 4 bytes as well. The body, trail and rows are m's.
func (m *Hop) onward(over uint32) *Hop {
	h := &roomyHop{Hop: Hop{Count: m.Count + 1, Route: m.Route, Trail: m.Trail, Join: m.Join}}
	h.Path = append(h.room[:0], m.Path...)
	h.Path = binary.BigEndian.AppendUint32(h.Path, over)
	return &h.Hop
}

// owed is an Ack that is gathered, with room for what it usually names.
type owed struct {
	Ack
	since task.Instant // when the first of it was owed
	room  [2]uint32
}

// owedSince returns one that names nothing yet.
func owedSince(now task.Instant) *owed {
	a := &owed{since: now}
	a.Seqs = a.room[:0]
	return a
}
