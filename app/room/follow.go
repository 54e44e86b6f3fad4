package room

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// EventKind says what happened.
type EventKind uint8

// Kinds of events.
const (
	// Said: somebody said something, or changed what he had said: ask History.
	Said EventKind = 1 + iota
	// Changed: members, keys or the name of a room changed.
	Changed
	// Invited: somebody made the user a member of a room that he can join.
	Invited
	// Told: it is known of somebody in the room what he has and has read: ask Reached.
	Told
)

// Event is what followers are told.
type Event struct {
	Kind  EventKind
	User  peer.Key
	Room  id.Hash
	Entry id.Hash // of what was said; otherwise zero
}

// followers are those who want events.
type followers struct {
	list  []follower
	count uint64
}

type follower struct {
	number uint64
	f      func(Event)
}

// Follow has f called for every event from now on, on the node's loop: f must return at once
// and must not call the rooms. The returned function ends it.
func (m *Rooms) Follow(f func(Event)) (cancel func()) {
	m.follow.count++
	number := m.follow.count
	m.follow.list = append(m.follow.list, follower{number, f})
	return func() {
		m.follow.list = slices.DeleteFunc(slices.Clone(m.follow.list), func(x follower) bool { return x.number == number })
	}
}

func (m *Rooms) emit(e Event) {
	for _, x := range m.follow.list {
		x.f(e)
	}
}
