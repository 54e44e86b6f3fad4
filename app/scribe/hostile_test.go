package scribe_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// ask lets one node ask another, as its own program would not.
func (x *node) ask(to *node, b []byte) (m wire.Message, err error) {
	err = x.n.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, x.n.Endpoint(number), to.n.Self(), b, kbr.Options{Timeout: 5 * time.Second})
		if err == nil {
			m, err = msg.Decode(a.Payload)
		}
		return err
	})
	return m, err
}

func (x *node) send(to *node, m wire.Message) {
	x.n.Do(func() { x.n.Endpoint(number).Send(to.n.Self(), msg.Encode(m), nil) })
}

// Forged messages, replayed ones, numbers from the far future and numbers that go back are
// given to every member by a node of the tree: none is read, and none stops what follows
// (P1, P2; hostile input, rows 30 and 31).
func TestForgedMessages(t *testing.T) {
	w := newWorld(t, 16, kbrtest.Config{Seed: 11}, func(c *scribe.Config) { c.MaxChildren = 3 })
	c := &msg.Charter{Name: "news", Version: 1, OpenJoin: true, Publishers: msg.Keys(bob.Public()), Count: 1000, Age: 600}
	g := w.mustCreate(c.Sign(ring, alice))
	w.joinAll(g, w.nodes...)
	p := w.nodes[3].publisher(g, "bob", bob)
	for range 5 {
		p.say()
		w.net.Run(time.Second)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
	one := [][]byte{[]byte("evil")}
	heads, err := w.nodes[9].ask(w.root(g), msg.Encode(&msg.Heads{Group: g}))
	if err != nil {
		t.Fatal(err)
	}
	seal := heads.(*msg.HeadsAre).Seals[0]
	fetched, err := w.nodes[9].ask(w.root(g), msg.Encode(&msg.Fetch{Group: g, Publisher: bob.Public(), Life: seal.Life, From: 1, To: 9}))
	if err != nil {
		t.Fatal(err)
	}
	changed := *msg.NewBatch(ring, g, seal.Life, 1, 6, one, bob, now)
	changed.Body = []byte("good")
	evil := append(slices.Clone(fetched.(*msg.Fetched).Batches), &changed,
		msg.NewBatch(ring, g, seal.Life, 1, 6, one, carol, now),
		msg.NewBatch(ring, g, seal.Life, 1, 3, one, bob, now),
		msg.NewBatch(ring, g, seal.Life, 1, msg.MaxSeq, one, bob, now),
		msg.NewBatch(ring, g, 1, 1, msg.MaxSeq, one, bob, now),
		msg.NewBatch(ring, g, 2, 1, 1, one, bob, now.Add(-time.Hour)),
		msg.NewBatch(ring, id.HashOf("another group"), 2, 1, 1, one, bob, now))
	for _, x := range w.nodes {
		for _, b := range evil {
			w.nodes[9].send(x, &msg.Cast{Group: g, Batch: b})
			w.nodes[9].send(x, &msg.Publish{Group: g, Batch: b})
			w.nodes[9].send(x, &msg.Keep{Group: g, Batch: b})
			if b != &changed { // its seal is bob's: he would have signed two of one number
				w.nodes[9].send(x, &msg.Beat{Group: g, Next: 600_000, Version: 1, Seals: []*msg.Seal{b.Seal}})
			}
		}
		w.net.Run(time.Second)
	}
	for range 5 {
		p.say()
		w.net.Run(time.Second)
	}
	w.net.Run(time.Minute)
	w.all(p.acknowledged, w.nodes...)
	if p.taken != 10 {
		t.Errorf("%d of 10 were taken: %v", p.taken, p.failed)
	}
	w.tree(g)
	w.net.Run(20 * time.Minute) // beyond the age of all that: it is too old now
	for _, x := range w.nodes {
		for _, b := range evil {
			w.nodes[9].send(x, &msg.Cast{Group: g, Batch: b})
		}
	}
	w.net.Run(time.Minute)
	w.all(p.acknowledged, w.nodes...)
}

// swallow makes a node of the tree hand on nothing: no message reaches its children from it,
// its heartbeats tell of none, and it says that it has none.
func (w *world) swallow(g id.Hash, liar *node) {
	for _, x := range w.nodes {
		if x == liar {
			continue
		}
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if d.Via.ID != liar.n.Self().ID {
				return false
			}
			m, err := msg.Decode(d.Payload)
			if err != nil {
				return false
			}
			switch m := m.(type) {
			case *msg.Cast:
				return true
			case *msg.Beat:
				m.Seals = nil
				d.Payload = msg.Encode(m)
			}
			return false
		}
	}
	liar.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, err := msg.Decode(d.Payload)
		if err != nil {
			return false
		}
		switch m.(type) {
		case *msg.Fetch:
			d.Reply(msg.Encode(&msg.Fetched{}))
			return true
		case *msg.Heads:
			d.Refuse(msg.RefusedBusy, "busy")
			return true
		}
		return false
	}
}

