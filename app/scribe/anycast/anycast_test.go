package anycast_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// An item goes to exactly one of those who are willing, in rings of all sizes, over links
// that lose a tenth of all messages (P9).
func TestOneTakesIt(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 40} {
		w := newWorld(t, n, kbrtest.Config{Seed: uint64(n), Loss: 0.1}, nil)
		g := w.group(open("work"), w.nodes...)
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		var rs []*result
		for i := range 20 {
			body := fmt.Sprint("item ", i)
			w.nodes[rng.IntN(n)].willing[body] = true
			for range n / 4 {
				w.nodes[rng.IntN(n)].willing[body] = true
			}
			rs = append(rs, w.nodes[rng.IntN(n)].ask(g, body, 1, bob))
			w.net.Run(100 * time.Millisecond)
		}
		w.wait(rs...)
		w.net.Run(time.Minute)
		for i, r := range rs {
			body := fmt.Sprint("item ", i)
			if r.err != nil || len(r.by) != 1 || string(r.by[0].Answer) != "for "+body || w.holders(body) != 1 {
				t.Errorf("%d nodes: %s: %v, by %v, %d hold it", n, body, r.err, r.by, w.holders(body))
			}
		}
	}
}

// Where nobody is willing each member is asked once, over each link of the tree at most
// twice, and then that is said (P9).
func TestNobody(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 2}, nil)
	g := w.group(open("work"), w.nodes[:40]...)
	for _, from := range []*node{w.nodes[3], w.nodes[50]} {
		for _, x := range w.nodes {
			x.asked = 0
		}
		before := w.steps()
		r := from.ask(g, "nothing", 1, bob)
		w.wait(r)
		if !errors.Is(r.err, anycast.ErrNobody) || len(r.by) > 0 {
			t.Errorf("nobody is willing: %v, by %v", r.err, r.by)
		}
		if n, most := int(w.steps()-before), 2*(w.inTree(g)-1); n > most {
			t.Errorf("%d steps in a tree of %d", n, w.inTree(g))
		}
		for i, x := range w.nodes {
			if (x.asked == 1) != (i < 40) {
				t.Errorf("node %d was asked %d times", i, x.asked)
			}
		}
	}
	w.nodes[17].willing["something"] = true
	r := w.nodes[55].ask(g, "something", 1, bob)
	w.wait(r)
	w.net.Run(time.Second) // he hears it a moment later
	if r.err != nil || w.nodes[17].held["something"] != 1 {
		t.Errorf("the only one who is willing: %v, by %v", r.err, r.by)
	}
}

// Over slow links too who searches hears soon enough that his walk goes on: where nobody is willing
// each member is asked once, and nobody walks a second time (P9).
func TestSlowLinks(t *testing.T) {
	for _, step := range []time.Duration{60 * time.Millisecond, 100 * time.Millisecond} {
		w := newWorld(t, 60, kbrtest.Config{Seed: 3, Delay: step}, nil)
		g := w.group(open("work"), w.nodes...)
		w.net.Run(time.Minute)
		before, begun := w.steps(), w.net.Now()
		r := w.nodes[5].ask(g, "nothing", 1, bob)
		w.wait(r)
		if !errors.Is(r.err, anycast.ErrNobody) {
			t.Errorf("%s a step: nobody is willing: %v, by %v", step, r.err, r.by)
		}
		if n, most := int(w.steps()-before), 2*(w.inTree(g)-1); n > most {
			t.Errorf("%s a step: %d steps in a tree of %d within %s", step, n, w.inTree(g), w.net.Now().Sub(begun))
		}
	}
}

