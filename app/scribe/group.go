package scribe

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// group is what this node has to do with one group: it may be a member, a forwarder
// between others, a keeper of the group's state, or its root.
type group struct {
	s       *Scribe
	id      id.Hash
	key     id.ID
	charter *msg.Charter // nil until it is known
	hist    *history.History
	whole   bool         // hist has all that is kept of the group
	used    task.Instant // when something happened last

	parent   *parent
	lostAt   task.Instant // when it lost the last one
	path     []byte       // ids from the root to the parent; empty at a root
	backup   *peer.Handle // whom to ask first if the parent dies
	children []*child
	waiting  []*asker // who want to be children, until this node has a parent itself
	avoid    map[id.ID]task.Instant
	sent     []*peer.Handle // where a parent that let this node go sent it
	lone     task.Instant   // since when this node stands between one child and its parent for nothing; 0: it does not
	seeking  bool
	rouse    func()       // ends what the seeking waits for; nil while it waits for nothing
	changing int          // what is under way that needs the group: it is created, published in, handed over, or brought
	asking   *peer.Handle // whom this node is asking to be its parent
	checking bool

	member  *Member
	root    *office // if this node is the root and knows what is kept
	keeper  *peer.Handle
	keptAt  task.Instant
	held    bool   // its state was on the disk, and nobody has spoken of it since the start
	shelved uint64 // the charter's version that is written down with all that hist has; 0: nothing is

	quiet    time.Duration // from one heartbeat to the next
	beating  task.Timer
	beatAt   task.Instant
	stirred  task.Instant // when the last message went down the tree
	said     task.Instant // when children were reminded of streams in which none comes
	deadline task.Timer
	audits   auditor
	syncing  bool
	filling  bool
	woken    func() // ends the pause of filling; nil while it does not pause
	turn     int    // from which child on a root asks for what it lacks
	taken    uint64 // batches that were new
	strikes  int
	doubting bool // the parent is to be asked again for what it did not hand on
}

// parent is this node's parent in the tree.
type parent struct {
	node   *peer.Handle
	since  task.Instant
	asked  task.Instant // when it adopted this node last
	told   bool         // it was told then that this node is a member
	noise  uint64       // batches of it that were of no use; see noise.go
	beats  uint64
	turned int                   // what speaks for it that it reorders; see noise.go
	calm   int                   // batches in order since nothing did
	moves  int                   // how often that was forgotten
	last   map[msg.Stream]uint64 // the last number of the batch that it handed on last
	cancel func()                // of the watch
}

// child is a child of this node in the tree.
type child struct {
	node   *peer.Handle
	pass   *msg.Pass
	fails  int
	astray int          // heartbeats in a row that did not go over a link of its own, there and back
	mute   int          // heartbeats of which nothing was heard, before the first answer to one
	voiced bool         // it has answered a heartbeat
	proved task.Instant // when a batch was sent last that it had to confirm
	number uint64       // of its last question
	member bool         // it said then that it is one
	cancel func()
}

// asker waits to be adopted, until it asks elsewhere.
type asker struct {
	d     *kbr.Delivery
	m     *msg.Attach
	until task.Instant
}

// attached reports whether this node is in the tree.
func (g *group) attached() bool { return g.parent != nil || g.root != nil }

// needed reports whether this node should be in the tree.
func (g *group) needed() bool { return g.member != nil || len(g.children) > 0 || len(g.waiting) > 0 }

// isMember reports whether this node is a member, as far as it knows: one whom the charter does not
// let in is none, and is told so when the newest charter is known (Member.begin).
func (g *group) isMember() bool {
	return g.member != nil && (g.charter == nil || g.member.allowed())
}

// limits are those of the history: a keeper and a member keep what the charter says, a node
// that only forwards what its children may lack.
func (g *group) limits() history.Limits {
	l := history.Limits{Count: g.s.cfg.Buffer, Bytes: g.s.cfg.MaxBytes, Age: g.s.cfg.BufferFor}
	if g.charter == nil {
		return l
	}
	if g.root != nil || g.keeping() || g.member != nil {
		l.Count, l.Age = max(l.Count, int(g.charter.Count)), g.charter.Keep()
	}
	l.Age = min(l.Age, g.charter.Keep())
	return l
}

func (g *group) limit() {
	g.hist.Limit(g.limits())
	g.shelve()
}

// isRoot reports whether this node is the root of the group's key now.
func (g *group) isRoot() bool { return g.s.ep.Ready() && g.nearest() }

// nearest reports whether this node knows nobody nearer to the group's key.
func (g *group) nearest() bool {
	near := g.s.ep.ReplicaSet(g.key, 1)
	return len(near) > 0 && near[0].ID == g.s.ep.Self().ID
}

