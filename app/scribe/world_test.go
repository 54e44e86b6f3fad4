package scribe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const number = 7

var (
	ring  = id.HashOf("test ring")
	alice = standin.NewSigner(1, 1)
	bob   = standin.NewSigner(1, 2)
	carol = standin.NewSigner(1, 3)
)

// world is a ring whose nodes run scribe.
type world struct {
	t     testing.TB
	net   *kbrtest.Net
	nodes []*node
	tune  func(*scribe.Config)
	disks bool // nodes write down what they keep
}

// node is one node, with what its member has read.
type node struct {
	w      *world
	n      *kbrtest.Node
	s      *scribe.Scribe
	member *scribe.Member
	read   []string
	next   map[msg.Stream]uint64
	gaps   []scribe.Gap
	ended  error
	shuns  int
	disk   *mem.Store // nil: the node writes nothing down
	bad    []error    // what could not be written down
	floods int
	turns  int
}

func newWorld(t testing.TB, n int, c kbrtest.Config, tune func(*scribe.Config)) *world {
	t.Helper()
	return newWorldOf(&world{t: t, net: kbrtest.New(c), tune: tune}, n)
}

func newWorldOf(w *world, n int) *world {
	w.t.Helper()
	w.t.Cleanup(func() {
		w.check()
		w.net.Close()
	})
	for range n {
		w.add()
	}
	w.net.Run(time.Second)
	return w
}

// add starts one more node, at a place that its number gives.
func (w *world) add() *node {
	place := id.HashOf("test node", len(w.nodes)).Place()
	x := &node{w: w}
	if w.disks {
		x.disk = mem.New()
	}
	x.n = w.net.Add(kbrtest.Handle(place), x.mount())
	w.nodes = append(w.nodes, x)
	return x
}

func (x *node) mount() kbr.Mount {
	c := scribe.Default()
	c.Ring, c.Verifier = ring, standin.Verifier{}
	c.Events.Swallowed = func(id.Hash, *peer.Handle) { x.shuns++ }
	if x.disk != nil {
		c.Store, c.Events.Unwritten = x.disk, func(err error) { x.bad = append(x.bad, err) }
	}
	c.Events.Flooded = func(id.Hash, *peer.Handle) { x.floods++ }
	c.Events.Reordered = func(id.Hash, *peer.Handle) { x.turns++ }
	if x.w.tune != nil {
		x.w.tune(&c)
	}
	s, err := scribe.New(c)
	if err != nil {
		x.w.t.Fatal(err)
	}
	x.s, x.member, x.next, x.read, x.gaps, x.bad = s, nil, make(map[msg.Stream]uint64), nil, nil, nil
	return kbr.Mount{Number: number, App: s}
}

func (x *node) restart() { x.n = x.w.net.Restart(x.n, x.mount()) }

// check holds all nodes to what must always be so.
func (w *world) check() {
	w.t.Helper()
	for _, x := range w.nodes {
		if x.n.Alive() {
			if err := x.s.Check(); err != nil {
				w.t.Errorf("node %s: %v", x.n.Self().ID.Short(), err)
			}
		}
	}
}

// open is a charter of a group in which everybody may do everything.
func open(name string) *msg.Charter {
	return (&msg.Charter{Name: name, Version: 1, OpenPublish: true, OpenJoin: true, Count: 1000, Age: 3600}).Sign(ring, alice)
}

func (x *node) create(c *msg.Charter) error {
	return x.n.Call(2*time.Minute, func(t *task.T) error { return x.s.Create(t, c) })
}

func (w *world) mustCreate(c *msg.Charter) id.Hash {
	w.t.Helper()
	if err := w.nodes[0].create(c); err != nil {
		w.t.Fatal("create: ", err)
	}
	return c.Group(ring)
}

// join makes the node a member; what it reads is held to the order of each publisher's
// numbers (P1, P4), with gaps only where they are told (P3).
func (x *node) join(g id.Hash, o scribe.Options) error {
	return x.n.Call(3*time.Minute, func(t *task.T) error { return x.begin(t, g, o) })
}

func (x *node) begin(t *task.T, g id.Hash, o scribe.Options) (err error) {
	o.Message = func(m scribe.Message) {
		name := msg.Stream{Publisher: m.Publisher, Life: m.Life}
		if want := x.next[name]; want != 0 && m.Seq != want && !o.BestEffort || m.Seq < want {
			x.w.t.Errorf("node %s read message %d, the next is %d", x.n.Self().ID.Short(), m.Seq, want)
		}
		x.next[name] = m.Seq + 1
		x.read = append(x.read, string(m.Body))
	}
	o.Gap = func(gap scribe.Gap) {
		x.next[msg.Stream{Publisher: gap.Publisher, Life: gap.Life}] = gap.To + 1
		x.gaps = append(x.gaps, gap)
	}
	o.Ended = func(err error) { x.ended = err }
	x.member, err = x.s.Join(t, g, o)
	return err
}

