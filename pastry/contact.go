package pastry

import (
	"math"
	"slices"
	"time"

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

// contact is what a node knows of another. There is one for each nodeId.
type contact struct {
	h     *peer.Handle
	heard task.Instant // when anything came from it
	prox  int32        // half the smallest round trip, microseconds; 0 = not measured
	life  life
	// active: it has been ready since its start and was not found dead since.
	active bool
	leaf   bool // in the leaf set
	closed bool // the link of this incarnation was closed, and a new one refused
	met    bool // answered us directly, in this incarnation
	// doubtful: it was found dead, spoke again, and has to answer a probe.
	doubtful bool
	// born is the highest incarnation that its own link showed; what others name may
	// be invented.
	born    uint64
	lastAsk uint32 // highest number of its lease requests
	// toldClosed: another leaf-set member saw the same.
	toldClosed bool
	probe      *probe
	// waiting is called when the probe that runs has ended.
	waiting []func()
	hop     *hopState
	via     *contact     // reached only through this one (non-transitive links)
	since   task.Instant // of its death verdict or goodbye
	// seq is the last number given to a hop; it goes on when the epoch changes, so
	// that a late acknowledgement names nothing of the new one.
	seq uint32
	// repaired is when it was last asked as the edge of a side with room.
	repaired task.Instant
	tuned    uint32       // its table-probing period, seconds
	tunedAt  task.Instant // when it said so
	relayed  uint64       // highest number of a relayed message
	doubted  task.Instant // when it was last probed because another found it dead
	named    task.Instant // when it was last probed as a candidate that others named
	gotSet   task.Instant // when its set of expulsions was asked for
}

// hopState is the per-link part of a contact: made when a message is routed over
// the link.
type hopState struct {
	epoch     uint32 // of the numbers given; 0 before the first
	pending   []*pendingHop
	seenEpoch uint32
	seenMax   uint32 // highest number received
	seen      uint64 // bit i: seenMax-i was received
	owed      []uint32
	srtt      time.Duration
	rttvar    time.Duration
}

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
	c := n.contacts[h.ID]
	if c == nil {
		c = &contact{h: h}
		if len(n.contacts) >= maxContacts {
			n.forgetContacts()
		}
		if len(n.contacts) < maxContacts {
			n.contacts[h.ID] = c
		}
		return c
	}
	if c.h == h || c.met {
		return c
	}
	switch known := c.probe != nil || c.hop != nil; {
	case h.Key == c.h.Key && h.Incarnation == c.h.Incarnation && h.Newer(c.h):
		c.h = h
	case known:
	case h.Key != c.h.Key && c.life == dead:
		// What was named first did not answer: perhaps it was invented.
		c.fresh(h)
	case h.Key == c.h.Key && h.Incarnation > c.h.Incarnation:
		c.fresh(h)
	}
	n.leafs.list = nil
	return c
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
	case c.met || h.Incarnation < c.born:
	case h.Incarnation == c.h.Incarnation:
		n.relocate(c, h) // others named other addresses
	default:
		// A later life that others named, and that nobody met, is no reason not to
		// hear this one; but this may be an echo.
		c.fresh(h)
		c.doubtful = true
		n.leafs.list = nil
	}
	if h.Incarnation == c.h.Incarnation {
		c.born = h.Incarnation
	}
	return c
}

// fresh forgets what was known of an earlier incarnation; what counts for all of
// them stays.
func (c *contact) fresh(h *peer.Handle) {
	*c = contact{h: h, prox: c.prox, born: c.born, leaf: c.leaf, repaired: c.repaired, probe: c.probe, waiting: c.waiting}
}

// reborn: the node runs as a new incarnation. What was promised to the old one is
// over, and what was on the way to it is sent anew.
func (n *Node) reborn(c *contact, h *peer.Handle) {
	old := c.h
	wasThere := c.there()
	n.endProbe(c)
	hops := c.hop
	c.fresh(h)
	n.leaseOver(old)
	if wasThere {
		n.tellDown(old, downDied)
	}
	if c.leaf {
		n.removeLeaf(c)
	}
	n.reroute(hops)
}

// heardFrom notes a sign of life over c's own link.
func (n *Node) heardFrom(h *peer.Handle) *contact {
	c := n.meet(h)
	if h.Incarnation < c.h.Incarnation {
		return nil // an echo of an earlier life
	}
	if c.life == left {
		return nil
	}
	c.heard = n.Now()
	c.via = nil
	n.revive(c)
	return c
}

// revive notes that c is there. A node that was found dead is not believed by
// what may be an echo of its former life: it has to answer a probe first.
func (n *Node) revive(c *contact) {
	if c.life == dead {
		c.life, c.doubtful = heardOf, true
	}
	if c.doubtful {
		n.probe(c)
		return
	}
	c.life, c.met, c.closed, c.toldClosed = alive, true, false, false
	// Any sign of life ends a probe, except of a node that is to enter the leaf
	// set: what it knows is wanted, too.
	if c.probe != nil && !c.probe.news && (c.leaf || !n.leafs.wants(c.h.ID)) {
		n.endProbe(c)
	}
}

// rise: a node that was found dead answered a probe.
func (n *Node) rise(c *contact) {
	c.doubtful = false
	n.failures = slices.DeleteFunc(slices.Clone(n.failures), func(f Failure) bool { return f.Node == c.h.ID })
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

// forgetContacts frees what is known of nodes that play no part.
func (n *Node) forgetContacts() {
	now := n.Now()
	for x, c := range n.contacts {
		if c.leaf || c.probe != nil || c.hop != nil && len(c.hop.pending)+len(c.hop.owed) > 0 ||
			n.inTable(c) || n.inNear(c) || n.watched(x) || n.isGone(x) || n.leaseWith(x) ||
			now.Sub(c.heard) < n.cfg.Heartbeat || c.life == left && now.Sub(c.since) < n.cfg.GoneFor {
			continue
		}
		delete(n.contacts, x)
	}
}
