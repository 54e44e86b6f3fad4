package room

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
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of receipts.
const (
	// toldToAll is how many others there are in a room in which each is told at once.
	toldToAll = 8
	// toldToAuthors is how many authors of what was read are told at once in a larger one.
	toldToAuthors = 16
	// maxNews is how many entries are looked at for their authors.
	maxNews = 256
)

// receipts is how far all are with a room.
type receipts struct {
	of      map[peer.Key]*entry.Receipt
	unsaved map[peer.Key]bool
	telling bool // the user's next receipt is about to be made
	saving  bool
}

// Reached is how far an entry is known to have come, besides its author.
type Reached struct {
	Of   int          // people who are in the room now
	Has  []dag.Person // those of them on a node of whom it is, by their keys
	Read []dag.Person // those who were shown it
}

// SetReceipts says whether the others in a room are told what the user has and has read. What
// they were told stays with them.
func (m *Rooms) SetReceipts(t *task.T, user peer.Key, room id.Hash, on bool) error {
	h, err := m.known(t, user, room)
	if err != nil {
		return err
	}
	if err := h.keep(t, new(store.Batch), func(k *books.Kept) { k.Silent = !on }); err != nil {
		return err
	}
	h.tell()
	return nil
}

// Reached returns how far messages of a room have come, as far as it is known here: an entry
// that is not shown has come nowhere.
func (m *Rooms) Reached(t *task.T, user peer.Key, room id.Hash, list []id.Hash) ([]Reached, error) {
	h, err := m.known(t, user, room)
	if err != nil {
		return nil, err
	}
	return h.reached(list), nil
}

func (h *hall) reached(list []id.Hash) []Reached {
	var people []dag.Person
	for _, p := range h.log.State().People {
		if p.Role > entry.Out {
			people = append(people, p)
		}
	}
	lists := make([][]id.Hash, 0, 2*len(people))
	for _, p := range people {
		r := h.told.of[p.Key]
		if r == nil {
			r = new(entry.Receipt)
		}
		read := entry.Hashes(r.Read)
		has := slices.Concat(entry.Hashes(r.Has), h.log.Wrote(p.Key), read)
		lists = append(lists, has, read)
	}
	at := make(map[id.Hash]int, len(list))
	for i, x := range list {
		at[x] = i
	}
	out := make([]Reached, len(list))
	h.log.Reach(lists, func(x id.Hash, by dag.Bits) bool {
		i, asked := at[x]
		if !asked {
			return true
		}
		delete(at, x)
		author := h.log.Author(x)
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

// tell lets the others know, in a moment, how far the user is: one receipt for all that came
// and was read meanwhile.
func (h *hall) tell() {
	if h.told.telling || !h.in() || h.kept.Silent {
		return
	}
	h.told.telling = true
	h.rooms().ep.Go(func(t *task.T) error {
		err := t.Sleep(h.moment())
		h.told.telling = false
		if err != nil {
			return err
		}
		return h.tellNow(t)
	}, nil)
}

// moment is about ReceiptAfter.
func (h *hall) moment() time.Duration {
	d := h.rooms().cfg.ReceiptAfter
	return d/2 + time.Duration(h.rooms().ep.Rand().Int64N(int64(d)))
}

func (h *hall) tellNow(t *task.T) error {
	if !h.in() || h.kept.Silent {
		return nil
	}
	old := h.told.of[h.acc.key]
	if old == nil {
		old = new(entry.Receipt)
	}
	next := &entry.Receipt{Number: max(old.Number+1, uint64(h.rooms().ep.Wall().UnixMilli())),
		Has: h.upTo(h.log.Heads(), old.Has), Read: h.upTo(entry.Hashes(h.kept.Read), old.Read)}
	if bytes.Equal(next.Has, old.Has) && bytes.Equal(next.Read, old.Read) {
		return nil
	}
	signer, room := h.acc.user.Signer, h.id
	r, err := task.Work(t, diskTimeout, func() (*entry.Receipt, error) { return next.Sign(room, signer), nil })
	if err != nil {
		return err
	}
	h.accept([]*entry.Receipt{r})
	h.each(h.hearers(old, r), func(t *task.T, d device) {
		_, _ = h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Seen{About: a, Receipts: []*entry.Receipt{r}} })
	})
	return nil
}

// upTo joins what is known of one device with what another one has told, without those before
// others of them.
func (h *hall) upTo(list []id.Hash, told []byte) []byte {
	return entry.Join(h.log.Latest(append(slices.Clone(list), entry.Hashes(told)...), entry.MaxReached))
}

// hearers are who is told of a receipt at once: all in a small room, and in a large one those
// who wrote what is new in it. Others learn it when they compare logs.
func (h *hall) hearers(old, r *entry.Receipt) []dag.Person {
	people := h.people()
	if len(people) <= toldToAll+1 {
		return people
	}
	var authors []peer.Key
	left := maxNews
	lists := [][]id.Hash{entry.Hashes(old.Has), entry.Hashes(r.Has), entry.Hashes(old.Read), entry.Hashes(r.Read)}
	h.log.Reach(lists, func(x id.Hash, by dag.Bits) bool {
		fresh := by.Has(0) != by.Has(1) || by.Has(2) != by.Has(3)
		if author := h.log.Author(x); fresh && !slices.Contains(authors, author) {
			authors = append(authors, author)
		}
		left--
		return left > 0 && len(authors) < toldToAuthors
	})
	return slices.DeleteFunc(people, func(p dag.Person) bool { return !slices.Contains(authors, p.Key) })
}

// accept takes receipts that were verified, of people who are in the room.
func (h *hall) accept(list []*entry.Receipt) {
	news := false
	for _, r := range list {
		if !h.newer(r) {
			continue
		}
		h.told.of[r.By], h.told.unsaved[r.By], news = r, true, true
	}
	if !news {
		return
	}
	h.rooms().emit(Event{Kind: Told, User: h.acc.key, Room: h.id})
	h.saveReceipts()
}

func (h *hall) newer(r *entry.Receipt) bool {
	old := h.told.of[r.By]
	return h.log.State().Find(r.By).Role > entry.Out && (old == nil || r.Number > old.Number)
}

// saveReceipts makes receipts durable in a moment. One that is lost with a crash comes again.
func (h *hall) saveReceipts() {
	if h.told.saving {
		return
	}
	h.told.saving = true
	h.rooms().ep.Go(func(t *task.T) error {
		if err := t.Sleep(h.moment()); err != nil {
			return err
		}
		var batch store.Batch
		for _, who := range sortedKeys(h.told.unsaved) {
			h.book().Tell(&batch, h.told.of[who])
		}
		clear(h.told.unsaved)
		s := h.rooms().deps.Store
		_, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, s.Apply(&batch) })
		return err
	}, func(err error) {
		h.told.saving = false
		if err == nil && len(h.told.unsaved) > 0 {
			h.saveReceipts()
		}
	})
}

