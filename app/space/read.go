package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// Snapshot is a space as it was at one moment.
type Snapshot struct {
	root *roots.Root
	s    *store
	now  int64
}

// Look calls f with the space as it is now, or as it became while Look waited. If a node of the
// directory has been given back meanwhile it is called once more, with a newer one. What parts of
// the ring have changed out of each other's sight is brought together first, by who may write.
// Errors: those of f, ErrForged, past.ErrNotReachable, task.ErrStopped.
func (sp *Space) Look(t *task.T, f func(Snapshot) error) error {
	for try := 0; ; try++ {
		r, err := sp.now(t)
		if err != nil {
			return err
		}
		if did, err := sp.bringTogether(t, r); err != nil {
			return err
		} else if did {
			if r, err = sp.now(t); err != nil {
				return err
			}
		}
		err = f(Snapshot{r, &store{sp: sp, t: t}, sp.s.ep.Wall().UnixMilli()})
		if !errors.Is(err, past.ErrNotFound) || try == 3 {
			return err
		}
	}
}

// Number is that of the newest change.
func (sn Snapshot) Number() uint64 { return sn.root.Number }

// Names is the number of names, those of removed files with older versions too.
func (sn Snapshot) Names() uint64 { return sn.root.Tree.Count }

// Bytes is the length of all contents, those of older versions too.
func (sn Snapshot) Bytes() int64 { return sn.root.Bytes }

// History reports whether versions that are replaced or removed are kept.
func (sn Snapshot) History() bool { return sn.root.History }

// Alive reports whether a version stands for something: it is no mark of a removal, and has
// not expired.
func (sn Snapshot) Alive(v *tree.Version) bool { return v.Alive(sn.now) }

// Entry returns what is kept under a name, with all versions, or ErrNotFound.
func (sn Snapshot) Entry(name string) (*tree.Entry, error) {
	es, err := sn.root.Tree.Get(sn.s, name)
	if err != nil {
		return nil, err
	}
	if es[0] == nil {
		return nil, ErrNotFound
	}
	return es[0], nil
}

// Version returns a version of a name; 0 is the current one. A mark of a removal comes with
// ErrNotFound. Errors: ErrNotFound, and those of storage.
func (sn Snapshot) Version(name string, number uint64) (*tree.Version, error) {
	e, err := sn.Entry(name)
	if err != nil {
		return nil, err
	}
	x := pick(e, number, sn.now)
	switch {
	case x == nil && number == 0 && e.Current().Removed:
		return e.Current(), ErrNotFound
	case x == nil || !x.Removed && !x.Alive(sn.now):
		return nil, ErrNotFound
	case x.Removed:
		return x, ErrNotFound
	}
	return x, nil
}

// Scan visits all entries from a name on, in order, also those of which nothing but old
// versions is left: see tree.Tree.Scan.
func (sn Snapshot) Scan(from string, visit func(*tree.Entry) (next string, more bool)) error {
	return sn.root.Tree.Scan(sn.s, from, visit)
}

// MaxRead is how many bytes are read at once.
const MaxRead = 4 << 20

// ReadAt returns up to n bytes of a content from a place on, at most MaxRead; fewer
// only at its end. It asks for what is needed and nothing else, several pieces at once.
// Errors: ErrDamaged, past.ErrNotFound (it was given back), past.ErrNotReachable,
// task.ErrStopped.
func (s *Spaces) ReadAt(t *task.T, c piece.Content, at int64, n int) ([]byte, error) {
	to := min(at+int64(min(n, MaxRead)), c.Ref.Size)
	if at < 0 || at >= to {
		return nil, nil
	}
	parts, err := s.parts(t, c, at, to)
	if err != nil {
		return nil, err
	}
	return s.join(t, parts, at, to)
}

// ReadOn is ReadAt for who reads on until a place: it ends at the end of a chunk, with about
// n bytes, so that none is asked for twice. At least one byte comes, before that place.
func (s *Spaces) ReadOn(t *task.T, c piece.Content, at, until int64, n int) ([]byte, error) {
	until = min(until, c.Ref.Size)
	to := min(at+int64(min(n, MaxRead)), until)
	if at < 0 || at >= to {
		return nil, nil
	}
	parts, err := s.parts(t, c, at, to)
	if err != nil {
		return nil, err
	}
	last := parts[len(parts)-1]
	from, end := piece.ChunkOf(last.Ref.Size, to-1-last.At)
	from, end = last.At+from, min(last.At+end, until)
	switch {
	case to == end || from <= at:
		to = end
	case from == last.At:
		parts, to = parts[:len(parts)-1], from
	default:
		to = from
	}
	return s.join(t, parts, at, to)
}

// parts are the pieces of a content that have bytes of [at, to).
func (s *Spaces) parts(t *task.T, c piece.Content, at, to int64) ([]piece.Part, error) {
	parts := []piece.Part{{Ref: c.Ref}}
	for range c.Height {
		lists := make([]*piece.List, len(parts))
		if err := s.each(t, len(parts), func(t *task.T, i int) (err error) {
			lists[i], err = s.list(t, parts[i].Ref)
			return err
		}); err != nil {
			return nil, err
		}
		var below []piece.Part
		for i, l := range lists {
			below = append(below, l.Overlapping(parts[i].At, at, to)...)
		}
		parts = below
	}
	return parts, nil
}

