package node_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/wire"
)

// plot is a forged record of bob, of which several nodes may be part.
type plot struct {
	mu     sync.Mutex
	forged *directory.Record // nil: not yet
	liars  map[int]bool      // by their place in the ring
	told   atomic.Int64      // lies
	got    atomic.Int64      // letters to mallory's key
}

// record returns what node i has to lie about, or nil.
func (p *plot) record(i int) *directory.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.liars[i] {
		return nil
	}
	return p.forged
}

// Messages of the directory and of im as a hostile node writes and reads them, by
// their numbers on the wire.
const (
	kindRead   = 3
	kindAnswer = 4
	kindPush   = 1
)

// liar is a directory that answers every reading with the forged record.
type liar struct {
	kbr.App
	i    int
	plot *plot
}

type lie struct {
	Known  uint8             `cbor:"1,keyasint"`
	Record *directory.Record `cbor:"2,keyasint"`
}

func (l *liar) Deliver(d *kbr.Delivery) {
	if rec := l.plot.record(l.i); rec != nil && len(d.Payload) > 0 && d.Payload[0] == kindRead {
		l.plot.told.Add(1)
		d.Reply(append([]byte{kindAnswer}, wire.MustMarshal(lie{Known: 2, Record: rec})...))
		return
	}
	l.App.Deliver(d)
}

// thief notes letters that were meant for mallory.
type thief struct {
	kbr.App
	i    int
	plot *plot
}

func (h *thief) Deliver(d *kbr.Delivery) {
	if rec := h.plot.record(h.i); rec != nil && len(d.Payload) > 0 && d.Payload[0] == kindPush {
		h.plot.got.Add(1)
	}
	h.App.Deliver(d)
}

// conspire makes a ring of five of which some lie about bob from now on: he has
// mallory's key, and lives on one of them. The liars are the nearest to the name, as
// a reader asks a majority of the holders, the nearest first. The honest nodes are
// returned: ann is at home on the first and bob on the second.
func conspire(t *testing.T, liars int) ([]*node.Node, *plot) {
	p := &plot{liars: map[int]bool{}}
	ns := ring(t, 5, func(i int) []node.Option {
		return []node.Option{
			node.WithReplacedApp(node.AppDirectory, func(a kbr.App) kbr.App { return &liar{a, i, p} }),
			node.WithReplacedApp(node.AppIM, func(a kbr.App) kbr.App { return &thief{a, i, p} }),
		}
	})
	for _, n := range ns { // so that all five keep the name
		eventually(t, n, "all know each other", func() bool { return len(status(t, n).LeafSet) == 4 })
	}
	key := directory.Name("bob").Key()
	order := []int{0, 1, 2, 3, 4}
	slices.SortFunc(order, func(a, b int) int {
		x, y := status(t, ns[a]).ID, status(t, ns[b]).ID
		return x.Distance(key).Cmp(y.Distance(key))
	})
	var honest []*node.Node
	for _, i := range order[liars:] {
		honest = append(honest, ns[i])
	}
	addUser(t, honest[0], "ann")
	addUser(t, honest[1], "bob")
	mallory, err := keys.NewSigner(keys.Random())
	if err != nil {
		t.Fatal(err)
	}
	seal, err := keys.NewSealPair(1)
	if err != nil {
		t.Fatal(err)
	}
	rec := &directory.Record{
		Name: "bob", SealKey: seal.SealKey(), SealNumber: 1, Version: 1,
		Devices: []*directory.Device{{Node: status(t, ns[order[0]]).ID}},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forged = rec.Sign(ringID(t, ns[0]), mallory, time.Now())
	for _, i := range order[:liars] {
		p.liars[i] = true
	}
	return honest, p
}

func ringID(t *testing.T, n *node.Node) id.Hash { return status(t, n).Ring }

// TestALyingHolderGetsNothing: one of the five nodes that keep a name lies about it,
// and no message is sealed to its key.
func TestALyingHolderGetsNothing(t *testing.T) {
	t.Parallel()
	ns, p := conspire(t, 1)
	send(t, ns[0], "ann", "bob", "for you alone")
	if got := inbox(t, ns[1], "bob"); len(got) != 1 {
		t.Errorf("bob has %q", got)
	}
	u, err := ns[2].API().UserFind(limited(t), "bob")
	if err != nil || u.Agree < 3 || u.Of != 5 || !hasDevice(u, status(t, ns[1]).ID) {
		t.Errorf("found %+v, %v", u, err)
	}
	if p.told.Load() == 0 {
		t.Error("nobody asked the liar: the test shows nothing")
	}
	if n := p.got.Load(); n != 0 {
		t.Errorf("%d letters went to mallory", n)
	}
}

// TestThreeLyingHoldersWin is what the other test would look like if lies were
// believed: beyond the bound that is promised they are.
func TestThreeLyingHoldersWin(t *testing.T) {
	t.Parallel()
	ns, p := conspire(t, 3)
	s, err := ns[0].API().Send(limited(t), api.Draft{From: "ann", To: "bob", Text: "for you alone"})
	if err != nil || s.State != api.StateQueued {
		t.Fatalf("%+v, %v", s, err)
	}
	eventually(t, ns[0], "mallory gets a letter", func() bool { return p.got.Load() > 0 })
}

func hasDevice(u *api.User, n id.ID) bool {
	for _, d := range u.Devices {
		if d == n {
			return true
		}
	}
	return false
}