// others are the other nodes that keep, or should keep, the group's state.
func (g *group) others() []*peer.Handle {
	set := slices.Clone(g.s.ep.ReplicaSet(g.key, g.s.cfg.Replicas))
	return slices.DeleteFunc(set, func(h *peer.Handle) bool { return h.ID == g.s.ep.Self().ID })
}

// sure reports whether this node knows all who keep the group's state.
func (g *group) sure() bool { return g.s.ep.ReplicaSet(g.key, g.s.cfg.Replicas) != nil }

// take believes a charter, if it is newer than what is known and right.
func (g *group) take(c *msg.Charter) error {
	switch {
	case c == nil || g.charter != nil && c.Version <= g.charter.Version:
		return nil
	case c.Group(g.s.cfg.Ring) != g.id:
		return msg.ErrCharter
	}
	if err := c.Verify(g.s.cfg.Ring, g.s.cfg.Verifier); err != nil {
		return err
	}
	g.charter = c
	g.limit()
	for _, child := range slices.Clone(g.children) {
		if err := c.Admits(g.s.cfg.Ring, child.pass, g.s.cfg.Verifier, g.s.ep.Wall()); err != nil {
			g.letGo(child, nil)
		}
	}
	if m := g.member; m != nil && m.began && !m.allowed() {
		m.end(msg.ErrDenied)
		defer func() {
			g.dropIfIdle()
			g.inform()
		}()
	}
	if g.root != nil {
		g.keepCharter()
	}
	if len(g.children) > 0 {
		g.beatNow()
	}
	return nil
}

// pass is what this node shows to a parent: its own member's, or a child's. A parent that it has is
// not shown that of a member whom the charter does not let in: it would cost the children their
// place.
func (g *group) pass() *msg.Pass {
	if m := g.member; m != nil && m.o.Signer != nil && (g.parent == nil || g.isMember()) {
		return msg.NewPass(g.s.cfg.Ring, g.id, g.s.ep.Self().ID, m.o.Signer, g.s.ep.Wall())
	}
	var best *msg.Pass
	better := func(p *msg.Pass) {
		if p != nil && (best == nil || p.Until > best.Until) {
			best = p
		}
	}
	for _, c := range g.children {
		better(c.pass)
	}
	for _, a := range g.waiting {
		better(a.m.Pass)
	}
	return best
}

// tidy lets go what is needed no longer.
func (g *group) tidy() {
	now := g.s.ep.Now()
	g.hist.Expire(g.s.ep.Wall())
	g.read()
	for _, x := range sortedIDs(g.avoid) {
		if g.avoid[x].Before(now) {
			delete(g.avoid, x)
		}
	}
	if g.needed() {
		g.used = now
		if !g.attached() {
			g.seek()
		} else if p := g.parent; p != nil && g.charter != nil && !g.charter.OpenJoin && now.Sub(p.asked) > msg.MaxPass/4 {
			g.check() // passes end
		}
	}
	g.collapse()
	g.reviewRoot()
	if g.held && !g.s.ep.Ready() {
		g.keptAt = now
	}
	if g.keeping() && now.Sub(g.keptAt) > 5*g.s.cfg.MaxBeat && !g.near() {
		g.keeper, g.held, g.whole = nil, false, false // the root no longer speaks of it: others keep it
		g.limit()
	}
	g.dropIfIdle()
}

// near reports whether this node is one of those that keep the group.
func (g *group) near() bool {
	return slices.ContainsFunc(g.s.ep.ReplicaSet(g.key, g.s.cfg.Replicas), func(h *peer.Handle) bool { return h.ID == g.s.ep.Self().ID })
}

func sortedIDs(m map[id.ID]task.Instant) []id.ID {
	xs := make([]id.ID, 0, len(m))
	for x := range m {
		xs = append(xs, x)
	}
	slices.SortFunc(xs, id.ID.Cmp)
	return xs
}

// dropIfIdle leaves the tree if nobody needs this node there, and forgets the group if it
// has nothing to do with it any more.
func (g *group) dropIfIdle() {
	if g.needed() {
		return
	}
	if g.parent != nil {
		g.s.leave(g.parent.node, g.id)
		g.unparent()
	}
	lapsed := g.s.ep.Now().Sub(g.used) > g.s.cfg.Lapse
	if (g.root != nil || g.keeping()) && !lapsed || g.seeking || g.changing > 0 || g.s.groups[g.id] != g {
		return
	}
	for _, t := range []task.Timer{g.beating, g.deadline, g.audits.timer} {
		t.Stop()
	}
	g.root, g.keeper, g.held = nil, nil, false
	g.shelve()
	delete(g.s.groups, g.id)
	g.s.order = slices.DeleteFunc(g.s.order, func(o *group) bool { return o == g })
}
