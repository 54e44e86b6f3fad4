package scribe

import (
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/task"
)

// This file is how a node learns what was published before it came, or while it was away.

const (
	// syncPause is between two tries to learn which streams there are.
	syncPause = 150 * time.Millisecond
	// syncTries is after how many of them the root is asked instead of the parent.
	syncTries = 3
	// pushed is how many bytes of messages are brought to a root that does not have them.
	pushed = 256 << 10
	// auditFirst and auditLongest are between two questions to another node than the parent
	// whether it has messages that did not come, and every auditRoot-th goes to the root.
	auditFirst   = 15 * time.Second
	auditLongest = 2 * time.Minute
	auditRoot    = 4
)

// wish is which of the messages that another node keeps are wanted here.
type wish int

const (
	coming     wish = iota // what comes from now on
	asked                  // what the member asked for
	everything             // what a keeper of the group, or its root, has to have
)

// auditor is when a node asks another one than its parent what there is.
type auditor struct {
	timer task.Timer
	pause time.Duration
	count int
}

// sync learns which streams there are, and up to which message, from the parent, or from
// the root where more is wanted than a parent knows.
func (g *group) sync() {
	if g.syncing || g.s.stopped {
		return
	}
	g.syncing = true
	g.s.ep.Go(g.syncUp, func(error) { g.syncing = false })
}

func (g *group) syncUp(t *task.T) error {
	for try := 0; g.s.groups[g.id] == g; try++ {
		w := coming
		switch {
		case g.whole:
		case g.keeper != nil:
			w = everything
		case g.member != nil && !g.member.began && g.member.o.wantsHistory():
			w = asked
		}
		switch {
		case g.root != nil:
			g.begun()
			return nil
		case g.parent == nil && g.keeper == nil:
			return nil // when it has one it begins again
		}
		from := source{keeps: true}
		if w == coming && g.parent != nil && try < syncTries {
			from = source{node: g.parent.node}
		} else if g.keeper != nil {
			from = source{node: g.keeper, keeps: true}
		}
		if g.compare(t, from, w) {
			g.begun()
			return nil
		}
		if err := t.Sleep(syncPause << min(try, 6)); err != nil {
			return err
		}
	}
	return nil
}

// begun lets a member read who waits for that.
func (g *group) begun() {
	if g.keeper != nil || g.root != nil {
		g.whole = true
	}
	g.hurry()
	if g.member != nil && g.attached() { // a keeper that is in no tree yet is found by no anycast
		g.member.begin()
	}
}

// compare asks a node for its streams, and reports whether all are known by that.
func (g *group) compare(t *task.T, from source, w wish) bool {
	listed := make(map[msg.Stream]bool)
	var behind []history.Run
	q := &msg.Heads{Group: g.id}
	for range history.MaxStreams/msg.MaxHeads + 1 {
		_, m, err := g.consult(t, from, q)
		h, ok := m.(*msg.HeadsAre)
		if err != nil || !ok || !h.Synced || w != coming && !h.Whole || g.take(h.Charter) != nil || g.charter == nil {
			return false
		}
		behind = append(behind, g.heads(h, listed, w)...)
		if !h.More || len(h.Seals) == 0 {
			behind = append(behind, g.unlisted(listed)...)
			g.hist.Synced(listed)
			g.push(t, behind)
			return true
		}
		last := h.Seals[len(h.Seals)-1]
		q.Publisher, q.Life = last.Publisher, last.Life
	}
	return false
}

// heads notes what another node has, and returns what this one has besides.
func (g *group) heads(h *msg.HeadsAre, listed map[msg.Stream]bool, w wish) (behind []history.Run) {
	for i, seal := range h.Seals {
		name := seal.Stream()
		listed[name] = true
		if next := g.hist.Next(name); next > h.Nexts[i] {
			behind = append(behind, history.Run{Stream: name, From: h.Nexts[i], To: next - 1})
		}
		if g.charter.Allows(g.s.cfg.Ring, seal, g.s.cfg.Verifier, g.s.ep.Wall()) != nil {
			continue
		}
		base := seal.Last() + 1
		if w != coming {
			floor := min(h.Floors[i], base)
			if m := g.member; m != nil && w == asked {
				floor = m.start(base, floor)
			}
			base = floor
		} else if g.hist.Next(name) > 0 || g.hist.IsSynced() {
			g.hist.Learn(seal) // this node was away
			continue
		}
		g.hist.Begin(seal, max(base, 1))
	}
	return behind
}

// unlisted returns what this node has of streams that another one does not know at all: as
// where it was in another part of a ring that was parted.
func (g *group) unlisted(listed map[msg.Stream]bool) (runs []history.Run) {
	name := msg.Stream{}
	for more := true; more; {
		var seals []*msg.Seal
		var floors []uint64
		seals, floors, more = g.hist.Heads(name, msg.MaxHeads)
		for i, seal := range seals {
			if name = seal.Stream(); !listed[name] && floors[i] <= seal.Last() {
				runs = append(runs, history.Run{Stream: name, From: floors[i], To: seal.Last()})
			}
		}
	}
	return runs
}

// push brings the root what others lack: messages that came down the tree before a root
// died, and that their publisher may not publish again.
func (g *group) push(t *task.T, behind []history.Run) {
	for _, r := range behind {
		for _, b := range g.hist.Batches(r, pushed) {
			if _, _, err := g.s.askRoot(t, g.key, &msg.Publish{Group: g.id, Batch: b}); err != nil {
				return
			}
		}
	}
}

// auditLater plans a question to another node than the parent: a parent that swallows
// messages would not tell.
func (g *group) auditLater(anew bool) {
	a := &g.audits
	a.timer.Stop()
	if anew {
		a.pause = auditFirst
	}
	wait := a.pause - a.pause/4 + time.Duration(g.s.ep.Rand().Int64N(int64(a.pause/2)))
	a.timer = g.s.ep.After(wait, func() {
		if g.parent == nil {
			return // it begins anew with another parent
		}
		a.count++
		a.pause = min(2*a.pause, auditLongest)
		from := source{node: g.backup}
		if g.backup == nil || a.count%auditRoot == 0 {
			from = source{keeps: true}
		}
		g.s.ep.Go(func(t *task.T) error {
			if g.hist.IsSynced() && g.compare(t, from, coming) {
				g.fill()
			}
			return nil
		}, func(error) { g.auditLater(false) })
	})
}
