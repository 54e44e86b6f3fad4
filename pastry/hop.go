package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// A message is in the custody of one node until the next hop acknowledged it
// (MSPastry, section 3.2). What is here runs twice for each hop of each message: it
// makes no garbage besides the messages.

// hopWindow is how many numbers of a neighbour are told apart, the highest among them: the bits
// of link.seen.
const hopWindow = 64

// pendingHop is a message that was handed to a next hop and not yet
// acknowledged. It is used again for another one then.
type pendingHop struct {
	to    *contact
	via   *contact // who handed it over; nil: this node
	hop   *msg.Hop
	sent  task.Instant
	avoid *[]id.ID    // nil: nobody
	late  func()      // calls hopLate
	next  *pendingHop // to the same contact; of those that are free
	prev  *pendingHop // to the same contact; of the first one the last
	timer alarm       // calls late
	seq   uint32
	bytes int32 // as weigh says
	tries uint8
	root  bool // to is the key's root by our leaf set
	// passed: one so much later was acknowledged that the other side would neither take nor
	// acknowledge seq any more.
	passed bool
}

// debt says that acknowledgements are owed to a contact since then, unless a message
// has carried them meanwhile.
type debt struct {
	to    *contact
	since task.Instant
}

// hand sends a message, which via handed over, to a next hop and waits for its acknowledgement. It
// reports false, and does nothing, if too much waits for that already.
func (n *Node) hand(via, to *contact, m *msg.Hop, root bool, avoid []id.ID) bool {
	bytes := weigh(m)
	if !n.takes(to, via != nil, bytes) {
		n.gaveUp()
		return false
	}
	p := n.spare
	if p == nil {
		p = new(pendingHop)
		p.late = func() { n.hopLate(p) }
	} else {
		n.spare, p.next = p.next, nil
	}
	p.via, p.to, p.hop, p.bytes, p.root, p.tries = via, to, m, int32(bytes), root, 0
	n.count(p, 1)
	if len(avoid) > 0 {
		those := avoid
		p.avoid = &those
	}
	l := to.linked()
	if l.epoch == 0 {
		n.epoch++
		l.epoch = n.epoch
	}
	l.seq++
	p.seq = l.seq
	m.Seq, m.Epoch = l.seq, l.epoch
	l.wait(p)
	n.transmit(p)
	return true
}

// count counts p in with a sign of 1, and out with one of -1.
func (n *Node) count(p *pendingHop, sign int) {
	n.onWay.count += sign
	n.onWay.bytes += sign * int(p.bytes)
	if p.via != nil {
		n.handed.count += sign
		n.handed.bytes += sign * int(p.bytes)
	}
}

// free ends the custody of a message that is on nobody's list.
func (n *Node) free(p *pendingHop) {
	n.stop(p.timer)
	n.count(p, -1)
	*p = pendingHop{late: p.late, next: n.spare}
	n.spare = p
}

func (n *Node) transmit(p *pendingHop) {
	p.sent = n.Now()
	p.tries++
	m := p.hop
	if owed := p.to.takeSeqs(); owed != nil || p.tries > 1 {
		again := *m
		again.Acks = owed
		m = &again
	}
	n.to(p.to, machine.ClassApp, m)
	p.timer = n.alarm(n.hopTimeout(p.to)<<min(p.tries-1, 3), p.late)
}

// hopTimeout follows TCP (RFC 6298), but more aggressively, as another way
// exists: what it waits too long is all that a lost message costs. The other side may
// gather acknowledgements for AckDelay: samples have that in them, or not, and HopFloor
// exceeds it.
func (n *Node) hopTimeout(c *contact) time.Duration {
	rto := 500 * time.Millisecond
	switch {
	case c.link.srtt > 0:
		rto = c.link.srtt + max(4*c.link.rttvar, n.cfg.AckDelay)
	case c.prox > 0:
		rto = 2*2*time.Duration(c.prox)*time.Microsecond + n.cfg.AckDelay
	}
	return min(max(rto, n.cfg.HopFloor), n.cfg.HopCap)
}

