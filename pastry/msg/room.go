package msg

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

// Onward returns the hop over the next link, without its numbers: the path leads over
// the node whose id begins with these 4 bytes as well. The body, trail and rows are m's.
func (m *Hop) Onward(over uint32) *Hop {
	h := &roomyHop{Hop: Hop{Count: m.Count + 1, Route: m.Route, Trail: m.Trail, Join: m.Join}}
	h.Path = append(h.room[:0], m.Path...)
	h.Path = binary.BigEndian.AppendUint32(h.Path, over)
	return &h.Hop
}

// Owed is an Ack that is gathered, with room for what it usually names.
type Owed struct {
	Ack
	Since task.Instant // when the first of it was owed
	room  [2]uint32
}

// OwedSince returns one that names nothing yet.
func OwedSince(now task.Instant) *Owed {
	a := &Owed{Since: now}
	a.Seqs = a.room[:0]
	return a
}
