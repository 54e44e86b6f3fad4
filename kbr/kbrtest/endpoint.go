package kbrtest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// endpoint implements kbr.Endpoint for one application of one node.
type endpoint struct {
	n   *Node
	app wire.AppID
}

var _ kbr.Endpoint = (*endpoint)(nil)

func (e *endpoint) Now() task.Instant                            { return e.n.Now() }
func (e *endpoint) Wall() time.Time                              { return e.n.Wall() }
func (e *endpoint) Rand() *rand.Rand                             { return e.n.Rand() }
func (e *endpoint) After(d time.Duration, f func()) task.Timer   { return e.n.After(d, f) }
func (e *endpoint) Work(f func() any, done func(any))            { e.n.Work(f, done) }
func (e *endpoint) Save(snapshot []byte)                         { e.n.Save(snapshot) }
func (e *endpoint) Self() *peer.Handle                           { return e.n.self }
func (e *endpoint) Ready() bool                                  { return e.n.ready }
func (e *endpoint) Go(f func(*task.T) error, done func(error))   { e.n.tasks.Go(f, done) }
func (e *endpoint) Range(p *peer.Handle, r int) (id.Range, bool) { return e.n.keys(p.ID, r) }
func (e *endpoint) ReplicaSet(key id.ID, k int) []*peer.Handle   { return handles(e.n.replicas(key, k)) }
func (e *endpoint) call(payload []byte) *call {
	return &call{net: e.n.net, from: e.n, app: e.app, payload: slices.Clone(payload)}
}

func (e *endpoint) Bulk(tr task.Transfer, done func(task.Moved)) func() {
	tr.App = uint32(e.app)
	return e.n.Bulk(tr, done)
}

func (e *endpoint) Admit(tr task.Transfer, done func(task.Moved)) (task.Ticket, func()) {
	tr.App = uint32(e.app)
	return e.n.Admit(tr, done)
}

func (e *endpoint) Route(key id.ID, payload []byte, hint *peer.Handle) {
	c := e.call(payload)
	c.key = key
	if hint != nil {
		c.hint = e.n.seen(hint)
	}
	c.begin()
}

func (e *endpoint) Request(key id.ID, payload []byte, o kbr.Options, done func(kbr.Answer, error)) {
	c := e.call(payload)
	c.key, c.o, c.done = key, o, done
	c.begin()
}

func (e *endpoint) Send(to *peer.Handle, payload []byte, done func(error)) {
	c := e.call(payload)
	c.to, c.key, c.ackOnly = to, to.ID, true
	c.done = func(_ kbr.Answer, err error) {
		if done != nil {
			done(err)
		}
	}
	c.begin()
}

func (e *endpoint) Tell(to []*peer.Handle, payload []byte) {
	for _, h := range to {
		c := e.call(payload)
		c.to, c.key = h, h.ID
		c.begin()
	}
}

func (e *endpoint) Ask(to *peer.Handle, payload []byte, o kbr.Options, done func(kbr.Answer, error)) {
	c := e.call(payload)
	c.to, c.key, c.o, c.done = to, to.ID, o, done
	c.begin()
}

func (e *endpoint) Watch(p *peer.Handle, f func(kbr.Down)) (cancel func()) {
	w := &watch{p, f}
	e.n.watches = append(e.n.watches, w)
	if p.ID != e.n.self.ID && e.n.known(p) == nil {
		e.n.net.after(e.n.net.cfg.Notice, e.n, e.n.tellWatches)
	}
	return func() {
		e.n.watches = slices.DeleteFunc(e.n.watches, func(x *watch) bool { return x == w })
	}
}

func (e *endpoint) LocalLookup(key id.ID, k int, _ bool) []*peer.Handle {
	ns := e.n.ring()
	sortNearest(key, ns)
	return handles(ns[:min(k, len(ns))])
}

func (e *endpoint) NeighborSet(k int) []*peer.Handle {
	ns := slices.Clone(e.n.leaves)
	sortNearest(e.n.self.ID, ns)
	return handles(ns[:min(k, len(ns))])
}

func (e *endpoint) Proximity(p *peer.Handle) (time.Duration, bool) {
	return e.n.net.cfg.Delay, e.n.seen(p) != nil
}

func (e *endpoint) Broadcast(scope id.Range, payload []byte) {
	for _, m := range e.n.ring() {
		if !scope.Contains(m.self.ID) || m != e.n && (e.n.net.lost() || !e.n.net.linked(e.n, m)) {
			continue
		}
		d := &kbr.Delivery{Payload: slices.Clone(payload), Claimed: e.n.self, Via: e.n.self, Broadcast: true, Hops: 1}
		e.n.net.after(e.n.net.travel(), m, func() {
			if m.app(e.app) != nil {
				m.deliver(e.app, d)
			}
		})
	}
}

func (e *endpoint) Divide(scope id.Range, avoid []id.ID) []kbr.Part {
	from, one := scope.From, id.ID{Lo: 1}
	if scope.Full {
		from = e.n.self.ID
	}
	all := slices.DeleteFunc(e.n.ring(), func(m *Node) bool {
		return m != e.n && (!scope.Contains(m.self.ID) || slices.Contains(avoid, m.self.ID)) || m == e.n && !scope.Contains(m.self.ID)
	})
	slices.SortFunc(all, func(a, b *Node) int { return a.self.ID.Sub(from).Cmp(b.self.ID.Sub(from)) })
	var parts []kbr.Part
	for i, m := range all {
		part := id.Range{From: m.self.ID, To: scope.To}
		if i == 0 {
			part.From = from
		}
		if i+1 < len(all) {
			part.To = all[i+1].self.ID.Sub(one)
		} else if scope.Full {
			part.To = from.Sub(one)
		}
		if m != e.n {
			parts = append(parts, kbr.Part{Node: m.self, Scope: part})
		}
	}
	return parts
}

func (e *endpoint) Find(node id.ID, done func(*peer.Handle, error)) {
	e.n.net.after(2*e.n.net.travel(), e.n, func() {
		if node == e.n.self.ID {
			done(e.n.self, nil)
			return
		}
		for _, m := range e.n.view {
			if m.self.ID == node {
				done(m.self, nil)
				return
			}
		}
		done(nil, kbr.ErrUnreachable)
	})
}

// handles is nil for nil.
func handles(ns []*Node) []*peer.Handle {
	if ns == nil {
		return nil
	}
	hs := make([]*peer.Handle, len(ns))
	for i, n := range ns {
		hs[i] = n.self
	}
	return hs
}