// A forwarder that swallows all messages is found out and left (attacker A11): those below
// it read everything all the same.
func TestSwallower(t *testing.T) {
	simtest.Seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, 24, kbrtest.Config{Seed: seed}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open(fmt.Sprint("news ", seed)))
		w.joinAll(g, w.nodes...)
		var liar *node
		for _, x := range w.nodes {
			if place := x.s.Place(g); !place.Root && !place.Keeper && len(place.Children) > 0 {
				liar = x
			}
		}
		if liar == nil {
			t.Fatal("only keepers forward")
		}
		below := liar.s.Place(g).Children
		for _, x := range w.nodes {
			if x.s.Place(g).Keeper { // it gets all from the root as well
				below = slices.DeleteFunc(below, func(c id.ID) bool { return c == x.n.Self().ID })
			}
		}
		p := w.root(g).publisher(g, "alice", alice)
		for range 10 {
			p.say()
			w.net.Run(time.Second)
		}
		w.swallow(g, liar)
		for range 60 {
			p.say()
			w.net.Run(2 * time.Second)
		}
		w.net.Run(time.Minute)
		shuns := 0
		for _, x := range w.nodes {
			if x == liar {
				continue
			}
			w.all(p.acknowledged, x)
			if has(below, x.n.Self().ID) {
				shuns += x.shuns
				if x.s.Place(g).Parent == liar.n.Self().ID {
					t.Errorf("node %s has the liar as its parent still", x.n.Self().ID.Short())
				}
			}
		}
		if shuns < len(below) {
			t.Errorf("%d of the liar's %d children found it out", shuns, len(below))
		}
	})
}

// A parent that floods its children (attacker A11), with what they have, with forged messages or
// with heartbeats, is found out and left, and its flood is answered no more; what goes on in the
// group is read by all. Nobody else is left for that.
func TestFlooder(t *testing.T) {
	for what, flood := range map[string]func(g id.Hash, b *msg.Batch) wire.Message{
		"the same again": func(g id.Hash, b *msg.Batch) wire.Message { return &msg.Cast{Group: g, Batch: b} },
		"forged": func(g id.Hash, b *msg.Batch) wire.Message {
			forged, seal := *b, *b.Seal
			seal.First, forged.Seal = seal.First+1000, &seal
			return &msg.Cast{Group: g, Batch: &forged}
		},
		"heartbeats": func(g id.Hash, b *msg.Batch) wire.Message {
			return &msg.Beat{Group: g, Next: 1000, Version: 1, Seals: []*msg.Seal{b.Seal}}
		},
	} {
		w := newWorld(t, 24, kbrtest.Config{Seed: 15}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open("news"))
		w.joinAll(g, w.nodes...)
		p := w.root(g).publisher(g, "alice", alice)
		p.say()
		w.net.Run(20 * time.Second)
		var liar, child *node
		for _, x := range w.nodes {
			place := x.s.Place(g)
			for _, y := range w.nodes {
				if !place.Root && y.s.Place(g).Parent == x.n.Self().ID {
					liar, child = x, y
				}
			}
		}
		got, err := child.ask(liar, msg.Encode(&msg.Fetch{Group: g, Publisher: alice.Public(), Life: lifeOf(w, alice.Public()), From: 1, To: 1}))
		if err != nil {
			t.Fatal(err)
		}
		b := got.(*msg.Fetched).Batches[0]
		answered := 0
		liar.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if d.Via.ID == child.n.Self().ID {
				answered++
			}
			return false
		}
		for range 30 {
			for range 100 {
				liar.send(child, flood(g, b))
			}
			p.say()
			for range 50 {
				w.net.Run(20 * time.Millisecond)
				place := child.s.Place(g)
				if at := len(place.Path) - 1; !place.Parent.IsZero() && (at < 0 || place.Path[at] != place.Parent) {
					t.Fatalf("%s: a child believes that it stands where its parent does", what)
				}
			}
		}
		if child.floods != 1 || child.s.Place(g).Parent == liar.n.Self().ID || answered > 10 {
			t.Errorf("%s: a child that was flooded found it out %d times, its parent is the flooder: %v, it sent that one %d messages",
				what, child.floods, child.s.Place(g).Parent == liar.n.Self().ID, answered)
		}
		w.net.Run(10 * time.Second)
		w.all(p.acknowledged, w.nodes...)
		for _, x := range w.nodes {
			if x != child && x.floods+x.shuns > 0 {
				t.Errorf("%s: node %s left an honest parent", what, x.n.Self().ID.Short())
			}
		}
	}
}

