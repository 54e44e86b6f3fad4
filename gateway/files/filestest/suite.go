// Package filestest is the suite that every implementation of package files passes.
package filestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Run runs the suite. fresh returns spaces of which none is there yet, with room for a
// few MiB; it may return the same ones again if it empties them.
func Run(t *testing.T, fresh func(t *testing.T) files.Spaces) {
	for _, c := range []struct {
		name string
		run  func(k *kit)
	}{
		{"Spaces", spaces}, {"Names", names}, {"PutAndRead", putAndRead}, {"Joined", joined}, {"Saved", saved}, {"Once", once}, {"Attrs", attrs},
		{"Folders", folders}, {"Clashes", clashes}, {"Conditions", conditions}, {"OneOfMany", oneOfMany},
		{"Remove", remove}, {"Copy", copies}, {"Rename", rename}, {"RenameFolder", renameFolder},
		{"List", list}, {"ListPages", listPages}, {"History", history}, {"HistoryOff", historyOff},
		{"VersionPages", versionPages}, {"ReadsStay", readsStay}, {"Classes", classes},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &kit{T: t, ctx: t.Context(), all: fresh(t)}
			k.want(k.all.Create(k.ctx, "s"), nil)
			k.s = k.space("s")
			c.run(k)
		})
	}
}

// kit is a space with short words for what tests do.
type kit struct {
	*testing.T
	ctx context.Context
	all files.Spaces
	s   files.Space
}

// want fails unless the error is of this kind.
func (k *kit) want(got, kind error) {
	k.Helper()
	if !errors.Is(got, kind) {
		k.Fatalf("error %v, want %v", got, kind)
	}
}

func (k *kit) space(name string) files.Space {
	k.Helper()
	s, err := k.all.Space(k.ctx, name)
	k.want(err, nil)
	return s
}

func (k *kit) draft(text string) files.Draft {
	k.Helper()
	return k.draftAs(text, files.InCopies)
}

func (k *kit) draftAs(text string, how files.Class) files.Draft {
	k.Helper()
	d, err := k.s.Draft(k.ctx, int64(len(text)), how)
	k.want(err, nil)
	k.Cleanup(d.Discard)
	if n, err := io.WriteString(d, text); n != len(text) || err != nil {
		k.Fatalf("wrote %d bytes of %d: %v", n, len(text), err)
	}
	return d
}

// tryPut puts a file, or a folder if the name ends with "/".
func (k *kit) tryPut(name, text string, c files.Cond) (files.Entry, error) {
	k.Helper()
	if strings.HasSuffix(name, "/") {
		return k.s.Put(k.ctx, name, nil, files.Attrs{}, c)
	}
	return k.s.Put(k.ctx, name, []files.Draft{k.draft(text)}, files.Attrs{}, c)
}

func (k *kit) put(name, text string) files.Entry {
	k.Helper()
	e, err := k.tryPut(name, text, files.Cond{})
	k.want(err, nil)
	return e
}

func (k *kit) puts(names ...string) {
	k.Helper()
	for _, name := range names {
		k.put(name, "of "+name)
	}
}

// text reads a version, or returns the error as a text.
func (k *kit) text(name, version string) string {
	k.Helper()
	r, err := k.s.Read(k.ctx, name, version, 0, -1)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	k.want(err, nil)
	return string(b)
}

func (k *kit) reads(name, version, want string) {
	k.Helper()
	if got := k.text(name, version); got != want {
		k.Errorf("%s holds %q, want %q", name, got, want)
	}
}

func (k *kit) missing(names ...string) {
	k.Helper()
	for _, name := range names {
		_, err := k.s.Stat(k.ctx, name, "")
		k.want(err, files.ErrNotFound)
	}
}

