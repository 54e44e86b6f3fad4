package ring

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/wire"
)

// Transport names what carries the links of a ring.
type Transport string

// The transports: TCP with Noise and yamux, and QUIC. A node listens on its own one
// only.
const (
	TCP  Transport = "tcp"
	QUIC Transport = "quic"
)

func (t Transport) listen() []string {
	if t == QUIC {
		return []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	}
	return []string{"/ip4/127.0.0.1/tcp/0"}
}

// AppNumber is where Options.App is mounted.
const AppNumber wire.AppID = node.FirstFree

// Options say how the nodes of a ring are.
type Options struct {
	Transport Transport // TCP if empty
	// App makes the application of one node; nil: one that does nothing.
	App func() kbr.App
	// Tune changes the parameters of the overlay; nil: the defaults.
	Tune func(*pastry.Config)
	// Disk keeps each node's records and blobs on the disk, as `phyllo up` does, in the folder for
	// temporary files. Such a ring cannot be formed anew (Ring.Reform).
	Disk bool
	// Unsigned lets the nodes believe what Unsigned leaves in place of signatures in groups and in
	// storage, where they leave it themselves.
	Unsigned bool
	// Node changes each node further, after all else.
	Node []node.Option
}

// Node is one node of a ring. Its methods may be called from any goroutine but the
// node's own.
type Node struct {
	home    string
	store   *shared
	run     *node.Node
	carrier *carrier
	self    *peer.Handle
	clock   joinClock
	past    *past.Past
}

// joinClock tells how long a node took to join: from when its machine is made to
// when it claims its keys for the first time. Its certificate it has by then.
type joinClock struct {
	begun time.Time // on the loop, before the node can be seen
	took  atomic.Int64
	over  chan struct{} // closed then
}

// carrier is the transport, which counts the frames that it is given.
type carrier struct {
	*libp2p.Transport
	frames atomic.Uint64
}

// Send implements transport.Transport.
func (c *carrier) Send(to *peer.Handle, class transport.Class, frame []byte) error {
	c.frames.Add(1)
	return c.Transport.Send(to, class, frame)
}

// Open starts a node whose state is in the folder dir, and returns when it claims its
// keys. It enters the ring of the invitation, or founds one if there is none.
func Open(ctx context.Context, dir, invitation string, o Options) (*Node, error) {
	return open(ctx, &Node{home: dir, store: newStore()}, invitation, o)
}

// open starts a node that has a home and a store.
func open(ctx context.Context, n *Node, invitation string, o Options) (*Node, error) {
	c := config.Default()
	c.Home, c.Join, c.LAN, c.NAT, c.UI, c.RingName = n.home, invitation, false, false, "off", "bench"
	c.Listen, c.Offer = []string{"127.0.0.1:0"}, 1<<30
	app := kbr.App(idle{})
	if o.App != nil {
		app = o.App()
	}
	opts := []node.Option{
		node.WithoutControl(),
		node.WithReplacedApp(node.AppPast, func(a kbr.App) kbr.App {
			n.past = a.(*past.Past)
			return a
		}),
		node.WithApp(kbr.Mount{Number: AppNumber, App: app}),
		node.WithTransport(func(tc transport.Config) (transport.Transport, error) {
			tc.Listen = o.Transport.listen()
			t, err := libp2p.New(tc, libp2p.Options{PerLoopback: 4096})
			if err != nil {
				return nil, err
			}
			n.carrier = &carrier{Transport: t}
			return n.carrier, nil
		}),
		node.WithOverlay(func(pc *pastry.Config) {
			if o.Tune != nil {
				o.Tune(pc)
			}
			n.clock.watch(pc)
		}),
	}
	if !o.Disk {
		opts = append(opts, node.WithStore(func(string) (store.Store, error) { return n.store, nil }))
	}
	if o.Unsigned {
		opts = append(opts, believe()...)
	}
	run, err := node.New(c, append(opts, o.Node...)...)
	if err != nil {
		return nil, err
	}
	n.run = run
	if err = run.Start(ctx); err == nil {
		err = n.settle(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, run.Stop(context.WithoutCancel(ctx)))
	}
	return n, nil
}

