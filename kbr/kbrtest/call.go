package kbrtest

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// call is a message under way, with all its repetitions.
type call struct {
	net     *Net
	from    *Node
	app     wire.AppID
	key     id.ID
	to      *peer.Handle // nil: routed to key
	hint    *Node
	payload []byte
	o       kbr.Options
	start   task.Instant
	ackOnly bool                    // Send: arrival is the answer
	done    func(kbr.Answer, error) // nil: Route
	over    bool
	replies []*reply
}

// reply is what one receiver did with the call: it delivers it once only.
type reply struct {
	at      *Node
	given   bool
	payload []byte
	err     error
}

func (c *call) finish(a kbr.Answer, err error) {
	if !c.over {
		c.over = true
		c.done(a, err)
	}
}

// begin sends the call, for as long as it takes.
func (c *call) begin() {
	c.start = c.net.now
	switch {
	case !c.from.alive:
		return
	case len(c.payload) > wire.MaxPayload:
		if c.done != nil {
			c.net.after(0, c.from, func() { c.finish(kbr.Answer{}, kbr.ErrTooLarge) })
		}
		return
	case c.done == nil:
		c.attempt()
		return
	}
	limit := c.o.Timeout
	if limit <= 0 {
		limit = kbr.DefaultTimeout
	}
	c.net.after(limit, c.from, func() { c.finish(kbr.Answer{}, kbr.ErrTimeout) })
	c.attempt() // now, so that what a node sends while it stops still goes out
}

func (c *call) attempt() {
	if c.over {
		return
	}
	path, err := c.path()
	if err != nil {
		if c.done != nil {
			c.net.after(c.net.cfg.Delay, c.from, func() { c.finish(kbr.Answer{}, err) })
		}
		return
	}
	c.hop(path, 0, slices.Clone(c.payload))
	if c.done != nil {
		c.net.after(c.net.cfg.Retry, c.from, c.attempt)
	}
}

// path returns the nodes that the message will cross, source and goal included.
func (c *call) path() ([]*Node, error) {
	if c.to != nil {
		return c.direct()
	}
	ring := c.from.ring()
	if len(ring) == 0 {
		return nil, kbr.ErrUnreachable
	}
	sortNearest(c.key, ring)
	root := ring[0]
	path := []*Node{c.from}
	if root == c.from {
		return path, nil
	}
	switch {
	case c.hint != nil && c.hint != root:
		path = append(path, c.hint)
	case c.hint != nil:
	case c.net.cfg.Way != nil:
		path = append(path, c.net.cfg.Way(c.from, c.key, c.o)...)
	case c.from.replicas(c.key, 1) == nil, slices.Contains(c.o.AvoidFirst, root.self.ID):
		path = append(path, c.between(ring)...)
	}
	return append(path, root), nil
}

// between chooses a node on the way among those nearer to the key than the source.
func (c *call) between(ring []*Node) []*Node {
	var may, avoided []*Node
	for _, m := range ring[1:] {
		switch {
		case m == c.from || !id.Closer(c.key, m.self.ID, c.from.self.ID):
		case slices.Contains(c.o.AvoidFirst, m.self.ID):
			avoided = append(avoided, m)
		default:
			may = append(may, m)
		}
	}
	if len(may) == 0 {
		may = avoided
	}
	switch {
	case len(may) == 0:
		return nil
	case c.o.Random:
		return []*Node{may[c.net.rng.IntN(len(may))]}
	}
	pick := (c.key.Hi ^ c.from.self.ID.Hi) % uint64(len(may))
	return []*Node{may[pick]}
}

func (c *call) direct() ([]*Node, error) {
	if c.to.ID == c.from.self.ID {
		return []*Node{c.from}, nil
	}
	goal := c.from.seen(c.to)
	if goal == nil {
		return nil, kbr.ErrUnreachable
	}
	if c.net.cuts[pair(c.from, goal)] {
		for _, relay := range c.from.view {
			if c.net.linked(c.from, relay) && c.net.linked(relay, goal) {
				return []*Node{c.from, relay, goal}, nil
			}
		}
		return nil, kbr.ErrUnreachable
	}
	return []*Node{c.from, goal}, nil
}

