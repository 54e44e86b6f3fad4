package scribe

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is the root of a group, and those around it who keep its state so that the next
// root carries on (section 3.3: the state is replicated on the leaf set).

// office is what the root of a group knows besides.
type office struct {
	kept   map[id.ID]uint64 // of those who keep the group's state: the charter's version that they have
	showed task.Instant     // when it showed the overlay last that it serves the key
}

// showEvery is the time between two routed messages to the key, within which a root that is
// asked over links of its own sends one to itself: it costs no link, and the overlay, which
// counts what it delivers for keys, keeps the leases of a node short that serves. The next
// root would wait half a minute for longer ones.
const showEvery = time.Second

func (g *group) showService() {
	if now := g.s.ep.Now(); now.Sub(g.root.showed) >= showEvery {
		g.root.showed = now
		g.s.ep.Route(g.key, msg.Encode(&msg.Heads{Group: g.id}), nil)
	}
}

// reviewRoot looks who the root is now, and reports whether that changed what this node is.
func (g *group) reviewRoot() bool {
	near := g.s.ep.ReplicaSet(g.key, 1)
	switch {
	case len(near) == 0 && g.root != nil: // so many are nearer that it does not know the nearest
		g.abdicate(nil)
		return true
	case len(near) == 0:
		return false
	case g.root != nil && near[0].ID != g.s.ep.Self().ID:
		g.abdicate(near[0])
		return true
	case g.root == nil && near[0].ID == g.s.ep.Self().ID && g.s.ep.Ready() && (g.keeping() || g.needed()):
		if g.parent != nil {
			g.s.leave(g.parent.node, g.id)
			g.unparent()
		}
		g.takeUp()
		return true
	case g.root != nil:
		g.keepCharter()
	}
	return false
}

// takeUp begins to take the office of the root, which others wait for: also where this node looks for
// a parent still.
func (g *group) takeUp() {
	if g.rouse != nil {
		g.rouse()
	}
	g.seek()
}

// abdicate ends the office of the root, and brings the new one, which may have been that of
// another part of the ring, what it lacks. to is nil if this node does not know it.
func (g *group) abdicate(to *peer.Handle) {
	g.root, g.keeper, g.keptAt = nil, to, g.s.ep.Now()
	g.seek()
	if to != nil {
		g.sync()
		return
	}
	g.changing++
	g.s.ep.Go(func(t *task.T) error {
		for try := 0; try < syncTries && !g.compare(t, source{keeps: true}, coming); try++ {
			if err := t.Sleep(syncPause << try); err != nil {
				return err
			}
		}
		return nil
	}, func(error) {
		g.changing--
		g.dropIfIdle()
	})
}

// assume takes the office of the root: what the others near the key have is taken over
// first. The error is a refusal if there is no such group.
func (g *group) assume(t *task.T) error {
	if g.s.loading {
		return ErrAway
	}
	others := g.others()
	listed := make(map[msg.Stream]bool)
	heard, unknown := 0, 0
	rs, err := task.Gather(t, 2*g.s.cfg.Ask, len(others), func(i int, resolve func(kbr.Answer, error)) {
		g.s.gather(others[i], &msg.Heads{Group: g.id}, resolve)
	}, nil)
	if err != nil {
		return err
	}
	for i, r := range rs {
		_, m, err := read(r.Value, r.Err)
		h, ok := m.(*msg.HeadsAre)
		switch {
		case msg.Refusal(err) == msg.RefusedUnknown:
			unknown++
		case err == nil && ok && g.take(h.Charter) == nil && g.charter != nil:
			heard++
			g.heads(h, listed, everything)
			if h.More {
				g.compare(t, source{others[i], true}, everything)
			}
		}
	}
	switch {
	case !g.isRoot() || !g.sure():
		return ErrAway
	case (heard+unknown+1)*2 <= len(others)+1:
		return ErrAway // too few to be sure
	case g.charter == nil:
		return refused(msg.RefusedNoGroup)
	}
	g.rule(listed)
	return nil
}

// rule makes this node the root.
func (g *group) rule(listed map[msg.Stream]bool) {
	if g.root != nil {
		return // two questions led here
	}
	g.unparent()
	g.root, g.keeper, g.held = &office{kept: make(map[id.ID]uint64)}, nil, false
	g.limit()
	g.hist.Synced(listed)
	g.whole = true
	g.used = g.s.ep.Now()
	g.keepCharter()
	g.fill()
	g.serve()
	if g.member != nil {
		g.member.begin()
	}
	g.beatNow()
}

