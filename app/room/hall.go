package room

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/alarm"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/compare"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/keyring"
	"github.com/phyllo-net/phyllo/app/room/receipts"
	"github.com/phyllo-net/phyllo/app/room/spread"
	"github.com/phyllo-net/phyllo/app/room/upkeep"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// maxPending is how many entries wait for those that they name.
const maxPending = 256

// hall is a room as one user has it.
type hall struct {
	acc     *account
	id      id.Hash
	kept    books.Kept
	log     *dag.Log
	keys    *keyring.Keys
	unread  map[id.Hash]bool
	pending map[id.Hash]*entry.Entry // verified, but what they name is not there
	turn    id.Hash                  // names the hall's log among all that take turns
	keeping id.Hash                  // and what is kept besides

	settling  bool // an epoch is about to be begun, or keys are asked for
	again     bool // and what changed meanwhile must be looked at
	comparing bool

	told     *receipts.Receipts
	shelf    shelved
	compares *compare.Comparer
	spread   *spread.Spread
}

// newHall builds a room from what the store has.
func newHall(a *account, l *books.Loaded) (*hall, error) {
	log, err := dag.New(l.Kept.Founding)
	if err != nil {
		return nil, err
	}
	h := &hall{acc: a, id: l.Room, kept: l.Kept, log: log, unread: map[id.Hash]bool{},
		pending: map[id.Hash]*entry.Entry{}, turn: id.HashOf("room turn", a.key[:], l.Room),
		keeping: id.HashOf("room kept", a.key[:], l.Room)}
	for _, e := range l.Entries {
		// What does not fit was about to be taken out when the node stopped.
		_, _ = log.Add(e)
	}
	for _, u := range l.Unread {
		if log.Has(u) {
			h.unread[u] = true
		}
	}
	h.keys = keyring.New(keyring.Deps{Book: h.book(), Log: log, Locker: a.rooms.deps.Locker, Learned: h.lookForHead}, l.Keys)
	h.told = h.newReceipts(l.Told)
	h.compares = h.newComparer()
	h.spread = h.newSpread()
	h.shelf.alarm = alarm.New(alarm.Deps{Loop: a.rooms.ep, Step: a.rooms.cfg.ShelveAfter, Look: h.shelve, Again: h.shelveIn, First: a.rooms.cfg.ShelveAfter, Ended: h.troubled})
	h.shelf.turn = id.HashOf("room shelf", a.key[:], l.Room)
	h.shelf.upkeep = upkeep.New(upkeep.Deps{Env: a.rooms.ep, Shelf: a.rooms.shelf, Book: h.book(), Founding: l.Kept.Founding, Log: log,
		Packer: h.packer, Again: func() { h.shelveIn(a.rooms.cfg.ShelveAfter) }, Look: h.shelveIn,
		Every: a.rooms.cfg.SyncEvery, TakeHead: h.takeHead, Changed: func() { a.rooms.emit(Event{Kind: Changed, User: a.key, Room: h.id}) },
		Moment: func(within time.Duration) time.Duration { return h.rank(within) }, Key: h.keys.Of, Seal: h.letter}, l.Packs)
	return h, nil
}

func (h *hall) rooms() *Rooms { return h.acc.rooms }

func (h *hall) book() books.Book { return h.acc.book(h.id) }

func (a *account) book(room id.Hash) books.Book {
	return books.Book{Store: a.rooms.deps.Store, User: a.key, Room: room}
}

// in reports whether the user is in the room: he has joined, and nobody put him out.
func (h *hall) in() bool { return h.kept.Joined && h.log.State().Role(h.acc.key) > entry.Out }

// keep changes what is known of the room besides its log, and makes that durable, together
// with what the batch has. One does it at a time, so that no change undoes another.
func (h *hall) keep(t *task.T, batch *store.Batch, change func(*books.Kept)) error {
	m := h.rooms()
	if err := m.turns.Take(t, h.keeping); err != nil {
		return err
	}
	defer m.turns.Leave(h.keeping)
	k := h.kept
	change(&k)
	h.book().Keep(batch, &k)
	_, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, m.deps.Store.Apply(batch) })
	if err == nil {
		h.kept = k
	}
	return err
}

