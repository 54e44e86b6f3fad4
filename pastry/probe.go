package pastry

import (
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

// probe is a check whether a contact is alive: an LS-PROBE, sent again until the
// time-outs of Config.Probes have passed (MSPastry, figure 2).
type probe struct {
	tries int
	timer task.Timer
	num   uint32
	sent  task.Instant // the first try
	// linked: the first try went over a link that stood, so that its answer measures
	// the round trip.
	linked bool
	// told: another, teller, found it dead first, and makes that known; its leaf set then has
	// who may take the place.
	told   bool
	teller *contact
	// relayed: a try went past the link, too.
	relayed bool
	// agreed: this node had begun to ask for itself by then, so one try without an answer
	// is enough, whether it ended before or ends after.
	agreed bool
	// announced: who found it dead tells all of its leaf set.
	announced bool
	offer     []*peer.Handle
	brisk     bool     // by the time-outs of Config.Brisk
	candidate bool     // for the leaf set
	by        *contact // who named it
	// news: the probe tells of failures, so nothing but its answer ends it.
	news bool
	// young: what was sent last said that this node is not in the ring yet.
	young  bool
	pinged bool // it was asked for a sign of life only
	// waiting is called when the probe has ended.
	waiting []func()
}

const (
	downDied = kbr.Died
	downLeft = kbr.Left
	downOut  = kbr.Expelled
)

// cameWithin is how long ago one may have spoken who takes a place unasked. Of most who have a place
// nothing is heard for longer.
const cameWithin = 10 * time.Second

// toldTries are as many of the tries of Config.Probes as are made where another found the node dead
// already (the first of them by all tries), and a try went past the link, which was not known to be
// broken.
const toldTries = 2

// maxCandidates bounds the nodes that others named and that are probed at once: each
// costs a link to an address that somebody else chose.
const maxCandidates = 64

// probe checks whether c is alive, unless that is being done.
func (n *Node) probe(c *contact) { n.probeBy(c, n.brisk(c)) }

// probeBy is probe with the time-outs of Config.Brisk, or with the usual ones.
func (n *Node) probeBy(c *contact, brisk bool) {
	if c.probe() != nil || c.life == left || c.h.ID == n.self.ID || n.stopped {
		return
	}
	c.begins(&probe{num: n.probeNum(), sent: n.Now(), linked: c.met, brisk: brisk})
	if c.life == alive {
		c.life = suspect
	}
	n.probeAgain(c)
}

// timeouts returns those of a probe of c. Who lives far away is given its time also
// where all must be brisk.
func (n *Node) timeouts(c *contact, p *probe) []time.Duration {
	rtt := 2 * time.Duration(c.prox) * time.Microsecond
	if c.link != nil {
		rtt = max(rtt, c.link.srtt)
	}
	switch {
	case !p.brisk || rtt == 0:
		return n.cfg.Probes
	case rtt < n.cfg.Brisk[0]:
		return n.cfg.Brisk
	}
	waits := slices.Clone(n.cfg.Brisk)
	for i := range waits {
		waits[i] = min(waits[i]+rtt, n.cfg.Probes[min(i, len(n.cfg.Probes)-1)])
	}
	return waits
}

func (n *Node) probeNum() uint32 {
	n.askSeq++
	return n.askSeq
}

// tell probes a leaf-set member that nobody doubts, to pass on news of failures.
func (n *Node) tell(c *contact) {
	if c.probe() == nil && c.life == alive {
		c.begins(&probe{num: n.probeNum(), sent: n.Now(), linked: c.met, news: true})
		n.probeAgain(c)
	}
}

func (n *Node) probeAgain(c *contact) {
	p := c.probe()
	waits := n.timeouts(c, p)
	enough := p.told && !p.brisk && p.relayed && c.via() == nil && p.tries >= toldTries
	if p.tries >= len(waits) || p.agreed || enough {
		n.verdict(c)
		return
	}
	if p.tries > 0 && c.life == alive {
		c.life = suspect
	}
	if p.tries == 1 && c.leaf() {
		n.tookNoNotice(c, p)
	}
	if c.leaf() || c.doubtful() || n.leafs.wants(c.h.ID) {
		m := n.leafProbe(false)
		m.Num, p.young = p.num, !n.active
		n.Send(c.h, machine.ClassLiveness, m)
		if c.via() != nil || c.leaf() && p.tries > 0 {
			n.probeThrough(c, p, m)
		}
	} else if !p.pinged {
		// It is of the table, or others took its place meanwhile: it need not be told.
		p.pinged, p.news = true, false
		n.measure(c)
	}
	p.timer = n.After(waits[p.tries], func() { n.probeAgain(c) })
	p.tries++
}

// probeThrough sends a probe past a link that may be broken, with each try through another member,
// as long as there are some.
func (n *Node) probeThrough(c *contact, p *probe, m wire.Message) {
	try := p.tries
	if c.via() == nil {
		try-- // the first one went over the link alone
	}
	if by := n.relays(c, p.teller); len(by) > 0 {
		n.relayBy(by[try%len(by)], c, m)
		p.relayed = true
	}
}

// relays returns the members that may hand something on to c, in the order in which they are to be
// tried: the one through which it was reached last, then those that stand nearest to it, as they
// know it, too. Who found it dead hands nothing on.
func (n *Node) relays(c, teller *contact) (by []*contact) {
	n.leafs.each(func(o *contact) bool {
		if o != c && o != teller && o.life == alive && o.via() == nil && o.active {
			by = append(by, o)
		}
		return true
	})
	away := func(o *contact) id.ID {
		if o == c.via() {
			return id.ID{}
		}
		return c.h.ID.Distance(o.h.ID)
	}
	slices.SortStableFunc(by, func(a, b *contact) int { return away(a).Cmp(away(b)) })
	return by
}

func (n *Node) endProbe(c *contact) {
	p := c.probe()
	if p == nil {
		return
	}
	p.timer.Stop()
	if p.candidate {
		n.candidates = slices.DeleteFunc(slices.Clone(n.candidates), func(o *contact) bool { return o == c })
	}
	c.ends()
	for _, f := range p.waiting {
		f()
	}
}

// leafProbe makes an LS-PROBE or its reply.
func (n *Node) leafProbe(reply bool) *msg.LeafProbe {
	return &msg.LeafProbe{Reply: reply, Active: n.active, Leaf: n.leafs.snapshot(), Failed: n.failures,
		Expulsions: n.removed.Digest(), Period: uint32(n.tuning.own / time.Second)}
}

func (n *Node) onLeafProbe(c *contact, m *msg.LeafProbe) {
	p := c.probe()
	answer := m.Reply && p != nil && m.Num == p.num
	if answer && p.tries == 1 && (p.linked || c.prox == 0) && c.via() == nil {
		n.measured(c, n.Now().Sub(p.sent)) // as good as a ping
	}
	if answer && !m.Active && c.rare().named != 0 {
		c.rarely().named = 0 // when others name it again, it is in the ring
	}
	tell := answer && p.young && n.active // it was asked by a newcomer, who is none any more
	// Of one who is suspected all the same this came late, by a relay.
	if p != nil && (answer || !p.news && !c.doubtful() && c.life == alive) {
		n.endProbe(c)
	}
	switch {
	case !answer:
	case c.doubtful():
		n.rise(c)
	case c.life == suspect:
		// This came by a slow relay. By a quicker one came something newer, which did not end the
		// probe, and then a try seemed to be unanswered. Whoever answers this probe is there.
		n.revive(c)
	}
	n.noteActive(c, m.Active)
	n.notePeriod(c, m.Period)
	if answer && (c.leaf() || n.leafs.whole() || !n.leafs.wants(c.h.ID)) {
		n.forgetGone(c) // it hears us, too
	}
	n.expulsionDigest(c, m.Expulsions)
	n.offerTable(c)
	switch {
	case !c.active || c.life != alive:
	case n.leafs.wants(c.h.ID):
		n.addLeaf(c)
	case !m.Reply && !c.leaf():
		c.rarely().came = n.Now()
	}
	for _, f := range m.Failed {
		n.onFailure(c, f, m.Leaf)
	}
	if tell {
		n.to(c, machine.ClassLiveness, n.leafProbe(false))
	}
	if !m.Reply && !m.Quiet {
		r := n.leafProbe(true)
		r.Num = m.Num
		n.to(c, machine.ClassLiveness, r)
	}
	if !m.Quiet {
		n.missed(c, m.Leaf)
	}
	n.candidatesOf(c, m.Leaf)
	n.repairSides()
}

// noteActive takes a node's word that it has been ready.
func (n *Node) noteActive(c *contact, active bool) {
	if active && !n.active {
		n.ringHeard = n.Now()
		n.knocked()
	}
	if active && !c.active {
		c.active = true
		if c.leaf() {
			n.leafs.stale()
			n.tellUpdate(c.h, true)
			n.stateChanged()
		}
	}
}

// candidate probes a node that another named and that would be a member here. It reports
// whether it may become one.
func (n *Node) candidate(by *contact, h *peer.Handle) bool {
	if !n.leafs.wants(h.ID) {
		return false
	}
	was := n.contacts.find(h.ID)
	moved := was != nil && h.Incarnation == was.h.Incarnation && h.Moves > was.h.Moves
	c := n.contact(h)
	r := c.rare()
	switch {
	case c.life == left || n.removed.Expelled(h.ID):
		return false
	case r.probe != nil:
		return c.life != dead
	case c.leaf() && c.active:
		if c.life == alive {
			n.addLeaf(c) // a member of one side is the next on the other, too, in a small ring
		}
		return true
	case c.life == dead && !moved && h.Incarnation <= c.h.Incarnation && n.Now().Sub(r.since) < n.rumours():
		return false // the rumour may be older than the verdict
	case r.named != 0 && n.Now().Sub(r.named) < n.probeTime() && !(c.active && c.life == alive):
		// It was asked just now and did not come in: the rumour is older. (Who answered, and
		// is in the ring, came when there was no room, and is asked again.)
		return false
	case len(n.candidates) >= maxCandidates:
		return false
	default:
		c.rarely().named = n.Now()
		c.doubt(c.doubtful() || c.life == dead)
		n.probe(c)
		if p := c.probe(); p != nil {
			p.candidate, p.by = true, by
			n.candidates = append(n.candidates, c)
		}
	}
	return true
}

// rumours is how long after a verdict others may name the dead because they do not know
// yet: they are told within seconds, and ask for themselves. Whom they name after that is
// there, and two who hold each other dead meet again.
func (n *Node) rumours() time.Duration { return min(2*n.probeTime(), n.cfg.Heartbeat) }

// candidatesOf probes those of the named nodes, by's leaf set, for which there is a
// place: candidates enter only after they answered (MSPastry, figure 2). Where many died
// lately, more are asked than there are places, as some of them died, too.
func (n *Node) candidatesOf(by *contact, named []*peer.Handle) {
	places := n.leafs.half + max(0, len(n.failures)-manyFailures+1)
	if !n.active {
		places = min(n.leafs.half, introduceTo) // the others are met when this node is ready
	}
	var room [msg.MaxLeaf]*peer.Handle
	wanted, fresh := room[:0], false
	look := survey{of: &n.leafs}
	for _, h := range named {
		if look.wants(h.ID) {
			wanted = append(wanted, h)
			fresh = fresh || !n.asks(h)
		}
	}
	if !fresh {
		return
	}
	for _, c := range n.candidates { // they have places as long as their answers are out
		if !slices.ContainsFunc(wanted, func(h *peer.Handle) bool { return h.ID == c.h.ID }) {
			wanted = append(wanted, c.h)
		}
	}
	for s := range n.leafs.sides {
		slices.SortFunc(wanted, func(a, b *peer.Handle) int {
			return n.leafs.away(side(s), a.ID).Cmp(n.leafs.away(side(s), b.ID))
		})
		taken := 0 // places, by candidates nearer than the next one
		for _, h := range wanted {
			i, have := n.leafs.find(side(s), h.ID)
			if i+taken >= places {
				break
			}
			if !have && i < n.leafs.half && n.candidate(by, h) {
				taken++
			}
		}
	}
}

// asks reports whether a node is probed at this very place.
func (n *Node) asks(h *peer.Handle) bool {
	c := n.contacts.find(h.ID)
	return c != nil && c.h == h && c.probe() != nil
}

// onFailure hears that another, by, whose leaf set is offer, found a node dead: do not
// believe, verify. Two who were refused by its address need no more proof. Whom it served only
// its ring neighbours know, so no other's word makes the questions brisk.
func (n *Node) onFailure(by *contact, f msg.Failure, offer []*peer.Handle) {
	if f.Announced {
		n.announced(f)
	}
	c := n.contacts.find(f.Node)
	if c == nil || c.h.Incarnation != f.Incarnation || c.life == left {
		return
	}
	if f.Closed {
		c.is |= toldClosed
		if c.closed() {
			n.leaseOver(c.h)
			n.verdict(c)
			return
		}
	}
	if p := c.probe(); p != nil && !p.news && c.life == suspect {
		p.agreed = p.agreed || !p.told
		p.told, p.teller, p.announced, p.offer = true, by, p.announced || f.Announced, offer
		if p.tries > 1 {
			n.verdict(c) // it did not answer here either
		}
		return
	}
	if c.life == dead {
		if f.Closed && n.granted(c) {
			n.Send(c.h, machine.ClassLiveness, &msg.Ping{}) // a dial shows whether its process is gone
		}
		return
	}
	if r := c.rare(); c.is&(inLeaf|inTable) == 0 && max(r.came, r.named) != 0 {
		c.rarely().doubted = n.Now() // it takes no place that falls free before it spoke again
	}
	if c.is&(inLeaf|inTable) != 0 {
		if p := n.probeDoubted(c, f.Served && n.leafs.neighbours(by.h.ID, c.h.ID) || n.brisk(c)); p != nil {
			p.told, p.teller, p.announced, p.offer = true, by, f.Announced, offer
			n.askBetween(c)
		}
	}
}

// probeDoubted probes one whom another does not hold to be there. One who proved alive
// just now is not asked again for every echo: then it returns nil.
func (n *Node) probeDoubted(c *contact, brisk bool) *probe {
	doubted := c.rare().doubted
	if c.probe() != nil || doubted != 0 && n.Now().Sub(doubted) <= n.probeTime() {
		return nil
	}
	c.rarely().doubted = n.Now()
	n.probeBy(c, brisk)
	return c.probe()
}

// peerDown is told by the driver that a link ended or could not be made.
func (n *Node) peerDown(h *peer.Handle, why machine.DownReason) {
	n.links.down(h)
	c := n.contacts.find(h.ID)
	if c == nil || c.h.Incarnation != h.Incarnation || c.life == left || c.life == dead && why != machine.DownRefused {
		return
	}
	if why == machine.DownRefused && c.h.Moves > h.Moves {
		why = machine.DownLost // it lives elsewhere now
	}
	switch why {
	case machine.DownClosed, machine.DownLost:
		// A hint only: ask at once, by a new link.
		if c.is&(inLeaf|inTable) != 0 || n.watched(h.ID) || c.link != nil && c.link.pending != nil {
			n.endProbe(c)
			n.probe(c)
		}
	case machine.DownRefused:
		c.is |= closed
		n.unanswered(c)
		if !c.leaf() && !n.leaseWith(c.h.ID) {
			n.verdict(c)
			return
		}
		n.tellClosed(c)
	case machine.DownUnreachable, machine.DownExpelled:
		// A refused certificate may be a clock that is wrong for a while; who is
		// expelled stands in the set.
		n.probe(c)
	}
}

// tellClosed: c's address refused us. Together with another leaf-set member that
// saw the same, that is the end of its incarnation, and of its leases. Those next
// to it tell the others.
func (n *Node) tellClosed(c *contact) {
	others := 0
	n.leafs.each(func(o *contact) bool {
		if o != c && o.there() && !o.closed() {
			others++
		}
		return others == 0
	})
	if others == 0 || c.is&toldClosed != 0 {
		n.leaseOver(c.h)
		n.verdict(c)
		return
	}
	if n.besides(c) < 2 || n.granted(c) {
		f := msg.Failure{Node: c.h.ID, Incarnation: c.h.Incarnation, Closed: true}
		m := &msg.LeafProbe{Active: n.active, Failed: []msg.Failure{f}, Expulsions: n.removed.Digest(), Quiet: true}
		n.leafs.each(func(o *contact) bool {
			if o != c {
				n.to(o, machine.ClassLiveness, m)
			}
			return true
		})
	}
	if c.life != dead {
		n.probe(c) // others may disagree; then its probes decide
	}
}

// verdict: c is dead. It leaves all tables, and what was on the way to it goes
// elsewhere.
func (n *Node) verdict(c *contact) {
	was, p := c.is, c.probe()
	told := p != nil && p.told || was&toldClosed != 0
	besides := n.besides(c)
	n.endProbe(c)
	if p != nil && p.by != nil && p.by.life == alive {
		// Who named it does not know yet.
		f := msg.Failure{Node: c.h.ID, Incarnation: c.h.Incarnation}
		n.to(p.by, machine.ClassLiveness, &msg.LeafProbe{Active: n.active, Failed: []msg.Failure{f}, Expulsions: n.removed.Digest(), Quiet: true})
	}
	if c.life == dead {
		return
	}
	if n.cfg.Observe.Verdict != nil && c.there() {
		n.cfg.Observe.Verdict(n, c.h)
	}
	wasLeaf := c.leaf()
	c.life = dead
	c.rarely().since = n.Now()
	n.leafs.stale() // no lease that is asked for from here on counts it
	if was&closed == 0 && c.active {
		n.honour(c)
	}
	n.succeed(c)
	if wasLeaf {
		n.died(c, p, was&closed == 0 && c.active)
	}
	if was&closed != 0 {
		n.leaseOver(c.h)
	} else if wasLeaf && c.active {
		if n.granted(c) {
			n.Send(c.h, machine.ClassLiveness, &msg.Ping{}) // a dial shows whether its process is gone
		}
		n.lostSight = n.Now()
		n.After(n.cfg.LeaseLong, n.stateChanged)
	}
	n.remove(c)
	if c.met {
		n.remember(c, besides)
		n.tuning.failures++
	}
	c.unmet()
	c.direct()
	if wasLeaf {
		f := msg.Failure{Node: c.h.ID, Incarnation: c.h.Incarnation, Closed: was&closed != 0, Served: p != nil && p.brisk && (!p.told || p.agreed)}
		n.failed(f, besides, told, p != nil && p.announced)
	}
	n.tellDown(c.h, downDied)
	n.reroute(c.cut())
	if wasLeaf {
		n.takeIn()
		if p != nil {
			n.candidatesOf(nil, p.offer)
		}
	}
	n.repairSides()
}

// takeIn gives a place in the leaf set that fell free to those who asked, or answered, just now, and so
// know this node, when there was none for them. Of whom nothing was heard for cameWithin, or whom
// another found dead since, may have died: it is asked again.
func (n *Node) takeIn() {
	var came []*contact
	var asked []*peer.Handle
	n.contacts.each(func(c *contact) {
		switch r := c.rare(); {
		case !c.active || c.life != alive || c.leaf():
		case max(r.came, r.named) == 0 || n.Now().Sub(max(r.came, r.named)) >= n.cfg.Heartbeat:
		case c.probe() == nil && n.Now().Sub(c.heard) < cameWithin && !c.heard.Before(r.doubted):
			came = append(came, c)
		default:
			asked = append(asked, c.h)
		}
	})
	slices.SortStableFunc(came, func(a, b *contact) int { return n.self.ID.Distance(a.h.ID).Cmp(n.self.ID.Distance(b.h.ID)) })
	for _, c := range came { // the nearest first, so that none is pushed out by the next
		if n.leafs.wants(c.h.ID) {
			if n.addLeaf(c); n.Now().Sub(c.heard) >= n.probeTime() {
				n.tell(c) // it may have died since, and who found that out may not know this node
			}
		}
	}
	n.candidatesOf(nil, asked)
}

// gotLeft: c said goodbye or was expelled; it is not coming back as this
// incarnation.
func (n *Node) gotLeft(c *contact, why kbr.DownWhy) {
	n.endProbe(c)
	wasLeaf, besides := c.leaf(), n.besides(c)
	c.life = left
	c.rarely().since = n.Now()
	n.forgetGone(c)
	n.remove(c)
	n.tellDown(c.h, why)
	n.reroute(c.cut())
	if wasLeaf {
		n.takeIn()
		// The goodbye may not have reached all: who missed it, and is told by those next
		// to the node that left, asks it, and finds nobody.
		n.failed(msg.Failure{Node: c.h.ID, Incarnation: c.h.Incarnation}, besides, true, false)
	}
}

// remove takes c out of leaf set, table and neighbourhood set.
func (n *Node) remove(c *contact) {
	told := c.seen()
	c.active = false
	n.dropNear(c)
	if c.leaf() {
		n.removeLeaf(c, told)
	}
	n.dropTable(c)
}

// addLeaf makes c a member of the leaf set.
func (n *Node) addLeaf(c *contact) {
	if c.h.ID == n.self.ID || n.removed.Expelled(c.h.ID) {
		return
	}
	was := c.leaf()
	out := n.leafs.insert(c)
	n.Protect(c.h, true)
	for _, o := range out {
		n.Protect(o.h, false)
		if o.active {
			n.tellUpdate(o.h, false)
		}
	}
	if !was && c.active {
		n.tellUpdate(c.h, true)
	}
	n.leafsChanged()
	n.stateChanged()
	if n.leafs.size() <= 4 && n.active {
		// A young ring's members must find each other again, also if one ends within a
		// second: it would begin a ring of its own.
		n.save()
	}
}

// removeLeaf takes c out of the leaf set, which applications saw as told, or did not.
func (n *Node) removeLeaf(c *contact, told *peer.Handle) {
	n.leafs.remove(c)
	n.Protect(c.h, false)
	if told != nil {
		n.tellUpdate(told, false)
	}
	n.leafsChanged()
	n.stateChanged()
}
