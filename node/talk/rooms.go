package talk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/dag"
	entries "github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// forRooms is the user as rooms know him.
func forRooms(u *people.Resident) room.User {
	out := room.User{Name: u.Name(), Signer: u.Signer}
	for _, s := range u.Seals {
		out.Seals = append(out.Seals, room.SealPair{Number: uint32(s.Number()), Opener: s})
	}
	return out
}

// inRoom runs g as a task for a user and a room of his.
func inRoom[A any](ctx context.Context, f Face, user, called string, g func(*task.T, *room.Rooms, peer.Key, id.Hash) (A, error)) (A, error) {
	return withUser(ctx, f, user, func(t *task.T, h *Here, u *people.Resident) (A, error) {
		r, err := h.rooms.Find(t, u.Key(), called)
		if err != nil {
			var none A
			return none, err
		}
		return g(t, h.rooms, u.Key(), r)
	})
}

func apiRoom(s *room.Summary) *api.Room {
	r := &api.Room{ID: s.Room.String(), Name: s.Title, Public: s.Public, Role: s.Role.String(), Joined: s.Joined, Invited: s.Invited, Unread: s.Unread, Silent: s.Silent,
		Stored: s.Stored, Unlisted: s.Unlisted, Looking: s.Looking, Waiting: s.Waiting}
	if s.StorageTrouble != nil {
		r.StorageTrouble = strings.ReplaceAll(kind.Give(s.StorageTrouble).Error(), "\n", ": ")
	}
	if s.Stored {
		r.Entries, r.Unstored = s.Entries, s.Unstored
	}
	members := slices.SortedStableFunc(slices.Values(s.Members), func(a, b dag.Person) int {
		return cmp.Or(cmp.Compare(b.Role, a.Role), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range members {
		r.Members = append(r.Members, api.RoomMember{Name: p.Name, Key: directory.Fingerprint(p.Key), Role: p.Role.String()})
	}
	switch {
	case s.Disputed:
		r.Trouble = "it was handed over to two people: ask them who it was meant for"
	case len(s.Forked) > 0:
		r.Trouble = "somebody's computer was set back to an older state, or lies: what it wrote is there twice"
	}
	return r
}

// RoomList implements api.Node.
func (f Face) RoomList(ctx context.Context, user string) ([]api.Room, error) {
	return withUser(ctx, f, user, func(t *task.T, h *Here, u *people.Resident) ([]api.Room, error) {
		list, err := h.rooms.List(t, u.Key())
		var out []api.Room
		for i, s := range list {
			// A room that he has left, and is invited to again, is an invitation.
			again := func(x room.Summary) bool { return x.Room == s.Room && x.Invited != "" }
			if s.Joined || s.Invited != "" || !slices.ContainsFunc(list, again) {
				out = append(out, *apiRoom(&list[i]))
			}
		}
		return out, err
	})
}

// roomNow returns a user's room as it is now.
func roomNow(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (*api.Room, error) {
	s, err := m.Room(t, user, r)
	if err != nil {
		return nil, err
	}
	return apiRoom(&s), nil
}

// RoomCreate implements api.Node. Who is in a room of this name would have two that he could name by
// their ids alone.
func (f Face) RoomCreate(ctx context.Context, q api.RoomCreate) (*api.Room, error) {
	return withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (*api.Room, error) {
		name := strings.TrimPrefix(q.Name, "#")
		list, err := h.rooms.List(t, u.Key())
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(s room.Summary) bool { return s.Joined && s.Title == name }) {
			return nil, api.Errorf(api.Failed, "you are in a room called %+q already: choose another name (`phyllo room list` lists yours)", name)
		}
		r, err := h.rooms.Create(t, u.Key(), name, q.Public)
		if err == nil && q.Stored {
			err = h.rooms.SetStored(t, u.Key(), r, true)
		}
		if err != nil {
			return nil, err
		}
		return roomNow(t, h.rooms, u.Key(), r)
	})
}

// RoomInvite implements api.Node.
func (f Face) RoomInvite(ctx context.Context, q api.RoomWho) error {
	_, err := inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		if err := m.Invite(t, user, r, q.Name); err != nil {
			return struct{}{}, kind.AboutName(err, q.Name)
		}
		return struct{}{}, nil
	})
	return err
}

// RoomFind implements api.Node.
func (f Face) RoomFind(ctx context.Context, q api.RoomFind) ([]api.RoomFound, error) {
	out, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (out []api.RoomFound, err error) {
		list, err := h.rooms.FindPublic(t, u.Key(), q.Name)
		for _, p := range list {
			out = append(out, api.RoomFound{ID: p.Room.String(), Name: p.Title, Members: p.Members, Joined: p.Joined})
		}
		return out, err
	})
	return out, kind.AboutName(err, q.Name)
}

// RoomJoin implements api.Node.
func (f Face) RoomJoin(ctx context.Context, q api.RoomQuery) (*api.Room, error) {
	who, called, public := strings.Cut(strings.TrimPrefix(q.Room, "#"), "/")
	if public {
		x, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (*api.Room, error) {
			// An invitation to a room of this very name comes first.
			if _, err := h.rooms.Find(t, u.Key(), q.Room); !errors.Is(err, room.ErrNoRoom) {
				return nil, err
			}
			r, err := h.rooms.JoinPublic(t, u.Key(), who, strings.TrimPrefix(called, "#"))
			if err != nil {
				return nil, err
			}
			return roomNow(t, h.rooms, u.Key(), r)
		})
		if err != nil || x != nil {
			return x, kind.AboutName(err, who)
		}
	}
	return inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (*api.Room, error) {
		if err := m.Join(t, user, r); err != nil {
			return nil, err
		}
		return roomNow(t, m, user, r)
	})
}

