package scribe_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Every member reads every message, once and in order, in rings of all sizes, over links
// that lose a tenth of all messages.
func TestEverybodyReadsEverything(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 40, 90} {
		for _, children := range []int{2, 64} {
			w := newWorld(t, n, kbrtest.Config{Seed: uint64(n), Loss: 0.1}, func(c *scribe.Config) { c.MaxChildren = children })
			g := w.mustCreate(open("news"))
			w.joinAll(g, w.nodes...)
			p := w.nodes[n/2].publisher(g, "alice", alice)
			for range 30 {
				p.say()
				w.net.Run(70 * time.Millisecond)
			}
			w.net.Run(time.Minute)
			if p.taken != 30 || len(p.failed) > 0 {
				t.Errorf("%d nodes: %d of 30 were taken, failed %v", n, p.taken, p.failed)
			}
			w.all(p.acknowledged, w.nodes...)
			depth := w.tree(g)
			t.Logf("%d nodes, %d children at most: depth %d", n, children, depth)
		}
	}
}

// A node that nobody needs leaves the tree (P8), and a group in which nothing happens costs
// little.
func TestForwardersComeAndGo(t *testing.T) {
	w := newWorld(t, 30, kbrtest.Config{Seed: 4}, func(c *scribe.Config) { c.MaxChildren = 2 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	for _, x := range w.nodes[:27] {
		x.n.Do(x.member.Leave)
	}
	w.net.Run(time.Minute)
	w.tree(g)
	in := 0
	for _, x := range w.nodes {
		if p := x.s.Place(g); !p.Parent.IsZero() {
			in++
		}
	}
	if in < 3 || in > 12 {
		t.Errorf("%d nodes are in the tree of 3 members", in)
	}
}

// Where members of a deep tree have left, nodes that stand between one child and their parent
// for nobody else leave it, while one speaks, and nobody misses a message (JSAC 2002: the tree
// collapse).
func TestCollapse(t *testing.T) {
	simtest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		in := make(map[time.Duration]int)
		for _, after := range []time.Duration{0, 30 * time.Second} {
			w := newWorld(t, 40, kbrtest.Config{Seed: seed, Loss: 0.02}, func(c *scribe.Config) { c.Collapse, c.MaxChildren = after, 2 })
			g := w.mustCreate(open("news"))
			w.joinAll(g, w.nodes...)
			p := w.nodes[39].publisher(g, "alice", alice)
			for i := range 200 {
				p.say()
				w.net.Run(time.Second)
				if i < 34 {
					w.nodes[i].n.Do(w.nodes[i].member.Leave)
				}
			}
			w.net.Run(time.Minute)
			w.all(p.acknowledged, w.nodes[34:]...)
			w.tree(g)
			for _, x := range w.nodes {
				place := x.s.Place(g)
				if place.Root || !place.Parent.IsZero() {
					in[after]++
				}
				if after > 0 && !place.Root && !place.Member && len(place.Children) == 1 {
					t.Errorf("node %s stands there for one child", x.n.Self().ID.Short())
				}
			}
		}
		if in[30*time.Second] >= in[0] {
			t.Errorf("%d nodes are in the tree, and %d where nobody leaves it", in[30*time.Second], in[0])
		}
	})
}

// Where the link between a parent and its child ends while both live, the child finds another parent, and cannot tell
// the first one, which lets it go all the same: it hears by the answers to its heartbeats that they take the ring.
func TestCutChildrenHaveOneParent(t *testing.T) {
	simtest.Seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newWorld(t, 30, kbrtest.Config{Seed: seed}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open("news"))
		w.joinAll(g, w.nodes...)
		w.net.Run(time.Minute)
		w.tree(g)
		cut := 0
		for _, x := range w.nodes {
			p := x.s.Place(g)
			for _, y := range w.nodes {
				if y.n.Self().ID == p.Parent && cut < 6 {
					w.net.Cut(x.n, y.n)
					cut++
				}
			}
		}
		w.net.Run(10 * time.Minute)
		w.tree(g)
		w.root(g).publisher(g, "alice", alice).say()
		w.net.Run(5 * time.Second)
		w.all([]string{"alice 0"}, w.nodes...)
	})
}

