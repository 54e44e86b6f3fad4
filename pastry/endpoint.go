package pastry

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// endpoint is one application's view of the node.
type endpoint struct {
	n      *Node
	number wire.AppID
	app    kbr.App
	pass   kbr.Forwarder // app, if it wants to see what passes
}

var _ kbr.Endpoint = (*endpoint)(nil)

// app returns the endpoint of the application with a number, or nil.
func (n *Node) app(number wire.AppID) *endpoint {
	for _, ep := range n.apps {
		if ep.number == number {
			return ep
		}
	}
	return nil
}

// Endpoint returns the endpoint of an application, for edges that call it on the
// node's loop; nil if the node does not run it.
func (n *Node) Endpoint(app wire.AppID) kbr.Endpoint {
	if ep := n.app(app); ep != nil {
		return ep
	}
	return nil
}

func (e *endpoint) Now() task.Instant                               { return e.n.Now() }
func (e *endpoint) Wall() time.Time                                 { return e.n.Wall() }
func (e *endpoint) Rand() *rand.Rand                                { return e.n.Rand() }
func (e *endpoint) After(d time.Duration, f func()) task.Timer      { return e.n.After(d, f) }
func (e *endpoint) Work(f func() any, done func(any))               { e.n.Work(f, done) }
func (e *endpoint) Save(snapshot []byte)                            { e.n.Save(snapshot) }
func (e *endpoint) Self() *peer.Handle                              { return e.n.self }
func (e *endpoint) Ready() bool                                     { return e.n.ready() }
func (e *endpoint) Go(f func(*task.T) error, done func(error))      { e.n.Tasks().Go(f, done) }
func (e *endpoint) Watch(p *peer.Handle, f func(kbr.Down)) func()   { return e.n.watch(p, f) }
func (e *endpoint) ReplicaSet(key id.ID, k int) []*peer.Handle      { return e.n.replicaSet(key, k) }
func (e *endpoint) Range(p *peer.Handle, rank int) (id.Range, bool) { return e.n.keyRange(p.ID, rank) }

func (e *endpoint) Bulk(tr task.Transfer, done func(task.Moved)) func() {
	tr.App = uint32(e.number)
	return e.n.Bulk(tr, done)
}

func (e *endpoint) Admit(tr task.Transfer, done func(task.Moved)) (task.Ticket, func()) {
	tr.App = uint32(e.number)
	return e.n.Admit(tr, done)
}

func (e *endpoint) envelope(payload []byte) wire.Envelope {
	return wire.Envelope{Version: wire.Version, App: e.number, Trace: e.n.Rand().Uint64(), Payload: payload}
}

func (e *endpoint) Route(key id.ID, payload []byte, hint *peer.Handle) {
	if e.n.stopped || len(payload) > wire.MaxPayload {
		return
	}
	e.n.originate(&msg.Routed{Key: key, Origin: e.n.self, Num: e.n.Rand().Uint64(), Env: e.envelope(payload)}, hint, nil)
}

func (e *endpoint) Request(key id.ID, payload []byte, o kbr.Options, done func(kbr.Answer, error)) {
	e.n.begin(&request{key: key, want: true, env: e.envelope(payload), opt: o,
		done: func(r result) { done(r.answer, r.err) }})
}

func (e *endpoint) Send(to *peer.Handle, payload []byte, done func(error)) {
	c := e.n.known(to)
	e.n.begin(&request{key: to.ID, to: c, env: e.envelope(payload), done: func(r result) {
		if done != nil {
			done(unreachable(c, r.err))
		}
	}})
}

func (e *endpoint) Tell(to []*peer.Handle, payload []byte) {
	n := e.n
	if n.stopped || len(payload) > wire.MaxPayload {
		return
	}
	// Nobody answers it, so its number need not be hard to guess. It is the same for all: it is
	// encoded once.
	n.told++
	m := &msg.Direct{Num: n.told, Bare: true, Env: wire.Envelope{Version: wire.Version, App: e.number, Payload: payload}}
	for _, h := range to {
		if c := n.known(h); h.ID != n.self.ID && c.via() == nil && c.usable() {
			n.to(c, machine.ClassApp, m)
		} else {
			e.Send(h, payload, nil)
		}
	}
}

