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

func (n *node) RoomFind(ctx context.Context, q api.RoomFind) ([]api.RoomFound, error) {
	return n.shelf.RoomFind(ctx, q)
}

func (n *node) RoomRole(ctx context.Context, q api.RoomRole) error { return n.shelf.RoomRole(ctx, q) }

func (n *node) RoomRename(ctx context.Context, q api.RoomRename) error {
	return n.shelf.RoomRename(ctx, q)
}

func (n *node) RoomSet(ctx context.Context, q api.RoomSet) error { return n.shelf.RoomSet(ctx, q) }

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
	testRoomThread(t, n, desk)
	testRoomPeople(t, n, desk)

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
	phone.Click("#room-about summary")
	phone.Screenshot("rooms-about")
	phone.Click("#room-leave")
	shows(phone, "#room-sure-words", "Leave #book club? You come back only if somebody invites you")
	phone.Click("#room-sure-yes")
	phone.WaitFor(`!document.querySelector('.person[data-room="book club"]')`, soon)
	testPublicRooms(phone)
}

// testRoomThread: words are answered, changed and taken back, and a thread is shown alone.
func testRoomThread(t *testing.T, n *node, p *browser.Page) {
	n.shelf.SayInRoom("ann", "bob", "garden", "the beans are ripe")
	n.tell(&api.Event{Kind: api.EventRoom, User: "ann"})
	shows(p, "#room-messages .theirs .text", "the beans are ripe")
	const bobs = `#room-messages .theirs `
	p.Click(bobs + ".more")
	p.Click(bobs + ".does button")
	shows(p, "#room-target-words", "To bob: the beans are ripe")
	p.Type("#room-text", "who picks <i>them</i>?")
	p.Press("Enter")
	shows(p, "#room-messages .mine:last-child .quote", "bob: the beans are ripe")
	hides(p, "#room-target")
	shows(p, bobs+".answers", "1 answer")

	const last = `#room-messages .mine:last-child `
	p.Click(last + ".more")
	p.Click(last + ".does button:nth-child(2)")
	shows(p, "#room-target-words", "You change what you said")
	var text string
	if p.Eval(`document.querySelector("#room-text").value`, &text); text != "who picks <i>them</i>?" {
		t.Errorf("what is changed begins as %q", text)
	}
	p.Type("#room-text", " Today.")
	p.Click("#room-say")
	shows(p, last+".text", "who picks <i>them</i>? Today.")
	shows(p, last+".note", "edited")
	p.WaitFor(`document.querySelector("#room-text").value == ""`, soon)
	p.Type("#room-text", "I was not asked")
	p.Press("Enter")
	shows(p, last+".text", "I was not asked")
	p.Click(last + ".more")
	p.Click(last + ".does .danger")
	shows(p, last+".text", "Taken back.")
	hides(p, last+".more")

	p.Click(bobs + ".answers")
	p.WaitFor(`document.querySelectorAll("#room-messages li").length == 2`, soon)
	p.Type("#room-text", "and I come, too")
	p.Press("Enter")
	shows(p, last+".text", "and I come, too")
	p.Eval(`void document.querySelector("#rooms").scrollIntoView()`, nil)
	p.Screenshot("rooms-one-thread")
	p.Click("#room-thread-all")
	p.WaitFor(`document.querySelectorAll("#room-messages li").length == 6`, soon)
	shows(p, bobs+".answers", "2 answers")
	p.Click(last + ".more")
	p.Eval(`void document.querySelector("#rooms").scrollIntoView()`, nil)
	p.Screenshot("rooms")
	p.Click(last + ".more")
}

// testRoomPeople: the list of people says who is there and who has what was said, and the owner
// makes admins, puts people out and hands the room over; the room is named anew, and what the
// others are told is set.
func testRoomPeople(t *testing.T, n *node, p *browser.Page) {
	list, err := n.shelf.RoomList(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer n.lock()()
		n.contacts["ann"] = []api.Contact{{Name: "bob", Key: list[0].Members[1].Key, Added: true, Online: true}}
	}()
	n.tell(&api.Event{Kind: api.EventPresence, User: "ann"})
	const bob = `#room-people li:nth-child(2) `
	shows(p, "#room-people", "ann (you)")
	shows(p, bob+".quiet", "online, has not read it yet")
	choose := func(role string) {
		p.Eval(`(() => { const s = document.querySelector("`+bob+`select"); s.value = "`+role+`"; s.dispatchEvent(new Event("change")) })()`, nil)
	}
	choose(api.RoleAdmin)
	p.WaitFor(`document.querySelector("`+bob+`select").value == "admin"`, soon)
	choose(api.RoleOut)
	shows(p, "#room-sure-words", "Put bob out of #garden?")
	p.Screenshot("rooms-put-out")
	p.Click("#room-sure-no")
	p.WaitFor(`document.querySelector("`+bob+`select").value == "admin"`, soon)

	p.Click("#room-receipts")
	p.WaitFor(`!document.querySelector("#room-receipts").checked && !document.querySelector("#room-receipts").disabled`, soon)
	p.Click("#room-stored")
	shows(p, "#room-stored-words", "Of 4 entries 3 are in the ring's storage so far")
	shows(p, "#room-stored-trouble", "20 of 20 bytes are used: offer more")
	p.Screenshot("rooms-storage-full")
	shows(p, "#room-owned", "make somebody else its owner")
	hides(p, "#room-leave")
	p.Click("#room-rename")
	p.Eval(`void (document.querySelector("#room-ask-text").value = "")`, nil)
	p.Type("#room-ask-text", "meadow")
	p.Press("Enter")
	shows(p, "#room-name", "#meadow")
	choose(api.RoleOwner)
	shows(p, "#room-sure-words", "Hand #meadow over to bob?")
	p.Click("#room-sure-yes")
	shows(p, bob+".role", "owner")
	hides(p, "#room-owned")
}

// testPublicRooms: a public room is found by the name of somebody who is in it, and joined; one is
// made.
func testPublicRooms(p *browser.Page) {
	p.Click("#find-room")
	p.Type("#room-find-name", "nobody")
	p.Press("Enter")
	shows(p, "#room-find-error", `Nobody has the name "nobody"`)
	p.Eval(`void (document.querySelector("#room-find-name").value = "")`, nil)
	p.Type("#room-find-name", "bob")
	p.Press("Enter")
	shows(p, "#room-found", "#square")
	p.Screenshot("rooms-found")
	p.Click("#room-found button")
	shows(p, "#room-members", "public: bob, ann")
	hides(p, "#room-find")
	p.Click("#room-back")
	p.Click("#new-room")
	p.Type("#room-ask-text", "market")
	p.Click("#room-ask-public")
	p.Screenshot("rooms-new")
	p.Click("#room-ask-do")
	shows(p, "#room-members", "public: ann")
	shows(p, "#room-empty", "Nothing was said yet")
}
