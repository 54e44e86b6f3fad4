package pastry

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/pastry/taken"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// life is what a node believes of another.
type life uint8

const (
	heardOf life = iota // named by others, never met
	alive
	suspect // did not answer in time; being probed
	dead    // answered no probe, or its process is gone
	left    // said goodbye, or was expelled
)

// flags say of a contact what would take a search, or a look at what is seldom known:
// each message and each slow round asks it.
type flags uint8

const (
	inLeaf flags = 1 << iota
	inTable
	inNear
	probed     // a probe runs
	detour     // it is reached only through another
	doubtful   // it was found dead, spoke again, and has to answer a probe
	closed     // the link of this incarnation was closed, and a new one refused
	toldClosed // another leaf-set member saw the same

	places = inLeaf | inTable | inNear
	odd    = probed | detour | doubtful | closed | toldClosed
)

// contact is what a node knows of another. There is one for each nodeId. Most of the
// memory of a node are its contacts, and most of the time of a message is spent on
// fetching one: so there is in it what every message asks for, and no more.
type contact struct {
	h     *peer.Handle
	link  *link        // what was dealt with it of late; nil: nothing
	heard task.Instant // when anything came from it
	prox  int32        // half the smallest round trip, microseconds; 0 = not measured
	life  life
	// active: it has been ready since its start and was not found dead since.
	active bool
	met    bool // answered us directly, in this incarnation
	is     flags
}

// link is what a node keeps of its dealings with another: the numbers of the messages
// that are routed over their link, and what is seldom needed.
type link struct {
	epoch uint32 // of the numbers given; 0 before the first
	// seq is the last number given; it goes on when the epoch changes, so that a late
	// acknowledgement names nothing of the new one.
	seq       uint32
	seenEpoch uint32
	seenMax   uint32      // highest number received
	seen      uint64      // bit i: seenMax-i was received
	pending   *pendingHop // those not acknowledged, in the order of their numbers
	owed      *msg.Owed   // acknowledgements that are gathered
	srtt      time.Duration
	rttvar    time.Duration
	rare      *rare
}

// rare is what is known of few contacts: those that are probed, doubted or dead, or
// reached past a broken link, and the ring neighbours.
type rare struct {
	probe *probe
	via   *contact     // reached only through this one (non-transitive links)
	since task.Instant // of its death verdict or goodbye
	// repaired is when it was last asked as the edge of a side with room.
	repaired task.Instant
	doubted  task.Instant // when it was last probed because another found it dead
	named    task.Instant // when it was last probed as a candidate that others named
	came     task.Instant // when it last told of itself, and there was no place for it
	gotSet   task.Instant // when its set of expulsions was asked for
	relayed  *taken.Many  // which relayed messages were taken; nil: none
	told     taken.Few    // numbers of what it told (endpoint.Tell): in a servedSet they would take the room of what is answered or sent again
	lastAsk  uint32       // highest number of its lease requests
	promised task.Instant // when this node last granted it a lease
	// born is the highest incarnation that its own link showed, unless it is met; what
	// others name may be invented.
	born  uint64
	casts bucket // broadcasts that it handed over
	beats beats  // when promises of a ring neighbour end
}

// linked returns the contact's link, made if need be.
func (c *contact) linked() *link {
	if c.link == nil {
		c.link = new(link)
	}
	return c.link
}

// nothingRare is what is seldom known of most. It is never changed.
var nothingRare rare

// rare returns what is seldom known, to be read.
func (c *contact) rare() *rare {
	if c.link == nil || c.link.rare == nil {
		return &nothingRare
	}
	return c.link.rare
}

// rarely returns what is seldom known, to be changed.
func (c *contact) rarely() *rare {
	l := c.linked()
	if l.rare == nil {
		l.rare = new(rare)
	}
	return l.rare
}

// probe returns the probe that runs, or nil.
func (c *contact) probe() *probe {
	if c.is&probed == 0 {
		return nil
	}
	return c.link.rare.probe
}

// begins notes that a probe runs, which may be another's.
func (c *contact) begins(p *probe) {
	c.rarely().probe = p
	c.is |= probed
}

// ends notes that no probe runs any more. Most probes leave nothing else behind: then
// what they took is freed.
func (c *contact) ends() {
	c.is &^= probed
	l := c.link
	if l.rare.probe = nil; *l.rare == (rare{}) {
		l.rare = nil
	}
	if *l == (link{}) {
		c.link = nil
	}
}

// via returns the node through which alone c is reached, nil if its link works.
func (c *contact) via() *contact {
	if c.is&detour == 0 {
		return nil
	}
	return c.link.rare.via
}

// goesBy notes that c is reached only through by.
func (c *contact) goesBy(by *contact) {
	c.rarely().via = by
	c.is |= detour
}

// direct notes that c's own link works.
func (c *contact) direct() {
	if c.is&detour != 0 {
		c.link.rare.via = nil
		c.is &^= detour
	}
}

// born returns the highest incarnation that its own link showed.
func (c *contact) born() uint64 {
	if c.met {
		return c.h.Incarnation
	}
	return c.rare().born
}

