package scribe

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// This file is a parent's side of the tree.

// onAttach lets a node become a child: at once if this node is in the tree, else when it has
// a parent itself (Castro et al., JSAC 2002, section 3.2: a node on the way of a join becomes
// a forwarder, and joins itself).
func (s *Scribe) onAttach(d *kbr.Delivery, m *msg.Attach) {
	self := s.ep.Self().ID
	if s.groups[m.Group] == nil && !s.fresh.Take(d.Via.ID, s.ep.Now()) {
		refuse(d, msg.RefusedBusy)
		return
	}
	g := s.find(m.Group)
	switch {
	case g == nil || len(m.Chain) >= id.Size*(msg.MaxDepth-1):
		refuse(d, msg.RefusedLimit)
	case d.Via.ID == self || msg.OnPath(m.Chain, self):
		refuse(d, msg.RefusedCycle)
	case g.attached() && !g.stale(), g.isAdrift() && g.child(d.Via.ID) != nil: // which stays: see orphan
		g.admit(&asker{d: d, m: m})
	case len(g.waiting) >= 2*s.cfg.MaxChildren:
		refuse(d, msg.RefusedBusy)
	default:
		g.waiting = append(g.waiting, &asker{d, m, s.ep.Now().Add(s.cfg.Ask)})
		g.seek()
		return
	}
	if g != nil {
		g.dropIfIdle()
	}
}

// stale reports whether this node is no longer the root that it was, or is one now.
func (g *group) stale() bool { return (g.root != nil) != g.nearest() && g.reviewRoot() }

// gone forgets those who wait no longer.
func (g *group) gone() {
	now := g.s.ep.Now()
	g.waiting = slices.DeleteFunc(g.waiting, func(a *asker) bool { return a.until.Before(now) })
}

// serve answers those who waited for this node to be in the tree.
func (g *group) serve() {
	waiting := g.waiting
	g.waiting = nil
	for _, a := range waiting {
		g.admit(a)
	}
}

// turnAway refuses those who wait.
func (g *group) turnAway(code uint16, n int) {
	n = min(n, len(g.waiting))
	waiting := g.waiting[:n]
	g.waiting = slices.Clone(g.waiting[n:])
	for _, a := range waiting {
		refuse(a.d, code)
	}
}

// admit decides about one who wants to be a child.
func (g *group) admit(a *asker) {
	from := a.d.Via
	if err := g.charter.Admits(g.s.cfg.Ring, a.m.Pass, g.s.cfg.Verifier, g.s.ep.Wall()); err != nil {
		refuse(a.d, reason(err))
		return
	}
	c := g.child(from.ID)
	switch {
	case msg.OnPath(g.path, from.ID):
		refuse(a.d, msg.RefusedCycle)
		return
	case len(g.path) >= id.Size*(msg.MaxDepth-1):
		refuse(a.d, msg.RefusedLimit)
		return
	case c == nil && g.s.crowd[from.ID] >= g.s.cfg.MaxPerPeer:
		refuse(a.d, msg.RefusedLimit)
		return
	case c == nil && len(g.children) >= g.s.cfg.MaxChildren && !g.makeRoom(from):
		a.d.Reply(msg.Encode(g.full()))
		return
	}
	if c != nil && c.node.Incarnation != from.Incarnation {
		g.remove(c)
		c = nil
	}
	if c == nil {
		c = g.add(from)
	}
	c.pass, c.fails, c.astray, c.mute = a.m.Pass, 0, 0, 0
	if a.m.Number >= c.number { // an earlier question may come later
		c.number, c.member = a.m.Number, a.m.Member
	}
	answer := &msg.Adopted{Path: g.pathHere(), Backup: g.backupFor(from), Next: millis(g.quiet)}
	if a.m.Version < g.charter.Version {
		answer.Charter = g.charter
	}
	a.d.Reply(msg.Encode(answer))
	g.beatLater()
}

func (g *group) child(x id.ID) *child {
	for _, c := range g.children {
		if c.node.ID == x {
			return c
		}
	}
	return nil
}

func (g *group) add(node *peer.Handle) *child {
	// Children are to confirm batches at different times.
	beat := g.s.cfg.Beat
	c := &child{node: node, proved: g.s.ep.Now().Add(-time.Duration(g.s.ep.Rand().Int64N(int64(beat))))}
	g.children = append(g.children, c)
	g.s.crowd[node.ID]++
	c.cancel = g.s.ep.Watch(node, func(kbr.Down) { g.lost(c) })
	return c
}

