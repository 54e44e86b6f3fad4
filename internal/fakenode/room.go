package fakenode

import (
	"context"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/api"
)

// chat is a room of a user of the node.
type chat struct {
	room api.Room
	user string
	said []api.RoomMessage
}

// chat returns a user's room. The caller holds the lock.
func (n *Node) chat(user, called string) (*chat, string, error) {
	me, err := n.user(user)
	if err != nil {
		return nil, "", err
	}
	called = strings.TrimPrefix(called, "#")
	for _, c := range n.chats {
		if c.user == me && (c.room.Name == called || len(called) >= 6 && strings.HasPrefix(c.room.ID, called)) {
			return c, me, nil
		}
	}
	return nil, "", api.Errorf(api.NotFound, "no such room: see `phyllo room list`")
}

// InviteToRoom lets a person of the ring invite a user of the node.
func (n *Node) InviteToRoom(user, by, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chats = append(n.chats, &chat{user: user, room: api.Room{ID: hash("room " + name).String(), Name: name, Role: api.RoleMember, Invited: by}})
}

// SayInRoom lets a person of the ring say something in a room of a user of the node.
func (n *Node) SayInRoom(user, by, room, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(user, room)
	if err != nil {
		panic(err)
	}
	c.said = append(c.said, api.RoomMessage{ID: hash("words " + n.next().String()).String(), From: by, Text: text, SentAt: n.clock, Unread: true})
	c.room.Unread++
}

// RoomList implements api.Node.
func (n *Node) RoomList(_ context.Context, user string) ([]api.Room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	me, err := n.user(user)
	if err != nil {
		return nil, err
	}
	var list []api.Room
	for _, c := range n.chats {
		if c.user == me {
			r := c.room
			r.Members = slices.Clone(r.Members)
			list = append(list, r)
		}
	}
	return list, nil
}

// RoomCreate implements api.Node.
func (n *Node) RoomCreate(_ context.Context, q api.RoomCreate) (*api.Room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	me, err := n.user(q.User)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(q.Name, "#")
	if name == "" || len(name) > 128 {
		return nil, api.Errorf(api.Usage, "not a name for a room: it has %d bytes, want 1 to 128: choose one as garden or \"book club\"", len(name))
	}
	if slices.ContainsFunc(n.chats, func(c *chat) bool { return c.user == me && c.room.Joined && c.room.Name == name }) {
		return nil, api.Errorf(api.Failed, "you are in a room called %+q already: choose another name (`phyllo room list` lists yours)", name)
	}
	c := &chat{user: me, room: api.Room{ID: hash("room " + name).String(), Name: name, Public: q.Public, Stored: q.Stored, Role: api.RoleOwner, Joined: true,
		Members: []api.RoomMember{{Name: me, Key: fingerprint(me), Role: api.RoleOwner}}}}
	n.chats = append(n.chats, c)
	return &c.room, nil
}

// RoomInvite implements api.Node.
func (n *Node) RoomInvite(_ context.Context, q api.RoomWho) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err != nil {
		return err
	}
	if _, err := person(q.Name); err != nil {
		return err
	}
	if c.room.Role != api.RoleOwner {
		return api.Errorf(api.Denied, "only an admin of the room can do this: ask one, see `phyllo room list`")
	}
	c.room.Members = append(c.room.Members, api.RoomMember{Name: q.Name, Key: fingerprint(q.Name), Role: api.RoleMember})
	return nil
}

// RoomFind implements api.Node: everybody is in the room square.
func (n *Node) RoomFind(_ context.Context, q api.RoomFind) ([]api.RoomFound, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := person(q.Name); err != nil {
		return nil, err
	}
	_, _, err := n.chat(q.User, "square")
	return []api.RoomFound{{ID: hash("room square").String(), Name: "square", Members: 3, Joined: err == nil}}, nil
}

// RoomJoin implements api.Node: who invites has said hello.
func (n *Node) RoomJoin(_ context.Context, q api.RoomQuery) (*api.Room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if who, called, public := strings.Cut(q.Room, "/"); public {
		me, err := n.user(q.User)
		if err == nil {
			_, err = person(who)
		}
		if err == nil && called != "square" {
			err = api.Errorf(api.NotFound, "he is in no public room of this name: see `phyllo room find NAME`")
		}
		if err != nil {
			return nil, err
		}
		n.chats = append(n.chats, &chat{user: me, room: api.Room{ID: hash("room square").String(), Name: called, Public: true, Role: api.RoleMember, Invited: who}})
		q.Room = called
	}
	c, me, err := n.chat(q.User, q.Room)
	if err != nil {
		return nil, err
	}
	by := c.room.Invited
	c.room.Invited, c.room.Joined = "", true
	c.room.Members = []api.RoomMember{{Name: by, Key: fingerprint(by), Role: api.RoleOwner}, {Name: me, Key: fingerprint(me), Role: api.RoleMember}}
	c.said = append(c.said, api.RoomMessage{ID: hash("hello").String(), From: by, Text: "hello", SentAt: n.clock, Unread: true})
	c.room.Unread++
	return &c.room, nil
}

