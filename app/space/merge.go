package space

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
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

// merges reports whether a root is to be brought together with rivals by this node. One that a
// part of the ring has closed goes on under another key, and what others have made meanwhile
// stays beside it.
func (sp *Space) merges(r *root) bool { return sp.signer != nil && !r.Moved && len(sp.open(r)) > 0 }

// bringTogether merges the rivals that a root has, if this node may. Whatever it cannot do it
// leaves to the next who comes. The error is task.ErrStopped.
func (sp *Space) bringTogether(t *task.T, r *root) (did bool, err error) {
	if !sp.merges(r) {
		return false, nil
	}
	_, err = sp.change(t, nil, func(*view) (*tree.Version, error) { return nil, nil })
	return err == nil, passStop(err)
}

// merge brings what the rivals of a root have into a view that is made from it, and returns
// the attempts that became roots there, and the rivals that it has done with.
//
// Rivals were made apart (package office). They may have grown from a root that the current one has
// grown from, too: where it is known which (root.common), a name about which one of them has changed nothing since
// stands as the other has it, and so stays removed. Otherwise each version that the current root does not have is
// taken for one that somebody put who saw nothing of it, and is kept.
func (sp *Space) merge(t *task.T, v *view, r *root) (attempts []made, done []id.Hash, err error) {
	name := past.Name{Owner: sp.charter.Writer, Part: sp.part("root"), Copies: sp.handle.Copies}
	for _, h := range sp.open(r) {
		f, err := sp.s.cfg.Past.Rival(t, name, h)
		if errors.Is(err, past.ErrNotFound) {
			continue // somebody was faster
		}
		if err != nil {
			return nil, nil, err
		}
		x, err := sp.readRoot(t, f)
		if errors.Is(err, ErrForged) || errors.Is(err, ErrDamaged) || err == nil && x.Moved {
			if sp.alien == nil {
				sp.alien = make(map[id.Hash]bool)
			}
			sp.alien[h] = true
			continue
		}
		if err == nil {
			err = v.bring(x, r.common(x))
		}
		if err != nil {
			return nil, nil, err
		}
		attempts, done = append(attempts, x.Made...), append(done, h)
	}
	if len(done) > 0 {
		v.number++
		v.met = v.number
	}
	return attempts, done, nil
}

// bring adds what another root has, and takes away what it has removed. Both have grown from a root with the
// number common; 0 if that is not known.
func (v *view) bring(x *root, common uint64) error {
	v.number, v.history = max(v.number, x.Number), v.history || x.History
	theirs, nodes := make(map[string]bool), &older{Store: v.s}
	var failed error
	err := x.Tree.Scan(nodes, "", func(e *tree.Entry) (string, bool) {
		theirs[e.Name] = true
		if e.Current().Number <= common {
			return "", true
		}
		have, err := v.get(e.Name)
		if failed = err; err == nil && have != nil && have.Current().Number <= common {
			v.follow(have, e)
		} else if err == nil {
			failed = v.adopt(e, common)
		}
		return "", failed == nil
	})
	if err = errors.Join(err, failed); err != nil || common == 0 || nodes.gone {
		return err
	}
	return v.each("", func(e *tree.Entry) bool {
		if !theirs[e.Name] && e.Current().Number <= common {
			v.leave(e.Versions...)
			v.set(e.Name, nil)
		}
		return true
	})
}

// leave drops versions that another root has dropped: it may have their contents under other names, so
// these are looked for before they are given back.
func (v *view) leave(xs ...*tree.Version) {
	for _, x := range xs {
		y := *x
		y.Shared = true
		v.drop(&y)
	}
}

// follow makes an entry what another root has made of it, under new numbers as in join.
func (v *view) follow(have, e *tree.Entry) {
	in := func(list []*tree.Version, x *tree.Version) bool {
		return slices.ContainsFunc(list, func(y *tree.Version) bool { return same(x, y) })
	}
	for _, x := range have.Versions {
		if !in(e.Versions, x) {
			v.leave(x)
		}
	}
	v.number += uint64(len(e.Versions))
	all := make([]*tree.Version, len(e.Versions))
	for i, x := range e.Versions {
		if !in(have.Versions, x) {
			v.bytes += x.Size()
		}
		y := *x
		y.Number = v.number - uint64(i)
		all[i] = &y
	}
	v.cut(&tree.Entry{Name: e.Name, Versions: all}, v.keep)
}

// older is a store for a tree that may have grown from what the current one has grown from, too: a
// node that is not there any more was given back when it was replaced here, and so it has nothing that is new.
type older struct {
	tree.Store
	gone bool // some nodes were
}

// Load implements tree.Store.
func (o *older) Load(refs []piece.Ref) ([]*tree.Node, error) {
	nodes := make([]*tree.Node, len(refs))
	for i, r := range refs {
		some, err := o.Store.Load([]piece.Ref{r})
		switch {
		case errors.Is(err, past.ErrNotFound):
			o.gone = true
		case err != nil:
			return nil, err
		default:
			nodes[i] = some[0]
		}
	}
	return nodes, nil
}

// adopt adds the versions of an entry of another root: of what stands under the name in both
// the later one is current, and the other one stays.
func (v *view) adopt(e *tree.Entry, common uint64) error {
	have, err := v.get(e.Name)
	if err != nil {
		return err
	}
	name, there := e.Name, have != nil && alive(have.Current(), v.now)
	if !there && alive(e.Current(), v.now) {
		if name, err = v.beside(e.Name); err != nil {
			return err
		}
		if have, err = v.get(name); err != nil {
			return err
		}
	}
	if there && strings.HasSuffix(name, "/") {
		return nil // a folder is a folder
	}
	if have == nil {
		have = &tree.Entry{Name: name}
	}
	v.join(have, e.Versions, common)
	return nil
}

// join gives an entry more versions. All of them get new numbers, so that nobody who has seen
// one takes it for another; only their time says which are the later ones. What stood in a root with the
// number common, and here no more, was replaced or removed by somebody who knew of it, and its content given back.
func (v *view) join(have *tree.Entry, more []*tree.Version, common uint64) {
	all := slices.Clone(have.Versions)
	for _, x := range more {
		if x.Number > common && (!x.Removed || v.history || len(have.Versions) == 0) && !slices.ContainsFunc(have.Versions, func(y *tree.Version) bool { return same(x, y) }) {
			all = append(all, x)
			v.bytes += x.Size()
		}
	}
	if len(all) == len(have.Versions) {
		return
	}
	tops := []*tree.Version{more[0]}
	if len(have.Versions) > 0 {
		tops = append(tops, have.Current())
	}
	rank := func(x *tree.Version) int {
		switch {
		case slices.Contains(tops, x) && alive(x, v.now):
			return 0
		case x.Removed && slices.Contains(tops, x):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b *tree.Version) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Time, a.Time))
	})
	v.number += uint64(len(all))
	for i, x := range all {
		y := *x
		y.Number = v.number - uint64(i)
		y.Clash = y.Clash || i > 0 && !v.history && rank(x) == 0
		all[i] = &y
	}
	v.cut(&tree.Entry{Name: have.Name, Versions: all}, v.keep)
}

// same reports whether two versions are one that both roots have: its number may differ.
func same(x, y *tree.Version) bool {
	return x.Author == y.Author && x.Time == y.Time && x.Removed == y.Removed && x.Content.Ref == y.Content.Ref
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
