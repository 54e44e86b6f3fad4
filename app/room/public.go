package room

import (
	"errors"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Public is a public room that somebody is in.
type Public struct {
	Room    id.Hash
	Title   string
	Members int
	Joined  bool // the user is in it, too

	founding *entry.Entry
	where    device
}

// FindPublic asks a person's nodes which public rooms he is in, by their titles. Errors are
// those of package directory where there is no such person, and ErrAway.
func (m *Rooms) FindPublic(t *task.T, user peer.Key, who string) ([]Public, error) {
	a, err := m.of(t, user)
	if err != nil {
		return nil, err
	}
	r, err := m.cards.Lookup(t, who)
	if err != nil {
		return nil, err
	}
	err = ErrAway
	for _, d := range r.Devices {
		var list []Public
		if list, err = m.askPublic(t, a, r, d.Node); err == nil {
			return list, nil
		}
	}
	if errors.Is(err, task.ErrStopped) {
		return nil, err
	}
	return nil, ErrAway
}

func (m *Rooms) askPublic(t *task.T, a *account, r *directory.Record, node id.ID) ([]Public, error) {
	to, err := kbr.Find(t, m.ep, node)
	if err != nil {
		return nil, err
	}
	ans, err := kbr.CallPeer(t, m.ep, to, msg.Encode(&msg.Find{To: r.Identity}), kbr.Options{Timeout: m.cfg.AskTimeout})
	if err != nil {
		return nil, err
	}
	said, err := msg.Messages.Decode(ans.Payload)
	if err != nil {
		return nil, err
	}
	got, ok := said.(*msg.Found)
	if !ok {
		return nil, errInvite
	}
	v := m.deps.Verifier
	right, err := task.Work(t, diskTimeout, func() (right []*msg.Listing, err error) {
		for _, x := range got.Rooms {
			var f entry.Founding
			if x.Founding.Kind == entry.FoundingKind && x.Founding.Verify(v) == nil && entry.Body(x.Founding, &f) == nil && f.Public {
				right = append(right, x)
			}
		}
		return right, nil
	})
	var list []Public
	for _, x := range right {
		h := a.hall(x.Founding.Hash())
		list = append(list, Public{Room: x.Founding.Hash(), Title: x.Title, Members: int(x.Members), Joined: h != nil && h.in(), founding: x.Founding,
			where: device{Who: dag.Person{Key: r.Identity, Name: string(r.Name)}, Node: node}})
	}
	slices.SortStableFunc(list, func(a, b Public) int { return strings.Compare(a.Title, b.Title) })
	return list, err
}

// JoinPublic enters a public room that somebody is in, called by its title or the beginning of
// its id: nobody is asked. Who was put out of it stays out, with ErrNotMember. Otherwise errors
// are those of FindPublic, ErrNoPublic and ErrAmbiguous.
func (m *Rooms) JoinPublic(t *task.T, user peer.Key, who, called string) (id.Hash, error) {
	a, err := m.another(t, user)
	if err != nil {
		return id.Hash{}, err
	}
	list, err := m.FindPublic(t, user, who)
	if err != nil {
		return id.Hash{}, err
	}
	list = slices.DeleteFunc(list, func(p Public) bool { return !isCalled(p.Room, p.Title, called) })
	switch len(list) {
	case 0:
		return id.Hash{}, ErrNoPublic
	case 1:
	default:
		return id.Hash{}, ErrAmbiguous
	}
	// Nobody has invited him: what he answers to is the founding itself.
	h, err := a.answer(t, &books.Invite{Founding: list[0].founding, Change: list[0].founding}, true)
	if err != nil {
		return id.Hash{}, err
	}
	return h.id, h.enter(t, list[0].where)
}

// enter makes the user a member of a public room by his own word, and gets what was said.
func (h *hall) enter(t *task.T, d device) error {
	// What was ruled before comes first, where it is given: who was put out learns it so.
	_ = h.compare(t, d)
	if h.log.State().Find(h.acc.key).Role <= entry.Out {
		if err := h.change(t, h.acc.key, h.acc.user.Name, entry.Member); err != nil {
			return err
		}
	}
	list, err := h.read(t, []id.Hash{h.log.State().Find(h.acc.key).Ruling})
	if err != nil {
		return err
	}
	h.spread.Push(t, d, list)
	_ = h.compare(t, d) // it is joined; the log may come later
	if !h.in() {
		return ErrNotMember
	}
	for _, e := range list {
		h.spread.Bring(e) // now it is known who else is there
	}
	return nil
}

// takeFind tells of the public rooms of a user who lives here.
func (m *Rooms) takeFind(d *kbr.Delivery, f *msg.Find) {
	a := m.account(f.To)
	if a == nil || !a.open {
		d.Refuse(msg.RefusedBusy, "nobody of this key lives here, or his rooms are not here yet")
		return
	}
	out := &msg.Found{}
	for _, h := range a.halls {
		if !h.in() || !h.log.Founding().Public || len(out.Rooms) == msg.MaxFound {
			continue
		}
		s := h.summary()
		out.Rooms = append(out.Rooms, &msg.Listing{Founding: h.kept.Founding, Title: s.Title, Members: uint32(len(s.Members))})
	}
	d.Reply(msg.Encode(out))
}
