package space

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// changes are this node's own changes of a space that may stand in roots which it has not seen.
type changes struct {
	notes.Attempts
	flying []tree.Made // attempts that are being made
	next   *written
	saving bool
}

// written is a state of the changes on its way to the disk.
type written struct {
	done bool
	err  error
	wake []func(struct{}, error)
}

// ownChanges reads what earlier runs of the node have left open, once.
func (sp *Space) ownChanges(t *task.T) (*changes, error) {
	c := sp.s.changes[sp.id]
	if c != nil {
		return c, nil
	}
	c = new(changes)
	if st, space := sp.s.cfg.Store, sp.id; st != nil {
		as, err := task.Work(t, work, func() (*notes.Attempts, error) { return notes.Read(st, space) })
		if err != nil {
			return nil, err
		}
		c.Attempts = *as
	}
	if other := sp.s.changes[sp.id]; other != nil { // of another person, meanwhile
		return other, nil
	}
	sp.s.changes[sp.id] = c
	return c, nil
}

// drawn is a number that nobody else has.
func (s *Spaces) drawn() (n uint64) {
	b := s.cfg.Locker.NewSecret()
	for _, x := range b[:8] {
		n = n<<8 | uint64(x)
	}
	return n
}

// attempt names an attempt to replace a root.
func (sp *Space) attempt(r *roots.Root) tree.Made {
	sp.s.tries++
	return sp.names.Attempt(r, sp.s.tries, sp.s.drawn)
}

// try notes that an attempt is about to be made; apart: it may be made without a majority, for which those who decide about it
// may have waited since before it was begun.
func (c *changes) try(sp *Space, r *roots.Root, m tree.Made, apart bool) {
	now := sp.s.ep.Wall()
	c.Settle(r.Facts(), now, sp.s.cfg.LostAfter)
	a := notes.Attempt{Made: m, Version: r.Version + 1, Date: now.UnixMilli(), Apart: apart}
	if len(r.Made) > 0 {
		a.Base = &r.Made[0]
	}
	c.Try(a)
	c.flying = append(c.flying, m)
}

// land says that nobody waits any more for what becomes of an attempt.
func (c *changes) land(m tree.Made) {
	c.flying = slices.DeleteFunc(c.flying, func(x tree.Made) bool { return x == m })
}

func (sp *Space) landed(tried []*attempt) {
	for _, a := range tried {
		sp.s.changes[sp.id].land(a.made)
	}
}

// open reports whether a root may stand, or come up, that does not come after the one by which they
// were settled last; what is being tried right now aside.
func (c *changes) open() bool {
	return c.Unknown || slices.ContainsFunc(c.List, func(a notes.Attempt) bool { return !slices.Contains(c.flying, a.Made) })
}

// save begins to write the changes down as they are now, or as they are when the disk is free.
func (c *changes) save(sp *Space) *written {
	if c.next == nil {
		c.next = new(written)
	}
	w := c.next
	if !c.saving {
		c.saving = true
		sp.s.ep.Go(func(t *task.T) error { return c.write(t, sp) }, nil)
	}
	return w
}

func (c *changes) write(t *task.T, sp *Space) error {
	st, space := sp.s.cfg.Store, sp.id
	for c.next != nil {
		w := c.next
		c.next = nil
		if st != nil {
			as := notes.Attempts{List: slices.Clone(c.List), Unknown: c.Unknown}
			_, w.err = task.Work(t, work, func() (struct{}, error) { return struct{}{}, as.Write(st, space) })
		}
		w.done = true
		for _, wake := range w.wake {
			wake(struct{}{}, w.err)
		}
	}
	c.saving = false
	return nil
}

// wait returns when it is on the disk.
func (w *written) wait(t *task.T) error {
	if w.done {
		return w.err
	}
	_, err := task.Await(t, work, func(resolve func(struct{}, error)) { w.wake = append(w.wake, resolve) })
	return err
}
