package node_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
	"github.com/phyllo-net/phyllo/node"
)

// open opens a node's page as `phyllo ui` does.
func open(t *testing.T, b *browser.Browser, n *node.Node, name string, look browser.Look) *browser.Page {
	t.Helper()
	c, err := api.Dial(status(t, n).Home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ticket, err := c.Ticket(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	p := b.Open(name, look)
	p.Navigate(ticket.URL)
	p.WaitFor(`document.querySelector("#state").dataset.state == "ready" && document.querySelector("#picture .node")`, patience)
	return p
}

func shows(p *browser.Page, selector, text string) {
	p.WaitFor(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.getClientRects().length && e.textContent.includes(%q))`, selector, text), patience)
}

// shareFile stores a file on one page, and reads it on another by a link.
func shareFile(t *testing.T, from, to *browser.Page) {
	t.Helper()
	content := bytes.Repeat([]byte("seven bridges "), 30_000)
	file := filepath.Join(t.TempDir(), "bridges.txt")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	from.Choose("#upload-files", file)
	shows(from, "#uploads .words", "stored, 2 of 5 copies")
	from.Eval(`document.querySelector("#files").scrollIntoView()`, nil)
	from.Click("#files-again") // counts anew what was known from storing
	shows(from, "#files-rows .copies", "2 of 5")
	from.Click("#files-rows .open")
	shows(from, "#file-facts", "home / bridges.txt")
	from.Click("#file-share")
	from.WaitFor(`document.querySelector("#file-link-line").value`, patience)
	var link string
	from.Eval(`document.querySelector("#file-link-line").value`, &link)
	from.Press("Escape")
	from.Screenshot("files")

	saved := t.TempDir()
	to.SaveTo(saved)
	to.Click(`.tabs [href="#files"]`)
	to.Click("#open-link")
	to.Type("#ask-text", link)
	to.Press("Enter")
	if got := to.Saved(saved, "bridges.txt", patience); !bytes.Equal(got, content) {
		t.Errorf("the other one saved %d bytes of %d, or others", len(got), len(content))
	}
	to.Screenshot("files")
}

// talkInARoom has one make a room and invite another, who joins, answers, and is made an admin.
func talkInARoom(from, to *browser.Page) {
	from.Click("#new-room")
	from.Type("#room-ask-text", "garden")
	from.Press("Enter")
	shows(from, "#room-name", "#garden")
	from.Type("#room-text", "the beans are ripe")
	from.Press("Enter")
	shows(from, "#room-messages .mine .text", "the beans are ripe")
	from.Click("#room-invite")
	from.Type("#room-ask-text", "bob")
	from.Press("Enter")

	to.Click(`.tabs [href="#rooms"]`)
	shows(to, "#rooms-list .badge", "invitation")
	to.Click(`.person[data-room="garden"]`)
	to.Click("#room-join")
	shows(to, "#room-messages .theirs .text", "the beans are ripe")
	to.Click("#room-messages .theirs .more")
	to.Click("#room-messages .theirs .does button")
	to.Type("#room-text", "I pick them")
	to.Click("#room-say")
	shows(from, "#room-messages .theirs .quote", "you: the beans are ripe")
	shows(from, "#room-messages .mine .note", "read by all")
	shows(from, "#room-people .quiet", "online, has read all")
	from.Eval(`(() => { const s = document.querySelector("#room-people li:nth-child(2) select"); s.value = "admin"; s.dispatchEvent(new Event("change")) })()`, nil)
	shows(to, "#room-invite", "Invite")
	to.Click("#room-messages .mine .more")
	to.Click("#room-messages .mine .danger")
	shows(from, "#room-messages .theirs .text", "Taken back.")
	from.Eval(`document.querySelector("#rooms").scrollIntoView()`, nil)
	from.Screenshot("room")
	to.Screenshot("room")
}

// TestTwoRealPages: what is typed on the page of one real node is seen on the page of
// another, in a real browser, also in a room; and a file that one stores the other reads.
func TestTwoRealPages(t *testing.T) {
	b := browser.Start(t)
	c := settings(t.TempDir())
	c.UI = "127.0.0.1:0"
	ann := start(t, c)
	inv, err := ann.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c.Home, c.Join = t.TempDir(), inv.Invite
	bob := start(t, c)
	addUser(t, ann, "ann")
	addUser(t, bob, "bob")
	for n, who := range map[*node.Node]string{ann: "bob", bob: "ann"} {
		if _, err := n.API().ContactAdd(context.Background(), api.Who{Name: who}); err != nil {
			t.Fatal(err)
		}
	}
	desk, phone := open(t, b, ann, "ann", browser.Desktop), open(t, b, bob, "bob", browser.Phone)
	desk.Type("#find-name", "bob")
	desk.Press("Enter")
	shows(desk, "#thread-name", "bob")
	desk.Type("#text", "hello bob, are you there?")
	desk.Press("Enter")
	shows(desk, "#messages .mine .note", "delivered")

	phone.Click(`.tabs [href="#people"]`)
	phone.Click(`.person[data-who="ann"]`)
	shows(phone, "#messages .theirs .text", "hello bob, are you there?")
	shows(desk, "#messages .mine .note", "read")
	phone.Type("#text", "I am")
	phone.Click("#send")
	shows(desk, "#messages .theirs .text", "I am")
	desk.Screenshot("chat")
	phone.Screenshot("chat")
	talkInARoom(desk, phone)
	shareFile(t, desk, phone)
	for name, p := range map[string]*browser.Page{"ann": desk, "bob": phone} {
		for _, got := range p.Complaints() {
			if !strings.Contains(got, "/favicon.ico") { // the browser asks for it by itself
				t.Errorf("the page of %s complains: %s", name, got)
			}
		}
	}
}