// unmet notes that c has to prove again that it is there.
func (c *contact) unmet() {
	if c.met {
		c.rarely().born = c.h.Incarnation
		c.met = false
	}
}

func (c *contact) doubtful() bool { return c.is&doubtful != 0 }
func (c *contact) closed() bool   { return c.is&closed != 0 }

// doubt notes whether c has to answer a probe before it is believed.
func (c *contact) doubt(yes bool) {
	c.is &^= doubtful
	if yes {
		c.is |= doubtful
	}
}

// opened notes that its address does not, or may not, refuse links.
func (c *contact) opened() { c.is &^= closed | toldClosed }

// seen returns c's handle if applications see it as a neighbour, else nil.
func (c *contact) seen() *peer.Handle {
	if c.leaf() && c.active {
		return c.h
	}
	return nil
}

// busy reports whether messages are on their way to c, or acknowledgements due.
func (c *contact) busy() bool {
	return c.link != nil && (c.link.pending != nil || c.link.owed != nil)
}

// sameNode reports whether two handles are one node's. Mostly they are one handle, which is
// then not read.
func sameNode(a, b *peer.Handle) bool { return a == b || a.ID == b.ID }

// sameLife reports whether two handles are one node's in one incarnation.
func sameLife(a, b *peer.Handle) bool {
	return a == b || a.ID == b.ID && a.Incarnation == b.Incarnation
}

// leaf reports whether c stands in the leaf set.
func (c *contact) leaf() bool { return c.is&inLeaf != 0 }

// usable reports whether c may be a next hop.
func (c *contact) usable() bool { return c.life == alive || c.life == heardOf }

// there reports whether c counts as a member of the ring.
func (c *contact) there() bool { return c.life == alive || c.life == suspect }

// distance is the proximity for comparisons: what was not measured is far.
func (c *contact) distance() int32 {
	if c.prox == 0 {
		return math.MaxInt32
	}
	return c.prox
}

// maxContacts bounds what rumours can make a node remember. A ring of any size
// needs a few hundred.
const maxContacts = 8192

// contact returns what is known of a node that others, or an envelope, named. A
// newer handle is taken over only where nothing is promised to the older one: a
// rumour ends nobody's lease.
func (n *Node) contact(h *peer.Handle) *contact {
	c := n.contacts.find(h.ID)
	if c == nil {
		c = &contact{h: h}
		if n.contacts.n >= maxContacts {
			n.forgetContacts()
		}
		if n.contacts.n < maxContacts {
			n.contacts.add(c)
		}
		return c
	}
	if c.h == h || c.met {
		return c
	}
	switch known := c.probe() != nil || c.link != nil && c.link.epoch+c.link.seenEpoch != 0; {
	case h.Key == c.h.Key && h.Incarnation == c.h.Incarnation && h.Newer(c.h):
		c.h = h
	case known:
	case h.Key != c.h.Key && c.life == dead:
		// What was named first did not answer: perhaps it was invented.
		n.supersede(c, h)
	case h.Key == c.h.Key && h.Incarnation > c.h.Incarnation:
		n.supersede(c, h)
	}
	n.leafs.stale()
	return c
}

// supersede lets another incarnation, which only others named, take c's place.
func (n *Node) supersede(c *contact, h *peer.Handle) {
	told := c.seen()
	c.fresh(h)
	n.leafs.stale()
	if told != nil {
		n.After(0, func() { n.tellUpdate(told, false) })
	}
}

// meet returns what is known of a node that proved itself over its own link, and
// takes over its newer incarnation or its other addresses.
func (n *Node) meet(h *peer.Handle) *contact {
	c := n.contact(h)
	switch {
	case c.h == h:
	case h.Incarnation > c.h.Incarnation || h.Key != c.h.Key:
		n.reborn(c, h)
	case h.Newer(c.h):
		n.relocate(c, h)
	case c.met || h.Incarnation < c.born():
	case h.Incarnation == c.h.Incarnation:
		n.relocate(c, h) // others named other addresses
	default:
		// A later life that others named, and that nobody met, is no reason not to
		// hear this one; but this may be an echo.
		n.supersede(c, h)
		c.doubt(true)
	}
	if c.doubtful() && h.Incarnation == c.h.Incarnation {
		c.rarely().born = h.Incarnation
	}
	return c
}

// fresh forgets what was known of an earlier incarnation; what counts for all of
// them stays.
func (c *contact) fresh(h *peer.Handle) {
	old, born, was := *c.rare(), c.born(), c.link
	*c = contact{h: h, prox: c.prox, is: c.is & (places | probed)}
	if was != nil && was.pending != nil { // who does not cut it goes on with what is on the way
		c.link = &link{epoch: was.epoch, seq: was.seq, pending: was.pending}
	}
	if old.repaired != 0 || old.probe != nil || born != 0 {
		*c.rarely() = rare{repaired: old.repaired, probe: old.probe, born: born}
	}
}