// appendKnown appends how a node names a receipt that it has.
func appendKnown(b []byte, r *entry.Receipt) []byte {
	return binary.BigEndian.AppendUint64(append(b, r.By[:8]...), r.Number)
}

// askReceipts gets the receipts that a device has and this one has not.
func (h *hall) askReceipts(t *task.T, d device) error {
	var known []byte
	for _, who := range sortedKeys(h.told.of)[:min(len(h.told.of), msg.MaxKnown)] {
		known = appendKnown(known, h.told.of[who])
	}
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Seen{About: a, Asks: true, Known: known} })
	if err != nil {
		return err
	}
	r, ok := ans.(*msg.SeenRest)
	if !ok {
		return wire.ErrMalformed
	}
	return h.takeReceipts(t, r.Receipts)
}

// takeReceipts takes those that their people have signed, and heeds what the user's other
// nodes have told.
func (h *hall) takeReceipts(t *task.T, list []*entry.Receipt) error {
	list = slices.DeleteFunc(slices.Clone(list), func(r *entry.Receipt) bool { return !h.newer(r) })
	v, room := h.rooms().deps.Verifier, h.id
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
	h.accept(good)
	mine := h.told.of[h.acc.key]
	if mine == nil || len(h.unread) == 0 {
		return nil
	}
	var read []id.Hash
	left := len(h.unread)
	h.log.Reach([][]id.Hash{entry.Hashes(mine.Read)}, func(x id.Hash, by dag.Bits) bool {
		if h.unread[x] {
			left--
			if by.Has(0) {
				read = append(read, x)
			}
		}
		return left > 0
	})
	if len(read) == 0 {
		return nil
	}
	return h.forgetUnread(t, read, h.upTo(entry.Hashes(h.kept.Read), mine.Read))
}

// takeSeen takes receipts from a member's node, and gives it those that it lacks.
func (h *hall) takeSeen(t *task.T, d *kbr.Delivery, s *msg.Seen) error {
	if _, err := h.vouchFor(t, d, s.About.From); err != nil {
		return err
	}
	for range len(s.Receipts) - 1 { // each is a signature to be checked
		if m := h.rooms(); !m.served.Take(d.Via.ID, m.ep.Now()) {
			return &kbr.RefusedError{Code: msg.RefusedBusy, Text: "too many receipts in a minute"}
		}
	}
	if err := h.takeReceipts(t, s.Receipts); err != nil {
		return err
	}
	r := &msg.SeenRest{}
	if s.Asks {
		known := make(map[string]uint64, len(s.Known)/msg.KnownSize)
		for k := range slices.Chunk(s.Known, msg.KnownSize) {
			known[string(k[:8])] = binary.BigEndian.Uint64(k[8:])
		}
		size := 0
		for _, who := range sortedKeys(h.told.of) {
			x := h.told.of[who]
			if x.Number <= known[string(who[:8])] || h.log.State().Find(who).Role <= entry.Out {
				continue
			}
			if size += len(x.Has) + len(x.Read) + 160; size > msg.RoomFor || len(r.Receipts) == msg.MaxReceipts {
				break
			}
			r.Receipts = append(r.Receipts, x)
		}
	}
	d.Reply(msg.Encode(r))
	return nil
}

func sortedKeys[V any](m map[peer.Key]V) []peer.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b peer.Key) int { return bytes.Compare(a[:], b[:]) })
}
