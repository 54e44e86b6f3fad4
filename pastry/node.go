package pastry

import (
	"fmt"
	"math"
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

// Node is one node of the overlay. It is a machine.Machine: a driver steps it,
// and nothing else may touch it, except that edges run functions on its loop.
type Node struct {
	// What most messages need stands up to cfg, so it lies close together.
	machine.Kernel
	stopped     bool
	joining     bool // a join task runs
	planted     bool // it is a member from the start
	active      bool // has been ready since its start
	wasOK       bool // what Observer.Ready was told last
	serving     bool // lastServed is set
	ackWaiting  bool // it is planned to send what is owed
	passing     bool // an application wants to see what passes
	self        *peer.Handle
	contacts    contactSet
	table       []*contact
	owing       []debt       // of acknowledgements, the eldest first
	ackDue      func()       // sends them
	spare       *pendingHop  // free ones
	lastServed  task.Instant // of a delivery, for the length of leases
	busyUntil   task.Instant // leases are short
	links       links
	leafs       leafSet
	sides       [2]adjacency
	lostSight   task.Instant // of the last neighbour that fell silent
	held        *heldSet     // nil: nothing waits for a lease
	onWay       load         // messages that are not acknowledged
	handed      load         // of these, what others handed over
	lost        uint64       // so many messages were given up
	lastLost    task.Instant // the last of them
	linked      func()       // tells the join task that the leaf set or a lease changed
	askSeq      uint32
	epoch       uint32 // of hop numbers, of the link that began last
	tuning      tuning
	removed     peer.Expulsions
	cfg         settings
	apps        []*endpoint
	requests    map[uint64]*request
	served      servedSet
	asked       []asking // in the order of their numbers
	changes     int32    // of the leaf set since changedFirst, or since it was compared last
	introducing int32    // joins that this root serves
	healing     bool     // an attempt to reach the gone is planned
	waking      bool     // newcomers that wait for a lease are looked at again
	calling     bool     // callers are looked at again
	comparing   bool     // leaf sets, because there were many changes
	watching    bool     // askWatchedLater runs

	mended []uint16 // slots that were asked for since the last round of gossip
	near   []*contact
	gone   []gonePeer
	rose   task.Instant // when one that was found dead last spoke again

	silences      []task.Instant // when members last left a question unanswered, the oldest first
	swept         task.Instant   // when all of them were asked
	failures      []msg.Failure
	unsaid        []msg.Failure // those to be announced, by announceTimer
	announceAt    task.Instant
	announceTimer alarm

	watches  map[id.ID][]*watch
	relayNum uint64
	told     uint64 // number of the last message of endpoint.Tell

	readySince task.Instant // when it last began to claim keys
	wills      *wills       // promises of the dead; nil: none

	joins      bucket            // that this root served
	passed     []passedJoin      // those that went through this node
	casts      map[id.ID]*bucket // broadcasts, by their origin
	candidates []*contact        // named nodes that are probed
	joinNum    uint64            // of the join request that is out
	joinDone   func(*msg.JoinReply, error)
	callers    []caller       // joining nodes that wait for this root
	seeds      []*peer.Handle // of the join that runs, or is to begin
	knock      func()         // wakes the join task from its back-off
	ringHeard  task.Instant   // when somebody last said that he is in a ring, and this node was in none
	rowsFound  []*peer.Handle // on the way of the join request
	leafsFound []*peer.Handle // at its root

	toldVersion  uint64         // of the leaf set, at the last upkeep
	changed      task.Instant   // when the leaf set last did
	changedFirst task.Instant   // when the first of changes was
	compared     task.Instant   // when it was last exchanged with the neighbour because they differed
	saved        []*peer.Handle // remembered at the last start
}

// settings are what a node keeps of its Config.
type settings struct {
	*Parameters
	Ring     id.Hash
	Signer   peer.Signer
	Verifier peer.Verifier
	Trust    func(*peer.Expulsion) bool
	Expelled func(*peer.Expulsion)
	Observe  Observer
}

var _ machine.Machine = (*Node)(nil)

// New makes a node. saved is what it last gave to Env.Save, or nil. A snapshot
// that cannot be read is ignored: it holds only hints. The incarnation of self
// must be above that of any earlier start (see SavedIncarnation).
func New(cfg Config, self *peer.Handle, saved []byte) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg:  settings{cfg.Parameters, cfg.Ring, cfg.Signer, cfg.Verifier, cfg.Trust, cfg.Expelled, cfg.Observe},
		self: self, seeds: cfg.Seeds,
		contacts: contactSet{seed: self.ID.Lo},
		leafs:    leafSet{self: self.ID, half: cfg.LeafSet / 2},
	}
	n.Kernel.Init(cfg.Rand)
	snap, err := parseSnapshot(saved)
	if err == nil {
		n.saved = snap.Peers
		for _, e := range snap.Expulsions {
			n.removed.Add(e)
		}
	}
	for _, m := range cfg.Apps {
		ep := &endpoint{n: n, number: m.Number, app: m.App}
		ep.pass, _ = m.App.(kbr.Forwarder)
		n.apps = append(n.apps, ep)
		n.passing = n.passing || ep.pass != nil
	}
	return n, nil
}

