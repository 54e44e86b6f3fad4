package dht_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/dht"
	example "github.com/phyllo-net/phyllo/examples/dht"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var authority = standin.NewSigner(1, 0)

func keyOf(i int) peer.Signer { return standin.NewSigner(3, uint64(i)) }

// certificateOf is that of node i.
func certificateOf(i int) *peer.Certificate {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	admission := peer.NewAdmission(authority, authority.Public(), now)
	return peer.NewCertificate(authority, admission, keyOf(i).Public(), peer.Salt{}, now)
}

// storageOf is how node i keeps what the ring stores.
func storageOf(i int) past.Config {
	cert, c := certificateOf(i), past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = cert.Ring, keyOf(i), standin.Verifier{}, mem.New()
	c.Certificate = func() *peer.Certificate { return cert }
	return c
}

// TestSimulatedNodes: twenty nodes count, each after the other, and nodes die between.
func TestSimulatedNodes(t *testing.T) {
	everybody, storages := standin.NewSigner(2, 0), make(map[sim.NodeRef]*past.Past)
	ring := lab.New(lab.Config{
		Seed: 1,
		ID:   func(i int) id.ID { return certificateOf(i).Node },
		Apps: func(i int, _ sim.NodeEnv) []kbr.Mount {
			p, err := past.New(storageOf(i))
			if err != nil {
				panic(err) // a bug of the scenario
			}
			storages[sim.NodeRef(i)] = p
			return []kbr.Mount{{Number: 4, App: p}}
		},
	})
	t.Cleanup(ring.Close)
	if !ring.Grow(20, 50*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of 20 nodes are ready", len(ring.ReadyNodes()))
	}
	ring.Sim.RunFor(10 * time.Second)
	for i, n := range ring.Live() {
		if i%6 == 5 { // this one dies
			ring.Sim.Crash(n)
			ring.Sim.RunFor(time.Minute)
			continue
		}
		err := ring.Call(n, time.Minute, func(t *task.T) error {
			visits, err := example.Visit(t, dht.New(storages[n], everybody, dht.Copies), "welcome")
			if want := uint64(i - i/6 + 1); err == nil && visits != want {
				err = fmt.Errorf("visit %d, want %d", visits, want)
			}
			return err
		})
		if err != nil {
			t.Errorf("at node %d: %v", n, err)
		}
	}
}
