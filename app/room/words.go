package room

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/words"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Message is something that was said in a room.
type Message = words.Message

// Say says something in a room. It is durable when Say returns, and on its way to the others.
// ErrWords is wrapped where the text cannot be sent.
func (m *Rooms) Say(t *task.T, user peer.Key, room id.Hash, w entry.Words) (id.Hash, error) {
	h, err := m.inside(t, user, room)
	if err != nil {
		return id.Hash{}, err
	}
	if err := w.Check(); err != nil {
		return id.Hash{}, fmt.Errorf("%w: %w", ErrWords, err)
	}
	if !w.Edits.IsZero() && h.log.Author(w.Edits) != user || !w.Reply.IsZero() && !h.log.Has(w.Reply) {
		return id.Hash{}, ErrNoEntry
	}
	for range maxNewKeys {
		x, err := h.say(t, &w)
		if err == nil || !errors.Is(err, errNewKey) {
			return x, err
		}
	}
	return id.Hash{}, ErrNoKey
}

// maxNewKeys is how often words are locked anew because another key began meanwhile.
const maxNewKeys = 8

// errNewKey tells that another key began before words were in the log.
var errNewKey = errors.New("another key began")

// say writes words, locked with the key of the epoch that is current when they come into the
// log: who was put out may have the one before it.
func (h *hall) say(t *task.T, w *entry.Words) (x id.Hash, err error) {
	var epoch id.Hash
	var key peer.Secret
	if !h.log.Founding().Public {
		if epoch, key, err = h.keyToLock(t); err != nil {
			return id.Hash{}, err
		}
	}
	user, room, locker := h.acc.key, h.id, h.rooms().deps.Locker
	e, err := h.write(t, entry.WordsKind, func(s *dag.State) (func() []byte, error) {
		switch {
		case s.Role(user) <= entry.Out:
			return nil, ErrNotMember
		case epoch.IsZero():
			return w.Open, nil
		case epoch != s.Epoch.Entry:
			return nil, errNewKey
		}
		return func() []byte { return w.Lock(room, user, epoch, key, locker) }, nil
	})
	if err != nil {
		return id.Hash{}, err
	}
	return e.Hash(), nil
}

// History returns what was said in a room last, at most limit of it (0: all, up to 10,000), the
// first first. Each message stands with the words that its author gave it last.
func (m *Rooms) History(t *task.T, user peer.Key, room id.Hash, limit int) ([]Message, error) {
	h, err := m.known(t, user, room)
	if err != nil {
		return nil, err
	}
	r := words.Reader{Book: h.book(), Log: h.log, Locker: m.deps.Locker, Keys: h.keys.All(), Unread: h.unread}
	return r.History(t, limit)
}

// MarkRead tells that the user was shown all that was said in a room so far.
func (m *Rooms) MarkRead(t *task.T, user peer.Key, room id.Hash) error {
	h, err := m.known(t, user, room)
	if err != nil {
		return err
	}
	return h.markRead(t)
}