// id is the node's own. What every message asks for is kept beside other such things: to
// fetch the handle would take as long as to find the next hop.
func (n *Node) id() id.ID { return n.leafs.self }

// Self implements machine.Machine.
func (n *Node) Self() *peer.Handle { return n.self }

// Step implements machine.Machine.
func (n *Node) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	n.Begin(now, out)
	if !n.stopped && !n.Handle(in) {
		n.input(in)
	}
	n.End()
}

func (n *Node) input(in machine.Input) {
	switch in.Kind {
	case machine.InStart:
		n.start()
	case machine.InMessage:
		if c := n.heardFrom(in.From); c != nil {
			n.message(c, in.Msg)
		}
	case machine.InPeerUp:
		n.peerUp(in.From, in.Cert)
	case machine.InPeerDown:
		n.peerDown(in.From, in.Why)
	case machine.InWake:
		n.wake()
	case machine.InStop:
		n.leave()
	default:
		panic(fmt.Sprintf("pastry: input of kind %d", in.Kind)) // the driver's bug
	}
}

func (n *Node) message(c *contact, m wire.Message) {
	switch m := m.(type) {
	case *msg.Hop:
		n.onHop(c, m)
	case *msg.Ack:
		n.onAcks(c, m.Seqs)
	case *msg.LeafProbe:
		n.onLeafProbe(c, m)
	case *msg.Lease:
		n.onLease(c, m)
	case *msg.Ping:
		n.to(c, machine.ClassLiveness, &msg.Pong{Seq: m.Seq, Active: n.active})
	case *msg.Pong:
		n.answered(c, m.Seq, m)
	case *msg.StateRequest:
		n.onStateRequest(c, m)
	case *msg.StateReply:
		n.answered(c, m.Seq, m)
	case *msg.Introduce:
		n.onIntroduce(c, m)
	case *msg.Introduced:
		n.answered(c, m.Seq, m)
	case *msg.JoinReply:
		n.onJoinReply(m)
	case *msg.RowAnnounce:
		n.onRowAnnounce(c, m)
	case *msg.Direct:
		n.onDirect(c, m)
	case *msg.Reply:
		n.onAcks(c, m.Acks)
		n.takeReply(c, m)
	case *msg.Leave:
		n.onLeave(c, m)
	case *msg.Relay:
		n.onRelay(c, m)
	case *msg.ExpulsionSet:
		n.onExpulsions(m)
	case *msg.Moved:
		n.onMoved(c, m)
	default:
		panic(fmt.Sprintf("pastry: message %T is in the table and is not handled", m))
	}
}

// to sends a link message, past a link that does not work if need be.
func (n *Node) to(c *contact, class machine.Class, m wire.Message) {
	if by := c.via(); by != nil && by.there() && by.via() == nil {
		n.relay(c, m)
		return
	}
	n.Send(c.h, class, m)
}

