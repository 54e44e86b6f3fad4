package im_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// chatter is a person at a computer, who writes a number of messages to somebody
// and reads what comes. He outlives his node: what was not confirmed when it
// died he writes again.
type chatter struct {
	*computer
	me      im.User
	to      string
	next    int // number of the next text
	last    int // and of the last
	written []letter.MsgID
}

// sit begins, or goes on after a restart.
func (c *chatter) sit() {
	c.Follow(func(e im.Event) {
		switch e.Kind {
		case im.EventMessage:
			c.spawn(func(t *task.T) error { return c.MarkRead(t, c.me.Key(), e.Message.ID) })
		case im.EventRequest:
			c.spawn(c.accept)
		}
	})
	c.spawn(c.accept)
	c.spawn(func(t *task.T) error {
		list, err := c.Inbox(t, c.me.Key(), im.InboxOptions{Unread: true})
		for _, m := range list {
			if err == nil {
				err = c.MarkRead(t, c.me.Key(), m.ID)
			}
		}
		return err
	})
	c.spawn(func(t *task.T) error {
		for c.next <= c.last {
			m, _, err := c.Send(t, c.me.Key(), c.to, fmt.Sprint(c.me.Name, c.next))
			if err != nil {
				if errors.Is(err, store.ErrFull) {
					err = t.Sleep(time.Second)
				}
				if err != nil {
					return err
				}
				continue
			}
			c.written = append(c.written, m)
			c.next++
		}
		return nil
	})
}

// accept takes up whoever waits.
func (c *chatter) accept(t *task.T) error {
	list, err := c.Contacts(t, c.me.Key())
	for _, x := range list {
		if err == nil && x.Request {
			_, err = c.AddContact(t, c.me.Key(), x.Person.String())
		}
	}
	return err
}

func (c *chatter) spawn(f func(*task.T) error) {
	c.node.Do(func() { c.node.Endpoint(appNumber).Go(f, nil) })
}

// kept checks that what Send confirmed is on the disk.
func (c *chatter) kept(all []books.Books) {
	c.world.Helper()
	for _, b := range all {
		if b.User != c.me.Key() {
			continue
		}
		have := map[letter.MsgID]bool{}
		for _, m := range b.Messages {
			have[m.ID] = m.Mine
		}
		for _, m := range c.written {
			if !have[m] {
				c.world.Fatalf("message %v of %s was confirmed and is lost", m, c.me.Name)
			}
		}
	}
}

// talkers makes a world in which alice and bob, who know each other, write n
// messages each.
func talkers(t testing.TB, cfg kbrtest.Config, n int) (*world, *chatter, *chatter) {
	w, a, b := strangers(t, cfg, n)
	b.last = n
	a.add(a.me, "bob")
	b.add(b.me, "alice")
	return w, a, b
}

// strangers makes a world in which alice, whom bob does not know, writes n messages
// to him.
func strangers(t testing.TB, cfg kbrtest.Config, n int) (*world, *chatter, *chatter) {
	w := newWorld(t, cfg)
	alice, bob := user("alice"), user("bob")
	a := &chatter{computer: w.computer(10, alice), me: alice, to: "bob", next: 1, last: n}
	b := &chatter{computer: w.computer(200, bob), me: bob, to: "alice", next: 1}
	w.computer(90, user("carol"))
	return w, a, b
}

type pair func(testing.TB, kbrtest.Config, int) (*world, *chatter, *chatter)

// finish brings a talk to its end, and checks that all was read.
func finish(w *world, a, b *chatter) {
	w.Helper()
	over := func() bool { return a.next > a.last && b.next > b.last }
	if !w.net.RunUntil(5*time.Minute, over) {
		w.Fatalf("not all was written: %d of %d, %d of %d", a.next-1, a.last, b.next-1, b.last)
	}
	w.calm(2 * time.Minute)
	w.net.Run(45 * time.Second) // receipts
	if !w.net.RunUntil(time.Minute, func() bool { return a.node.Tasks()+b.node.Tasks() == 0 }) {
		w.Fatalf("tasks without end: %d and %d", a.node.Tasks(), b.node.Tasks())
	}
	all := w.books()
	for _, c := range []*chatter{a, b} {
		c.kept(all)
		for _, m := range c.written {
			if st := c.state(c.me, m); st != im.Read {
				w.Fatalf("message %v of %s is %v in the end", m, c.me.Name, st)
			}
		}
	}
}

