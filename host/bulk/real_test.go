package bulk_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// carried is a Mover on the real transport.
func carried(t *testing.T, n byte, listen string) *node {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	x := &node{t: t, done: make(chan outcome, 100), bad: make(map[string]int)}
	x.self = &peer.Handle{ID: id.Tiny(n), Key: peer.Key(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)), Incarnation: 1}
	carrier, err := libp2p.New(transport.Config{Private: seed, Listen: []string{listen}, Events: noEvents{},
		Hello: func() (*peer.Handle, *peer.Certificate) { return x.self, nil },
		Check: func(*peer.Certificate) error { return errors.New("there are no links here") },
	}, libp2p.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x.self.Addrs = carrier.Addrs()
	x.mover = bulk.New(bulk.Config{
		Carrier: carrier,
		Done:    func(slot uint32, m task.Moved) { x.done <- outcome{slot, m} },
		Bad:     func(_ *peer.Handle, kind string, err error) { t.Errorf("%s: %v", kind, err) },
		Broke:   func(v any) { t.Errorf("a panic: %v", v) },
	})
	t.Cleanup(func() {
		<-x.mover.Close()
		carrier.Close()
	})
	return x
}

// Over real links a content moves in both directions at once, and a sink that fails is
// told to the other end.
func TestRealLinks(t *testing.T) {
	for _, listen := range []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"} {
		t.Run(listen, func(t *testing.T) {
			a, b := carried(t, 1, listen), carried(t, 2, listen)
			c := newContent(size)
			first, second, broken := newBasket(c), newBasket(c), newBasket(c)
			a.open(task.Transfer{With: b.self, Part: c.part(), Sink: first,
				Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
			b.open(task.Transfer{With: a.self, Part: c.part(), Source: c,
				Ticket: a.admit(task.Transfer{With: b.self, Part: c.part(), Sink: second})})
			for range 2 {
				a.want("a transfer", all, nil)
				b.want("a transfer", all, nil)
			}
			if !first.whole() || !second.whole() {
				t.Error("what came is not the content")
			}
			broken.fails = 2
			a.open(task.Transfer{With: b.self, Part: c.part(), Sink: broken, Timeout: time.Minute,
				Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
			a.want("its sink fails", 2, errDisk)
			if o := <-b.done; !errors.Is(o.moved.Err, task.ErrFar) && !errors.Is(o.moved.Err, task.ErrBroken) {
				t.Errorf("the other's sink fails: %+v", o.moved)
			}
		})
	}
}
