package past_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/wire"
)

// fill stores n files, one after another, from different nodes.
func (w *world) fill(n, copies int) (objects []id.Hash) {
	for i := range n {
		objects = append(objects, w.mustInsert(w.live()[i%len(w.live())], file(name(i), copies)))
	}
	return objects
}

func (w *world) copied() (n uint64) {
	for _, p := range w.pasts() {
		n += p.Stats().Copied
	}
	return n
}

// TestShortAbsence: a laptop that is away for less than ten minutes causes less than 5 %
// of its replicas to be copied, and has what it missed when it is back.
func TestShortAbsence(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 40, kbrtest.Config{Seed: 20}, nil)
	objects := w.fill(100, 5)
	laptop := w.nearest(objects[0], 1)[0]
	held := laptop.past.Stats().Objects
	laptop.node.Kill()
	w.net.Run(5 * time.Second)
	missed := w.mustInsert(w.live()[0], file("missed", 5))
	w.net.Run(9 * time.Minute)
	laptop.restart()
	w.net.Run(30 * time.Minute)
	if n := w.copied(); 20*n >= uint64(held) {
		t.Errorf("%d replicas were copied, while one was away that keeps %d", n, held)
	}
	w.mustFind(laptop, missed, "missed")
	w.net.Run(2 * time.Hour)
	w.whole(true)
}

// TestDeath: after a death verdict the copies are made anew within 5 minutes, 95 % of them
// within a minute (S3): when the absence is too long, when it was expelled, and at once when
// a majority of the holders is gone.
func TestDeath(t *testing.T) {
	simtest.WithoutRace(t)
	out, files := make(map[id.ID]bool), 200
	for what, x := range map[string]struct {
		deaths int
		wait   time.Duration // until the verdict
	}{
		"away for too long": {1, 10 * time.Minute},
		"expelled":          {1, 0},
		"three of five":     {3, 0},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 40, kbrtest.Config{Seed: 21}, func(c *past.Config) {
				c.Expelled = func(n id.ID) bool { return out[n] }
			})
			objects := w.fill(files, 5)
			for _, m := range w.nearest(objects[0], x.deaths) {
				out[m.cert.Node] = what == "expelled"
				m.node.Kill()
			}
			w.net.Run(3*time.Second + x.wait + time.Minute)
			w.mustFind(w.live()[0], objects[0], name(0))
			if x.deaths == 3 {
				if n := len(w.having(objects[0])); n != 5 {
					t.Errorf("%d of 5 replicas", n)
				}
				w.net.Run(10 * time.Minute) // of others only one holder died
			}
			w.whole(false)
		})
	}
}

// having returns the live members that keep an object.
func (w *world) having(o id.Hash) (ms []*member) {
	for _, m := range w.live() {
		if m.past.Keeps(o) {
			ms = append(ms, m)
		}
	}
	return ms
}

// TestAbsentIsNotGone: while the only holder is away nobody says that the object does
// not exist.
func TestAbsentIsNotGone(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 22}, nil)
	o := w.mustInsert(w.members[0], file("x", 1))
	holder := w.nearest(o, 1)[0]
	holder.node.Kill()
	for range 10 {
		_, err := w.live()[3].lookup(o)
		wantErr(t, "while its holder is away", err, past.ErrNotReachable)
	}
	holder.restart()
	w.net.Run(10 * time.Second)
	w.mustFind(w.live()[3], o, "x")
}

// TestComparing: what two holders have in common is compared in few bytes, and what
// differs is found in a few steps.
func TestComparing(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 23}, nil)
	w.fill(simtest.Size(800, 200), 5)
	sick := w.members[2]
	sick.node.Kill()
	lost := sick.past.Some(7)
	for _, o := range lost {
		if err := sick.disk.Delete(past.Table, o[:]); err != nil {
			t.Fatal(err)
		}
	}
	asked, size := 0, 0
	for _, m := range w.live() {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if past.KindOf(d.Payload) == "compare" && d.Via.ID == sick.cert.Node {
				asked++
				size += len(d.Payload)
			}
			return false
		}
	}
	sick.restart()
	w.net.Run(5 * time.Second)
	w.whole(true)
	if n := sick.past.Stats().Copied; n != 7 {
		t.Errorf("%d objects were fetched, want 7", n)
	}
	if asked == 0 || asked > 4+7*3 || size > 300*asked {
		t.Errorf("%d comparisons of %d bytes", asked, size)
	}
}

