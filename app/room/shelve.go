package room

import (
	"cmp"
	"time"

	"github.com/phyllo-net/phyllo/app/room/alarm"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/upkeep"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// When the shelf of a room is looked at.
const (
	// longer is how many times as long as an author those wait who stand in for him.
	longer = 6
	// seldom is how many times SyncEvery pass between two looks where nothing happens, and alone
	// where nobody of the room can be reached.
	seldom = 30
	alone  = 5
)

// shelved is what a hall knows of its shelf.
type shelved struct {
	alarm   *alarm.Alarm
	turn    id.Hash        // names it among all that take turns
	looked  task.Instant   // when it was looked at last; 0: never
	trouble error          // why it could not be looked at last; nil: it could
	upkeep  *upkeep.Upkeep // of what is in storage
	led     peer.Secret    // the key under which a head is known to be; zero: none
	ledBy   uint64         // the number of its epoch
	hints   []dag.Person   // who is in the room, as its head says
}

// shelveIn looks at the shelf after a time, or earlier if that was said before.
func (h *hall) shelveIn(d time.Duration) {
	m := h.rooms()
	if m.shelf == nil || !h.kept.Joined {
		return
	}
	h.shelf.alarm.In(d)
}

// troubled notes why the shelf could not be looked at, or with nil that it could, and tells the
// user when that begins or ends.
func (h *hall) troubled(err error) {
	before := h.shelf.trouble
	if h.shelf.trouble = err; (before == nil) != (err == nil) {
		h.rooms().emit(Event{Kind: Changed, User: h.acc.key, Room: h.id})
	}
}

// shelveNews looks at the shelf when entries have come: soon if they are the user's, later if he
// stands in for their author, and else not at all.
func (h *hall) shelveNews(list []*entry.Entry) {
	if h.rooms().shelf == nil {
		return
	}
	after := h.rooms().cfg.ShelveAfter
	for _, e := range list {
		switch {
		case e.Author == h.acc.key && e.Stream == h.kept.Stream:
			h.shelveIn(after/2 + time.Duration(h.rooms().ep.Rand().Int64N(int64(after))))
			return
		case h.shelf.upkeep.StandsIn(e.Hash()):
			h.shelveIn(longer*after + h.rank(longer*after, e.Hash()))
		}
	}
}

// shelveSeldom looks at the shelf where that was long ago.
func (h *hall) shelveSeldom(times time.Duration) {
	m := h.rooms()
	if h.shelf.looked == 0 || m.ep.Now().Sub(h.shelf.looked) > times*m.cfg.SyncEvery {
		h.shelveIn(0)
	}
}

// shelve takes from the shelf what is not here, and puts there what is not on it.
func (h *hall) shelve(t *task.T) error {
	m := h.rooms()
	if m.shelf == nil {
		return nil
	}
	if err := m.turns.Take(t, h.shelf.turn); err != nil {
		return err
	}
	defer m.turns.Leave(h.shelf.turn)
	if !h.kept.Joined {
		return nil
	}
	h.shelf.looked = m.ep.Now()
	heads, err := h.follow(t)
	if err != nil {
		return err
	}
	s := h.log.State()
	key := h.keys.WayIn()
	if heads[key] != nil {
		h.leads(key, s)
	}
	head := heads[key]
	if !h.in() || key.IsZero() || h.mustBegin(s) || s.Split() {
		return nil
	}
	if h.kept.Partial && (head == nil || len(head.Tips) == 0) {
		return nil // a head that says how far the log is here would be taken for one that says how far it goes
	}
	late, err := h.shelf.upkeep.KeepHead(t, key, head)
	if err != nil {
		return err
	}
	h.leads(key, s)
	return cmp.Or(h.shelf.upkeep.LeadOn(t), late)
}

// leads notes that there is a head under a key, that of the current epoch: the user's list may lead
// to it.
func (h *hall) leads(key peer.Secret, s *dag.State) {
	var number uint64
	if p := s.Epoch.Epoch; p != nil {
		number = p.Number
	}
	if h.shelf.led == key && h.shelf.ledBy == number {
		return
	}
	h.shelf.led, h.shelf.ledBy = key, number
	h.acc.listSoon()
}

// lookForHead looks at the shelf when whoever began an epoch has had the time to write its head: so
// the user's list can lead to it. Counted in a simulated room of 64 whose log is not stored: between 60 and
// 120 s after the epoch each member reads the head once (5 requests to those who keep it), and then reads
// and writes his list (15), 20 requests a member and epoch; of all 64 together some 20 a second, for a minute.
func (h *hall) lookForHead() {
	after := h.rooms().cfg.ShelveAfter
	if k := h.keys.WayIn(); !k.IsZero() && k != h.shelf.led {
		h.shelveIn(longer*after + h.rank(longer*after))
	}
}

// SetStored says for all members of a room whether its log is kept in the ring's storage. Only
// an admin may.
func (m *Rooms) SetStored(t *task.T, user peer.Key, room id.Hash, on bool) error {
	h, err := m.rules(t, user, room)
	if err != nil {
		return err
	}
	if h.log.State().Stored == on {
		return nil
	}
	_, err = h.write(t, entry.StoringKind, func(s *dag.State) (func() []byte, error) {
		if s.Role(user) < entry.Admin {
			return nil, ErrNotAdmin
		}
		body := &entry.Storing{On: on, Number: s.StoringNumber + 1}
		return func() []byte { return wire.MustMarshal(body) }, nil
	})
	return err
}

// packer signs for the packs of this device in this room.
func (h *hall) packer(t *task.T) (peer.Signer, error) {
	locker := h.rooms().deps.Locker
	if h.kept.Packer.IsZero() {
		fresh := locker.NewSecret()
		if err := h.keep(t, new(store.Batch), func(k *books.Kept) {
			if k.Packer.IsZero() {
				k.Packer = fresh
			}
		}); err != nil {
			return nil, err
		}
	}
	seed := h.kept.Packer
	return task.Work(t, diskTimeout, func() (peer.Signer, error) { return locker.Signer(seed), nil })
}
