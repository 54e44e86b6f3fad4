package main

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
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node"
)

// demoRing is a ring of nodes in this process. It stands before the first node as
// its interface (api.Node), and offers api.Demo besides.
type demoRing struct {
	api.Node // the first one's

	w    *world
	dir  string // of all homes
	feed *api.Feed
	end  context.CancelFunc
	busy sync.WaitGroup

	mu     sync.Mutex
	nodes  []*demoNode
	made   int    // how many were ever begun
	invite string // good for all of them
}

// demoNode is one of them.
type demoNode struct {
	run  runner
	id   id.ID
	addr string
	dead bool
}

var _ api.Demo = (*demoRing)(nil)

// atOnce is how many nodes start at a time.
const atOnce = 4

func newDemoRing(w *world) (*demoRing, error) {
	parent := w.getenv("TMPDIR")
	if parent == "" {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "phyllo-demo-") // with mode 0700
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo: %w: set TMPDIR to a folder that can be written", err)
	}
	return &demoRing{w: w, dir: dir, feed: api.NewFeed(), end: func() {}}, nil
}

// run is the i-th node; the first one is the one that is looked at.
func (d *demoRing) run(i int) runner {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes[i].run
}

// api is what the i-th node offers.
func (d *demoRing) api(i int) api.Node { return d.run(i).API() }

// join adds a node that has started.
func (d *demoRing) join(n *demoNode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = append(d.nodes, n)
}

// grow starts nodes until there are n.
func (d *demoRing) grow(ctx context.Context, n int) error {
	first, err := d.start(ctx, "")
	if err != nil {
		return err
	}
	d.join(first)
	d.relay(first.run)
	v, err := first.run.API().Invite(ctx, api.InviteRequest{Uses: 1000})
	if err != nil {
		return fmt.Errorf("inviting the other nodes: %w", err)
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
				others[i], errs[i] = d.start(ctx, v.Invite)
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
func (d *demoRing) start(ctx context.Context, invite string) (*demoNode, error) {
	d.mu.Lock()
	d.made++
	home := filepath.Join(d.dir, strconv.Itoa(d.made))
	d.mu.Unlock()
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	c := node.Default()
	c.Home, c.Join, c.LAN, c.NAT, c.RingName = home, invite, false, false, "demo"
	c.Listen, c.UI, c.LogLevel = []string{"127.0.0.1:0"}, "off", "error"
	var serve func(api.Node) api.Node
	if invite == "" {
		c.UI = ""
		serve = func(n api.Node) api.Node {
			d.Node = n
			return d
		}
	}
	run, err := d.w.launch(c, slog.New(slog.NewTextHandler(d.w.stderr, &slog.HandlerOptions{Level: slog.LevelError})), serve)
	if err != nil {
		return nil, fmt.Errorf("making a node: %w", err)
	}
	err = run.Start(ctx)
	var s *api.Status
	if err == nil {
		s, err = run.API().Status(ctx)
	}
	if err != nil {
		stop, end := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer end()
		return nil, errors.Join(fmt.Errorf("starting a node: %w", err), run.Stop(stop))
	}
	n := &demoNode{run: run, id: s.ID}
	if len(s.Addrs) > 0 {
		n.addr = s.Addrs[0]
	}
	return n, nil
}

// relay hands the first node's events on, with our own among them.
func (d *demoRing) relay(first runner) {
	ctx, end := context.WithCancel(context.Background())
	d.end = end
	d.busy.Go(func() {
		err := first.API().Events(ctx, func(e *api.Event) error {
			if e.Kind != api.EventBegin {
				d.feed.Publish(e)
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			d.w.say("phyllo: the events of the demo have ended: %v", err)
		}
	})
}

// close ends all nodes and removes their homes.
func (d *demoRing) close() error {
	d.end()
	d.feed.Close()
	d.busy.Wait()
	stop, end := context.WithTimeout(context.Background(), 2*stopTime)
	defer end()
	errs := make([]error, len(d.nodes))
	var all sync.WaitGroup
	for i, n := range d.nodes {
		if !n.dead {
			all.Go(func() { errs[i] = n.run.Stop(stop) })
		}
	}
	all.Wait()
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// Status implements api.Node.
func (d *demoRing) Status(ctx context.Context) (*api.Status, error) {
	s, err := d.Node.Status(ctx)
	if err == nil {
		s.Demo = true
	}
	return s, err
}

// Events implements api.Node.
func (d *demoRing) Events(ctx context.Context, f func(*api.Event) error) error {
	return d.feed.Follow(ctx, f)
}

// Picture implements api.Node: a demo knows all nodes, also those that are dead.
func (d *demoRing) Picture(ctx context.Context) (*api.Picture, error) {
	p, err := d.Node.Picture(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	alive := 0
	for i, n := range d.nodes {
		at := slices.IndexFunc(p.Nodes, func(x api.PictureNode) bool { return x.ID == n.id })
		if at < 0 {
			at = len(p.Nodes)
			p.Nodes = append(p.Nodes, api.PictureNode{ID: n.id, Addr: n.addr, Roles: []string{api.RoleOther}})
		}
		if p.Nodes[at].Dead = n.dead; !n.dead {
			alive++
		}
		if i < len(people) {
			p.Nodes[at].Users = []string{people[i]}
		}
	}
	p.Size = alive
	slices.SortFunc(p.Nodes, func(a, b api.PictureNode) int { return a.ID.Cmp(b.ID) })
	return p, nil
}

// Kill implements api.Demo. The first node stays: it is the one that is looked at.
func (d *demoRing) Kill(_ context.Context, x id.ID) error {
	d.mu.Lock()
	at := slices.IndexFunc(d.nodes, func(n *demoNode) bool { return n.id == x })
	switch {
	case at < 0:
		d.mu.Unlock()
		return api.Errorf(api.NotFound, "no node of the demo has the id %s", x)
	case at == 0:
		d.mu.Unlock()
		return api.Errorf(api.Usage, "this page is the one of that node: kill another")
	case d.nodes[at].dead:
		d.mu.Unlock()
		return nil
	}
	d.nodes[at].dead = true
	run := d.nodes[at].run
	d.mu.Unlock()
	run.Kill()
	d.changed()
	return nil
}

// AddNode implements api.Demo.
func (d *demoRing) AddNode(ctx context.Context) (*api.PictureNode, error) {
	const most = 100
	d.mu.Lock()
	full, invite := len(d.nodes) >= most, d.invite
	d.mu.Unlock()
	switch {
	case invite == "":
		return nil, api.Errorf(api.Failed, "the demo is only starting: wait a moment")
	case full:
		return nil, api.Errorf(api.Usage, "a demo has at most %d nodes, dead ones among them: start another", most)
	}
	n, err := d.start(ctx, invite)
	if err != nil {
		return nil, err
	}
	d.join(n)
	d.changed()
	return &api.PictureNode{ID: n.id, Addr: n.addr, Roles: []string{api.RoleOther}}, nil
}

// changed tells whoever looks that the picture is another one.
func (d *demoRing) changed() {
	d.feed.Publish(&api.Event{Kind: api.EventRing, Time: time.Now().UTC()})
}