// keepCharter brings the charter to those who should keep it and have none, or an older one.
func (g *group) keepCharter() {
	for _, h := range g.others() {
		version := g.charter.Version
		if g.root.kept[h.ID] >= version {
			continue
		}
		g.root.kept[h.ID] = version
		root := g.root
		g.s.ep.Ask(h, msg.Encode(&msg.Keep{Group: g.id, Charter: g.charter}), kbr.Options{Timeout: 5 * g.s.cfg.Ask}, func(_ kbr.Answer, err error) {
			if err != nil && root.kept[h.ID] == version {
				delete(root.kept, h.ID) // at the next look
			}
		})
	}
}

// replicate brings something to those who keep the group, and returns nil when a majority
// has it, this node among them.
func (g *group) replicate(t *task.T, m *msg.Keep) error {
	others := g.others()
	if !g.sure() {
		return refused(msg.RefusedBusy)
	}
	needed := (len(others) + 1) / 2 // and this node
	if needed == 0 {
		return nil
	}
	enough := func(rs []task.Result[kbr.Answer]) bool {
		n := 0
		for _, r := range rs {
			if r.Done && r.Err == nil {
				n++
			}
		}
		return n >= needed
	}
	body, root := msg.Encode(m), g.root
	rs, err := task.Gather(t, 2*g.s.cfg.Ask, len(others), func(i int, resolve func(kbr.Answer, error)) {
		g.s.ep.Ask(others[i], slices.Clone(body), kbr.Options{Timeout: g.s.cfg.Ask}, func(a kbr.Answer, err error) {
			if err != nil && root != nil && root == g.root {
				g.notKept(others[i], m.Batch)
			}
			resolve(a, err)
		})
	}, enough)
	if err != nil {
		return err
	}
	if enough(rs) {
		return nil
	}
	if g.root != nil {
		g.keepCharter()
	}
	return refused(msg.RefusedBusy)
}

// keepers returns a function that reports whether a node is brought each batch as one that
// keeps the group, as far as this root knows now.
func (g *group) keepers() func(*peer.Handle) bool {
	var keep []*peer.Handle
	if g.sure() {
		keep = slices.DeleteFunc(g.others(), func(h *peer.Handle) bool { return g.root.kept[h.ID] == 0 })
	}
	return func(h *peer.Handle) bool {
		return slices.ContainsFunc(keep, func(o *peer.Handle) bool { return o.ID == h.ID })
	}
}

// notKept notes that a node did not take a batch as one that keeps the group. As a child it is
// to have it all the same.
func (g *group) notKept(h *peer.Handle, b *msg.Batch) {
	delete(g.root.kept, h.ID) // it gets the charter again, at the next look
	if c := g.child(h.ID); c != nil && b != nil {
		g.sendChild(c, msg.Encode(&msg.Cast{Group: g.id, Batch: b}))
	}
}

// atRoot returns a group of which this node is the root; else it refuses what only a root
// does, and returns nil.
func (s *Scribe) atRoot(d *kbr.Delivery, x id.Hash) *group {
	g := s.find(x)
	switch {
	case g == nil:
		refuse(d, msg.RefusedLimit)
	case !g.isRoot():
		refuse(d, msg.RefusedNotRoot)
		g.dropIfIdle()
	default:
		return g
	}
	return nil
}

// onCreate makes a group, or changes its charter.
func (s *Scribe) onCreate(d *kbr.Delivery, m *msg.Create) {
	c := m.Charter
	if err := c.Verify(s.cfg.Ring, s.cfg.Verifier); err != nil {
		refuse(d, msg.RefusedDenied)
		return
	}
	g := s.atRoot(d, c.Group(s.cfg.Ring))
	if g == nil {
		return
	}
	g.changing++
	s.ep.Go(func(t *task.T) error { return g.create(t, c) }, func(err error) {
		g.changing--
		g.answer(d, err)
		g.dropIfIdle()
	})
}

// answer tells the outcome of a change.
func (g *group) answer(d *kbr.Delivery, err error) {
	switch code := msg.Refusal(err); {
	case err == nil:
		done := new(msg.Done)
		if g.charter != nil {
			done.Age = g.charter.Age
		}
		d.Reply(msg.Encode(done))
	case code != 0:
		refuse(d, code)
	default:
		refuse(d, msg.RefusedBusy)
	}
}

func (g *group) create(t *task.T, c *msg.Charter) error {
	if g.root == nil {
		if err := g.assume(t); err != nil && msg.Refusal(err) != msg.RefusedNoGroup {
			return err
		}
	}
	if g.charter != nil && (c.Version < g.charter.Version || c.Version == g.charter.Version && string(c.Sig) != string(g.charter.Sig)) {
		return refused(msg.RefusedOlder)
	}
	if err := g.take(c); err != nil {
		return refused(msg.RefusedDenied)
	}
	if g.root == nil {
		g.rule(nil)
	}
	return g.replicate(t, &msg.Keep{Group: g.id, Charter: g.charter})
}

