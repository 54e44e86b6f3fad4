package anycast_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	treeApp wire.AppID = 7
	walkApp wire.AppID = 9
)

var (
	ring  = id.HashOf("test ring")
	alice = standin.NewSigner(1, 1)
	bob   = standin.NewSigner(1, 2)
)

// world is a ring whose nodes run scribe and anycast.
type world struct {
	t     testing.TB
	net   *kbrtest.Net
	nodes []*node
	tune  func(*scribe.Config, *anycast.Config)
}

// node is one node, and what its member took.
type node struct {
	w       *world
	n       *kbrtest.Node
	s       *scribe.Scribe
	a       *anycast.Anycast
	asked   int             // items that its member was asked about
	willing map[string]bool // by the body of the item
	held    map[string]int  // how many times it was granted
	let     int             // items that it was willing to take and was not granted
}

func newWorld(t testing.TB, n int, c kbrtest.Config, tune func(*scribe.Config, *anycast.Config)) *world {
	t.Helper()
	w := &world{t: t, net: kbrtest.New(c), tune: tune}
	t.Cleanup(w.net.Close)
	for i := range n {
		x := &node{w: w}
		x.n = w.net.Add(kbrtest.Handle(id.HashOf("test node", i).Place()), x.mounts()...)
		w.nodes = append(w.nodes, x)
	}
	w.net.Run(time.Second)
	return w
}

func (x *node) mounts() []kbr.Mount {
	sc, ac := scribe.Default(), anycast.Default()
	sc.Ring, sc.Verifier, sc.MaxChildren = ring, standin.Verifier{}, 3
	ac.Ring, ac.Verifier = ring, standin.Verifier{}
	if x.w.tune != nil {
		x.w.tune(&sc, &ac)
	}
	s, err := scribe.New(sc)
	if err != nil {
		x.w.t.Fatal(err)
	}
	ac.Tree = s
	a, err := anycast.New(ac)
	if err != nil {
		x.w.t.Fatal(err)
	}
	x.s, x.a, x.willing, x.held = s, a, make(map[string]bool), make(map[string]int)
	return []kbr.Mount{{Number: treeApp, App: s}, {Number: walkApp, App: a}}
}

// open is the charter of a group in which everybody may do everything.
func open(name string) *msg.Charter {
	return (&msg.Charter{Name: name, Version: 1, OpenPublish: true, OpenJoin: true, Count: 10, Age: 600}).Sign(ring, alice)
}

// group creates a group, with some nodes as members that take what they are willing to.
func (w *world) group(c *msg.Charter, xs ...*node) id.Hash {
	w.t.Helper()
	g := c.Group(ring)
	if err := w.nodes[0].n.Call(2*time.Minute, func(t *task.T) error { return w.nodes[0].s.Create(t, c) }); err != nil {
		w.t.Fatal("create: ", err)
	}
	left := len(xs)
	for _, x := range xs {
		x.n.Do(func() {
			x.n.Endpoint(treeApp).Go(func(t *task.T) error {
				_, err := x.s.Join(t, g, scribe.Options{Message: func(scribe.Message) {}, Signer: alice})
				return err
			}, func(err error) {
				if left--; err != nil {
					w.t.Error("join: ", err)
				}
			})
			x.a.Take(g, x.taker())
		})
	}
	if !w.net.RunUntil(2*time.Minute, func() bool { return left == 0 }) {
		w.t.Fatalf("%d have not joined", left)
	}
	return g
}

func (x *node) taker() anycast.Taker {
	return anycast.Taker{
		Willing: func(i *anycast.Item) ([]byte, bool) {
			x.asked++
			return []byte("for " + string(i.Body)), x.willing[string(i.Body)]
		},
		Decided: func(i *anycast.Item, granted bool) {
			if granted {
				x.held[string(i.Body)]++
			} else {
				x.let++
			}
		},
	}
}

// result is what became of an anycast.
type result struct {
	by   []anycast.Granted
	err  error
	over bool
}

// ask begins an anycast.
func (x *node) ask(g id.Hash, body string, want int, s peer.Signer) *result {
	r := new(result)
	x.n.Do(func() {
		x.n.Endpoint(walkApp).Go(func(t *task.T) error {
			r.by, r.err = x.a.Anycast(t, g, []byte(body), anycast.Options{Signer: s, Want: want})
			return nil
		}, func(error) { r.over = true })
	})
	return r
}

// wait runs until an anycast has its outcome, which always comes.
func (w *world) wait(rs ...*result) {
	w.t.Helper()
	for i, r := range rs {
		if !w.net.RunUntil(5*time.Minute, func() bool { return r.over }) {
			w.t.Fatalf("anycast %d has no outcome", i)
		}
	}
}

// steps is how many links of the tree walks have crossed.
func (w *world) steps() (n uint64) {
	for _, x := range w.nodes {
		n += x.a.Stats().Steps
	}
	return n
}

// holders is how many nodes hold an item; each holds it once at most.
func (w *world) holders(body string) (n int) {
	w.t.Helper()
	for _, x := range w.nodes {
		if x.held[body] > 1 {
			w.t.Errorf("%s was granted %d times to one node", body, x.held[body])
		}
		n += min(x.held[body], 1)
	}
	return n
}

// inTree is how many nodes stand in a group's tree.
func (w *world) inTree(g id.Hash) (n int) {
	for _, x := range w.nodes {
		if x.n.Alive() && x.s.Neighbours(g).InTree() {
			n++
		}
	}
	return n
}
