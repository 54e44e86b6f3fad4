package pastry

import (
	"encoding/binary"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// nextHop follows Pastry 2001, section 2.3: the leaf set first, then the table,
// then any node that is nearer and shares as much. It returns nil if this node is
// the nearest it knows. last tells that the choice is the key's root.
func (n *Node) nextHop(key id.ID, avoid []id.ID, random bool) (c *contact, last bool) {
	if n.leafs.covers(key) {
		// Never past the true root: a suspect root is asked again until its
		// probes are decided (MSPastry, section 3.2).
		return n.closestLeaf(key), true
	}
	row, col := n.slot(key)
	if random {
		if c := n.randomHop(key, row, avoid); c != nil {
			return c, false
		}
	}
	if c := n.entry(row, col); c != nil && c.usable() && !slices.Contains(avoid, c.h.ID) {
		return c, false
	}
	return n.rareHop(key, row, avoid), false
}

// closestLeaf returns the member of leaf set and self that is nearest to key, nil
// for self. Members that were never ready own no keys.
func (n *Node) closestLeaf(key id.ID) *contact {
	return n.leafs.closest(key, func(c *contact) bool { return c.there() && (c.active || n.granted(c)) })
}

// nearerHop reports whether x shares at least row digits with key and is nearer to
// it than this node (the third rule).
func (n *Node) nearerHop(key id.ID, row int, c *contact, avoid []id.ID) bool {
	return c.usable() && (c.active || c.leaf() || c.met) && n.cfg.Base.SharedPrefix(c.h.ID, key) >= row &&
		id.Closer(key, c.h.ID, n.id()) && !slices.Contains(avoid, c.h.ID)
}

func (n *Node) eachKnown(f func(c *contact)) {
	n.leafs.each(func(c *contact) bool { f(c); return true })
	n.eachEntry(f)
	for _, c := range n.near {
		f(c)
	}
}

// eachPlaced is eachKnown, but names who has several places only once, at the first.
func (n *Node) eachPlaced(f func(c *contact)) {
	n.leafs.each(func(c *contact) bool { f(c); return true })
	n.eachEntry(func(c *contact) {
		if !c.leaf() {
			f(c)
		}
	})
	for _, c := range n.near {
		if c.is&(inLeaf|inTable) == 0 {
			f(c)
		}
	}
}

func (n *Node) rareHop(key id.ID, row int, avoid []id.ID) *contact {
	var best *contact
	n.eachKnown(func(c *contact) {
		if n.nearerHop(key, row, c, avoid) && c.active && (best == nil || id.Closer(key, c.h.ID, best.h.ID)) {
			best = c
		}
	})
	return best
}

// randomHop draws among all nodes that come nearer, the usual one counting thrice
// (Pastry 2001, section 2.2: biased to the best).
func (n *Node) randomHop(key id.ID, row int, avoid []id.ID) *contact {
	var fit []*contact
	n.eachKnown(func(c *contact) {
		if c.active && n.nearerHop(key, row, c, avoid) && !slices.Contains(fit, c) {
			fit = append(fit, c)
		}
	})
	if r, col := n.slot(key); len(fit) > 0 {
		if c := n.entry(r, col); c != nil && slices.Contains(fit, c) {
			fit = append(fit, c, c)
		}
		return fit[n.Rand().IntN(len(fit))]
	}
	return nil
}

// onHop takes custody of a message from a neighbour, once.
func (n *Node) onHop(c *contact, m *msg.Hop) {
	n.onAcks(c, m.Acks)
	known, fresh := c.linked().first(m.Epoch, m.Seq)
	if known {
		n.owe(c, m.Seq)
	}
	switch {
	case !fresh:
	case m.Cast != nil:
		n.onCast(c, m)
	default:
		n.route(c, m, nil)
	}
	n.awaitAcks()
}

func fingerprint(x id.ID) uint32 { return uint32(x.Hi >> 32) }

func passed(path []byte, x id.ID) bool {
	f := fingerprint(x)
	for i := 0; i+4 <= len(path); i += 4 {
		if binary.BigEndian.Uint32(path[i:]) == f {
			return true
		}
	}
	return false
}

// route moves a message on: to its next hop, into this node, or into the queue of
// those that wait for a lease. via is nil at the origin.
func (n *Node) route(via *contact, m *msg.Hop, avoid []id.ID) {
	r := m.Route
	switch {
	case via != nil && passed(m.Path, n.id()):
		n.fail(via, r, m, msg.ReplyLoop)
		return
	case int(m.Count) >= n.cfg.HopLimit:
		n.fail(via, r, m, msg.ReplyHopLimit)
		return
	}
	if r.To && r.Key == n.id() {
		n.arrive(via, m)
		return
	}
	next, last := n.nextHop(r.Key, avoid, r.Env.Flags&wire.FlagRandom != 0)
	if next != nil && !last {
		if row, col := n.slot(r.Key); n.entry(row, col) == nil {
			n.mend(next, row, col)
		}
	}
	if next != nil && !last && !r.Join && r.Env.Flags&wire.FlagRandom == 0 {
		next = n.shortcut(next, r.Key, avoid)
	}
	if r.Join && next != nil && next.h.ID == r.Origin.ID {
		next = nil // the joining node itself is not its own root
	}
	if n.passing && !r.Join && !r.To && r.Env.App != 0 {
		var goOn bool
		if m, next, goOn = n.upcall(via, m, next); !goOn {
			return
		}
		r = m.Route
	}
	switch {
	case next != nil:
		if r.Join {
			n.passJoin(r.Num, via)
		}
		n.forward(next, last, via, m, avoid)
	case r.To && n.active:
		n.fail(via, r, m, msg.ReplyAbsent)
	case r.Join || n.claims(r.Key):
		n.arrive(via, m)
	default:
		n.hold(via, m)
	}
}

// upcall shows a passing message to its application (the common API's forward).
func (n *Node) upcall(via *contact, m *msg.Hop, next *contact) (*msg.Hop, *contact, bool) {
	ep := n.app(m.Route.Env.App)
	if ep == nil || ep.pass == nil {
		return m, next, true
	}
	r := m.Route
	t := &kbr.Transit{Key: r.Key, Payload: slices.Clone(r.Env.Payload), Claimed: r.Origin, Via: n.self, Next: n.self}
	if via != nil {
		t.Via = via.h
	}
	if next != nil {
		t.Next = next.h
	}
	if r.Want {
		came := m // a closure on what changes below would take memory for each message
		t.Answer = func(p []byte) { n.answer(via, r, came, &msg.Reply{Code: msg.ReplyAnswer, Payload: p}) }
	}
	was := t.Next
	if !ep.pass.Forward(t) {
		return m, nil, false
	}
	if t.Next != was {
		next = nil
		if t.Next != nil && t.Next.ID != n.self.ID {
			next = n.contact(t.Next)
		}
	}
	if !slices.Equal(t.Payload, r.Env.Payload) {
		changed := *r
		changed.Env.Payload = t.Payload
		again := *m
		again.Route = &changed
		m = &again
	}
	return m, next, true
}

// forward hands a message to the next hop.
func (n *Node) forward(next *contact, last bool, via *contact, m *msg.Hop, avoid []id.ID) {
	out := m.Onward(fingerprint(n.id()))
	if r := m.Route; r != nil && len(n.requests) > 0 && sameNode(r.Origin, n.self) {
		if q := n.requests[r.Num]; q != nil && int(r.Attempt) == len(q.firsts) && len(q.firsts) > 0 {
			q.firsts[len(q.firsts)-1] = next.h.ID
		}
	}
	if r := m.Route; r != nil {
		if r.Env.Flags&wire.FlagTrace != 0 {
			out.Trail = append(slices.Clone(m.Trail), msg.Trail{Node: n.self, RTT: n.linkRTT(via)})
		}
		if r.Join && !r.Found {
			out.Join = n.addRows(m.Join, r.Key)
		}
	}
	if !n.hand(via, next, out, last, avoid) && m.Route != nil {
		n.fail(via, m.Route, m, msg.ReplyBusy)
	}
}

// linkRTT is the round trip to a neighbour in microseconds, for traces.
func (n *Node) linkRTT(c *contact) uint32 {
	switch {
	case c == nil:
		return 0
	case c.prox != 0:
		return uint32(2 * c.prox)
	case c.link != nil:
		return uint32(c.link.srtt.Microseconds())
	}
	return 0
}

// fail gives a message up and tells its origin, if it waits for an outcome.
func (n *Node) fail(via *contact, r *msg.Routed, m *msg.Hop, code uint8) {
	if n.cfg.Observe.Dropped != nil {
		n.cfg.Observe.Dropped(n, r.Key, replyError(&msg.Reply{Code: code}))
	}
	if r.Want {
		n.answer(via, r, m, &msg.Reply{Code: code})
	}
}

// arrive delivers a message at its root, or at the node it is for.
func (n *Node) arrive(via *contact, m *msg.Hop) {
	r := m.Route
	switch {
	case r.Join:
		n.onJoinRequest(via, m)
		return
	case r.Back != nil:
		n.onReply(nil, r.Back, true)
		return
	case r.Found:
		n.answer(via, r, m, &msg.Reply{Code: msg.ReplyAnswer})
		return
	}
	n.noteServed()
	n.deliver(via, m, r)
}

// originate sends a message that starts here.
func (n *Node) originate(r *msg.Routed, hint *peer.Handle, avoid []id.ID) {
	m := &msg.Hop{Route: r}
	if hint != nil && hint.ID != n.self.ID {
		n.forward(n.contact(hint), false, nil, m, nil)
		return
	}
	n.route(nil, m, avoid)
}
