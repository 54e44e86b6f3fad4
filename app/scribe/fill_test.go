package scribe_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/wire"
)

// lose lets casts to a node vanish, by their first message's number.
func (x *node) lose(lost func(first uint64) bool) {
	x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, err := msg.Decode(d.Payload)
		if err != nil {
			return false
		}
		switch m := m.(type) {
		case *msg.Cast:
			return lost(m.Batch.Seal.First)
		case *msg.Keep:
			return m.Batch != nil && lost(m.Batch.Seal.First)
		}
		return false
	}
}

// A message that did not come is noticed by the next one, and the last one by the next
// heartbeat; it is read within 2 s of that (P3).
func TestGapsAreFilled(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 21}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	for i, x := range w.nodes {
		if x != w.root(g) {
			x.lose(func(first uint64) bool { return first%3 == uint64(i%3) })
		}
	}
	p := w.nodes[0].publisher(g, "alice", alice)
	for range 20 {
		p.say()
		w.net.Run(300 * time.Millisecond)
	}
	w.net.Run(scribe.Default().Beat + 2*time.Second)
	w.all(p.acknowledged, w.nodes...)
	if p.taken != 20 {
		t.Errorf("%d of 20 were taken", p.taken)
	}
}

// Whoever missed the last message of a publisher who says no more learns of it while others talk
// on, so that there is no heartbeat: from its parent after a while, or at once from a child that
// has it from another, and shows it the seal. A forged seal changes nothing.
func TestLastMessageIsMissed(t *testing.T) {
	for _, shown := range []bool{false, true} {
		w := newWorld(t, 24, kbrtest.Config{Seed: 27}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open("news"))
		w.joinAll(g, w.nodes...)
		last, on := w.root(g).publisher(g, "alice", alice), w.root(g).publisher(g, "bob", bob)
		last.say()
		w.net.Run(10 * time.Minute) // they seldom ask others than their parents by now
		var deaf, child *node
		for _, x := range w.nodes {
			for _, y := range w.nodes {
				if p := x.s.Place(g); !p.Root && !p.Keeper && y.s.Place(g).Parent == x.n.Self().ID {
					deaf, child = x, y
				}
			}
		}
		missed := 0
		deaf.lose(func(uint64) bool { missed++; return true })
		last.say()
		w.net.Run(200 * time.Millisecond)
		deaf.n.OnDeliver = nil
		if missed == 0 {
			t.Fatal("no message was missed")
		}
		talk := func(seconds int) {
			for range 2 * seconds {
				on.say()
				w.net.Run(500 * time.Millisecond)
			}
		}
		if shown {
			f := &msg.Fetch{Group: g, Publisher: alice.Public(), Life: lifeOf(w, alice.Public()), From: 2, To: 2}
			got, err := w.nodes[0].ask(w.root(g), msg.Encode(f))
			if err != nil {
				t.Fatal(err)
			}
			real := got.(*msg.Fetched).Batches[0].Seal
			forged := *real
			forged.First, forged.Base = 900, 900
			for _, f.Seal = range []*msg.Seal{&forged, real} {
				if _, err := child.ask(deaf, msg.Encode(f)); err != nil {
					t.Fatal(err)
				}
				talk(1)
			}
		} else {
			talk(12)
		}
		for _, x := range w.nodes {
			if want := len(last.acknowledged) + len(on.acknowledged); len(x.read) < want-1 || x.next[msg.Stream{Publisher: alice.Public(), Life: lifeOf(w, alice.Public())}] != 3 {
				t.Errorf("shown: %v: node %s read %d of %d", shown, x.n.Self().ID.Short(), len(x.read), want)
			}
		}
	}
}

