package space_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// TestOneOfTwoMachines: one of somebody's two machines sleeps for eight hours. On the other one files
// are put, read and removed, and the space says that it is so; what holds a condition is refused. When the first one
// is awake, both have what was made on each of them.
func TestOneOfTwoMachines(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprint("both go on: ", both), func(t *testing.T) {
			w := newWorld(t, 2, 65)
			h := w.members[0].create(space.Founding{Name: "x", History: true})
			m := opened(h, w.members...)
			a, b := m[0], m[1]
			a.puts("before", "one")
			b.puts("removed", "it")
			w.part(2)
			want := map[string][]string{"before": {"two", "one"}, "removed": {"-", "it"}}
			a.puts("before", "two")
			a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, "removed", 0, space.Cond{}); return err })
			for i := range 5 {
				a.puts(fmt.Sprint("a", i), "a's")
				want[fmt.Sprint("a", i)] = []string{"a's"}
			}
			if got := a.has(); len(got) != len(want) || a.sp.Apart() != 2 {
				t.Fatalf("the one who is alone has %q, apart from %d", got, a.sp.Apart())
			}
			for _, c := range []space.Cond{{Absent: true}, {Version: a.sp.Seen()}} {
				begun := w.net.Elapsed()
				_, err := a.put(ann, h, "a0", []byte("only if"), c)
				wantErr(t, "a change with a condition", err, past.ErrNotReachable)
				if took := w.net.Elapsed() - begun; took > 10*time.Second {
					t.Errorf("a condition is refused after %s", took)
				}
			}
			a.must("make a folder", func(t *task.T) error {
				_, _, err := a.sp.Put(t, "folder/", space.File{}, space.Cond{Absent: true})
				return err
			})
			want["folder/"] = []string{""}
			if both {
				b.puts("b", "b's")
				want["b"] = []string{"b's"}
			}
			w.net.Run(8 * time.Hour)
			w.meet()
			mustHave(t, m, want)
			if _, err := b.put(ann, h, "new", []byte("only if"), space.Cond{Absent: true}); err != nil || b.sp.Apart() != 0 {
				t.Errorf("a change with a condition when both are there: %v, apart from %d", err, b.sp.Apart())
			}
			if names := a.list(ann, h); !slices.Contains(names, "new") {
				t.Errorf("in the end %q are there", names)
			}
		})
	}
}

// TestRemovedWhileApart: what one of two machines has removed, or replaced, while each was out of the other's sight stays so
// when they meet, unless the other one has changed it, too.
func TestRemovedWhileApart(t *testing.T) {
	for _, history := range []bool{false, true} {
		t.Run(fmt.Sprint("history: ", history), func(t *testing.T) {
			w := newWorld(t, 2, 67)
			h := w.members[0].create(space.Founding{Name: "x", History: history})
			m := opened(h, w.members...)
			a, b := m[0], m[1]
			for _, name := range []string{"kept", "a removes", "b removes", "both remove", "a removes, b puts", "a puts, b removes", "a renames", "b renames", "a copies and replaces",
				"b copies and replaces"} {
				a.puts(name, "one")
			}
			b.puts("last", "one")
			w.part(2)
			remove := func(p *part, names ...string) {
				for _, name := range names {
					p.must("remove", func(t *task.T) error { _, err := p.sp.Remove(t, name, 0, space.Cond{}); return err })
				}
			}
			remove(a, "a removes", "both remove", "a removes, b puts")
			a.puts("a puts, b removes", "a's")
			a.puts("a", "a's")
			w.net.Run(time.Minute)
			remove(b, "b removes", "both remove", "a puts, b removes")
			b.puts("a removes, b puts", "b's")
			b.puts("b", "b's")
			for i, p := range m {
				who := string("ab"[i])
				p.must("rename", func(t *task.T) error { return p.sp.Rename(t, who+" renames", "renamed by "+who, space.Cond{}) })
				p.must("copy", func(t *task.T) error {
					_, err := p.sp.Copy(t, who+" copies and replaces", 0, "copied by "+who, nil, space.Cond{})
					return err
				})
				p.puts(who+" copies and replaces", "another")
			}
			w.net.Run(10 * time.Minute)
			w.meet()
			b.has()
			w.net.Run(10 * time.Minute) // what is not needed any more is given back
			for i, p := range m {
				var alive []string
				for name, versions := range p.has() {
					if versions[0] != "-" {
						alive = append(alive, name+": "+versions[0])
					}
				}
				slices.Sort(alive)
				want := []string{"a puts, b removes: a's", "a removes, b puts: b's", "a copies and replaces: another", "a: a's",
					"b copies and replaces: another", "b: b's", "copied by a: one", "copied by b: one", "kept: one", "last: one",
					"renamed by a: one", "renamed by b: one"}
				slices.Sort(want)
				if !slices.Equal(alive, want) {
					t.Errorf("machine %d sees %q\nwant %q", i, alive, want)
				}
			}
		})
	}
}

