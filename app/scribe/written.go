package scribe

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/scribe/shelf"
	"github.com/phyllo-net/phyllo/task"
)

// This file is how what a node keeps for others comes to its disk, and back at its next start
// (package shelf).

// readAgain is the time after which a disk is read again that failed at the start.
const readAgain = 5 * time.Second

// restore takes over what was written down before this start. Until then this node does not say
// that it knows nothing of a group. It waits for a disk that fails, but not for ever: groups of
// which it is the root stand still meanwhile, and others keep what it has on its disk as well.
func (s *Scribe) restore(t *task.T) error {
	var kept []*shelf.Kept
	for end, over := s.ep.Now().Add(s.cfg.Patience), false; !over; {
		var err error
		if kept, err = s.shelf.Load(t, s.cfg.Ring); errors.Is(err, task.ErrStopped) {
			return err
		}
		if f := s.cfg.Events.Unwritten; err != nil && f != nil {
			f(err)
		}
		if over = err == nil || end.Before(s.ep.Now()); !over {
			if err := t.Sleep(readAgain); err != nil {
				return err
			}
		}
	}
	for _, k := range kept {
		s.bring(k)
	}
	s.loading = false
	return nil
}

// bring takes over what was written down of a group. Whoever keeps the group now will speak
// of it, or this node is its root.
func (s *Scribe) bring(k *shelf.Kept) {
	group := k.Charter.Group(s.cfg.Ring)
	g := s.find(group)
	if g == nil {
		return // too many
	}
	g.held, g.keptAt, g.shelved = true, s.ep.Now(), k.Charter.Version
	if g.take(k.Charter) != nil {
		g.held = false
		g.dropIfIdle()
		return
	}
	_, had := g.hist.Len()
	for _, b := range k.Batches {
		g.hist.Begin(b.Seal, b.Seal.First)
		if g.hist.Add(b) != history.Added {
			s.shelf.Drop(group, b.Seal)
		}
	}
	g.hist.Expire(s.ep.Wall())
	g.read()
	_, has := g.hist.Len()
	s.grew(has - had)
	g.reviewRoot()
}

// shelve writes down what this node keeps of the group for others, or removes it, where that
// has changed; later each batch is written as it comes.
func (g *group) shelve() {
	version := uint64(0)
	if g.charter != nil && (g.root != nil || g.keeping()) {
		version = g.charter.Version
	}
	switch {
	case g.s.shelf == nil || version == g.shelved:
		return
	case version == 0:
		g.s.shelf.Forget(g.id)
	default:
		g.s.shelf.Charter(g.id, g.charter)
		if g.shelved == 0 {
			g.hist.Each(func(b *msg.Batch) { g.s.shelf.Put(g.id, b) })
		}
	}
	g.shelved = version
}

// unkept notes that the history has let a batch go.
func (g *group) unkept(b *msg.Batch) {
	if g.shelved > 0 {
		g.s.shelf.Drop(g.id, b.Seal)
	}
}

// keeping reports whether this node keeps the group's state for a root, known or to come.
func (g *group) keeping() bool { return g.keeper != nil || g.held }
