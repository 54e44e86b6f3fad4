package roots

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
)

// Two roots that were made apart are brought together name by name, and version by version. Each
// version tells which change made it (tree.Version.By), and each root which changes it comes after (Root.Made). So of a
// version that one of the two has alone it is known what became of it in the other one. If that comes after
// the version's change, somebody there who knew of it has taken it away, and may have given its content back: it is gone. Else
// nobody there has seen it, and it stays. That holds whichever of the two is the base, and in whatever order
// any number of parts meet: these are the dots and version vectors of observed-remove sets (Bieniusa and others, 2012).
//
// Versions of before there was By, and roots that have forgotten so old a change (MaxMade), have their numbers: see
// Root.Common. Where these say nothing, either, a version stays.

// sides tell of versions that one of two roots has whether the other one comes after what made them.
type sides struct {
	ours, theirs func(*tree.Version) bool
}

// after reports for versions whether a root that comes after these changes has seen them, of those in a root that stands
// for a common one up to a number.
func after(made []tree.Made, common uint64) func(*tree.Version) bool {
	r := notes.Root{Made: made}
	return func(x *tree.Version) bool { return x.Number <= common || x.By.Who != 0 && r.After(x.By) }
}

// united is what two roots have under one name.
type united struct {
	left []*tree.Version // of ours, without what they have taken away
	lost []*tree.Version // that
	news []*tree.Version // of theirs, that we have not seen
	all  []*tree.Version // left and news, in order
	same bool            // left is all of ours, as it was
}

// unite brings together what two roots have under one name; nil: nothing.
func (v *View) unite(have, e *tree.Entry, s sides) (u united) {
	ours, theirs := versions(have), versions(e)
	for _, x := range ours {
		y := twin(theirs, x)
		if y == nil && s.theirs(x) {
			u.lost = append(u.lost, x)
			continue
		}
		if y != nil && (y.Shared && !x.Shared || y.Clash && !x.Clash) {
			both := *x
			both.Shared, both.Clash = x.Shared || y.Shared, x.Clash || y.Clash
			x = &both
		}
		if y == nil {
			x = wary(x, s.ours)
		}
		u.left = append(u.left, x)
	}
	var followed []*tree.Version // as they have it
	for _, y := range theirs {
		x := twin(u.left, y)
		if x == nil && s.ours(y) {
			continue // we have taken it away
		}
		if x == nil {
			x = wary(y, s.theirs)
			u.news = append(u.news, x)
		}
		followed = append(followed, x)
	}
	share(u.left, u.news, followed)
	u.same = slices.Equal(u.left, ours)
	switch {
	case len(u.news) == 0:
		u.all = u.left
	case len(followed) == len(u.left)+len(u.news):
		u.all = followed // they have changed what we have
	default:
		var tops []*tree.Version
		if same(u.left[0], ours[0]) {
			tops = append(tops, u.left[0])
		}
		if same(followed[0], theirs[0]) {
			tops = append(tops, followed[0])
		}
		u.all = v.concurrent(u.left, u.news, tops)
	}
	u.all = trim(u.all)
	return u
}

// wary is a version that one of two roots has alone. If it does not tell which change made it, or the root has forgotten
// that change (it is not known), the other one may have moved it: so its content is looked for under other names before it is
// given back.
func wary(x *tree.Version, known func(*tree.Version) bool) *tree.Version {
	if known(x) || x.Shared || x.Removed {
		return x
	}
	y := *x
	y.Shared = true
	return &y
}

// share marks those versions of one name, in all lists, that have a content in common. What puts a file again, as nobody has
// told what became of the first time, may have put it twice: two versions of one content, of which neither knows of the other.
func share(lists ...[]*tree.Version) {
	users := make(map[id.Hash][]*tree.Version) // of the topmost object of a content
	for _, list := range lists {
		for _, x := range list {
			for _, c := range x.Contents() {
				if o := c.Ref.Object; !slices.Contains(users[o], x) {
					users[o] = append(users[o], x)
				}
			}
		}
	}
	marked := make(map[*tree.Version]*tree.Version)
	for _, list := range lists {
		for i, x := range list {
			common := func(c piece.Content) bool { return len(users[c.Ref.Object]) > 1 }
			if x.Shared || !slices.ContainsFunc(x.Contents(), common) {
				continue
			}
			if marked[x] == nil {
				y := *x
				y.Shared = true
				marked[x] = &y
			}
			list[i] = marked[x]
		}
	}
}