// TestMissingDirectory: on the one of two machines that is there parts of a space's directory are gone. Who reads the space, or
// changes it, is told so at once, and that the other one has to come back; then all is there.
func TestMissingDirectory(t *testing.T) {
	w := newWorld(t, 2, 72)
	h := w.members[0].create(space.Founding{Name: "x"})
	a := opened(h, w.members[0])[0]
	want := make(map[string][]string)
	for i := range 4 {
		name := fmt.Sprint(i)
		a.puts(name, "one")
		want[name] = []string{"one"}
	}
	var nodes []id.Hash
	a.must("look", func(t *task.T) error {
		return a.sp.Look(t, func(sn space.Snapshot) error {
			return sn.Objects(func(r piece.Ref, copies int) error {
				if copies == space.Copies {
					nodes = append(nodes, r.Object)
				}
				return nil
			})
		})
	})
	a.node.Kill()
	for _, o := range nodes[2:] { // of charter and root
		if err := a.disk.Delete(past.Table, o[:]); err != nil {
			t.Fatal(err)
		}
	}
	a.restart()
	w.part(2)
	a.must("open", func(t *task.T) (err error) { a.sp, err = a.spaces.Open(t, ann, h); return err })
	begun := w.net.Elapsed()
	for what, err := range map[string]error{
		"a change": a.do(func(t *task.T) error {
			_, _, err := a.sp.Put(t, "folder/", space.File{}, space.Cond{})
			return err
		}),
		"a look": a.do(func(t *task.T) error {
			return a.sp.Look(t, func(sn space.Snapshot) error {
				return sn.Scan("", func(*tree.Entry) (string, bool) { return "", true })
			})
		}),
	} {
		wantErr(t, what, err, space.ErrMissing)
		wantErr(t, what, err, past.ErrApart)
	}
	if took := w.net.Elapsed() - begun; took > 20*time.Second {
		t.Errorf("it is told after %s", took)
	}
	w.meet()
	mustHave(t, []*part{a}, want)
}

// TestMinorityOfSpace: a majority of a space's keepers replaces files and gives back the nodes of the directory
// that it does not need any more, while a minority, out of its sight, puts files beside others of these: fewer than
// the majority changes, or more, and so its root is the current one when they meet. All is there then.
func TestMinorityOfSpace(t *testing.T) {
	simtest.WithoutRace(t)
	for _, puts := range []int{1, 6} {
		t.Run(fmt.Sprint("it puts ", puts), func(t *testing.T) {
			w := newWorld(t, 5, 66)
			h := w.members[0].create(space.Founding{Name: "x"})
			m := opened(h, w.members[0], w.members[4])
			a, b := m[0], m[1]
			want := make(map[string][]string)
			for i := range 70 {
				name := fmt.Sprintf("%03d %s", i, strings.Repeat("long ", 40))
				a.puts(name, "one")
				want[name] = []string{"one"}
			}
			b.has()
			w.alone(b)
			for _, i := range []int{5, 35, 69} {
				name := fmt.Sprintf("%03d more", i)
				a.puts(name, "a's")
				want[name] = []string{"a's"}
			}
			w.net.Run(10 * time.Minute)
			for i := range puts {
				name := fmt.Sprintf("050 of b, %d", i)
				b.puts(name, "b's")
				want[name] = []string{"b's"}
			}
			if b.sp.Apart() == 0 || a.sp.Apart() > 0 {
				t.Fatalf("the minority is apart from %d, the majority from %d", b.sp.Apart(), a.sp.Apart())
			}
			w.net.Run(10 * time.Minute)
			w.members[4].create(space.Founding{Name: "of its own", History: true}) // its place was drawn: nobody else may have made it
			w.meet()
			w.net.Run(30 * time.Minute)                              // until those who keep the root have compared what they keep
			mustHave(t, append(opened(h, w.members[2]), m...), want) // it remembers nothing of what was there
		})
	}
}

