package scribe

import (
	"bytes"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// This file is what goes down the tree: messages, and heartbeats, which begin soon after a
// message and become rare in quiet (a message counts as a heartbeat, section 3.3).

// millis is a duration as heartbeats say it, at least 1.
func millis(d time.Duration) uint32 { return uint32(max(d.Milliseconds(), 1)) }

// stir lets heartbeats begin anew after a message, which was one itself if it was cast.
func (g *group) stir(cast bool) {
	g.used = g.s.ep.Now()
	if cast {
		g.stirred = g.used
	}
	g.audits.pause = auditFirst
	if g.quiet > g.s.cfg.Beat {
		g.quiet = g.s.cfg.Beat
		g.beating.Stop()
		g.beating = g.s.ep.After(g.quiet, g.beat)
		g.beatAt = g.used.Add(g.quiet)
		return
	}
	g.beatLater()
}

// beatLater plans the next heartbeat, unless one is planned.
func (g *group) beatLater() {
	if now := g.s.ep.Now(); g.beatAt <= now {
		g.beatAt = now.Add(g.quiet)
		g.beating.Stop()
		g.beating = g.s.ep.After(g.quiet, g.beat)
	}
}

// beatNow sends a heartbeat: there is something to say.
func (g *group) beatNow() {
	g.beating.Stop()
	g.quiet = g.s.cfg.Beat
	g.say(g.quiet)
	g.beatAt = g.s.ep.Now().Add(g.quiet)
	g.beating = g.s.ep.After(g.quiet, g.beat)
}

// remindEvery is how often children are told, while messages go on, of streams in which none
// comes: whoever missed the last of one does not see it by the next.
const remindEvery = 5

// beat sends a heartbeat to all children, and of a root to those who keep the group; after a
// message it waits: that was one (section 3.3).
func (g *group) beat() {
	if wait := g.s.cfg.Beat - g.s.ep.Now().Sub(g.stirred); g.stirred > 0 && wait > 0 {
		g.quiet = g.s.cfg.Beat
		if now := g.s.ep.Now(); now.Sub(g.said) >= remindEvery*g.quiet {
			g.said = now
			if seals := g.hist.Still(msg.MaxSeals); len(seals) > 0 {
				g.sayAll(g.quiet, seals)
			}
		}
		g.beatAt = g.s.ep.Now().Add(wait)
		g.beating = g.s.ep.After(wait, g.beat)
		return
	}
	if len(g.children) == 0 && g.root == nil {
		g.quiet = g.s.cfg.Beat
		return
	}
	g.quiet = min(2*g.quiet, g.s.cfg.MaxBeat)
	g.say(g.quiet)
	g.beatAt = g.s.ep.Now().Add(g.quiet)
	g.beating = g.s.ep.After(g.quiet, g.beat)
}

// say sends a heartbeat, the next of which comes within the given time.
func (g *group) say(next time.Duration) { g.sayAll(next, g.hist.Latest(msg.MaxSeals)) }

// sayAll sends a heartbeat with these seals.
func (g *group) sayAll(next time.Duration, seals []*msg.Seal) {
	if g.charter == nil {
		return
	}
	m := &msg.Beat{Group: g.id, Next: millis(next), Version: g.charter.Version, Path: g.pathHere(), Seals: seals}
	beat := msg.Encode(m)
	for _, c := range g.children {
		g.beatChild(c, slices.Clone(beat))
	}
	if g.root != nil {
		m.Kept = true
		kept := msg.Encode(m)
		for _, h := range g.others() {
			if g.child(h.ID) == nil {
				g.s.ep.Send(h, slices.Clone(kept), nil)
			}
		}
	}
}

// astrayOut is after how many heartbeats in a row that took the ring, or whose answer did, a node is no child
// any more.
const astrayOut = 3

// failsOut is after how many messages that it did not confirm a node is no child any more, and after how many
// heartbeats without an answer one that never answered any is taken to run a version that answers none.
const failsOut = 3

// beatChild sends a heartbeat to a child, and asks for an answer, which is no more than a receipt. A node to which
// no link of its own leads any more, or from which none does, may have another parent by now and cannot
// say so: what it says by the ring ends nothing here, as nobody knows who said it. One of an older version takes
// heartbeats and answers none: it has to confirm them only, and the overlay tells whether it is dead (add).
func (g *group) beatChild(c *child, m []byte) {
	if !c.voiced && c.mute >= failsOut {
		g.sendChild(c, m)
		return
	}
	g.s.ep.Ask(c.node, m, kbr.Options{}, func(a kbr.Answer, err error) {
		c.voiced = c.voiced || err == nil
		switch code := msg.Refusal(err); {
		case err == nil && !a.Relayed:
			c.fails, c.astray = 0, 0
		case err == nil, code == msg.RefusedMalformed:
			if c.astray++; c.astray >= astrayOut {
				g.lost(c) // it asks others when it misses this node
			}
		case code == 0 && !c.voiced:
			c.mute++
		case code == 0:
			g.failed(c)
		}
	})
}

// failed counts what a child did not confirm.
func (g *group) failed(c *child) {
	if c.fails++; c.fails >= failsOut {
		g.lost(c) // it asks again when it misses this node
	}
}

// sendChild sends a message to a child, who confirms it.
func (g *group) sendChild(c *child, m []byte) {
	g.s.ep.Send(c.node, m, func(err error) {
		if err == nil {
			c.fails = 0
		} else {
			g.failed(c)
		}
	})
}

// cast hands a batch to all children but those that have it, or get it otherwise. They
// confirm one in a second: what one of them misses it sees by the next batch, or by the
// next heartbeat, and asks for.
func (g *group) cast(b *msg.Batch, but func(*peer.Handle) bool) {
	var m []byte
	var tell []*peer.Handle
	now := g.s.ep.Now()
	for _, c := range g.children {
		if but(c.node) {
			continue
		}
		if m == nil {
			m = msg.Encode(&msg.Cast{Group: g.id, Batch: b})
		}
		if now.Sub(c.proved) < g.s.cfg.Beat {
			tell = append(tell, c.node)
			continue
		}
		c.proved = now
		g.sendChild(c, slices.Clone(m))
	}
	if len(tell) > 0 {
		g.s.ep.Tell(tell, m)
	}
}

// onCast takes a batch from the parent; from another too, as it is signed, but that one
// must know that it is no parent.
func (s *Scribe) onCast(d *kbr.Delivery, m *msg.Cast) {
	g := s.groups[m.Group]
	if g == nil || g.charter == nil {
		s.stranger(d.Via, m.Group)
		return
	}
	p := g.parent
	switch {
	case g.shunned(d.Via.ID):
		return
	case p != nil && p.node.ID == d.Via.ID:
		g.expect(millis(s.cfg.Beat))
	case g.child(d.Via.ID) == nil:
		s.stranger(d.Via, m.Group)
	}
	if fresh := g.accept(m.Batch, d.Via); p != nil && g.parent == p && p.node.ID == d.Via.ID {
		g.heardBatch(p, m.Batch, fresh)
	}
}

// onBeat hears the parent's heartbeat, or that of the root whose state this node keeps.
func (s *Scribe) onBeat(d *kbr.Delivery, m *msg.Beat) {
	g := s.groups[m.Group]
	if g == nil || g.charter == nil {
		s.stranger(d.Via, m.Group)
		return
	}
	switch {
	case g.parent != nil && g.parent.node.ID == d.Via.ID:
		if g.heardBeat(g.parent) || !endsAt(m.Path, d.Via) {
			return
		}
		g.fromParent(m)
	case g.keeper != nil && g.keeper.ID == d.Via.ID:
		if g.keptAt = s.ep.Now(); !m.Kept { // it holds this node to be a child as well
			s.stranger(d.Via, m.Group)
		}
	case g.shunned(d.Via.ID):
		return
	default:
		s.stranger(d.Via, m.Group)
		return
	}
	for _, seal := range m.Seals {
		g.learn(seal)
	}
}

func (g *group) fromParent(m *msg.Beat) {
	if g.keeper != nil && g.keeper.ID == g.parent.node.ID {
		g.keptAt = g.s.ep.Now()
	}
	if msg.OnPath(m.Path, g.s.ep.Self().ID) { // a circle
		g.s.leave(g.parent.node, g.id)
		g.orphan(g.parent.node, avoidFor)
		return
	}
	if m.Kept { // it holds this node to be no child
		g.check()
		return
	}
	g.expect(m.Next)
	other := !bytes.Equal(before(g.path), before(m.Path))
	g.moved(m.Path)
	if other || m.Version > g.charter.Version {
		g.check() // for another backup, or the charter
	}
}

// endsAt reports whether a path is one to a node, as every node says of itself. A shorter one would let a
// child believe that it stands nearer to the root than its parent does.
func endsAt(path []byte, x *peer.Handle) bool { return bytes.HasSuffix(path, msg.Path(x.ID)) }

// before is a path without its last node.
func before(path []byte) []byte { return path[:max(len(path)-id.Size, 0)] }

// learn notes that a batch exists, and fetches what is missing.
func (g *group) learn(seal *msg.Seal) {
	if known := g.hist.Seal(seal.Stream()); known != nil && known.Last() >= seal.Last() {
		return
	}
	if g.charter.Allows(g.s.cfg.Ring, seal, g.s.cfg.Verifier, g.s.ep.Wall()) == nil && g.hist.Learn(seal) {
		g.fill()
	}
}

// accept takes a batch, if it is new and right, gives it to the member and hands it on to all
// children but from, which may be nil. It reports whether it was new.
func (g *group) accept(b *msg.Batch, from *peer.Handle) bool {
	return g.admissible(b) && g.spread(b, func(h *peer.Handle) bool { return from != nil && h.ID == from.ID })
}

// acceptFetched is accept for what this node asked for. What was there before it came it hands to
// nobody: a root that starts again would send all that the group keeps down the tree once more.
// A child that lacks some of it knows by heartbeats that it does, and asks.
func (g *group) acceptFetched(b *msg.Batch, from *peer.Handle) bool {
	if g.hist.IsPast(b.Seal) {
		return g.admissible(b) && g.spread(b, nil)
	}
	return g.accept(b, from)
}

// admissible reports whether a batch is new and right.
func (g *group) admissible(b *msg.Batch) bool {
	return !g.hist.Has(b.Seal) && g.charter.AllowsBatch(g.s.cfg.Ring, b, g.s.cfg.Verifier, g.s.ep.Wall()) == nil
}

// spread is accept for a batch that was checked, and that some children need not be sent; if but is
// nil none is.
func (g *group) spread(b *msg.Batch, but func(*peer.Handle) bool) bool {
	_, had := g.hist.Len()
	if g.hist.Add(b) != history.Added {
		return false
	}
	_, has := g.hist.Len()
	g.taken++
	if g.shelved > 0 {
		g.s.shelf.Put(g.id, b)
	}
	g.stir(but != nil)
	if but != nil {
		g.cast(b, but)
	}
	g.readOne(b.Seal.Stream())
	if g.hist.Lacks(b.Seal.Stream()) {
		g.fill()
	}
	g.s.grew(has - had)
	return true
}
