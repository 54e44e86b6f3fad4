package node

import (
	"context"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node/clock"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// handle is short for what is passed around most.
type handle = peer.Handle

// probe is the application behind ping and trace: it answers everything with its
// time of day, and tells when the neighbours change.
type probe struct {
	now     func() time.Time
	changed func()
}

var _ kbr.App = (*probe)(nil)

// Start implements kbr.App.
func (*probe) Start(kbr.Endpoint) {}

// Deliver implements kbr.App.
func (p *probe) Deliver(d *kbr.Delivery) { d.Reply(clock.Answer(p.now())) }

// Update implements kbr.App.
func (p *probe) Update(*peer.Handle, bool) { p.changed() }

// Stop implements kbr.App.
func (*probe) Stop() {}

// probeTime bounds a ping and a trace.
const probeTime = 10 * time.Second

// Ping implements api.Node.
func (f face) Ping(ctx context.Context, target string) (*api.Pong, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTime)
	defer cancel()
	if node, err := id.Parse(target); err == nil {
		p, err := f.n.ping(ctx, node)
		if err != nil {
			return nil, noAnswer(target, err)
		}
		return p, nil
	}
	name, err := typed.Person(target)
	if err != nil {
		return nil, err
	}
	found, err := users.Lookup(ctx, userSide{f.n}, name)
	if err != nil {
		return nil, kind.AboutName(err, string(name))
	}
	var best *api.Pong
	var last error
	for _, d := range found.Record.Devices {
		p, err := f.n.ping(ctx, d.Node)
		switch {
		case err != nil:
			last = err
		case best == nil || p.RTTMicros < best.RTTMicros:
			best = p
		}
	}
	switch {
	case best != nil:
		best.Name = string(name)
		return best, nil
	case last == nil:
		return nil, api.Errorf(api.Unreachable, "%s lives on no node at the moment: try again when he has started one", name)
	}
	return nil, noAnswer(string(name), last)
}

func noAnswer(who string, err error) error {
	if k := api.KindOf(kind.Give(err)); k != api.Unreachable && k != api.Failed {
		return kind.Give(err)
	}
	return api.Errorf(api.Unreachable, "%+q does not answer now: is that computer on? `phyllo doctor` looks at this side (%w)", who, err)
}

// ping asks a node once the link to it stands, so that the time is that of the
// question alone.
func (n *Node) ping(ctx context.Context, node id.ID) (*api.Pong, error) {
	h, err := n.connect(ctx, node)
	if h == nil {
		return nil, err
	}
	own := h.ID == n.overlayID()
	if err != nil && !own {
		// No link of our own; the ring may still carry the question.
		n.log.Debug("no direct link for a ping", "node", node.Short(), "err", err)
	}
	answer, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (kbr.Answer, error) {
		return kbr.CallPeer(t, o.pastry.Endpoint(AppProbe), h, nil, kbr.Options{Timeout: probeTime})
	})
	if err != nil {
		return nil, err
	}
	p := &api.Pong{ID: h.ID, Path: "relayed", Kind: "ring", RTTMicros: answer.RTT.Microseconds()}
	if own {
		p.Path, p.Kind = "direct", "self"
	}
	if len(h.Addrs) > 0 {
		p.Addr = h.Addrs[0]
	}
	for _, l := range n.carrier.Links() {
		if l.Peer.ID == h.ID {
			p.Addr, p.Kind = l.Addr, l.Kind
			if !l.Relayed && !answer.Relayed {
				p.Path = "direct"
			}
			p.Via = n.nodeOf(l.Via)
		}
	}
	return p, nil
}

// nodeOf returns the id of the node with this key, of those to which there are links;
// or zero.
func (n *Node) nodeOf(key peer.Key) (node id.ID) {
	for _, l := range n.carrier.Links() {
		if l.Peer.Key == key {
			node = l.Peer.ID
		}
	}
	return node
}

// Trace implements api.Node.
func (f face) Trace(ctx context.Context, target string) (*api.Trace, error) {
	key, err := typed.Place(target)
	if err != nil {
		return nil, err
	}
	self := f.n.overlayID()
	answer, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (kbr.Answer, error) {
		return kbr.Call(t, o.pastry.Endpoint(AppProbe), key, nil, kbr.Options{Timeout: probeTime, Trace: true})
	})
	if err != nil {
		return nil, kind.Give(err)
	}
	out := &api.Trace{Key: key, Root: self, RTTMicros: answer.RTT.Microseconds(), Hops: []api.Hop{}}
	if answer.From != nil {
		out.Root = answer.From.ID
	}
	for _, h := range answer.Path {
		if h.Node == nil || h.Node.ID == self {
			continue
		}
		hop := api.Hop{ID: h.Node.ID, RTTMicros: h.RTT.Microseconds()}
		if len(h.Node.Addrs) > 0 {
			hop.Addr = h.Node.Addrs[0]
		}
		out.Hops = append(out.Hops, hop)
	}
	f.n.feed.Publish(&api.Event{Kind: api.EventTrace, Time: time.Now().UTC(), Trace: out})
	return out, nil
}

// overlayID is the node's id in its ring, or zero.
func (n *Node) overlayID() id.ID {
	if o := n.overlay(); o != nil {
		return o.self.ID
	}
	return id.ID{}
}

// compareClocks asks neighbours for their time of day: how far this clock is ahead of each, nil
// of one who did not answer.
func (n *Node) compareClocks(ctx context.Context) []*time.Duration {
	v, err := n.View(ctx)
	if err != nil {
		return nil
	}
	ask := v.Leaf[:min(len(v.Leaf), 5)]
	offs := make([]*time.Duration, len(ask))
	var wg sync.WaitGroup
	for i, h := range ask {
		wg.Go(func() {
			answer, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (kbr.Answer, error) {
				return kbr.CallPeer(t, o.pastry.Endpoint(AppProbe), h, nil, kbr.Options{Timeout: 2 * time.Second})
			})
			if err != nil {
				return
			}
			if theirs, told := clock.ReadAnswer(answer.Payload); told {
				d := n.clock.Now().Round(0).Sub(theirs.Add(answer.RTT / 2))
				offs[i] = &d
			}
		})
	}
	wg.Wait()
	return offs
}
