package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// open are the rivals of a root that are not known to be of no use here.
func (sp *Space) open(r *roots.Root) (open []id.Hash) {
	for _, h := range r.Rivals {
		if !sp.alien[h] {
			open = append(open, h)
		}
	}
	return open
}

// due are the open rivals of a root that are to be brought together with it now. As long as a majority is away, those
// that were left for later are not tried with every look and every change.
func (sp *Space) due(r *roots.Root, now task.Instant) []id.Hash {
	return slices.DeleteFunc(sp.open(r), func(h id.Hash) bool {
		since, left := sp.later[h]
		return left && r.Apart > 0 && now.Sub(since) < laterAgain
	})
}

// merges reports whether a root is to be brought together with rivals by this node. One that a
// part of the ring has closed goes on under another key, and what others have made meanwhile
// stays beside it.
func (sp *Space) merges(r *roots.Root, now task.Instant) bool {
	return sp.signer != nil && !r.Moved && len(sp.due(r, now)) > 0
}

// laterAgain is after what time a rival is tried again that was left for later.
const laterAgain = time.Minute

// leaveLater notes which rivals of a root a merge has left for later: of those that were tried the ones that are not in it,
// or all if there is none (nil).
func (sp *Space) leaveLater(r *roots.Root, tried []*roots.Root, m *roots.Merged, now task.Instant) {
	before := sp.later
	sp.later = make(map[id.Hash]task.Instant)
	for _, h := range r.Rivals {
		if since, left := before[h]; left {
			sp.later[h] = since
		}
	}
	for _, x := range tried {
		if delete(sp.later, x.Certificate); m == nil || !slices.Contains(m.Roots, x) {
			sp.later[x.Certificate] = now
		}
	}
}

// bringTogether merges the rivals that a root has, if this node may. Whatever it cannot do it
// leaves to the next who comes. The error is task.ErrStopped.
func (sp *Space) bringTogether(t *task.T, r *roots.Root) (did bool, err error) {
	if !sp.merges(r, sp.s.ep.Now()) {
		return false, nil
	}
	_, err = sp.change(t, nil, func(*roots.View) (*tree.Version, error) { return nil, nil })
	return err == nil, passStop(err)
}

// merge is a view of a root, and of what its rivals have, as far as this node may bring them together.
func (sp *Space) merge(t *task.T, s tree.Store, r *roots.Root, by tree.Made) (*roots.Merged, error) {
	list := []*roots.Root{r}
	name := past.Name{Owner: sp.charter.Writer, Part: sp.part("root"), Copies: sp.handle.Copies}
	for _, h := range sp.due(r, sp.s.ep.Now()) {
		f, err := sp.s.cfg.Past.Rival(t, name, h)
		if errors.Is(err, past.ErrNotFound) {
			continue // somebody was faster
		}
		if err != nil {
			return nil, err
		}
		x, err := sp.readRoot(t, f)
		if errors.Is(err, ErrForged) || errors.Is(err, ErrDamaged) || err == nil && x.Moved {
			if sp.alien == nil {
				sp.alien = make(map[id.Hash]bool)
			}
			sp.alien[h] = true
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	from := roots.View{Store: s, Now: sp.s.ep.Wall().UnixMilli(), Author: sp.person.Signer.Public(), By: by, Keep: sp.s.cfg.Versions, Apart: r.Apart > 0}
	m, err := from.Together(list)
	if from.Apart && errors.Is(err, roots.ErrGone) {
		err = missingError{apart: true} // a majority may have replaced what is missing
	}
	if err == nil || errors.Is(err, past.ErrApart) {
		sp.leaveLater(r, list[1:], m, sp.s.ep.Now())
	}
	return m, err
}