// A manycast finds as many as are wanted, or says that there are fewer, with those.
func TestManycast(t *testing.T) {
	w := newWorld(t, 30, kbrtest.Config{Seed: 3, Loss: 0.05}, nil)
	g := w.group(open("work"), w.nodes...)
	for _, x := range w.nodes[:12] {
		x.willing["some"], x.willing["many"] = true, true
	}
	some, many := w.nodes[20].ask(g, "some", 5, bob), w.nodes[5].ask(g, "many", 20, bob)
	w.wait(some, many)
	w.net.Run(time.Minute)
	if some.err != nil || len(some.by) != 5 || w.holders("some") != 5 {
		t.Errorf("five of twelve: %v, %d, held by %d", some.err, len(some.by), w.holders("some"))
	}
	if !errors.Is(many.err, anycast.ErrNobody) || len(many.by) != 12 || w.holders("many") != 12 {
		t.Errorf("twenty of twelve: %v, %d, held by %d", many.err, len(many.by), w.holders("many"))
	}
}

// While members, forwarders and roots die, leave the group and join it, an item goes to no
// more than one, each anycast has an outcome, and who says that he has it was granted it (P9).
func TestDeaths(t *testing.T) {
	simtest.Seeds(t, 40, func(t *testing.T, seed uint64) {
		w := newWorld(t, 30, kbrtest.Config{Seed: seed, Loss: 0.03}, nil)
		g := w.group(open("work"), w.nodes...)
		rng := rand.New(rand.NewPCG(seed, 1))
		asker := w.nodes[29]
		var rs []*result
		for i := range 40 {
			body := fmt.Sprint("item ", i)
			for range 8 {
				w.nodes[rng.IntN(30)].willing[body] = true
			}
			asker.willing[body] = i%4 == 0
			rs = append(rs, asker.ask(g, body, 1, bob))
			w.net.Run(time.Duration(rng.IntN(100)) * time.Millisecond)
			if i%4 == 1 {
				if x := w.nodes[rng.IntN(29)]; i%8 == 1 {
					x.n.Kill()
				} else if x.n.Alive() {
					x.n.Leave()
				}
			}
			w.net.Run(time.Duration(rng.IntN(500)) * time.Millisecond)
		}
		w.wait(rs...)
		w.net.Run(time.Minute)
		found := 0
		for i, r := range rs {
			body := fmt.Sprint("item ", i)
			switch n := w.holders(body); {
			case n > 1, r.err == nil && len(r.by) != 1, r.err != nil && (len(r.by) > 0 || n > 0):
				t.Errorf("%s: %v, by %v, %d hold it", body, r.err, r.by, n)
			case r.err == nil:
				found++
			case i%4 == 0:
				t.Errorf("%s: %v, though the asker itself is willing", body, r.err)
			}
		}
		if found < 35 {
			t.Errorf("%d of 40 were taken", found)
		}
	})
}

// Whoever may not publish asks nobody, and no such group is said so.
func TestNotAllowed(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 4}, nil)
	closed := &msg.Charter{Name: "closed", Version: 1, Publishers: msg.Keys(alice.Public()), OpenJoin: true, Count: 10, Age: 600}
	g := w.group(closed.Sign(ring, alice), w.nodes...)
	for _, x := range w.nodes {
		x.willing["item"] = true
	}
	denied, nowhere := w.nodes[4].ask(g, "item", 1, bob), w.nodes[4].ask(id.HashOf("nothing"), "item", 1, bob)
	large, none := w.nodes[4].ask(g, string(make([]byte, anycast.MaxBody+1)), 1, alice), w.nodes[4].ask(g, "item", -1, alice)
	w.wait(denied, nowhere, large, none)
	for _, c := range []struct {
		r    *result
		want error
	}{{denied, msg.ErrDenied}, {nowhere, anycast.ErrNoGroup}, {large, anycast.ErrTooLarge}, {none, anycast.ErrTooLarge}} {
		if !errors.Is(c.r.err, c.want) {
			t.Errorf("%v, want %v", c.r.err, c.want)
		}
	}
	for i, x := range w.nodes {
		if x.asked > 0 {
			t.Errorf("node %d was asked", i)
		}
	}
	if r := w.nodes[4].ask(g, "item", 1, alice); true {
		if w.wait(r); r.err != nil {
			t.Error(r.err)
		}
	}
}

