package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/peer"
)

// phylloNet is a ring of phyllo: whole nodes with the settings that they have by
// themselves. Records are kept in memory, as those of the rival.
type phylloNet struct {
	ring  *ring.Ring
	nodes []*ring.Node // ordered by id

	mu    sync.Mutex
	desks map[id.ID]*desk
}

// desk is a node's directory, found by the node's id.
type desk struct {
	*directory.Directory
	net *phylloNet
}

// Start implements kbr.App.
func (d *desk) Start(ep kbr.Endpoint) {
	d.net.mu.Lock()
	d.net.desks[ep.Self().ID] = d
	d.net.mu.Unlock()
	d.Directory.Start(ep)
}

// echo answers a request with what it got.
type echo struct{}

// Start implements kbr.App.
func (echo) Start(kbr.Endpoint) {}

// Deliver implements kbr.App.
func (echo) Deliver(d *kbr.Delivery) { d.Reply(d.Payload) }

// Update implements kbr.App.
func (echo) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (echo) Stop() {}

// startPhyllo forms a ring of n nodes, each of which redeems an invitation, and returns
// when all leaf sets are exact. The rival has no counterpart to invitations: what is
// compared with it is reform.
func startPhyllo(ctx context.Context, transport string, n int) (*phylloNet, error) {
	p := &phylloNet{desks: make(map[id.ID]*desk, n)}
	r, err := ring.Start(ctx, n, ring.Options{
		Transport: ring.Transport(transport),
		App:       func() kbr.App { return echo{} },
		Node: []node.Option{node.WithReplacedApp(node.AppDirectory, func(a kbr.App) kbr.App {
			return &desk{a.(*directory.Directory), p}
		})},
	})
	if err != nil {
		return nil, err
	}
	p.ring = r
	if err := p.settle(ctx); err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}

// reform ends all nodes but the first and forms the ring anew, width nodes at a time.
// They have their certificates, and know the first node, as those of the rival do. It
// returns how long that took, from the first start until all leaf sets were exact.
func (p *phylloNet) reform(ctx context.Context, width int) (time.Duration, error) {
	var begun time.Time
	err := p.ring.Reform(ctx, width, func() { begun = time.Now() })
	if err == nil {
		err = p.settle(ctx)
	}
	return time.Since(begun), err
}

// settle waits until the leaf set of each node is what it must be.
func (p *phylloNet) settle(ctx context.Context) error {
	p.nodes = p.ring.Nodes()
	slices.SortFunc(p.nodes, func(a, b *ring.Node) int { return a.Self().ID.Cmp(b.Self().ID) })
	for {
		wrong := 0
		for i, n := range p.nodes {
			exact, err := p.exact(ctx, i, n)
			if err != nil {
				return err
			}
			if !exact {
				wrong++
			}
		}
		if wrong == 0 {
			return nil
		}
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("%d leaf sets of phyllo are not exact: %w", wrong, err)
		}
	}
}

// exact reports whether the node at place i of the ring is ready and has the nearest
// nodes on both sides in its leaf set, all of them in a small ring.
func (p *phylloNet) exact(ctx context.Context, i int, n *ring.Node) (bool, error) {
	v, err := n.View(ctx)
	if err != nil || !v.Ready {
		return false, err
	}
	count := len(p.nodes)
	reach := min(leafSide, count-1)
	for d := 1; d <= reach; d++ {
		right, left := p.nodes[(i+d)%count].Self().ID, p.nodes[(i-d+count)%count].Self().ID
		in := func(x id.ID) bool {
			return slices.ContainsFunc(v.Leaf, func(h *peer.Handle) bool { return h.ID == x })
		}
		if !in(right) || !in(left) {
			return false, nil
		}
	}
	return len(v.Leaf) == min(2*leafSide, count-1), nil
}

// leafSide is the number of neighbours on each side in a leaf set of 32.
const leafSide = 16

// messages returns how many frames the nodes have sent: requests, answers and the
// overlay's acknowledgements.
func (p *phylloNet) messages() (sum uint64) {
	for _, n := range p.nodes {
		sum += n.Stats().Frames
	}
	return sum
}

// close stops all nodes.
func (p *phylloNet) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return p.ring.Stop(ctx)
}
