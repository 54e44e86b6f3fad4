package ui_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestPage shows the page of fake nodes, behind the real server of the control API,
// in a real browser.
func TestPage(t *testing.T) {
	b := browser.Start(t)
	t.Run("TwoPagesTalk", func(t *testing.T) { testTwoPagesTalk(t, b) })
	t.Run("FirstMinute", func(t *testing.T) { testFirstMinute(t, b) })
	t.Run("FindPeople", func(t *testing.T) { testFindPeople(t, b) })
	t.Run("Strangers", func(t *testing.T) { testStrangers(t, b) })
	t.Run("ChangedKey", func(t *testing.T) { testChangedKey(t, b) })
	t.Run("SeveralUsers", func(t *testing.T) { testSeveralUsers(t, b) })
	t.Run("Demo", func(t *testing.T) { testDemo(t, b) })
	t.Run("OnlyTheKeyboard", func(t *testing.T) { testOnlyTheKeyboard(t, b) })
	t.Run("Rooms", func(t *testing.T) { testRooms(t, b) })
	t.Run("Topics", func(t *testing.T) { testTopics(t, b) })
	t.Run("ForwarderDies", func(t *testing.T) { testForwarderDies(t, b) })
	t.Run("Members", func(t *testing.T) { testMembers(t, b) })
	t.Run("Files", func(t *testing.T) { testFiles(t, b) })
	t.Run("Uploads", func(t *testing.T) { testUploads(t, b) })
	t.Run("Archive", func(t *testing.T) { testArchive(t, b) })
	t.Run("Spaces", func(t *testing.T) { testSpaces(t, b) })
	t.Run("Folders", func(t *testing.T) { testFolders(t, b) })
	t.Run("Sharing", func(t *testing.T) { testSharing(t, b) })
	t.Run("Trouble", func(t *testing.T) { testTrouble(t, b) })
	t.Run("Looks", func(t *testing.T) { testLooks(t, b) })
	t.Run("RingMath", func(t *testing.T) { testRingMath(t, b) })
	t.Run("LargeRing", func(t *testing.T) { testLargeRing(t, b) })
}

// testTwoPagesTalk: what is typed on one node's page is seen on the other's, and the
// states of a message say what has become of it.
func testTwoPagesTalk(t *testing.T, b *browser.Browser) {
	v := &village{}
	ann, bob := v.newNode(t, "ann"), v.newNode(t, "bob")
	ann.contacts["ann"] = []api.Contact{{Name: "bob", Key: print24("bob"), Added: true, Online: true}}
	bob.contacts["bob"] = []api.Contact{{Name: "ann", Key: print24("ann"), Added: true, Online: true}}
	desk := enter(t, b, ann, "ann", browser.Desktop)
	phone := enter(t, b, bob, "bob", browser.Phone)

	desk.Type("#find-name", "Bob")
	desk.Press("Enter")
	shows(desk, "#thread-name", "bob")
	desk.Type("#text", "hello bob,\n<b>are you there?</b>")
	desk.Press("Enter")
	shows(desk, "#messages .mine .note", "delivered") // he has not seen it yet

	view(phone, "people")
	shows(phone, "#contacts .badge", "1 new")
	phone.Click(`.person[data-who="ann"]`)
	shows(phone, "#messages .theirs .text", "hello bob,\n<b>are you there?</b>")
	shows(desk, "#messages .mine .note", "read")

	phone.Type("#text", "γειά σου, ann")
	phone.Click("#send")
	shows(desk, "#messages .theirs .text", "γειά σου, ann")
	shows(phone, "#messages .mine .note", "read") // her thread was open
	phone.Click("#thread-back")
	phone.WaitFor(`document.activeElement.dataset.who == "ann"`, soon)
	hides(phone, "#contacts .badge")

	func() {
		defer bob.lock()()
		bob.asleep = true
	}()
	desk.Type("#text", "good night: phyllo://file/Ab-_1 (https://a.example/b?c=1#d). javascript:alert(1) \u202ehttps://b.example/\u202emoc.knab")
	desk.Press("Enter")
	shows(desk, "#messages .mine:last-child .note", "queued")
	shows(desk, "#lid", "No message waits") // until it asks again
	desk.Screenshot("chat")

	phone.Click(`.person[data-who="ann"]`)
	phone.Screenshot("chat")
	var order []string
	desk.Eval(`[...document.querySelectorAll("#messages .text")].map(e => e.textContent)`, &order)
	if len(order) != 3 || order[2] != "good night: save the file (https://a.example/b?c=1#d). javascript:alert(1) \u202ehttps://b.example/\u202emoc.knab" {
		t.Errorf("the thread shows %q", order)
	}
	var leads string
	desk.Eval(`decodeURIComponent(document.querySelector("#messages .mine:last-child a[download]").getAttribute("href"))`, &leads)
	if leads != `v1/file/get?q={"name":"phyllo://file/Ab-_1"}` {
		t.Errorf("the link to a file leads to %q", leads)
	}
	var others []string
	desk.Eval(`[...document.querySelectorAll("#messages .mine:last-child a:not([download])")].map(e => [e.getAttribute("href"), e.target, e.rel, e.dir, getComputedStyle(e).unicodeBidi].join(" "))`, &others)
	if !slices.Equal(others, []string{"https://a.example/b?c=1#d _blank noopener noreferrer ltr isolate", "https://b.example/ _blank noopener noreferrer ltr isolate"}) {
		t.Errorf("the other links are %q", others)
	}
}

