package room

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Summary is what a list of rooms shows of one.
type Summary struct {
	Room    id.Hash
	Title   string
	Public  bool
	Role    entry.Role // of the user
	Joined  bool       // false: an invitation, or a room that the user has left
	Invited string     // who invites, by his name; empty where the user has answered
	Members []dag.Person
	Unread  int
	// Waiting tells that the user has joined, and what makes him a member has not come yet: it does by itself
	// when a member is there. It does not tell whether one is.
	Waiting bool
	// Forked are members who wrote two entries with one number: their devices were set back
	// to an older state, or they lie.
	Forked   []peer.Key
	Disputed bool // see dag.State
	Silent   bool // others are not told what the user has read
	// Stored tells that members put the log into the ring's storage, Entries how many entries it
	// has, and Unstored of them how many are not known to be there yet.
	Stored            bool
	Entries, Unstored int
	// Unlisted tells that the list by which the user's keys alone find his rooms is not known to
	// have this one: the list is in storage, too.
	Unlisted bool
	// StorageTrouble is why what belongs into storage could not be put there, or not be looked for,
	// when that was tried last; nil: it could. It is tried again, but for ErrLongLog. Of an Unlisted room it may be trouble
	// with the list.
	StorageTrouble error
	// Looking tells that storage was not compared with since the node started, so Unstored and Unlisted
	// are not known yet, and zero.
	Looking bool
}

// another is a user who has room for one more. The error is ErrNoName, ErrMany, or one of Rooms.of.
func (m *Rooms) another(t *task.T, user peer.Key) (*account, error) {
	a, err := m.of(t, user)
	switch {
	case err != nil:
		return nil, err
	case a.user.Name == "":
		return nil, ErrNoName
	case len(a.halls) >= m.cfg.MaxRooms:
		return nil, ErrMany
	}
	return a, nil
}

// Create makes a room with the user as its owner.
func (m *Rooms) Create(t *task.T, user peer.Key, title string, public bool) (id.Hash, error) {
	a, err := m.another(t, user)
	if err != nil {
		return id.Hash{}, err
	}
	if err := entry.CheckTitle(title); err != nil {
		return id.Hash{}, err
	}
	stream := m.random()
	body := wire.MustMarshal(&entry.Founding{Title: title, Name: a.user.Name, Public: public})
	e := &entry.Entry{Stream: stream, Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: m.ep.Wall().UnixMilli(), Body: body}
	signer := a.user.Signer
	founding, err := task.Work(t, diskTimeout, func() (*entry.Entry, error) { return e.Sign(signer), nil })
	if err != nil {
		return id.Hash{}, err
	}
	h, err := newHall(a, &books.Loaded{Room: founding.Hash(), Kept: books.Kept{Founding: founding}, Keys: books.Secrets{}})
	if err != nil {
		return id.Hash{}, err
	}
	if err := h.keep(t, new(store.Batch), func(k *books.Kept) { k.Stream, k.Joined = stream, true }); err != nil {
		return id.Hash{}, err
	}
	a.insert(h)
	a.listSoon()
	if !public {
		return h.id, h.beginEpoch(t)
	}
	return h.id, nil
}

// Invite makes a person a member of a room. He learns it as soon as a member's node reaches
// one of his.
func (m *Rooms) Invite(t *task.T, user peer.Key, room id.Hash, who string) error {
	h, err := m.rules(t, user, room)
	if err != nil {
		return err
	}
	r, err := m.cards.Lookup(t, who)
	if err != nil {
		return err
	}
	return h.change(t, r.Identity, string(r.Name), entry.Member)
}

// SetRole changes what a member is: entry.Out puts him out, entry.Owner hands the room over.
func (m *Rooms) SetRole(t *task.T, user peer.Key, room id.Hash, who peer.Key, role entry.Role) error {
	h, err := m.rules(t, user, room)
	if err != nil {
		return err
	}
	return h.change(t, who, h.log.State().Find(who).Name, role)
}

