package demo

import (
	"context"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// Status implements api.Node.
func (d *Ring) Status(ctx context.Context) (*api.Status, error) {
	s, err := d.Node.Status(ctx)
	if err == nil {
		s.Demo = true
	}
	return s, err
}

// Events implements api.Node.
func (d *Ring) Events(ctx context.Context, f func(*api.Event) error) error {
	return d.feed.Follow(ctx, f)
}

// Picture implements api.Node: a demo knows all nodes, also those that are dead.
func (d *Ring) Picture(ctx context.Context) (*api.Picture, error) {
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
		if i < len(d.people) {
			p.Nodes[at].Users = []string{d.people[i]}
		}
	}
	p.Size = alive
	slices.SortFunc(p.Nodes, func(a, b api.PictureNode) int { return a.ID.Cmp(b.ID) })
	return p, nil
}

// Kill implements api.Demo. The first node stays: it is the one that is looked at.
func (d *Ring) Kill(_ context.Context, x id.ID) error {
	d.mu.Lock()
	at := slices.IndexFunc(d.nodes, func(n *demoNode) bool { return n.id == x })
	switch {
	case at < 0:
		d.mu.Unlock()
		return api.Errorf(api.NotFound, "no node of the demo has the id %s: `phyllo status` and the page show those that there are", x)
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
func (d *Ring) AddNode(ctx context.Context) (*api.PictureNode, error) {
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
	return &api.PictureNode{ID: n.id, Addr: n.addr, Roles: []string{api.RoleOther}, Joining: n.state != api.StateReady}, nil
}

// changed tells whoever looks that the picture is another one.
func (d *Ring) changed() {
	d.feed.Publish(&api.Event{Kind: api.EventRing, Time: time.Now().UTC()})
}
