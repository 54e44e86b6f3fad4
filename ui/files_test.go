package ui_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// The node's files are those of a fake, of which so many copies are kept, and of archives every part.

func (n *node) FilePut(ctx context.Context, q api.FilePut, content io.Reader) (*api.File, error) {
	if n.pause != nil {
		content = io.MultiReader(io.LimitReader(content, 100_000), &paused{n.pause, ctx}, content)
	}
	f, err := n.shelf.FilePut(ctx, q, content)
	if err == nil && f.Need == 0 {
		f.Copies = n.copies
	}
	return f, err
}

// paused has nothing to read, but not before it is told so.
type paused struct {
	until <-chan struct{}
	ctx   context.Context
}

func (p *paused) Read([]byte) (int, error) {
	select {
	case <-p.until:
		return 0, io.EOF
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	}
}

func (n *node) FileStat(ctx context.Context, q api.FileName) (*api.File, error) {
	f, err := n.shelf.FileStat(ctx, q)
	if err == nil && f.Need == 0 {
		f.Copies = n.copies
	}
	return f, err
}

func (n *node) FileGet(ctx context.Context, q api.FileName) (*api.File, io.ReadCloser, error) {
	return n.shelf.FileGet(ctx, q)
}

func (n *node) FileList(ctx context.Context, q api.FileQuery) (*api.FilePage, error) {
	n.v.mu.Lock()
	err := n.refuse["file/list"]
	n.v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return n.shelf.FileList(ctx, q)
}

func (n *node) FileHistory(ctx context.Context, q api.FileName) ([]api.File, error) {
	return n.shelf.FileHistory(ctx, q)
}

func (n *node) FileRemove(ctx context.Context, q api.FileName) error {
	return n.shelf.FileRemove(ctx, q)
}

func (n *node) FileShare(ctx context.Context, q api.FileName) (*api.FileLink, error) {
	return n.shelf.FileShare(ctx, q)
}

func (n *node) FileMove(ctx context.Context, q api.FileMove) error { return n.shelf.FileMove(ctx, q) }

func (n *node) FolderAdd(ctx context.Context, q api.FileName) error { return n.shelf.FolderAdd(ctx, q) }

func (n *node) SpaceList(ctx context.Context, user string) ([]api.Space, error) {
	defer n.lock()()
	return n.shelf.SpaceList(ctx, user)
}

func (n *node) SpaceGrant(ctx context.Context, q api.SpaceGrant) (*api.SpaceLink, error) {
	defer n.lock()()
	return n.shelf.SpaceGrant(ctx, q)
}

func (n *node) SpaceRevoke(ctx context.Context, q api.SpaceGrant) error {
	defer n.lock()()
	return n.shelf.SpaceRevoke(ctx, q)
}

func (n *node) SpaceAdd(ctx context.Context, q api.SpaceAdd) (*api.Space, error) {
	defer n.lock()()
	return n.shelf.SpaceAdd(ctx, q)
}

func (n *node) SpaceCreate(ctx context.Context, q api.SpaceCreate) (*api.Space, error) {
	defer n.lock()()
	return n.shelf.SpaceCreate(ctx, q)
}