// A forwarder whose clock is wrong believes nothing that is published, and hands nothing on. It
// is left for that, and not held to be one that swallows.
func TestForwarderWithAWrongClock(t *testing.T) {
	w := newWorld(t, 24, kbrtest.Config{Seed: 28}, func(c *scribe.Config) { c.MaxChildren = 3 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	var wrong *node
	for _, x := range w.nodes {
		if p := x.s.Place(g); !p.Root && len(p.Children) > 2 {
			wrong = x
		}
	}
	below := len(wrong.s.Place(g).Children)
	p := w.root(g).publisher(g, "alice", alice)
	p.say()
	w.net.Run(time.Minute)
	wrong.n.SkewWall(-30 * time.Minute)
	for range 90 {
		p.say()
		w.net.Run(time.Second)
	}
	for _, x := range w.nodes {
		if x == wrong {
			continue
		}
		w.all(p.acknowledged, x)
		if x.shuns > 0 {
			t.Errorf("node %s reports that one with a wrong clock swallows", x.n.Self().ID.Short())
		}
	}
	for _, x := range w.nodes {
		if p := x.s.Place(g); p.Parent == wrong.n.Self().ID && !p.Keeper { // who keeps the group has all from its root
			t.Errorf("of %d children of one with a wrong clock %s hangs below it still", below, x.n.Self().ID.Short())
		}
	}
}

// What nobody has any more is told as a gap, in its place, and what follows is read.
func TestGapsAreTold(t *testing.T) {
	w := newWorld(t, 10, kbrtest.Config{Seed: 22}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	p := w.nodes[0].publisher(g, "alice", alice)
	var deaf *node
	for _, x := range w.nodes[1:] {
		if x != w.root(g) && !x.s.Place(g).Keeper {
			deaf = x
		}
	}
	deaf.lose(func(first uint64) bool { return first == 4 || first == 5 })
	for _, x := range w.nodes {
		if x == deaf {
			continue
		}
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, err := msg.Decode(d.Payload)
			if f, ok := m.(*msg.Fetch); err == nil && ok && f.From <= 5 {
				d.Reply(msg.Encode(&msg.Fetched{}))
				return true
			}
			return false
		}
	}
	for range 10 {
		p.say()
		w.net.Run(time.Second)
	}
	w.net.Run(time.Minute)
	want := append(p.acknowledged[:3:3], p.acknowledged[5:]...)
	w.all(want, deaf)
	if len(deaf.gaps) != 1 || deaf.gaps[0].From != 4 || deaf.gaps[0].To != 5 {
		t.Errorf("told are the gaps %v, want 4 to 5", deaf.gaps)
	}
}

// Who comes late gets history: the last messages, or those of some time, as far as the group
// keeps them; who does not ask for it reads what is published from then on.
func TestHistory(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 23}, func(c *scribe.Config) { c.MaxChildren = 3 })
	c := open("news")
	c.Count = 50
	g := w.mustCreate(c.Sign(ring, alice))
	w.joinAll(g, w.nodes[:8]...)
	p := w.nodes[0].publisher(g, "alice", alice)
	for range 80 {
		p.say()
		w.net.Run(time.Second)
	}
	last, since, live := w.nodes[15], w.nodes[16], w.nodes[17]
	last.mustJoin(g, scribe.Options{Last: 7})
	since.mustJoin(g, scribe.Options{Since: 20 * time.Second})
	live.mustJoin(g, scribe.Options{})
	w.nodes[18].mustJoin(g, scribe.Options{BestEffort: true})
	p.say()
	w.net.Run(10 * time.Second)
	w.all(p.acknowledged[73:], last)
	w.all(p.acknowledged[80:], live)
	w.all(p.acknowledged[80:], w.nodes[18])
	if n := len(since.read); n < 18 || n > 22 {
		t.Errorf("read %d messages of 20 s", n)
	}
	w.nodes[19].mustJoin(g, scribe.Options{Since: time.Hour})
	w.net.Run(10 * time.Second)
	if n := len(w.nodes[19].read); n < 50 || n > 81 || w.nodes[19].read[n-1] != "alice 80" {
		t.Errorf("read %d messages of a group that keeps 50", n)
	}
}

