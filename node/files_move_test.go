package node_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// TestMoves: files and folders get other names, folders are made and removed with all that is in them,
// and nothing is replaced that nobody said is to be.
func TestMoves(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	addUser(t, n, "ann")
	ctx, c := limited(t), n.API()
	put := func(name string) {
		t.Helper()
		if _, err := c.FilePut(ctx, api.FilePut{Name: name}, strings.NewReader("the file "+name)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(err error, kind api.Kind, says string) {
		t.Helper()
		if api.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s with %q", err, kind, says)
		}
	}
	lists := func(prefix string, names ...string) {
		t.Helper()
		p, err := c.FileList(ctx, api.FileQuery{Prefix: prefix, Fold: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range p.Files {
			got = append(got, f.Name)
		}
		if got = append(got, p.Folders...); !slices.Equal(got, names) {
			t.Errorf("below %q are %q, want %q", prefix, got, names)
		}
	}
	if err := c.FolderAdd(ctx, api.FileName{Name: "plans/"}); err != nil { // into a space that is made now
		t.Fatal(err)
	}
	if err := c.FolderAdd(ctx, api.FileName{Name: "plans/"}); err != nil {
		t.Errorf("a second time: %v", err)
	}
	lists("", "plans/")
	put("a")
	put("b")
	put("photos/1")
	put("photos/deep/2")
	want(c.FolderAdd(ctx, api.FileName{Name: "a/"}), api.Failed, "is a file")
	want(c.FolderAdd(ctx, api.FileName{Name: "c"}), api.Usage, "ends with")
	want(c.FolderAdd(ctx, api.FileName{Name: "../c/"}), api.Usage, "folder")

	move := func(name, to string, replace bool) error {
		return c.FileMove(ctx, api.FileMove{Name: name, To: to, Replace: replace})
	}
	want(move("a", "b", false), api.Failed, "already")
	want(move("none", "c", false), api.NotFound, "none")
	want(move("a", "photos", false), api.Failed, "same name")
	want(move("a", "c/", false), api.Usage, "ends with")
	want(move("a", "../c", false), api.Usage, "../c")
	want(move("photos/", "photos/in/", false), api.Failed, "into itself")
	for _, m := range [][2]string{{"a", "plans/a"}, {"photos/", "plans/photos/"}} {
		if err := move(m[0], m[1], false); err != nil {
			t.Fatalf("%s: %v", m, err)
		}
	}
	if err := move("b", "plans/a", true); err != nil {
		t.Fatal(err)
	}
	lists("", "plans/")
	lists("plans/", "plans/", "plans/a", "plans/photos/")
	lists("plans/photos/", "plans/photos/1", "plans/photos/deep/")
	_, r, err := c.FileGet(ctx, api.FileName{Name: "plans/a"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "the file b" {
		t.Errorf("what was moved over another is %q, %v", b, err)
	}

	if err := c.FileRemove(ctx, api.FileName{Name: "plans/photos/"}); err != nil {
		t.Fatal(err)
	}
	lists("plans/", "plans/", "plans/a")
	want(c.FileRemove(ctx, api.FileName{Name: "plans/photos/"}), api.NotFound, "photos")
}
