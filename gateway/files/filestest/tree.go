package filestest

import (
	"io"

	"github.com/phyllo-net/phyllo/gateway/files"
)

func folders(k *kit) {
	k.missing("d/")
	k.put("d/e/f", "x")
	for _, name := range []string{"d/", "d/e/"} {
		if e, err := k.s.Stat(k.ctx, name, ""); err != nil || !e.Folder() || !e.Implied() || e.Size != 0 {
			k.Errorf("%s is %+v, %v", name, e, err)
		}
	}
	k.missing("d/e/f/", "d", "e/")
	_, err := k.s.Remove(k.ctx, "d/e/", "", files.Cond{})
	k.want(err, files.ErrNotFound) // nobody put it
	_, err = k.s.Remove(k.ctx, "d/e/f", "", files.Cond{})
	k.want(err, nil)
	k.missing("d/", "d/e/")

	e := k.put("d/", "")
	if e.Version == "" || !e.Folder() || e.Implied() {
		k.Errorf("put %+v", e)
	}
	k.put("d/f", "x")
	_, err = k.s.Remove(k.ctx, "d/f", "", files.Cond{})
	k.want(err, nil)
	k.lists(files.Query{}, false, "d/")
	k.want(k.s.RemoveAll(k.ctx, "d/"), nil)
	k.want(k.s.RemoveAll(k.ctx, "d/"), files.ErrNotFound)
	k.puts("a/b", "a/c/d", "a/c/", "ab", "b")
	k.want(k.s.RemoveAll(k.ctx, "a/"), nil)
	k.lists(files.Query{}, false, "ab", "b")
}

func clashes(k *kit) {
	k.puts("a", "d/f")
	for _, name := range []string{"a/b", "a/b/c", "a/", "d", "d/f/"} {
		_, err := k.tryPut(name, "x", files.Cond{})
		k.want(err, files.ErrClash)
	}
	_, err := k.s.Copy(k.ctx, files.Ref{Name: "a"}, "d", nil, files.Cond{})
	k.want(err, files.ErrClash)
	k.want(k.s.Rename(k.ctx, "a", "d", files.Cond{}), files.ErrClash)
	k.want(k.s.Rename(k.ctx, "d/", "a/", files.Cond{}), files.ErrClash)
	k.want(k.s.Rename(k.ctx, "d/", "d/e/", files.Cond{}), files.ErrClash)
	k.lists(files.Query{}, false, "a", "d/f")
}

func conditions(k *kit) {
	absent := files.Cond{Absent: true}
	_, err := k.tryPut("a", "x", files.Cond{Version: "none"})
	k.want(err, files.ErrChanged)
	first, err := k.tryPut("a", "first", absent)
	k.want(err, nil)
	_, err = k.tryPut("a", "second", absent)
	k.want(err, files.ErrChanged)
	is := files.Cond{Version: first.Version}
	_, err = k.tryPut("a", "second", is)
	k.want(err, nil)
	_, err = k.tryPut("a", "third", is)
	k.want(err, files.ErrChanged)
	_, err = k.s.Copy(k.ctx, files.Ref{Name: "a"}, "a", &files.Attrs{Type: "x/y"}, is)
	k.want(err, files.ErrChanged)
	_, err = k.s.Remove(k.ctx, "a", "", is)
	k.want(err, files.ErrChanged)
	k.put("b", "x")
	_, err = k.s.Copy(k.ctx, files.Ref{Name: "a"}, "b", nil, absent)
	k.want(err, files.ErrChanged)
	k.want(k.s.Rename(k.ctx, "a", "b", absent), files.ErrChanged)
	k.reads("a", "", "second")
	k.reads("b", "", "x")
	k.puts("d/e", "f/g")
	k.want(k.s.Rename(k.ctx, "d/", "f/", absent), files.ErrChanged)
	k.want(k.s.Rename(k.ctx, "a", "c", absent), nil)
	k.reads("c", "", "second")
	if _, err = k.tryPut("a", "again", absent); err != nil {
		k.Errorf("a name that was moved away is still there: %v", err)
	}
}

func remove(k *kit) {
	_, err := k.s.Remove(k.ctx, "a", "", files.Cond{})
	k.want(err, files.ErrNotFound)
	e := k.put("a", "x")
	_, err = k.s.Remove(k.ctx, "a", "", files.Cond{Version: e.Version})
	k.want(err, nil)
	k.missing("a")
	_, err = k.s.Read(k.ctx, "a", "", 0, -1)
	k.want(err, files.ErrNotFound)
	k.lists(files.Query{}, false)
	k.lists(files.Query{}, true)
}

func copies(k *kit) {
	k.want(k.all.Create(k.ctx, "t"), nil)
	_, err := k.s.Put(k.ctx, "a", []files.Draft{k.draft("text")}, files.Attrs{Type: "text/x", ETag: "e"}, files.Cond{})
	k.want(err, nil)
	e, err := k.s.Copy(k.ctx, files.Ref{Name: "a"}, "d/b", nil, files.Cond{})
	k.want(err, nil)
	if e.Name != "d/b" || e.Size != 4 || e.Type != "text/x" || e.ETag != "e" {
		k.Errorf("copied %+v", e)
	}
	e, err = k.s.Copy(k.ctx, files.Ref{Name: "a"}, "a", &files.Attrs{Type: "text/y"}, files.Cond{})
	k.want(err, nil)
	if e.Type != "text/y" || e.ETag != "" {
		k.Errorf("changed to %+v", e)
	}
	k.put("a", "changed")
	k.reads("d/b", "", "text")
	_, err = k.s.Copy(k.ctx, files.Ref{Name: "none"}, "x", nil, files.Cond{})
	k.want(err, files.ErrNotFound)
	_, err = k.s.Copy(k.ctx, files.Ref{Space: "none", Name: "a"}, "x", nil, files.Cond{})
	k.want(err, files.ErrNoSpace)
	_, err = k.space("t").Copy(k.ctx, files.Ref{Space: "s", Name: "d/b"}, "x", nil, files.Cond{})
	k.want(err, nil)
	k.missing("x")
	k.s = k.space("t")
	k.reads("x", "", "text")
}

