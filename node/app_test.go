package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

func TestPingAndTrace(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	addUser(t, ns[2], "carol")
	ctx := limited(t)
	p, err := ns[0].API().Ping(ctx, "Carol")
	if err != nil || p.Name != "carol" || p.Path != "direct" || p.Kind != "tcp" || p.RTTMicros <= 0 || p.ID != status(t, ns[2]).ID {
		t.Errorf("ping carol: %+v, %v", p, err)
	}
	if p, err = ns[0].API().Ping(ctx, status(t, ns[0]).ID.String()); err != nil || p.Kind != "self" {
		t.Errorf("ping oneself: %+v, %v", p, err)
	}
	if _, err = ns[0].API().Ping(ctx, strings.Repeat("0", 31)+"1"); api.KindOf(err) != api.Unreachable {
		t.Errorf("ping of nobody: %v", err)
	}
	if _, err = ns[0].API().Ping(ctx, "nobody"); api.KindOf(err) != api.NotFound {
		t.Errorf("ping of an unknown name: %v", err)
	}
	for _, n := range ns {
		root := status(t, n).ID
		tr, err := ns[1].API().Trace(ctx, root.String())
		switch own := root == status(t, ns[1]).ID; {
		case err != nil || tr.Root != root || tr.Key != root:
			t.Errorf("trace: %+v, %v", tr, err)
		case own && len(tr.Hops) != 0:
			t.Errorf("the way to oneself has hops: %+v", tr)
		case !own && (len(tr.Hops) == 0 || tr.Hops[len(tr.Hops)-1].ID != root):
			t.Errorf("the way to %s: %+v", root, tr)
		}
	}
}

type counter struct {
	ep    kbr.Endpoint
	place node.Place
}

func (c *counter) Start(ep kbr.Endpoint) { c.ep = ep }

func (c *counter) Deliver(d *kbr.Delivery) {
	d.Reply([]byte(fmt.Sprintf("%s by %s", d.Payload, c.place.Node)))
}

func (c *counter) Update(*peer.Handle, bool) {}

func (c *counter) Stop() {}

const counterNumber = node.FirstFree + 7

func TestWithApp(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, func(int) []node.Option {
		return []node.Option{node.WithAppAt(counterNumber, func(p node.Place) kbr.App { return &counter{place: p} })}
	})
	for _, root := range ns {
		key := status(t, root).ID
		var got string
		err := ns[0].Do(limited(t), counterNumber, func(t *task.T, ep kbr.Endpoint) error {
			a, err := kbr.Call(t, ep, key, []byte("counted"), kbr.Options{})
			got = string(a.Payload)
			return err
		})
		if want := "counted by " + key.String(); err != nil || got != want {
			t.Errorf("got %q, want %q: %v", got, want, err)
		}
	}
	if err := ns[0].Do(limited(t), counterNumber+1, func(*task.T, kbr.Endpoint) error { return nil }); err == nil {
		t.Error("an application that is not there was reached")
	}
	if _, err := node.New(settings(t.TempDir()), node.WithApp(kbr.Mount{Number: 5, App: &counter{}})); err == nil {
		t.Error("a number of phyllo's own was taken")
	}
}

func TestKillIsSilent(t *testing.T) {
	t.Parallel()
	ns := ring(t, 4, nil)
	addUser(t, ns[0], "ann")
	addUser(t, ns[1], "bob")
	ns[3].Kill()
	send(t, ns[0], "ann", "bob", "still there?")
	eventually(t, ns[0], "the dead one is no neighbour any more", func() bool { return len(status(t, ns[0]).LeafSet) == 2 })
}

func TestBrokenNode(t *testing.T) {
	t.Parallel()
	n, err := node.New(settings(t.TempDir()), node.WithApp(kbr.Mount{Number: counterNumber, App: &counter{}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); err != nil {
		t.Fatal(err)
	}
	err = n.Do(limited(t), counterNumber, func(*task.T, kbr.Endpoint) error { panic("a fault of the test") })
	if err == nil {
		t.Error("the fault was not told")
	}
	select {
	case <-n.Done():
	case <-time.After(patience):
		t.Fatal("a broken node seems alive")
	}
	if err := n.Stop(limited(t)); !errors.Is(err, host.ErrBroken) {
		t.Errorf("stopped with %v", err)
	}
}

type carrier struct {
	transport.Transport
	mu    sync.Mutex
	addrs []string
}

func (c *carrier) Addrs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(slices.Clone(c.Transport.Addrs()), c.addrs...)
}

func TestNewAddresses(t *testing.T) {
	t.Parallel()
	var moved *carrier
	ns := ring(t, 2, func(i int) []node.Option {
		if i == 0 {
			return nil
		}
		return []node.Option{node.WithAddrCheck(20 * time.Millisecond), node.WithTransport(func(c transport.Config) (transport.Transport, error) {
			tr, err := libp2p.New(c, libp2p.Options{})
			moved = &carrier{Transport: tr}
			return moved, err
		})}
	})
	addUser(t, ns[1], "bob")
	addUser(t, ns[0], "ann")
	before, err := ns[1].View(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	const more = "/ip4/127.0.0.1/tcp/9"
	moved.mu.Lock()
	moved.addrs = []string{more}
	moved.mu.Unlock()
	eventually(t, ns[0], "the other one knows the new address", func() bool {
		v, err := ns[0].View(limited(t))
		return err == nil && len(v.Leaf) == 1 && slices.Contains(v.Leaf[0].Addrs, more) && v.Leaf[0].Incarnation == before.Self.Incarnation
	})
	send(t, ns[0], "ann", "bob", "at your new place")
}
