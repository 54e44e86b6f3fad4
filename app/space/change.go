package space

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// Cond is what must hold for a change to be made; else it gets ErrChanged. It is decided
// together with the change, by a majority of those who keep the space's root: while that is away
// a change with a condition gets past.ErrNotReachable.
type Cond struct {
	Absent  bool   // nothing stands under the name
	Version uint64 // the current version has this number; 0: any
}

func (c Cond) check(have *tree.Version) error {
	if c.Absent && have != nil || c.Version != 0 && (have == nil || have.Number != c.Version) {
		return ErrChanged
	}
	return nil
}

// strict reports whether the condition wants a majority. That a folder is new does not: two that
// are made under one name are one.
func (c Cond) strict(name string) bool {
	return c.Version != 0 || c.Absent && !strings.HasSuffix(name, "/")
}

// File is what is to stand under a name.
type File struct {
	Content piece.Content
	Copies  int       // that were wanted of the content
	Expires time.Time // zero: never
	Meta    []tree.Pair
	More    *piece.Content // of an upload of its own: meta data that is too long
	// Seen is the number of the newest version that the author could know of: see
	// Upload.Seen. What others put after it is kept among the versions.
	Seen uint64
	// Once is a short text that no other Put has, or empty: if the name has a version that was
	// put with it, that is what Put returns, and nothing changes. So who has not heard what
	// became of a Put can ask for it again. It is kept among the meta data.
	Once string
}

// onceKey is the key of the meta data that is File.Once. It sorts behind all that a node would
// choose.
const onceKey = "\U0010ffffonce"

// meta is the meta data that a version gets.
func (f File) meta() []tree.Pair {
	if f.Once == "" {
		return f.Meta
	}
	return append(slices.Clip(f.Meta), tree.Pair{Key: onceKey, Value: f.Once})
}

// made is the version of an entry that was put with this Once, or nil.
func (f File) made(e *tree.Entry) *tree.Version {
	if f.Once == "" || e == nil {
		return nil
	}
	i := slices.IndexFunc(e.Versions, func(x *tree.Version) bool { return slices.Contains(x.Meta, tree.Pair{Key: onceKey, Value: f.Once}) })
	if i < 0 {
		return nil
	}
	return e.Versions[i]
}

func (f File) version() tree.Version {
	v := tree.Version{Content: f.Content, Copies: uint8(f.Copies), Meta: f.meta(), More: f.More}
	if !f.Expires.IsZero() {
		v.Expires = f.Expires.UnixMilli()
	}
	return v
}

// Fate is what became of a content that was to get a name.
type Fate uint8

const (
	// Unused: nothing has it, and it may be given back.
	Unused Fate = iota
	// Used: it has the name.
	Used
	// Unsure: it may have a name, maybe out of sight, so it must not be given back.
	Unsure
)

// FateOf is the fate of contents that a change with this outcome gives names.
func FateOf(err error) Fate {
	switch {
	case err == nil:
		return Used
	case errors.Is(err, ErrUncertain), errors.Is(err, task.ErrStopped):
		return Unsure
	}
	return Unused
}

// Fates are those of the contents of a File.
type Fates struct{ Content, More Fate }

// fates are those of the contents of what was put: v came of it, and tried says whether a try may have been made of which
// nobody has heard. Then v may have contents that were stored anew, and that try these.
func (f File) fates(v *tree.Version, err error, tried bool) Fates {
	of := FateOf(err)
	if err != nil {
		return Fates{of, of}
	}
	if of = Unused; tried {
		of = Unsure
	}
	x := Fates{of, of}
	if v.Content == f.Content {
		x.Content = Used
	}
	if f.More != nil && v.More != nil && *v.More == *f.More {
		x.More = Used
	}
	return x
}

