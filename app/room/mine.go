package room

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/alarm"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// restoredAtOnce is how many rooms of a list are restored at once, and restoreTime how long they are
// waited for before that is tried again.
const (
	restoredAtOnce = 32
	restoreTime    = 5 * time.Minute
)

// maxTries is how often the list is written before which another one came.
const maxTries = 8

// sooner is by how much the list of rooms, which seldom changes, waits shorter than their heads.
const sooner = 5

// listed is what an account knows of the list of its user's rooms.
type listed struct {
	alarm   *alarm.Alarm
	looked  task.Instant // when it was looked at last; 0: never
	list    *shelf.List  // as it was then; nil: it is not known
	trouble error        // why it failed last; nil: it did not
}

// listSoon brings the list of the user's rooms up to date in a moment.
func (a *account) listSoon() {
	after := a.rooms.cfg.ShelveAfter / sooner
	a.listIn(after/2 + time.Duration(a.rooms.ep.Rand().Int64N(int64(after))))
}

// listIn looks at the list after a time, or earlier if that was said before.
func (a *account) listIn(d time.Duration) {
	m := a.rooms
	if m.shelf == nil || !a.open || a.closed {
		return
	}
	a.listed.alarm.In(d)
}

// troubled notes why the list could not be brought up to date, or with nil that it was, and tells the
// user of his rooms when that begins or ends.
func (a *account) troubled(err error) {
	before := a.listed.trouble
	if a.listed.trouble = err; (before == nil) != (err == nil) {
		a.changed()
	}
}

// changed tells the user that something about all his rooms has changed.
func (a *account) changed() {
	for _, h := range a.halls {
		if h.kept.Joined {
			a.rooms.emit(Event{Kind: Changed, User: a.key, Room: h.id})
		}
	}
}

// listSeldom looks at the list where that was long ago: another computer of the user may have
// changed it.
func (a *account) listSeldom() {
	if m := a.rooms; a.listed.looked == 0 || m.ep.Now().Sub(a.listed.looked) > seldom*m.cfg.SyncEvery {
		a.listIn(0)
	}
}

// list takes rooms from the user's list that are not here, and puts there those that are not on it.
func (a *account) list(t *task.T) error {
	m := a.rooms
	if a.closed {
		return nil
	}
	for range maxTries {
		a.listed.looked = m.ep.Now()
		list, err := m.shelf.ReadList(t, a.key, a.seals())
		if err != nil {
			return err
		}
		failed := a.restoreAll(t, list.Rows)
		if errors.Is(failed, task.ErrStopped) {
			return failed
		}
		next := list.After()
		for _, h := range a.halls {
			if !h.declined() {
				next.Set(h.row(list.Find(h.id)))
			}
		}
		first := a.listed.list == nil
		if a.listed.list = list; first {
			a.changed() // of none it was known whether the list leads to it
		}
		if next.Same(list) && !list.Divided() {
			return failed
		}
		if err := m.shelf.WriteList(t, a.user.Signer, a.seals(), next); !errors.Is(err, shelf.ErrConflict) {
			if err == nil {
				a.listed.list = next
			}
			return errors.Join(err, failed)
		}
	}
	return shelf.ErrConflict
}

// seals are the user's latest sealing key, to which the list is sealed, and all to open it with.
func (a *account) seals() shelf.Seals {
	pairs, sealer := a.user.Seals, a.rooms.deps.Sealer
	last := slices.MaxFunc(pairs, func(x, y SealPair) int { return int(x.Number) - int(y.Number) })
	return shelf.Seals{Number: last.Number,
		Seal: func(info, plain []byte) ([]byte, error) { return sealer.Seal(last.Opener.SealKey(), info, plain) },
		Open: func(number uint32, info, sealed []byte) ([]byte, error) {
			at := slices.IndexFunc(pairs, func(p SealPair) bool { return p.Number == number })
			if at < 0 {
				return nil, ErrNoKey
			}
			return pairs[at].Opener.Open(info, sealed)
		}}
}

// row is what the list, which has old of it so far or nothing, says of a room. It names the key of
// an epoch only when a head lies under that: until then an older one leads further.
func (h *hall) row(old *shelf.Row) *shelf.Row {
	s := h.log.State()
	r := &shelf.Row{Room: h.id, Number: max(s.Find(h.acc.key).Number, h.kept.Since), Out: !h.in() && !h.fresh()}
	switch ways := h.keys.Ways(); {
	case h.log.Founding().Public:
	case !h.shelf.led.IsZero():
		r.Key, r.Epoch = h.shelf.led, h.shelf.ledBy
	case old != nil && !old.Key.IsZero():
		r.Key, r.Epoch = old.Key, old.Epoch
	case len(ways) > 0:
		r.Key = ways[0]
	}
	return r
}

