package ui_test

import (
	"fmt"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// sets writes into a field, in the place of what is there.
func sets(p *browser.Page, selector, text string) {
	p.Eval(fmt.Sprintf("void (document.querySelector(%q).value = %q)", selector, text), nil)
}

// names waits until the list of files shows these, and no others.
func names(p *browser.Page, want ...string) {
	p.WaitFor(fmt.Sprintf(`JSON.stringify([...document.querySelectorAll("#files-rows .open")].map(e => e.textContent)) == JSON.stringify(%s)`, list(want)), soon)
}

func list(words []string) string {
	out := ""
	for _, w := range words {
		out += fmt.Sprintf("%q,", w)
	}
	return "[" + out + "]"
}

// testFolders: folders are made, renamed and removed with what is in them, after asking; files are moved.
func testFolders(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 5
	n.keep(t, "letter", "the first letter")
	p := enter(t, b, n, "folders", browser.Desktop)
	names(p, "letter")
	hides(p, "#folder-acts")
	p.Click("#new-folder")
	shows(p, "#ask-why", "A new folder in this space")
	p.Type("#ask-text", "plans/2026")
	p.Press("Enter")
	shows(p, "#crumbs", "2026")
	shows(p, "#files-empty", "Nothing is in this folder yet")
	p.Click("#crumbs li:first-child button")
	names(p, "plans", "letter") // it is there although nothing is in it

	p.Eval(`[...document.querySelectorAll("#files-rows .open")].find(e => e.textContent == "letter").click()`, nil)
	shows(p, "#file-title", "letter")
	p.Click("#file-move")
	hides(p, "#file")
	shows(p, "#ask-why", "Another name for “letter”")
	sets(p, "#ask-text", "plans/2026/../letter")
	p.Press("Enter")
	shows(p, "#ask-error", "cannot be the name of a file")
	sets(p, "#ask-text", "plans/2026/letter to bob")
	p.Screenshot("move")
	p.Press("Enter")
	hides(p, "#ask")
	shows(p, "#crumbs", "2026")
	names(p, "letter to bob")
	p.WaitFor(`document.activeElement.textContent == "2026"`, soon)

	n.keep(t, "taken/a", "a")
	p.Click("#folder-move")
	p.WaitFor(`document.querySelector("#ask-text").value == "plans/2026"`, soon)
	sets(p, "#ask-text", "taken")
	p.Press("Enter")
	shows(p, "#ask-error", "already")
	sets(p, "#ask-text", "later/this year")
	p.Press("Enter")
	hides(p, "#ask")
	shows(p, "#crumbs", "this year")
	names(p, "letter to bob")

	p.Click("#folder-remove")
	shows(p, "#folder-sure-words", "Remove the folder “this year” for good? 1 file in it and below goes with it")
	p.WaitFor(`document.activeElement.id == "folder-sure-no"`, soon) // Enter alone removes nothing
	p.Screenshot("remove")
	p.Click("#folder-sure-no")
	hides(p, "#folder-sure")
	names(p, "letter to bob")
	p.Click("#folder-remove")
	p.Click("#folder-sure-yes")
	hides(p, "#folder-sure")
	p.WaitFor(`document.querySelector("#crumbs").textContent == "homelater"`, soon)
	if page, err := n.shelf.FileList(t.Context(), api.FileQuery{Prefix: "later/this year/"}); err != nil || len(page.Files) > 0 {
		t.Errorf("left: %+v, %v", page, err)
	}
}

// testSharing: a space's owner lets people in by name and sends them away again; who was let in opens the
// line, sees who may use the space, and lets nobody in.
func testSharing(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 5
	n.contacts["ann"] = []api.Contact{{Name: "bob", Key: print24("bob"), Added: true}}
	n.keep(t, "a", "the file a")
	p := enter(t, b, n, "sharing", browser.Phone)
	view(p, "files")
	names(p, "a")
	p.Click("#sharing-open")
	shows(p, "#sharing-title", "Who may use “home”")
	shows(p, "#sharing-list", "ann (you): owns it")
	p.Type("#sharing-name", "nobody")
	p.Press("Enter")
	shows(p, "#sharing-error", "obody has the name")
	sets(p, "#sharing-name", "")
	p.Type("#sharing-name", "b")
	shows(p, "#sharing-name-found", "bob")
	p.Press("ArrowDown")
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#sharing-name").value == "bob"`, soon)
	p.Click("#sharing-reads")
	p.Press("Enter")
	shows(p, "#sharing-list", "bob: reads")
	shows(p, "#sharing-for", "Send this line to bob")
	p.WaitFor(`document.querySelector("#sharing-line").value == "phyllo://space/home"`, soon)
	p.Screenshot("granted")
	p.Click(`#sharing-list [aria-label="Withdraw from bob"]`)
	shows(p, "#sharing-sure-words", "May bob not use this space any more?")
	p.Click("#sharing-sure-no")
	shows(p, "#sharing-list", "bob: reads")
	p.Click(`#sharing-list [aria-label="Withdraw from bob"]`)
	p.Screenshot("withdraw")
	p.Click("#sharing-sure-yes")
	p.WaitFor(`document.querySelectorAll("#sharing-list li").length == 1`, soon)
	p.Click("#sharing-close")
	hides(p, "#sharing")

	p.Click("#open-link")
	p.Type("#ask-text", "phyllo://space/garden")
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#space").value == "garden"`, soon)
	hides(p, "#storing") // it was granted for reading
	p.Click("#sharing-open")
	shows(p, "#sharing-words", "The space is bob's, who decides who may use it")
	hides(p, "#sharing-let")
	p.Screenshot("not mine")
}
