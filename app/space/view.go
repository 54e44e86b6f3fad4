package space

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/peer"
)

// view is a tree with changes that are being made to it, and not yet written.
type view struct {
	tree    tree.Tree
	s       tree.Store
	edits   []tree.Edit // sorted by name
	now     int64       // Unix milliseconds
	number  uint64      // of the last change
	author  peer.Key
	by      made // what makes the changes
	history bool
	keep    int
	bytes   int64
	dropped []*tree.Version // are in the tree no more
	met     uint64          // see root.Met
	apart   bool            // a majority of those who keep the root is away
}

// at returns where a name stands among the edits, or would.
func (v *view) at(name string) (i int, there bool) {
	i = sort.Search(len(v.edits), func(i int) bool { return v.edits[i].Name >= name })
	return i, i < len(v.edits) && v.edits[i].Name == name
}

// get returns the entry of a name, or nil.
func (v *view) get(name string) (*tree.Entry, error) {
	if i, there := v.at(name); there {
		return v.edits[i].Entry, nil
	}
	es, err := v.tree.Get(v.s, name)
	if err != nil {
		return nil, err
	}
	return es[0], nil
}

// set gives a name another entry; nil: none.
func (v *view) set(name string, e *tree.Entry) {
	i, there := v.at(name)
	if there {
		v.edits[i].Entry = e
		return
	}
	v.edits = slices.Insert(v.edits, i, tree.Edit{Name: name, Entry: e})
}

// each visits the entries whose names begin with prefix, until visit returns false. visit may
// set the entry that it is shown, and no others.
func (v *view) each(prefix string, visit func(*tree.Entry) bool) error {
	i, _ := v.at(prefix)
	more := true
	// changed visits those of the edits that are before a name, or all.
	changed := func(before string, all bool) {
		for more && i < len(v.edits) && strings.HasPrefix(v.edits[i].Name, prefix) && (all || v.edits[i].Name < before) {
			if e := v.edits[i].Entry; e != nil {
				more = visit(e)
			}
			i++
		}
	}
	err := v.tree.Prefix(v.s, prefix, func(e *tree.Entry) bool {
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

// alive reports whether a version stands for something at this time.
func alive(x *tree.Version, now int64) bool {
	return !x.Removed && (x.Expires == 0 || x.Expires > now)
}

// current is what stands under a name, or nil.
func (v *view) current(name string) (*tree.Version, error) {
	e, err := v.get(name)
	if err != nil || e == nil || !alive(e.Current(), v.now) {
		return nil, err
	}
	return e.Current(), nil
}

// free returns ErrClash if a name cannot be had: a part of it is a file, or it is a file's
// and something is below it.
func (v *view) free(name string) error {
	for i, c := range name {
		if c != '/' || i == 0 || i == len(name)-1 {
			continue
		}
		x, err := v.current(name[:i])
		if err != nil {
			return err
		}
		if x != nil {
			return ErrClash
		}
	}
	if folder := strings.HasSuffix(name, "/"); folder {
		x, err := v.current(strings.TrimSuffix(name, "/"))
		if err == nil && x != nil {
			err = ErrClash
		}
		return err
	}
	clash := false
	err := v.each(name+"/", func(e *tree.Entry) bool {
		clash = alive(e.Current(), v.now)
		return !clash
	})
	if err == nil && clash {
		err = ErrClash
	}
	return err
}

// put makes a version current. seen is the number of the newest change that its author
// knew of: what was put by others after that is kept among the versions in any case.
func (v *view) put(name string, x tree.Version, seen uint64) (*tree.Version, error) {
	have, err := v.get(name)
	if err != nil {
		return nil, err
	}
	v.number++
	x.Number, x.Author, x.Time, x.By = v.number, v.author, v.now, v.by
	e := &tree.Entry{Name: name, Versions: []*tree.Version{&x}}
	if have != nil {
		e.Versions = append(e.Versions, v.stay(have.Versions, seen)...)
	}
	v.bytes += x.Size()
	v.cut(e, v.keep)
	return &x, nil
}

// cut sets an entry with its newest versions alone.
func (v *view) cut(e *tree.Entry, n int) {
	kept, dropped := e.Keep(n)
	v.drop(dropped...)
	v.set(e.Name, kept)
}

func (v *view) drop(xs ...*tree.Version) {
	for _, x := range xs {
		v.bytes -= x.Size()
		v.dropped = append(v.dropped, x)
	}
}

// stay returns those of a name's versions that stay when another one becomes current.
func (v *view) stay(versions []*tree.Version, seen uint64) (out []*tree.Version) {
	if seen < v.met {
		seen = 0 // it may be a number of another part of the ring
	}
	for i, x := range versions {
		switch unseen := x.Number > seen; {
		case v.history || i > 0 && !x.Clash || unseen && (x.Clash || x.Removed):
			out = append(out, x)
		case unseen:
			clash := *x
			clash.Clash = true
			out = append(out, &clash)
		default:
			v.drop(x)
		}
	}
	return out
}

// erase takes away what stands under a name. Where older versions are left it leaves a mark.
func (v *view) erase(e *tree.Entry) *tree.Version {
	left := v.stay(e.Versions, math.MaxUint64)
	if len(left) == 0 {
		v.set(e.Name, nil)
		return e.Current()
	}
	v.number++
	mark := &tree.Version{Number: v.number, Author: v.author, Time: v.now, By: v.by, Removed: true}
	v.cut(&tree.Entry{Name: e.Name, Versions: append([]*tree.Version{mark}, left...)}, v.keep)
	return mark
}
