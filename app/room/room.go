package room

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/past/turn"
	"github.com/phyllo-net/phyllo/app/room/alarm"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/cards"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// diskTimeout bounds one piece of work: disks hang.
const diskTimeout = time.Minute

// Rooms is what one node does for the rooms of its users. It implements kbr.App. All methods
// are called on the node's loop; those that take a task wait for disk or network.
type Rooms struct {
	cfg      Config
	deps     Deps
	ep       kbr.Endpoint
	accounts []*account // by key
	turns    turn.Turns // at the halls
	served   limit.Rates
	follow   followers
	cards    *cards.Cards
	shelf    *shelf.Shelf // nil: there is no storage
}

// New returns the rooms of a node that has no users yet.
func New(cfg Config, deps Deps) (*Rooms, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil || deps.Directory == nil || deps.Verifier == nil || deps.Sealer == nil || deps.Locker == nil || deps.Ring.IsZero() {
		return nil, errors.New("room: Ring, Store, Directory, Verifier, Sealer and Locker must be set")
	}
	m := &Rooms{cfg: cfg, deps: deps, turns: turn.Turns{}, served: limit.New(cfg.PerMinute)}
	if deps.Storage != nil {
		m.shelf = &shelf.Shelf{Storage: deps.Storage, Locker: deps.Locker, Verifier: deps.Verifier}
	}
	return m, nil
}

var _ kbr.App = (*Rooms)(nil)

// account is a user with his rooms.
type account struct {
	rooms   *Rooms
	user    User
	key     peer.Key
	halls   []*hall // by their ids
	invites []*books.Invite
	open    bool // what the store has is here
	closed  bool
	waiting []func() // for open
	listed  listed
}

// AddUser lets a user live on this node, or replaces what is known of one who does. Before or
// after Start.
func (m *Rooms) AddUser(u User) error {
	if u.Signer == nil || u.Key().IsZero() || len(u.Seals) == 0 {
		return errors.New("room: a user needs an identity key and a sealing key pair")
	}
	u.Seals = slices.Clone(u.Seals)
	at, have := m.place(u.Key())
	if !have {
		m.accounts = slices.Insert(m.accounts, at, &account{rooms: m, key: u.Key()})
	}
	a := m.accounts[at]
	a.user, a.closed = u, false
	if m.ep != nil && !a.open {
		a.load()
	}
	return nil
}

// RemoveUser lets a user live here no longer. What he has stays in the store.
func (m *Rooms) RemoveUser(user peer.Key) {
	if a := m.account(user); a != nil {
		a.closed = true
	}
}

func (m *Rooms) place(k peer.Key) (int, bool) {
	return slices.BinarySearchFunc(m.accounts, k, func(a *account, k peer.Key) int { return bytes.Compare(a.key[:], k[:]) })
}

// account returns the account of a user who lives here, or nil.
func (m *Rooms) account(k peer.Key) *account {
	if at, ok := m.place(k); ok && !m.accounts[at].closed {
		return m.accounts[at]
	}
	return nil
}

// of returns the account of a user when his rooms are there, for calls from outside.
func (m *Rooms) of(t *task.T, user peer.Key) (*account, error) {
	if m.ep == nil {
		return nil, task.ErrStopped
	}
	a := m.account(user)
	if a == nil {
		return nil, ErrNoUser
	}
	if a.open {
		return a, nil
	}
	return task.Await(t, diskTimeout, func(resolve func(*account, error)) {
		a.waiting = append(a.waiting, func() { resolve(a, nil) })
	})
}

// Start implements kbr.App.
func (m *Rooms) Start(ep kbr.Endpoint) {
	m.ep = ep
	m.cards = cards.New(m.deps.Directory, ep)
	for _, a := range m.accounts {
		a.load()
	}
	m.ep.Go(m.tick, nil)
}

// load reads the user's rooms from the store, and tries again where that fails.
func (a *account) load() {
	m, key, step := a.rooms, a.key, a.rooms.cfg.ShelveAfter
	a.listed.alarm = alarm.New(alarm.Deps{Loop: m.ep, Step: step, Look: a.list, Again: a.listIn, First: step / sooner, Ended: a.troubled})
	type found struct {
		rooms   []*books.Loaded
		invites []*books.Invite
	}
	m.ep.Go(func(t *task.T) error {
		for {
			f, err := task.Work(t, diskTimeout, func() (found, error) {
				rooms, invites, err := books.LoadAll(m.deps.Store, key)
				return found{rooms, invites}, err
			})
			if err == nil {
				a.take(f.rooms, f.invites)
				return nil
			}
			if err := t.Sleep(time.Second + time.Duration(m.ep.Rand().Int64N(int64(time.Second)))); err != nil {
				return err
			}
		}
	}, nil)
}