// onPublish takes a batch into the group: it is acknowledged when a majority of those who
// keep the group have it, and is on its way down the tree meanwhile.
func (s *Scribe) onPublish(d *kbr.Delivery, m *msg.Publish) {
	g := s.atRoot(d, m.Group)
	switch {
	case g == nil:
		return
	case g.root == nil:
		g.changing++
		s.ep.Go(func(t *task.T) error { return g.firstPublish(t, d, m.Batch) }, func(error) {
			g.changing--
			g.dropIfIdle()
		})
		return
	}
	g.publish(d, m.Batch)
}

// firstPublish becomes the root before it takes a batch.
func (g *group) firstPublish(t *task.T, d *kbr.Delivery, b *msg.Batch) error {
	if g.seeking {
		g.takeUp()
		refuse(d, msg.RefusedBusy)
		return nil
	}
	g.seeking = true
	err := g.assume(t)
	g.seeking = false
	if err != nil {
		g.answer(d, err)
		return err
	}
	g.publish(d, b)
	return nil
}

func (g *group) publish(d *kbr.Delivery, b *msg.Batch) {
	if d.Direct {
		g.showService()
	}
	next := g.hist.Next(b.Seal.Stream())
	if b.Seal.First > max(next, 1) && b.Seal.Base < b.Seal.First {
		refuse(d, msg.RefusedGap)
		return
	}
	if !g.hist.Has(b.Seal) {
		if err := g.charter.AllowsBatch(g.s.cfg.Ring, b, g.s.cfg.Verifier, g.s.ep.Wall()); err != nil {
			refuse(d, reason(err))
			return
		}
		past := g.hist.IsPast(b.Seal)
		if next == 0 && b.Seal.First > history.Window { // all who kept the stream are gone
			g.hist.Begin(b.Seal, b.Seal.First)
		}
		// What was taken before, and this root does not have, is looked for by spread. Children
		// that keep the group get the batch as such. What others bring that was there before this
		// root came goes to none, see acceptFetched.
		but := g.keepers()
		if past {
			but = nil
		}
		if !g.spread(b, but) {
			refuse(d, msg.RefusedLimit)
			return
		}
	}
	g.s.ep.Go(func(t *task.T) error { return g.replicate(t, &msg.Keep{Group: g.id, Batch: b}) }, func(err error) { g.answer(d, err) })
}

// onKeep keeps the state of a group for its root.
func (s *Scribe) onKeep(d *kbr.Delivery, m *msg.Keep) {
	from := d.Via
	if !s.mayRule(m.Group, from) {
		refuse(d, msg.RefusedNotRoot)
		return
	}
	if m.Charter == nil && (s.groups[m.Group] == nil || s.groups[m.Group].charter == nil) {
		refuse(d, msg.RefusedUnknown)
		return
	}
	g := s.find(m.Group)
	if g == nil {
		refuse(d, msg.RefusedLimit)
		return
	}
	g.changing++ // a charter that ends the membership of this node does not end what it is to keep
	err := g.take(m.Charter)
	g.changing--
	if err != nil || g.charter == nil {
		refuse(d, msg.RefusedDenied)
		g.dropIfIdle()
		return
	}
	g.keepFor(from)
	if g.parent != nil && g.parent.node.ID == from.ID {
		g.expect(millis(s.cfg.Beat)) // a keeper that is a child gets no other copy
	}
	if m.Batch != nil && !g.hist.Has(m.Batch.Seal) && !g.accept(m.Batch, from) {
		refuse(d, msg.RefusedDenied)
		return
	}
	d.Reply(msg.Encode(&msg.Done{Age: g.charter.Age}))
}

// mayRule reports whether a node may be the root of a group, as far as this one knows: it
// stands among the nearest to its key, or is a neighbour nearer to it than this node, which
// stands too far to know who the nearest are.
func (s *Scribe) mayRule(group id.Hash, from *peer.Handle) bool {
	key := group.Place()
	set := s.ep.ReplicaSet(key, s.cfg.Replicas)
	if set == nil && id.Closer(key, from.ID, s.ep.Self().ID) {
		set = s.ep.NeighborSet(math.MaxInt)
	}
	return slices.ContainsFunc(set, func(h *peer.Handle) bool { return h.ID == from.ID })
}

// keepFor makes this node keep the group's state for a root.
func (g *group) keepFor(root *peer.Handle) {
	if g.root != nil && g.nearest() {
		return // the other one errs, or there are two for a moment
	}
	fresh := g.keeper == nil || g.keeper.ID != root.ID
	g.root, g.keeper, g.held, g.keptAt = nil, root, false, g.s.ep.Now()
	g.used = g.keptAt
	if fresh {
		g.limit()
		g.sync()
	}
	if g.needed() {
		g.seek() // it may have been the root until now
	}
}