// RoomLeave implements api.Node.
func (f Face) RoomLeave(ctx context.Context, q api.RoomQuery) error {
	_, err := inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		if invited, err := m.Invited(t, user, r); err != nil || invited {
			if err == nil {
				err = m.Decline(t, user, r)
			}
			return struct{}{}, err
		}
		return struct{}{}, m.Leave(t, user, r)
	})
	return err
}

// RoomRole implements api.Node.
func (f Face) RoomRole(ctx context.Context, q api.RoomRole) error {
	role, err := typed.Role(q.Role)
	if err != nil {
		return err
	}
	_, err = inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		who, err := roomMember(t, m, user, r, q.Name)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, m.SetRole(t, user, r, who.Key, role)
	})
	return err
}

// roomMember finds a member of a room by his name or fingerprint.
func roomMember(t *task.T, m *room.Rooms, user peer.Key, r id.Hash, called string) (dag.Person, error) {
	s, err := m.Room(t, user, r)
	if err != nil {
		return dag.Person{}, err
	}
	for _, p := range s.Members {
		if p.Name == called || directory.Fingerprint(p.Key) == called {
			return p, nil
		}
	}
	return dag.Person{}, room.ErrNoMember
}

// RoomRename implements api.Node.
func (f Face) RoomRename(ctx context.Context, q api.RoomRename) error {
	_, err := inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		return struct{}{}, m.SetTitle(t, user, r, strings.TrimPrefix(q.Name, "#"))
	})
	return err
}

// messageOf reads the id of a message; empty: none.
func messageOf(s string) (id.Hash, error) {
	if s == "" {
		return id.Hash{}, nil
	}
	return typed.Message(s)
}

// RoomSay implements api.Node.
func (f Face) RoomSay(ctx context.Context, q api.RoomSay) (*api.RoomSaid, error) {
	w := entries.Words{Text: q.Text}
	var err error
	if w.Reply, err = messageOf(q.Reply); err != nil {
		return nil, err
	}
	if w.Edits, err = messageOf(q.Edits); err != nil {
		return nil, err
	}
	if q.File != nil {
		if w.Text, err = f.enclosed(ctx, q.User, q.Text, *q.File); err != nil {
			return nil, err
		}
	}
	return inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (*api.RoomSaid, error) {
		said, err := m.Say(t, user, r, w)
		if err != nil {
			return nil, err
		}
		x, err := m.Room(t, user, r)
		if err != nil {
			return nil, err
		}
		return &api.RoomSaid{ID: said.String(), Room: r.String(), Name: x.Title}, nil
	})
}

// RoomHistory implements api.Node.
func (f Face) RoomHistory(ctx context.Context, q api.RoomQuery) ([]api.RoomMessage, error) {
	if q.Limit < 0 {
		return nil, api.Errorf(api.Usage, "%d messages cannot be shown: 1 and more can, or 0 for all", q.Limit)
	}
	return inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) ([]api.RoomMessage, error) {
		list, err := m.History(t, user, r, q.Limit)
		if err != nil {
			return nil, err
		}
		var reached []api.RoomReceipts
		if q.Receipts {
			if reached, err = roomReceipts(t, m, user, r, list); err != nil {
				return nil, err
			}
		}
		var out []api.RoomMessage
		for i, x := range list {
			a := api.RoomMessage{ID: x.Entry.String(), From: x.Name, Text: x.Text, SentAt: x.Time.UTC(), Mine: x.Author == user,
				Edited: x.Edited, Removed: x.Removed, Locked: x.Locked, Unread: x.Unread}
			if a.From == "" {
				a.From = directory.Fingerprint(x.Author)
			}
			if !x.Reply.IsZero() {
				a.Reply = x.Reply.String()
			}
			if q.Receipts {
				a.Receipts = &reached[i]
			}
			out = append(out, a)
		}
		return out, nil
	})
}

// roomReceipts are how far messages have come.
func roomReceipts(t *task.T, m *room.Rooms, user peer.Key, r id.Hash, list []room.Message) ([]api.RoomReceipts, error) {
	ids := make([]id.Hash, len(list))
	for i, x := range list {
		ids[i] = x.Entry
	}
	reached, err := m.Reached(t, user, r, ids)
	if err != nil {
		return nil, err
	}
	out := make([]api.RoomReceipts, len(list))
	for i, x := range reached {
		out[i] = api.RoomReceipts{Of: x.Of, Delivered: len(x.Has), Read: len(x.Read)}
		if x.Of < api.MaxReceiptNames {
			out[i].DeliveredTo, out[i].ReadBy = namesOf(x.Has), namesOf(x.Read)
		}
	}
	return out, nil
}

// namesOf are what people in a room are called, sorted.
func namesOf(list []dag.Person) []string {
	var out []string
	for _, p := range list {
		out = append(out, cmp.Or(p.Name, directory.Fingerprint(p.Key)))
	}
	slices.Sort(out)
	return out
}

// RoomSet implements api.Node.
func (f Face) RoomSet(ctx context.Context, q api.RoomSet) error {
	_, err := inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		if q.Stored != nil { // it can be refused: first
			if err := m.SetStored(t, user, r, *q.Stored); err != nil {
				return struct{}{}, err
			}
		}
		if q.Receipts == nil {
			return struct{}{}, nil
		}
		return struct{}{}, m.SetReceipts(t, user, r, *q.Receipts)
	})
	return err
}

// RoomRead implements api.Node.
func (f Face) RoomRead(ctx context.Context, q api.RoomQuery) error {
	_, err := inRoom(ctx, f, q.User, q.Room, func(t *task.T, m *room.Rooms, user peer.Key, r id.Hash) (struct{}, error) {
		return struct{}{}, m.MarkRead(t, user, r)
	})
	return err
}