func (x *node) mustJoin(g id.Hash, o scribe.Options) {
	x.w.t.Helper()
	if err := x.join(g, o); err != nil {
		x.w.t.Fatalf("node %s joins: %v", x.n.Self().ID.Short(), err)
	}
}

// joinAll makes all nodes of a list members at once.
func (w *world) joinAll(g id.Hash, xs ...*node) {
	w.t.Helper()
	left := len(xs)
	for _, x := range xs {
		x.n.Do(func() {
			x.n.Endpoint(number).Go(func(t *task.T) error { return x.begin(t, g, scribe.Options{}) }, func(err error) {
				if left--; err != nil {
					w.t.Errorf("node %s joins: %v", x.n.Self().ID.Short(), err)
				}
			})
		})
	}
	if !w.net.RunUntil(2*time.Minute, func() bool { return left == 0 }) {
		w.t.Fatalf("%d of %d have not joined", left, len(xs))
	}
}

// publisher counts what became of what it published.
type publisher struct {
	p            *scribe.Publisher
	x            *node
	name         string
	sent, taken  int
	failed       []error
	acknowledged []string
}

func (x *node) publisher(g id.Hash, name string, key peer.Signer) *publisher {
	p := &publisher{x: x, name: name}
	x.n.Do(func() { p.p = x.s.Publisher(g, key) })
	return p
}

// say publishes the next message.
func (p *publisher) say() {
	text := fmt.Sprint(p.name, " ", p.sent)
	p.sent++
	p.x.n.Do(func() {
		err := p.p.Publish([]byte(text), func(_ uint64, err error) {
			if err != nil {
				p.failed = append(p.failed, err)
				return
			}
			p.taken++
			p.acknowledged = append(p.acknowledged, text)
		})
		if err != nil {
			p.failed = append(p.failed, err)
		}
	})
}

// all checks that each node has read exactly these messages of one publisher, in order.
func (w *world) all(want []string, xs ...*node) {
	w.t.Helper()
	for _, x := range xs {
		if len(x.read) != len(want) {
			w.t.Errorf("node %s read %d messages, want %d; gaps %v", x.n.Self().ID.Short(), len(x.read), len(want), x.gaps)
			continue
		}
		for i := range want {
			if x.read[i] != want[i] {
				w.t.Errorf("node %s read %q as message %d, want %q", x.n.Self().ID.Short(), x.read[i], i, want[i])
				break
			}
		}
	}
}

// root returns the live node that is a group's root.
func (w *world) root(g id.Hash) *node {
	w.t.Helper()
	near := w.net.Nearest(g.Place(), 1)[0]
	for _, x := range w.nodes {
		if x.n == near {
			return x
		}
	}
	w.t.Fatal("no root")
	return nil
}

// tree checks that the members stand in one tree below the root, each node of it a child of one
// parent, which it takes for its own, and returns how deep it is (P5, P8).
func (w *world) tree(g id.Hash) (depth int) {
	w.t.Helper()
	at := make(map[id.ID]*node)
	for _, x := range w.nodes {
		if x.n.Alive() {
			at[x.n.Self().ID] = x
		}
	}
	root := w.root(g)
	for _, x := range w.nodes {
		p := x.s.Place(g)
		if !x.n.Alive() {
			continue
		}
		for _, c := range p.Children {
			if y := at[c]; y == nil || y.s.Place(g).Parent != x.n.Self().ID {
				w.t.Errorf("node %s has %s as a child, which has another parent or is not there", x.n.Self().ID.Short(), c.Short())
			}
		}
		switch {
		case x == root:
			if !p.Root {
				w.t.Errorf("node %s is nearest and no root: %+v", x.n.Self().ID.Short(), p)
			}
			continue
		case p.Root:
			w.t.Errorf("node %s is a second root", x.n.Self().ID.Short())
		case p.Parent.IsZero() && (p.Member || len(p.Children) > 0):
			w.t.Errorf("node %s has no parent", x.n.Self().ID.Short())
		case p.Parent.IsZero():
			continue
		case !p.Member && len(p.Children) == 0:
			w.t.Errorf("node %s is in the tree for nobody", x.n.Self().ID.Short())
		}
		hops := 0
		for y := x; y != root && hops < 40; hops++ {
			parent := at[y.s.Place(g).Parent]
			if parent == nil {
				w.t.Errorf("node %s has a parent that is not there", y.n.Self().ID.Short())
				break
			}
			if !has(parent.s.Place(g).Children, y.n.Self().ID) {
				w.t.Errorf("node %s is no child of its parent", y.n.Self().ID.Short())
			}
			y = parent
		}
		depth = max(depth, hops)
	}
	if depth >= 40 {
		w.t.Errorf("a circle in the tree")
	}
	return depth
}

func has(xs []id.ID, x id.ID) bool {
	for _, y := range xs {
		if x == y {
			return true
		}
	}
	return false
}
