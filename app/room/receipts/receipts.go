// Package receipts is how far people are known to be with a room: the latest receipt of each (entry.Receipt), which
// says up to which entries he has the log, and was shown it. Who asks what is told of whom, and what of
// that is believed, reads one room, which knows no member's node.
//
// A Receipts is what one device knows of one room. It makes the user's own receipts, one for all that came and was read in a moment,
// says who is to hear of them at once, and keeps those of others that they have signed.
package receipts

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// diskTimeout bounds one piece of work: disks hang.
	diskTimeout = time.Minute
	// toldToAll is how many others there are in a room in which each is told at once.
	toldToAll = 8
	// toldToAuthors is how many authors of what was read are told at once in a larger one.
	toldToAuthors = 16
	// maxNews is how many entries are looked at for their authors.
	maxNews = 256
)

// Loop is the node's, as receipts see it.
type Loop interface {
	task.Env
	// Go runs f as a task, and calls done with its error.
	Go(f func(*task.T) error, done func(error))
}

// Deps is what Receipts see. All must be set.
type Deps struct {
	Loop     Loop
	Book     books.Book // the user's, of the room
	Log      *dag.Log
	Verifier peer.Verifier
	After    time.Duration // about how long receipts gather before they are told
	// Signer is the user's. Tells reports whether others are told how far he is: he is in the room, and has not said
	// that they are not.
	Signer func() peer.Signer
	Tells  func() bool
	// Read is up to which entries he was shown the room, one hash after another (entry.Join).
	Read func() []byte
	// People are all who are in the room, the user, with his other devices, among them, and Send tells a receipt to some.
	People func() []dag.Person
	Send   func(to []dag.Person, r *entry.Receipt)
	// Heard is called when it is known of somebody how far he is.
	Heard func()
}

// Receipts is how far all are with a room. Not for several goroutines at once: all is called on the node's loop.
type Receipts struct {
	Deps
	of      map[peer.Key]*entry.Receipt
	unsaved map[peer.Key]bool
	telling bool // the user's next receipt is about to be made
	saving  bool
}

// New returns what is known with those receipts that the store has.
func New(d Deps, told []*entry.Receipt) *Receipts {
	c := &Receipts{Deps: d, of: map[peer.Key]*entry.Receipt{}, unsaved: map[peer.Key]bool{}}
	for _, r := range told {
		c.of[r.By] = r
	}
	return c
}

// Reached is how far an entry is known to have come, besides its author.
type Reached struct {
	Of   int          // people who are in the room now
	Has  []dag.Person // those of them on a node of whom it is, by their keys
	Read []dag.Person // those who were shown it
}

// Reached returns how far entries have come, as far as it is known here: an entry that is not shown has come nowhere.
func (c *Receipts) Reached(list []id.Hash) []Reached {
	var people []dag.Person
	for _, p := range c.Log.State().People {
		if p.Role > entry.Out {
			people = append(people, p)
		}
	}
	lists := make([][]id.Hash, 0, 2*len(people))
	for _, p := range people {
		r := c.of[p.Key]
		if r == nil {
			r = new(entry.Receipt)
		}
		read := entry.Hashes(r.Read)
		has := slices.Concat(entry.Hashes(r.Has), c.Log.Wrote(p.Key), read)
		lists = append(lists, has, read)
	}
	at := make(map[id.Hash]int, len(list))
	for i, x := range list {
		at[x] = i
	}
	out := make([]Reached, len(list))
	c.Log.Reach(lists, func(x id.Hash, by dag.Bits) bool {
		i, asked := at[x]
		if !asked {
			return true
		}
		delete(at, x)
		author := c.Log.Author(x)
		for j, p := range people {
			if p.Key == author {
				continue
			}
			out[i].Of++
			if by.Has(2 * j) {
				out[i].Has = append(out[i].Has, p)
			}
			if by.Has(2*j + 1) {
				out[i].Read = append(out[i].Read, p)
			}
		}
		return len(at) > 0
	})
	return out
}

// Tell lets the others know, in a moment, how far the user is: one receipt for all that came
// and was read meanwhile.
func (c *Receipts) Tell() {
	if c.telling || !c.Tells() {
		return
	}
	c.telling = true
	c.Loop.Go(func(t *task.T) error {
		err := t.Sleep(c.moment())
		c.telling = false
		if err != nil {
			return err
		}
		return c.tellNow(t)
	}, nil)
}

// moment is about After.
func (c *Receipts) moment() time.Duration {
	return c.After/2 + time.Duration(c.Loop.Rand().Int64N(int64(c.After)))
}

func (c *Receipts) tellNow(t *task.T) error {
	if !c.Tells() {
		return nil
	}
	old := c.of[c.Book.User]
	if old == nil {
		old = new(entry.Receipt)
	}
	next := &entry.Receipt{Number: max(old.Number+1, uint64(c.Loop.Wall().UnixMilli())),
		Has: c.UpTo(c.Log.Heads(), old.Has), Read: c.UpTo(entry.Hashes(c.Read()), old.Read)}
	if bytes.Equal(next.Has, old.Has) && bytes.Equal(next.Read, old.Read) {
		return nil
	}
	signer, room := c.Signer(), c.Book.Room
	r, err := task.Work(t, diskTimeout, func() (*entry.Receipt, error) { return next.Sign(room, signer), nil })
	if err != nil {
		return err
	}
	c.accept([]*entry.Receipt{r})
	c.Send(c.hearers(old, r), r)
	return nil
}