// An asker that dies grants nothing: who was willing is told that it may let the item go.
func TestAskerDies(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 5}, nil)
	g := w.group(open("work"), w.nodes[:10]...)
	for _, x := range w.nodes[:10] {
		x.willing["item"] = true
	}
	asker := w.nodes[15]
	for _, x := range w.nodes[:10] {
		x.n.OnDeliver = func(wire.AppID, *kbr.Delivery) bool {
			asker.n.Kill()
			return false
		}
	}
	asker.ask(g, "item", 1, bob)
	w.net.Run(time.Minute)
	let := 0
	for _, x := range w.nodes {
		let += x.let
	}
	if n := w.holders("item"); n != 0 || let != 1 {
		t.Errorf("%d hold the item of a dead node, %d let it go", n, let)
	}
}

// Who is stopped while it is asked, or stops to take, is not asked again, and others are.
func TestStopsTaking(t *testing.T) {
	w := newWorld(t, 10, kbrtest.Config{Seed: 6}, nil)
	g := w.group(open("work"), w.nodes...)
	stop := w.nodes[3].a.Take(g, w.nodes[3].taker())
	w.nodes[3].willing["item"], w.nodes[3].willing["other"] = true, true
	r := w.nodes[3].ask(g, "item", 1, bob)
	w.wait(r)
	stop()
	w.nodes[6].willing["other"] = true
	s := w.nodes[3].ask(g, "other", 1, bob)
	w.wait(s)
	w.net.Run(time.Second)
	if r.err != nil || s.err != nil || w.nodes[3].held["item"] != 1 || w.nodes[6].held["other"] != 1 {
		t.Errorf("%v, %v; held %v and %v", r.err, s.err, w.nodes[3].held, w.nodes[6].held)
	}
}

// A walk has only so many steps, and the asker is told when they are used up.
func TestSpent(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 8}, func(_ *scribe.Config, c *anycast.Config) { c.MaxSteps = 10 })
	g := w.group(open("work"), w.nodes...)
	r := w.nodes[3].ask(g, "item", 1, bob)
	w.wait(r)
	if !errors.Is(r.err, anycast.ErrSpent) || w.steps() > 10 {
		t.Errorf("%v after %d steps", r.err, w.steps())
	}
}

// A fifth of the nodes swallow what walks through them: others take the items all the same.
func TestSwallowers(t *testing.T) {
	simtest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		w := newWorld(t, 40, kbrtest.Config{Seed: seed}, nil)
		g := w.group(open("work"), w.nodes...)
		for _, x := range w.nodes[:8] {
			if x != w.nodes[0] && !x.s.Neighbours(g).Root {
				x.n.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool { return app == walkApp && anycast.IsWalk(d.Payload) }
			}
		}
		var rs []*result
		for i := range 10 {
			body := fmt.Sprint("item ", i)
			for _, x := range w.nodes[8:] {
				x.willing[body] = (x.n.Self().ID.Lo+uint64(i))%4 == 0
			}
			rs = append(rs, w.nodes[10+i].ask(g, body, 1, bob))
		}
		w.wait(rs...)
		w.net.Run(time.Second)
		taken := 0
		for i, r := range rs {
			if n := w.holders(fmt.Sprint("item ", i)); n > 1 || r.err == nil && n == 0 {
				t.Errorf("item %d: %v, %d hold it", i, r.err, n)
			}
			if r.err == nil {
				taken++
			}
		}
		if taken < 8 {
			t.Errorf("%d of 10 were taken", taken)
		}
	})
}