// take adds entries that came from outside, those that fit now and those for which others of
// them were missing, and reports whether others still are. Each is durable before it is in
// the log.
func (h *hall) take(t *task.T, list []*entry.Entry) (lacks bool, err error) {
	list, strange := h.familiar(list)
	list, err = h.verify(t, list)
	if err != nil {
		return false, err
	}
	if err := h.heed(t, list); err != nil {
		return false, err
	}
	m := h.rooms()
	if err := m.turns.Take(t, h.turn); err != nil {
		return false, err
	}
	defer m.turns.Leave(h.turn)
	var fresh []*entry.Entry
	for {
		ready := h.ready(list)
		if len(ready) == 0 {
			break
		}
		if err := h.store(t, ready); err != nil {
			return false, err
		}
		fresh = append(fresh, ready...)
		list = nil
	}
	h.news(fresh)
	return strange || len(h.pending) > 0, nil
}

// familiar returns the entries, in order, of those who are or were in the room, or are made
// members by one of them in an entry before, and reports whether there are others: strangers
// cannot fill a log.
func (h *hall) familiar(list []*entry.Entry) (kept []*entry.Entry, strange bool) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	s := h.log.State()
	made := map[peer.Key]bool{h.kept.Founding.Author: true}
	for _, e := range list {
		if !made[e.Author] && s.Find(e.Author).Number == 0 && !h.log.Founding().Public {
			strange = true
			continue
		}
		kept = append(kept, e)
		var c entry.Change
		if e.Kind == entry.ChangeKind && entry.Body(e, &c) == nil {
			made[c.Who] = true
		}
	}
	return kept, strange
}

// heed ends the user's part in the room when he was put out: what came before that he may not
// be given any more, so the entry alone must do.
func (h *hall) heed(t *task.T, list []*entry.Entry) error {
	s := h.log.State()
	for _, e := range list {
		var c entry.Change
		if e.Kind != entry.ChangeKind || entry.Body(e, &c) != nil {
			continue
		}
		by := e.Author == h.acc.key || s.Role(e.Author) >= entry.Admin && s.Role(e.Author) > s.Role(h.acc.key)
		if c.Who != h.acc.key || c.Role != entry.Out || c.Number <= max(s.Find(c.Who).Number, h.kept.Since) || !by || !h.kept.Joined {
			continue
		}
		if err := h.keep(t, new(store.Batch), func(k *books.Kept) { k.Joined = false }); err != nil {
			return err
		}
		h.rooms().emit(Event{Kind: Changed, User: h.acc.key, Room: h.id})
		h.acc.listSoon()
	}
	return nil
}

// verify returns those entries of the room that are not here and that their authors signed.
func (h *hall) verify(t *task.T, list []*entry.Entry) ([]*entry.Entry, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(e *entry.Entry) bool { return e.Room != h.id || h.log.Has(e.Hash()) })
	v := h.rooms().deps.Verifier
	return task.Work(t, diskTimeout, func() ([]*entry.Entry, error) {
		var good []*entry.Entry
		for _, e := range list {
			if e.Verify(v) == nil {
				good = append(good, e)
			}
		}
		return good, nil
	})
}

// ready puts entries with those that wait, and returns those for which nothing is missing, in
// order: each can be added when those before it are.
func (h *hall) ready(list []*entry.Entry) []*entry.Entry {
	for _, e := range list {
		if len(h.pending) < maxPending || len(h.log.Missing(e)) == 0 {
			h.pending[e.Hash()] = e
		}
	}
	waiting := make([]*entry.Entry, 0, len(h.pending))
	for _, x := range h.sortedPending() {
		waiting = append(waiting, h.pending[x])
	}
	slices.SortStableFunc(waiting, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	var ready []*entry.Entry
	chosen := map[id.Hash]bool{}
	for _, e := range waiting {
		x := e.Hash()
		if slices.ContainsFunc(h.log.Missing(e), func(m id.Hash) bool { return !chosen[m] }) {
			continue
		}
		delete(h.pending, x)
		if !h.log.Has(x) {
			chosen[x] = true
			ready = append(ready, e)
		}
	}
	return ready
}

func (h *hall) sortedPending() []id.Hash {
	list := make([]id.Hash, 0, len(h.pending))
	for x := range h.pending {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// store makes entries durable and adds them. What the log refuses is taken out of the store
// again.
func (h *hall) store(t *task.T, list []*entry.Entry) error {
	b := h.book()
	if _, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, b.Save(list) }); err != nil {
		return err
	}
	var refused []id.Hash
	for _, e := range list {
		x := e.Hash()
		switch _, err := h.log.Add(e); {
		case err != nil:
			refused = append(refused, x)
		case e.Kind == entry.WordsKind && e.Author != h.acc.key:
			h.unread[x] = true
		}
	}
	if len(refused) == 0 {
		return nil
	}
	_, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, b.Drop(refused) })
	return err
}