// TestCopiedWhileApart: a majority removes or replaces files and gives their contents back, while a minority,
// out of its sight, gives the same files other names, or keeps one beside a file that was put without knowing of it.
// When they meet these have their contents, and what was given back has no name any more, of the last change before
// they parted too.
func TestCopiedWhileApart(t *testing.T) {
	w := newWorld(t, 5, 68)
	h := w.members[0].create(space.Founding{Name: "x"})
	m := opened(h, w.members[0], w.members[4])
	a, b := m[0], m[1]
	var late *space.Upload // that has not seen the first "both"
	b.must("begin", func(t *task.T) error {
		late = b.sp.Begin(space.Storing{Copies: 5})
		return late.Write(t, []byte("b's"))
	})
	for _, name := range []string{"removed", "replaced", "moved", "both", "folder/in", "last"} {
		a.must("put", func(t *task.T) error {
			u := a.sp.Begin(space.Storing{Copies: 5})
			if err := u.Write(t, []byte(name+"'s content")); err != nil {
				return err
			}
			c, err := u.Finish(t)
			if err == nil {
				_, _, err = a.sp.Put(t, name, space.File{Content: c, Copies: 5}, space.Cond{})
			}
			u.Keep()
			return err
		})
	}
	b.has()
	w.alone(b)
	before := w.objects()
	for _, name := range []string{"removed", "moved", "folder/in", "last"} {
		a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, name, 0, space.Cond{}); return err })
	}
	a.puts("replaced", "a's")
	a.puts("both", "a's")
	w.net.Run(10 * time.Minute)
	if n := w.objects(); n >= before {
		t.Fatalf("%d objects are kept after the removals, %d before: nothing was given back", n, before)
	}
	b.must("put", func(t *task.T) error {
		c, err := late.Finish(t)
		if err == nil {
			_, _, err = b.sp.Put(t, "both", space.File{Content: c, Copies: 5, Seen: late.Seen()}, space.Cond{})
		}
		late.Keep()
		return err
	})
	for _, name := range []string{"removed", "replaced"} {
		b.must("copy", func(t *task.T) error { _, err := b.sp.Copy(t, name, 0, "copy of "+name, nil, space.Cond{}); return err })
	}
	b.must("rename", func(t *task.T) error { return b.sp.Rename(t, "moved", "new", space.Cond{}) })
	b.must("rename a folder", func(t *task.T) error { return b.sp.Rename(t, "folder/", "other/", space.Cond{}) })
	if b.sp.Apart() == 0 || a.sp.Apart() > 0 {
		t.Fatalf("the minority is apart from %d, the majority from %d", b.sp.Apart(), a.sp.Apart())
	}
	w.meet()
	b.has()
	w.net.Run(10 * time.Minute)
	mustHave(t, append(opened(h, w.members[2]), m...), map[string][]string{"replaced": {"a's"}, "both": {"b's", "a's"}, "copy of removed": {"removed's content"},
		"copy of replaced": {"replaced's content"}, "new": {"moved's content"}, "other/in": {"folder/in's content"}})
}