func (e *endpoint) Ask(to *peer.Handle, payload []byte, o kbr.Options, done func(kbr.Answer, error)) {
	c := e.n.known(to)
	e.n.begin(&request{key: to.ID, to: c, want: true, env: e.envelope(payload), opt: o,
		done: func(r result) { done(r.answer, unreachable(c, r.err)) }})
}

// unreachable turns a time-out of a direct message to a node that is not there into
// what it means.
func unreachable(c *contact, err error) error {
	if err == kbr.ErrTimeout && (c == nil || c.life != alive) {
		return kbr.ErrUnreachable
	}
	return err
}

func (n *Node) known(h *peer.Handle) *contact {
	if h.ID == n.self.ID {
		return &contact{h: n.self, life: alive, met: true}
	}
	return n.contact(h)
}

func (e *endpoint) Broadcast(scope id.Range, payload []byte) {
	n := e.n
	if n.stopped || len(payload) > wire.MaxPayload || !n.mayCast(n.self.ID) {
		return
	}
	m := &msg.Hop{Cast: &msg.Cast{Origin: n.self, Num: n.Rand().Uint64(), Env: e.envelope(payload)}}
	n.After(0, func() { n.cast(nil, m, scope, nil) })
}

func (e *endpoint) Divide(scope id.Range, avoid []id.ID) []kbr.Part {
	var out []kbr.Part
	for _, s := range e.n.divide(scope, avoid) {
		out = append(out, kbr.Part{Node: s.to.h, Scope: s.part})
	}
	return out
}

// Known returns the last handle that is known of a node, whatever became of it, or nil
// if it was never heard of, and whether it is believed alive, so that messages are sent
// to it. It is for who wants to try a node that was found dead, as it may be back.
func (n *Node) Known(node id.ID) (h *peer.Handle, believed bool) {
	if node == n.self.ID {
		return n.self, true
	}
	if c := n.contacts.find(node); c != nil {
		return c.h, c.met && c.life == alive
	}
	return nil, false
}

func (e *endpoint) Find(node id.ID, done func(*peer.Handle, error)) {
	n := e.n
	if node == n.self.ID {
		n.After(0, func() { done(n.self, nil) })
		return
	}
	if c := n.contacts.find(node); c != nil && c.met && c.life == alive {
		n.After(0, func() { done(c.h, nil) })
		return
	}
	n.begin(&request{key: node, find: true, only: true, env: wire.Envelope{Version: wire.Version},
		opt: kbr.Options{Timeout: n.probeTime() + 2*n.cfg.HopCap, Straight: true}, done: func(r result) {
			if r.err == nil && (r.answer.From == nil || r.answer.From.ID != node) {
				r.err = kbr.ErrUnreachable
			}
			done(r.answer.From, unreachable(nil, r.err))
		}})
}

func (e *endpoint) Proximity(p *peer.Handle) (time.Duration, bool) {
	c := e.n.contacts.find(p.ID)
	if c == nil {
		return 0, false
	}
	if c.prox == 0 {
		e.n.measureOnce(c) // whoever asks will ask again
		return 0, false
	}
	return time.Duration(c.prox) * time.Microsecond, true
}

func (e *endpoint) NeighborSet(k int) []*peer.Handle {
	self, out := e.n.self.ID, slices.Clone(e.n.leafs.snapshot())
	slices.SortFunc(out, func(a, b *peer.Handle) int {
		if id.Closer(self, a.ID, b.ID) {
			return -1
		}
		return 1
	})
	return slices.Clip(out[:min(k, len(out))])
}

