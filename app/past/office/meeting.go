package office

import (
	"bytes"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// note notes a version that was heard of: the latest of each branch counts.
func (c *canvass) note(v *certificate.Version) {
	c.seen = append(c.seen, v)
	i := slices.IndexFunc(c.tips, func(u *certificate.Version) bool { return u.Ruling.Origin == v.Ruling.Origin })
	switch {
	case i < 0:
		c.tips = append(c.tips, v)
	case v.After(c.tips[i]):
		c.tips[i] = v
	}
}

// weed forgets versions that no honest root can have ruled to be current: they would stand in the place of a higher one,
// which was complete. A branch never goes back behind that, nor does one that has absorbed it. Else one liar could
// undo what was acknowledged by a late ruling of its own, about an old version.
func (c *canvass) weed() {
	seen := c.seen
	lie := func(v *certificate.Version) bool {
		return slices.ContainsFunc(seen, func(u *certificate.Version) bool {
			return u.Certificate.Version > v.Certificate.Version && v.Ruling.Covers(u.Ruling) && c.shown(u.Ruling)
		})
	}
	c.seen, c.tips = nil, nil
	for _, v := range seen {
		if !lie(v) {
			c.note(v)
		}
	}
}

// shown reports whether a ruling is complete, as a majority of its holders shows just this one, with its promise.
func (c *canvass) shown(r *certificate.Ruling) bool {
	n := 0
	for _, m := range r.Holders {
		if got := c.heard[m.Node]; got != nil && got.Ruling != nil && (m.Life == 0 || got.Life == m.Life) && bytes.Equal(got.Ruling.Sig, r.Sig) {
			n++
		}
	}
	return r.Settled() && !r.Draft && n >= r.Holders.Majority()
}

// choose returns the versions that meet: the first is current, and the others were so in
// other parts of the ring. There are none if nobody has any version. It is not known, and ok
// is false, if no branch has the promise of its holders.
func (c *canvass) choose() (met []*certificate.Version, ok bool) {
	known := c.known()
	slices.SortFunc(known, precedence)
	rivals := 0
	for _, v := range known {
		if n := 1 + len(v.Ruling.Rivals()); c.agreed(v.Ruling) && rivals+n <= 1+certificate.MaxRivals {
			met, rivals = append(met, v), rivals+n
		}
	}
	for _, v := range c.tips {
		if left(met, v) && c.agreed(v.Ruling) {
			met = append(met, v) // nothing came of it, so what left it is apart from it no more
		}
	}
	return met, len(met) > 0 || len(known) == 0
}

// left reports whether a version is a draft that one of some others has left.
func left(others []*certificate.Version, v *certificate.Version) bool {
	return v.Ruling.Draft && slices.ContainsFunc(others, func(u *certificate.Version) bool { return u.Ruling.LeftAt(v.Ruling) })
}

// known are the latest versions of the branches of which nothing is left out: one branch, if
// no parts of the ring had lost sight of each other.
func (c *canvass) known() (known []*certificate.Version) {
	var draft *certificate.Version
	for _, v := range c.tips {
		switch {
		case left(c.tips, v):
		case v.Ruling.Draft && (draft == nil || v.After(draft)):
			draft = v
		case !v.Ruling.Draft && !slices.ContainsFunc(c.tips, func(u *certificate.Version) bool { return absorbs(u, v) }):
			known = append(known, v)
		}
	}
	if draft != nil && draft.Ruling.Apart() > 0 && len(known) > 0 {
		return known // nothing was made in it, and it may not stand for what it left
	}
	// A draft that covers them all may have been complete, and the next ruling of its root
	// be known to somebody. Another one was made by who had not heard of them.
	if draft != nil && !slices.ContainsFunc(known, func(v *certificate.Version) bool { return !draft.Ruling.Covers(v.Ruling) }) {
		return []*certificate.Version{draft}
	}
	return known
}

// absorbs reports whether u, the latest version of another branch than v's, stands for v too.
// Of two that stand for each other the later one does. What u left, who is apart, speaks for itself, and so does
// a majority of which u has not heard, though its version is the same: its holders do not take u's rulings.
func absorbs(u, v *certificate.Version) bool {
	if u.Ruling.Apart() > 0 && v.Ruling.Apart() == 0 && !u.Ruling.Over(v.Ruling) {
		return false
	}
	return u != v && !u.Ruling.Draft && u.Ruling.Covers(v.Ruling) && !u.Ruling.Left(v.Ruling) && (u.After(v) || !v.Ruling.Covers(u.Ruling))
}

// precedence orders versions that meet, the current one first.
func precedence(a, b *certificate.Version) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	}
	return 0
}

// meet begins a branch in which others come together, if there is more than one, or one that goes on without
// holders who are taken for lost: should these have gone on, too, the two meet later; or one that was a guess,
// and is apart no more. Before
// anything is ruled the holders are given what is kept besides, for they take no ruling
// without that; and each ruling must have a majority of all sets of holders that met, so that
// none of these goes on for itself.
func (b *ballot) meet(t *task.T, met []*certificate.Version) error {
	b.of.origin, b.of.absorbed = met[0].Ruling.Origin, met[0].Ruling.Absorbed
	assured := b.c.assured(met)
	if len(met) > 1 || assured || b.c.forgone(met[0].Ruling) {
		b.of.origin, b.of.absorbed, b.draft = b.of.term, certificate.Absorb(met), true
	}
	if assured {
		b.of.absorbed = certificate.Assured(b.of.absorbed)
	}
	for _, v := range met[1:] {
		b.add(v.Ruling)
		b.besides = append(b.besides, v.Ruling.Sets()...)
	}
	return b.bring(t)
}

// bring gives the holders what they are to keep besides.
func (b *ballot) bring(t *task.T) error {
	for _, h := range certificate.Rivals(b.of.absorbed) {
		i := slices.IndexFunc(b.c.seen, func(v *certificate.Version) bool { return v.Ruling.Certificate == h })
		if i < 0 {
			continue // who has taken a ruling of this branch has it
		}
		if err := b.hand(t, b.c.seen[i]); err != nil {
			return err
		}
	}
	return nil
}

// hand gives the holders a version that they are to keep besides.
func (b *ballot) hand(t *task.T, v *certificate.Version) error {
	_, err := b.of.all.asker.All(t, b.to, func() wire.Message {
		return &msg.Keep{Cert: v.Certificate, Content: v.Content, Ruling: v.Ruling}
	}, nil)
	return err
}
