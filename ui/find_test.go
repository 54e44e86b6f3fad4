package ui_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// testFindPeople: who begins to type a name sees whom he knows and who lives in the ring as nodes
// answer, one question for all that is typed; the keyboard and the mouse choose.
func testFindPeople(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	v.newNode(t, "bob", "barbara", "bert", "carol")
	far := v.nodes[1]
	far.users[1].Profile = api.Profile{FullName: "Barbara Bush", About: "keeps the bees"}
	far.users[3].Profile = api.Profile{Unlisted: true}
	n.contacts["ann"] = []api.Contact{{Name: "bob", Key: print24("bob"), Added: true, Online: true}}
	wait := make(chan struct{})
	n.pause = wait
	p := enter(t, b, n, "find", browser.Desktop)

	p.Type("#find-name", "B")
	const found = "#find-name-found "
	shows(p, found, "Barbara Bush, keeps the bees")
	shows(p, "#find-name-words", "Asking the ring")
	close(wait)
	p.WaitFor(`document.querySelectorAll("#find-name-found li").length == 3`, soon)
	hides(p, "#find-name-words")
	shows(p, found+"li:first-child", "a contact of yours")
	p.Eval(`void (location.hash = "people")`, nil)
	for _, dark := range []bool{true, false} {
		for size, look := range map[string]browser.Look{"phone": browser.Phone, "desk": browser.Desktop} {
			look.Dark, look.Still = dark, true
			p.Look(look)
			inspect(t, p, fmt.Sprintf("found-%s-dark-%t", size, dark), look.Width)
		}
	}
	p.Look(browser.Desktop)
	p.Type("#find-name", "e")
	p.WaitFor(`document.querySelectorAll("#find-name-found li").length == 1`, soon)
	p.Press("ArrowDown")
	p.WaitFor(`document.activeElement.getAttribute("aria-activedescendant") == document.querySelector("#find-name-found [aria-selected=true]").id`, soon)
	p.Press("Enter")
	shows(p, "#thread-name", "bert")
	p.WaitFor(`document.activeElement.id == "text"`, soon)
	hides(p, found)
	func() {
		defer n.lock()()
		if !slices.Equal(n.searches, []string{"b*"}) {
			t.Errorf("the ring was asked for %q: want one question", n.searches)
		}
	}()

	p.Click("#find-all")
	p.WaitFor(`[...document.querySelectorAll("#find-name-found .name")].map(e => e.textContent).join() == "bob,barbara,bert"`, soon) // neither ann nor who hides
	p.Press("Escape")
	hides(p, found)
	p.Type("#find-name", "carol") // and is found by the whole name
	shows(p, "#find-name-words", "others are found by their whole name")
	p.Press("Enter")
	shows(p, "#thread-name", "carol")

	func() {
		defer n.lock()()
		n.refuse["user/search"] = api.Errorf(api.Failed, "asked too often: wait a minute")
		for i := range 60 {
			far.users = append(far.users, api.User{Name: fmt.Sprintf("d%02d", i)})
		}
	}()
	p.Type("#find-name", "d?*")
	shows(p, "#find-name-words", "asked too often: wait a minute")
	func() {
		defer n.lock()()
		delete(n.refuse, "user/search")
	}()
	p.Press("Escape")
	p.Type("#find-name", "d*")
	shows(p, "#find-name-words", "There are more: type more of the name")
	p.Press("Escape")

	p.Click("#new-room")
	p.Type("#room-ask-text", "b")
	hides(p, "#room-ask-text-found") // this is a room's name
	p.Press("Enter")
	shows(p, "#room-name", "#b")
	p.Click("#room-invite")
	p.Type("#room-ask-text", "bo")
	shows(p, "#room-ask-text-found", "bob")
	p.Screenshot("found-for-room")
	p.Click("#room-ask-text-found li")
	p.WaitFor(`document.querySelector("#room-ask-text").value == "bob" && document.activeElement.id == "room-ask-text"`, soon)
	p.Press("Enter")
	shows(p, "#room-members", "ann, bob")
}
