package upkeep

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// diskTimeout bounds one piece of work: disks hang.
	diskTimeout = time.Minute
	// standIns is how many members look after an entry whose author may be gone before he has.
	standIns = 3
	// maxSeen is how many packs are remembered as read.
	maxSeen = 1 << 12
)

// Deps is what an Upkeep sees. All must be set.
type Deps struct {
	Env      task.Env
	Shelf    *shelf.Shelf
	Book     books.Book // the user's, of the room
	Founding *entry.Entry
	Log      *dag.Log
	// Packer returns what signs for the packs of this device in this room.
	Packer func(t *task.T) (peer.Signer, error)
	// Again has the head looked at once more soon, as there is more to be done than is done at once, and Look after a time.
	Again func()
	Look  func(after time.Duration)
	// Every is how often members compare logs. TakeHead takes what a head names that is not here, and Changed is called when it
	// is known for the first time how much of the log is in packs.
	Every    time.Duration
	TakeHead func(t *task.T, head *shelf.Head) error
	Changed  func()
	// Moment is one within a time that differs from member to member.
	Moment func(within time.Duration) time.Duration
	// Key is that of an epoch; zero: it is not here. Seal seals it to somebody in the room: the error is not task.ErrStopped
	// where it is not here, or he cannot be found now.
	Key  func(epoch id.Hash) peer.Secret
	Seal func(t *task.T, epoch id.Hash, to dag.Person) (*shelf.Letter, error)
}

// Upkeep is what a device knows of what the room has in storage. Not for several goroutines at once: all is
// called on the node's loop, and what takes a task by one at a time.
type Upkeep struct {
	Deps
	Unpacked int  // entries that are in no pack, as far as known
	Compared bool // how much of the log is in packs is known since the node started
	Over     bool // there are as many packs as a head names, and the log goes on

	own     map[id.Hash]int64 // packs of this device, and when they were stored, Unix milliseconds
	seen    map[id.Hash]bool  // packs that need not be read any more
	torn    map[id.Hash]bool  // packs that a head named and that cannot be read
	mended  task.Instant      // when all was packed anew last; 0: never
	renewed int               // with which pack the next look for those to be made anew begins
	asked   int               // and with which it begins to ask when they end
	endings map[id.Hash]int64 // when packs and letters end of which a head did not say it
	pointed id.Hash           // the epoch to which the heads before it are known to lead
	remind  task.Instant      // when it is looked next whether letters end soon; 0: that is not settled yet
	older   map[id.Hash]older // what heads of epochs but the current one said when they were read last
}

// New returns what a device knows that has made packs (Loaded.Packs).
func New(d Deps, own map[id.Hash]int64) *Upkeep {
	if own == nil {
		own = map[id.Hash]int64{}
	}
	return &Upkeep{Deps: d, Unpacked: d.Log.Len(), own: own, seen: map[id.Hash]bool{}, older: map[id.Hash]older{}, torn: map[id.Hash]bool{}}
}

// Open returns the entries of a pack for who has not read it yet: none where it is torn, or he has (Seen).
func (u *Upkeep) Open(t *task.T, r *shelf.Ref) ([]*entry.Entry, error) {
	if u.seen[r.Object] {
		return nil, nil
	}
	list, err := u.Shelf.Unpack(t, u.Book.Room, r)
	if shelf.Useless(err) {
		u.tear(r)
		return nil, nil
	}
	return list, err
}

// Seen notes that what a pack has is in the log, as far as it can be: it need not be read any more.
func (u *Upkeep) Seen(r *shelf.Ref) {
	if u.seen[r.Object] {
		return
	}
	if len(u.seen) >= maxSeen {
		clear(u.seen)
	}
	u.seen[r.Object] = true
}

// tear notes that a pack cannot be read.
func (u *Upkeep) tear(r *shelf.Ref) {
	if len(u.torn) >= maxSeen {
		clear(u.torn)
	}
	u.torn[r.Object] = true
}

// Order is how many of those in the room a hash with something puts before the user.
func (u *Upkeep) Order(x id.Hash) (before int) {
	mine := id.HashOf("room stand-in", x, u.Book.User[:])
	for _, p := range u.Log.State().People {
		if o := id.HashOf("room stand-in", x, p.Key[:]); p.Role > entry.Out && bytes.Compare(o[:], mine[:]) < 0 {
			before++
		}
	}
	return before
}

// StandsIn reports whether the user is one of those who look after something whose author may be
// gone: of all in the room those whom a hash with it puts first.
func (u *Upkeep) StandsIn(x id.Hash) bool { return u.Order(x) < standIns }

// readAll reads entries of which the first may be the founding, which no book has.
func (u *Upkeep) readAll(t *task.T, list []id.Hash) ([]*entry.Entry, error) {
	var out []*entry.Entry
	rest := list
	if len(list) > 0 && list[0] == u.Book.Room {
		out, rest = append(out, u.Founding), list[1:]
	}
	b := u.Book
	more, err := task.Work(t, diskTimeout, func() ([]*entry.Entry, error) { return b.Read(rest) })
	if err == nil && len(more) != len(rest) {
		err = store.ErrCorrupt
	}
	return append(out, more...), err
}

// unpack reads packs, and returns what of their entries is in the log, as it is there; nothing where one of
// them is torn, or cannot be read now.
func (u *Upkeep) unpack(t *task.T, packs []*shelf.Ref) ([]*entry.Entry, error) {
	var list []*entry.Entry
	there := map[id.Hash]bool{}
	for _, r := range packs {
		entries, err := u.Shelf.Unpack(t, u.Book.Room, r)
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case shelf.Useless(err):
			u.tear(r)
			return nil, nil
		case err != nil:
			return nil, nil
		}
		for _, e := range entries {
			if x := e.Hash(); u.Log.Has(x) && !there[x] {
				there[x] = true
				list = append(list, e)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	hashes := make([]id.Hash, len(list))
	for i, e := range list {
		hashes[i] = e.Hash()
	}
	return u.readAll(t, hashes) // a copy in a pack may have another signature than its author's
}