// A forwarder that reorders (attacker A11): those who hang below it find it out and leave it, and
// those below them, who get the same, leave nobody. All read everything, in order. Before that it is
// honest, and catches up with two hundred batches that it missed: nobody leaves it for that.
func TestReorderer(t *testing.T) {
	// What goes over one link arrives in its order, as links of sockets have it.
	w := newWorld(t, 40, kbrtest.Config{Seed: 17, Delay: 1}, func(c *scribe.Config) { c.MaxChildren = 2 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	p := w.root(g).publisher(g, "alice", alice)
	p.say()
	w.net.Run(20 * time.Second)
	var liar *node
	under := 0
	for _, x := range w.nodes { // with most levels below it
		if place := x.s.Place(g); !place.Root && !place.Keeper && len(place.Children) > 0 {
			n := 0
			for _, y := range w.nodes {
				if slices.Contains(y.s.Place(g).Path, x.n.Self().ID) {
					n++
				}
			}
			if n > under {
				liar, under = x, n
			}
		}
	}
	children := liar.s.Place(g).Children
	if under < 4 || under == len(children) {
		t.Fatalf("%d nodes are below the liar, %d are its children", under, len(children))
	}
	late := 0
	liar.lose(func(first uint64) bool { return first > 20 && first <= 220 })
	for _, x := range w.nodes {
		if x == liar {
			continue
		}
		highest := uint64(0)
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if m, _ := msg.Decode(d.Payload); d.Via.ID == liar.n.Self().ID {
				if c, ok := m.(*msg.Cast); ok && c.Batch.Seal.First < highest {
					late++
				} else if ok {
					highest = c.Batch.Seal.First
				}
			}
			return false
		}
	}
	for range 260 {
		p.say()
		w.net.Run(20 * time.Millisecond)
	}
	if late < 150 {
		t.Errorf("an honest parent handed on %d batches after a later one", late)
	}
	for _, x := range w.nodes {
		if x.turns > 0 {
			t.Errorf("node %s left one that catches up", x.n.Self().ID.Short())
		}
	}
	liar.n.OnDeliver = nil
	// One child finds two that reorder, one after the other: those below it must not hold it to be a third.
	unlucky := w.nodes[slices.IndexFunc(w.nodes, func(x *node) bool {
		return has(children, x.n.Self().ID) && len(x.s.Place(g).Children) > 0
	})]
	for _, x := range w.nodes {
		var held *kbr.Delivery
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, _ := msg.Decode(d.Payload)
			turns := d.Via.ID == liar.n.Self().ID || x == unlucky && x.turns < 2
			if _, ok := m.(*msg.Cast); !ok || !turns {
				return false
			}
			if held == nil {
				held = d
				return true
			}
			x.s.Deliver(d)
			x.s.Deliver(held)
			held = nil
			return true
		}
	}
	for range 600 {
		p.say()
		w.net.Run(20 * time.Millisecond)
	}
	w.net.Run(30 * time.Second)
	w.all(p.acknowledged, w.nodes...)
	for _, x := range w.nodes {
		below := has(children, x.n.Self().ID)
		if below != (x.turns > 0) || below && x.s.Place(g).Parent == liar.n.Self().ID {
			t.Errorf("node %s found out %d parents that reorder; it was a child of one: %v", x.n.Self().ID.Short(), x.turns, below)
		}
	}
	if unlucky.turns != 2 {
		t.Errorf("one whose next parent reorders, too, found out %d that do", unlucky.turns)
	}
}

