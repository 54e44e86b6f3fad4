package room

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// maxHistory is how many messages one call of History returns.
const maxHistory = 10_000

// Message is something that was said in a room.
type Message struct {
	Entry   id.Hash
	Author  peer.Key
	Name    string // of the author, as the room has it; may be empty
	Time    time.Time
	Text    string
	Reply   id.Hash // what is answered; zero if nothing
	Edited  bool
	Removed bool // its author has taken it back
	// Locked tells that the key of its epoch is not here (yet).
	Locked bool
	Unread bool
}

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
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	// Edits stand after what they change: they are met first.
	var out []Message
	edits := map[id.Hash]Message{}
	lines := h.lines()
	for len(lines) > 0 && len(out) < limit {
		n := min(len(lines), 256)
		said, err := h.readWords(t, lines[:n])
		if err != nil {
			return nil, err
		}
		lines = lines[n:]
		for _, s := range said {
			switch last, edited := edits[s.Entry]; {
			case !s.edits.IsZero():
				if old, ok := edits[s.edits]; !ok || old.Author != s.Author {
					edits[s.edits] = s.Message
				}
				continue
			case edited && last.Author == s.Author:
				s.Text, s.Edited, s.Removed = last.Text, last.Text != "", last.Text == ""
			}
			if len(out) < limit {
				out = append(out, s.Message)
			}
		}
	}
	slices.Reverse(out)
	return out, nil
}

// lines are the words that are shown, the latest first.
func (h *hall) lines() []dag.Line {
	var lines []dag.Line
	h.log.Shown(func(l dag.Line) bool {
		if l.Kind == entry.WordsKind {
			lines = append(lines, l)
		}
		return true
	})
	return lines
}

// said is a message before edits of it are known.
type said struct {
	Message
	edits id.Hash
}

// readWords reads words, and opens those whose key is here.
func (h *hall) readWords(t *task.T, lines []dag.Line) ([]said, error) {
	s := h.log.State()
	b, public, locker := h.book(), h.log.Founding().Public, h.rooms().deps.Locker
	names := make([]string, len(lines))
	hashes := make([]id.Hash, len(lines))
	unread := make([]bool, len(lines))
	for i, l := range lines {
		names[i], hashes[i], unread[i] = s.Find(l.Author).Name, l.Hash, h.unread[l.Hash]
	}
	keys := h.keysNow()
	return task.Work(t, diskTimeout, func() ([]said, error) {
		list, err := b.Read(hashes)
		if err != nil {
			return nil, err
		}
		var out []said
		for _, e := range list {
			i := slices.Index(hashes, e.Hash())
			x := said{Message: Message{Entry: hashes[i], Author: e.Author, Name: names[i], Time: time.UnixMilli(e.Time), Unread: unread[i]}}
			w, err := open(e, public, keys, locker)
			switch {
			case err != nil:
				x.Locked = true
			default:
				x.Text, x.Reply, x.edits = w.Text, w.Reply, w.Edits
			}
			out = append(out, x)
		}
		return out, nil
	})
}

// open returns the words of an entry.
func open(e *entry.Entry, public bool, keys books.Secrets, l peer.Locker) (*entry.Words, error) {
	if public {
		w := new(entry.Words)
		return w, entry.Body(e, w)
	}
	epoch, err := entry.EpochOf(e)
	if err != nil {
		return nil, err
	}
	key, ok := keys[epoch]
	if !ok {
		return nil, entry.ErrLocked
	}
	return entry.Unlock(e, key, l)
}

// keysNow are the keys that are here, by the epochs' entries.
func (h *hall) keysNow() books.Secrets {
	keys := books.Secrets{}
	h.log.EachEpoch(func(x id.Hash, p *entry.Epoch) {
		if k, ok := h.keys[p.Proof]; ok {
			keys[x] = k
		}
	})
	return keys
}

// MarkRead tells that the user was shown all that was said in a room so far.
func (m *Rooms) MarkRead(t *task.T, user peer.Key, room id.Hash) error {
	h, err := m.known(t, user, room)
	if err != nil {
		return err
	}
	return h.markRead(t)
}