func (g *group) lost(c *child) {
	if slices.Contains(g.children, c) {
		g.remove(c)
		g.dropIfIdle()
	}
}

func (g *group) remove(c *child) {
	c.cancel()
	g.children = slices.DeleteFunc(g.children, func(o *child) bool { return o == c })
	if g.s.crowd[c.node.ID]--; g.s.crowd[c.node.ID] <= 0 {
		delete(g.s.crowd, c.node.ID)
	}
}

// letGo tells a child that this node is its parent no longer, and who may be.
func (g *group) letGo(c *child, to []*peer.Handle) {
	g.remove(c)
	g.s.send(c.node, &msg.Leave{Group: g.id, Parent: true, Nodes: to})
}

// pathHere is the path to this node.
func (g *group) pathHere() []byte { return append(slices.Clone(g.path), msg.Path(g.s.ep.Self().ID)...) }

// backupFor is whom a child asks first if this node dies: this node's parent; of a root,
// who will be root then.
func (g *group) backupFor(c *peer.Handle) *peer.Handle {
	if g.parent != nil {
		return g.parent.node
	}
	for _, h := range g.others() {
		if h.ID != c.ID {
			return h
		}
	}
	return nil
}

// makeRoom lets the child go that is farthest by proximity, if the newcomer is nearer than
// it is (the bottleneck remover of section 3.5).
func (g *group) makeRoom(newcomer *peer.Handle) bool {
	d, known := g.s.ep.Proximity(newcomer)
	if !known {
		return false
	}
	var far *child
	most := d
	for _, c := range g.children {
		if cd := g.delay(c.node); cd > most {
			far, most = c, cd
		}
	}
	if far == nil || most == math.MaxInt64 {
		return false
	}
	g.letGo(far, g.offers(far))
	return true
}

// collapse takes this node out of the tree when it stands there between its parent and one
// child alone: with many small groups most nodes of the trees are such (the tree collapse of
// section 4). The child goes to the parent, and this node leaves when it is gone.
func (g *group) collapse() {
	now := g.s.ep.Now()
	switch {
	case g.parent == nil || g.member != nil || len(g.children) != 1 || len(g.waiting) > 0 || g.s.cfg.Collapse == 0:
		g.lone = 0
	case g.lone == 0:
		g.lone = now
	case now.Sub(g.lone) >= g.s.cfg.Collapse:
		g.lone = 0
		g.letGo(g.children[0], []*peer.Handle{g.parent.node})
	}
}

// delay is the proximity of a node, the longest if it is not known.
func (g *group) delay(h *peer.Handle) time.Duration {
	if d, known := g.s.ep.Proximity(h); known {
		return d
	}
	return math.MaxInt64
}

// offers are children who may take another one, nearest first.
func (g *group) offers(without *child) (hs []*peer.Handle) {
	for _, c := range g.children {
		if c != without {
			hs = append(hs, c.node)
		}
	}
	slices.SortStableFunc(hs, func(a, b *peer.Handle) int { return int(min(max(g.delay(a)-g.delay(b), -1), 1)) })
	return hs[:min(len(hs), msg.MaxOffers)]
}

// full names children to one who is one too many. Which of them differs from one asker to
// the next, so that not all go to the same few.
func (g *group) full() *msg.Full {
	at := g.s.ep.Rand().IntN(len(g.children))
	m := new(msg.Full)
	for i := range min(len(g.children), msg.MaxOffers) {
		h := g.children[(at+i)%len(g.children)].node
		m.Nodes = append(m.Nodes, h)
		us := uint32(0)
		if d, known := g.s.ep.Proximity(h); known {
			us = uint32(min(d.Microseconds(), math.MaxUint32))
		}
		m.Delays = append(m.Delays, us)
	}
	return m
}

// onLeave ends what a node was to this one.
func (s *Scribe) onLeave(d *kbr.Delivery, m *msg.Leave) {
	g := s.groups[m.Group]
	if g == nil {
		return
	}
	if m.Parent {
		if g.parent != nil && g.parent.node.ID == d.Via.ID {
			g.sent = m.Nodes
			g.orphan(d.Via, g.s.cfg.Ask)
		}
		return
	}
	if g.root != nil {
		delete(g.root.kept, d.Via.ID) // it may have started anew
	}
	if c := g.child(d.Via.ID); c != nil && (m.Number >= c.number || c.node.Incarnation != d.Via.Incarnation) {
		g.remove(c)
		g.dropIfIdle()
	}
}