// TestRemovedLast: a majority removes what was put last before they parted, and gives its content back or has
// not done so yet, while a minority knows nothing of a majority that has agreed to it, or of its removal. It stays removed
// when they meet, whichever has changed more.
func TestRemovedLast(t *testing.T) {
	for _, puts := range []int{1, 6} {
		held := puts > 1
		t.Run(fmt.Sprint("the minority puts ", puts), func(t *testing.T) {
			w := newWorld(t, 5, 69)
			h := w.members[0].create(space.Founding{Name: "x"})
			m := opened(h, w.members[0], w.members[4])
			a, b := m[0], m[1]
			a.puts("first", "one")
			a.puts("last", "one")
			w.alone(b)
			release := func() {}
			if held {
				a.must("read", func(t *task.T) error {
					return a.sp.Look(t, func(sn space.Snapshot) error {
						v, err := sn.Version("last", 0)
						if err == nil {
							release = a.spaces.Hold(v.Content)
						}
						return err
					})
				})
			}
			a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, "last", 0, space.Cond{}); return err })
			a.puts("a", "a's")
			w.net.Run(10 * time.Minute)
			want := map[string][]string{"first": {"one"}, "a": {"a's"}}
			for i := range puts {
				b.puts(fmt.Sprint("b", i), "b's")
				want[fmt.Sprint("b", i)] = []string{"b's"}
			}
			if b.sp.Apart() == 0 || a.sp.Apart() > 0 {
				t.Fatalf("the minority is apart from %d, the majority from %d", b.sp.Apart(), a.sp.Apart())
			}
			w.meet()
			b.has()
			release()
			w.net.Run(10 * time.Minute)
			mustHave(t, m, want)
		})
	}
}

// TestSharedWhileApart: a majority gives a file another name, and a minority that knows nothing of it
// makes more changes. When they have met the file is removed under its old name: the other one has its content.
func TestSharedWhileApart(t *testing.T) {
	w := newWorld(t, 5, 70)
	h := w.members[0].create(space.Founding{Name: "x"})
	m := opened(h, w.members[0], w.members[4])
	a, b := m[0], m[1]
	a.puts("file", "one")
	b.has()
	w.alone(b)
	a.must("copy", func(t *task.T) error { _, err := a.sp.Copy(t, "file", 0, "copy", nil, space.Cond{}); return err })
	want := map[string][]string{"copy": {"one"}}
	for i := range 4 {
		b.puts(fmt.Sprint("b", i), "b's")
		want[fmt.Sprint("b", i)] = []string{"b's"}
	}
	w.meet()
	b.has()
	a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, "file", 0, space.Cond{}); return err })
	w.net.Run(10 * time.Minute)
	mustHave(t, m, want)
}

// partingLocker is a Locker which does something when a root is locked the next time: all before it was done with a majority
// of those who keep the root.
type partingLocker struct {
	peer.Locker
	then func()
}

func (l *partingLocker) Lock(key peer.Secret, info, plaintext []byte) []byte {
	if then := l.then; then != nil && string(info) == "root" {
		l.then = nil
		then()
	}
	return l.Locker.Lock(key, info, plaintext)
}

// partingWorld is a ring of five, of which the last one's locker is returned.
func partingWorld(t *testing.T, seed uint64) (*world, *partingLocker) {
	w, l := newWorld(t, 5, seed), new(partingLocker)
	w.tending = func(c *space.Config) { l.Locker, c.Locker = c.Locker, l }
	w.members[4].node.Kill()
	w.members[4].restart()
	w.tending = nil
	w.net.Run(time.Minute)
	return w, l
}