// RoomLeave implements api.Node.
func (n *Node) RoomLeave(_ context.Context, q api.RoomQuery) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	switch {
	case err != nil:
		return err
	case c.room.Role == api.RoleOwner:
		return api.Errorf(api.Failed, "the owner cannot leave the room before it is handed over: make somebody else the owner first: `phyllo room role ROOM NAME owner`")
	}
	n.chats = slices.DeleteFunc(n.chats, func(x *chat) bool { return x == c })
	return nil
}

// RoomRole implements api.Node.
func (n *Node) RoomRole(_ context.Context, q api.RoomRole) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err != nil {
		return err
	}
	for i, m := range c.room.Members {
		if m.Name != q.Name && m.Key != q.Name {
			continue
		}
		switch q.Role {
		case api.RoleOut:
			c.room.Members = slices.Delete(c.room.Members, i, i+1)
			return nil
		case api.RoleOwner:
			c.room.Role = api.RoleAdmin
			for j := range c.room.Members {
				if c.room.Members[j].Role == api.RoleOwner {
					c.room.Members[j].Role = api.RoleAdmin
				}
			}
		}
		c.room.Members[i].Role = q.Role
		return nil
	}
	return api.Errorf(api.NotFound, "nobody of this name is in the room: see `phyllo room list`")
}

// RoomRename implements api.Node.
func (n *Node) RoomRename(_ context.Context, q api.RoomRename) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err == nil {
		c.room.Name = strings.TrimPrefix(q.Name, "#")
	}
	return err
}

// RoomSet implements api.Node.
func (n *Node) RoomSet(_ context.Context, q api.RoomSet) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err == nil && q.Receipts != nil {
		c.room.Silent = !*q.Receipts
	}
	if err == nil && q.Stored != nil {
		c.room.Stored, c.room.Entries, c.room.Unstored, c.room.StorageTrouble = *q.Stored, 0, 0, ""
		if c.room.Stored { // as a room of four entries looks for a moment
			c.room.Entries, c.room.Unstored, c.room.StorageTrouble = 4, 1, "20 of 20 bytes are used: offer more with `phyllo offer SIZE`"
		}
	}
	return err
}

// RoomSay implements api.Node.
func (n *Node) RoomSay(_ context.Context, q api.RoomSay) (*api.RoomSaid, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, me, err := n.chat(q.User, q.Room)
	switch {
	case err != nil:
		return nil, err
	case !c.room.Joined:
		return nil, api.Errorf(api.Denied, "you are not a member of this room: ask one of its admins for an invitation")
	}
	if q.File != nil {
		q.Text = enclosed(q.Text, q.File)
	}
	if q.Edits != "" {
		for i := range c.said {
			if c.said[i].ID == q.Edits {
				c.said[i].Text, c.said[i].Edited, c.said[i].Removed = q.Text, q.Text != "", q.Text == ""
			}
		}
		return &api.RoomSaid{ID: q.Edits, Room: c.room.ID, Name: c.room.Name}, nil
	}
	m := api.RoomMessage{ID: hash("words " + n.next().String()).String(), From: me, Text: q.Text, SentAt: n.clock, Reply: q.Reply, Mine: true}
	c.said = append(c.said, m)
	n.feed.Publish(&api.Event{Kind: api.EventRoom, Time: n.clock, User: me, Room: c.room.ID})
	return &api.RoomSaid{ID: m.ID, Room: c.room.ID, Name: c.room.Name}, nil
}

// RoomHistory implements api.Node.
func (n *Node) RoomHistory(_ context.Context, q api.RoomQuery) ([]api.RoomMessage, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(c.said)
	for i := range list {
		if q.Receipts { // the first of the others has all on his computer
			others := slices.DeleteFunc(slices.Clone(c.room.Members), func(m api.RoomMember) bool { return m.Name == list[i].From })
			list[i].Receipts = &api.RoomReceipts{Of: len(others)}
			if len(others) > 0 {
				list[i].Receipts.Delivered, list[i].Receipts.DeliveredTo = 1, []string{others[0].Name}
			}
		}
	}
	if q.Limit > 0 && len(list) > q.Limit {
		list = list[len(list)-q.Limit:]
	}
	return list, nil
}

// RoomRead implements api.Node.
func (n *Node) RoomRead(_ context.Context, q api.RoomQuery) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := n.chat(q.User, q.Room)
	if err == nil {
		c.room.Unread = 0
		for i := range c.said {
			c.said[i].Unread = false
		}
	}
	return err
}