// reborn: the node runs as a new incarnation. What was promised to the old one is
// over, and what was on the way to it is sent anew.
func (n *Node) reborn(c *contact, h *peer.Handle) {
	old, told := c.h, c.seen()
	wasThere := c.there()
	n.endProbe(c)
	pending := c.cut()
	c.fresh(h)
	n.leafs.stale() // no lease that is asked for from here on counts it
	n.leaseOver(old)
	if wasThere {
		n.tellDown(old, downDied)
	}
	if c.leaf() {
		n.removeLeaf(c, told)
	}
	n.reroute(pending)
}

// heardFrom notes a sign of life over c's own link.
func (n *Node) heardFrom(h *peer.Handle) *contact {
	if c := n.contacts.find(h.ID); c != nil && c.h == h && c.life == alive && c.met && c.is&odd == 0 {
		c.heard = n.Now() // nearly always
		return c
	}
	c := n.meet(h)
	if h.Incarnation < c.h.Incarnation {
		return nil // an echo of an earlier life
	}
	if c.life == left {
		return nil
	}
	c.heard = n.Now()
	c.direct()
	n.revive(c)
	return c
}

// revive notes that c is there. A node that was found dead is not believed by
// what may be an echo of its former life: it has to answer a probe first.
func (n *Node) revive(c *contact) {
	if c.life == dead {
		c.life = heardOf
		c.doubt(true)
	}
	if c.doubtful() {
		n.probe(c)
		return
	}
	if c.leaf() && !c.there() {
		n.leafs.stale() // it counts again
	}
	c.life, c.met = alive, true
	c.opened()
	// Any sign of life ends a probe, except of a node that is to enter the leaf
	// set: what it knows is wanted, too.
	if p := c.probe(); p != nil && !p.news && (p.pinged || c.leaf() || !n.leafs.wants(c.h.ID)) {
		n.endProbe(c)
		if p.young && n.active && c.leaf() {
			n.to(c, machine.ClassLiveness, n.leafProbe(false)) // this node is in the ring now
		}
	}
}

// rise: a node that was found dead answered a probe.
func (n *Node) rise(c *contact) {
	c.doubt(false)
	n.rose = n.Now()
	n.failures = slices.DeleteFunc(slices.Clone(n.failures), func(f msg.Failure) bool { return f.Node == c.h.ID })
	n.revive(c)
	n.After(0, func() { n.meetAgain(c) })
}

// measured takes a round trip of an idle probe.
func (n *Node) measured(c *contact, rtt time.Duration) {
	half := int32(min(max(rtt.Microseconds()/2, 1), math.MaxInt32-1))
	if c.prox == 0 || half < c.prox {
		c.prox = half
	} else {
		// A path that became longer is believed slowly: queues are not distance.
		c.prox += (half - c.prox) / 8
	}
	n.offerTable(c)
	n.offerNear(c)
}

// forgetContacts frees what is known of nodes that play no part, and what is no
// longer needed of the others.
func (n *Node) forgetContacts() {
	now := n.Now()
	// Whoever had messages relayed is kept while there is room, so that none of them is
	// heard again.
	room := n.contacts.n < maxContacts/2
	n.contacts.retain(func(c *contact) bool {
		if c.is&places != 0 || now.Sub(c.heard) < n.cfg.Heartbeat || room && c.rare().relayed != nil || c.probe() != nil || c.busy() || n.links.told && n.links.stands(c.h) ||
			n.watched(c.h.ID) || n.isGone(c.h.ID) || n.leaseWith(c.h.ID) ||
			c.life == left && now.Sub(c.rare().since) < n.cfg.GoneFor {
			n.tidy(c)
			return true
		}
		return false
	})
}

// rested reports whether a time is so long ago that no copy of a message of then, and no
// acknowledgement, can be on its way.
func (n *Node) rested(t task.Instant) bool { return n.Now().Sub(t) > 2*n.cfg.Heartbeat }

// tryLink looks whether the link to one that is reached past it alone works again. One with whom this node has nothing
// to do, and of whom nothing was heard for long, is spoken with directly again when there is something to say: nobody
// else would find out, and what must come over a link of its own would never get there. One who has a place, or
// is watched, would be probed over the broken link, and found dead. Who is gone is left in peace.
func (n *Node) tryLink(c *contact) {
	switch {
	case c.life == dead || c.life == left:
		c.direct()
	case c.is&places != 0 || n.watched(c.h.ID) || !n.rested(c.heard):
		n.Send(c.h, machine.ClassLiveness, &msg.Ping{})
	default:
		c.direct()
	}
}

// tidy frees what a contact keeps of its link when it has rested.
func (n *Node) tidy(c *contact) {
	l := c.link
	if l == nil {
		return
	}
	rest := n.rested
	if r := l.rare; r != nil && c.usable() && r.probe == nil && r.via == nil && r.relayed == nil && (r.told.None() || rest(c.heard)) &&
		(r.born == 0 || c.met) && (r.lastAsk == 0 || !c.leaf() && !n.leaseWith(c.h.ID)) &&
		rest(r.repaired) && rest(r.doubted) && rest(r.named) && rest(r.came) && rest(r.gotSet) {
		l.rare = nil
	}
	if l.rare == nil && !c.busy() && rest(c.heard) {
		c.link = nil
	}
}
