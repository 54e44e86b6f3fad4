package pastry

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// pendingHop is a message that was handed to a next hop and not yet
// acknowledged.
type pendingHop struct {
	to    *contact
	hop   *Hop
	sent  task.Instant
	tries int
	root  bool // to is the key's root by our leaf set
	avoid []id.ID
	timer task.Timer
}

// heldHop is a message that waits here: this node is the key's root, or will be,
// and does not hold its leases yet.
type heldHop struct {
	via   *contact // nil: from this node
	hop   *Hop
	until task.Instant
}

// heldFor is how long a message waits for a lease; a long lease ends sooner.
func (n *Node) heldFor() time.Duration { return n.cfg.LeaseLong + 5*time.Second }

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
	var best *contact
	bestID := n.self.ID
	for s := range n.leafs.sides {
		for _, c := range n.leafs.sides[s] {
			if (c.active || n.granted(c)) && c.there() && id.Closer(key, c.h.ID, bestID) {
				best, bestID = c, c.h.ID
			}
		}
	}
	return best
}

// nearerHop reports whether x shares at least row digits with key and is nearer to
// it than this node (the third rule).
func (n *Node) nearerHop(key id.ID, row int, c *contact, avoid []id.ID) bool {
	return c.usable() && (c.active || c.leaf || c.met) && n.cfg.Base.SharedPrefix(c.h.ID, key) >= row &&
		id.Closer(key, c.h.ID, n.self.ID) && !slices.Contains(avoid, c.h.ID)
}

