package im

// follower is one who wants events.
type follower struct {
	number uint64
	f      func(Event)
}

// Follow has f called for every event from now on, on the node's loop: f must
// return at once and must not call the room. Events are not kept: who was away
// asks Inbox. The returned function ends it.
func (m *IM) Follow(f func(Event)) (cancel func()) {
	m.follows++
	number := m.follows
	m.followers = append(m.followers, follower{number, f})
	return func() {
		for i, have := range m.followers {
			if have.number == number {
				rest := append([]follower(nil), m.followers[:i]...)
				m.followers = append(rest, m.followers[i+1:]...)
				return
			}
		}
	}
}

func (m *IM) emit(events ...Event) {
	for _, e := range events {
		for _, f := range m.followers {
			f.f(e)
		}
		if e.Kind == EventState {
			m.resolveWaits(e.Message)
		}
	}
}