// TestChurn: under deaths, absences, newcomers, partitions, lost messages and lost disks no
// acknowledged object is lost while one of its replicas lives, no content is ever wrong
// (S2, S4, S6), and when it is calm each object is at its k nearest nodes (S3).
func TestChurn(t *testing.T) {
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t, 12+rng.IntN(20), kbrtest.Config{Seed: seed, Loss: 0.05 * rng.Float64()}, nil)
		c := &churn{world: w, rng: rng, acked: make(map[id.Hash]string)}
		for range simtest.Size(60, 30) {
			c.step()
			w.net.Run(time.Duration(rng.Int64N(int64(2 * time.Minute))))
			w.check()
		}
		c.calm()
	})
}

// churn is a ring to which things happen.
type churn struct {
	*world
	rng   *rand.Rand
	acked map[id.Hash]string
	order []id.Hash
	gone  []id.Hash // reclaimed
}

func (c *churn) any() *member { return c.live()[c.rng.IntN(len(c.live()))] }

func (c *churn) step() {
	switch n := c.rng.IntN(20); {
	case n < 7:
		c.insert()
	case n < 10:
		c.read()
	case n < 13 && len(c.live()) > 6:
		c.any().node.Kill()
	case n < 15:
		c.back(false)
	case n == 15:
		c.back(true)
	case n == 16:
		c.join()
	case n == 17:
		c.part()
	case n == 18 && len(c.order) > 0:
		o := c.order[c.rng.IntN(len(c.order))]
		if c.any().reclaim(o, ann) == nil {
			delete(c.acked, o)
			c.gone = append(c.gone, o)
		}
	}
}

func (c *churn) insert() {
	content := fmt.Sprint("seed's content ", len(c.order))
	if s, err := c.any().insert(file(content, 3+c.rng.IntN(4))); err == nil {
		o := s.Certificate.ID()
		c.acked[o], c.order = content, append(c.order, o)
	}
}

// read: what is found is right. With many nodes away it need not be found now.
func (c *churn) read() {
	if len(c.order) == 0 {
		return
	}
	o := c.order[c.rng.IntN(len(c.order))]
	if f, err := c.any().lookup(o); err == nil && c.acked[o] != "" && string(f.Content) != c.acked[o] {
		c.t.Errorf("object %s: got %q, want %q", o.Place().Short(), f.Content, c.acked[o])
	}
}

// back starts a dead node again, with its disk or without, if no object's last replica may
// be on it.
func (c *churn) back(wiped bool) {
	for _, m := range c.members {
		if m.node.Alive() {
			continue
		}
		if wiped {
			for _, o := range c.order {
				if c.acked[o] != "" && len(c.having(o)) == 0 {
					return
				}
			}
			m.disk.Wipe()
		}
		m.restart()
		return
	}
}

func (c *churn) part() {
	var side []*kbrtest.Node
	for _, m := range c.live() {
		if c.rng.IntN(2) == 0 {
			side = append(side, m.node)
		}
	}
	c.net.Partition(side)
	c.net.Run(time.Duration(c.rng.Int64N(int64(3 * time.Minute))))
	c.insert()
	c.net.Heal()
}

// calm: everybody comes back, and all is as it should be.
func (c *churn) calm() {
	for _, m := range c.members {
		if !m.node.Alive() {
			m.restart()
		}
	}
	c.net.Run(2 * time.Hour)
	c.whole(true)
	for _, o := range c.order {
		if content := c.acked[o]; content != "" {
			c.mustFind(c.any(), o, content)
		}
	}
	for _, o := range c.gone {
		_, err := c.any().lookup(o)
		wantErr(c.t, "a reclaimed object", err, past.ErrNotFound)
	}
	for _, p := range c.pasts() {
		if s := p.Stats(); s.BadInput > 0 {
			c.t.Errorf("%+v", s)
		}
	}
}

// TestCrashAtEveryStep: a holder dies after each step of an insert, and what it has on its
// disk then is whole (S10); what was acknowledged is there (S1).
func TestCrashAtEveryStep(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t, 3, kbrtest.Config{Seed: 24}, nil)
		o := w.mustInsert(w.members[0], file("old", 3))
		m, victim, over := w.members[0], w.members[1], false
		c := sign(w, 3, "new", 3)
		m.node.Do(func() {
			m.past.Call(storing(m, c, "new"), func(err error) {
				over = true
				if err != nil {
					t.Errorf("crash after %d steps: %v", n, err)
				}
			})
		})
		for range n {
			if !over {
				w.net.Step()
			}
		}
		done := over
		victim.node.Kill()
		w.net.Run(time.Second)
		victim.restart()
		if !w.net.RunUntil(patience, func() bool { return over }) {
			t.Fatal("not over")
		}
		w.net.Run(time.Minute)
		w.whole(true)
		w.mustFind(victim, o, "old")
		w.mustFind(victim, c.ID(), "new")
		if done {
			return
		}
	}
}