// versions are those of an entry that may be nil.
func versions(e *tree.Entry) []*tree.Version {
	if e == nil {
		return nil
	}
	return e.Versions
}

// twin returns the version that is the same as one of another root, or nil.
func twin(list []*tree.Version, x *tree.Version) *tree.Version {
	if i := slices.IndexFunc(list, func(y *tree.Version) bool { return same(x, y) }); i >= 0 {
		return list[i]
	}
	return nil
}

// same reports whether two versions are one that both roots have: its number may differ.
func same(x, y *tree.Version) bool {
	return x.Author == y.Author && x.Time == y.Time && x.Removed == y.Removed && x.Content.Ref == y.Content.Ref
}

// trim takes the marks of removals away below which there is nothing.
func trim(list []*tree.Version) []*tree.Version {
	for len(list) > 0 && list[len(list)-1].Removed {
		list = list[:len(list)-1]
	}
	return list
}

// concurrent puts versions in order of which neither side has seen all: of what was on top the later one is
// current and the other one stays below it. Only their time says which are the later ones.
func (v *View) concurrent(left, news, tops []*tree.Version) []*tree.Version {
	all := slices.Clone(left)
	for _, x := range news {
		if !x.Removed || v.History || len(left) == 0 {
			all = append(all, x)
		}
	}
	rank := func(x *tree.Version) int {
		switch {
		case slices.Contains(tops, x) && x.Alive(v.Now):
			return 0
		case x.Removed && slices.Contains(tops, x):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b *tree.Version) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Time, a.Time))
	})
	for i, x := range all {
		if i > 0 && rank(x) == 0 && !v.History && !x.Clash {
			clash := *x
			clash.Clash = true
			all[i] = &clash
		}
	}
	return all
}