// TestPartedInRename: a file is renamed, or copied, and between the reading of the root and its writing, or a little later, when
// it is made and has not been answered, a majority of those who keep it gets out of sight. That goes on, removes the file
// under its old name, and gives its content back. When they meet the new name has a content, and all of the directory is there.
func TestPartedInRename(t *testing.T) {
	alone, twice := 0, 0
	for i := range 4 {
		w, l := partingWorld(t, 73)
		h := w.members[0].create(space.Founding{Name: "x"})
		m := opened(h, w.members[0], w.members[4])
		a, b := m[0], m[1]
		a.must("put", func(t *task.T) error {
			u := a.sp.Begin(space.Storing{Copies: 5})
			if err := u.Write(t, []byte("content")); err != nil {
				return err
			}
			c, err := u.Finish(t)
			if err == nil {
				_, _, err = a.sp.Put(t, "old", space.File{Content: c, Copies: 5}, space.Cond{})
			}
			u.Keep()
			return err
		})
		want := make(map[string][]string)
		for j := range 12 { // so that the directory has several nodes
			name := fmt.Sprintf("%03d %s", j, strings.Repeat("long ", 40))
			a.puts(name, "one")
			want[name] = []string{"one"}
		}
		w.net.Run(time.Minute)
		l.then = func() {
			b.node.After(time.Duration(i/2)*15*time.Millisecond, func() { w.cutOff(b) })
		}
		begun := w.net.Elapsed()
		b.must("rename or copy", func(t *task.T) (err error) {
			if i%2 == 0 {
				err = b.sp.Rename(t, "old", "new", space.Cond{})
			} else {
				_, err = b.sp.Copy(t, "old", 0, "new", nil, space.Cond{})
			}
			return err
		})
		if took := w.net.Elapsed() - begun; took > 3*time.Minute {
			t.Errorf("it takes %s", took)
		}
		err := a.do(func(t *task.T) error { _, err := a.sp.Remove(t, "old", 0, space.Cond{}); return err })
		if err != nil && !errors.Is(err, space.ErrNotFound) { // the majority may have renamed it
			t.Fatal(err)
		}
		_, made := a.has()["new"]
		if apart := b.sp.Apart() > 0; apart && made {
			twice++ // of the first one it was not heard what became of it
		} else if apart {
			alone++
		}
		for j := range 4 {
			name := fmt.Sprintf("000 a's %d", j)
			a.puts(name, "a's")
			want[name] = []string{"a's"}
		}
		w.net.Run(10 * time.Minute)
		w.meet()
		b.has()
		w.net.Run(10 * time.Minute)
		for _, p := range append(opened(h, w.members[2]), m...) {
			has := p.has()
			if has["new"] = slices.Compact(has["new"]); len(has) != len(want)+1 || !slices.Equal(has["new"], []string{"content"}) {
				t.Errorf("%d: %d names are there, want %d, and the new one has %q", i, len(has), len(want)+1, has["new"])
			}
		}
	}
	if alone == 0 || twice == 0 {
		t.Errorf("%d changes were made by those alone who lost sight of the majority, and %d by both", alone, twice)
	}
}

// answerLost has the link of a machine end when the next change of a mutable object comes to it: all before it was done, and
// what the others say of it is lost.
func (w *world) answerLost(p *part) (lost *bool) {
	lost = new(bool)
	p.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, err := msg.Decode(d.Payload)
		if a, ok := m.(*msg.Accept); err != nil || !ok || a.Cert == nil || *lost {
			return false
		}
		*lost = true
		w.cutOff(p)
		return true
	}
	return lost
}

