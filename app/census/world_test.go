package census_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// town is a ring whose nodes run the directory and the census.
type town struct {
	*lab.Ring
	t      testing.TB
	seed   uint64
	houses []*house
}

// house is one node.
type house struct {
	t      *town
	node   sim.NodeRef
	disk   *mem.Store
	cert   *peer.Certificate
	dir    *directory.Directory
	census *census.Census
	lie    func(*kbr.Delivery) bool // reports whether it has dealt with a question
	ep     kbr.Endpoint             // of who lies
	mute   bool                     // does not say what it has
}

// liar lets a house lie about what it is asked.
type liar struct {
	*census.Census
	of *house
}

// Start implements kbr.App.
func (l liar) Start(ep kbr.Endpoint) {
	l.of.ep = ep
	l.Census.Start(ep)
}

// Deliver implements kbr.App.
func (l liar) Deliver(d *kbr.Delivery) {
	if l.of.lie == nil || !l.of.lie(d) {
		l.Census.Deliver(d)
	}
}

const (
	appDirectory = 1
	appCensus    = 2
)

// newTown makes a town of n houses whose nodes know each other.
func newTown(t testing.TB, n int, seed uint64) *town {
	t.Helper()
	w := &town{t: t, seed: seed}
	w.Ring = lab.New(lab.Config{Seed: seed, Unwatched: true,
		ID:   func(i int) id.ID { return w.house(i).cert.Node },
		Apps: func(i int, _ sim.NodeEnv) []kbr.Mount { return w.house(i).build() }})
	t.Cleanup(w.Close)
	w.Plant(n, 4)
	if !w.Sim.RunUntil(func() bool { return len(w.ReadyNodes()) == n }, 100*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of %d nodes are ready", len(w.ReadyNodes()), n)
	}
	w.Sim.RunFor(5 * time.Second)
	return w
}

func (w *town) ring() id.Hash { return peer.RingID(standin.NewSigner(w.seed, 0).Public()) }

func (w *town) wall() time.Time {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if w.Ring != nil {
		at = w.Sim.Config().Start.Add(w.Sim.Now())
	}
	return at
}

func (w *town) house(i int) *house {
	for len(w.houses) <= i {
		k := len(w.houses)
		authority := standin.NewSigner(w.seed, 0)
		adm := peer.NewAdmission(authority, authority.Public(), w.wall())
		key := standin.NewSigner(w.seed, uint64(k)+1).Public()
		w.houses = append(w.houses, &house{t: w, node: sim.NodeRef(k), disk: mem.New(),
			cert: peer.NewCertificate(authority, adm, key, peer.Salt{byte(k), byte(k >> 8), byte(w.seed)}, w.wall())})
	}
	return w.houses[i]
}

func (h *house) build() []kbr.Mount {
	d := directory.Default()
	d.Ring, d.Signer, d.Verifier, d.Store = h.t.ring(), standin.NewSigner(h.t.seed, uint64(h.node)+1), standin.Verifier{}, h.disk
	d.PeerWrites, d.MaxPerPeer = 100_000, 100_000 // many people come at once
	d.Certificate = func() *peer.Certificate { return h.cert }
	var err error
	if h.dir, err = directory.New(d); err != nil {
		h.t.t.Fatal(err)
	}
	c := census.Default()
	c.Ring, c.Verifier, c.People = h.t.ring(), standin.Verifier{}, h.dir
	c.Facts = func() *census.Facts {
		if h.mute {
			return nil
		}
		return &census.Facts{Version: fmt.Sprintf("v1.%d", h.node%3), Offered: 1000, Kept: 10 * uint64(h.node), Objects: uint64(h.node), Names: 5}
	}
	if h.census, err = census.New(c); err != nil {
		h.t.t.Fatal(err)
	}
	return []kbr.Mount{{Number: appDirectory, App: h.dir}, {Number: appCensus, App: liar{h.census, h}}}
}

// count is a census that a house takes, and the virtual time that it took.
func (h *house) count() (s census.Sum, a census.Answered, took time.Duration) {
	h.t.t.Helper()
	from := h.t.Sim.Now()
	err := h.t.Call(h.node, time.Minute, func(t *task.T) (err error) {
		s, a, err = h.census.Count(t)
		return err
	})
	if err != nil {
		h.t.t.Fatalf("a count from node %d: %v", h.node, err)
	}
	return s, a, h.t.Sim.Now() - from
}

// users is a list that a house asks for: the names in their order.
func (h *house) users(p census.Pattern, limit int) ([]string, census.Answered) {
	h.t.t.Helper()
	var names []string
	var a census.Answered
	err := h.t.Call(h.node, 20*time.Minute, func(t *task.T) (err error) {
		a, err = h.census.Users(t, census.Query{Pattern: p, Limit: limit}, func(rs []*directory.Record) bool {
			for _, r := range rs {
				names = append(names, string(r.Name))
			}
			return true
		})
		return err
	})
	if err != nil {
		h.t.t.Fatalf("a list from node %d: %v", h.node, err)
	}
	slices.Sort(names)
	return names, a
}

// person is the record of a user whose keys follow from his name.
func (w *town) person(name string, p directory.Profile) *directory.Record {
	r := &directory.Record{Name: directory.Name(name), Version: 1, Profile: p}
	number := id.HashOf("person", name).Place().Hi
	return r.Sign(w.ring(), standin.NewSigner(7, number), w.wall())
}

// settle claims names, each from another house, all at once.
func (w *town) settle(rs ...*directory.Record) {
	w.t.Helper()
	left := len(rs)
	for i, r := range rs {
		h := w.houses[i%len(w.houses)]
		w.Sim.Call(h.node, func() {
			w.Node(h.node).Tasks().Go(func(t *task.T) error { return h.dir.Put(t, r) }, func(err error) {
				left--
				if err != nil {
					w.t.Errorf("%s could not be claimed: %v", r.Name, err)
				}
			})
		})
		if i%20 == 19 {
			w.Sim.RunFor(200 * time.Millisecond)
		}
	}
	if !w.Sim.RunUntil(func() bool { return left == 0 }, 100*time.Millisecond, 2*time.Minute) {
		w.t.Fatalf("%d names are not claimed", left)
	}
}

// names are n names that begin alike, in their order.
func names(begin string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s%04d", begin, i))
	}
	return out
}

// crowd settles people of these names.
func (w *town) crowd(list []string, p directory.Profile) {
	w.t.Helper()
	var rs []*directory.Record
	for _, n := range list {
		rs = append(rs, w.person(n, p))
	}
	w.settle(rs...)
}

func (h *house) signer() *standin.Signer { return standin.NewSigner(h.t.seed, uint64(h.node)+1) }