// news tells followers of entries that were added, and does what follows from them.
func (h *hall) news(list []*entry.Entry) {
	changed := false
	for _, e := range list {
		x := e.Hash()
		h.spread.Came(e)
		switch {
		case !h.log.Has(x):
		case e.Kind == entry.WordsKind:
			h.rooms().emit(Event{Kind: Said, User: h.acc.key, Room: h.id, Entry: x})
		default:
			changed = true
		}
	}
	if changed {
		h.rooms().emit(Event{Kind: Changed, User: h.acc.key, Room: h.id})
		h.settle()
		h.acc.listSoon()
		h.lookForHead()
	}
	if len(list) > 0 {
		h.told.Tell()
		h.shelf.upkeep.Unpacked += len(list)
		h.shelveNews(list)
	}
}

// write adds an entry of the user, whose body is made when it is the user's turn: by then
// others' entries may have come. body runs off the loop. What is returned is durable, and is on
// its way to the others.
func (h *hall) write(t *task.T, kind entry.Kind, body func(s *dag.State) (func() []byte, error)) (*entry.Entry, error) {
	m := h.rooms()
	if err := m.turns.Take(t, h.turn); err != nil {
		return nil, err
	}
	e, err := h.append(t, kind, body)
	m.turns.Leave(h.turn)
	if err != nil {
		return nil, err
	}
	h.news([]*entry.Entry{e})
	h.spread.Bring(e)
	return e, nil
}

func (h *hall) append(t *task.T, kind entry.Kind, body func(s *dag.State) (func() []byte, error)) (*entry.Entry, error) {
	make, err := body(h.log.State())
	if err != nil {
		return nil, err
	}
	next := h.log.Next(h.acc.key, h.kept.Stream)
	next.Kind, next.Time = kind, h.rooms().ep.Wall().UnixMilli()
	signer := h.acc.user.Signer
	e, err := task.Work(t, diskTimeout, func() (*entry.Entry, error) {
		signed := *next
		signed.Body = make()
		return signed.Sign(signer), nil
	})
	if err != nil {
		return nil, err
	}
	if err := h.store(t, []*entry.Entry{e}); err != nil {
		return nil, err
	}
	if !h.log.Has(e.Hash()) {
		return nil, dag.ErrFull
	}
	return e, nil
}

// markRead notes that all was shown. What is locked was not: where a key is missing, others are
// not told that the user has read what there is.
func (h *hall) markRead(t *task.T) error {
	read := h.kept.Read
	if len(h.keys.Keyless()) == 0 {
		read = h.told.UpTo(h.log.Heads(), read)
	}
	if len(h.unread) == 0 && bytes.Equal(read, h.kept.Read) {
		return nil
	}
	list := slices.SortedFunc(maps.Keys(h.unread), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	if err := h.forgetUnread(t, list, read); err != nil {
		return err
	}
	h.told.Tell()
	return nil
}

// forgetUnread makes it durable that entries were read, and up to where.
func (h *hall) forgetUnread(t *task.T, list []id.Hash, read []byte) error {
	var batch store.Batch
	for _, x := range list {
		h.book().Shown(&batch, x)
	}
	if err := h.keep(t, &batch, func(k *books.Kept) { k.Read = read }); err != nil {
		return err
	}
	for _, x := range list {
		delete(h.unread, x)
	}
	return nil
}