// A neighbour asks its way into many groups, and says that it waits for itself: it is held to
// its share, and the node forgets what is no group (hostile input, row 30).
func TestManyGroups(t *testing.T) {
	w := newWorld(t, 8, kbrtest.Config{Seed: 13}, func(c *scribe.Config) { c.MaxGroups = 100 })
	victim, attacker := w.nodes[2], w.nodes[5]
	most := 0
	for i := range 5000 {
		attacker.send(victim, &msg.Attach{Group: id.HashOf("no group", i), Number: 1})
		if i%100 == 0 {
			w.net.Run(20 * time.Millisecond)
		}
		most = max(most, len(victim.s.Groups()))
	}
	if most > 100 {
		t.Errorf("%d groups are known at once, at most 100", most)
	}
	w.net.Run(2 * time.Minute)
	for _, x := range w.nodes {
		if n := len(x.s.Groups()); n > 0 {
			t.Errorf("node %s remembers %d groups that are none", x.n.Self().ID.Short(), n)
		}
	}
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	for what, m := range map[string]*msg.Attach{
		"an asker that waits for the node": {Group: g, Chain: msg.Path(victim.n.Self().ID), Number: 1 << 40},
		"too deep a chain":                 {Group: g, Chain: make([]byte, 16*msg.MaxDepth), Number: 1 << 40},
	} {
		if _, err := attacker.ask(victim, msg.Encode(m)); msg.Refusal(err) == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.net.Run(5 * time.Minute)
	w.tree(g)
}

// A node that takes itself for a root, or for a parent, changes nothing.
func TestFalseRoot(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 14}, func(c *scribe.Config) { c.MaxChildren = 3 })
	c := open("news")
	g := w.mustCreate(c)
	w.joinAll(g, w.nodes...)
	near := w.net.Nearest(g.Place(), 20)
	var far *node
	for _, x := range w.nodes {
		if x.n == near[19] {
			far = x
		}
	}
	for _, x := range w.nodes {
		if x == far {
			continue
		}
		if _, err := far.ask(x, msg.Encode(&msg.Keep{Group: g, Charter: c})); msg.Refusal(err) != msg.RefusedNotRoot {
			t.Errorf("a far node rules: %v", err)
		}
		far.send(x, &msg.Beat{Group: g, Next: 600_000, Version: 9, Path: msg.Path(x.n.Self().ID)})
		far.send(x, &msg.Leave{Group: g, Parent: true})
		far.send(x, &msg.Cast{Group: id.HashOf("no group"), Batch: msg.NewBatch(ring, g, 1, 1, 1, [][]byte{{1}}, bob, time.Unix(1, 0))})
	}
	w.net.Run(3 * time.Minute)
	w.tree(g)
	p := w.nodes[4].publisher(g, "alice", alice)
	p.say()
	w.net.Run(10 * time.Second)
	w.all([]string{"alice 0"}, w.nodes...)
}

// A parent shows its child a charter that does not list it, and says in the same answer that it stands
// elsewhere now: the child is told that it is no member any more, and leaves the tree.
func TestParentShowsACharter(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 17}, func(c *scribe.Config) { c.MaxChildren = 2 })
	c := &msg.Charter{Name: "closed", Version: 1, OpenPublish: true, Members: msg.Keys(bob.Public()), Count: 100, Age: 600}
	g := w.mustCreate(c.Sign(ring, alice))
	for _, x := range w.nodes {
		x.mustJoin(g, scribe.Options{Signer: bob})
	}
	var liar, child *node
	for _, x := range w.nodes {
		for _, y := range w.nodes {
			if place := y.s.Place(g); !place.Keeper && place.Parent == x.n.Self().ID && len(place.Path) > 1 {
				liar, child = x, y
			}
		}
	}
	if liar == nil {
		t.Fatal("only keepers forward")
	}
	c.Version, c.Members = 2, msg.Keys(carol.Public())
	later := c.Sign(ring, alice)
	shown := 0
	liar.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, _ := msg.Decode(d.Payload)
		if _, asks := m.(*msg.Attach); !asks || d.Via.ID != child.n.Self().ID {
			return false
		}
		shown++
		d.Reply(msg.Encode(&msg.Adopted{Path: msg.Path(liar.n.Self().ID), Next: 1000, Charter: later}))
		return true
	}
	liar.send(child, &msg.Beat{Group: g, Next: 1000, Version: 2, Path: msg.Path(child.s.Place(g).Path...)})
	w.net.Run(time.Second)
	if place := child.s.Place(g); shown != 1 || !errors.Is(child.ended, msg.ErrDenied) || place.Member || !place.Parent.IsZero() || len(place.Children) > 0 {
		t.Errorf("a child that was shown the charter %d times ended with %v, and stands %+v", shown, child.ended, place)
	}
}

