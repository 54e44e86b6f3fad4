package space

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Swept is what was found when this node looked for what it pays for and nobody needs.
type Swept struct {
	Objects int   // given back
	Bytes   int64 // of these, one copy of each
	Spaces  int   // that were left alone, as a change of this node's may stand out of its sight
	Foreign int   // objects that the node pays for and no space of its people has signed
	Missing int   // objects that it pays for and that could not be found, or not now
	Err     error // why something could not be looked at, the first reason; nil: all was
}

// sweeping is what a node must not give back, as it may get its name yet.
type sweeping struct {
	// young are the objects that this run of the node has stored since the last sweep began.
	young objects
	// uploads are those that have no name yet and were not given up.
	uploads []*Upload
	// foreign are objects that this node pays for and no space refers to, nor has signed.
	foreign objects
	// orphans are contents that are held, and that nobody went on with when the last sweep began.
	orphans objects
	// missing are those that could not be found.
	missing map[id.Hash]pause
}

// pause is how many times an object could not be found, and for how many sweeps more it is not asked for.
type pause struct{ times, left int }

// maxDoubling bounds how often a pause is twice as long as the one before: it is a month at most.
const maxDoubling = 5

// over reports whether the object is asked for in this sweep; else its pause is one sweep shorter.
func (p *pause) over() bool {
	if p.left == 0 {
		return true
	}
	p.left--
	return false
}

// again is the pause of an object that could not be found once more.
func (p pause) again() pause { return pause{p.times + 1, 1<<min(p.times, maxDoubling) - 1} }

// objects are ids of objects.
type objects map[id.Hash]struct{}

func (os objects) sorted() []id.Hash {
	return slices.SortedFunc(maps.Keys(os), func(x, y id.Hash) int { return bytes.Compare(x[:], y[:]) })
}

// sweeps reports whether this node looks for what nobody needs.
func (s *Spaces) sweeps() bool {
	return s.cfg.Store != nil && s.cfg.People != nil && s.cfg.Past.Accounts() != nil
}

// stored notes that an object was stored.
func (s *Spaces) stored(t *task.T, r piece.Ref) error {
	switch {
	case !s.sweeps():
		return nil // nobody would ever forget it again
	case r.Code.IsZero():
		s.young[r.Object] = struct{}{}
		return nil
	}
	ids, err := s.archives.IDs(t, r)
	for _, o := range ids {
		s.young[o] = struct{}{}
	}
	return err
}