// hop lets path[i] see the message.
func (c *call) hop(path []*Node, i int, payload []byte) {
	n := path[i]
	if c.to == nil {
		t := &kbr.Transit{Key: c.key, Payload: payload, Claimed: c.from.self, Via: path[max(i-1, 0)].self, Next: path[min(i+1, len(path)-1)].self}
		if c.done != nil {
			t.Answer = func(p []byte) { c.answer(path[:i+1], &reply{at: n, given: true, payload: p}) }
		}
		if !c.pass(n, t, i > 0 && i < len(path)-1) {
			return
		}
		payload = t.Payload
		if i < len(path)-1 && t.Next.ID != path[i+1].self.ID {
			path = n.redirected(path, i, t.Next)
		}
	}
	switch {
	case i == 0 && len(path) == 1:
		c.net.after(0, n, func() { c.arrive(path, payload) }) // never inside of the caller
		return
	case i == len(path)-1:
		c.arrive(path, payload)
		return
	}
	next := path[i+1]
	if c.net.lost() || !c.net.linked(n, next) {
		return
	}
	c.net.after(c.net.travel(), next, func() { c.hop(path, i+1, payload) })
}

// redirected is the path with another node after path[i], as a Forwarder wants.
func (n *Node) redirected(path []*Node, i int, to *peer.Handle) []*Node {
	next, goal := n.seen(to), path[len(path)-1]
	if next == nil {
		return path
	}
	path = append(slices.Clone(path[:i+1]), next)
	if next != goal {
		path = append(path, goal)
	}
	return path
}

// pass asks the node's application, and the test, whether the message goes on.
func (c *call) pass(n *Node, t *kbr.Transit, between bool) bool {
	if between && n.OnTransit != nil && !n.OnTransit(c.app, t) {
		return false
	}
	if f, ok := n.app(c.app).(kbr.Forwarder); ok {
		return f.Forward(t)
	}
	return true
}

// arrive delivers the message at the end of its path, once, and repeats the answer
// to a repetition.
func (c *call) arrive(path []*Node, payload []byte) {
	n := path[len(path)-1]
	for _, r := range c.replies {
		if r.at == n {
			if r.given {
				c.answer(path, r)
			}
			return
		}
	}
	r := &reply{at: n}
	c.replies = append(c.replies, r)
	d := &kbr.Delivery{
		Key: c.key, Payload: payload, Claimed: c.from.self, Via: path[max(len(path)-2, 0)].self,
		Direct: c.to != nil && len(path) <= 2, Hops: len(path) - 1,
	}
	give := func(p []byte, err error) {
		if !r.given {
			r.given, r.payload, r.err = true, p, err
			c.answer(path, r)
		}
	}
	app := n.app(c.app)
	if c.done != nil && (c.ackOnly || app == nil) {
		var err error
		if app == nil {
			err = kbr.ErrNoApp
		}
		give(nil, err)
	} else if c.done != nil {
		d.Answer = func(p []byte, refused *kbr.RefusedError) {
			if refused != nil {
				give(nil, &kbr.RefusedError{Code: refused.Code, Text: refused.Text[:min(len(refused.Text), 200)]})
				return
			}
			give(p, nil)
		}
	}
	if app != nil {
		n.deliver(c.app, d)
	}
}

func (n *Node) deliver(app wire.AppID, d *kbr.Delivery) {
	if n.OnDeliver != nil && n.OnDeliver(app, d) {
		return
	}
	n.app(app).Deliver(d)
}

// answer takes a reply back to the source, on the way that it came.
func (c *call) answer(path []*Node, r *reply) {
	if c.net.lost() || !r.at.alive || r.at.side != c.from.side {
		return
	}
	a := kbr.Answer{Payload: slices.Clone(r.payload), From: r.at.self, Hops: len(path) - 1, Relayed: c.net.cuts[pair(r.at, c.from)]}
	if len(path) > 1 {
		a.First = path[1].self.ID
	}
	if len(a.Payload) > wire.MaxPayload {
		a, r.err = kbr.Answer{}, kbr.ErrTooLarge
	}
	if c.o.Trace {
		for _, n := range path[1:] {
			a.Path = append(a.Path, kbr.Hop{Node: n.self, RTT: 2 * c.net.cfg.Delay})
		}
	}
	c.net.after(c.net.travel(), c.from, func() {
		a.RTT = c.net.now.Sub(c.start)
		c.finish(a, r.err)
	})
}
