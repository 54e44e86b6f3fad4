package roots

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/peer"
)

// View is a tree with changes that are being made to it, and not yet written.
type View struct {
	Tree    tree.Tree
	Store   tree.Store
	Edits   []tree.Edit // sorted by name
	Now     int64       // Unix milliseconds
	Number  uint64      // of the last change
	Author  peer.Key
	By      tree.Made // what makes the changes
	History bool
	Keep    int // how many versions a name has at most
	Bytes   int64
	Dropped []*tree.Version // are in the tree no more
	Met     uint64          // see Root.Met
	Apart   bool            // a majority of those who keep the root is away
	Beside  bool            // what a rival had got another name, as there was a file and a folder of its own
}

// at returns where a name stands among the edits, or would.
func (v *View) at(name string) (i int, there bool) {
	i = sort.Search(len(v.Edits), func(i int) bool { return v.Edits[i].Name >= name })
	return i, i < len(v.Edits) && v.Edits[i].Name == name
}

// Get returns the entry of a name, or nil.
func (v *View) Get(name string) (*tree.Entry, error) {
	if i, there := v.at(name); there {
		return v.Edits[i].Entry, nil
	}
	es, err := v.Tree.Get(v.Store, name)
	if err != nil {
		return nil, err
	}
	return es[0], nil
}

// Set gives a name another entry; nil: none.
func (v *View) Set(name string, e *tree.Entry) {
	i, there := v.at(name)
	if there {
		v.Edits[i].Entry = e
		return
	}
	v.Edits = slices.Insert(v.Edits, i, tree.Edit{Name: name, Entry: e})
}

// Each visits the entries whose names begin with prefix, until visit returns false. It may
// set the entry that it is shown, and no others.
func (v *View) Each(prefix string, visit func(*tree.Entry) bool) error {
	i, _ := v.at(prefix)
	more := true
	// changed visits those of the edits that are before a name, or all.
	changed := func(before string, all bool) {
		for more && i < len(v.Edits) && strings.HasPrefix(v.Edits[i].Name, prefix) && (all || v.Edits[i].Name < before) {
			if e := v.Edits[i].Entry; e != nil {
				more = visit(e)
			}
			i++
		}
	}
	err := v.Tree.Prefix(v.Store, prefix, func(e *tree.Entry) bool {
		changed(e.Name, false)
		if j, there := v.at(e.Name); more && !there {
			more = visit(e)
			if _, there := v.at(e.Name); there {
				i = j + 1
			}
		}
		return more
	})
	changed("", true)
	return err
}

// Current is what stands under a name, or nil.
func (v *View) Current(name string) (*tree.Version, error) {
	e, err := v.Get(name)
	if err != nil || e == nil || !e.Current().Alive(v.Now) {
		return nil, err
	}
	return e.Current(), nil
}

// Free returns ErrClash if a name cannot be had: a part of it is a file, or it is a file's
// and something is below it.
func (v *View) Free(name string) error {
	for i, c := range name {
		if c != '/' || i == 0 || i == len(name)-1 {
			continue
		}
		x, err := v.Current(name[:i])
		if err != nil {
			return err
		}
		if x != nil {
			return ErrClash
		}
	}
	if folder := strings.HasSuffix(name, "/"); folder {
		x, err := v.Current(strings.TrimSuffix(name, "/"))
		if err == nil && x != nil {
			err = ErrClash
		}
		return err
	}
	clash := false
	err := v.Each(name+"/", func(e *tree.Entry) bool {
		clash = e.Current().Alive(v.Now)
		return !clash
	})
	if err == nil && clash {
		err = ErrClash
	}
	return err
}

// Put makes a version current. seen is the number of the newest change that its author
// knew of: what was put by others after that is kept among the versions in any case.
func (v *View) Put(name string, x tree.Version, seen uint64) (*tree.Version, error) {
	have, err := v.Get(name)
	if err != nil {
		return nil, err
	}
	v.Number++
	x.Number, x.Author, x.Time, x.By = v.Number, v.Author, v.Now, v.By
	e := &tree.Entry{Name: name, Versions: []*tree.Version{&x}}
	if have != nil {
		e.Versions = append(e.Versions, v.stay(have.Versions, seen)...)
	}
	v.Bytes += x.Size()
	v.cut(e, v.Keep)
	return &x, nil
}

// cut sets an entry with its newest versions alone.
func (v *View) cut(e *tree.Entry, n int) {
	kept, dropped := e.Keep(n)
	v.Drop(dropped...)
	v.Set(e.Name, kept)
}

// Drop notes that versions are in the tree no more.
func (v *View) Drop(xs ...*tree.Version) {
	for _, x := range xs {
		v.Bytes -= x.Size()
		v.Dropped = append(v.Dropped, x)
	}
}

// stay returns those of a name's versions that stay when another one becomes current.
func (v *View) stay(versions []*tree.Version, seen uint64) (out []*tree.Version) {
	if seen < v.Met {
		seen = 0 // it may be a number of another part of the ring
	}
	for i, x := range versions {
		switch unseen := x.Number > seen; {
		case v.History || i > 0 && !x.Clash || unseen && (x.Clash || x.Removed):
			out = append(out, x)
		case unseen:
			clash := *x
			clash.Clash = true
			out = append(out, &clash)
		default:
			v.Drop(x)
		}
	}
	return out
}

// Erase takes away what stands under a name. Where older versions are left it leaves a mark.
func (v *View) Erase(e *tree.Entry) *tree.Version {
	left := v.stay(e.Versions, math.MaxUint64)
	if len(left) == 0 {
		v.Set(e.Name, nil)
		return e.Current()
	}
	v.Number++
	mark := &tree.Version{Number: v.Number, Author: v.Author, Time: v.Now, By: v.By, Removed: true}
	v.cut(&tree.Entry{Name: e.Name, Versions: append([]*tree.Version{mark}, left...)}, v.Keep)
	return mark
}

// Share marks a version of an entry whose content gets another name, too.
func (v *View) Share(e *tree.Entry, x *tree.Version) {
	marked := slices.Clone(e.Versions)
	shared := *x
	shared.Shared, shared.Clash = true, false
	marked[slices.Index(marked, x)] = &shared
	v.Set(e.Name, &tree.Entry{Name: e.Name, Versions: marked})
}

// Below are the entries of a file, or of a folder and all that is below it, that stand for
// something.
func (v *View) Below(name string) (es []*tree.Entry, err error) {
	if !strings.HasSuffix(name, "/") {
		e, err := v.Get(name)
		if err != nil || e == nil || !e.Current().Alive(v.Now) {
			return nil, err
		}
		return []*tree.Entry{e}, nil
	}
	err = v.Each(name, func(e *tree.Entry) bool {
		if e.Current().Alive(v.Now) {
			es = append(es, e)
		}
		return true
	})
	return es, err
}

// Remove takes a version of an entry away, for good.
func (v *View) Remove(e *tree.Entry, x *tree.Version) {
	left := trim(slices.DeleteFunc(slices.Clone(e.Versions), func(o *tree.Version) bool { return o == x }))
	v.Drop(x)
	if len(left) == 0 {
		v.Set(e.Name, nil)
	} else {
		v.Set(e.Name, &tree.Entry{Name: e.Name, Versions: left})
	}
}
