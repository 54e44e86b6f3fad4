package ui_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/internal/browser"
	"github.com/phyllo-net/phyllo/ui"
)

// testMembers: who belongs to the ring, and how somebody is let in.
func testMembers(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	for i := 1; i < 4; i++ {
		n.members = append(n.members, api.Member{ID: ident(t, i), AdmittedBy: n.status.ID.String(), Until: time.Now().Add(time.Duration(i) * 24 * time.Hour), Connected: i < 3})
	}
	n.members[3].Expelled = time.Now()
	p := enter(t, b, n, "phone", browser.Phone)
	view(p, "node")
	p.Click("#doctor")
	shows(p, "#findings .warn", "NAT: the router maps no port")
	p.WaitFor(`document.querySelectorAll("#members-rows tr").length == 4 && document.querySelectorAll("#members-rows .expelled").length == 1`, soon)
	p.Click("#invite")
	p.WaitFor(`document.querySelector("#invitation-line").value.startsWith("phyllo1")`, soon)
	p.WaitFor(`document.querySelector("#invitation-qr path").getAttribute("d").length > 500`, soon)
	p.Screenshot("invitation")
	func() {
		defer n.lock()()
		n.refuse["invite"] = api.Errorf(api.Failed, "this node is no admitter: ask one that is")
	}()
	p.Click("#invite")
	shows(p, "#invite-error", "This node is no admitter")

	n.tell(&api.Event{Kind: api.EventJoinRequest, Name: "kitchen"})
	shows(p, "#asking-words", "kitchen on the local network asks to be let in")
}