// TestRestart: a node that starts again knows what it keeps, and what was reclaimed.
func TestRestart(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{Seed: 25}, func(c *past.Config) { c.Skew = time.Hour })
	m := w.members[0]
	objects := w.fill(1100, 1)
	f := file("ends", 1)
	f.Expires = w.now().Add(time.Hour)
	ends := w.mustInsert(m, f)
	if err := m.reclaim(objects[5], ann); err != nil {
		t.Fatal(err)
	}
	was := m.past.Stats()
	m.node.Kill()
	m.restart()
	w.net.Run(time.Second)
	if s := m.past.Stats(); s.Objects != was.Objects || s.Bytes != was.Bytes || s.Objects != 1100 {
		t.Errorf("%+v, was %+v", s, was)
	}
	w.whole(true)
	w.mustFind(m, ends, "ends")
	_, err := m.lookup(objects[5])
	wantErr(t, "reclaimed before the restart", err, past.ErrNotFound)
	w.net.Run(5 * time.Hour)
	w.whole(true)
	if o := ends; m.past.Keeps(o) {
		t.Error("what has expired is kept for ever")
	}
	if _, err := m.store(sign(w, 9, "x", 1), "x"); err != nil {
		t.Error(err)
	}
}

// TestWhoIsAwayIsOnTheDisk: who went away is remembered as one of those near, or as missed, at each moment, so that a node
// which ends at any of them waits for it after its restart; also where others come and go when it is waited for no more.
func TestWhoIsAwayIsOnTheDisk(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 48}, func(c *past.Config) { c.Absence = time.Minute })
	w.net.Run(time.Minute)
	m, gone := w.members[0], w.members[1].node.Self().ID
	known := func() bool {
		raw := gone.Bytes()
		return slices.ContainsFunc([]string{past.FellowsKey, past.MissedKey}, func(key string) bool {
			b, err := m.disk.Get(past.PromiseTable, []byte(key))
			return err == nil && bytes.Contains(b, raw[:])
		})
	}
	w.members[1].node.Kill()
	for m.past.MissedFor(gone) == 0 {
		w.net.Run(10 * time.Millisecond)
	}
	if m.past.MissedFor(gone) < time.Minute {
		t.Fatalf("it is missed for %v", m.past.MissedFor(gone))
	}
	w.members[2].node.Leave()
	for range 200 {
		if w.net.Run(10 * time.Millisecond); !known() {
			t.Fatalf("after %v who is away is in no record", w.net.Elapsed())
		}
	}
	if m.past.MissedFor(gone) < time.Minute {
		t.Error("it is missed no more")
	}
}

// TestAloneIsNotSure: a node that has lost sight of all others would be the root of what they
// store meanwhile, and does not say that there is no such file.
func TestAloneIsNotSure(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 47}, nil)
	alone := w.members[3]
	w.net.Partition([]*kbrtest.Node{alone.node})
	w.net.Run(30 * time.Second)
	for range 100 {
		s, err := w.members[0].insert(file("content", 5))
		if err != nil {
			t.Fatal(err)
		}
		if o := s.Certificate.ID(); w.nearest(o, 1)[0] == alone {
			_, err := alone.lookup(o)
			wantErr(t, "who is alone", err, past.ErrNotReachable)
			w.net.Heal()
			w.net.Run(time.Minute)
			w.mustFind(alone, o, "content")
			return
		}
	}
	t.Error("none of 100 files has this node as its root")
}

// TestFarReplica: a replica whose only keeper is far from its place, as it stood alone when it
// took it, comes back to those who should keep it.
func TestFarReplica(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 60, kbrtest.Config{Seed: 31}, nil)
	o := w.mustInsert(w.live()[0], file("far away", 1))
	home := w.nearest(o, 1)[0]
	far := w.nearest(o, 60)[59]
	far.node.Kill()
	for _, table := range []store.Table{past.Table, past.ContentTable} {
		b, err := home.disk.Get(table, o[:])
		if err != nil {
			t.Fatal(err)
		}
		if err := far.disk.Put(table, o[:], b); err != nil {
			t.Fatal(err)
		}
	}
	home.node.Kill()
	home.disk = mem.New()
	w.net.Run(time.Minute)
	home.restart()
	far.restart()
	w.net.Run(time.Hour)
	w.mustFind(w.live()[7], o, "far away")
	w.whole(true)
}