// A member is to keep the group from now on, and the charter that it is brought does not list it: it is
// told once that it is no member any more, and keeps the group all the same, as it said that it does.
func TestKeeperWhoIsLetGo(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 17}, nil)
	c := &msg.Charter{Name: "closed", Version: 1, OpenPublish: true, Members: msg.Keys(bob.Public()), Count: 100, Age: 600}
	g := w.mustCreate(c.Sign(ring, alice))
	x := w.root(g)
	for _, n := range w.net.Nearest(g.Place(), len(w.nodes)) {
		i := slices.IndexFunc(w.nodes, func(y *node) bool { return y.n == n })
		if x = w.nodes[i]; !x.s.Place(g).Keeper && !x.s.Place(g).Root {
			break
		}
	}
	x.mustJoin(g, scribe.Options{Signer: bob})
	ended := 0
	w.net.Run(time.Minute)
	if p := x.s.Place(g); p.Keeper || p.Parent.IsZero() {
		t.Fatalf("the member stands %+v", p)
	}
	c.Version, c.Members = 2, msg.Keys(carol.Public())
	later := c.Sign(ring, alice)
	keep := func(m *msg.Keep) {
		t.Helper()
		if m, err := w.root(g).ask(x, msg.Encode(m)); err != nil {
			t.Errorf("who is to keep the group answers %v, %v", m, err)
		}
		if x.ended != nil {
			ended++
			x.ended = nil
		}
	}
	keep(&msg.Keep{Group: g, Charter: later})
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
	keep(&msg.Keep{Group: g, Batch: msg.NewBatch(ring, g, 1, 1, 1, [][]byte{[]byte("word")}, bob, now)})
	if p, known := x.s.Place(g), x.s.Charter(g); ended != 1 || p.Member || !p.Keeper || p.Messages != 1 || known == nil || known.Version != 2 {
		t.Errorf("it was told %d times that it is no member, and stands %+v, with the charter %v", ended, p, known)
	}
}

// What is too large or empty is not published, and what waits is bounded.
func TestPublishBounds(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 15}, nil)
	g := w.mustCreate(open("news"))
	x := w.nodes[1]
	var outcomes []error
	x.n.Do(func() {
		p := x.s.Publisher(g, alice)
		for _, size := range []int{0, msg.MaxMessage + 1} {
			if err := p.Publish(make([]byte, size), nil); !errors.Is(err, scribe.ErrTooLarge) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		busy := false
		for range 1000 {
			if err := p.Publish(make([]byte, msg.MaxMessage), func(_ uint64, err error) { outcomes = append(outcomes, err) }); err != nil {
				busy = errors.Is(err, scribe.ErrBusy)
				break
			}
		}
		if !busy {
			t.Error("32 MB wait")
		}
	})
	w.net.Run(time.Minute)
	if len(outcomes) < 200 || slices.ContainsFunc(outcomes, func(err error) bool { return err != nil }) {
		t.Errorf("%d messages have an outcome", len(outcomes))
	}
}

// FuzzMessage feeds bytes to a node of a tree, as a message of a neighbour: whatever they
// are, it answers or refuses, and stays as it should be.
func FuzzMessage(f *testing.F) {
	w := newWorld(f, 3, kbrtest.Config{Seed: 16}, nil)
	c := open("news")
	g := w.mustCreate(c)
	w.joinAll(g, w.nodes...)
	b := msg.NewBatch(ring, g, 3, 1, 1, [][]byte{[]byte("hello")}, bob, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, m := range []wire.Message{&msg.Create{Charter: c}, &msg.Attach{Group: g}, &msg.Leave{Group: g, Number: 1 << 50}, &msg.Leave{Group: g, Parent: true},
		&msg.Publish{Group: g, Batch: b}, &msg.Cast{Group: g, Batch: b}, &msg.Beat{Group: g, Next: 5, Version: 1, Seals: []*msg.Seal{b.Seal}},
		&msg.Keep{Group: g, Charter: c, Batch: b}, &msg.Heads{Group: g}, &msg.Fetch{Group: g, Publisher: bob.Public(), Life: 3, From: 1, To: 5}, &msg.Done{}} {
		f.Add(msg.Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { msg.Decode(b) })
		_, err := w.nodes[0].ask(w.nodes[1], b)
		if err != nil && msg.Refusal(err) == 0 && !errors.Is(err, kbr.ErrTimeout) {
			t.Fatal(err)
		}
		for _, x := range w.nodes {
			if err := x.s.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