// start begins the node's life.
func (n *Node) start() {
	for _, ep := range n.apps {
		ep.app.Start(ep)
	}
	if n.planted {
		n.contacts.each(func(c *contact) { c.heard = n.Now() }) // else all would be probed at once
	}
	n.every(n.cfg.TableRound, n.tableRound)
	n.every(n.cfg.Heartbeat, n.upkeep)
	n.probeTable()
	if n.planted {
		n.sprout()
		return
	}
	seeds := append(slices.Clone(n.seeds), n.saved...)
	n.seeds = nil
	n.join(seeds, len(n.saved) > 0)
}

// every calls f again and again, each time after a period drawn between 3/4 and
// 5/4 of d, so that nodes that started together do not stay in step.
func (n *Node) every(d time.Duration, f func()) {
	var ring func()
	ring = func() {
		if !n.stopped {
			f()
			n.After(n.jitter(d), ring)
		}
	}
	n.After(n.jitter(d), ring)
}

// alarm is a task.Timer of this node's that takes a third of its room.
type alarm struct{ slot, round uint32 }

// alarm calls f after d.
func (n *Node) alarm(d time.Duration, f func()) alarm {
	slot, round := n.Set(d, f)
	return alarm{slot, round}
}

// stop stops an alarm, which may be none, or be over.
func (n *Node) stop(a alarm) { n.StopTimer(a.slot, a.round) }

func (n *Node) jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(n.Rand().Int64N(int64(d/2)+1))
}

// becomeActive: from here on the node takes part as a member of the ring.
func (n *Node) becomeActive() {
	n.active = true
	n.stateChanged()
	n.save()
}

// wake: the process or its machine was stopped. Leases have ended by the clock
// before anything else is handled; others may have given this node up.
func (n *Node) wake() {
	if len(n.gone) > 0 {
		n.lostSight = n.Now() // others may well be there
	}
	n.stateChanged()
	n.leafs.each(func(c *contact) bool {
		n.probe(c)
		return true
	})
	n.knocked()
	if n.active { // else the join task asks
		for s := range n.sides {
			n.askLease(side(s))
		}
	}
	for _, ep := range n.apps {
		if w, ok := ep.app.(interface{ Wake() }); ok {
			w.Wake()
		}
	}
	n.heal()
}

// leave says goodbye: applications first, who may hand over what they hold.
func (n *Node) leave() {
	for _, ep := range n.apps {
		ep.app.Stop()
	}
	n.flushAcks(n.Now())
	n.leafs.each(func(c *contact) bool {
		n.to(c, machine.ClassLiveness, &msg.Leave{Incarnation: n.self.Incarnation})
		return true
	})
	n.save()
	n.stopped = true
	for _, num := range n.requestNums() {
		n.finish(num, result{err: task.ErrStopped})
	}
}

// ringSize is this node's estimate of the number of nodes.
func (n *Node) ringSize() float64 { return n.leafs.density() }

// meanHops is the expected number of hops in a ring of this size (MSPastry,
// section 4.1).
func (n *Node) meanHops() float64 {
	cols := float64(n.cfg.Base.Cols())
	return max(1, (cols-1)/cols*math.Log(n.ringSize())/math.Log(cols))
}

func (n *Node) peerUp(h *peer.Handle, cert *peer.Certificate) {
	if cert != nil {
		n.removed.Saw(cert.Admission) // it decides what a lone admitter may still do
	}
	if cert != nil && n.removed.Expelled(cert.Node) {
		n.Drop(h)
		return
	}
	n.links.up(h)
	if c := n.meet(h); c.h.Incarnation == h.Incarnation {
		c.direct() // a link stands, so there is no need to go by others any more
	}
}

func (n *Node) onLeave(c *contact, m *msg.Leave) {
	if m.Incarnation != c.h.Incarnation {
		return
	}
	n.leaseOver(c.h)
	n.gotLeft(c, downLeft)
}