func (n *Node) eachKnown(f func(c *contact)) {
	n.leafs.each(func(c *contact) bool { f(c); return true })
	n.eachEntry(f)
	for _, c := range n.near {
		f(c)
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
func (n *Node) onHop(c *contact, m *Hop) {
	n.onAcks(c, m.Acks)
	known, fresh := c.hops().first(m.Epoch, m.Seq)
	if known {
		n.owe(c, m.Seq)
	}
	if !fresh {
		return
	}
	if m.Cast != nil {
		n.onCast(c, m)
		return
	}
	n.route(c, m, nil)
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
func (n *Node) route(via *contact, m *Hop, avoid []id.ID) {
	r := m.Route
	switch {
	case via != nil && passed(m.Path, n.self.ID):
		n.fail(via, r, m, replyLoop)
		return
	case int(m.Count) >= n.cfg.HopLimit:
		n.fail(via, r, m, replyHopLimit)
		return
	}
	if r.To && r.Key == n.self.ID {
		n.arrive(via, m)
		return
	}
	next, last := n.nextHop(r.Key, avoid, r.Env.Flags&wire.FlagRandom != 0)
	if r.Join && next != nil && next.h.ID == r.Origin.ID {
		next = nil // the joining node itself is not its own root
	}
	if !r.Join && !r.To && r.Env.App != 0 {
		var goOn bool
		if m, next, goOn = n.upcall(via, m, next); !goOn {
			return
		}
		r = m.Route
	}
	switch {
	case next != nil:
		n.forward(next, last, via, m, avoid)
	case r.To && n.active:
		n.fail(via, r, m, replyAbsent)
	case r.Join || n.claims(r.Key):
		n.arrive(via, m)
	default:
		n.hold(via, m)
	}
}

// upcall shows a passing message to its application (the common API's forward).
func (n *Node) upcall(via *contact, m *Hop, next *contact) (*Hop, *contact, bool) {
	ep := n.apps[m.Route.Env.App]
	if ep == nil {
		return m, next, true
	}
	f, ok := ep.app.(kbr.Forwarder)
	if !ok {
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
		t.Answer = func(p []byte) { n.answer(via, r, m, &Reply{Code: replyAnswer, Payload: p}) }
	}
	was := t.Next
	if !f.Forward(t) {
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
func (n *Node) forward(next *contact, last bool, via *contact, m *Hop, avoid []id.ID) {
	out := &Hop{Count: m.Count + 1, Route: m.Route, Cast: m.Cast, Trail: m.Trail, Join: m.Join}
	if r := m.Route; r != nil && r.Origin.ID == n.self.ID {
		if q := n.requests[r.Num]; q != nil && int(r.Attempt) == len(q.firsts) && len(q.firsts) > 0 {
			q.firsts[len(q.firsts)-1] = next.h.ID
		}
	}
	out.Path = make([]byte, 0, len(m.Path)+4)
	out.Path = append(out.Path, m.Path...)
	out.Path = binary.BigEndian.AppendUint32(out.Path, fingerprint(n.self.ID))
	if r := m.Route; r != nil {
		if r.Env.Flags&wire.FlagTrace != 0 {
			out.Trail = append(slices.Clone(m.Trail), Trail{Node: n.self, RTT: n.linkRTT(via)})
		}
		if r.Join && !r.Found {
			out.Join = n.addRows(m.Join, r.Key)
		}
	}
	n.hand(&pendingHop{to: next, hop: out, root: last, avoid: avoid})
}

// linkRTT is the round trip to a neighbour in microseconds, for traces.
func (n *Node) linkRTT(c *contact) uint32 {
	switch {
	case c == nil:
		return 0
	case c.prox != 0:
		return uint32(2 * c.prox)
	case c.hop != nil:
		return uint32(c.hop.srtt.Microseconds())
	}
	return 0
}

// hand sends a pending hop and waits for its acknowledgement.
func (n *Node) hand(p *pendingHop) {
	h := p.to.hops()
	if h.epoch == 0 {
		n.epoch++
		h.epoch = n.epoch
	}
	p.to.seq++
	p.hop.Seq, p.hop.Epoch = p.to.seq, h.epoch
	h.pending = append(h.pending, p)
	n.transmit(p)
}

func (n *Node) transmit(p *pendingHop) {
	p.sent = n.Now()
	p.tries++
	m := p.hop
	if owed := n.takeOwed(p.to); len(owed) > 0 || p.tries > 1 {
		again := *m
		again.Acks = owed
		m = &again
	}
	n.to(p.to, machine.ClassApp, m)
	p.timer = n.After(n.hopTimeout(p.to)<<min(p.tries-1, 3), func() { n.hopLate(p) })
}

// hopTimeout follows TCP (RFC 6298), but more aggressively, as another way
// exists; the other side may gather acknowledgements for AckDelay.
func (n *Node) hopTimeout(c *contact) time.Duration {
	rto := 500 * time.Millisecond
	switch {
	case c.hop.srtt > 0:
		rto = c.hop.srtt + 4*c.hop.rttvar
	case c.prox > 0:
		rto = 3 * 2 * time.Duration(c.prox) * time.Microsecond
	}
	return min(max(rto+n.cfg.AckDelay, n.cfg.HopFloor), n.cfg.HopCap)
}

// hopLate: no acknowledgement came in time. The peer is probed, and the message
// takes another way, unless the peer is its root (MSPastry, section 3.2).
func (n *Node) hopLate(p *pendingHop) {
	n.probe(p.to)
	// An arc of a broadcast is its node's own, too.
	if (p.root || p.hop.Cast != nil) && p.to.there() && p.tries < 8 {
		n.transmit(p)
		return
	}
	p.to.hops().drop(p)
	n.again(p, !p.root)
}

// again sends a message that was not acknowledged on another way.
func (n *Node) again(p *pendingHop, avoid bool) {
	if p.hop.Cast != nil {
		n.recast(p)
		return
	}
	if avoid {
		p.avoid = append(p.avoid, p.to.h.ID)
	}
	back := *p.hop
	back.Count--
	back.Path = back.Path[:len(back.Path)-4]
	if len(p.avoid) > n.cfg.HopLimit {
		n.fail(nil, back.Route, &back, replyHopLimit)
		return
	}
	if k := len(back.Trail); k > 0 && back.Trail[k-1].Node.ID == n.self.ID {
		back.Trail = back.Trail[:k-1]
	}
	n.route(nil, &back, p.avoid)
}

// reroute sends all that was on the way over a link that ended anew.
func (n *Node) reroute(h *hopState) {
	if h == nil {
		return
	}
	pending := h.pending
	h.pending = nil
	for _, p := range pending {
		p.timer.Stop()
		n.again(p, false)
	}
}

// hold keeps a message until this node holds its leases.
func (n *Node) hold(via *contact, m *Hop) {
	now := n.Now()
	n.held = slices.DeleteFunc(n.held, func(h heldHop) bool { return h.until.Before(now) })
	if len(n.held) >= n.cfg.Held {
		n.fail(via, m.Route, m, replyBusy)
		return
	}
	n.held = append(n.held, heldHop{via: via, hop: m, until: now.Add(n.heldFor())})
}

// release tries the messages that waited for a lease again.
func (n *Node) release() {
	if len(n.held) == 0 {
		return
	}
	held := n.held
	n.held = nil
	now := n.Now()
	for _, h := range held {
		if !h.until.Before(now) {
			n.route(h.via, h.hop, nil)
		}
	}
}

// fail gives a message up and tells its origin, if it waits for an outcome.
func (n *Node) fail(via *contact, r *Routed, m *Hop, code uint8) {
	if n.cfg.Observe.Dropped != nil {
		n.cfg.Observe.Dropped(n, r.Key, replyError(&Reply{Code: code}))
	}
	if r.Want {
		n.answer(via, r, m, &Reply{Code: code})
	}
}

// arrive delivers a message at its root, or at the node it is for.
func (n *Node) arrive(via *contact, m *Hop) {
	r := m.Route
	switch {
	case r.Join:
		n.onJoinRequest(m)
		return
	case r.Back != nil:
		n.onReply(nil, r.Back, true)
		return
	case r.Found:
		n.answer(via, r, m, &Reply{Code: replyAnswer})
		return
	}
	if n.cfg.Observe.Delivered != nil && !r.To {
		n.cfg.Observe.Delivered(n, r.Key, r.Origin.ID, r.Num)
	}
	n.noteServed()
	n.deliver(via, m, r)
}

// owe notes that an acknowledgement is due to c.
func (n *Node) owe(c *contact, seq uint32) {
	h := c.hops()
	if len(h.owed) == 0 {
		n.owing = append(n.owing, c)
	}
	h.owed = append(h.owed, seq)
	if len(h.owed) >= 8 || n.cfg.AckDelay == 0 {
		n.to(c, machine.ClassLiveness, &Ack{Seqs: n.takeOwed(c)})
		return
	}
	if !n.ackWaiting {
		n.ackWaiting = true
		n.ackTimer = n.After(n.cfg.AckDelay, func() {
			n.ackWaiting = false
			n.flushAcks()
		})
	}
}

func (n *Node) takeOwed(c *contact) []uint32 {
	if c.hop == nil || len(c.hop.owed) == 0 {
		return nil
	}
	owed := c.hop.owed
	c.hop.owed = nil
	n.owing = slices.DeleteFunc(n.owing, func(o *contact) bool { return o == c })
	return owed
}

func (n *Node) flushAcks() {
	for len(n.owing) > 0 {
		c := n.owing[0]
		if owed := n.takeOwed(c); len(owed) > 0 {
			n.to(c, machine.ClassLiveness, &Ack{Seqs: owed})
		} else {
			n.owing = n.owing[1:]
		}
	}
}

func (n *Node) onAcks(c *contact, seqs []uint32) {
	if len(seqs) == 0 || c.hop == nil {
		return
	}
	for _, seq := range seqs {
		for i, p := range c.hop.pending {
			if p.hop.Seq != seq {
				continue
			}
			p.timer.Stop()
			c.hop.pending = slices.Delete(c.hop.pending, i, i+1)
			if p.tries == 1 { // Karn: not after a retransmission
				c.hop.sample(n.Now().Sub(p.sent))
			}
			break
		}
	}
}

func (c *contact) hops() *hopState {
	if c.hop == nil {
		c.hop = new(hopState)
	}
	return c.hop
}

func (h *hopState) drop(p *pendingHop) {
	p.timer.Stop()
	if i := slices.Index(h.pending, p); i >= 0 {
		h.pending = slices.Delete(h.pending, i, i+1)
	}
}

// first notes a received number. It reports whether the hop may be acknowledged
// (known), and whether it is new. What is older than the window, or of an earlier
// epoch, can be neither: its sender takes another way.
func (h *hopState) first(epoch, seq uint32) (known, fresh bool) {
	if epoch > h.seenEpoch {
		h.seenEpoch, h.seenMax, h.seen = epoch, 0, 0
	}
	d := int64(seq) - int64(h.seenMax)
	switch {
	case epoch < h.seenEpoch || d <= -64:
		return false, false
	case d > 0:
		h.seen = h.seen<<uint(min(d, 64)) | 1
		h.seenMax = seq
		return true, true
	}
	bit := uint64(1) << uint(-d)
	fresh = h.seen&bit == 0
	h.seen |= bit
	return true, fresh
}

// sample updates the smoothed round trip (RFC 6298).
func (h *hopState) sample(rtt time.Duration) {
	if h.srtt == 0 {
		h.srtt, h.rttvar = rtt, rtt/2
		return
	}
	d := h.srtt - rtt
	if d < 0 {
		d = -d
	}
	h.rttvar += (d - h.rttvar) / 4
	h.srtt += (rtt - h.srtt) / 8
}

// originate sends a message that starts here.
func (n *Node) originate(r *Routed, hint *peer.Handle, avoid []id.ID) {
	m := &Hop{Route: r}
	if hint != nil && hint.ID != n.self.ID {
		n.forward(n.contact(hint), false, nil, m, nil)
		return
	}
	n.route(nil, m, avoid)
}