// change writes a change of what somebody is, if the user has the right to make it.
func (h *hall) change(t *task.T, who peer.Key, name string, role entry.Role) error {
	_, err := h.write(t, entry.ChangeKind, func(s *dag.State) (func() []byte, error) {
		mine, his := s.Role(h.acc.key), s.Find(who)
		switch {
		case who == h.acc.key && role == entry.Out && mine == entry.Owner:
			return nil, ErrOwnerGoes
		case who == h.acc.key && role == entry.Out:
		case mine < entry.Admin && !(who == h.acc.key && role == entry.Member && h.log.Founding().Public):
			return nil, ErrNotAdmin
		case mine < entry.Owner && (role > entry.Member || his.Role > entry.Member):
			return nil, ErrNotOwner
		case role > entry.Out && his.Role <= entry.Out && len(s.Readers())/peer.KeySize >= entry.MaxMembers:
			return nil, dag.ErrFull
		}
		c := &entry.Change{Who: who, Name: name, Role: role, Number: his.Number + 1}
		switch {
		case role == entry.Owner:
			c.Cut = h.log.Cut(h.acc.key)
		case role < his.Role:
			c.Cut = h.log.Cut(who)
		}
		return func() []byte { return wire.MustMarshal(c) }, nil
	})
	return err
}

// joinPatience is how long Join waits for the log: it goes on coming after that.
const joinPatience = 10 * time.Second

// Join accepts an invitation; a room that the user has joined he joins once more, for nothing. What was said before comes from the members
// who are there, or from storage: where that takes longer than ten seconds it goes on by itself (Summary.Waiting).
func (m *Rooms) Join(t *task.T, user peer.Key, room id.Hash) error {
	return m.reply(t, user, room, true)
}

// Decline refuses an invitation. It says so to nobody.
func (m *Rooms) Decline(t *task.T, user peer.Key, room id.Hash) error {
	return m.reply(t, user, room, false)
}

func (m *Rooms) reply(t *task.T, user peer.Key, room id.Hash, join bool) error {
	a, err := m.of(t, user)
	if err != nil {
		return err
	}
	k := a.invitation(room)
	switch h := a.hall(room); {
	case k == nil && h == nil:
		return ErrNoRoom
	case k == nil && join && h.kept.Joined:
		return nil // it was accepted before
	case k == nil:
		return ErrNotMember
	case join && len(a.halls) >= m.cfg.MaxRooms:
		return ErrMany
	}
	h, err := a.answer(t, k, join)
	if err != nil || !join {
		return err
	}
	_, err = task.Await(t, joinPatience, func(resolve func(struct{}, error)) {
		m.ep.Go(func(t *task.T) error {
			if !h.compareWith(t, dag.Person{Key: k.From, Name: k.Name}) {
				_ = h.shelve(t) // it is joined; the log may come later
			}
			h.settle()
			return nil
		}, func(error) { resolve(struct{}{}, nil) })
	})
	if errors.Is(err, task.ErrTimeout) {
		return nil
	}
	return err
}

// compareWith compares the log with one of a person's devices, and reports whether that was done.
func (h *hall) compareWith(t *task.T, who dag.Person) bool {
	devices, err := h.devices(t, who)
	return err == nil && slices.ContainsFunc(devices, func(d device) bool { return h.compare(t, d) == nil })
}

// Leave takes the user out of a room. What he has of it stays readable for him. Where its log is not
// here the others are not told: they have him for a member, and may invite him again.
func (m *Rooms) Leave(t *task.T, user peer.Key, room id.Hash) error {
	h, err := m.known(t, user, room)
	if err != nil {
		return err
	}
	if lacks := h.kept.Partial || h.fresh() && !h.in(); !h.kept.Joined || !lacks && !h.in() {
		return ErrNotMember
	} else if !lacks {
		if err := h.change(t, user, h.me().Name, entry.Out); err != nil {
			return err
		}
	}
	err = h.keep(t, new(store.Batch), func(k *books.Kept) { k.Joined = false })
	h.acc.listSoon()
	return err
}

// SetTitle names the room anew.
func (m *Rooms) SetTitle(t *task.T, user peer.Key, room id.Hash, title string) error {
	h, err := m.rules(t, user, room)
	if err != nil {
		return err
	}
	if err := entry.CheckTitle(title); err != nil {
		return err
	}
	_, err = h.write(t, entry.TitleKind, func(s *dag.State) (func() []byte, error) {
		if s.Role(user) < entry.Admin {
			return nil, ErrNotAdmin
		}
		body := &entry.Title{Title: title, Number: s.TitleNumber + 1}
		return func() []byte { return wire.MustMarshal(body) }, nil
	})
	return err
}

// inside returns a room in which the user is.
func (m *Rooms) inside(t *task.T, user peer.Key, room id.Hash) (*hall, error) {
	h, err := m.known(t, user, room)
	switch {
	case err != nil:
		return nil, err
	case h.in():
		return h, nil
	case h.kept.Joined && h.fresh():
		return nil, ErrPartial
	}
	return nil, ErrNotMember
}