func (e *endpoint) LocalLookup(key id.ID, k int, safe bool) []*peer.Handle {
	n := e.n
	row, _ := n.slot(key)
	if n.leafs.covers(key) {
		row = 0 // the nearest is the root, whatever digits it shares
	}
	var fit []*contact
	take := func(c *contact) {
		if c.active && n.nearerHop(key, row, c, nil) && !slices.Contains(fit, c) {
			fit = append(fit, c)
		}
	}
	if safe {
		n.leafs.each(func(c *contact) bool { take(c); return true })
	} else {
		n.eachKnown(take)
	}
	slices.SortFunc(fit, func(a, b *contact) int {
		pa, pb := n.cfg.Base.SharedPrefix(a.h.ID, key), n.cfg.Base.SharedPrefix(b.h.ID, key)
		if pa != pb && !n.leafs.covers(key) {
			return pb - pa
		}
		if id.Closer(key, a.h.ID, b.h.ID) {
			return -1
		}
		return 1
	})
	if next, last := n.nextHop(key, nil, false); next != nil && !last && !safe {
		if c := n.shortcut(next, key, nil); c != next {
			fit = slices.Insert(slices.DeleteFunc(fit, func(o *contact) bool { return o == c }), 0, c)
		}
	}
	out := make([]*peer.Handle, 0, k)
	for _, c := range fit[:min(k, len(fit))] {
		out = append(out, c.h)
	}
	return out
}

// members returns this node and the active members of its leaf set, clockwise from
// the left edge.
func (n *Node) members() []*peer.Handle {
	l := n.leafs.sides[leftSide]
	out := make([]*peer.Handle, 0, len(l)+1+len(n.leafs.sides[rightSide]))
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].active && l[i].there() {
			out = append(out, l[i].h)
		}
	}
	out = append(out, n.self)
	for _, c := range n.leafs.sides[rightSide] {
		if c.active && c.there() && !slices.Contains(out, c.h) {
			out = append(out, c.h)
		}
	}
	return out
}

// replicaSet returns the k nodes nearest to key, or nil where the leaf set does not
// show that there are no others.
func (n *Node) replicaSet(key id.ID, k int) []*peer.Handle {
	if !n.active || k <= 0 || !n.leafs.covers(key) {
		return nil
	}
	near := n.nearest(key, k)
	if !n.leafs.whole() {
		lo, hi := n.leafs.end(leftSide), n.leafs.end(rightSide)
		for _, h := range near {
			if h.ID == lo || h.ID == hi {
				return nil // beyond the edge may lie nearer ones
			}
		}
	}
	return near
}

// nearest returns those k of members that are nearest to key, the nearest first: few of many, so
// they are not all put in order for it.
func (n *Node) nearest(key id.ID, k int) []*peer.Handle {
	near := make([]*peer.Handle, 0, min(k, len(n.leafs.sides[leftSide])+1+len(n.leafs.sides[rightSide])))
	offer := func(h *peer.Handle) {
		at := len(near)
		for at > 0 && id.Closer(key, h.ID, near[at-1].ID) {
			at--
		}
		switch {
		case at > 0 && near[at-1] == h: // it stands on both sides
		case len(near) < cap(near):
			near = slices.Insert(near, at, h)
		case at < len(near):
			copy(near[at+1:], near[at:])
			near[at] = h
		}
	}
	offer(n.self)
	for s := range n.leafs.sides {
		for _, c := range n.leafs.sides[s] {
			if c.active && c.there() {
				offer(c.h)
			}
		}
	}
	return near
}

// keyRange returns the keys for which the node x is among the rank+1 nearest.
func (n *Node) keyRange(x id.ID, rank int) (id.Range, bool) {
	all := n.members()
	slices.SortFunc(all, func(a, b *peer.Handle) int {
		from := n.leafs.end(leftSide)
		return a.ID.Sub(from).Cmp(b.ID.Sub(from))
	})
	i := slices.IndexFunc(all, func(h *peer.Handle) bool { return h.ID == x })
	whole := n.leafs.whole()
	switch {
	case i < 0 || rank < 0 || !n.active:
		return id.Range{}, false
	case whole && rank+1 >= len(all):
		return id.Range{Full: true}, true
	case !whole && (i-rank-1 < 0 || i+rank+1 >= len(all)):
		return id.Range{}, false
	}
	before := all[((i-rank-1)%len(all)+len(all))%len(all)].ID
	after := all[(i+rank+1)%len(all)].ID
	return id.Range{From: id.Middle(before, x).Add(one), To: id.Middle(x, after)}, true
}