func rename(k *kit) {
	k.want(k.s.Rename(k.ctx, "a", "b", files.Cond{}), files.ErrNotFound)
	_, err := k.s.Put(k.ctx, "a", []files.Draft{k.draft("text")}, files.Attrs{Type: "text/x"}, files.Cond{})
	k.want(err, nil)
	k.put("b", "replaced")
	k.want(k.s.Rename(k.ctx, "a", "b", files.Cond{}), nil)
	k.missing("a")
	k.reads("b", "", "text")
	if e, err := k.s.Stat(k.ctx, "b", ""); err != nil || e.Type != "text/x" {
		k.Errorf("moved %+v, %v", e, err)
	}
	k.want(k.s.Rename(k.ctx, "b", "b", files.Cond{}), nil)
	k.want(k.s.Rename(k.ctx, "b", "../b", files.Cond{}), files.ErrName)
	k.reads("b", "", "text")
}

func renameFolder(k *kit) {
	k.puts("d/", "d/a", "d/e/b", "d2", "x/gone", "x/a")
	k.want(k.s.Rename(k.ctx, "d/", "x/", files.Cond{}), nil)
	k.lists(files.Query{}, false, "d2", "x/", "x/a", "x/e/b")
	k.reads("x/a", "", "of d/a")
	k.want(k.s.Rename(k.ctx, "x/e/", "e/f/", files.Cond{}), nil)
	k.lists(files.Query{}, false, "d2", "e/f/b", "x/", "x/a")
	k.want(k.s.Rename(k.ctx, "none/", "y/", files.Cond{}), files.ErrNotFound)
}

func list(k *kit) {
	k.puts("a", "a-b", "d/", "d/a", "d/e/f", "d/e/g", "d0", "e/", "p/q/r", "ü", "Z")
	for _, c := range []struct {
		q    files.Query
		want []string
	}{
		{files.Query{}, []string{"Z", "a", "a-b", "d/", "d/a", "d/e/f", "d/e/g", "d0", "e/", "p/q/r", "ü"}},
		{files.Query{Fold: true}, []string{"Z", "a", "a-b", "[d/]", "d0", "[e/]", "[p/]", "ü"}},
		{files.Query{Prefix: "d/", Fold: true}, []string{"d/", "d/a", "[d/e/]"}},
		{files.Query{Prefix: "d", Fold: true}, []string{"[d/]", "d0"}},
		{files.Query{Prefix: "d/e/"}, []string{"d/e/f", "d/e/g"}},
		{files.Query{Prefix: "none"}, nil},
		{files.Query{After: "d/a"}, []string{"d/e/f", "d/e/g", "d0", "e/", "p/q/r", "ü"}},
		{files.Query{After: "d/", Fold: true}, []string{"d0", "[e/]", "[p/]", "ü"}},
		{files.Query{After: "d/", Prefix: "d/", Fold: true}, []string{"d/a", "[d/e/]"}},
		{files.Query{After: "d/e/"}, []string{"d/e/f", "d/e/g", "d0", "e/", "p/q/r", "ü"}},
		{files.Query{After: "b", Prefix: "a"}, nil},
		{files.Query{After: "A", Prefix: "a"}, []string{"a", "a-b"}},
	} {
		for _, limit := range []int{1, 2, 3, files.MaxPage} {
			c.q.Limit = limit
			k.lists(c.q, false, c.want...)
			k.lists(c.q, true, c.want...)
		}
	}
}

// listPages: pages are whole and none is twice, though names come and go meanwhile.
func listPages(k *kit) {
	k.puts("a", "b/c", "b/d", "e", "f")
	p, err := k.s.List(k.ctx, files.Query{Fold: true, Limit: 2})
	k.want(err, nil)
	if !p.More || p.Next != "b/" || len(p.Folders) != 1 {
		k.Fatalf("page %+v", p)
	}
	k.put("b/z", "new")
	k.put("aa", "new")
	_, err = k.s.Remove(k.ctx, "e", "", files.Cond{})
	k.want(err, nil)
	k.lists(files.Query{Fold: true, Limit: 2, After: p.Next}, false, "f")
	k.want(k.s.RemoveAll(k.ctx, "b/"), nil)
	k.lists(files.Query{Fold: true, Limit: 2, After: p.Next}, false, "f")
}

// readsStay: who reads a version gets it to the end, whatever becomes of its name.
func readsStay(k *kit) {
	e := k.put("a", "first")
	r, err := k.s.Read(k.ctx, "a", e.Version, 0, -1)
	k.want(err, nil)
	defer r.Close()
	k.put("a", "second")
	_, err = k.s.Remove(k.ctx, "a", "", files.Cond{})
	k.want(err, nil)
	if b, err := io.ReadAll(r); err != nil || string(b) != "first" {
		k.Errorf("read %q, %v", b, err)
	}
}