// testFirstMinute: a node where nobody lives says what to do, step by step.
func testFirstMinute(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t)
	v.newNode(t, "bob")
	n.refuse["users"] = api.Errorf(api.Failed, "who lives here cannot be read now")
	p := enter(t, b, n, "new", browser.Phone)
	for _, name := range []string{"people", "rooms", "files"} { // before it is known that nobody does
		view(p, name)
		p.WaitFor(`document.body.dataset.view == "`+name+`"`, soon)
		shows(p, "#trouble", "cannot be read now")
		hides(p, "#claim, #rooms-nobody, #files-nobody")
	}
	func() {
		defer n.lock()()
		n.refuse["users"] = nil
	}()
	n.tell(&api.Event{Kind: api.EventUser})
	view(p, "files")
	shows(p, "#files-nobody", "claim a name")
	view(p, "rooms")
	shows(p, "#rooms-nobody", "claim a name")
	view(p, "ring")
	shows(p, "#ring-empty", "alone in its ring")
	p.Screenshot("alone")
	view(p, "people")
	shows(p, "#claim-why", "Nobody lives on this node yet")
	p.Screenshot("nobody")
	p.Type("#claim-name", "bob")
	p.Press("Enter")
	shows(p, "#claim-error", `The name "bob" is taken: choose another`)
	p.Eval(`void (document.querySelector("#claim-name").value = "")`, nil)
	p.Type("#claim-name", "ann")
	p.Click("#claim button")
	shows(p, "#contacts-empty", "tell others that you are ann")
	hides(p, "#claim")
	p.Type("#find-name", "carol")
	p.Press("Enter")
	p.Type("#text", "is anybody there?")
	p.Press("Enter")
	shows(p, "#send-error", `Nobody is called "carol"`)
	p.WaitFor(`document.querySelector("#text").value == "is anybody there?"`, soon) // not lost
	p.Screenshot("unknown")
}

// testStrangers: who is not known is shown as one who asks, may be let in, sent away
// or blocked, and learns nothing before.
func testStrangers(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	other := v.newNode(t, "bob", "carol", "dave")
	n.contacts["ann"] = []api.Contact{{Key: print24("mallory"), Claimed: "bob", Request: true, Waiting: 1}}
	for _, from := range []string{"bob", "carol", "dave"} {
		if _, err := other.Send(t.Context(), api.Draft{From: from, To: "ann", Text: "it is " + from}); err != nil {
			t.Fatal(err)
		}
	}
	p := enter(t, b, n, "ann", browser.Desktop)
	shows(p, "#requests", "not proven: “bob”")
	p.Click(`.person[data-who="bob"]`)
	shows(p, "#request-words", "bob is no contact of yours and has written 1 message")
	shows(p, "#messages", "it is bob")
	p.Screenshot("request")
	p.Click("#request-accept")
	hides(p, "#request")
	p.Click(`.person[data-who="carol"]`)
	p.Click("#request-block")
	shows(p, "#contacts", "blocked")
	hides(p, "#compose")
	p.Click("#act-add") // says Unblock now
	shows(p, "#thread-presence", "online")
	p.Click(`.person[data-who="dave"]`)
	p.Click("#request-decline")
	hides(p, `.person[data-who="dave"]`)
	p.WaitFor(`document.querySelectorAll("#requests li").length == 1 && document.querySelectorAll("#contacts li").length == 2`, soon)
}

// testChangedKey: a changed key is shown with both fingerprints, nothing can be sent,
// and it ends when the user has said which one is right.
func testChangedKey(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	v.newNode(t, "bob")
	n.contacts["ann"] = []api.Contact{{Name: "bob", Key: print24("bob"), Added: true, Changed: print24("new bob"), LastSeen: time.Now().Add(-2 * time.Hour)}}
	p := enter(t, b, n, "ann", browser.Phone)
	view(p, "people")
	shows(p, "#contacts .badge", "key changed")
	p.Click(`.person[data-who="bob"]`)
	shows(p, "#key-changed", "The key of bob has changed")
	p.Type("#text", "is it you?")
	p.Press("Enter")
	shows(p, "#send-error", "The key of bob has changed")
	p.Click("#key-changed button")
	for _, word := range []string{"bob", "new bob", "ann"} {
		shows(p, fmt.Sprintf(`#verify [data-key="%s"] .words`, print24(word)), "amber canoe")
	}
	p.WaitFor(`document.querySelector("#verify").scrollWidth <= document.querySelector("#verify").clientWidth`, soon)
	p.Screenshot("verify")
	p.Click(fmt.Sprintf(`#verify [data-key="%s"] button`, print24("new bob")))
	hides(p, "#verify")
	hides(p, "#key-changed")
	shows(p, "#thread-presence", "verified")
	p.Click("#act-verify")
	shows(p, "#verify", "You have verified this key")
	p.Press("Escape")
	hides(p, "#verify")
}

// testSeveralUsers: of several people on a node one is chosen, and what comes for
// the others is announced.
func testSeveralUsers(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann", "alan")
	bob := v.newNode(t, "bob")
	p := enter(t, b, n, "both", browser.Desktop)
	if _, err := bob.Send(t.Context(), api.Draft{From: "bob", To: "alan", Text: "hello alan"}); err != nil {
		t.Fatal(err)
	}
	p.WaitFor(`document.querySelector("#user").textContent.includes("alan (1 new)") && document.title == "(1) phyllo"`, soon)
	p.Eval(`(() => { const s = document.querySelector("#user"); s.value = "alan"; s.dispatchEvent(new Event("change")) })()`, nil)
	shows(p, "#requests .name", "bob")
	p.Click("#my-key")
	shows(p, "#verify .words", "alan")
	p.Press("Escape")
	p.Click("#new-name")
	p.Type("#claim-name", "third")
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#user").value == "third"`, soon)
	hides(p, "#claim")
	shows(p, "#contacts-empty", "you are third")
}