// hopLate: no acknowledgement came in time. The peer is probed, and the message
// takes another way, unless the peer is its root (MSPastry, section 3.2).
func (n *Node) hopLate(p *pendingHop) {
	n.probe(p.to)
	// An arc of a broadcast is its node's own, too.
	if (p.root || p.hop.Cast != nil) && p.to.there() && p.tries < 8 {
		if p.passed {
			p.to.link.renumber(p)
		}
		n.transmit(p)
		return
	}
	p.to.link.drop(p)
	n.again(p, !p.root)
}

// again sends a message that was not acknowledged, and is on no list any more, on
// another way.
func (n *Node) again(p *pendingHop, avoid bool) {
	back, via := *p.hop, p.via
	var not []id.ID
	if p.avoid != nil {
		not = *p.avoid
	}
	if avoid || back.Cast != nil {
		not = append(not[:len(not):len(not)], p.to.h.ID)
	}
	n.free(p)
	back.Count--
	if back.Cast != nil {
		n.cast(via, &back, back.Cast.Part, not)
		return
	}
	back.Path = back.Path[:len(back.Path)-4]
	if len(not) > n.cfg.HopLimit {
		n.fail(via, back.Route, &back, msg.ReplyHopLimit)
		return
	}
	if k := len(back.Trail); k > 0 && back.Trail[k-1].Node.ID == n.self.ID {
		back.Trail = back.Trail[:k-1]
	}
	n.route(via, &back, not)
}

// reroute sends all that was on the way over a link that ended anew.
func (n *Node) reroute(pending *pendingHop) {
	for p := pending; p != nil; {
		next := p.next
		n.again(p, false)
		p = next
	}
}

// owe notes that an acknowledgement is due to c. Who calls it sees that awaitAcks is
// called once it is known what goes to c anyway.
func (n *Node) owe(c *contact, seq uint32) {
	l := c.linked()
	if l.owed == nil {
		l.owed = msg.OwedSince(n.Now())
		n.owing = append(n.owing, debt{c, n.Now()})
	}
	l.owed.Seqs = append(l.owed.Seqs, seq)
	switch {
	case n.cfg.AckDelay == 0:
		n.flushAcks(n.Now())
	case len(l.owed.Seqs) >= 8:
		n.to(c, machine.ClassLiveness, c.takeOwed())
	}
}

// takeOwed returns the acknowledgements that are due to c, which are then no longer
// due; nil if there are none.
func (c *contact) takeOwed() *msg.Ack {
	if c.link == nil || c.link.owed == nil {
		return nil
	}
	owed := &c.link.owed.Ack
	c.link.owed = nil
	return owed
}

// takeSeqs is takeOwed for a message that carries them: an answer that goes back at
// once acknowledges the hop that brought the question.
func (c *contact) takeSeqs() []uint32 {
	if owed := c.takeOwed(); owed != nil {
		return owed.Seqs
	}
	return nil
}

// due reports whether no message has carried the acknowledgements meanwhile.
func (d debt) due() bool {
	l := d.to.link
	return l != nil && l.owed != nil && l.owed.Since == d.since
}

// awaitAcks plans to send what is owed when the eldest of it has waited for AckDelay.
func (n *Node) awaitAcks() {
	paid := 0
	for paid < len(n.owing) && !n.owing[paid].due() {
		paid++
	}
	n.owing = slices.Delete(n.owing, 0, paid)
	if n.ackWaiting || len(n.owing) == 0 {
		return
	}
	if n.ackDue == nil {
		n.ackDue = func() {
			n.ackWaiting = false
			// What would follow in a moment goes, too: not one timer for each.
			n.flushAcks(n.Now().Add(-n.cfg.AckDelay * 3 / 4))
			n.awaitAcks()
		}
	}
	n.ackWaiting = true
	n.After(n.cfg.AckDelay-n.Now().Sub(n.owing[0].since), n.ackDue)
}

