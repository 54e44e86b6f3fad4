package scribe

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is a child's side of the tree.

const (
	// avoidFor is how long a node is no parent that did not answer, and shunFor one that
	// swallowed messages.
	avoidFor = 10 * time.Second
	shunFor  = 5 * time.Minute
	// firstPause and longestPause are between two rounds of looking for a parent.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// adrift is how long after the loss of a parent another one is wanted soon.
	adrift = 10 * time.Second
	// hops is how many next hops towards the root are tried in a round.
	hops = 4
)

var errCycle = errors.New("it would be its own ancestor")

// seek looks for a parent, or takes the office of the root, until it has one.
func (g *group) seek() {
	if g.seeking || g.attached() && !g.stale() || g.s.stopped {
		return
	}
	g.seeking = true
	g.s.ep.Go(g.seekParent, func(error) {
		g.seeking = false
		g.dropIfIdle()
	})
}

func (g *group) seekParent(t *task.T) error {
	pause := firstPause
	for g.gone(); !g.attached() && (g.needed() || g.keeping() && g.isRoot()); g.gone() {
		first, root := len(g.waiting), g.isRoot()
		var err error
		if root {
			err = g.assume(t)
		} else {
			err = g.askAround(t)
		}
		switch {
		case err == nil || errors.Is(err, task.ErrStopped):
			return err
		case final(err) && g.give(msg.Refusal(err), first):
			return err
		case msg.Refusal(err) == msg.RefusedNoGroup:
			g.revive(t)
		}
		if !root && g.isRoot() {
			continue
		}
		err = g.unlessRoused(t, pause/2+time.Duration(g.s.ep.Rand().Int64N(int64(pause))), func(func(error)) {})
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		pause = min(2*pause, longestPause)
	}
	return nil
}

// unlessRoused waits until begin's function is called, for a time, or until this node is to be the
// root: whom it asked, or when it would ask again, matters no more then, and all wait for it.
func (g *group) unlessRoused(t *task.T, d time.Duration, begin func(end func(error))) error {
	_, err := task.Await(t, d, func(resolve func(struct{}, error)) {
		g.rouse = func() { resolve(struct{}{}, ErrAway) }
		begin(func(err error) { resolve(struct{}{}, err) })
	})
	g.rouse = nil
	return err
}

// give tells those who wait that the group is not for them, and reports whether nobody is
// left who needs a parent. waited is how many there were when the question was asked.
func (g *group) give(code uint16, waited int) bool {
	if code == msg.RefusedNoGroup && g.charter != nil {
		return false // the group was there: see revive
	}
	if code != msg.RefusedNoGroup {
		waited = min(waited, 1) // it was his pass that was shown
		if g.member != nil {
			waited = 0 // its own
		}
	}
	g.turnAway(code, waited)
	if g.member != nil {
		g.member.end(outcome(refused(code)))
	}
	return !g.needed()
}

// revive brings the charter back to a root that has lost it, with all who kept it: it is
// signed by its creator, so anybody may.
func (g *group) revive(t *task.T) {
	if g.charter != nil {
		g.s.askRoot(t, g.key, &msg.Create{Charter: g.charter})
	}
}

// candidates are nodes that may be this one's parent, the best first: where the last parent
// sent it, its parent, and next hops towards the root.
func (g *group) candidates() []*peer.Handle {
	self := g.s.ep.Self().ID
	var hs []*peer.Handle
	add := func(h *peer.Handle) {
		if h != nil && h.ID != self && !g.avoided(h.ID) && g.child(h.ID) == nil &&
			!slices.ContainsFunc(hs, func(o *peer.Handle) bool { return o.ID == h.ID }) {
			hs = append(hs, h)
		}
	}
	for _, h := range g.sent {
		add(h)
	}
	add(g.backup)
	g.sent, g.backup = nil, nil // once
	if near := g.s.ep.ReplicaSet(g.key, 1); len(near) > 0 {
		add(near[0])
	}
	for _, h := range g.s.ep.LocalLookup(g.key, hops, false) {
		if h.ID == self {
			break // the rest is farther from the root than this node
		}
		add(h)
	}
	return hs
}

// avoided reports whether a node is to be no parent for now.
func (g *group) avoided(x id.ID) bool { return g.s.ep.Now().Before(g.avoid[x]) }