// write makes a file on the disk, to be chosen or dropped.
func write(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (n *node) keep(t *testing.T, name, content string) {
	t.Helper()
	if _, err := n.shelf.FilePut(t.Context(), api.FilePut{Name: name}, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// testFiles: files are stored by choosing and by dropping, found again in their folders, read,
// shared and removed.
func testFiles(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 3
	p := enter(t, b, n, "files", browser.Desktop)
	saved := t.TempDir()
	p.SaveTo(saved)
	shows(p, "#files-empty", "Nothing is stored here yet. Drop files here")
	p.Screenshot("empty")

	markup := []byte("<script>document.title = 'taken over'</script>")
	p.Choose("#upload-files", write(t, "letter.html", markup))
	shows(p, "#uploads", "stored, 3 of 5 copies: the rest are made when more nodes are there")
	shows(p, "#files-rows", "letter.html")
	shows(p, "#files-rows .few", "3 of 5")

	folder := filepath.Dir(write(t, "photos/2026/a.jpg", bytes.Repeat([]byte{7}, 70_000)))
	p.Drag("#files-rows", false, filepath.Dir(folder))
	shows(p, "#drop", "Drop to store in home")
	p.Screenshot("drop")
	p.Drag("#files-rows", true, filepath.Dir(folder))
	shows(p, "#files-rows .folder", "photos")
	hides(p, "#drop")
	p.Click("#files-rows .folder")
	p.Click("#files-rows .folder")
	shows(p, "#crumbs", "2026")
	shows(p, "#files-rows .open", "a.jpg")
	p.WaitFor(`document.activeElement.textContent == "2026"`, soon) // the keyboard goes on there
	p.Click("#crumbs li:first-child button")
	shows(p, "#files-rows .open", "letter.html")

	p.Click(`#files-rows [aria-label="Download letter.html"]`)
	if got := p.Saved(saved, "letter.html", soon); !bytes.Equal(got, markup) {
		t.Errorf("saved: %q", got)
	}
	var title string
	if p.Eval(`document.title`, &title); title != "phyllo" {
		t.Errorf("the page is called %q now", title)
	}
	testOneFile(t, p, n)
}

// testOneFile goes on with the dialog of a file that has two versions.
func testOneFile(t *testing.T, p *browser.Page, n *node) {
	p.Choose("#upload-files", write(t, "letter.html", []byte("the second version")))
	p.WaitFor(`document.querySelectorAll("#uploads [data-state=few]").length == 3`, soon)
	p.Eval(`[...document.querySelectorAll("#files-rows .open")].find(e => e.textContent == "letter.html").focus()`, nil)
	p.Press("Enter")
	p.WaitFor(`document.querySelectorAll("#versions li").length == 2`, soon)
	shows(p, "#file-facts", "home / letter.html")
	shows(p, "#file-facts", "3 of 5")
	p.Click("#file-share")
	p.WaitFor(`document.querySelector("#file-link-line").value.endsWith("letter.html")`, soon)
	p.Screenshot("share")
	p.Click("#versions li:last-child .danger")
	shows(p, "#file-sure-words", "The others stay")
	p.WaitFor(`document.activeElement.id == "file-sure-no"`, soon) // Enter alone removes nothing
	p.Click("#file-sure-yes")
	p.WaitFor(`document.querySelectorAll("#versions li").length == 1`, soon)
	p.Click("#file-remove")
	shows(p, "#file-sure-words", "Remove “letter.html” for good?")
	p.Screenshot("remove")
	p.Click("#file-sure-yes")
	hides(p, "#file")
	p.WaitFor(`![...document.querySelectorAll("#files-rows .open")].some(e => e.textContent == "letter.html")`, soon)
	if _, err := n.shelf.FileHistory(t.Context(), api.FileName{Name: "letter.html"}); api.KindOf(err) != api.NotFound {
		t.Errorf("the file after its end: %v", err)
	}
}

// testArchive: files are stored as archives where that is chosen, and told to be such in their own words; a ring
// that is too small for that says so.
func testArchive(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 3
	p := enter(t, b, n, "archive", browser.Phone)
	view(p, "files")
	hides(p, "#keep-words")
	p.Eval(`{ const k = document.querySelector("#keep"); k.value = "archive"; k.dispatchEvent(new Event("change")) }`, nil)
	shows(p, "#keep-words", "any few of which are enough")
	p.Choose("#upload-files", write(t, "old.tar", []byte("old")), write(t, "small.tar", []byte("small")))
	shows(p, "#uploads [data-state=stored] .words", "stored, 24 of 24 parts, any 6 are enough")
	shows(p, "#uploads [data-state=few] .words", "for an archive this ring has too few computers")
	shows(p, "#files-rows .copies", "24 of 24 parts")
	shows(p, "#files-rows .few", "3 of 5")
	p.Screenshot("stored")
	p.Click("#files-rows .open")
	shows(p, "#file-facts", "24 of 24 parts, any 6 are enough")
	p.Screenshot("facts")
}

// testUploads: one after another, with progress; one that goes can be stopped, and one that failed
// says why, and is tried again.
func testUploads(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 5
	pause := make(chan struct{})
	n.pause = pause
	p := enter(t, b, n, "uploads", browser.Desktop)
	// More than the system takes from the browser before anybody reads it.
	p.Choose("#upload-files", write(t, "film", make([]byte, 30_000_000)), write(t, "far away", []byte("x")))
	shows(p, "#uploads [data-state=sending] .words", "/s")
	shows(p, "#uploads [data-state=waiting] .words", "waits")
	p.WaitFor(`document.querySelector("#uploads progress").value > 0`, soon)
	p.Screenshot("sending")
	p.Click(`#uploads [aria-label="Stop: film"]`)
	shows(p, "#uploads [data-state=failed] .words", "It was stopped, and nothing of it is stored")
	if _, err := n.shelf.FileHistory(t.Context(), api.FileName{Name: "film"}); api.KindOf(err) != api.NotFound {
		t.Errorf("of a file that was stopped there is something: %v", err)
	}
	close(pause)
	p.WaitFor(`document.querySelectorAll("#uploads [data-state=failed]").length == 2`, soon)
	shows(p, "#uploads [data-state=failed] .words", "too few copies")
	p.Click("#uploads li:first-child button")
	shows(p, "#uploads [data-state=stored] .words", "stored, 5 of 5 copies")
	p.Click(`#uploads [aria-label="Dismiss: film"]`)
	p.WaitFor(`document.querySelectorAll("#uploads li").length == 1`, soon)
}

// testSpaces: spaces and folders are made, links are opened, long lists go on, and what cannot be
// shown says why.
func testSpaces(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.copies = 5
	for _, name := range []string{"a", "b", "c"} {
		n.keep(t, name, "the file "+name)
	}
	p := enter(t, b, n, "spaces", browser.Phone)
	saved := t.TempDir()
	p.SaveTo(saved)
	view(p, "files")
	p.WaitFor(`document.querySelectorAll("#files-rows tr").length == 2`, soon)
	p.Click("#files-more")
	p.WaitFor(`document.querySelectorAll("#files-rows tr").length == 3`, soon)
	hides(p, "#files-more")

	p.Click("#open-link")
	p.Type("#ask-text", "phyllo://file/none")
	p.Press("Enter")
	shows(p, "#ask-error", "here is no file")
	p.Eval(`void (document.querySelector("#ask-text").value = "phyllo://file/b")`, nil)
	p.Press("Enter")
	if got := p.Saved(saved, "b", soon); string(got) != "the file b" {
		t.Errorf("saved: %q", got)
	}
	hides(p, "#ask")
	p.WaitFor(`document.activeElement.id == "open-link"`, soon)

	p.Click("#new-space")
	p.Type("#ask-text", "common")
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#space").value == "common"`, soon)
	shows(p, "#files-empty", "Nothing is stored here yet")
	p.Click("#new-folder")
	p.Type("#ask-text", "../up")
	p.Press("Enter")
	shows(p, "#ask-error", "cannot be the name of a folder")
	p.Eval(`void (document.querySelector("#ask-text").value = "plans")`, nil)
	p.Press("Enter")
	shows(p, "#files-empty", "Nothing is in this folder yet")
	p.Choose("#upload-files", write(t, "plan", []byte("x")))
	shows(p, "#files-rows", "plan")
	p.Screenshot("folder")

	func() {
		defer n.lock()()
		n.refuse["file/list"] = api.Errorf(api.Unreachable, "the space cannot be reached now: try again in a moment")
	}()
	p.Click("#files-again")
	shows(p, "#files-trouble", "The space cannot be reached now: try again in a moment")
}