// list returns what a query finds: names, folders in brackets, versions of older ones
// with a prime, marks with a minus.
func (k *kit) list(q files.Query, versions bool) []string {
	k.Helper()
	if q.Limit == 0 {
		q.Limit = files.MaxPage
	}
	var out []string
	for pages := 0; ; pages++ {
		p, err := k.s.List(k.ctx, q)
		if versions {
			p, err = k.s.Versions(k.ctx, q)
		}
		k.want(err, nil)
		if n := len(p.Entries) + len(p.Folders); n > q.Limit || pages > 100 || p.More && n != q.Limit {
			k.Fatalf("page %d has %d entries and more follow: %v, the limit is %d", pages, n, p.More, q.Limit)
		}
		var page []string
		for _, e := range p.Entries {
			page = append(page, e.Name+mark(e))
		}
		for _, f := range p.Folders {
			page = append(page, "["+f+"]")
		}
		slices.SortStableFunc(page, func(a, b string) int {
			return strings.Compare(strings.Trim(a, "[]-'"), strings.Trim(b, "[]-'"))
		})
		out = append(out, page...)
		if !p.More {
			return out
		}
		q.After, q.AfterVersion = p.Next, p.NextVersion
	}
}

func mark(e files.Entry) string {
	switch {
	case e.Removed && e.Latest:
		return "-"
	case e.Removed:
		return "-'"
	case !e.Latest:
		return "'"
	}
	return ""
}

func (k *kit) lists(q files.Query, versions bool, want ...string) {
	k.Helper()
	if got := k.list(q, versions); !slices.Equal(got, want) {
		k.Errorf("%+v lists %q, want %q", q, got, want)
	}
}

func (k *kit) setHistory(on bool) {
	k.Helper()
	k.want(k.s.SetHistory(k.ctx, on), nil)
}

func spaces(k *kit) {
	k.want(k.all.Create(k.ctx, "s"), files.ErrExists)
	k.want(k.all.Create(k.ctx, "a/b"), files.ErrName)
	k.want(k.all.Create(k.ctx, ""), files.ErrName)
	k.want(k.all.Create(k.ctx, "Ann's photos"), nil)
	infos, err := k.all.Spaces(k.ctx)
	k.want(err, nil)
	if len(infos) != 2 || infos[0].Name != "Ann's photos" || infos[1].Name != "s" || infos[1].Made.IsZero() {
		k.Errorf("spaces %+v", infos)
	}
	if i, err := k.s.Info(k.ctx); err != nil || i != infos[1] {
		k.Errorf("%+v, %v, want %+v", i, err, infos[1])
	}
	_, err = k.all.Space(k.ctx, "t")
	k.want(err, files.ErrNoSpace)
	k.want(k.all.Remove(k.ctx, "t"), files.ErrNoSpace)
	k.put("a", "x")
	k.want(k.all.Remove(k.ctx, "s"), files.ErrNotEmpty)
	_, err = k.s.Remove(k.ctx, "a", "", files.Cond{})
	k.want(err, nil)
	k.want(k.all.Remove(k.ctx, "s"), nil)
	_, err = k.all.Space(k.ctx, "s")
	k.want(err, files.ErrNoSpace)
}

func names(k *kit) {
	for _, bad := range []string{"", "/", "/a", "a//b", "a//", "..", "../a", "a/../b", "a/..", "./a", "a/./b/", "a\x00b", "a\nb", "a\x7f",
		"\xff", strings.Repeat("a", files.MaxName+1)} {
		if bad != "" && !strings.HasSuffix(bad, "/") {
			_, err := k.tryPut(bad, "x", files.Cond{})
			k.want(err, files.ErrName)
		}
		_, err := k.s.Put(k.ctx, bad, nil, files.Attrs{}, files.Cond{})
		k.want(err, files.ErrName)
	}
	for _, good := range []string{"...", "..a", "a b", `c\d`, "ü/日本", "-", strings.Repeat("x", files.MaxName)} {
		k.put(good, "of "+good)
		k.reads(good, "", "of "+good)
	}
}

func putAndRead(k *kit) {
	k.missing("a")
	e := k.put("a", "0123456789")
	if e.Name != "a" || e.Size != 10 || e.Version == "" || !e.Latest || e.Removed || e.Folder() || e.Modified.IsZero() {
		k.Errorf("put %+v", e)
	}
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {3, -1, "3456789"}, {3, 4, "3456"}, {0, 0, ""}, {8, 100, "89"}, {10, -1, ""}, {11, 5, ""}} {
		r, err := k.s.Read(k.ctx, "a", e.Version, c.offset, c.length)
		k.want(err, nil)
		b, err := io.ReadAll(r)
		if err != nil || string(b) != c.want {
			k.Errorf("%d bytes from %d on are %q, %v, want %q", c.length, c.offset, b, err, c.want)
		}
		k.want(r.Close(), nil)
	}
	second := k.put("a", "new")
	if second.Version == e.Version {
		k.Errorf("the version %s stands for two contents", e.Version)
	}
	k.reads("a", "", "new")
	k.put("empty", "")
	k.reads("empty", "", "")
	_, err := k.s.Read(k.ctx, "a", "no-such-version", 0, -1)
	k.want(err, files.ErrNotFound)
	_, err = k.s.Read(k.ctx, "b", "", 0, -1)
	k.want(err, files.ErrNotFound)
	_, err = k.s.Put(k.ctx, "none", nil, files.Attrs{}, files.Cond{})
	k.want(err, nil)
	k.reads("none", "", "")
	k.draft("given up").Discard()
	k.lists(files.Query{}, false, "a", "empty", "none")
}

