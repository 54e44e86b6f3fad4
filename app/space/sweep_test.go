package space_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// sweptWorld is a ring with accounts, in which ann lives on all nodes, and these look for what
// nobody needs. The swept are added up in what it returns.
func sweptWorld(t *testing.T, n int, seed uint64) (w *world, sum *space.Swept) {
	t.Helper()
	sum = new(space.Swept)
	w = newTunedWorld(t, 0, seed, 4<<10, func(c *past.Config) {
		a := account.Default()
		a.Gift, a.Copies = 10_000_000, 1
		c.Accounts = &a
	})
	w.tending = func(c *space.Config) {
		c.People, c.Tend = func() []space.Person { return []space.Person{ann} }, 3*time.Hour
		c.Swept = func(x space.Swept) {
			sum.Objects, sum.Bytes, sum.Spaces, sum.Err = sum.Objects+x.Objects, sum.Bytes+x.Bytes, sum.Spaces+x.Spaces, x.Err
		}
		c.Waiting = func() ([]piece.Content, error) { return w.waiting, nil }
	}
	for i := range n {
		w.join(uint64(i))
	}
	w.net.Run(10 * time.Second)
	return w, sum
}

// listed puts a space on ann's list.
func (m *member) listed(f space.Founding) space.Handle {
	m.w.t.Helper()
	h := m.create(f)
	m.must("list", func(t *task.T) error { return m.spaces.Add(t, ann, space.Entry{Name: f.Name, Handle: h}) })
	return h
}

// begin puts a file, and does not wait for that.
func (m *member) begin(h space.Handle, name string, content []byte) {
	m.node.Do(func() {
		m.node.Endpoint(2).Go(func(t *task.T) error {
			sp, err := m.spaces.Open(t, ann, h)
			if err == nil {
				_, err = putting(t, sp, name, content, space.Cond{})
			}
			return err
		}, nil)
	})
}

// die kills a node after a while and starts it again.
func (m *member) die(after time.Duration) {
	m.w.net.Run(after)
	m.node.Kill()
	m.w.net.Run(time.Second)
	m.restart()
}

// wantFile reads a file to its end.
func (m *member) wantFile(h space.Handle, name string, content []byte) {
	m.w.t.Helper()
	if b, err := m.get(ann, h, name, 0); err != nil || !bytes.Equal(b, content) {
		m.w.t.Errorf("of %s %d bytes came, want %d: %v", name, len(b), len(content), err)
	}
}

// TestSweep: of a put that was broken off at any moment, and of one file that was put in place of another while
// the node ended, nothing is left in the end, and is paid for no more; what has a name is whole. The node
// dies once more while it sweeps. In one of the spaces somebody's place was taken away before, after a change.
func TestSweep(t *testing.T) {
	simtest.WithoutRace(t)
	found := 0
	simtest.Seeds(t, 2, func(t *testing.T, seed uint64) {
		w, sum := sweptWorld(t, 5, seed)
		m, rng := w.members[0], rand.New(rand.NewPCG(seed, 7))
		h := m.listed(space.Founding{Name: "x"})
		kept := random(1, 30_000)
		if _, err := m.put(ann, h, "kept", kept, space.Cond{}); err != nil {
			t.Fatal(err)
		}
		if seed == 2 {
			if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
				return errors.Join(sp.Grant(t, grant(bob, true)), sp.Revoke(t, bob.Signer.Public()))
			}); err != nil {
				t.Fatal(err)
			}
		}
		w.net.Run(3 * time.Hour) // what was paid ahead comes back, too
		before := w.used()
		for i := range 3 {
			m.begin(h, "broken", random(uint64(10+i), 50_000))
			m.die(time.Duration(rng.Int64N(int64(1500 * time.Millisecond))))
			w.net.Run(time.Minute)
		}
		w.net.Run(2 * time.Hour) // in a sweep
		m.die(time.Duration(rng.Int64N(int64(time.Hour))))
		w.net.Run(9 * time.Hour)
		m.wantFile(h, "kept", kept)
		if slices.Contains(w.members[1].list(ann, h), "broken") {
			if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
				_, err := sp.Remove(t, "broken", 0, space.Cond{})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			w.net.Run(3 * time.Hour)
		}
		if after := w.used(); after != before || sum.Err != nil || sum.Spaces != 0 {
			t.Errorf("%d bytes are paid for, want %d as before: %+v", after, before, *sum)
		}
		found += sum.Objects
	})
	if found == 0 {
		t.Error("no put left anything behind")
	}
}

