package space_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file tests what becomes of a change that is tried more than once.

// everywhere puts a file of which each of five machines has a copy.
func (p *part) everywhere(t *task.T, name, content string) error {
	u := p.sp.Begin(space.Storing{Copies: 5})
	if err := u.Write(t, []byte(content)); err != nil {
		return err
	}
	c, err := u.Finish(t)
	if err != nil {
		return err
	}
	_, fates, err := p.sp.Put(t, name, space.File{Content: c, Copies: 5, Seen: u.Seen()}, space.Cond{})
	u.Settle(fates.Content)
	return err
}

// updates has what becomes of changes of mutable objects that come to others pass by a function, which reports whether it has
// dealt with one.
func (w *world) updates(deal func(to *member, m *msg.Update, d *kbr.Delivery) bool) {
	for _, x := range w.members {
		x.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, err := msg.Decode(d.Payload)
			if err != nil {
				return false
			}
			u, ok := m.(*msg.Update)
			return ok && deal(x, u, d)
		}
	}
}

// TestPutPassesRename: a majority gets out of sight while files are renamed. Puts that come a moment later do not wait for it,
// but where they are about the same names: what was put after a rename is not renamed.
func TestPutPassesRename(t *testing.T) {
	w, l := partingWorld(t, 76)
	h := w.members[0].create(space.Founding{Name: "x"})
	m := opened(h, w.members[0], w.members[4])
	a, b := m[0], m[1]
	for _, name := range []string{"old", "folder/in"} {
		a.must("put", func(t *task.T) error { return a.everywhere(t, name, "first") })
	}
	b.has()
	took := make(map[string]time.Duration)
	l.then = func() { w.cutOff(b) }
	begun := w.net.Elapsed()
	does := func(what string, f func(*task.T) error) {
		b.node.Do(func() {
			b.node.Endpoint(2).Go(f, func(err error) {
				if took[what] = w.net.Elapsed() - begun; err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
		})
	}
	rename := func(from, to string) func(*task.T) error {
		return func(t *task.T) error { return b.sp.Rename(t, from, to, space.Cond{}) }
	}
	put := func(name string) func(*task.T) error {
		return func(t *task.T) error {
			_, _, err := b.sp.Put(t, name, space.File{}, space.Cond{})
			return err
		}
	}
	does("rename a file", rename("old", "new"))
	does("rename a folder", rename("folder/", "other/"))
	w.net.Run(3 * time.Second) // the renames wait for the majority
	if l.then != nil || len(took) > 0 {
		t.Fatalf("over before the majority went: %v", took)
	}
	does("put under the old name", put("old"))
	does("put into the old folder", put("folder/in"))
	does("put below the old folder", put("folder/sub/in"))
	does("put another", put("another"))
	w.net.Run(5 * time.Minute)
	if len(took) != 6 || took["put another"] > 45*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, what := range []string{"rename a file", "rename a folder"} {
		if took["put another"] > took[what] {
			t.Errorf("another file is put after %s, and it takes %s to %s", took["put another"], took[what], what)
		}
	}
	mustHave(t, []*part{b}, map[string][]string{"new": {"first"}, "other/in": {"first"}, "old": {""}, "folder/in": {""}, "folder/sub/in": {""}, "another": {""}})
}

// TestPutAgainApart: a majority makes a put, whose answer is lost, as whoever asked for it loses sight of them, and makes it
// again. They remove the file, or give it another name, and so it is removed later. The second one keeps its content.
func TestPutAgainApart(t *testing.T) {
	for _, renamed := range []bool{false, true} {
		w := newTunedWorld(t, 5, 79, 4<<10, func(c *past.Config) { c.Patience = 5 * time.Second })
		h := w.members[0].create(space.Founding{Name: "x"})
		m := opened(h, w.members[0], w.members[4])
		a, b := m[0], m[1]
		a.puts("first", "one")
		b.has()
		lost := false
		b.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, err := msg.Decode(d.Payload)
			if x, ok := m.(*msg.Accept); err != nil || !ok || x.Cert == nil || lost {
				return false
			}
			lost = true
			w.cutOff(b)
			return true // it has not heard of it
		}
		var err error
		over := false
		b.node.Do(func() {
			b.node.Endpoint(2).Go(func(t *task.T) error { return b.everywhere(t, "file", "content") }, func(e error) { over, err = true, e })
		})
		w.net.Run(5 * time.Minute)
		if !lost || !over || err != nil || b.sp.Apart() == 0 {
			t.Fatalf("the answer is lost: %t; over: %t, %v; apart from %d", lost, over, err, b.sp.Apart())
		}
		if got := a.has()["file"]; !slices.Equal(got, []string{"content"}) {
			t.Fatalf("the majority has %q", got)
		}
		want := map[string][]string{"first": {"one"}, "file": {"content"}}
		a.must("rename or remove", func(t *task.T) error {
			if renamed {
				want["other"] = []string{"content"}
				return a.sp.Rename(t, "file", "other", space.Cond{})
			}
			_, err := a.sp.Remove(t, "file", 0, space.Cond{})
			return err
		})
		w.net.Run(10 * time.Minute)
		w.meet()
		b.has()
		w.net.Run(10 * time.Minute)
		mustHave(t, m, want)
		if renamed {
			a.must("remove", func(t *task.T) error { _, err := a.sp.Remove(t, "file", 0, space.Cond{}); return err })
			delete(want, "file")
			w.net.Run(10 * time.Minute)
			mustHave(t, m, want)
		}
	}
}

// TestOneAfterAnother: a file is put, and removed or put once more, with one root that a majority makes, and whose answer is lost,
// as whoever asked for it loses sight of them. On the next try the first put waits for a content of its own. What was asked for
// after it is made after it all the same.
func TestOneAfterAnother(t *testing.T) {
	for _, removes := range []bool{true, false} {
		w := newTunedWorld(t, 5, 82, 4<<10, func(c *past.Config) { c.Patience = 5 * time.Second })
		h := w.members[0].create(space.Founding{Name: "x"})
		m := opened(h, w.members[0], w.members[4])
		a, b := m[0], m[1]
		a.puts("first", "one")
		b.has()
		var u *space.Upload
		var content piece.Content
		b.must("store", func(t *task.T) (err error) {
			u = b.sp.Begin(space.Storing{Copies: 5})
			if err := u.Write(t, []byte("content")); err != nil {
				return err
			}
			content, err = u.Finish(t)
			return err
		})
		updates, version, lost := 0, uint64(0), false
		for _, x := range w.members {
			x.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
				m, err := msg.Decode(d.Payload)
				if err != nil {
					return false
				}
				switch m := m.(type) {
				case *msg.Update:
					if updates++; updates == 2 { // after that of what keeps both waiting
						version = m.Cert.Version
					}
				case *msg.Accept:
					if x == b.member && m.Cert != nil && version > 0 && m.Cert.Version == version && !lost {
						lost = true
						w.cutOff(b)
						return true
					}
				}
				return false
			}
		}
		over := 0
		does := func(what string, f func(*task.T) error) {
			b.node.Do(func() {
				b.node.Endpoint(2).Go(f, func(err error) {
					if over++; err != nil {
						t.Errorf("removes: %t; %s: %v", removes, what, err)
					}
				})
			})
		}
		empty := func(name string) func(*task.T) error {
			return func(t *task.T) error { _, _, err := b.sp.Put(t, name, space.File{}, space.Cond{}); return err }
		}
		does("put before it", empty("before"))
		does("put", func(t *task.T) error {
			_, fates, err := b.sp.Put(t, "file", space.File{Content: content, Copies: 5}, space.Cond{})
			if u.Settle(fates.Content); err == nil && fates.Content != space.Unsure {
				err = errors.New("it has the content that it had at the first try")
			}
			return err
		})
		if removes {
			does("remove", func(t *task.T) error { _, err := b.sp.Remove(t, "file", 0, space.Cond{}); return err })
		} else {
			does("put once more", empty("file"))
		}
		w.net.Run(5 * time.Minute)
		if !lost || over != 3 || b.sp.Apart() == 0 {
			t.Fatalf("the answer is lost: %t; %d are over; apart from %d", lost, over, b.sp.Apart())
		}
		for _, met := range []bool{false, true} {
			if met {
				w.meet()
				b.has()
				w.net.Run(10 * time.Minute)
			}
			if got, there := b.has()["file"]; there == removes || there && got[0] != "" {
				t.Errorf("removes: %t; met: %t; the file has %q", removes, met, got)
			}
		}
	}
}

