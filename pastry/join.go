package pastry

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

var errJoin = errors.New("the ring did not take this node in yet")

// Join makes a node that runs alone, or that was cut off, join the ring of the
// seeds. A node that looks for its ring already asks these, too, and at once. It is
// called on the node's loop.
func (n *Node) Join(seeds []*peer.Handle) {
	if n.active {
		for _, h := range seeds {
			n.probe(n.contact(h))
		}
		return
	}
	n.join(seeds, false)
}

// join runs the join task until it succeeds. A node whose seeds all stay silent
// goes on as a ring of one after a while, and heals later, if may is set.
func (n *Node) join(seeds []*peer.Handle, may bool) {
	n.seeds = n.others(append(slices.Clone(seeds), n.seeds...))
	if n.joining {
		n.knocked()
		return
	}
	if len(n.seeds) == 0 {
		n.becomeActive() // nobody but this node was named
		return
	}
	n.joining = true
	began := n.Now()
	n.Tasks().Go(func(t *task.T) error {
		silent, failed := 0, 0 // rounds without a ring, and since then attempts to enter one
		for try := 0; ; try++ {
			way, err := n.findRing(t, silent)
			wait := n.jitter(firstBackOff << min(silent, 8))
			if way.looking {
				wait = n.jitter(2 * firstBackOff) // it will not be long before somebody begins a ring
			}
			silent++
			if err == nil && way.reply != nil {
				if err = n.joinBy(t, way); err == nil {
					return n.settle(t)
				}
				// The ring is there, and may only be busy with others who join.
				wait = n.jitter(firstBackOff << min(failed, 4))
				silent = 0
				failed++
			}
			if errors.Is(err, task.ErrStopped) {
				return err
			}
			if may && n.begins(began, try, way) {
				n.leafs.each(func(c *contact) bool { n.remove(c); return true })
				for _, h := range n.seeds {
					n.remember(n.contact(h), 0)
				}
				n.becomeActive()
				return nil
			}
			knocked, err := n.backOff(t, min(wait, maxBackOff))
			if err != nil {
				return err
			}
			if knocked {
				silent = 0 // the ring may be heard again, if not at the first try
			}
		}
	}, func(error) { n.joining, n.seeds = false, nil })
}

// begins decides whether a member that starts again, and reached nobody who is in a
// ring, begins one: where all others are known to have ended; where some are there
// and look for the ring, too, as after a power cut, the one with the smallest id; and
// when no ring was heard of for Alone. Rings that are begun twice heal, but until then
// keys have two claimants: so what spoke of a ring, be it once, and who is silent, whose
// answers may be lost, are reasons to wait.
func (n *Node) begins(began task.Instant, try int, way ringSide) bool {
	if way.reply != nil {
		return false
	}
	if n.Now().Sub(max(began, n.ringHeard)) > n.cfg.Alone {
		return true
	}
	if n.ringHeard >= began {
		return false
	}
	patience := n.cfg.LeaseShort
	if way.silent {
		patience = n.cfg.Alone / 2 // which is time for some ten rounds
	}
	cold := way.looking && way.first && try > 0
	return n.allEnded() || cold && n.Now().Sub(began) > patience
}

// allEnded reports whether the processes of all seeds refused a link.
func (n *Node) allEnded() bool {
	for _, h := range n.seeds {
		if !n.contact(h).closed() {
			return false
		}
	}
	return true
}

// joinBy makes one attempt to join through a member that was found.
func (n *Node) joinBy(t *task.T, way ringSide) error {
	reply, err := n.joinRequest(t, way.seed)
	if err != nil {
		return err
	}
	n.takeLeafs(reply)
	if err := n.linkIn(t); err != nil {
		if !errors.Is(err, task.ErrStopped) {
			// Whoever is bound to this node may be unready by that, and has to serve the next attempt.
			n.dropLease(leftSide)
			n.dropLease(rightSide)
		}
		return err
	}
	n.rowsFound = append(n.rowsFound[:0], way.seed.h)
	for _, r := range reply.Rows {
		n.rowsFound = append(n.rowsFound, r.Nodes...)
	}
	return nil
}