// sweep looks for what this node pays for and nobody needs: a put that was broken off leaves
// such, or a node that ended before it had given back what was replaced. Of each space that this
// node's people write to it reads the current root, and all that the directory refers to; what
// is left of that which the node pays for, and is signed by a space, is given back. To be on
// the safe side:
//
//   - What was stored since the last sweep began stays until the next one, as do uploads that are
//     not ended, and contents that are held (Upload.Hold).
//   - A root of which nobody knows whether it was made may still come up. So, where there is
//     something to give back, another root is made first, which settles all before it.
//   - A root may stand in another part of the ring, which is out of sight. So nothing
//     is given back while the current root does not come after all changes that this node has
//     made (package notes), or has rivals, or a majority of those who keep it is away.
//   - In a convergent space no content is given back: two nodes that store one piece at one moment store one
//     object, and who gives it back cannot know that the other is about to name it. Its directory's nodes are.
//
// The error is task.ErrStopped; others are in Swept.
func (s *Spaces) sweep(t *task.T) (sum Swept, err error) {
	if !s.sweeps() {
		return sum, nil
	}
	paid := s.cfg.Past.Accounts().PaysFor()
	left := make(objects, len(paid))
	for _, o := range paid {
		left[o] = struct{}{}
	}
	for o := range s.young {
		delete(left, o)
	}
	s.young = make(objects)
	if err := s.wait(t, left); err != nil { // before any root is read: they may get their names meanwhile
		sum.Err = err
		return sum, passStop(err)
	}
	if len(left) == 0 {
		return sum, nil
	}
	spaces, err := s.needed(t, left)
	if sum.Err = err; passStop(err) != nil {
		return sum, err
	}
	found, err := s.sort(t, left, spaces, err == nil)
	sum.Foreign, sum.Missing = len(s.foreign), len(s.missing)
	if sum.Err = cause.Join(sum.Err, err); passStop(err) != nil || len(found) == 0 {
		return sum, passStop(err)
	}
	if err := t.Sleep(storing); err != nil {
		return sum, err
	}
	for _, x := range found {
		if err := s.giveBack(t, x, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// storing is longer than it takes to store one object: what is being stored while its voucher ends
// is known to be young after that.
const storing = time.Hour

// wait takes those objects away that may get their names yet.
func (s *Spaces) wait(t *task.T, left objects) error {
	held, err := s.held(t)
	if err != nil {
		return err
	}
	for _, u := range slices.Clone(s.uploads) {
		held = append(held, u.whole)
		if err := s.take(t, left, slices.Concat(u.all, u.spare)...); err != nil {
			return err
		}
	}
	for _, c := range held {
		if c.Ref.IsZero() {
			continue
		}
		pieces, lists, err := s.leaves(t, c)
		if err == nil {
			err = s.take(t, left, append(pieces, lists...)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// held are the contents that are held. Those that nobody goes on with are so until the next sweep.
func (s *Spaces) held(t *task.T) (held []piece.Content, err error) {
	st, waiting, before := s.cfg.Store, s.cfg.Waiting, s.orphans
	type found struct {
		held    []piece.Content
		orphans objects
	}
	f, err := task.Work(t, work, func() (f found, err error) {
		all, err := notes.Held(st)
		if err != nil || waiting == nil {
			return found{held: all}, err
		}
		wait, err := waiting()
		if err != nil {
			return found{held: all}, nil // any of them may be what could not be read
		}
		f.orphans = make(objects)
		for _, c := range all {
			o := c.Ref.Object
			_, twice := before[o]
			switch {
			case slices.ContainsFunc(wait, func(w piece.Content) bool { return w.Ref.Object == o }):
			case twice:
				err = errors.Join(err, notes.Release(st, c))
				continue
			default:
				f.orphans[o] = struct{}{}
			}
			f.held = append(f.held, c)
		}
		return f, err
	})
	if err == nil {
		s.orphans = f.orphans
	}
	return f.held, err
}

// take takes objects away.
func (s *Spaces) take(t *task.T, left objects, refs ...piece.Ref) error {
	for _, r := range refs {
		if r.Code.IsZero() {
			delete(left, r.Object)
			continue
		}
		ids, err := s.archives.IDs(t, r)
		if err != nil {
			return err
		}
		for _, o := range ids {
			delete(left, o)
		}
	}
	return nil
}

// needed takes those objects away that spaces consist of, and returns the spaces that were read. The
// error says why others could not be.
func (s *Spaces) needed(t *task.T, left objects) (spaces []*Space, failed error) {
	for _, p := range s.cfg.People() {
		list, err := s.List(t, p)
		failed = cause.Join(failed, err)
		for _, e := range list {
			sp, err := s.Open(t, p, e.Handle)
			if err == nil && (!sp.Writes() || slices.ContainsFunc(spaces, func(x *Space) bool { return x.id == sp.id })) {
				continue
			}
			if err == nil {
				err = sp.Look(t, func(sn Snapshot) error { return sn.takeAll(left) })
			}
			if failed = cause.Join(failed, err); passStop(err) != nil {
				return nil, err
			}
			if err == nil {
				spaces = append(spaces, sp)
			}
		}
	}
	return spaces, failed
}

// takeAll takes those objects away that the space consists of.
func (sn Snapshot) takeAll(left objects) error {
	return sn.Objects(func(r piece.Ref, _ int) error { return sn.s.sp.s.take(sn.s.t, left, r) })
}

// unneeded are objects that one space has signed, and perhaps does not need.
type unneeded struct {
	sp   *Space
	left objects
}

// sort says of which space each object is. Those that are of none are remembered, if all spaces are known.
func (s *Spaces) sort(t *task.T, left objects, spaces []*Space, all bool) (found []*unneeded, failed error) {
	foreign, missing := make(objects), make(map[id.Hash]pause)
	before := s.missing
	s.missing = missing
	for _, o := range left.sorted() {
		if _, known := s.foreign[o]; known {
			foreign[o] = struct{}{}
			continue
		}
		p := before[o]
		if !p.over() {
			missing[o] = p
			continue
		}
		if err := t.Sleep(s.cfg.Pace); err != nil {
			return nil, err
		}
		c, err := s.cfg.Past.Inspect(t, o)
		switch {
		case err != nil:
			if passStop(err) != nil {
				return nil, err
			}
			if !errors.Is(err, past.ErrNotFound) { // else its account finds out by itself
				failed = cause.Join(failed, err)
			}
			missing[o] = p.again()
			continue
		}
		i := slices.IndexFunc(spaces, func(sp *Space) bool { return sp.givesBack(c) })
		if i < 0 {
			foreign[o] = struct{}{}
			continue
		}
		at := slices.IndexFunc(found, func(x *unneeded) bool { return x.sp == spaces[i] })
		if at < 0 {
			at, found = len(found), append(found, &unneeded{sp: spaces[i], left: make(objects)})
		}
		found[at].left[o] = struct{}{}
	}
	if s.foreign = nil; all {
		s.foreign = foreign
	}
	return found, failed
}

// givesBack reports whether an object is of a kind that the space may give back when it does not refer to it: it has
// signed it, and in a convergent space it is none that another name may have just got.
func (sp *Space) givesBack(c *certificate.Certificate) bool {
	switch {
	case c.Kind != certificate.File:
		return false
	case sp.charter.Convergent:
		return c.Owner == sp.signer.Public() && c.Salt != sp.sharedSalt(c)
	}
	return sp.signs(c.Owner) != nil
}

// signs returns the signer of the space that has this key, or nil.
func (sp *Space) signs(owner peer.Key) peer.Signer {
	all := sp.signers()
	if i := slices.IndexFunc(all, func(x peer.Signer) bool { return x.Public() == owner }); i >= 0 {
		return all[i]
	}
	return nil
}

// giveBack gives back what a space does not need. The error is task.ErrStopped.
func (s *Spaces) giveBack(t *task.T, x *unneeded, sum *Swept) error {
	sp, elsewhere := x.sp, false
	_, err := sp.change(t, nil, func(v *roots.View) (*tree.Version, error) {
		v.Number++
		return nil, nil
	})
	if err == nil {
		err = sp.Look(t, func(sn Snapshot) error {
			c := s.changes[sp.id] // it has just made one
			c.Settle(sn.root.Facts(), s.ep.Wall(), s.cfg.LostAfter)
			if elsewhere = c.open() || len(sn.root.Rivals) > 0 || sn.root.Moved || sn.root.Apart > 0; elsewhere {
				return nil
			}
			return sn.takeAll(x.left)
		})
	}
	if err != nil {
		sum.Err = cause.Join(sum.Err, err)
		return passStop(err)
	}
	if elsewhere {
		sum.Spaces++
		return nil
	}
	for _, o := range x.left.sorted() {
		if _, young := s.young[o]; young {
			continue
		}
		if err := t.Sleep(s.cfg.Pace); err != nil {
			return err
		}
		c, err := s.cfg.Past.Inspect(t, o)
		if errors.Is(err, past.ErrNotFound) {
			continue
		}
		if err == nil {
			err = s.cfg.Past.Reclaim(t, o, sp.signs(c.Owner))
		}
		if err != nil {
			if sum.Err = cause.Join(sum.Err, err); passStop(err) != nil {
				return err
			}
			continue
		}
		sum.Objects++
		sum.Bytes += c.Size
	}
	return nil
}
