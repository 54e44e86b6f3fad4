// Package words is what was said in a room, as a user is shown it: read from his book, opened with the keys that he has,
// each with the text that its author gave it last. Who asks what somebody gets to see of a room reads one room, which
// knows no network.
package words

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// diskTimeout bounds one piece of work: disks hang.
const diskTimeout = time.Minute

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

// Reader reads what was said in a room for one user. All must be set.
type Reader struct {
	Book   books.Book // the user's, of the room
	Log    *dag.Log
	Locker peer.Locker
	Keys   books.Secrets    // of epochs, by their proofs
	Unread map[id.Hash]bool // which entries he was not shown yet
}

// History returns what was said in a room last, at most limit of it (0: all, up to 10,000), the
// first first. Each message stands with the words that its author gave it last.
func (r Reader) History(t *task.T, limit int) ([]Message, error) {
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	// Edits stand after what they change: they are met first.
	var out []Message
	edits := map[id.Hash]Message{}
	lines := r.lines()
	for len(lines) > 0 && len(out) < limit {
		n := min(len(lines), 256)
		said, err := r.readWords(t, lines[:n])
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
func (r Reader) lines() []dag.Line {
	var lines []dag.Line
	r.Log.Shown(func(l dag.Line) bool {
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
func (r Reader) readWords(t *task.T, lines []dag.Line) ([]said, error) {
	s := r.Log.State()
	b, public, locker := r.Book, r.Log.Founding().Public, r.Locker
	names := make([]string, len(lines))
	hashes := make([]id.Hash, len(lines))
	unread := make([]bool, len(lines))
	for i, l := range lines {
		names[i], hashes[i], unread[i] = s.Find(l.Author).Name, l.Hash, r.Unread[l.Hash]
	}
	keys := r.keysNow()
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
func (r Reader) keysNow() books.Secrets {
	keys := books.Secrets{}
	r.Log.EachEpoch(func(x id.Hash, p *entry.Epoch) {
		if k, ok := r.Keys[p.Proof]; ok {
			keys[x] = k
		}
	})
	return keys
}