// TestAnswerLost: a majority of those who keep a space's root makes a rename, and whoever asked for it hears nothing of that,
// as its link ends; it is back after a while. Nothing of the directory is given back, whether the content can be stored anew
// meanwhile or not. If not, the outcome is not known, unless it sees by then that the rename was made. What nobody needs in the end is swept up.
func TestAnswerLost(t *testing.T) {
	for _, c := range []struct {
		near bool
		back time.Duration
	}{{true, 75 * time.Second}, {false, 75 * time.Second}, {false, 50 * time.Second}} {
		t.Run(fmt.Sprintf("the content is near: %t, back after %s", c.near, c.back), func(t *testing.T) {
			near, found := c.near, c.back < time.Minute
			w, sum := sweptWorld(t, 5, 75)
			h := w.members[0].listed(space.Founding{Name: "x"})
			m := opened(h, w.members[0], w.members[4])
			a, b := m[0], m[1]
			want := make(map[string][]string)
			for j := range 12 { // so that the directory has several nodes
				name := fmt.Sprintf("%03d %s", j, strings.Repeat("long ", 40))
				a.puts(name, "one")
				want[name] = []string{"one"}
			}
			old := ""
			for i := 0; old == ""; i++ {
				name := fmt.Sprint("old ", i)
				a.must("put", func(t *task.T) error {
					u := a.sp.Begin(space.Storing{Copies: 1})
					if err := u.Write(t, []byte("content")); err != nil {
						return err
					}
					c, err := u.Finish(t)
					if err == nil {
						_, _, err = a.sp.Put(t, name, space.File{Content: c, Copies: 1}, space.Cond{})
					}
					u.Keep()
					if _, bad := b.disk.Get(past.Table, c.Ref.Object[:]); (bad == nil) == near {
						old = name
					} else {
						want[name] = []string{"content"}
					}
					return err
				})
			}
			lost := w.answerLost(b)
			var err error
			over := false
			b.node.Do(func() {
				b.node.Endpoint(2).Go(func(t *task.T) error { return b.sp.Rename(t, old, "new", space.Cond{}) }, func(e error) { over, err = true, e })
			})
			w.net.Run(c.back)
			if !*lost {
				t.Fatal("the answer came")
			}
			w.net.Heal()
			w.net.Run(5 * time.Minute)
			if known := near || found; !over || known && err != nil || !known && !errors.Is(err, space.ErrUncertain) || errors.Is(err, space.ErrNotFound) {
				t.Errorf("the rename is over: %t, %v", over, err)
			}
			for _, after := range []time.Duration{0, 12 * time.Hour} {
				w.net.Run(after)
				for _, p := range append(opened(h, w.members[2]), m...) {
					has := p.has()
					if !found { // there it is found, and not made again
						has["new"] = slices.Compact(has["new"])
					}
					if len(has) != len(want)+1 || !slices.Equal(has["new"], []string{"content"}) {
						t.Errorf("%d names are there, want %d, and the new one has %q", len(has), len(want)+1, has["new"])
					}
				}
			}
			if sum.Err != nil || sum.Spaces > 0 {
				t.Errorf("swept: %+v", *sum)
			}
		})
	}
}

// TestRootDenies: the root of a space's root says that there is none when it is asked for a change. That proves nothing, so what
// the next try refuses is not known to be refused: the first one may have been made.
func TestRootDenies(t *testing.T) {
	w := newWorld(t, 5, 78)
	h := w.members[0].create(space.Founding{Name: "x"})
	m := opened(h, w.members[0], w.members[4])
	a, b := m[0], m[1]
	a.puts("first", "one")
	b.puts("second", "two")
	a.has()
	denied, first := false, errors.New("it has no end")
	for _, x := range w.members {
		x.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if q, err := msg.Decode(d.Payload); err != nil || denied {
				return false
			} else if _, ok := q.(*msg.Update); !ok {
				return false
			}
			denied = true
			d.Reply(msg.Encode(&msg.Absent{Sure: true}))
			a.node.Endpoint(2).Go(func(t *task.T) error {
				_, _, err := a.sp.Put(t, "f", space.File{}, space.Cond{Absent: true})
				return err
			}, func(err error) { first = err })
			return true
		}
	}
	err := b.do(func(t *task.T) error {
		_, _, err := b.sp.Put(t, "f", space.File{}, space.Cond{Absent: true})
		return err
	})
	if !denied || first != nil {
		t.Fatalf("denied: %t; the other one's put: %v", denied, first)
	}
	wantErr(t, "put what may have been put", err, space.ErrUncertain)
}