// join reads [at, to) from the pieces that have it.
func (s *Spaces) join(t *task.T, parts []piece.Part, at, to int64) ([]byte, error) {
	out := make([]byte, to-at)
	err := s.each(t, len(parts), func(t *task.T, i int) error {
		p := parts[i]
		from := max(at, p.At)
		return s.fill(t, p.Ref, from-p.At, out[from-at:min(to, p.At+p.Ref.Size)-at])
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// list reads a list.
func (s *Spaces) list(t *task.T, r piece.Ref) (*piece.List, error) {
	if l, known := s.lists.get(r); known {
		return l, nil
	}
	b, err := s.fetch(t, kindList, r)
	if err != nil {
		return nil, err
	}
	l, err := piece.OpenList(b, r.Size)
	if err == nil {
		s.lists.put(r, l)
	}
	return l, err
}

// leaves are the pieces of a content, in order, and the lists above them.
func (s *Spaces) leaves(t *task.T, c piece.Content) (pieces, lists []piece.Ref, err error) {
	if c.Ref.IsZero() {
		return nil, nil, nil
	}
	pieces = []piece.Ref{c.Ref}
	for range c.Height {
		lists = append(lists, pieces...)
		below := make([][]piece.Ref, len(pieces))
		if err := s.each(t, len(pieces), func(t *task.T, i int) error {
			l, err := s.list(t, pieces[i])
			if err == nil {
				below[i] = l.Refs
			}
			return err
		}); err != nil {
			return nil, nil, err
		}
		pieces = slices.Concat(below...)
	}
	return pieces, lists, nil
}

// drop gives back the contents that an attempt which was made needs no more, after a while. If parts of the
// ring have met by then, or are about to, they stay: what another part had may have brought them
// back. What nobody needs in the end is swept up.
func (sp *Space) drop(a *attempt) {
	if len(a.dropped) == 0 || sp.charter.Convergent {
		return
	}
	sp.s.ep.Go(func(t *task.T) error {
		used, unknown := sp.used(t, a.root, a.dropped)
		if err := passStop(unknown); err != nil {
			return err
		}
		var refs []piece.Ref
		for _, x := range a.dropped {
			for _, c := range x.Contents() {
				if _, stays := used[c.Ref.Object]; x.Shared && (stays || unknown != nil) {
					continue
				}
				some, err := sp.unused(t, c)
				if errors.Is(err, task.ErrStopped) {
					return err
				}
				refs = append(refs, some...)
			}
		}
		if len(refs) == 0 {
			return nil
		}
		if err := t.Sleep(sp.s.cfg.Grace); err != nil {
			return err
		}
		r, err := sp.now(t)
		if err != nil || r.Met > a.root.Number || r.Apart > 0 || len(sp.open(r)) > 0 {
			return passStop(err)
		}
		return sp.reclaims(t, refs)
	}, nil)
}

// giveContent gives back a content that never had a name.
func (sp *Space) giveContent(c piece.Content) {
	if c.Ref.IsZero() {
		return
	}
	sp.s.ep.Go(func(t *task.T) error {
		pieces, lists, err := sp.s.leaves(t, c)
		if err == nil {
			sp.give(append(pieces, lists...))
		}
		return err
	}, nil)
}

// unused are the objects of a content, once nobody on this node reads it.
func (sp *Space) unused(t *task.T, c piece.Content) ([]piece.Ref, error) {
	for sp.s.readers[c.Ref.Object] > 0 {
		if err := t.Sleep(max(sp.s.cfg.Grace, time.Second)); err != nil {
			return nil, err
		}
	}
	pieces, lists, err := sp.s.leaves(t, c)
	return append(pieces, lists...), err
}

// Hold keeps a content from being given back by this node until the function that it
// returns is called, once: for those who read it slowly.
func (s *Spaces) Hold(c piece.Content) (release func()) {
	o := c.Ref.Object
	s.readers[o]++
	return func() {
		if s.readers[o]--; s.readers[o] == 0 {
			delete(s.readers, o)
		}
	}
}

// used are the topmost objects of those contents of shared versions that stand in a tree. What does not will
// not in a later one: only what stands there can be copied.
func (sp *Space) used(t *task.T, r *roots.Root, xs []*tree.Version) (used objects, err error) {
	asked, used := make(objects), make(objects)
	for _, x := range xs {
		for _, c := range x.Contents() {
			if x.Shared {
				asked[c.Ref.Object] = struct{}{}
			}
		}
	}
	if len(asked) == 0 {
		return used, nil
	}
	err = r.Tree.Scan(&store{sp: sp, t: t}, "", func(e *tree.Entry) (string, bool) {
		for _, x := range e.Versions {
			for _, c := range x.Contents() {
				if _, is := asked[c.Ref.Object]; is {
					used[c.Ref.Object] = struct{}{}
				}
			}
		}
		return "", len(used) < len(asked)
	})
	return used, err
}

// pause is how long to wait before another try.
func (sp *Space) pause() time.Duration {
	return 200*time.Millisecond + time.Duration(sp.s.ep.Rand().Int64N(int64(time.Second)))
}