// joinRequest routes a request to this node's own id, and waits for the root.
func (n *Node) joinRequest(t *task.T, near *contact) (*msg.JoinReply, error) {
	reply, err := task.Await(t, n.probeTime()+2*time.Second, func(resolve func(*msg.JoinReply, error)) {
		num := n.Rand().Uint64()
		n.joinNum, n.joinDone = num, resolve
		m := &msg.Hop{Route: &msg.Routed{Key: n.self.ID, Origin: n.self, Num: num, Join: true,
			Env: wire.Envelope{Version: wire.Version}}}
		n.forward(near, false, nil, m, nil)
	})
	n.joinDone = nil
	if err == nil && reply.Wait {
		err = errJoin
	}
	return reply, err
}

// takeLeafs takes over the nearest of the root's leaf set; the rest are met later. The
// root's word that they are there saves a round trip: they are asked for leases at once,
// and nothing but these makes this node claim a key. Whom it found dead itself must
// answer first. The very nearest are probed beside, so that who is gone, or nearer, is
// known soon.
func (n *Node) takeLeafs(m *msg.JoinReply) {
	n.leafsFound = m.Leaf
	for _, h := range flank(n.self.ID, m.Leaf, introduceTo) {
		if h.ID == n.self.ID || n.removed.Expelled(h.ID) {
			continue
		}
		c := n.contact(h)
		switch {
		case c.life == left || c.leaf() || !n.leafs.wants(h.ID):
		case c.life == dead || c.doubtful():
			n.probe(c)
		default:
			if c.life == heardOf {
				c.life = alive
			}
			c.active = true
			n.addLeaf(c)
		}
	}
	for s := range n.leafs.sides {
		for _, c := range n.leafs.sides[s][:min(2, len(n.leafs.sides[s]))] {
			if !c.met {
				n.probe(c)
			}
		}
	}
}