// TestPartedBesideRename: a majority gets out of sight while a file is put, and another one is renamed at the same moment. The
// put does not wait for the majority as the rename does; nor does a rename where contents are never given back.
func TestPartedBesideRename(t *testing.T) {
	for _, convergent := range []bool{false, true} {
		w, l := partingWorld(t, 76)
		h := w.members[0].create(space.Founding{Name: "x", Convergent: convergent})
		m := opened(h, w.members[0], w.members[4])
		m[0].puts("old", "content")
		b := m[1]
		var put, renamed time.Duration
		begun := w.net.Elapsed()
		over := func(took *time.Duration) func(error) {
			return func(err error) {
				if *took = w.net.Elapsed() - begun; err != nil {
					t.Error(err)
				}
			}
		}
		l.then = func() { l.then = func() { w.cutOff(b) } } // not while what comes before both is put
		ep := b.node.Endpoint(2)
		b.node.Do(func() {
			ep.Go(func(t *task.T) error { _, _, err := b.sp.Put(t, "first", space.File{}, space.Cond{}); return err }, nil)
		})
		w.net.Run(5 * time.Millisecond)
		b.node.Do(func() {
			if !convergent {
				ep.Go(func(t *task.T) error { _, _, err := b.sp.Put(t, "put", space.File{}, space.Cond{}); return err }, over(&put))
			}
			ep.Go(func(t *task.T) error { return b.sp.Rename(t, "old", "new", space.Cond{}) }, over(&renamed))
		})
		w.net.Run(5 * time.Minute)
		if renamed == 0 || !convergent && (put == 0 || put >= time.Minute) || convergent && renamed >= time.Minute {
			t.Errorf("convergent: %t; it is put after %s, and renamed after %s", convergent, put, renamed)
		}
	}
}

// fileBesideFolder parts a ring in which a puts a file and b, alone, a folder of one name, and lets them meet; nobody has
// brought both together yet.
func fileBesideFolder(w *world) (h space.Handle, m []*part) {
	h = w.members[0].create(space.Founding{Name: "x"})
	m = opened(h, w.members[0], w.members[4])
	a, b := m[0], m[1]
	a.puts("first", "one")
	b.has()
	w.alone(b)
	a.puts("way", "a's file")
	b.puts("way/on", "below b's folder")
	w.meet()
	return h, m
}

// TestPartedInMerge: one who brings a file and a folder of one name together loses sight of a majority meanwhile. That brings them
// together, too, and removes what got another name. It does not come back, without its content.
func TestPartedInMerge(t *testing.T) {
	w, l := partingWorld(t, 77)
	h, m := fileBesideFolder(w)
	a, b := m[0], m[1]
	l.then = func() { w.cutOff(b) }
	b.must("look", func(t *task.T) error { return b.sp.Look(t, func(space.Snapshot) error { return nil }) })
	if l.then != nil {
		t.Fatal("nothing was brought together")
	}
	beside := ""
	for name := range a.has() {
		if strings.HasPrefix(name, "way (2)") {
			beside = name
		}
	}
	a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, beside, 0, space.Cond{}); return err })
	w.net.Run(10 * time.Minute)
	w.meet()
	b.has()
	w.net.Run(10 * time.Minute)
	want := map[string][]string{"first": {"one"}, "way": {"a's file"}}
	if beside == "way (2)" {
		delete(want, "way")
		want["way/on"] = []string{"below b's folder"}
	}
	mustHave(t, append(opened(h, w.members[2]), m...), want)
}

// TestDoneWithElsewhere: of two parts of a ring that have met, the one with a majority brings both roots together, and the
// other one, which has lost sight of it before that, goes on beside the one that it knows to be kept. When they meet again that one
// is kept by nobody, and wanted by nobody.
func TestDoneWithElsewhere(t *testing.T) {
	w := newWorld(t, 5, 77)
	h, m := fileBesideFolder(w)
	a, b := m[0], m[1]
	w.cutOff(b)
	b.must("look", func(t *task.T) error { return b.sp.Look(t, func(space.Snapshot) error { return nil }) })
	a.has()
	a.puts("a", "a's")
	w.net.Run(10 * time.Minute)
	b.puts("b", "b's")
	w.meet()
	mustHave(t, append(opened(h, w.members[2]), m...), map[string][]string{"first": {"one"}, "a": {"a's"}, "b": {"b's"}, "way": {"a's file"}, "way (2)/on": {"below b's folder"}})
}
