package ui_test

import (
	"context"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// The node's rooms are those of a fake.

func (n *node) RoomList(ctx context.Context, user string) ([]api.Room, error) {
	if slices.Contains(fakenode.People, user) {
		return nil, nil
	}
	return n.shelf.RoomList(ctx, user)
}

func (n *node) RoomCreate(ctx context.Context, q api.RoomCreate) (*api.Room, error) {
	return n.shelf.RoomCreate(ctx, q)
}

func (n *node) RoomInvite(ctx context.Context, q api.RoomWho) error {
	return n.shelf.RoomInvite(ctx, q)
}

func (n *node) RoomJoin(ctx context.Context, q api.RoomQuery) (*api.Room, error) {
	return n.shelf.RoomJoin(ctx, q)
}

func (n *node) RoomLeave(ctx context.Context, q api.RoomQuery) error {
	return n.shelf.RoomLeave(ctx, q)
}

func (n *node) RoomSay(ctx context.Context, q api.RoomSay) (*api.RoomSaid, error) {
	defer n.tell(&api.Event{Kind: api.EventRoom, User: q.User})
	return n.shelf.RoomSay(ctx, q)
}

func (n *node) RoomHistory(ctx context.Context, q api.RoomQuery) ([]api.RoomMessage, error) {
	return n.shelf.RoomHistory(ctx, q)
}

func (n *node) RoomRead(ctx context.Context, q api.RoomQuery) error { return n.shelf.RoomRead(ctx, q) }

// lives lets somebody live on the fake that has the rooms, too. Those whom it knows as people
// elsewhere have none.
func (n *node) lives(name string) {
	if slices.Contains(fakenode.People, name) {
		return
	}
	if _, err := n.shelf.UserAdd(context.Background(), api.UserRequest{Name: name}); err != nil {
		panic(err)
	}
}

// testRooms: a room is made and somebody invited; an invitation is accepted, what was said
// before is read, and what is said by others comes by itself.
func testRooms(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	desk := enter(t, b, n, "rooms", browser.Desktop)
	shows(desk, "#rooms-empty", "No rooms yet")
	desk.Click("#new-room")
	desk.Type("#room-ask-text", "garden")
	desk.Press("Enter")
	shows(desk, "#room-name", "#garden")
	desk.Type("#room-text", "anybody <b>here</b>?")
	desk.Press("Enter")
	shows(desk, "#room-messages .mine .text", "anybody <b>here</b>?")
	desk.Click("#room-invite")
	desk.Type("#room-ask-text", "nobody")
	desk.Press("Enter")
	shows(desk, "#room-ask-error", `Nobody has the name "nobody"`)
	desk.Eval(`void (document.querySelector("#room-ask-text").value = "")`, nil)
	desk.Type("#room-ask-text", "bob")
	desk.Press("Enter")
	shows(desk, "#room-members", "ann, bob")
	desk.Type("#room-text", "welcome")
	desk.Press("Enter")
	shows(desk, "#room-messages .mine:last-child .note", "delivered")
	desk.Eval(`void document.querySelector("#rooms").scrollIntoView()`, nil)
	desk.Screenshot("rooms")

	phone := enter(t, b, n, "rooms-phone", browser.Phone)
	n.shelf.InviteToRoom("ann", "carol", "book club")
	n.tell(&api.Event{Kind: api.EventRoom, User: "ann"})
	shows(phone, "#tab-rooms", "1")
	view(phone, "rooms")
	shows(phone, "#rooms-list .badge", "invitation")
	phone.Screenshot("rooms-list")
	phone.Click(`.person[data-room="book club"]`)
	shows(phone, "#room-invited-words", "carol has made you a member of #book club")
	phone.Screenshot("rooms-invited")
	phone.Click("#room-join")
	shows(phone, "#room-messages .theirs .text", "hello")
	shows(phone, "#room-messages .theirs .who", "carol")
	hides(phone, "#tab-rooms")
	phone.Type("#room-text", "what do we read?")
	phone.Click("#room-say")
	shows(phone, "#room-messages .mine .text", "what do we read?")
	phone.Screenshot("rooms-thread")
	phone.Click("#room-back")
	phone.Click(`.person[data-room="book club"]`)
	phone.Click("#room-leave")
	phone.WaitFor(`!document.querySelector('.person[data-room="book club"]')`, soon)
}