// Every prefix of a talk is tried: one of the two dies there, and starts again.
func TestCrashAtEveryStep(t *testing.T) {
	for _, victim := range []string{"alice", "bob"} {
		for name, people := range map[string]pair{"contacts": talkers, "strangers": strangers} {
			for _, loss := range []float64{0, 0.2} {
				t.Run(fmt.Sprintf("%s/%s/loss %v", victim, name, loss), func(t *testing.T) {
					t.Parallel()
					cfg := kbrtest.Config{Seed: 1, Loss: loss}
					stride, steps := 1, stepsOf(t, cfg, people)
					if loss > 0 {
						stride = 3 // much is the same as without loss
					}
					if simtest.Race {
						stride *= 7
					}
					for k := 0; k < steps; k += stride {
						w, a, b := people(t, cfg, 3)
						a.sit()
						b.sit()
						for range k {
							w.net.Step()
						}
						die := map[string]*chatter{"alice": a, "bob": b}[victim]
						die.kill()
						w.check()
						a.kept(w.books())
						b.kept(w.books())
						w.net.Run(time.Duration(k%5) * time.Second)
						die.start()
						die.sit()
						finish(w, a, b)
						w.net.Close()
					}
				})
			}
		}
	}
}

// stepsOf is how many steps an undisturbed talk takes until all is read.
func stepsOf(t testing.TB, cfg kbrtest.Config, people pair) int {
	w, a, b := people(t, cfg, 3)
	defer w.net.Close()
	a.sit()
	b.sit()
	for n := 1; n < 10_000; n++ {
		w.net.Step()
		unread := a.last + b.last
		for _, b := range w.books() {
			for _, m := range b.Messages {
				if m.State == im.Read {
					unread--
				}
			}
		}
		if unread == 0 {
			if n < 50 {
				t.Fatalf("a talk of %d steps", n)
			}
			return n
		}
	}
	t.Fatal("the talk does not end")
	return 0
}

// Storms: loss, crashes of both at random moments, stores that fail, partitions.
// The promises hold at every moment, and in the calm afterwards all arrives.
func TestStorms(t *testing.T) {
	for seed := range uint64(simtest.Some(24)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			w, a, b := talkers(t, kbrtest.Config{Seed: seed, Loss: 0.15}, 25)
			a.sit()
			b.sit()
			for range 12 {
				for range rng.IntN(300) {
					w.net.Step()
				}
				w.net.Run(time.Duration(rng.IntN(20)) * time.Second)
				victim := []*chatter{a, b}[rng.IntN(2)]
				switch rng.IntN(5) {
				case 0, 1:
					victim.kill()
					w.check()
					if rng.IntN(3) == 0 {
						w.net.Run(time.Duration(rng.IntN(300)) * time.Second)
					}
					victim.start()
					victim.sit()
				case 2:
					victim.disk.Fail(flaky(rng, victim.disk))
				case 3:
					victim.disk.Fail(nil)
				case 4:
					w.net.Partition([]*kbrtest.Node{a.node})
					w.net.Run(time.Duration(rng.IntN(60)) * time.Second)
					w.net.Heal()
				}
				w.check()
				a.kept(w.books())
				b.kept(w.books())
			}
			for _, c := range []*chatter{a, b} {
				c.disk.Fail(nil)
				c.kill()
				c.start()
				c.sit()
			}
			finish(w, a, b)
		})
	}
}

// flaky lets some writes fail: the disk is full, and some of what failed has landed
// all the same.
func flaky(rng *rand.Rand, _ *mem.Store) func(mem.Op) error {
	return func(op mem.Op) error {
		switch {
		case op.Kind != mem.Write || rng.IntN(3) > 0:
			return nil
		case rng.IntN(2) == 0:
			return mem.Landed(store.ErrFull)
		}
		return store.ErrFull
	}
}

// A receiver that acknowledged is believed; whoever restores an old disk gets no
// message twice that he still has, and those that come after arrive.
func TestOldDisksAreRestored(t *testing.T) {
	w, a, b := talkers(t, kbrtest.Config{Seed: 5}, 3)
	a.sit()
	b.sit()
	finish(w, a, b)
	oldA, oldB := a.disk.Clone(), b.disk.Clone()
	a.last, b.last = 6, 6
	a.sit()
	b.sit()
	finish(w, a, b)

	// The sender goes back: his counters come again, with new ids.
	a.node.Kill()
	a.disk, a.written = oldA, nil
	a.start()
	a.last = 9
	a.sit()
	if !w.net.RunUntil(time.Minute, func() bool { return a.next > a.last }) {
		t.Fatal("not written")
	}
	w.net.Run(time.Minute)
	for _, m := range a.written {
		if st := a.state(a.me, m); st != im.Read {
			t.Errorf("message %v of the restored sender is %v", m, st)
		}
	}

	// The receiver goes back: what he had acknowledged is not sent again, and what
	// is new comes.
	b.node.Kill()
	b.disk, b.written = oldB, nil
	b.start()
	b.sit()
	a.last, a.written = 12, nil
	a.sit()
	if !w.net.RunUntil(time.Minute, func() bool { return a.next > a.last }) {
		t.Fatal("not written")
	}
	w.net.Run(time.Minute)
	for _, m := range a.written {
		if st := a.state(a.me, m); st != im.Read {
			t.Errorf("message %v to the restored receiver is %v", m, st)
		}
	}
}

