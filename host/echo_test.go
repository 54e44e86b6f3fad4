package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/mem"
)

// node is a host with a toy on a transport of a network in memory.
type node struct {
	host  *host.Host
	toy   *toy
	wires transport.Transport
}

// join puts a node that echoes texts on the network.
func join(t *testing.T, net *mem.Network, n uint8) *node {
	t.Helper()
	x := &node{toy: &toy{self: handle(n), on: func(m *toy, in machine.Input) {
		if in.Kind != machine.InMessage {
			return
		}
		if body := in.Msg.(*text).Body; !strings.HasPrefix(body, "echo of ") {
			m.Send(in.From, machine.ClassApp, &text{Body: "echo of " + body})
		}
	}}}
	x.host = host.New(host.Config{
		Table: table,
		Make: func(rng *rand.Rand, _ []byte) (machine.Machine, error) {
			x.toy.Kernel = machine.NewKernel(rng)
			return x.toy, nil
		},
		Clock: host.Monotonic(),
		Log:   slog.New(slog.DiscardHandler),
	})
	self := x.toy.self
	cert := &peer.Certificate{Node: self.ID, Key: self.Key, NotBefore: 1, NotAfter: 2}
	var err error
	x.wires, err = net.Join(self.Key, transport.Config{
		Listen: self.Addrs,
		Hello:  func() (*peer.Handle, *peer.Certificate) { return self, cert },
		Check:  func(*peer.Certificate) error { return nil },
		Events: x.host.Events(),
	})
	if err != nil {
		t.Fatal(err)
	}
	x.host.Attach(x.wires)
	if err := x.host.Start(); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *node) stop(t *testing.T) {
	t.Helper()
	if err := x.host.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if err := x.wires.Close(); err != nil {
		t.Error(err)
	}
}

func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := mem.NewNetwork()
		a, b := join(t, net, 10), join(t, net, 11)
		a.host.Call(background, func() {
			a.toy.Send(b.toy.self, machine.ClassApp, &text{Body: "hello"})
			a.toy.Send(b.toy.self, machine.ClassApp, &text{Body: "again"})
		})
		time.Sleep(time.Second)
		synctest.Wait()
		a.toy.want(t, "start", "up 0b", "0b says echo of hello", "0b says echo of again")
		b.toy.want(t, "start", "up 0a", "0a says hello", "0a says again")

		// A farewell goes out before the end.
		a.toy.on = nil
		b.toy.on = func(m *toy, in machine.Input) {
			if in.Kind == machine.InStop {
				m.Send(a.toy.self, machine.ClassLiveness, &text{Body: "farewell"})
			}
		}
		b.stop(t)
		time.Sleep(time.Second)
		synctest.Wait()
		a.toy.want(t, "0b says farewell", "down 0b closed")
		a.host.Call(background, func() { a.toy.Send(b.toy.self, machine.ClassApp, &text{Body: "are you there?"}) })
		time.Sleep(time.Second)
		synctest.Wait()
		a.toy.want(t, "down 0b refused")
		a.stop(t)
	})
}

// A peer that sends nonsense over a real link loses it, and may come back.
func TestNonsenseClosesTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := mem.NewNetwork()
		a, b := join(t, net, 10), join(t, net, 11)
		a.host.Call(background, func() { a.toy.on = nil }) // an echo would call b again
		b.wires.Send(a.toy.self, transport.App, encode("hello"))
		b.wires.Send(a.toy.self, transport.App, []byte("nonsense"))
		b.wires.Send(a.toy.self, transport.App, encode("not seen"))
		time.Sleep(time.Second)
		synctest.Wait()
		a.toy.want(t, "start", "up 0b", "0b says hello", "down 0b closed by us")
		if got := a.host.Stats().BadInput["unknown_kind"]; got != 1 {
			t.Errorf("counted %d", got)
		}
		b.wires.Send(a.toy.self, transport.App, encode("sorry"))
		time.Sleep(time.Minute)
		synctest.Wait()
		a.toy.want(t, "up 0b", "0b says sorry")
		a.stop(t)
		b.stop(t)
	})
}

// The machine's wish to drop a peer closes the link as that of an expelled one.
func TestDropClosesTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := mem.NewNetwork()
		a, b := join(t, net, 10), join(t, net, 11)
		a.host.Call(background, func() { a.toy.Send(b.toy.self, machine.ClassApp, &text{Body: "echo of nothing"}) })
		time.Sleep(time.Second)
		a.host.Call(background, func() { a.toy.Drop(b.toy.self) })
		time.Sleep(time.Second)
		synctest.Wait()
		a.toy.want(t, "start", "up 0b", "down 0b expelled")
		a.stop(t)
		b.stop(t)
	})
}

// The loop may speak to, and drop, a peer whose reader waits for the loop.
func TestTheLoopDoesNotWaitForReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := mem.NewNetwork()
		a, b := join(t, net, 10), join(t, net, 11)
		a.host.Call(background, func() {
			a.toy.on = nil
			for i := range 1000 { // more than the inbox of a link holds
				b.wires.Send(a.toy.self, transport.App, encode(fmt.Sprint(i)))
			}
			time.Sleep(time.Second) // the loop is busy, the inbox fills
			a.toy.tell("%d wait", a.host.Stats().Waiting)
			a.toy.Send(b.toy.self, machine.ClassLiveness, &text{Body: "echo of nothing"})
			a.toy.Drop(b.toy.self)
		})
		time.Sleep(time.Second)
		synctest.Wait()
		got := a.toy.told()
		if len(got) < 4 || got[1] != "257 wait" || got[2] != "up 0b" || got[len(got)-1] != "down 0b expelled" {
			t.Errorf("%d lines: %q ... %q", len(got), got[:min(len(got), 4)], got[len(got)-1])
		}
		a.stop(t)
		b.stop(t)
	})
}

// Many nodes in real time, all talking: for the race detector.
func TestCrowd(t *testing.T) {
	const nodes, rounds = 8, 50
	net := mem.NewNetwork()
	var crowd []*node
	for i := range nodes {
		crowd = append(crowd, join(t, net, uint8(10+i)))
	}
	var all sync.WaitGroup
	for _, x := range crowd {
		all.Go(func() {
			for i := range rounds {
				for _, y := range crowd {
					if x != y {
						x.host.Call(background, func() {
							x.toy.Send(y.toy.self, machine.Class(i%3), &text{Body: fmt.Sprintf("%d", i)})
						})
					}
				}
			}
		})
	}
	all.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for _, x := range crowd {
		echoes := 0
		for echoes < (nodes-1)*rounds {
			for _, line := range x.toy.told() {
				if strings.Contains(line, "says echo of") {
					echoes++
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d echoes, want %d; %+v", echoes, (nodes-1)*rounds, x.host.Stats())
			}
			x.host.Call(background, func() {}) // the loop goes on meanwhile
		}
	}
	for _, x := range slices.Backward(crowd) {
		x.stop(t)
	}
}