// A child that asks to be adopted again, over a link of its own, is one to which heartbeats find the way: those
// that did not before count no longer.
func TestAdoptedAgain(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 22}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	w.net.Run(10 * time.Second)
	w.tree(g)
	parent := w.root(g)
	var child *node
	for _, x := range w.nodes {
		if x.s.Place(g).Parent == parent.n.Self().ID {
			child = x
		}
	}
	astray := 0
	child.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, _ := msg.Decode(d.Payload)
		if _, ok := m.(*msg.Beat); !ok || d.Answer == nil {
			return false
		}
		astray++
		heard := *d
		heard.Answer = nil
		child.s.Deliver(&heard)
		d.Refuse(msg.RefusedMalformed, "it took the ring")
		return true
	}
	for _, until := range []int{2, 3} {
		if !w.net.RunUntil(5*time.Minute, func() bool { return astray >= until }) {
			t.Fatalf("%d heartbeats came", astray)
		}
		w.net.Run(time.Second)
		if !has(parent.s.Place(g).Children, child.n.Self().ID) {
			t.Fatalf("no child any more after %d heartbeats astray, in the midst of which it asked again", until)
		}
		if _, err := child.ask(parent, msg.Encode(&msg.Attach{Group: g, Member: true})); err != nil {
			t.Fatal(err)
		}
	}
}

// Nodes of versions that answer no heartbeat stay children, and are asked for no answer any more after some.
func TestChildrenOfBefore(t *testing.T) {
	w := newWorld(t, 16, kbrtest.Config{Seed: 23}, func(c *scribe.Config) { c.MaxChildren = 4 })
	asked := make(map[*node]bool) // by the last heartbeat
	for i, x := range w.nodes {
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, _ := msg.Decode(d.Payload)
			if b, ok := m.(*msg.Beat); !ok || b.Kept || !d.Direct {
				return false
			}
			if asked[x] = d.Answer != nil; i%2 == 0 {
				d.Answer = nil
			}
			return false
		}
	}
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	w.net.Run(10 * time.Second)
	for range 60 {
		w.tree(g)
		w.net.Run(5 * time.Second)
	}
	dead := 0
	for i, x := range w.nodes {
		switch place := x.s.Place(g); {
		case place.Root:
		case asked[x] != (i%2 == 1):
			t.Errorf("node %s, one of before: %v, is asked for an answer: %v", x.n.Self().ID.Short(), i%2 == 0, asked[x])
		case i%2 == 0 && len(place.Children) == 0 && dead < 2:
			x.n.Kill()
			dead++
		}
	}
	w.net.Run(30 * time.Second)
	if w.tree(g); dead == 0 {
		t.Error("none of before was killed")
	}
}

// No such group, and a charter that is not newer, are said so.
func TestNoGroup(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 5}, nil)
	if err := w.nodes[3].join(open("nothing").Group(ring), scribe.Options{}); !errors.Is(err, scribe.ErrNoGroup) {
		t.Errorf("joined what nobody created: %v", err)
	}
	for _, x := range w.nodes {
		if gs := x.s.Groups(); len(gs) > 0 {
			t.Errorf("node %s remembers %d groups that are none", x.n.Self().ID.Short(), len(gs))
		}
	}
	g := w.mustCreate(open("news"))
	other := *open("news")
	other.Count = 7
	if err := w.nodes[4].create(other.Sign(ring, alice)); !errors.Is(err, scribe.ErrOlder) {
		t.Errorf("another charter of the same version: %v", err)
	}
	if err := w.nodes[4].create(open("news")); err != nil {
		t.Errorf("the same charter again: %v", err)
	}
	w.nodes[4].mustJoin(g, scribe.Options{})
	if err := w.nodes[4].join(g, scribe.Options{}); !errors.Is(err, scribe.ErrMember) {
		t.Errorf("joined twice: %v", err)
	}
}

// A group that is being created when its root tidies up is there afterwards.
func TestCreatedWhileTidying(t *testing.T) {
	for at := 19_960 * time.Millisecond; at < 20*time.Second; at += 5 * time.Millisecond {
		w := newWorld(t, 12, kbrtest.Config{Seed: 3}, nil)
		w.net.Run(at - w.net.Elapsed())
		g := w.mustCreate(open("news"))
		if !w.root(g).s.Place(g).Root {
			t.Errorf("created after %v: its root does not know the group", at)
		}
	}
}

// Forwarders die, one after another, and so do roots: the others read everything that was
// acknowledged, in order, without a gap (P6, P7).
func TestDeaths(t *testing.T) {
	simtest.Seeds(t, 40, func(t *testing.T, seed uint64) {
		w := newWorld(t, 24, kbrtest.Config{Seed: seed, Loss: 0.02}, func(c *scribe.Config) { c.MaxChildren = 3 })
		g := w.mustCreate(open("news"))
		speaker := w.nodes[23]
		if speaker == w.root(g) {
			speaker = w.nodes[22]
		}
		w.joinAll(g, w.nodes...)
		p := speaker.publisher(g, "alice", alice)
		dead := make(map[*node]bool)
		for round := range 8 {
			for range 10 {
				p.say()
				w.net.Run(100 * time.Millisecond)
			}
			victim := w.nodes[(int(seed)+5*round)%24]
			if round%2 == 0 {
				victim = w.root(g)
			}
			if victim == speaker || dead[victim] {
				continue
			}
			dead[victim] = true
			if round%3 == 2 {
				victim.n.Leave()
			} else {
				victim.n.Kill()
			}
		}
		w.net.Run(2 * time.Minute)
		if len(p.failed) > 0 || p.taken != p.sent {
			t.Errorf("%d of %d were taken, failed %v", p.taken, p.sent, p.failed)
		}
		var live []*node
		for _, x := range w.nodes {
			if x.n.Alive() {
				live = append(live, x)
			}
		}
		w.all(p.acknowledged, live...)
		w.tree(g)
	})
}