// Put gives content a name. A name that ends with "/" is a folder's, and has none. The fates are those of f's contents,
// also if there is an error: the version may have others, which were stored in their place (anew.go) or put before (File.Once).
// Errors: tree.ErrName, ErrChanged, ErrClash, ErrReadOnly, ErrUncertain, and those of storage.
func (sp *Space) Put(t *task.T, name string, f File, c Cond) (*tree.Version, Fates, error) {
	if err := errors.Join(tree.CheckName(name), tree.CheckMeta(f.meta())); err != nil {
		return nil, Fates{}, err
	}
	o := &op{names: []string{name}, strict: c.strict(name)}
	v, err := sp.storing(t, o, func(v *roots.View, a *anew) (*tree.Version, error) {
		e, err := v.Get(name)
		if err != nil {
			return nil, err
		}
		if x := f.made(e); x != nil {
			return x, nil
		}
		have, err := v.Current(name)
		if err == nil {
			err = c.check(have)
		}
		if err == nil {
			err = v.Free(name)
		}
		x := f.version()
		if err == nil {
			err = a.lacks(v, false, &x)
		}
		if err != nil {
			return nil, err
		}
		return v.Put(name, a.own(x), f.Seen)
	})
	return v, f.fates(v, err, len(o.tried) > 0), err
}

// find returns a version of a name, the current one for 0.
func find(v *roots.View, name string, number uint64) (*tree.Entry, *tree.Version, error) {
	e, err := v.Get(name)
	if err != nil {
		return nil, nil, err
	}
	x := pick(e, number, v.Now)
	if x == nil || !x.Alive(v.Now) {
		return nil, nil, ErrNotFound
	}
	return e, x, nil
}

// pick returns a version of an entry: for 0 the current one, if something stands there; nil
// if there is none.
func pick(e *tree.Entry, number uint64, now int64) *tree.Version {
	switch {
	case e == nil:
		return nil
	case number == 0 && e.Current().Alive(now):
		return e.Current()
	case number == 0:
		return nil
	}
	i := slices.IndexFunc(e.Versions, func(x *tree.Version) bool { return x.Number == number })
	if i < 0 {
		return nil
	}
	return e.Versions[i]
}

// Meta is what is kept beside a content.
type Meta struct {
	Pairs []tree.Pair
	More  *piece.Content
}

// Copy gives a version's content (0: the current one's) another name, or the same name anew.
// No content is moved, but where a majority is away: see anew.go. With a nil meta it keeps its own. Errors as of Put, and ErrNotFound.
func (sp *Space) Copy(t *task.T, from string, number uint64, to string, meta *Meta, c Cond) (*tree.Version, error) {
	if err := tree.CheckName(to); err != nil {
		return nil, err
	}
	if strings.HasSuffix(from, "/") != strings.HasSuffix(to, "/") {
		return nil, ErrClash
	}
	if meta != nil {
		if err := tree.CheckMeta(meta.Pairs); err != nil {
			return nil, err
		}
	}
	seen := sp.Seen()
	return sp.storing(t, &op{names: []string{from, to}, strict: c.strict(to), shares: true}, func(v *roots.View, a *anew) (*tree.Version, error) {
		e, x, err := find(v, from, number)
		if err != nil {
			return nil, err
		}
		have, err := v.Current(to)
		if err == nil {
			err = c.check(have)
		}
		if err == nil {
			err = v.Free(to)
		}
		own := *x
		if meta != nil {
			if own.Meta, own.More = meta.Pairs, nil; a.new(v, false) { // else it is new
				own.More = meta.More
			}
		}
		if err == nil {
			err = a.lacks(v, true, &own)
		}
		if err != nil {
			return nil, err
		}
		if own = a.of(v, &own); own.Shared {
			v.Share(e, x)
		}
		if meta != nil {
			own.More = a.own(tree.Version{More: meta.More}).More
		}
		return v.Put(to, own, seen)
	})
}

// Rename moves a file, or a folder with all that is below it, with one change. What has the
// new name, or is below it, is removed by the same change; the condition is about it.
// Errors as of Put, and ErrNotFound.
func (sp *Space) Rename(t *task.T, from, to string, c Cond) error {
	folder := strings.HasSuffix(from, "/")
	if err := tree.CheckName(to); err != nil {
		return err
	}
	if folder != strings.HasSuffix(to, "/") || folder && strings.HasPrefix(to, from) && to != from {
		return ErrClash
	}
	seen := sp.Seen()
	_, err := sp.storing(t, &op{names: []string{from, to}, strict: c.strict(to), shares: true}, func(v *roots.View, a *anew) (*tree.Version, error) {
		moved, err := v.Below(from)
		if err != nil {
			return nil, err
		}
		if len(moved) == 0 {
			return nil, ErrNotFound
		}
		there, err := v.Below(to)
		if err != nil {
			return nil, err
		}
		if len(there) > 0 && c.Absent {
			return nil, ErrChanged
		}
		if have, err := v.Current(to); err != nil || c.check(have) != nil {
			return nil, errors.Join(err, c.check(have))
		}
		for _, e := range moved {
			if err := tree.CheckName(to + strings.TrimPrefix(e.Name, from)); err != nil {
				return nil, err
			}
		}
		if err := v.Free(to); err != nil {
			return nil, err
		}
		if from == to {
			return nil, nil
		}
		xs := make([]*tree.Version, len(moved))
		for i, e := range moved {
			xs[i] = e.Current()
		}
		if err := a.lacks(v, true, xs...); err != nil {
			return nil, err
		}
		return nil, move(v, from, moved, to, there, seen, a)
	})
	return err
}