// askAround asks one node after another to be this one's parent.
func (g *group) askAround(t *task.T) error {
	err := ErrAway
	hs := g.candidates()
	if len(hs) == 0 {
		clear(g.avoid) // better one that did not answer a moment ago than none
	}
	for i, h := range hs {
		if err = g.askParent(t, h, i+1 < len(hs)); err == nil || final(err) {
			return err
		}
		if errors.Is(err, kbr.ErrUnreachable) || errors.Is(err, kbr.ErrTimeout) || errors.Is(err, errCycle) || msg.Refusal(err) == msg.RefusedCycle {
			g.avoid[h.ID] = g.s.ep.Now().Add(avoidFor)
		}
		if g.attached() || g.isRoot() {
			return err
		}
	}
	return err
}

// askParent asks a node to be the parent; one that is full names others. more tells that there
// are others to ask after it.
func (g *group) askParent(t *task.T, h *peer.Handle, more bool) error {
	stack := []*peer.Handle{h}
	asked := map[id.ID]bool{g.s.ep.Self().ID: true}
	var err error
	for tries := 0; len(stack) > 0 && tries < 2*msg.MaxDepth && !g.attached() && !g.isRoot(); tries++ {
		to := stack[0]
		stack = stack[1:]
		asked[to.ID] = true
		var a kbr.Answer
		var m any
		g.asking = to
		g.s.stats.Attaches++
		q := g.attach()
		a, m, err = g.askAdoption(t, to, q, more || len(stack) > 0)
		g.asking = nil
		switch m := m.(type) {
		case *msg.Adopted:
			if err = g.adopted(to, q, a, m); err == nil {
				return nil
			}
		case *msg.Full:
			next := g.byDelay(m)
			stack = append(slices.DeleteFunc(next, func(o *peer.Handle) bool { return asked[o.ID] || g.avoided(o.ID) || g.child(o.ID) != nil }), stack...)
			err = ErrBusy
		default:
			if err == nil {
				err = msg.ErrMessage
			}
			if final(err) {
				return err
			}
		}
	}
	return err
}

// askAdoption asks a node to be the parent. Who has lost his waits for one no longer than for a
// moment if there are others: it may be dead, or have lost the same one. What it answers later
// holds all the same.
func (g *group) askAdoption(t *task.T, to *peer.Handle, q *msg.Attach, more bool) (kbr.Answer, wire.Message, error) {
	patience := 2 * g.s.cfg.Ask
	if more && g.isAdrift() {
		patience = g.s.cfg.Ask / impatience
	}
	over := false
	var answer kbr.Answer
	err := g.unlessRoused(t, patience, func(end func(error)) {
		g.s.gather(to, q, func(a kbr.Answer, err error) {
			if over {
				g.adoptedLate(to, q, a, err)
				return
			}
			answer = a
			end(err)
		})
	})
	over = true
	return read(answer, err)
}

// isAdrift reports whether this node has just lost its parent.
func (g *group) isAdrift() bool {
	return g.lostAt > 0 && !g.attached() && g.s.ep.Now().Sub(g.lostAt) < adrift
}

// adoptedLate takes the word of one who was waited for no longer.
func (g *group) adoptedLate(to *peer.Handle, q *msg.Attach, a kbr.Answer, err error) {
	_, m, err := read(a, err)
	if yes, ok := m.(*msg.Adopted); err == nil && ok && g.s.groups[g.id] == g && !(g.parent != nil && g.parent.node.ID == to.ID) {
		_ = g.adopted(to, q, a, yes) // it is told if that comes to nothing
	}
}

// attach is the question to a parent.
func (g *group) attach() *msg.Attach {
	g.gone()
	m := &msg.Attach{Group: g.id, Pass: g.pass(), Number: g.s.count(), Member: g.isMember()}
	if g.charter != nil {
		m.Version = g.charter.Version
	}
	if len(g.waiting) > 0 && g.parent == nil {
		a := g.waiting[0]
		m.Chain = append(slices.Clone(a.m.Chain), msg.Path(a.d.Via.ID)...)
	}
	return m
}

// byDelay orders the children of a full node by how long a message from it takes by way of
// them (section 3.5).
func (g *group) byDelay(m *msg.Full) []*peer.Handle {
	type offer struct {
		h *peer.Handle
		d time.Duration
	}
	var os []offer
	for i, h := range m.Nodes {
		d := g.delay(h)
		if via := time.Duration(m.Delays[i]) * time.Microsecond; d < time.Hour {
			d += via
		}
		os = append(os, offer{h, d})
	}
	slices.SortStableFunc(os, func(a, b offer) int { return cmp.Compare(a.d, b.d) })
	hs := make([]*peer.Handle, len(os))
	for i, o := range os {
		hs[i] = o.h
	}
	return hs
}

