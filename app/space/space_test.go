package space_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// TestFiles: what is put on one node is read on every other, in rings of one node and more.
func TestFiles(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			w := newWorld(t, n, uint64(n))
			a, b := w.members[0], w.members[n-1]
			h := a.create(space.Founding{Name: "photos"})
			files := map[string][]byte{"empty": nil, "one byte": {7}, "short": random(1, 1000), "long": random(2, 60_000)}
			for _, name := range []string{"empty", "long", "one byte", "short"} {
				if _, err := a.put(ann, h, name, files[name], space.Cond{}); err != nil {
					t.Fatalf("put %s: %v", name, err)
				}
			}
			for name, want := range files {
				if got, err := b.get(ann, h, name, 0); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("get %s: %d bytes, want %d: %v", name, len(got), len(want), err)
				}
			}
			if got := b.list(ann, h); !slices.Equal(got, []string{"empty", "long", "one byte", "short"}) {
				t.Errorf("list: %q", got)
			}
			_, err := b.get(ann, h, "missing", 0)
			wantErr(t, "a name that is not there", err, space.ErrNotFound)
			_, err = b.get(eve, h, "short", 0)
			wantErr(t, "a stranger", err, space.ErrNoAccess)
		})
	}
}

// TestRanges: any range of a file is what stands there.
func TestRanges(t *testing.T) {
	w := newWorld(t, 3, 10)
	m := w.members[0]
	h := m.create(space.Founding{Name: "films"})
	content := random(3, 700_000) // more pieces than one list has
	v, err := m.put(ann, h, "film", content, space.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	if v.Content.Height != 2 {
		t.Errorf("lists %d deep, want 2", v.Content.Height)
	}
	for _, x := range []struct{ at, n int }{{0, 1}, {0, 700_000}, {699_999, 10}, {700_000, 1}, {4096, 4096}, {500_000, 20_000}, {-1, 5}, {100, 0}} {
		m.must("read", func(t *task.T) error {
			got, err := m.spaces.ReadAt(t, v.Content, int64(x.at), x.n)
			want := content[min(max(x.at, 0), len(content)):min(max(x.at, 0)+x.n, len(content))]
			if x.at < 0 {
				want = nil
			}
			if err == nil && !bytes.Equal(got, want) {
				w.t.Errorf("%d bytes at %d: got %d others", x.n, x.at, len(got))
			}
			return err
		})
	}
}

// TestCopies: what is counted is what is there, also for a content of many pieces, and the count is
// whole again when the copies were made again.
func TestCopies(t *testing.T) {
	simtest.WithoutRace(t)
	const copies = 3 // see putting
	w := newWorld(t, 8, 11)
	m := w.members[0]
	h := m.create(space.Founding{Name: "films"})
	contents := map[string]piece.Content{}
	names := []string{"empty", "long", "short"}
	for i, size := range []int{0, 700_000, 100} {
		name := names[i]
		v, err := m.put(ann, h, name, random(4, size), space.Cond{})
		if err != nil {
			t.Fatal(err)
		}
		contents[name] = v.Content
	}
	count := func(name string, of, want int, when string) {
		t.Helper()
		m.must("count", func(t *task.T) error {
			n, err := m.spaces.Copies(t, contents[name], of)
			if err == nil && n != want {
				w.t.Errorf("%s, %s: %d copies of %d, want %d", name, when, n, of, want)
			}
			return err
		})
	}
	for _, name := range names {
		count(name, copies, copies, "just stored")
	}
	count("long", space.MaxCopies, copies, "more than were ever wanted")
	w.members[3].node.Kill() // each of 8 nodes keeps some of the more than 100 pieces
	count("long", copies, copies-1, "with one node dead")
	w.net.Run(2 * time.Hour)
	count("long", copies, copies, "after the copies were made again")
}

// TestConditions: a change is made only if what it was made for is still there.
func TestConditions(t *testing.T) {
	w := newWorld(t, 3, 11)
	a, b := w.members[0], w.members[1]
	h := a.create(space.Founding{Name: "x"})
	one, err := a.put(ann, h, "f", []byte("one"), space.Cond{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.put(ann, h, "f", []byte("other"), space.Cond{Absent: true})
	wantErr(t, "put what is there", err, space.ErrChanged)
	two, err := b.put(ann, h, "f", []byte("two"), space.Cond{Version: one.Number})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.put(ann, h, "f", []byte("three"), space.Cond{Version: one.Number})
	wantErr(t, "put in place of an old version", err, space.ErrChanged)
	_, err = a.put(ann, h, "f/below", nil, space.Cond{})
	wantErr(t, "put below a file", err, space.ErrClash)
	if _, err := a.put(ann, h, "d/below/it", nil, space.Cond{}); err != nil {
		t.Fatal(err)
	}
	_, err = a.put(ann, h, "d/below", nil, space.Cond{})
	wantErr(t, "put a file in place of a folder", err, space.ErrClash)
	if got, err := a.get(ann, h, "f", 0); err != nil || string(got) != "two" {
		t.Fatalf("got %q, %v", got, err)
	}
	wantErr(t, "remove an old version", a.in(ann, h, func(t *task.T, sp *space.Space) error {
		_, err := sp.Remove(t, "f", 0, space.Cond{Version: one.Number})
		return err
	}), space.ErrChanged)
	a.must("remove", func(t *task.T) error {
		sp, err := a.spaces.Open(t, ann, h)
		if err == nil {
			_, err = sp.Remove(t, "f", 0, space.Cond{Version: two.Number})
		}
		return err
	})
	_, err = b.get(ann, h, "f", 0)
	wantErr(t, "what was removed", err, space.ErrNotFound)
}

// TestHistory: versions stay, can be read and copied, and what was removed leaves a mark.
func TestHistory(t *testing.T) {
	w := newWorld(t, 3, 12)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x", History: true})
	var numbers []uint64
	for i := range 5 {
		v, err := m.put(ann, h, "f", fmt.Appendf(nil, "version %d", i), space.Cond{})
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, v.Number)
	}
	in := func(what string, f func(*task.T, *space.Space) error) {
		t.Helper()
		if err := m.in(ann, h, f); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	in("remove", func(t *task.T, sp *space.Space) error {
		v, err := sp.Remove(t, "f", 0, space.Cond{})
		if err == nil && !v.Removed {
			w.t.Error("it leaves no mark")
		}
		return err
	})
	_, err := m.get(ann, h, "f", 0)
	wantErr(t, "what was removed", err, space.ErrNotFound)
	for i, n := range numbers {
		if got, err := m.get(ann, h, "f", n); err != nil || string(got) != fmt.Sprintf("version %d", i) {
			t.Errorf("version %d: %q, %v", i, got, err)
		}
	}
	in("restore", func(t *task.T, sp *space.Space) error {
		_, err := sp.Copy(t, "f", numbers[2], "f", nil, space.Cond{Absent: true})
		return err
	})
	in("remove a version", func(t *task.T, sp *space.Space) error {
		_, err := sp.Remove(t, "f", numbers[2], space.Cond{})
		return err
	})
	w.net.Run(10 * time.Minute) // the content has another version, and stays
	if got, err := m.get(ann, h, "f", 0); err != nil || string(got) != "version 2" {
		t.Errorf("restored: %q, %v", got, err)
	}
	_, err = m.get(ann, h, "f", numbers[2])
	wantErr(t, "a version that was removed", err, space.ErrNotFound)
}

// TestRename: a folder goes to another place with one change, and no content is moved.
func TestRename(t *testing.T) {
	w := newWorld(t, 3, 13)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	for _, name := range []string{"a/1", "a/b/2", "a/b/3", "c", "d/1", "d/4"} {
		if _, err := m.put(ann, h, name, []byte("in "+name), space.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	move := func(from, to string, c space.Cond) error {
		return m.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.Rename(t, from, to, c) })
	}
	wantErr(t, "what is not there", move("q", "r", space.Cond{}), space.ErrNotFound)
	wantErr(t, "a folder onto a file", move("a/", "c/", space.Cond{}), space.ErrClash)
	wantErr(t, "a folder into itself", move("a/", "a/b/", space.Cond{}), space.ErrClash)
	wantErr(t, "onto what is there", move("a/", "d/", space.Cond{Absent: true}), space.ErrChanged)
	if err := move("a/", "d/", space.Cond{}); err != nil {
		t.Fatal(err)
	}
	if err := move("c", "d/b/c", space.Cond{Absent: true}); err != nil {
		t.Fatal(err)
	}
	if got := m.list(ann, h); !slices.Equal(got, []string{"d/1", "d/b/2", "d/b/3", "d/b/c"}) {
		t.Fatalf("%q", got)
	}
	w.net.Run(10 * time.Minute)
	if got, err := m.get(ann, h, "d/b/2", 0); err != nil || string(got) != "in a/b/2" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNothingIsLeftOver: when all files are removed, all that is left in the ring is the
// charter and the root.
func TestNothingIsLeftOver(t *testing.T) {
	w := newWorld(t, 3, 14)
	a, b := w.members[0], w.members[1]
	h := a.create(space.Founding{Name: "x"})
	for i := range 20 {
		m := []*member{a, b}[i%2]
		if _, err := m.put(ann, h, name(i), random(uint64(i), 9000), space.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.in(ann, h, func(t *task.T, sp *space.Space) error {
		if _, err := sp.Copy(t, name(3), 0, "copy", nil, space.Cond{}); err != nil {
			return err
		}
		if err := sp.Rename(t, name(4), "moved", space.Cond{}); err != nil {
			return err
		}
		u := sp.Begin(space.Storing{})
		if err := u.Write(t, random(50, 30_000)); err != nil {
			return err
		}
		u.Discard()
		if err := sp.RemoveAll(t, "folder/", true); err != nil {
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	if got, err := b.get(ann, h, "copy", 0); err != nil || !bytes.Equal(got, random(3, 9000)) {
		t.Errorf("the copy of what was removed: %d bytes, %v", len(got), err)
	}
	if err := b.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.RemoveAll(t, "", true) }); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	if n := w.objects(); n != 2*3 {
		t.Errorf("%d replicas are left, want those of the charter and the root", n)
	}
}

// TestGrants: writers write, readers read, others do neither, and who is revoked does neither any
// more, though he has kept all keys.
func TestGrants(t *testing.T) {
	w := newWorld(t, 4, 15)
	a, b, c := w.members[0], w.members[1], w.members[2]
	h := a.create(space.Founding{Name: "x"})
	owner := func(f func(*task.T, *space.Space) error) {
		t.Helper()
		if err := a.in(ann, h, f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.put(ann, h, "f", []byte("ann's"), space.Cond{}); err != nil {
		t.Fatal(err)
	}
	owner(func(t *task.T, sp *space.Space) error { return sp.Grant(t, grant(bob, true)) })
	owner(func(t *task.T, sp *space.Space) error { return sp.Grant(t, grant(eve, false)) })
	if _, err := b.put(bob, h, "f", []byte("bob's"), space.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.get(eve, h, "f", 0); err != nil || string(got) != "bob's" {
		t.Fatalf("eve reads %q, %v", got, err)
	}
	_, err := c.put(eve, h, "f", []byte("eve's"), space.Cond{})
	wantErr(t, "a reader writes", err, space.ErrReadOnly)
	wantErr(t, "a writer grants", b.in(bob, h, func(t *task.T, sp *space.Space) error { return sp.Grant(t, grant(eve, true)) }), space.ErrNotOwner)
	owner(func(t *task.T, sp *space.Space) error { return sp.Revoke(t, bob.Signer.Public()) })
	_, err = b.put(bob, h, "f", []byte("bob's second"), space.Cond{})
	wantErr(t, "who is revoked writes", err, space.ErrNoAccess)
	if got, err := c.get(eve, h, "f", 0); err != nil || string(got) != "bob's" {
		t.Fatalf("eve reads %q, %v after another one was revoked", got, err)
	}
	if _, err := a.put(ann, h, "g", []byte("ann's second"), space.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got := c.list(eve, h); !slices.Equal(got, []string{"f", "g"}) {
		t.Fatalf("eve lists %q", got)
	}
	owner(func(t *task.T, sp *space.Space) error { return sp.Grant(t, grant(bob, true)) })
	if _, err := b.put(bob, h, "h", []byte("bob's third"), space.Cond{}); err != nil {
		t.Fatal(err)
	}
}

// TestShelf: a person has the same list of spaces on all nodes.
func TestShelf(t *testing.T) {
	w := newWorld(t, 3, 16)
	a, b := w.members[0], w.members[1]
	h, g := a.create(space.Founding{Name: "x"}), a.create(space.Founding{Name: "y"})
	add := func(m *member, name string, h space.Handle) error {
		return m.do(func(t *task.T) error { return m.spaces.Add(t, ann, space.Entry{Name: name, Handle: h}) })
	}
	for _, err := range []error{add(a, "x", h), add(b, "y", g), add(b, "x", h)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, "a name twice", add(b, "x", g), space.ErrTaken)
	wantErr(t, "a name with a slash", add(b, "a/b", g), space.ErrHandle)
	b.must("forget", func(t *task.T) error { return b.spaces.Forget(t, ann, "x") })
	a.must("list", func(t *task.T) error {
		es, err := a.spaces.List(t, ann)
		if err == nil && (len(es) != 1 || es[0] != space.Entry{Name: "y", Handle: g}) {
			w.t.Errorf("%+v", es)
		}
		return err
	})
}

// TestConvergent: the same content is stored once, and outlives one of its names.
func TestConvergent(t *testing.T) {
	w := newWorld(t, 3, 17)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x", Convergent: true})
	content := random(9, 100_000)
	count := func() int {
		w.net.Run(10 * time.Minute)
		return w.objects()
	}
	if _, err := m.put(ann, h, "f", content, space.Cond{}); err != nil {
		t.Fatal(err)
	}
	before := count()
	if _, err := m.put(ann, h, "g", content, space.Cond{}); err != nil {
		t.Fatal(err)
	}
	if after := count(); after != before {
		t.Errorf("%d replicas before, %d after the same was put again", before, after)
	}
	m.must("remove", func(t *task.T) error {
		sp, err := m.spaces.Open(t, ann, h)
		if err == nil {
			_, err = sp.Remove(t, "f", 0, space.Cond{})
		}
		return err
	})
	count()
	if got, err := m.get(ann, h, "g", 0); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestExpiry: what has expired is not there any more.
func TestExpiry(t *testing.T) {
	w := newWorld(t, 3, 18)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
		end := w.now().Add(time.Hour)
		u := sp.Begin(space.Storing{Copies: 3, Expires: end})
		if err := u.Write(t, []byte("for an hour")); err != nil {
			return err
		}
		c, err := u.Finish(t)
		if err != nil {
			return err
		}
		_, _, err = sp.Put(t, "f", space.File{Content: c, Copies: 3, Expires: end}, space.Cond{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := m.get(ann, h, "f", 0); err != nil || string(got) != "for an hour" {
		t.Fatalf("%q, %v", got, err)
	}
	w.net.Run(2 * time.Hour)
	_, err := m.get(ann, h, "f", 0)
	wantErr(t, "after its time", err, space.ErrNotFound)
	if got := m.list(ann, h); len(got) != 0 {
		t.Errorf("listed: %q", got)
	}
}

// TestDamage: who gives wrong bytes, or none, is not believed; nothing wrong is ever read.
func TestDamage(t *testing.T) {
	w := newWorld(t, 1, 19)
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	v, err := m.put(ann, h, "f", random(4, 3000), space.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	bad := v.Content
	bad.Ref.Hash[0]++
	wantErr(t, "another hash", m.do(func(t *task.T) error { _, err := m.spaces.ReadAt(t, bad, 0, 10); return err }), space.ErrDamaged)
	bad = v.Content
	bad.Ref.Key[0]++
	wantErr(t, "another key", m.do(func(t *task.T) error { _, err := m.spaces.ReadAt(t, bad, 0, 10); return err }), space.ErrDamaged)
	bad = v.Content
	bad.Ref.Object[0]++
	wantErr(t, "another object", m.do(func(t *task.T) error { _, err := m.spaces.ReadAt(t, bad, 0, 10); return err }), past.ErrNotFound)
	bad = v.Content
	bad.Height++
	wantErr(t, "a piece as a list", m.do(func(t *task.T) error { _, err := m.spaces.ReadAt(t, bad, 0, 10); return err }), space.ErrDamaged)
}