// move gives entries other names. Their older versions stay where they were.
func move(v *roots.View, from string, moved []*tree.Entry, to string, there []*tree.Entry, seen uint64, a *anew) error {
	goes := make(map[string]bool, len(moved))
	for _, e := range moved {
		goes[to+strings.TrimPrefix(e.Name, from)] = true
	}
	for _, e := range there {
		if !goes[e.Name] && !strings.HasPrefix(e.Name, from) {
			v.Erase(e)
		}
	}
	for _, e := range moved {
		x := a.of(v, e.Current())
		if x.Shared { // in its old place, too, while that is there
			versions := slices.Clone(e.Versions)
			versions[0] = &x
			e = &tree.Entry{Name: e.Name, Versions: versions}
		}
		v.Erase(e)
		if _, err := v.Put(to+strings.TrimPrefix(e.Name, from), x, seen); err != nil {
			return err
		}
	}
	return nil
}

// Remove takes a name away, or with a number this version of it alone, for good. In a space
// with history a name leaves a mark, and its versions stay. It returns the mark, or what was
// removed. Errors as of Put, and ErrNotFound.
func (sp *Space) Remove(t *task.T, name string, number uint64, c Cond) (*tree.Version, error) {
	return sp.changeIf(t, []string{name}, c.strict(name), func(v *roots.View) (*tree.Version, error) {
		e, err := v.Get(name)
		if err != nil {
			return nil, err
		}
		x, have := pick(e, number, v.Now), pick(e, 0, v.Now)
		switch {
		case x == nil:
			return nil, ErrNotFound
		case have != nil && c.check(have) != nil:
			return nil, ErrChanged
		}
		if number == 0 {
			return v.Erase(e), nil
		}
		v.Remove(e, x)
		return x, nil
	})
}

// Erase takes a name away with all its versions, for good, in a space with history too. Errors
// as of Put, and ErrNotFound.
func (sp *Space) Erase(t *task.T, name string) error {
	_, err := sp.change(t, []string{name}, func(v *roots.View) (*tree.Version, error) {
		e, err := v.Get(name)
		if err == nil && e == nil {
			err = ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		v.Drop(e.Versions...)
		v.Set(name, nil)
		return nil, nil
	})
	return err
}

// RemoveAll takes a folder away with all that is below it, with one change; with versions
// their older versions, too, for good. Errors as of Put, and ErrNotFound.
func (sp *Space) RemoveAll(t *task.T, folder string, versions bool) error {
	_, err := sp.change(t, []string{folder}, func(v *roots.View) (*tree.Version, error) {
		var es []*tree.Entry
		err := v.Each(folder, func(e *tree.Entry) bool {
			if versions || e.Current().Alive(v.Now) {
				es = append(es, e)
			}
			return true
		})
		if err == nil && len(es) == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			if versions {
				v.Drop(e.Versions...)
				v.Set(e.Name, nil)
			} else {
				v.Erase(e)
			}
		}
		return nil, nil
	})
	return err
}

// SetHistory says whether versions that are replaced or removed are kept from now on. What
// was kept before stays until its name changes. Errors as of Put.
func (sp *Space) SetHistory(t *task.T, on bool) error {
	_, err := sp.change(t, nil, func(v *roots.View) (*tree.Version, error) {
		v.History = on
		return nil, nil
	})
	return err
}

// Seen is the number of the newest change of the space that this node knows of.
func (sp *Space) Seen() uint64 {
	if sp.current == nil {
		return 0
	}
	return sp.current.Number
}

// Apart is how many nodes keep the space's root of which no majority had a say in the newest change that
// this node knows of, as they have been away for half a minute; 0: a majority had.
func (sp *Space) Apart() int {
	if sp.current == nil {
		return 0
	}
	return sp.current.Apart
}