func TestSenderWhoLostHisDiskBeginsAgain(t *testing.T) {
	w, a, b := talkers(t, kbrtest.Config{Seed: 5}, 3)
	a.sit()
	b.sit()
	finish(w, a, b)
	a.node.Kill()
	a.disk, a.written, a.last = mem.New(), nil, 5
	a.start()
	a.sit()
	if !w.net.RunUntil(time.Minute, func() bool { return a.next > a.last }) {
		t.Fatal("not written")
	}
	w.net.Run(time.Minute)
	for _, m := range a.written {
		if st := a.state(a.me, m); st != im.Read {
			t.Errorf("message %v is %v", m, st)
		}
	}
}

// Two runs with one seed are the same, event for event.
func TestRunsAreReproducible(t *testing.T) {
	run := func() (uint64, int) {
		w, a, b := talkers(t, kbrtest.Config{Seed: 9, Loss: 0.1}, 10)
		defer w.net.Close()
		a.sit()
		b.sit()
		w.net.Run(20 * time.Second)
		a.kill()
		w.net.Run(10 * time.Second)
		a.start()
		a.sit()
		w.net.Run(time.Minute)
		return w.net.Digest(), a.disk.Len() + b.disk.Len()
	}
	d1, n1 := run()
	d2, n2 := run()
	if d1 != d2 || n1 != n2 {
		t.Errorf("digests %x and %x, %d and %d records", d1, d2, n1, n2)
	}
}

// A receiver with three nodes: delivered at the first, and each gets its copy, in
// order, however they come and go.
func TestEveryDeviceGetsItsCopy(t *testing.T) {
	simtest.WithoutRace(t)
	for seed := range uint64(10) {
		w := newWorld(t, kbrtest.Config{Seed: seed, Loss: 0.1})
		alice, bob := user("alice"), user("bob")
		a := w.computer(10, alice)
		homes := []*computer{w.computer(100, bob), w.computer(150, bob), w.computer(200, bob)}
		for _, h := range homes {
			h.add(bob, "alice")
		}
		homes[2].kill()
		rng := rand.New(rand.NewPCG(seed, 2))
		for i := range 30 {
			m := a.mustSend(alice, "bob", fmt.Sprint(i))
			if i == 0 {
				w.net.Run(20 * time.Second)
				if st := a.state(alice, m); st != im.Delivered {
					t.Errorf("two of three nodes are there, and it is %v", st)
				}
			}
			if h := homes[rng.IntN(2)]; rng.IntN(8) == 0 {
				h.kill()
				w.net.Run(time.Duration(rng.IntN(30)) * time.Second)
				h.start()
			}
			w.check()
		}
		if w.queued(a, alice) == 0 {
			t.Error("nothing is kept for the third node")
		}
		homes[2].start()
		w.calm(3 * time.Minute)
		for _, h := range homes {
			if n := len(h.inbox(bob, im.InboxOptions{})); n != 30 {
				t.Errorf("computer %d has %d of 30", h.number, n)
			}
		}
		w.net.Close()
	}
}

// A device that is away for longer than letters are kept misses them; the others do
// not, and later ones reach it.
func TestCopiesAreNotKeptForEver(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.KeepForDevices = 24 * time.Hour
	alice, bob := user("alice"), user("bob")
	a, home, old := w.computer(10, alice), w.computer(100, bob), w.computer(200, bob)
	home.add(bob, "alice")
	old.add(bob, "alice")
	old.kill()
	for i := range 3 {
		a.mustSend(alice, "bob", fmt.Sprint("early ", i))
	}
	w.net.Run(2 * 24 * time.Hour)
	if n := w.queued(a, alice); n != 0 {
		t.Errorf("%d are still kept", n)
	}
	a.mustSend(alice, "bob", "late")
	old.start()
	w.net.Run(time.Minute)
	w.check()
	if got := texts(old.inbox(bob, im.InboxOptions{})); len(got) != 1 || got[0] != "late" {
		t.Errorf("the old device has %q", got)
	}
	if got := home.inbox(bob, im.InboxOptions{}); len(got) != 4 {
		t.Errorf("the other has %d", len(got))
	}
}

var (
	_ kbr.App      = (*im.IM)(nil)
	_ im.Directory = (*directory.Directory)(nil)
)