// A thousand messages said at once are signed in few batches, and 20 publishers do not mix
// up each other's order.
func TestBatches(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 24}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	one := w.nodes[4].publisher(g, "alice", alice)
	for range 1000 {
		one.say()
	}
	var others []*publisher
	for i := range 20 {
		p := w.nodes[i%12].publisher(g, fmt.Sprint("bob ", i), bob)
		others = append(others, p)
		for range 20 {
			p.say()
		}
	}
	w.net.Run(time.Minute)
	if one.taken != 1000 {
		t.Errorf("%d of 1000 were taken: %v", one.taken, one.failed)
	}
	for _, p := range others {
		if p.taken != 20 {
			t.Errorf("%d of 20 were taken: %v", p.taken, p.failed)
		}
	}
	for _, x := range w.nodes {
		if len(x.read) != 1400 {
			t.Errorf("node %s read %d of 1400", x.n.Self().ID.Short(), len(x.read))
		}
	}
	m, err := w.nodes[2].ask(w.root(g), msg.Encode(&msg.Fetch{Group: g, Publisher: alice.Public(), Life: lifeOf(w, alice.Public()), From: 400, To: 1400}))
	if f, ok := m.(*msg.Fetched); err != nil || !ok || len(f.Batches) > 8 {
		t.Errorf("600 messages are in %v batches, %v", m, err)
	}
}

// lifeOf is the life of a publisher, as the first node read it.
func lifeOf(w *world, key [32]byte) uint64 {
	for name := range w.nodes[0].next {
		if name.Publisher == key {
			return name.Life
		}
	}
	return 0
}

// A ring is cut in two while people talk in both parts, and heals: nothing that was
// acknowledged is lost, each reads once and in order, and one tree is left (P7).
func TestPartition(t *testing.T) {
	simtest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		w := newWorld(t, 16, kbrtest.Config{Seed: seed}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open(fmt.Sprint("news ", seed)))
		w.joinAll(g, w.nodes...)
		a, b := w.nodes[1].publisher(g, "a", alice), w.nodes[15].publisher(g, "b", bob)
		var side []*kbrtest.Node
		for _, x := range w.nodes[:4+seed%8] {
			side = append(side, x.n)
		}
		talk := func(n int) {
			for range n {
				a.say()
				b.say()
				w.net.Run(500 * time.Millisecond)
			}
		}
		talk(10)
		w.net.Partition(side)
		talk(40)
		w.net.Heal()
		talk(20)
		w.net.Run(4 * time.Minute)
		for _, x := range w.nodes {
			if len(x.gaps) > 0 {
				t.Errorf("node %s has gaps %v", x.n.Self().ID.Short(), x.gaps)
			}
			for _, p := range []*publisher{a, b} {
				read := make(map[string]bool)
				for _, m := range x.read {
					read[m] = true
				}
				for _, m := range p.acknowledged {
					if !read[m] {
						t.Errorf("node %s never read %q", x.n.Self().ID.Short(), m)
						break
					}
				}
			}
		}
		w.tree(g)
	})
}