// adopted makes a node that said so, when it was asked q, this one's parent.
func (g *group) adopted(to *peer.Handle, q *msg.Attach, a kbr.Answer, m *msg.Adopted) error {
	refusal := func(err error) error {
		g.s.leave(to, g.id)
		return err
	}
	switch {
	case g.attached():
		return refusal(ErrBusy) // this node is the root by now
	case a.Relayed || a.From == nil || a.From.ID != to.ID:
		return refusal(kbr.ErrUnreachable)
	case !endsAt(m.Path, a.From):
		return refusal(msg.ErrMessage)
	case msg.OnPath(m.Path, g.s.ep.Self().ID):
		return refusal(errCycle)
	}
	if err := g.take(m.Charter); err != nil {
		return refusal(err)
	}
	if g.charter == nil {
		return refusal(msg.ErrMessage)
	}
	now := g.s.ep.Now()
	p := &parent{node: a.From, since: now, asked: now, told: q.Member}
	p.cancel = g.s.ep.Watch(a.From, func(kbr.Down) {
		if g.parent == p {
			g.orphan(p.node, avoidFor)
		}
	})
	g.parent, g.path, g.backup, g.strikes = p, m.Path, m.Backup, 0
	g.expect(m.Next)
	g.serve()
	if len(g.children) > 0 {
		g.beatNow()
	}
	g.inform()
	g.sync()
	g.auditLater(true)
	return nil
}

// unparent forgets the parent.
func (g *group) unparent() {
	if g.parent != nil {
		g.parent.cancel()
		g.parent, g.path = nil, nil
		g.lostAt = g.s.ep.Now()
	}
	g.deadline.Stop()
}

// orphan looks for another parent than the one that is dead, mute or let this node go. Its
// children stay: what is below it is whole.
func (g *group) orphan(old *peer.Handle, avoid time.Duration) {
	g.unparent()
	g.avoid[old.ID] = g.s.ep.Now().Add(avoid)
	if g.backup != nil && g.backup.ID == old.ID {
		g.backup = nil
	}
	g.reviewRoot()
	g.dropIfIdle()
	if g.needed() {
		g.seek()
	}
}

// expect waits for the parent's next heartbeat, which is to come within so many
// milliseconds; when it does not, the parent is asked.
func (g *group) expect(next uint32) {
	g.deadline.Stop()
	d := time.Duration(next) * time.Millisecond
	g.deadline = g.s.ep.After(d+d/4+g.s.cfg.Beat/2, g.check)
}

// check asks the parent whether all is well, and where it stands now.
func (g *group) check() {
	p := g.parent
	if p == nil || g.checking {
		return
	}
	g.checking = true
	q := g.attach()
	g.s.ep.Go(func(t *task.T) error {
		_, m, err := g.s.askWith(t, p.node, q)
		if g.parent != p || errors.Is(err, task.ErrStopped) {
			return err
		}
		a, ok := m.(*msg.Adopted)
		if !ok || !endsAt(a.Path, p.node) || msg.OnPath(a.Path, g.s.ep.Self().ID) || g.take(a.Charter) != nil {
			g.s.leave(p.node, g.id)
			g.orphan(p.node, avoidFor)
			return nil
		}
		if g.parent != p {
			return nil // by the charter that came nobody here is a member any more, and it left the tree
		}
		p.asked, p.told = g.s.ep.Now(), q.Member
		g.moved(a.Path)
		g.backup = a.Backup
		g.expect(a.Next)
		return nil
	}, func(err error) {
		g.checking = false
		if !errors.Is(err, task.ErrStopped) {
			g.inform()
		}
	})
}

// inform tells the parent if this node is a member now, or is one no longer, and stays for others
// alone: walks go to members first. Where a question is under way it is done at its end.
func (g *group) inform() {
	if p := g.parent; p != nil && p.told != g.isMember() && !g.checking {
		g.s.stats.Attaches++
		g.check()
	}
}

// moved notes the path to the parent, and tells the children when it is another one.
func (g *group) moved(path []byte) {
	if !slices.Equal(g.path, path) {
		g.path = path
		g.parent.pardon()
		if len(g.children) > 0 {
			g.beatNow()
		}
	}
}