// TestUnsent: who is alone makes no change with a condition, and nobody else has heard of it. So it is not told as one that may
// have been made, nor written down as such.
func TestUnsent(t *testing.T) {
	w := newWorld(t, 5, 80)
	h := w.members[0].create(space.Founding{Name: "x"})
	b := opened(h, w.members[4])[0]
	w.alone(b)
	err := b.do(func(t *task.T) error {
		_, _, err := b.sp.Put(t, "f", space.File{}, space.Cond{Absent: true})
		return err
	})
	wantErr(t, "a first change, alone", err, past.ErrNotReachable)
	if errors.Is(err, space.ErrUncertain) {
		t.Errorf("it may have been made: %v", err)
	}
	w.net.Run(time.Minute)
	if as, err := notes.Read(b.disk, h.ID()); err != nil || len(as.List) > 0 || as.Unknown {
		t.Errorf("written down: %+v, %v", as, err)
	}
}

// TestRootShowsAnother: the root of a space's root shows who changes it a version that was signed and never made, as if that was
// current. It is not built upon, and takes away nothing that others have made.
func TestRootShowsAnother(t *testing.T) {
	w := newWorld(t, 5, 81)
	h := w.members[0].create(space.Founding{Name: "x"})
	root := w.members[0]
	w.updates(func(to *member, _ *msg.Update, _ *kbr.Delivery) bool { root = to; return false })
	opened(h, w.members[0])[0].puts("first", "one")
	w.updates(func(*member, *msg.Update, *kbr.Delivery) bool { return false })
	m := opened(h, slices.DeleteFunc(slices.Clone(w.members), func(x *member) bool { return x == root })...)
	c, a, b := m[0], m[1], m[2]
	b.puts("second", "two")
	c.has()
	a.has()
	var never *msg.Update
	w.updates(func(to *member, u *msg.Update, _ *kbr.Delivery) bool {
		if to == root && never == nil {
			never = u
			c.node.Kill()
			return true
		}
		return false
	})
	c.node.Do(func() {
		c.node.Endpoint(2).Go(func(t *task.T) error { _, _, err := c.sp.Put(t, "never", space.File{}, space.Cond{}); return err }, nil)
	})
	w.net.Run(time.Minute)
	if never == nil {
		t.Fatal("no change was sent")
	}
	a.puts("third", "three")
	shown := 0
	w.updates(func(to *member, u *msg.Update, d *kbr.Delivery) bool {
		if to != root || shown > 0 {
			return false
		}
		shown++
		var holders certificate.Holders
		for _, x := range w.members {
			holders = append(holders, &certificate.Member{Node: x.cert.Node, Life: 1})
		}
		r := (&certificate.Ruling{Term: certificate.Term{Count: 1000, Root: root.cert.Node}, Number: 1, Holders: holders,
			Certificate: never.Cert.Hash(ring), Root: root.cert}).Sign(ring, never.Cert.ID(), root.signer)
		d.Reply(msg.Encode(&msg.Object{Cert: never.Cert, Content: never.Content, Ruling: r, Life: 1}))
		return true
	})
	b.puts("fourth", "four")
	if shown == 0 {
		t.Fatal("nothing was shown")
	}
	mustHave(t, []*part{a, b}, map[string][]string{"first": {"one"}, "second": {"two"}, "third": {"three"}, "fourth": {"four"}})
}