// A node that starts again joins again, and reads what it asks for.
func TestRestart(t *testing.T) {
	w := newWorld(t, 10, kbrtest.Config{Seed: 25}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	p := w.nodes[0].publisher(g, "alice", alice)
	for _, x := range w.nodes[1:] {
		p.say()
		w.net.Run(time.Second)
		x.n.Kill()
		w.net.Run(5 * time.Second)
		p.say()
		x.restart()
		x.mustJoin(g, scribe.Options{Last: 1000})
	}
	w.net.Run(2 * time.Minute)
	w.all(p.acknowledged, w.nodes...)
	w.tree(g)
}

// All who keep a group stop at once: a member brings back its charter, and talk goes on.
func TestAllKeepersDie(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 26}, func(c *scribe.Config) { c.MaxChildren = 3 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	var speaker *node
	near := w.net.Nearest(g.Place(), 5)
	var live []*node
	for _, x := range w.nodes {
		keeps := false
		for _, n := range near {
			keeps = keeps || n == x.n
		}
		if !keeps {
			speaker = x
			live = append(live, x)
		}
	}
	p := speaker.publisher(g, "alice", alice)
	for range 10 {
		p.say()
		w.net.Run(time.Second)
	}
	for _, n := range near {
		n.Kill()
	}
	for range 10 {
		p.say()
		w.net.Run(time.Second)
	}
	w.net.Run(2 * time.Minute)
	if p.taken != 20 {
		t.Errorf("%d of 20 were taken: %v", p.taken, p.failed)
	}
	w.all(p.acknowledged, live...)
	w.tree(g)
}

// A new batch of a publisher whose stream is unknown to the root, as all who kept it are gone, goes
// down the tree at once.
func TestNewBatchOfALostStream(t *testing.T) {
	w := newWorld(t, 24, kbrtest.Config{Seed: 30}, func(c *scribe.Config) { c.MaxChildren = 24 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	w.net.Run(2 * time.Second)
	root, now := w.root(g), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
	batch := func(first uint64) *msg.Batch {
		return msg.NewBatch(ring, g, 3, first, first, [][]byte{[]byte("hello")}, bob, now)
	}
	for _, x := range w.nodes {
		if x != root {
			root.send(x, &msg.Cast{Group: g, Batch: batch(1)})
		}
	}
	w.net.Run(100 * time.Millisecond)
	asker := w.nodes[0]
	if asker == root {
		asker = w.nodes[1]
	}
	if _, err := asker.ask(root, msg.Encode(&msg.Publish{Group: g, Batch: batch(4097)})); err != nil {
		t.Fatal(err)
	}
	w.net.Run(100 * time.Millisecond)
	for _, x := range w.nodes {
		if n := x.s.Place(g).Messages; n != 2 && x != root {
			t.Errorf("node %s has %d of 2 batches", x.n.Self().ID.Short(), n)
		}
	}
}

// Who starts again as a root, with a disk or without, fetches what the group keeps, and does not
// send it down the tree once more: those below have it, and those who join meanwhile want none of it.
// It says heartbeats meanwhile.
func TestHistoryIsNotCastAgain(t *testing.T) {
	for name, disks := range map[string]bool{"with disks": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(&world{t: t, net: kbrtest.New(kbrtest.Config{Seed: 29}), disks: disks}, 24)
			g := w.mustCreate(open("news"))
			root := w.root(g)
			others := slices.DeleteFunc(slices.Clone(w.nodes), func(x *node) bool { return x == root })
			first, late := others[:14], others[14:]
			w.joinAll(g, first...)
			p := first[0].publisher(g, "alice", alice)
			talk := func() {
				for range 40 {
					p.say()
					w.net.Run(200 * time.Millisecond)
				}
			}
			talk()
			root.n.Kill()
			talk()
			w.net.Run(time.Minute)
			got, err := first[0].ask(w.root(g), msg.Encode(&msg.Fetch{Group: g, Publisher: alice.Public(), Life: lifeOf(w, alice.Public()), From: 60, To: 70}))
			if err != nil {
				t.Fatal(err)
			}
			root.restart()
			again, beats, held, brought := 0, 0, true, uint64(0)
			for _, x := range w.nodes {
				x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					m, _ := msg.Decode(d.Payload)
					switch m := m.(type) {
					case *msg.Fetch:
						return held // the root begins without the history
					case *msg.Publish:
						return held && m.Batch.Seal.First != brought
					case *msg.Beat:
						if d.Via.ID == root.n.Self().ID {
							beats++
						}
					case *msg.Cast:
						if m.Batch.Seal.First <= 80 {
							again++
						}
					}
					return false
				}
			}
			w.net.Run(time.Second)
			w.joinAll(g, late...)
			if place := root.s.Place(g); !place.Root || len(place.Children) < 4 || place.Messages >= 80 {
				t.Fatalf("the root that has just started again stands %+v", place)
			}
			beats = 0
			for _, b := range got.(*msg.Fetched).Batches {
				brought = b.Seal.First
				if _, err := first[1].ask(root, msg.Encode(&msg.Publish{Group: g, Batch: b})); err != nil {
					t.Error("what a root lacks is brought to it: ", err)
				}
				w.net.Run(400 * time.Millisecond)
			}
			if beats < 3*len(root.s.Place(g).Children) {
				t.Errorf("%d heartbeats came to %d children while history came to their root", beats, len(root.s.Place(g).Children))
			}
			held = false
			w.net.Run(time.Minute)
			talk()
			w.net.Run(time.Minute)
			if place := root.s.Place(g); place.Messages != 120 {
				t.Errorf("the root that started again stands %+v", place)
			}
			w.all(p.acknowledged, first...)
			w.all(p.acknowledged[80:], late...)
			if again > 0 {
				t.Errorf("what was published before the root started again came to %d nodes by the tree once more", again)
			}
			w.tree(g)
		})
	}
}
