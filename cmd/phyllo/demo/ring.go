package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/config"
)

// Ring is a ring of nodes in this process. It stands before the first node as
// its interface (api.Node), and offers api.Demo besides.
type Ring struct {
	api.Node // the first one's

	w      *console.World
	Dir    string   // of all homes
	people []string // who live on the first nodes; not changed after grow
	feed   *events.Feed
	ctx    context.Context // of all that goes on in the background
	end    context.CancelFunc
	busy   sync.WaitGroup

	mu     sync.Mutex
	nodes  []*demoNode
	made   int    // how many were ever begun
	invite string // good for all of them
}

// people of the demo: the first lives on the first node, whose page is shown.
var people = []string{"ann", "bob", "carol"}

// demoNode is one of them.
type demoNode struct {
	run  console.Runner
	id   id.ID
	addr string
	// state is how it was when it had started.
	state string
	dead  bool
}

var _ api.Demo = (*Ring)(nil)

// atOnce is how many nodes start at a time.
const atOnce = 4

// demoOffer is what a node of the demo keeps for its ring, in bytes: all of them are on one disk.
const demoOffer = 64 << 20

// NewRing returns a ring without nodes, with a folder of its own. The caller closes it.
func NewRing(w *console.World) (*Ring, error) {
	parent := w.Getenv("TMPDIR")
	if parent == "" {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "phyllo-demo-") // with mode 0700
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo: %w: set TMPDIR to a folder that can be written", err)
	}
	d := &Ring{w: w, Dir: dir, feed: events.NewFeed()}
	d.ctx, d.end = context.WithCancel(context.Background())
	return d, nil
}

// run is the i-th node; the first one is the one that is looked at.
func (d *Ring) run(i int) console.Runner {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes[i].run
}

// api is what the i-th node offers.
func (d *Ring) api(i int) api.Node { return d.run(i).API() }

// join adds a node that has started.
func (d *Ring) join(n *demoNode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = append(d.nodes, n)
}

// Grow starts nodes until there are n, 2 or more, and all of them are in the ring. On
// the last one nobody lives if there are more than two: that one can be killed.
func (d *Ring) Grow(ctx context.Context, n int) error {
	d.people = people[:min(len(people), max(n-1, 2))]
	first, err := d.start(ctx, "")
	if err != nil {
		return err
	}
	d.join(first)
	d.relay(first.run)
	v, err := first.run.API().Invite(ctx, api.InviteRequest{Uses: 1000})
	if err != nil {
		return fmt.Errorf("inviting the other nodes: %w: run the demo again", err)
	}
	d.mu.Lock()
	d.invite = v.Invite
	d.mu.Unlock()

	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	others := make([]*demoNode, n-1)
	errs := make([]error, n-1)
	room := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range others {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				others[i], errs[i] = d.startReady(ctx, v.Invite)
			}
			if errs[i] != nil {
				giveUp()
			}
		})
	}
	all.Wait()
	d.mu.Lock()
	d.nodes = append(d.nodes, slices.DeleteFunc(others, func(n *demoNode) bool { return n == nil })...)
	d.mu.Unlock()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err()
}