// take puts what the store has in its place.
func (a *account) take(rooms []*books.Loaded, invites []*books.Invite) {
	if a.open {
		return
	}
	m := a.rooms
	for _, l := range rooms {
		if h, err := newHall(a, l); err == nil {
			a.insert(h)
			h.catchUp()
			h.shelveIn(m.cfg.ShelveAfter/2 + h.rank(m.cfg.ShelveAfter)) // what it was about to do when it stopped
		}
	}
	a.invites, a.open = invites, true
	a.listSoon()
	for _, f := range a.waiting {
		f()
	}
	a.waiting = nil
}

func (a *account) insert(h *hall) {
	at, _ := a.at(h.id)
	a.halls = slices.Insert(a.halls, at, h)
}

func (a *account) at(room id.Hash) (int, bool) {
	return slices.BinarySearchFunc(a.halls, room, func(h *hall, r id.Hash) int { return bytes.Compare(h.id[:], r[:]) })
}

// hall returns the user's room, or nil.
func (a *account) hall(room id.Hash) *hall {
	if at, ok := a.at(room); ok {
		return a.halls[at]
	}
	return nil
}

// Deliver implements kbr.App. This protocol goes directly from node to node: what is given
// rests on who the node at the other end is.
func (m *Rooms) Deliver(d *kbr.Delivery) {
	got, err := msg.Messages.Decode(d.Payload)
	switch {
	case err != nil:
		d.Refuse(msg.RefusedMalformed, "not a message of this protocol")
		return
	case !d.Direct:
		d.Refuse(msg.RefusedRouted, "messages of rooms go over a link of the two nodes")
		return
	case !m.served.Take(d.Via.ID, m.ep.Now()):
		d.Refuse(msg.RefusedBusy, "too many messages in a minute")
		return
	}
	switch said := got.(type) {
	case *msg.Push:
		m.serve(d, said.About, func(t *task.T, h *hall) error { return h.takePush(t, d, said) })
	case *msg.Sync:
		m.serve(d, said.About, func(t *task.T, h *hall) error { return h.takeSync(t, d, said) })
	case *msg.AskKey:
		m.serve(d, said.About, func(t *task.T, h *hall) error { return h.takeAskKey(t, d, said) })
	case *msg.Seen:
		m.serve(d, said.About, func(t *task.T, h *hall) error { return h.takeSeen(t, d, said) })
	case *msg.Find:
		m.takeFind(d, said)
	case *msg.Invite:
		m.takeInvite(d, said)
	default:
		d.Refuse(msg.RefusedMalformed, "an answer to nothing")
	}
}

// serve runs f for a message about a room of a user who lives here. What f gives back other
// than nil is told to who sent it.
func (m *Rooms) serve(d *kbr.Delivery, about *msg.About, f func(t *task.T, h *hall) error) {
	a := m.account(about.To)
	if a == nil || !a.open {
		d.Refuse(msg.RefusedBusy, "nobody of this key lives here, or his rooms are not here yet")
		return
	}
	h := a.hall(about.Room)
	if h == nil || !h.kept.Joined {
		d.Refuse(msg.RefusedUnknown, "not in this room")
		return
	}
	m.ep.Go(func(t *task.T) error { return f(t, h) }, func(err error) {
		if refusal := new(kbr.RefusedError); errors.As(err, &refusal) {
			d.Refuse(refusal.Code, refusal.Text)
		} else if err != nil {
			d.Refuse(msg.RefusedBusy, "could not be done now")
		}
	})
}

// Update implements kbr.App.
func (m *Rooms) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (m *Rooms) Stop() {}

// random returns a number of 128 bits that was never there before.
func (m *Rooms) random() id.ID {
	r := m.ep.Rand()
	return id.ID{Hi: r.Uint64(), Lo: r.Uint64() | 1}
}

// tick lets rooms compare their logs with other members' every now and then, at times that
// differ from node to node.
func (m *Rooms) tick(t *task.T) error {
	for {
		wait := m.cfg.SyncEvery/2 + time.Duration(m.ep.Rand().Int64N(int64(m.cfg.SyncEvery)))
		if err := t.Sleep(wait); err != nil {
			return err
		}
		for _, a := range m.accounts {
			a.listSeldom()
			for _, h := range a.halls {
				h.settle()
				h.compareWithOne()
				h.shelveSeldom(seldom)
			}
		}
	}
}