// offList reports whether the list, as it was seen last, is not known to lead to the room: it does
// not have it, or not as what the user is in it now, or under its key is no head as far as known. To a
// room that was found on it, and whose log has not come since, it did lead.
func (h *hall) offList() bool {
	if h.acc.listed.list == nil || h.shelf.led.IsZero() && !h.kept.Partial {
		return true
	}
	r := h.acc.listed.list.Find(h.id)
	if r == nil {
		return true
	}
	now := h.row(r)
	return r.Out != now.Out || r.Number < now.Number || r.Key != now.Key && r.Epoch <= now.Epoch
}

// fresh reports whether the user has joined, and the log that makes him a member has not come yet.
func (h *hall) fresh() bool {
	return h.kept.Joined && h.log.State().Find(h.acc.key).Number < max(h.kept.Since, 1)
}

// restoreAll restores rooms, many at once: one whose head cannot be read now keeps few others waiting.
func (a *account) restoreAll(t *task.T, rows []*shelf.Row) (failed error) {
	for part := range slices.Chunk(rows, restoredAtOnce) {
		rs, err := task.Gather(t, restoreTime, len(part), func(i int, resolve func(struct{}, error)) {
			a.rooms.ep.Go(func(t *task.T) error { return a.restore(t, part[i]) }, func(err error) { resolve(struct{}{}, err) })
		}, nil)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if r.Err != nil && !shelf.Useless(r.Err) {
				failed = r.Err
			}
		}
	}
	return failed
}

// lacks reports whether a room of the user's list is to be restored.
func (a *account) lacks(r *shelf.Row) bool {
	h := a.hall(r.Room)
	switch {
	case r.Out:
		return false
	case h == nil:
		return len(a.halls) < a.rooms.cfg.MaxRooms
	}
	return !h.kept.Joined && r.Number > max(h.log.State().Find(a.key).Number, h.kept.Since)
}

// restore makes a room of the user's list one of this node's.
func (a *account) restore(t *task.T, r *shelf.Row) error {
	if !a.lacks(r) {
		return nil
	}
	m, key := a.rooms, r.Key
	if key.IsZero() {
		key = shelf.PublicKey(r.Room)
	}
	head, err := m.shelf.Read(t, r.Room, key)
	if err != nil {
		return err
	}
	turn := id.HashOf("room restored", a.key[:]) // one at a time, so that there are never more than MaxRooms
	if err := m.turns.Take(t, turn); err != nil {
		return err
	}
	defer m.turns.Leave(turn)
	if !a.lacks(r) {
		return nil // the user has joined it meanwhile
	}
	h, err := a.hallOf(t, head.Founding)
	if err != nil {
		return err
	}
	defer m.turns.Leave(h.keeping)
	if !a.lacks(r) {
		return nil // at this moment
	}
	fresh := a.hall(r.Room) == nil
	next := h.kept
	next.Stream, next.Joined, next.Since, next.Partial = m.random(), true, r.Number, fresh || h.kept.Partial
	var batch store.Batch
	h.book().Keep(&batch, &next)
	h.book().Answer(&batch)
	proof := entry.KeyProof(r.Room, key)
	if !r.Key.IsZero() {
		h.book().Learn(&batch, proof, key)
	}
	if _, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, m.deps.Store.Apply(&batch) }); err != nil {
		return err
	}
	h.kept = next
	if fresh {
		a.insert(h)
	}
	h.shelf.led, h.shelf.ledBy = key, r.Epoch // the list does lead to it
	if !r.Key.IsZero() {
		h.keys.Put(proof, key)
	}
	a.invites = slices.DeleteFunc(a.invites, func(k *books.Invite) bool { return k.Founding.Hash() == r.Room })
	m.emit(Event{Kind: Changed, User: a.key, Room: r.Room})
	h.shelveIn(0)
	h.catchUp()
	return nil
}

// whole notes that the log of a room from the list is as whole as that of somebody else.
func (h *hall) whole(t *task.T) error {
	if !h.kept.Partial {
		return nil
	}
	err := h.keep(t, new(store.Batch), func(k *books.Kept) { k.Partial = false })
	h.settle()
	return err
}