// rules returns a room in which the user is, and may rule as far as its log is here: from an older state
// he would number what he changes as others have done since, and it would be lost.
func (m *Rooms) rules(t *task.T, user peer.Key, room id.Hash) (*hall, error) {
	h, err := m.inside(t, user, room)
	if err == nil && h.kept.Partial {
		return nil, ErrPartial
	}
	return h, err
}

// known returns a room that the user has, or had.
func (m *Rooms) known(t *task.T, user peer.Key, room id.Hash) (*hall, error) {
	a, err := m.of(t, user)
	if err != nil {
		return nil, err
	}
	if h := a.hall(room); h != nil {
		return h, nil
	}
	return nil, ErrNoRoom
}

// Find returns the room, or invitation, that a user calls by its title or the beginning of its
// id, with or without a sign before it.
func (m *Rooms) Find(t *task.T, user peer.Key, called string) (id.Hash, error) {
	a, err := m.of(t, user)
	if err != nil {
		return id.Hash{}, err
	}
	called = strings.TrimPrefix(called, "#")
	var found []id.Hash
	look := func(room id.Hash, title string) {
		if !slices.Contains(found, room) && isCalled(room, title, called) {
			found = append(found, room)
		}
	}
	for _, h := range a.halls {
		if !h.declined() {
			look(h.id, h.log.State().Title)
		}
	}
	for _, k := range a.invites {
		look(k.Founding.Hash(), k.Title)
	}
	switch len(found) {
	case 0:
		return id.Hash{}, ErrNoRoom
	case 1:
		return found[0], nil
	}
	return id.Hash{}, ErrAmbiguous
}

// isCalled reports whether a room is meant by its title or the beginning of its id.
func isCalled(room id.Hash, title, called string) bool {
	return title == called || len(called) >= 6 && strings.HasPrefix(room.String(), called)
}

// declined reports whether the room is no more than an invitation that was declined.
func (h *hall) declined() bool { return !h.kept.Joined && h.log.Len() == 1 }

func (h *hall) summary() Summary {
	s := h.log.State()
	x := Summary{Room: h.id, Title: s.Title, Public: h.log.Founding().Public, Role: s.Role(h.acc.key), Joined: h.kept.Joined,
		Unread: len(h.unread), Forked: h.log.Forked(), Disputed: s.Disputed, Silent: h.kept.Silent,
		Stored: s.Stored, Entries: h.log.Len(), Waiting: h.fresh() && !h.in()}
	if h.rooms().shelf != nil && h.kept.Joined {
		list := &h.acc.listed
		if x.StorageTrouble = h.shelf.trouble; x.StorageTrouble == nil && h.offList() {
			x.StorageTrouble = list.trouble
		}
		if x.StorageTrouble == nil && h.shelf.upkeep.Over {
			x.StorageTrouble = ErrLongLog
		}
		x.Looking = x.StorageTrouble == nil && (!h.shelf.upkeep.Compared || list.list == nil)
		x.Unlisted = !x.Looking && h.offList()
	}
	if s.Stored && !x.Looking {
		x.Unstored = min(h.shelf.upkeep.Unpacked, x.Entries)
	}
	for _, p := range s.People {
		if p.Role > entry.Out {
			x.Members = append(x.Members, p)
		}
	}
	return x
}

// Room returns one of the user's rooms; an invitation is none yet.
func (m *Rooms) Room(t *task.T, user peer.Key, room id.Hash) (Summary, error) {
	h, err := m.known(t, user, room)
	if err != nil {
		return Summary{}, err
	}
	return h.summary(), nil
}

// List returns the user's rooms by their titles, and his invitations. One that he has left, and is invited to
// again, is both.
func (m *Rooms) List(t *task.T, user peer.Key) ([]Summary, error) {
	a, err := m.of(t, user)
	if err != nil {
		return nil, err
	}
	var list []Summary
	for _, h := range a.halls {
		if !h.declined() {
			list = append(list, h.summary())
		}
	}
	for _, k := range a.invites {
		list = append(list, Summary{Room: k.Founding.Hash(), Title: k.Title, Role: entry.Member, Invited: k.Name})
	}
	slices.SortStableFunc(list, func(a, b Summary) int { return strings.Compare(a.Title, b.Title) })
	return list, nil
}

// Invited reports whether the user has an invitation to a room that he has not answered.
func (m *Rooms) Invited(t *task.T, user peer.Key, room id.Hash) (bool, error) {
	a, err := m.of(t, user)
	return err == nil && a.invitation(room) != nil, err
}