// bring adds what another root has, and takes away what it has removed. after are the changes that the view comes
// after, and common the Number of a root that both have grown from; 0 if that is not known. Where nodes of its
// directory are not there any more it is not whole; a view of one part of a ring that has no majority is as it was then. So it is
// where something would get another name there: the majority knows it by its old name, and may remove it and
// give its content back.
func (v *View) bring(x *Root, changes []tree.Made, common uint64) (whole bool, err error) {
	s, nodes := sides{ours: after(changes, common), theirs: after(x.Made, common)}, &older{Store: v.Store}
	ours, theirs, err := v.differing(x.Tree, nodes)
	if err != nil || nodes.gone && v.Apart {
		return false, err
	}
	before := *v
	before.Edits = slices.Clone(v.Edits)
	v.Number, v.History = max(v.Number, x.Number), v.History || x.History
	// What they have removed goes first: there may be a file now where a folder was.
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if e := theirs[name]; e != nil || !nodes.gone {
			if u := v.unite(ours[name], e, s); len(u.news) == 0 {
				v.without(ours[name], u)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		err := v.adopt(theirs[name], s)
		if errors.Is(err, errBeside) {
			*v = before
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return !nodes.gone, nil
}

// errBeside: what a rival has would get another name while a majority is away. No caller of the package sees it.
var errBeside = errors.New("space: a file and a folder have one name, and a majority is away")

// differing are the entries that stand here and in another tree, by name, where they may differ. Those in nodes that both have
// do not, but for what has been changed here meanwhile.
func (v *View) differing(x tree.Tree, nodes tree.Store) (ours, theirs map[string]*tree.Entry, err error) {
	as, bs, err := tree.Unshared(v.Tree, v.Store, x, nodes)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs = byName(as), byName(bs)
	var both []string // or none has it
	for _, e := range v.Edits {
		if ours[e.Name] == nil && theirs[e.Name] == nil {
			both = append(both, e.Name)
		}
	}
	es, err := v.Tree.Get(v.Store, both...)
	for _, e := range es {
		if e != nil {
			theirs[e.Name] = e
		}
	}
	for _, e := range v.Edits {
		if delete(ours, e.Name); e.Entry != nil {
			ours[e.Name] = e.Entry
		}
	}
	return ours, theirs, err
}

func byName(es []*tree.Entry) map[string]*tree.Entry {
	m := make(map[string]*tree.Entry, len(es))
	for _, e := range es {
		m[e.Name] = e
	}
	return m
}

// without takes the versions of an entry away that another root has taken away. A name that stood for nothing
// does not come to stand for something by that.
func (v *View) without(have *tree.Entry, u united) {
	if u.same {
		return
	}
	left, lost := trim(u.left), u.lost
	if top := have.Current(); len(left) > 0 && !top.Alive(v.Now) && left[0].Alive(v.Now) {
		left, lost = append([]*tree.Version{top}, left...), slices.DeleteFunc(slices.Clone(lost), func(x *tree.Version) bool { return x == top })
	}
	v.leave(lost...)
	if len(left) == 0 {
		v.Set(have.Name, nil)
	} else {
		v.Set(have.Name, &tree.Entry{Name: have.Name, Versions: left})
	}
}

// leave drops versions that another root has dropped: it may have their contents under other names, so
// these are looked for before they are given back.
func (v *View) leave(xs ...*tree.Version) {
	for _, x := range xs {
		y := *x
		y.Shared = true
		v.Drop(&y)
	}
}

// adopt adds the versions of another root's entry that were not seen here.
func (v *View) adopt(e *tree.Entry, s sides) error {
	have, err := v.Get(e.Name)
	if err != nil {
		return err
	}
	u := v.unite(have, e, s)
	switch {
	case len(u.news) == 0:
		return nil
	case len(u.all) == 0: // nothing but marks
		if have != nil {
			v.without(have, u)
		}
		return nil
	}
	name, there := e.Name, have != nil && have.Current().Alive(v.Now)
	if there && strings.HasSuffix(name, "/") && len(u.left) > 0 {
		v.without(have, u) // a folder is a folder
		return nil
	}
	if !there && u.all[0].Alive(v.Now) {
		if name, err = v.beside(e.Name); err != nil {
			return err
		}
		if name != e.Name && v.Apart {
			return errBeside
		}
		v.Beside = v.Beside || name != e.Name
	}
	for _, x := range u.news {
		v.Bytes += x.Size()
	}
	if name == e.Name {
		v.leave(u.lost...)
		v.renumber(name, u.all)
		return nil
	}
	if have != nil {
		v.without(have, u)
	}
	if have, err = v.Get(name); err != nil {
		return err
	}
	all := versions(have)
	for i := len(u.news) - 1; i >= 0; i-- {
		moved := *u.news[i]
		moved.By, moved.Shared = v.By, true // who knows the version from its old name has not seen it here, and may have it there
		all = append([]*tree.Version{&moved}, all...)
	}
	v.renumber(name, all)
	return nil
}

// renumber gives a name these versions. All of them get new numbers, so that nobody who has seen
// one takes it for another.
func (v *View) renumber(name string, all []*tree.Version) {
	v.Number += uint64(len(all))
	again := make([]*tree.Version, len(all))
	for i, x := range all {
		y := *x
		y.Number = v.Number - uint64(i)
		again[i] = &y
	}
	v.cut(&tree.Entry{Name: name, Versions: again}, v.Keep)
}

// older is a store for a tree of which nodes may have been given back: these are passed over.
type older struct {
	tree.Store
	gone bool // some nodes were
}

// Load implements tree.Store.
func (o *older) Load(refs []piece.Ref) ([]*tree.Node, error) {
	nodes, err := o.Store.Load(refs)
	switch {
	case !errors.Is(err, ErrGone):
		return nodes, err
	case len(refs) == 1:
		o.gone = true
		return make([]*tree.Node, 1), nil
	}
	nodes = nil
	for half := range slices.Chunk(refs, (len(refs)+1)/2) {
		some, err := o.Load(half)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, some...)
	}
	return nodes, nil
}
