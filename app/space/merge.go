package space

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// open are the rivals of a root that are not known to be of no use here.
func (sp *Space) open(r *root) (open []id.Hash) {
	for _, h := range r.rivals {
		if !sp.alien[h] {
			open = append(open, h)
		}
	}
	return open
}

// due are the open rivals of a root that are to be brought together with it now. As long as a majority is away, those
// that were left for later are not tried with every look and every change.
func (sp *Space) due(r *root, now task.Instant) []id.Hash {
	return slices.DeleteFunc(sp.open(r), func(h id.Hash) bool {
		since, left := sp.later[h]
		return left && r.apart > 0 && now.Sub(since) < laterAgain
	})
}

// merges reports whether a root is to be brought together with rivals by this node. One that a
// part of the ring has closed goes on under another key, and what others have made meanwhile
// stays beside it.
func (sp *Space) merges(r *root, now task.Instant) bool {
	return sp.signer != nil && !r.Moved && len(sp.due(r, now)) > 0
}

// laterAgain is after what time a rival is tried again that was left for later.
const laterAgain = time.Minute

// leaveLater notes which rivals of a root a merge has left for later: of those that were tried the ones that are not in it,
// or all if there is none (nil).
func (sp *Space) leaveLater(r *root, tried []*root, m *merged, now task.Instant) {
	before := sp.later
	sp.later = make(map[id.Hash]task.Instant)
	for _, h := range r.rivals {
		if since, left := before[h]; left {
			sp.later[h] = since
		}
	}
	for _, x := range tried {
		if delete(sp.later, x.certificate); m == nil || !slices.Contains(m.roots, x) {
			sp.later[x.certificate] = now
		}
	}
}

// bringTogether merges the rivals that a root has, if this node may. Whatever it cannot do it
// leaves to the next who comes. The error is task.ErrStopped.
func (sp *Space) bringTogether(t *task.T, r *root) (did bool, err error) {
	if !sp.merges(r, sp.s.ep.Now()) {
		return false, nil
	}
	_, err = sp.change(t, nil, func(*view) (*tree.Version, error) { return nil, nil })
	return err == nil, passStop(err)
}

// merge is a view of a root, and of what its rivals have, as far as this node may bring them together.
func (sp *Space) merge(t *task.T, s tree.Store, r *root, by made) (*merged, error) {
	roots := []*root{r}
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
		roots = append(roots, x)
	}
	from := view{s: s, now: sp.s.ep.Wall().UnixMilli(), author: sp.person.Signer.Public(), by: by, keep: sp.s.cfg.Versions, apart: r.apart > 0}
	m, err := from.together(roots)
	if err == nil || errors.Is(err, past.ErrApart) {
		sp.leaveLater(r, roots[1:], m, sp.s.ep.Now())
	}
	return m, err
}

// merged are roots that were brought together.
type merged struct {
	*view
	base  *root   // that the view is made from
	roots []*root // the current one, and those of its rivals that are in the view
}

// together brings the rivals of a root together with it, which is the first of the list. The view is made from
// that or, where nodes of its directory are not there any more, from another one: of a minority that has made more
// changes than the majority, which has replaced such nodes and given them back, the root is the current one.
// If none is whole the error is past.ErrApart where a majority is away, which may have replaced what is missing; else
// past.ErrNotFound.
func (from view) together(roots []*root) (m *merged, err error) {
	for _, base := range roots {
		m, err = from.over(base, roots)
		if err == nil || !errors.Is(err, past.ErrNotFound) {
			return m, err
		}
	}
	if from.apart {
		return nil, missingError{apart: true}
	}
	return nil, err
}

// over is together, with a view that is made from one of the roots.
//
// Where nodes of another one are not there any more, a majority has replaced them and given them back. If
// one has a say here, its root is one of these, or before one of them, and nothing is missing. Else it may be out of
// sight, with what was in these nodes: such a rival is left for later.
func (from view) over(base *root, roots []*root) (*merged, error) {
	v := &from
	v.tree, v.number, v.history, v.bytes, v.met = base.Tree, base.Number, base.History, base.Bytes, base.Met
	m, after := &merged{v, base, nil}, base.Made
	for i, x := range roots {
		if x != base {
			whole, err := v.bring(x, after, base.common(x))
			if err != nil {
				return nil, err
			}
			if !whole && v.apart {
				if i == 0 {
					return nil, past.ErrNotFound
				}
				continue
			}
			after = slices.Concat(after, x.Made)
		}
		m.roots = append(m.roots, x)
	}
	if len(m.roots) > 1 {
		v.number++
		v.met = v.number
	}
	return m, nil
}

// resolves are the rivals that the view has done with.
func (m *merged) resolves() (done []id.Hash) {
	for _, x := range m.roots[1:] {
		done = append(done, x.certificate)
	}
	return done
}

// made are the attempts that the view comes after, and one more. The roots take turns, each from its latest on: where
// there are too many, it is the oldest of each that are forgotten, and not all of one of them.
func (m *merged) made(last made) []made {
	var list []made
	for i := range maxMade {
		for _, x := range m.roots {
			if i < len(x.Made) {
				list = append(list, x.Made[i])
			}
		}
	}
	return with(list, last)
}

// beside is a name itself if it can be had, or one that is like it: where one root has a file and
// another one a folder of the same name, the second one that comes is called "name (2)".
func (v *view) beside(name string) (string, error) {
	err := v.free(name)
	if !errors.Is(err, ErrClash) {
		return name, err
	}
	at, err := v.blocked(name)
	if err != nil {
		return "", err
	}
	for n := 2; ; n++ {
		other := marked(name, at, n)
		have, err := v.current(other)
		if err == nil && have == nil {
			err = v.free(other)
		}
		switch {
		case err == nil && have == nil:
			return other, nil
		case err != nil && !errors.Is(err, ErrClash):
			return "", err
		}
	}
}

// marked is a name with a number after its first bytes, within the limits of names.
func marked(name string, at, number int) string {
	mark, tail, slash := fmt.Sprintf(" (%d)", number), name[at:], ""
	if strings.HasSuffix(tail, "/") {
		tail, slash = strings.TrimSuffix(tail, "/"), "/"
	}
	room := tree.MaxName - len(slash)
	return cut(cut(name[:at], room-len(mark))+mark+tail, room) + slash
}

// cut is the beginning of a text, of at most n bytes.
func cut(s string, n int) string {
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}

// blocked is where the part of a name ends that stands for something else already.
func (v *view) blocked(name string) (int, error) {
	for i, c := range name {
		if c != '/' || i == 0 || i == len(name)-1 {
			continue
		}
		if x, err := v.current(name[:i]); err != nil || x != nil {
			return i, err
		}
	}
	return len(strings.TrimSuffix(name, "/")), nil
}