// Forged items, old ones and walks from all sides ask nobody and cost no more than their
// sender's own messages.
func TestForgedWalks(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 9}, func(_ *scribe.Config, c *anycast.Config) { c.PeerStarts = 50 })
	g := w.group(open("work"), w.nodes[:15]...)
	evil, now := w.nodes[18], time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
	self := evil.n.Self()
	changed := *anycast.NewItem(ring, g, self, 1, []byte("good"), bob, now)
	changed.Body = []byte("evil")
	stolen := *anycast.NewItem(ring, g, self, 1, []byte("good"), bob, now)
	stolen.Publisher = alice.Public()
	for _, i := range []*anycast.Item{&changed, &stolen, anycast.NewItem(ring, g, self, 1, nil, bob, now.Add(-time.Hour)),
		anycast.NewItem(ring, g, self, 1, nil, bob, now.Add(time.Hour)), anycast.NewItem(id.HashOf("another"), g, self, 1, nil, bob, now)} {
		for _, x := range w.nodes {
			evil.n.Do(func() {
				evil.n.Endpoint(walkApp).Send(x.n.Self(), anycast.Encode(anycast.Walk(i, 9, 1<<20)), nil)
				evil.n.Endpoint(walkApp).Route(g.Place(), anycast.Encode(anycast.Walk(i, 9, 1<<20)), nil)
			})
		}
		w.net.Run(time.Second)
	}
	for i, x := range w.nodes {
		if x.asked > 0 {
			t.Errorf("node %d was asked about what is forged", i)
		}
	}
	if n := w.steps(); n > 0 {
		t.Errorf("forged walks went %d steps", n)
	}
	w.net.Run(2 * time.Minute)
	good := anycast.NewItem(ring, g, self, 2, nil, bob, now.Add(2*time.Minute))
	for range 300 {
		evil.n.Do(func() {
			evil.n.Endpoint(walkApp).Send(w.nodes[3].n.Self(), anycast.Encode(anycast.Walk(good, 9, 1<<20)), nil)
		})
	}
	w.net.Run(10 * time.Second)
	if n, most := w.steps(), uint64(50*2*w.inTree(g)); n > most {
		t.Errorf("300 walks went %d steps, of 50 that may begin at most %d", n, most)
	}
}

// A member that grants itself what it wants, or a stranger that says that a walk is over,
// changes nothing: who asks is known by its own link, and only a quest of this node ends.
func TestStrangersWords(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 10}, nil)
	good, _ := anycast.Messages(anycast.NewItem(ring, id.HashOf("g"), w.nodes[1].n.Self(), 1, nil, bob, time.Unix(1, 0)))
	for _, m := range good {
		err := w.nodes[1].n.Call(time.Minute, func(t *task.T) error {
			_, err := kbr.CallPeer(t, w.nodes[1].n.Endpoint(walkApp), w.nodes[2].n.Self(), anycast.Encode(m), kbr.Options{Timeout: time.Second})
			return err
		})
		if err == nil {
			t.Errorf("%T from a stranger was answered", m)
		}
	}
}

// A node whose clock is wrong takes no item, and gives walks back: the others are asked, and the
// asker learns that nobody is willing, or who is.
func TestWalkMeetsAWrongClock(t *testing.T) {
	w := newWorld(t, 30, kbrtest.Config{Seed: 41}, nil)
	g := w.group(open("work"), w.nodes...)
	var wrong, taker *node
	for _, x := range w.nodes {
		if n := x.s.Neighbours(g); !n.Root && len(n.Children) == 0 {
			wrong, taker = taker, x
		}
	}
	wrong.n.SkewWall(-30 * time.Minute)
	r := w.nodes[0].ask(g, "nothing", 1, bob)
	w.wait(r)
	if !errors.Is(r.err, anycast.ErrNobody) {
		t.Errorf("nobody is willing: %v", r.err)
	}
	taker.willing["item"], wrong.willing["item"] = true, true
	r = w.nodes[0].ask(g, "item", 1, bob)
	w.wait(r)
	w.net.Run(time.Second)
	if r.err != nil || w.holders("item") != 1 || taker.held["item"] != 1 {
		t.Errorf("one is willing: %v, %d hold it", r.err, w.holders("item"))
	}
}
