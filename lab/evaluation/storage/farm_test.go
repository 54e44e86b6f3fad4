package storage

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// TestFarm holds the geometry to the protocol: a small ring of real storage is filled, and
// after each file every node has as many bytes as the farm says. It is in the package, as
// the farm is for its experiments alone.
func TestFarm(t *testing.T) {
	const nodes, copies = 20, 4
	policy := divert.Paper()
	policy.Salts = 0 // the farm is to see each place that a file goes to
	rng := rand.New(rand.NewPCG(5, 6))
	var offered []int64
	for range nodes {
		offered = append(offered, 20_000+rng.Int64N(60_000))
	}
	w := newStores(t, offered, policy)
	f := newFarm(slices.Clone(w.inOrder(func(p *past.Past) int64 { return w.offer[p] })), 32, copies, policy, rng)
	f.ids = w.ids()
	diverted, refused := 0, 0
	for i := range 320 {
		size := 100 + rng.Int64N(1500)
		object, err := w.insert(i%nodes, size, copies)
		w.net.Run(time.Second)
		switch {
		case errors.Is(err, past.ErrFull):
			refused++
		case err != nil:
			t.Fatal(err)
		default:
			n, ok := f.put(object, size)
			if !ok {
				t.Fatalf("file %d is stored, and the farm refuses it", i)
			}
			diverted += n
		}
		for j, used := range w.inOrder(func(p *past.Past) int64 { return p.Stats().Bytes }) {
			if want := f.offers[j] - f.left[j]; used != want {
				t.Fatalf("after file %d node %d keeps %d bytes, and %d in the farm", i, j, used, want)
			}
		}
	}
	if diverted < 20 || refused < 5 || f.utilisation() < 0.7 {
		t.Errorf("%d replicas were diverted, %d files refused, %v is full: too little is tested", diverted, refused, f.utilisation())
	}
}

// stores is a ring of real storage on the fake overlay.
type stores struct {
	net   *kbrtest.Net
	nodes []*kbrtest.Node
	pasts []*past.Past
	offer map[*past.Past]int64
}

func newStores(t *testing.T, offered []int64, policy divert.Policy) *stores {
	w := &stores{net: kbrtest.New(kbrtest.Config{Seed: 7}), offer: make(map[*past.Past]int64)}
	t.Cleanup(w.net.Close)
	authority := standin.NewSigner(1, 0)
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	admission := peer.NewAdmission(authority, authority.Public(), start)
	for i, n := range offered {
		signer := standin.NewSigner(3, uint64(i))
		cert := peer.NewCertificate(authority, admission, signer.Public(), peer.Salt{byte(i)}, start)
		c := past.Default()
		c.Ring, c.Signer, c.Verifier, c.Store = peer.RingID(authority.Public()), signer, standin.Verifier{}, mem.New()
		c.Certificate = func() *peer.Certificate { return cert }
		c.Capacity, c.Diversion, c.Sync = n, policy, 24*time.Hour
		p, err := past.New(c)
		if err != nil {
			t.Fatal(err)
		}
		w.pasts, w.offer[p] = append(w.pasts, p), n
		w.nodes = append(w.nodes, w.net.Add(&peer.Handle{ID: cert.Node, Key: signer.Public(), Incarnation: 1}, kbr.Mount{Number: 1, App: p}))
	}
	w.net.Run(10 * time.Second)
	return w
}

// ids are those of the nodes, in order.
func (w *stores) ids() (ids []id.ID) {
	for _, n := range w.nodes {
		ids = append(ids, n.Self().ID)
	}
	slices.SortFunc(ids, id.ID.Cmp)
	return ids
}

// inOrder asks each node, in the order of ids.
func (w *stores) inOrder(of func(*past.Past) int64) (list []int64) {
	for _, x := range w.ids() {
		for i, n := range w.nodes {
			if n.Self().ID == x {
				list = append(list, of(w.pasts[i]))
			}
		}
	}
	return list
}

func (w *stores) insert(from int, size int64, copies int) (o id.Hash, err error) {
	err = w.nodes[from].Call(time.Minute, func(t *task.T) error {
		s, err := w.pasts[from].Insert(t, past.File{Part: certificate.NamePart([]byte("space"), "name"), Content: make([]byte, size), Copies: copies}, standin.NewSigner(2, 1))
		if err == nil {
			o = s.Certificate.ID()
		}
		return err
	})
	return o, err
}