func joined(k *kit) {
	parts := []files.Draft{k.draft("one "), k.draft("two "), k.draft(""), k.draft("three")}
	_, err := k.s.Put(k.ctx, "../x", parts, files.Attrs{}, files.Cond{})
	k.want(err, files.ErrName)
	e, err := k.s.Put(k.ctx, "x", parts, files.Attrs{}, files.Cond{}) // a Put that failed has left them
	k.want(err, nil)
	if e.Size != 13 {
		k.Errorf("size %d", e.Size)
	}
	k.reads("x", "", "one two three")
	r, err := k.s.Read(k.ctx, "x", "", 3, 6)
	k.want(err, nil)
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != " two t" {
		k.Errorf("%q, %v over the seams", b, err)
	}
	if _, err := parts[0].Write([]byte("x")); err == nil {
		k.Error("a draft that is used up takes more")
	}
	parts[0].Discard()
	k.reads("x", "", "one two three")
}

func attrs(k *kit) {
	a := files.Attrs{Type: "text/plain", ETag: "tag", Meta: map[string]string{"user:b": "ü", "user:a": "", "dav:x": "<y/>"}}
	put, err := k.s.Put(k.ctx, "a", []files.Draft{k.draft("x")}, a, files.Cond{})
	k.want(err, nil)
	a.Meta["user:a"] = "changed behind its back"
	got, err := k.s.Stat(k.ctx, "a", "")
	k.want(err, nil)
	if got.Type != "text/plain" || got.Tag() != "tag" || len(got.Meta) != 3 || got.Meta["user:b"] != "ü" || got.Meta["user:a"] != "" {
		k.Errorf("attributes %+v", got.Attrs)
	}
	if keys := got.MetaKeys("user:"); !slices.Equal(keys, []string{"a", "b"}) {
		k.Errorf("keys %q", keys)
	}
	p, err := k.s.List(k.ctx, files.Query{Limit: 1})
	k.want(err, nil)
	if p.Entries[0].Version != put.Version || p.Entries[0].Type != "text/plain" || p.Entries[0].Meta["dav:x"] != "<y/>" {
		k.Errorf("listed %+v", p.Entries[0])
	}
	_, err = k.s.Put(k.ctx, "b", nil, files.Attrs{Meta: map[string]string{"user:x": strings.Repeat("x", files.MaxMeta)}}, files.Cond{})
	k.want(err, files.ErrMeta)
	first, second := k.put("c", "x"), k.put("d", "x")
	if first.Tag() == second.Tag() || first.Tag() == "" {
		k.Errorf("two versions have the tag %s", first.Tag())
	}
}

// oneOfMany: of many who create one name at once, one succeeds; and of many who change
// one version.
func oneOfMany(k *kit) {
	const many = 8
	race := func(c files.Cond) {
		k.Helper()
		errs := make(chan error, many)
		for i := range many {
			d := k.draft(fmt.Sprint(i))
			go func() {
				_, err := k.s.Put(k.ctx, "a", []files.Draft{d}, files.Attrs{}, c)
				errs <- err
			}()
		}
		won := 0
		for range many {
			if err := <-errs; err == nil {
				won++
			} else {
				k.want(err, files.ErrChanged)
			}
		}
		if won != 1 {
			k.Errorf("%d of %d have won", won, many)
		}
	}
	race(files.Cond{Absent: true})
	e, err := k.s.Stat(k.ctx, "a", "")
	k.want(err, nil)
	race(files.Cond{Version: e.Version})
}