// watch lets the clock run from now on.
func (j *joinClock) watch(c *pastry.Config) {
	j.begun, j.over = time.Now(), make(chan struct{})
	told := c.Observe.Ready
	c.Observe.Ready = func(n *pastry.Node, ready bool) {
		if ready && j.took.CompareAndSwap(0, int64(time.Since(j.begun))) {
			close(j.over)
		}
		told(n, ready)
	}
}

// patience is how long a node may take to find its place after it has started: on a
// busy computer its first tries come to nothing.
const patience = 30 * time.Second

// settle waits until the node has its place: for the moment when that is so, not for the
// next look, as what is measured would have half of the pause between two looks in it.
func (n *Node) settle(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-n.clock.over:
	case <-limited.Done(): // until says so
	}
	return n.until(limited, "has found no place in the ring: is this computer very busy?", func(v pastry.View) bool {
		n.self = v.Self
		return v.Ready
	})
}

// alone waits until the node knows that all others are gone, and is bound to none of them: where
// dozens end at one moment on a busy computer some die before their goodbye is heard, and
// their leases, which keep newcomers out, would be measured as time to form a ring.
func (n *Node) alone(ctx context.Context) error {
	return n.until(ctx, "still sees others, or is bound to them", func(v pastry.View) bool {
		return v.Ready && len(v.Leaf) == 0 && v.Bound == 0
	})
}

// until looks at the node again and again, until it is as wanted; else is what is said
// of it when the context ends first.
func (n *Node) until(ctx context.Context, otherwise string, wanted func(pastry.View) bool) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		v, err := n.View(ctx)
		if err != nil || wanted(v) {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("node %s %s: %w", v.Self.ID.Short(), otherwise, ctx.Err())
		}
	}
}

// Self is the node's handle.
func (n *Node) Self() *peer.Handle { return n.self }

// Joined is how long the node took to join: from when its machine was made, with the
// certificate at hand, to when it claimed its keys.
func (n *Node) Joined() time.Duration { return time.Duration(n.clock.took.Load()) }

// API is what the control socket would offer.
func (n *Node) API() api.Node { return n.run.API() }

// Transport is the node's transport.
func (n *Node) Transport() transport.Transport { return n.carrier }

// Do runs f as a task on the node's loop, with the endpoint of Options.App, and
// returns what it returned.
func (n *Node) Do(ctx context.Context, f func(*task.T, kbr.Endpoint) error) error {
	return n.run.Do(ctx, AppNumber, f)
}

// Storage runs f as a task on the node's loop, with its part in the storage of the ring.
func (n *Node) Storage(ctx context.Context, f func(*task.T, *past.Past) error) error {
	return n.run.Do(ctx, node.AppPast, func(t *task.T, _ kbr.Endpoint) error { return f(t, n.past) })
}

// Topics runs f as a task on the node's loop, with its topics and the key with which it speaks.
func (n *Node) Topics(ctx context.Context, f func(*task.T, *topic.Topics, peer.Signer) error) error {
	return n.run.Topics(ctx, "", f)
}

// View is what the node knows of its ring now.
func (n *Node) View(ctx context.Context) (pastry.View, error) { return n.run.View(ctx) }

// Stats are counts of one node since its start.
type Stats struct {
	Frames      uint64 // handed to the transport for others: messages of the overlay with its acknowledgements
	BytesOut    uint64 // of frames written
	BytesIn     uint64
	Links       int // that stand
	Connections int // that stand
}

// Stats returns the counts so far.
func (n *Node) Stats() Stats {
	m := n.carrier.Metrics()
	return Stats{Frames: n.carrier.frames.Load(), BytesOut: m.BytesOut, BytesIn: m.BytesIn, Links: m.Links, Connections: m.Connections}
}

// Stop ends the node in order.
func (n *Node) Stop(ctx context.Context) error { return n.run.Stop(ctx) }

// idle is an application that does nothing.
type idle struct{}

// Start implements kbr.App.
func (idle) Start(kbr.Endpoint) {}

// Deliver implements kbr.App.
func (idle) Deliver(*kbr.Delivery) {}

// Update implements kbr.App.
func (idle) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (idle) Stop() {}
