package office

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/task"
)

// parted reports whether a branch may begin without a majority: of each branch that is known
// so many holders are gone, for longer than they are waited for, that there is none.
func (c *canvass) parted() bool {
	known := c.known()
	return len(known) > 0 && len(known) <= certificate.MaxRivals && c.seated() && !slices.ContainsFunc(known, func(v *certificate.Version) bool {
		return !slices.ContainsFunc(v.Ruling.Sets(), c.gone)
	})
}

// gone reports whether a majority of some holders is neither heard, nor in sight, nor waited for, or
// has lost its disks.
func (c *canvass) gone(hs certificate.Holders) bool {
	there, away, n := c.all.ep.NeighborSet(maxSight), c.all.holder.Awaited(), 0
	for _, m := range hs {
		switch got := c.heard[m.Node]; {
		case got != nil && m.Life != 0 && got.Life != m.Life:
		case got != nil, client.Contains(there, m.Node), slices.Contains(away, m.Node):
			n++
		}
	}
	return n < hs.Majority()
}

// maxSight is more than the neighbours that a node may see.
const maxSight = 4 * certificate.MaxCopies

// leave begins a branch apart from all that is known, in which what is first among them is current.
func (c *canvass) leave(t *task.T) error {
	known := c.known()
	slices.SortFunc(known, precedence)
	b := ballot{of: c.of, to: slices.Clone(c.of.nodes), c: c, draft: true}
	c.of.origin, c.of.absorbed = c.of.term, certificate.Leave(known)
	for _, v := range known {
		b.add(v.Ruling)
	}
	if err := b.bring(t); err != nil {
		return err
	}
	if err := b.handLeft(t); err != nil {
		return err
	}
	if err := b.rule(t, known[0], c.of.holders, nil); err != nil {
		return err
	}
	// Now that holders know what was left they take it in the place of any other ruling about the
	// same version that somebody gave them before: it says whom to ask before this branch ends.
	if err := b.handLeft(t); err != nil {
		return err
	}
	b.draft = false
	return b.rule(t, known[0], c.of.holders, nil)
}

// handLeft gives the holders the latest ruling of each branch that is left.
func (b *ballot) handLeft(t *task.T) error {
	left := &certificate.Ruling{Absorbed: b.of.absorbed}
	for i, v := range b.c.seen {
		// Each holder that was heard has shown it.
		known := slices.ContainsFunc(b.c.seen[:i], func(u *certificate.Version) bool { return left.LeftAt(u.Ruling) && u.Ruling.Origin == v.Ruling.Origin })
		if left.LeftAt(v.Ruling) && !known {
			if err := b.hand(t, v); err != nil {
				return err
			}
		}
	}
	return nil
}