// UpTo joins what is known of one device with what another one has told, without those before
// others of them.
func (c *Receipts) UpTo(list []id.Hash, told []byte) []byte {
	return entry.Join(c.Log.Latest(append(slices.Clone(list), entry.Hashes(told)...), entry.MaxReached))
}

// hearers are who is told of a receipt at once: all in a small room, and in a large one those
// who wrote what is new in it. Others learn it when they compare logs.
func (c *Receipts) hearers(old, r *entry.Receipt) []dag.Person {
	people := c.People()
	if len(people) <= toldToAll+1 {
		return people
	}
	var authors []peer.Key
	left := maxNews
	lists := [][]id.Hash{entry.Hashes(old.Has), entry.Hashes(r.Has), entry.Hashes(old.Read), entry.Hashes(r.Read)}
	c.Log.Reach(lists, func(x id.Hash, by dag.Bits) bool {
		fresh := by.Has(0) != by.Has(1) || by.Has(2) != by.Has(3)
		if author := c.Log.Author(x); fresh && !slices.Contains(authors, author) {
			authors = append(authors, author)
		}
		left--
		return left > 0 && len(authors) < toldToAuthors
	})
	return slices.DeleteFunc(people, func(p dag.Person) bool { return !slices.Contains(authors, p.Key) })
}

// accept takes receipts that were verified, of people who are in the room.
func (c *Receipts) accept(list []*entry.Receipt) {
	news := false
	for _, r := range list {
		if !c.newer(r) {
			continue
		}
		c.of[r.By], c.unsaved[r.By], news = r, true, true
	}
	if !news {
		return
	}
	c.Heard()
	c.save()
}

func (c *Receipts) newer(r *entry.Receipt) bool {
	old := c.of[r.By]
	return c.Log.State().Find(r.By).Role > entry.Out && (old == nil || r.Number > old.Number)
}

// save makes receipts durable in a moment. One that is lost with a crash comes again.
func (c *Receipts) save() {
	if c.saving {
		return
	}
	c.saving = true
	c.Loop.Go(func(t *task.T) error {
		if err := t.Sleep(c.moment()); err != nil {
			return err
		}
		var batch store.Batch
		for _, who := range sortedKeys(c.unsaved) {
			c.Book.Tell(&batch, c.of[who])
		}
		clear(c.unsaved)
		s := c.Book.Store
		_, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, s.Apply(&batch) })
		return err
	}, func(err error) {
		c.saving = false
		if err == nil && len(c.unsaved) > 0 {
			c.save()
		}
	})
}

// appendKnown appends how a node names a receipt that it has.
func appendKnown(b []byte, r *entry.Receipt) []byte {
	return binary.BigEndian.AppendUint64(append(b, r.By[:8]...), r.Number)
}

// Known names the receipts that are here, to ask somebody for those that are not.
func (c *Receipts) Known() []byte {
	var known []byte
	for _, who := range sortedKeys(c.of)[:min(len(c.of), msg.MaxKnown)] {
		known = appendKnown(known, c.of[who])
	}
	return known
}

// Take takes those that their people have signed.
func (c *Receipts) Take(t *task.T, list []*entry.Receipt) error {
	list = slices.DeleteFunc(slices.Clone(list), func(r *entry.Receipt) bool { return !c.newer(r) })
	v, room := c.Verifier, c.Book.Room
	good, err := task.Work(t, diskTimeout, func() (good []*entry.Receipt, err error) {
		for _, r := range list {
			if r.Verify(room, v) == nil {
				good = append(good, r)
			}
		}
		return good, nil
	})
	if err != nil {
		return err
	}
	c.accept(good)
	return nil
}

// Elsewhere returns which of the entries that are unread here the user was shown on another node, and up to which
// entries he was shown the room then.
func (c *Receipts) Elsewhere(unread map[id.Hash]bool) (read []id.Hash, upTo []byte) {
	mine := c.of[c.Book.User]
	if mine == nil || len(unread) == 0 {
		return nil, nil
	}
	left := len(unread)
	c.Log.Reach([][]id.Hash{entry.Hashes(mine.Read)}, func(x id.Hash, by dag.Bits) bool {
		if unread[x] {
			left--
			if by.Has(0) {
				read = append(read, x)
			}
		}
		return left > 0
	})
	if len(read) == 0 {
		return nil, nil
	}
	return read, c.UpTo(entry.Hashes(c.Read()), mine.Read)
}

// Beyond returns those of people in the room that somebody lacks who has what known names (Known), as many as
// one message holds.
func (c *Receipts) Beyond(known []byte) (list []*entry.Receipt) {
	numbers := make(map[string]uint64, len(known)/msg.KnownSize)
	for k := range slices.Chunk(known, msg.KnownSize) {
		numbers[string(k[:8])] = binary.BigEndian.Uint64(k[8:])
	}
	size := 0
	for _, who := range sortedKeys(c.of) {
		x := c.of[who]
		if x.Number <= numbers[string(who[:8])] || c.Log.State().Find(who).Role <= entry.Out {
			continue
		}
		if size += len(x.Has) + len(x.Read) + 160; size > msg.RoomFor || len(list) == msg.MaxReceipts {
			break
		}
		list = append(list, x)
	}
	return list
}

func sortedKeys[V any](m map[peer.Key]V) []peer.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b peer.Key) int { return bytes.Compare(a[:], b[:]) })
}