// linkIn gets a lease from the left neighbour, and then from the right one: from
// then on this node claims its keys.
func (n *Node) linkIn(t *task.T) error {
	if n.neighbour(leftSide) == nil {
		return errJoin
	}
	for range 40 {
		s := leftSide
		if n.linkedTo(leftSide) {
			s = rightSide
		}
		if n.linkedTo(s) {
			n.becomeActive()
			return nil
		}
		if s == leftSide {
			n.dropLease(rightSide)
		}
		c := n.neighbour(s)
		_, err := task.Await(t, 2*time.Second, func(resolve func(bool, error)) {
			n.linked = func() {
				if n.linkedTo(s) || n.neighbour(s) != c || s == rightSide && !n.linkedTo(leftSide) {
					resolve(true, nil)
				}
			}
			if a := &n.sides[s]; a.askedOf != c || a.askNum == 0 && !n.Now().Before(a.notBefore) {
				n.askLease(s)
			}
		})
		n.linked = nil
		if errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	return errJoin
}

// settle makes the new member known to its leaf set, fills the routing table, and
// announces row by row (PNS report).
func (n *Node) settle(t *task.T) error {
	if err := n.meetLeafs(t); err != nil {
		return err
	}
	if err := n.approach(t); err != nil {
		return err
	}
	if err := n.refine(t); err != nil {
		return err
	}
	n.fillFrom(n.rowsFound)
	n.rowsFound = nil
	n.announceRows()
	n.save()
	return nil
}

// meetLeafs tells the leaf set that this node is ready. The members that the root did
// not introduce hear of it for the first time, and come in when they answer.
func (n *Node) meetLeafs(t *task.T) error {
	cs := n.leafContacts()
	for _, c := range n.named(n.leafsFound) {
		if !c.leaf() && n.leafs.wants(c.h.ID) {
			cs = append(cs, c)
		}
	}
	n.leafsFound = nil
	_, err := task.Gather(t, n.probeTime()+time.Second, len(cs), func(i int, resolve func(bool, error)) {
		c := cs[i]
		if c.leaf() {
			n.tell(c)
		} else {
			n.candidate(nil, c.h)
		}
		if p := c.probe(); p != nil {
			p.waiting = append(p.waiting, func() { resolve(true, nil) })
		} else {
			resolve(true, nil)
		}
	}, nil)
	return err
}

func (n *Node) leafContacts() []*contact {
	cs := make([]*contact, 0, 2*n.leafs.half)
	n.leafs.each(func(c *contact) bool { cs = append(cs, c); return true })
	return cs
}

// addRows adds this node's rows that the joining node can use, and the node
// itself. The rows so far are shared with earlier hops and are not changed.
func (n *Node) addRows(have []msg.Row, key id.ID) []msg.Row {
	next := 0
	if k := len(have); k > 0 {
		next = int(have[k-1].Index) + 1
	}
	shared := n.cfg.Base.SharedPrefix(n.self.ID, key)
	out := slices.Clone(have)
	for i := next; i <= shared && i < n.cfg.Base.Rows(); i++ {
		r := msg.Row{Index: uint8(i), Nodes: n.rowNodes(i)}
		if i == shared {
			r.Nodes = append(r.Nodes, n.self)
		}
		if len(r.Nodes) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// onJoinRequest: this node is the root of a joining node's id.
func (n *Node) onJoinRequest(via *contact, m *msg.Hop) {
	r := m.Route
	j := n.contact(r.Origin)
	switch {
	case n.removed.Expelled(j.h.ID), r.Origin.ID == n.self.ID:
		return
	case j.h.Key != r.Origin.Key, r.Origin.Incarnation < j.born(),
		j.active && j.there() && r.Origin.Incarnation == j.h.Incarnation:
		return // this id is alive in the ring, or what asks is an echo
	}
	if !n.ready() || n.introducing >= maxIntroducing || !n.joins.take(joinRate, n.Now()) {
		n.keepCaller(via, m)
		return
	}
	if _, fresh := n.served.first(servedKey{r.Origin.ID, r.Origin.Incarnation, r.Num}, n.Now()); !fresh {
		return
	}
	rows := n.addRows(m.Join, r.Key)
	// The members as they were: the newcomer pushes one out of the set, who is still
	// its own neighbour.
	members := slices.DeleteFunc(slices.Clone(n.leafs.snapshot()), func(h *peer.Handle) bool { return h.ID == j.h.ID })
	n.introduced(j, r.Origin)
	n.answerJoin(via, j, &msg.JoinReply{Num: r.Num, Rows: rows, Leaf: append([]*peer.Handle{n.self}, members...)})
	n.introduce(r.Origin, flank(j.h.ID, members, introduceTo))
}

// introduce makes a newcomer known to those around it, over links that stand: it hears
// of them at the same time, and asks them for leases.
func (n *Node) introduce(newcomer *peer.Handle, near []*peer.Handle) {
	if len(near) == 0 {
		return
	}
	n.introducing++
	open := len(near)
	for _, h := range near {
		n.ask(n.contact(h), machine.ClassLiveness, func(seq uint32) wire.Message {
			return &msg.Introduce{Seq: seq, Joiner: newcomer}
		}, func(wire.Message, error) {
			if open--; open == 0 {
				n.introducing--
				n.After(0, n.admit)
			}
		})
	}
}

// Bounds of what joining nodes, real or invented, can cause here.
const (
	introduceTo    = 4  // nodes on either side of it that a newcomer is introduced to
	maxIntroducing = 32 // joins that this root serves at once
	maxCallers     = 64 // those that wait besides
	// Members of the leaf set that are not ready yet, and at most half of a side: a crowd
	// of newcomers must push out none of the neighbours with whom leases are exchanged.
	maxJoiners = 8
)

func (n *Node) onIntroduce(c *contact, m *msg.Introduce) {
	if m.Joiner.ID != n.self.ID && !n.removed.Expelled(m.Joiner.ID) {
		n.introduced(n.contact(m.Joiner), m.Joiner)
	}
	n.to(c, machine.ClassLiveness, &msg.Introduced{Seq: m.Seq})
}

// introduced notes a node that joins. It enters the leaf set, but owns no keys
// before it says that it is ready, or holds a lease of this node.
func (n *Node) introduced(j *contact, h *peer.Handle) {
	if j.life == left && h.Incarnation > j.h.Incarnation {
		j.life = dead
		j.unmet()
	}
	j = n.contact(h)
	if j.life == dead {
		j.life = heardOf // the root has met it
		j.doubt(false)
	}
	if j.leaf() || !n.leafs.wants(h.ID) || j.life == left {
		return
	}
	joiners := 0
	n.leafs.each(func(c *contact) bool {
		if !c.active {
			joiners++
		}
		return true
	})
	if joiners >= min(maxJoiners, n.leafs.half/2) {
		return // it comes in when it is ready, and says so itself
	}
	n.addLeaf(j)
	n.After(n.cfg.Heartbeat, func() {
		if j.leaf() && !j.active && !n.stopped {
			n.probe(j)
		}
	})
}