// flushAcks sends the acknowledgements that were owed by then and that found no
// message to ride on.
func (n *Node) flushAcks(then task.Instant) {
	i := 0
	for ; i < len(n.owing) && !then.Before(n.owing[i].since); i++ {
		if d := n.owing[i]; d.due() {
			n.to(d.to, machine.ClassLiveness, d.to.takeOwed())
		}
	}
	n.owing = slices.Delete(n.owing, 0, i)
}

func (n *Node) onAcks(c *contact, seqs []uint32) {
	if c.link == nil {
		return
	}
	for _, seq := range seqs {
		p := c.link.pending
		for p != nil && p.seq != seq {
			p = p.next
		}
		if p == nil {
			continue
		}
		for q := c.link.pending; p.seq-q.seq >= hopWindow; q = q.next {
			q.passed = true
		}
		c.link.drop(p)
		if p.tries == 1 { // Karn: not after a retransmission
			c.link.sample(n.Now().Sub(p.sent))
		}
		n.free(p)
	}
}

// cut ends the numbers of c's link, and returns what was on the way over it.
func (c *contact) cut() *pendingHop {
	if c.link == nil {
		return nil
	}
	pending := c.link.pending
	*c.link = link{seq: c.link.seq, rare: c.link.rare}
	return pending
}

// wait puts p at the end of those that are not acknowledged. These may be thousands, where a peer is slow.
func (l *link) wait(p *pendingHop) {
	first := l.pending
	if first == nil {
		l.pending, p.prev = p, p
		return
	}
	p.prev, first.prev.next, first.prev = first.prev, p, p
}

// renumber gives p, which was passed, the next number. While that is not known the number stays:
// the other side may be slow only, and would take a copy with another number for a new message.
func (l *link) renumber(p *pendingHop) {
	l.drop(p)
	l.seq++
	again := *p.hop
	again.Seq, p.seq, p.hop, p.passed = l.seq, l.seq, &again, false
	l.wait(p)
}

// drop takes p, which is one of them, out of those that are not acknowledged.
func (l *link) drop(p *pendingHop) {
	last := l.pending.prev
	if p == l.pending {
		l.pending = p.next
	} else {
		p.prev.next = p.next
	}
	switch {
	case p.next != nil:
		p.next.prev = p.prev // the last one, if p was the first
	case l.pending != nil && p == last:
		l.pending.prev = p.prev
	}
	p.next, p.prev = nil, nil
}

// first notes a received number. It reports whether the hop may be acknowledged
// (known), and whether it is new. What is older than the window, or of an earlier
// epoch, can be neither: its sender takes another way.
func (l *link) first(epoch, seq uint32) (known, fresh bool) {
	if epoch > l.seenEpoch {
		l.seenEpoch, l.seenMax, l.seen = epoch, 0, 0
	}
	d := int64(seq) - int64(l.seenMax)
	switch {
	case epoch < l.seenEpoch || d <= -hopWindow:
		return false, false
	case d > 0:
		l.seen = l.seen<<uint(min(d, hopWindow)) | 1
		l.seenMax = seq
		return true, true
	}
	bit := uint64(1) << uint(-d)
	fresh = l.seen&bit == 0
	l.seen |= bit
	return true, fresh
}

// sample updates the smoothed round trip (RFC 6298, but the first deviation is a quarter).
func (l *link) sample(rtt time.Duration) {
	if l.srtt == 0 {
		l.srtt, l.rttvar = rtt, rtt/4
		return
	}
	d := l.srtt - rtt
	if d < 0 {
		d = -d
	}
	l.rttvar += (d - l.rttvar) / 4
	l.srtt += (rtt - l.srtt) / 8
}
