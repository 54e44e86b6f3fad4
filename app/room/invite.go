package room

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// tellOf tells somebody, on one of his devices, of which the room is not known, that he is a
// member. Who is not one any more is told nothing, and above all no key.
func (h *hall) tellOf(t *task.T, d device) {
	if d.Who.Key == h.acc.key || !h.shares(d.Who.Key) {
		return
	}
	made := h.log.State().Find(d.Who.Key).Ruling
	if made.IsZero() {
		if made = h.id; d.Who.Key != h.kept.Founding.Author {
			return
		}
	}
	list, err := h.read(t, []id.Hash{made})
	if made == h.id {
		list = []*entry.Entry{h.kept.Founding}
	}
	if err != nil || len(list) != 1 {
		return
	}
	title, name, epoch := h.log.State().Title, h.acc.user.Name, h.log.State().Epoch.Entry
	k, err := h.sealKey(t, epoch, d.Who.Name, d.Who.Key)
	if err != nil {
		k, epoch = nil, id.Hash{} // he asks for it when he has joined
	}
	_, _ = h.ask(t, d, func(a *msg.About) wire.Message {
		return &msg.Invite{About: a, Name: name, Title: title, Founding: h.kept.Founding, Change: list[0], Epoch: epoch, Key: k}
	})
}

// takeInvite keeps an invitation for a user who lives here, until he joins or declines.
func (m *Rooms) takeInvite(d *kbr.Delivery, i *msg.Invite) {
	a := m.account(i.About.To)
	if a == nil || !a.open {
		d.Refuse(msg.RefusedBusy, "nobody of this key lives here, or his rooms are not here yet")
		return
	}
	if h := a.hall(i.About.Room); h != nil && h.kept.Joined || len(a.invites) >= m.cfg.MaxInvitations && a.invitation(i.About.Room) == nil {
		d.Refuse(msg.RefusedBusy, "no room for this invitation")
		return
	}
	m.ep.Go(func(t *task.T) error {
		if _, err := m.cards.Vouch(t, d, i.Name, i.About.From); err != nil {
			return err
		}
		if err := m.right(t, i); err != nil {
			return err
		}
		return a.keepInvite(t, i)
	}, func(err error) {
		if err != nil {
			d.Refuse(msg.RefusedDenied, "not a right invitation")
			return
		}
		d.Reply(msg.Encode(&msg.Took{}))
	})
}

// right checks that an invitation is what it says.
func (m *Rooms) right(t *task.T, i *msg.Invite) error {
	if !i.Fits() {
		return errInvite
	}
	v, founding, change := m.deps.Verifier, i.Founding, i.Change
	_, err := task.Work(t, diskTimeout, func() (struct{}, error) {
		if founding.Verify(v) != nil || change.Verify(v) != nil {
			return struct{}{}, errInvite
		}
		return struct{}{}, nil
	})
	return err
}

var errInvite = &kbr.RefusedError{Code: msg.RefusedDenied, Text: "not a right invitation"}

func (a *account) invitation(room id.Hash) *books.Invite {
	at := slices.IndexFunc(a.invites, func(k *books.Invite) bool { return k.Founding.Hash() == room })
	if at < 0 {
		return nil
	}
	return a.invites[at]
}

// keepInvite makes an invitation durable. One that the user has answered is not taken again.
func (a *account) keepInvite(t *task.T, i *msg.Invite) error {
	room := i.About.Room
	if a.invitation(room) != nil {
		return nil
	}
	if h := a.hall(room); h != nil && h.kept.Answered == i.Change.Hash() {
		return nil
	}
	k := &books.Invite{Founding: i.Founding, Change: i.Change, Title: i.Title, From: i.About.From, Name: i.Name, Time: a.rooms.ep.Wall().UnixMilli()}
	if i.Key != nil {
		var err error
		if k.Key, err = a.openKey(t, room, i.Epoch, i.Key); errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	b := a.book(room)
	if _, err := task.Work(t, diskTimeout, func() (struct{}, error) { return struct{}{}, b.PutInvite(k) }); err != nil {
		return err
	}
	if a.invitation(room) == nil {
		a.invites = append(a.invites, k)
		a.rooms.emit(Event{Kind: Invited, User: a.key, Room: room})
	}
	return nil
}

// answer turns an invitation into a room, which the user has joined or has not.
func (a *account) answer(t *task.T, k *books.Invite, joined bool) (*hall, error) {
	room := k.Founding.Hash()
	h, err := a.settleInvite(t, k, joined)
	if err != nil {
		return nil, err
	}
	a.listSoon()
	if !joined || k.Key.IsZero() {
		return h, nil
	}
	return h, h.keys.Remember(t, entry.KeyProof(room, k.Key), k.Key)
}

// settleInvite makes the answer to an invitation durable.
func (a *account) settleInvite(t *task.T, k *books.Invite, joined bool) (*hall, error) {
	room := k.Founding.Hash()
	h, err := a.hallOf(t, k.Founding)
	if err != nil {
		return nil, err
	}
	defer a.rooms.turns.Leave(h.keeping)
	next := books.Kept{Founding: k.Founding, Stream: a.rooms.random(), Joined: joined, Answered: k.Change.Hash(), Read: h.kept.Read, Silent: h.kept.Silent, Packer: h.kept.Packer,
		// Found on the user's list meanwhile, or its founder's who has lost what he had of it: the log is not here.
		Partial: h.kept.Partial || k.Founding.Author == a.key && h.log.Len() == 1}
	if c := new(entry.Change); k.Change.Kind == entry.ChangeKind && entry.Body(k.Change, c) == nil {
		next.Since = c.Number
	}
	b := h.book()
	if _, err := task.Work(t, diskTimeout, func() (struct{}, error) {
		var batch store.Batch
		b.Keep(&batch, &next)
		b.Answer(&batch)
		return struct{}{}, b.Store.Apply(&batch)
	}); err != nil {
		return nil, err
	}
	h.kept = next
	if a.hall(room) == nil {
		a.insert(h)
	}
	a.invites = slices.DeleteFunc(a.invites, func(x *books.Invite) bool { return x.Founding.Hash() == room })
	return h, nil
}

// hallOf returns the user's room that began with a founding, a new one if there is none, and has taken
// its turn at what is kept of it: so nobody else begins it, or changes what is kept, until it is left.
func (a *account) hallOf(t *task.T, founding *entry.Entry) (*hall, error) {
	room := founding.Hash()
	fresh, err := newHall(a, &books.Loaded{Room: room, Kept: books.Kept{Founding: founding}, Keys: books.Secrets{}})
	if err != nil {
		return nil, err
	}
	if err := a.rooms.turns.Take(t, fresh.keeping); err != nil {
		return nil, err
	}
	if h := a.hall(room); h != nil {
		return h, nil
	}
	return fresh, nil
}