// start starts one node; the first one has no invitation, and the page.
func (d *Ring) start(ctx context.Context, invite string) (*demoNode, error) {
	d.mu.Lock()
	d.made++
	home := filepath.Join(d.Dir, strconv.Itoa(d.made))
	d.mu.Unlock()
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	c := config.Default()
	c.Home, c.Join, c.LAN, c.NAT, c.RingName = home, invite, false, false, "demo"
	c.Listen, c.UI, c.S3, c.WebDAV, c.LogLevel = []string{"127.0.0.1:0"}, "off", "off", "off", "error"
	c.Offer = demoOffer
	// The first node admits alone: it cannot be killed, and of several admitters more than half
	// must live for anybody to be let in.
	c.Appoint = false
	var serve func(api.Node) api.Node
	if invite == "" {
		c.UI = ""
		serve = func(n api.Node) api.Node {
			d.Node = n
			return d
		}
	}
	run, err := d.w.Launch(c, slog.New(slog.NewTextHandler(d.w.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), serve)
	if err != nil {
		return nil, fmt.Errorf("making a node: %w: is the folder for temporary files (TMPDIR) full?", err)
	}
	err = run.Start(ctx)
	var s *api.Status
	if err == nil {
		s, err = run.API().Status(ctx)
	}
	if err != nil {
		stop, end := context.WithTimeout(context.WithoutCancel(ctx), console.StopTime)
		defer end()
		return nil, errors.Join(fmt.Errorf("starting a node: %w", err), run.Stop(stop))
	}
	n := &demoNode{run: run, id: s.ID, state: s.State}
	if len(s.Addrs) > 0 {
		n.addr = s.Addrs[0]
	}
	return n, nil
}

// startReady starts a node and waits until it is in the ring. One that has started
// is returned in any case, so that it is stopped in the end.
func (d *Ring) startReady(ctx context.Context, invite string) (*demoNode, error) {
	n, err := d.start(ctx, invite)
	if err != nil {
		return nil, err
	}
	ready, err := n.settled(ctx)
	if err == nil && !ready {
		err = fmt.Errorf("node %s has found no place in the ring after %s: is this computer very busy? try fewer --nodes", n.id.Short(), plain.Span(settleTime))
	}
	return n, err
}

// settleTime is how long a node of the demo may take to be in the ring.
const settleTime = time.Minute

// settled waits until the node claims its keys, and reports whether it does: Start
// also returns when that takes longer than usual.
func (n *demoNode) settled(ctx context.Context) (bool, error) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		s, err := n.run.API().Status(ctx)
		if err != nil || s.State == api.StateReady {
			return err == nil, err
		}
		select {
		case <-look.C:
		case <-late.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// settled waits until the node with this id is in the ring.
func (d *Ring) settled(ctx context.Context, x id.ID) (bool, error) {
	d.mu.Lock()
	at := slices.IndexFunc(d.nodes, func(n *demoNode) bool { return n.id == x })
	if at < 0 {
		d.mu.Unlock()
		return false, api.Errorf(api.NotFound, "no node of the demo has the id %s: `phyllo status` and the page show those that there are", x)
	}
	n := d.nodes[at]
	d.mu.Unlock()
	return n.settled(ctx)
}

// ticket asks the first node for a way in to its page.
func (d *Ring) ticket(ctx context.Context) (*api.Ticket, error) {
	s, err := d.api(0).Status(ctx)
	if err != nil {
		return nil, err
	}
	c, err := api.Dial(s.Home)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Ticket(ctx)
}

// spare reports whether a node is one that can be killed: it lives, and nobody lives on it.
func (d *Ring) spare(x id.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.nodes[len(d.people):], func(n *demoNode) bool { return n.id == x && !n.dead })
}

// heir is the living node that becomes the root of a key when its root dies.
func (d *Ring) heir(key, root id.ID) (heir id.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nodes {
		if !n.dead && n.id != root && (heir.IsZero() || id.Closer(key, n.id, heir)) {
			heir = n.id
		}
	}
	return heir
}

// spares reports whether there is such a node.
func (d *Ring) spares() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.nodes[len(d.people):], func(n *demoNode) bool { return !n.dead })
}

// relay hands the first node's events on, with our own among them.
func (d *Ring) relay(first console.Runner) {
	d.busy.Go(func() {
		err := first.API().Events(d.ctx, func(e *api.Event) error {
			if e.Kind != api.EventBegin {
				d.feed.Publish(e)
			}
			return nil
		})
		if err != nil && d.ctx.Err() == nil {
			d.w.Say("phyllo: the events of the demo have ended: %v", err)
		}
	})
}

// Close ends all nodes and removes their homes.
func (d *Ring) Close() error {
	d.end()
	d.feed.Close()
	d.busy.Wait()
	stop, end := context.WithTimeout(context.Background(), 2*console.StopTime)
	defer end()
	errs := make([]error, len(d.nodes))
	var all sync.WaitGroup
	for i, n := range d.nodes {
		if !n.dead {
			all.Go(func() { errs[i] = n.run.Stop(stop) })
		}
	}
	all.Wait()
	return errors.Join(append(errs, os.RemoveAll(d.Dir))...)
}