// A node that comes nearer to the group than its root is the root from then on, and has what
// was kept.
func TestNewRootCarriesOn(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 6}, nil)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	p := w.nodes[1].publisher(g, "alice", alice)
	for i := range 40 {
		p.say()
		w.net.Run(100 * time.Millisecond)
		if i == 20 {
			x := &node{w: w}
			x.n = w.net.Add(kbrtest.Handle(g.Place().Add(id.ID{Lo: 1})), x.mount())
			w.nodes = append(w.nodes, x)
		}
	}
	w.net.Run(time.Minute)
	root := w.nodes[12]
	if place := root.s.Place(g); !place.Root || place.Messages != 40 {
		t.Errorf("the new root stands %+v", place)
	}
	w.all(p.acknowledged, w.nodes[:12]...)
	w.tree(g)
	root.mustJoin(g, scribe.Options{Last: 10})
	w.net.Run(time.Second)
	w.all(p.acknowledged[30:], root)
}

// A node that comes to be the root while it asks a mute one to be its parent rules at once, and
// not when that question's time is over.
func TestNewRootWaitsForNobody(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 7, Notice: 100 * time.Millisecond}, nil)
	g := w.mustCreate(open("news"))
	var next, after *node // who is root when the root is gone, and a member below it
	near := w.net.Nearest(g.Place(), 2)
	root := w.root(g)
	for _, x := range w.nodes {
		switch {
		case x.n == near[1]:
			next = x
		case x != root:
			after = x
		}
	}
	after.mustJoin(g, scribe.Options{})
	root.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		m, _ := msg.Decode(d.Payload)
		_, asks := m.(*msg.Attach)
		return asks
	}
	joined := false
	next.n.Do(func() {
		next.n.Endpoint(number).Go(func(t *task.T) error { return next.begin(t, g, scribe.Options{}) }, func(err error) { joined = err == nil })
	})
	w.net.Run(300 * time.Millisecond)
	w.net.Partition([]*kbrtest.Node{root.n})
	w.net.Run(450 * time.Millisecond)
	if p := next.s.Place(g); !p.Root || !joined {
		t.Errorf("the next root stands %+v, joined: %v", p, joined)
	}
}

// Batches that a root cannot take until it has the first of them bring that one at once, however
// long it would wait after so many refusals.
func TestFirstBatchIsHastened(t *testing.T) {
	slowest := time.Duration(0)
	for wait := 4 * time.Second; wait < 6*time.Second; wait += 200 * time.Millisecond {
		w := newWorld(t, 3, kbrtest.Config{Seed: 8}, nil)
		g := w.mustCreate(open("news"))
		root := w.root(g)
		busy := true
		root.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			m, _ := msg.Decode(d.Payload)
			_, publish := m.(*msg.Publish)
			if publish && busy {
				d.Refuse(msg.RefusedBusy, "busy")
			}
			return publish && busy
		}
		speaker := w.nodes[0]
		if speaker == root {
			speaker = w.nodes[1]
		}
		p := speaker.publisher(g, "alice", alice)
		for range 8 {
			p.say()
			w.net.Run(wait / 8)
		}
		busy = false
		began := w.net.Elapsed()
		if w.net.RunUntil(10*time.Second, func() bool { return p.taken > 0 }); p.taken == 0 {
			t.Fatal("nothing was taken")
		}
		slowest = max(slowest, w.net.Elapsed()-began)
	}
	if slowest > 700*time.Millisecond {
		t.Errorf("the first of eight batches came to a root %v after it was there", slowest)
	}
}

// A parent knows which of its children are members, also of one that stays for others when it is a
// member no longer, or that comes back, so that a walk need not go to the others first.
func TestParentsKnowMembers(t *testing.T) {
	w := newWorld(t, 24, kbrtest.Config{Seed: 9}, func(c *scribe.Config) { c.MaxChildren, c.Collapse = 2, 0 })
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	leave := func() {
		for _, x := range w.nodes[:12] {
			if x.n.Alive() {
				x.n.Do(x.member.Leave)
			}
		}
	}
	if n := w.parentsKnow(g, "all have joined"); n != 0 {
		t.Errorf("%d children are no members", n)
	}
	leave()
	if n := w.parentsKnow(g, "half have left"); n == 0 {
		t.Error("nobody stayed for others")
	}
	w.joinAll(g, w.nodes[:12]...)
	w.parentsKnow(g, "they are back")
	for _, x := range w.nodes[:12] {
		x.n.Do(x.member.Leave)
		x.mustJoin(g, scribe.Options{})
		x.n.Do(x.member.Leave)
	}
	w.parentsKnow(g, "they left, came back and left at once")
	w.joinAll(g, w.nodes[:12]...)
	w.root(g).n.Kill()
	if !w.net.RunUntil(time.Minute, func() bool {
		return slices.ContainsFunc(w.nodes[:12], func(x *node) bool { return x.n.Alive() && x.s.Place(g).Parent.IsZero() && !x.s.Place(g).Root })
	}) {
		t.Fatal("nobody was below the root")
	}
	leave()
	w.parentsKnow(g, "they left while the root was gone")
}