// testTrouble: a node that stops, or that does not know this browser, is said so
// plainly, and the page goes on by itself when it is back.
func testTrouble(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	server, open := serve(t, n)
	p := b.In(t).Open("trouble", browser.Desktop)
	p.Navigate(open())
	ready(p)
	func() {
		defer n.lock()()
		n.refuse["status"] = api.Errorf(api.Denied, "this page is not open any more: open it again with `phyllo ui`")
	}()
	n.tell(&api.Event{Kind: api.EventRing}) // asks for the status
	shows(p, "#trouble", "phyllo ui")
	func() {
		defer n.lock()()
		n.refuse["status"] = nil
	}()
	n.tell(&api.Event{Kind: api.EventRing})
	hides(p, "#trouble")
	stop(t, server)
	shows(p, "#trouble", "start it again: phyllo up")
	shows(p, "#state", "no answer")
	p.Screenshot("gone")

	// Another run of the node does not know the browser any more.
	next, err := control.Start(control.Config{Home: t.TempDir(), Node: n, UI: strings.TrimPrefix(server.UI(), "http://"), Files: ui.Files, Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, next)
	shows(p, "#trouble", "not signed in")
}

// testLooks: on a phone and on a desk, in the light and in the dark, nothing sticks
// out, every control has a name, and every text can be read.
func testLooks(t *testing.T, b *browser.Browser) {
	v := &village{}
	d := v.newDemo(t, 16, "ann", "bob", "carol")
	d.contacts["ann"] = []api.Contact{
		{Name: "bob", Key: print24("bob"), Added: true, Verified: true, Online: true},
		{Name: "carol", Key: print24("carol"), Added: true, LastSeen: time.Now().Add(-3 * time.Hour), Changed: print24("new carol")},
		{Key: print24("x"), Claimed: "a very long name that somebody gives himself", Request: true, Waiting: 3},
	}
	for i := range 3 {
		d.members = append(d.members, api.Member{ID: ident(t, i+1), AdmittedBy: d.status.ID.String(), Admitter: i == 1, Connected: true, Until: time.Now().Add(90 * 24 * time.Hour)})
	}
	d.picture.Nodes[5].Dead, d.picture.Nodes[6].Suspect, d.picture.Nodes[7].Joining = true, true, true
	for i, text := range []string{"hello bob", "the nodes near the top have gone, and the talk goes on", "averylongwordwithoutanyspacethatmustbreaksomewhere" + strings.Repeat("x", 80)} {
		if _, err := d.Send(t.Context(), api.Draft{From: "ann", To: "bob", Text: text}); err != nil {
			t.Fatal(err)
		}
		d.history["ann"][i].State = []string{api.StateRead, api.StateDelivered, api.StateQueued}[i]
	}
	for _, name := range []string{"garden", "averylongnameofaroomwithoutanyspacethatmustbreaksomewhere"} {
		if _, err := d.RoomCreate(t.Context(), api.RoomCreate{User: "ann", Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	said, err := d.RoomSay(t.Context(), api.RoomSay{User: "ann", Room: "garden", Text: "the beans are ripe " + strings.Repeat("x", 90)})
	if err == nil {
		err = d.RoomInvite(t.Context(), api.RoomWho{User: "ann", Room: "garden", Name: "bob"})
	}
	if err == nil {
		d.shelf.SayInRoom("ann", "bob", "garden", "who picks them?")
		_, err = d.RoomSay(t.Context(), api.RoomSay{User: "ann", Room: "garden", Text: "I do", Reply: said.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	d.shelf.InviteToRoom("ann", "carol", "book club")
	d.copies = 4
	for _, name := range []string{"photos/2026/a.jpg", "a-file-with-a-name-without-any-space-that-must-break-somewhere-" + strings.Repeat("x", 60) + ".tar.gz", "thesis.pdf"} {
		d.keep(t, name, strings.Repeat("x", 120_000))
	}
	p := enter(t, b, d, "page", browser.Desktop)
	p.Click("#files-more")
	p.Choose("#upload-files", write(t, "notes.txt", make([]byte, 4_000)), write(t, "far away.txt", nil))
	shows(p, "#uploads [data-state=failed] .words", "too few copies")
	p.WaitFor(`document.querySelectorAll("#files-rows .few").length >= 1`, soon)
	for range 12 {
		d.tell(&api.Event{Kind: api.EventMessage, User: "bob", Message: &api.Message{From: "carol", To: "bob", Text: "news"}})
	}
	p.WaitFor(`document.querySelector("#tab-unread").textContent == "12 new"`, soon)
	for i := range 40 {
		d.tell(&api.Event{Kind: api.EventTraffic, Traffic: &api.Traffic{RateIn: uint64(300 + 137*i%900), RateOut: uint64(100 + 211*i%700), RSSBytes: 41_200_000, Connections: 15}})
	}
	p.WaitFor(`document.querySelector("#spark-in").getAttribute("d")?.split("L").length >= 40`, soon)
	for i := range 8 {
		d.publish(t, "holey", "bob", "the weather is fine "+strings.Repeat("x", 30*(i%4)))
	}
	d.publish(t, "averylongnameofatopicwithoutanyspacethatmustbreaksomewhere", "bob", "x")
	d.tell(&api.Event{Kind: api.EventRing}) // asks for the status, and then for topics
	p.Click(`.person[data-topic="holey"]`)
	shows(p, "#topic-lines .gap", "3 messages lost")
	p.Click(`.person[data-room="garden"]`)
	shows(p, "#room-messages .mine .text", "beans")
	p.Click(`.person[data-who="bob"]`)
	shows(p, "#messages .mine .note", "queued")
	for _, dark := range []bool{false, true} {
		shade := map[bool]string{false: "light", true: "dark"}[dark]
		desk := browser.Desktop
		desk.Dark, desk.Still = dark, true
		p.Look(desk)
		inspect(t, p, "desk-"+shade, desk.Width)
		p.Eval(`void (document.querySelector("#files").scrollIntoView(), document.querySelector("#files-more").click())`, nil)
		inspect(t, p, "desk-files-"+shade, desk.Width)
		p.Eval(`void document.querySelector("#rooms").scrollIntoView()`, nil)
		inspect(t, p, "desk-rooms-"+shade, desk.Width)
		p.Eval(`void document.querySelector("#topics").scrollIntoView()`, nil)
		inspect(t, p, "desk-topics-"+shade, desk.Width)
		p.Eval(`scrollTo(0, 0)`, nil)
		tablet := browser.Look{Width: 768, Height: 1024, Dark: dark, Still: true, Touch: true}
		p.Look(tablet)
		inspect(t, p, "tablet-"+shade, tablet.Width)
		phone := browser.Phone
		phone.Dark, phone.Still = dark, true
		p.Look(phone)
		for _, name := range []string{"ring", "people", "rooms", "topics", "files", "node"} {
			view(p, name)
			p.WaitFor(`document.body.dataset.view == "`+name+`"`, soon)
			fits(t, p, "phone-"+name+"-"+shade)
			inspect(t, p, "phone-"+name+"-"+shade, phone.Width)
		}
		view(p, "files")
		p.Click(`#files-rows [class="open"]`)
		p.WaitFor(`document.querySelectorAll("#versions li").length == 1`, soon)
		p.Click("#file-share")
		p.WaitFor(`document.querySelector("#file-link-line").value`, soon)
		inspect(t, p, "phone-file-"+shade, phone.Width)
		p.Press("Escape")
		view(p, "ring")
	}
}

// inspect takes a picture and looks for what nobody should have to see.
func inspect(t *testing.T, p *browser.Page, name string, width int) {
	t.Helper()
	p.Eval(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))`, nil)
	p.Screenshot(name)
	var wide int
	if p.Eval(`document.documentElement.scrollWidth`, &wide); wide > width {
		t.Errorf("%s: the page is %d wide, the window %d", name, wide, width)
	}
	var faint []string
	p.Eval(contrast, &faint)
	for _, f := range faint {
		t.Errorf("%s: hard to read: %s", name, f)
	}
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
		}
	}
	p.Call("Accessibility.getFullAXTree", nil, &tree)
	controls := 0
	for _, n := range tree.Nodes {
		switch role := fmt.Sprint(n.Role.Value); role {
		case "button", "textbox", "combobox", "link", "table", "log", "dialog", "img":
			controls++
			if s, ok := n.Name.Value.(string); !n.Ignored && (!ok || strings.TrimSpace(s) == "") && role != "table" {
				t.Errorf("%s: a %s has no name for a screen reader", name, role)
			}
		}
	}
	if controls < 5 {
		t.Errorf("%s: only %d controls were looked at", name, controls)
	}
}

// fits checks on a phone that no tab needs a second line, and that no table is wider than its card.
func fits(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	var lines []float64
	p.Eval(`(() => [...document.querySelectorAll(".tabs a")].map(a => (a.clientHeight - parseFloat(getComputedStyle(a).paddingTop) * 2) / parseFloat(getComputedStyle(a).fontSize)))()`, &lines)
	for i, n := range lines {
		if n > 2 {
			t.Errorf("%s: tab %d is %.1f letters high", name, i, n)
		}
	}
	var wide []string
	p.Eval(`[...document.querySelectorAll("table")].filter(e => e.parentElement.clientWidth && e.scrollWidth > e.parentElement.clientWidth).map(e => e.id)`, &wide)
	if len(lines) != 6 || len(wide) > 0 {
		t.Errorf("%s: %d tabs; wider than their cards: %q", name, len(lines), wide)
	}
}

// contrast lists texts with less contrast to their background than WCAG AA asks for.
const contrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true})
	const rgba = color => {
		canvas.clearRect(0, 0, 1, 1)
		canvas.fillStyle = color
		canvas.fillRect(0, 0, 1, 1)
		return [...canvas.getImageData(0, 0, 1, 1).data]
	}
	const light = ([r, g, b]) => {
		const f = x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4
		return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b)
	}
	const back = e => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor)
			if (c[3] === 255) return c
		}
		return [255, 255, 255]
	}
	const found = new Set()
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement
		if (!walk.currentNode.data.trim() || !e.getClientRects().length || e.closest("[disabled]")) continue
		const style = getComputedStyle(e)
		const a = light(rgba(e instanceof SVGElement ? style.fill : style.color)), b = light(back(e))
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
		if (ratio < 4.5) found.add(ratio.toFixed(1) + " " + e.tagName + "." + e.getAttribute("class") + " " + e.textContent.slice(0, 30))
	}
	return [...found]
})()`

var (
	outside = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	inline  = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	linked  = regexp.MustCompile(`(?:src|href)="([^"#]+)"`)
	imports = regexp.MustCompile(`from "\./([^"]+)"`)
)

// TestFiles: the page asks nobody but its own node for anything, needs no inline
// script or style, and everything that it names is there, and early.
func TestFiles(t *testing.T) {
	preloaded := map[string]bool{"js/main.js": true}
	scripts := 0
	err := fs.WalkDir(ui.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(ui.Files, path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
		for _, found := range outside.FindAllString(text, -1) {
			t.Errorf("%s names %s", path, found)
		}
		if strings.HasSuffix(path, ".js") {
			scripts++
			for _, m := range imports.FindAllStringSubmatch(text, -1) {
				if _, err := fs.Stat(ui.Files, "js/"+m[1]); err != nil {
					t.Errorf("%s imports %s: %v", path, m[1], err)
				}
			}
		}
		if path != "index.html" {
			return nil
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s has an inline script or style: %s", path, found)
		}
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			if u, err := url.Parse(m[1]); err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") {
				t.Errorf("%s: the address %q is not relative", path, m[1])
			}
			if _, err := fs.Stat(ui.Files, m[1]); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			preloaded[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if scripts < 5 {
		t.Fatalf("only %d scripts are embedded", scripts)
	}
	scriptsOf(t, func(path string) {
		if !preloaded[path] {
			t.Errorf("index.html does not preload %s: it would be asked for only when another has come", path)
		}
	})
}

func scriptsOf(t *testing.T, f func(path string)) {
	t.Helper()
	list, err := fs.Glob(ui.Files, "js/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		f(path)
	}
}