// TestSweepLeavesAlone: uploads that are under way for several sweeps, and contents that are held over a restart, are
// not given back; when they are, or have their names, they are as all others.
func TestSweepLeavesAlone(t *testing.T) {
	simtest.WithoutRace(t)
	w, sum := sweptWorld(t, 5, 3)
	m := w.members[0]
	h := m.listed(space.Founding{Name: "x"})
	one, two := random(1, 20_000), random(2, 30_000)
	var held piece.Content
	var under *space.Upload
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
		u := sp.Begin(space.Storing{Copies: 3})
		if err = u.Write(t, one); err != nil {
			return err
		}
		if held, err = u.Finish(t); err == nil {
			err = u.Hold(t, held)
		}
		under = sp.Begin(space.Storing{Copies: 3})
		if err == nil {
			err = under.Write(t, two)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.waiting = []piece.Content{held}
	w.net.Run(9 * time.Hour)
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
		c, err := under.Finish(t)
		if err == nil {
			_, _, err = sp.Put(t, "two", space.File{Content: c, Copies: 3}, space.Cond{})
		}
		under.Keep()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	m.die(time.Minute)
	w.net.Run(9 * time.Hour)
	m.wantFile(h, "two", two)
	var u *space.Upload
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
		u = sp.Resume(held, space.Storing{Copies: 3}, 0)
		_, _, err := sp.Put(t, "one", space.File{Content: held, Copies: 3}, space.Cond{})
		u.Keep()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	m.wantFile(h, "one", one)
	if sum.Objects != 0 || sum.Err != nil {
		t.Errorf("something was given back: %+v", *sum)
	}
	if cs, err := notes.Held(m.disk); err != nil || len(cs) > 0 {
		t.Errorf("%d contents are held, %v", len(cs), err)
	}
	// A content that is held, and that nobody goes on with, is given back, but for what cannot be found.
	var third piece.Content
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) (err error) {
		u := sp.Begin(space.Storing{Copies: 3})
		if err = u.Write(t, random(3, 20_000)); err == nil {
			third, err = u.Finish(t)
		}
		return errors.Join(err, u.Hold(t, third))
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.members {
		m.node.Kill()
	}
	for _, m := range w.members {
		o := third.Ref.Object
		if err := m.disk.Delete(past.Table, o[:]); err != nil {
			t.Fatal(err)
		}
		m.restart()
	}
	w.waiting = nil
	w.net.Run(12 * time.Hour)
	m.wantFile(h, "one", one)
	m.wantFile(h, "two", two)
	if cs, err := notes.Held(m.disk); err != nil || len(cs) > 0 || sum.Objects == 0 {
		t.Errorf("%d contents are held, %v: %+v", len(cs), err, *sum)
	}
}

// TestSweepOfTwo: two nodes of one owner each give back what they have paid for, and nothing of the other's, whose clock
// jumps by a day.
func TestSweepOfTwo(t *testing.T) {
	simtest.WithoutRace(t)
	w, sum := sweptWorld(t, 5, 4)
	a, b := w.members[0], w.members[1]
	h := a.listed(space.Founding{Name: "x"})
	fa, fb := random(1, 20_000), random(2, 20_000)
	for i, m := range []*member{a, b} {
		m.begin(h, "broken", random(uint64(20+i), 60_000))
		m.die(400 * time.Millisecond)
		w.net.Run(time.Minute)
	}
	for _, ahead := range []time.Duration{0, 24 * time.Hour, 0, 0} {
		b.node.SkewWall(0)
		if _, err := a.put(ann, h, "a", fa, space.Cond{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.put(ann, h, "b", fb, space.Cond{}); err != nil {
			t.Fatal(err)
		}
		b.node.SkewWall(ahead)
		w.net.Run(6 * time.Hour)
		a.wantFile(h, "b", fb)
		b.wantFile(h, "a", fa)
	}
	if sum.Objects == 0 || sum.Err != nil {
		t.Errorf("nothing was given back: %+v", *sum)
	}
}

// TestPauses: an object that is never found is asked for at every sweep at first, and then less and less often.
func TestPauses(t *testing.T) {
	if got, want := space.AskedAt(100), []int{0, 1, 3, 7, 15, 31, 63, 95}; !slices.Equal(got, want) {
		t.Errorf("asked for at the sweeps %v, want %v", got, want)
	}
}