// parentsKnow checks, after a while, that each parent knows which of its children are members, and
// returns how many are none.
func (w *world) parentsKnow(g id.Hash, what string) (others int) {
	w.t.Helper()
	w.net.Run(10 * time.Second)
	at := make(map[id.ID]*node)
	for _, x := range w.nodes {
		at[x.n.Self().ID] = x
	}
	for _, x := range w.nodes {
		if !x.n.Alive() {
			continue
		}
		n := x.s.Neighbours(g)
		for i, c := range n.Children {
			is := at[c.ID].s.Place(g).Member
			if is != n.Members[i] {
				w.t.Errorf("%s: node %s holds its child %s to be a member: %v", what, x.n.Self().ID.Short(), c.ID.Short(), n.Members[i])
			}
			if !is {
				others++
			}
		}
	}
	return others
}

// Who may not join, and who may not publish, is refused; a newer charter lets one in, and
// another out.
func TestCharterSaysWho(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 7}, func(c *scribe.Config) { c.MaxChildren = 2 })
	charter := &msg.Charter{Name: "closed", Version: 1, Publishers: msg.Keys(bob.Public()), Members: msg.Keys(bob.Public()), Count: 100, Age: 600}
	g := w.mustCreate(charter.Sign(ring, alice))
	for i, x := range w.nodes[:10] {
		key := alice
		if i%2 == 0 {
			key = bob
		}
		x.mustJoin(g, scribe.Options{Signer: key})
	}
	if err := w.nodes[11].join(g, scribe.Options{Signer: carol}); !errors.Is(err, msg.ErrDenied) {
		t.Errorf("carol joins: %v", err)
	}
	if err := w.nodes[12].join(g, scribe.Options{}); !errors.Is(err, msg.ErrDenied) {
		t.Errorf("nobody joins: %v", err)
	}
	w.refusedMember(g, bob, alice)
	from := w.nodes[13].publisher(g, "carol", carol)
	from.say()
	w.net.Run(5 * time.Second)
	if len(from.failed) != 1 || !errors.Is(from.failed[0], msg.ErrDenied) {
		t.Errorf("carol publishes: %v", from.failed)
	}
	charter.Version, charter.Publishers, charter.Members = 2, msg.Keys(carol.Public()), msg.Keys(carol.Public())
	w.mustCreate(charter.Sign(ring, alice))
	w.nodes[11].mustJoin(g, scribe.Options{Signer: carol})
	from.say()
	w.net.Run(2 * time.Minute)
	if from.taken != 1 {
		t.Errorf("carol publishes: %v", from.failed)
	}
	for i, x := range w.nodes[:10] {
		if out := x.ended != nil; out != (i%2 == 0) {
			t.Errorf("member %d ended with %v", i, x.ended)
		}
	}
	w.all([]string{"carol 1"}, w.nodes[11], w.nodes[1], w.nodes[9])
	w.tree(g)
	w.parentsKnow(g, "the charter let some in and others out")
}

// refusedMember lets somebody who is not listed join at a node that is in the tree for others alone:
// he is refused, and the node and its children stay where they are.
func (w *world) refusedMember(g id.Hash, keys ...peer.Signer) {
	w.t.Helper()
	for i, x := range w.nodes[:10] {
		if p := x.s.Place(g); p.Root || len(p.Children) < 2 {
			continue
		}
		x.n.Do(x.member.Leave)
		w.net.Run(5 * time.Second)
		was := x.s.Place(g)
		if err := x.join(g, scribe.Options{Signer: carol}); !errors.Is(err, msg.ErrDenied) {
			w.t.Errorf("carol joins at a forwarder: %v", err)
		}
		w.net.Run(5 * time.Second)
		if is := x.s.Place(g); is.Parent != was.Parent || len(is.Children) != len(was.Children) {
			w.t.Errorf("a node at which somebody was refused stood %+v, and stands %+v", was, is)
		}
		x.mustJoin(g, scribe.Options{Signer: keys[i%2]})
		return
	}
	w.t.Error("no member forwards")
}
