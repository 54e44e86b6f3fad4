package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// A copy shares its content with what it was copied from, and so does a file that is moved, as its old name may
// have older versions. In one part of a ring the content is given back with its last name. But where a
// majority of those who keep a space's root is away it may remove the old name meanwhile, and give back what
// only that name has as far as it can see. So there a new name gets a content of its own, and
// costs as much as a put.

// What was put, or got a content of its own so, may be tried again where nobody knows whether the first try was made out of
// sight. Then somebody there may remove that, and give its content back. So the second version has a content of its own, too.

// errAnew: contents must be stored anew before the change can be made. No caller of the package sees it.
var errAnew = errors.New("space: contents are to be stored anew")

// maxAnew bounds how often one change stores contents anew.
const maxAnew = 4

// anew are the contents that one change has stored anew.
type anew struct {
	sp    *Space
	op    *op
	have  map[id.Hash]*stored // by the object of the old content
	tries int                 // of the change that may have been made, when they were stored: those have none of them
	order []*stored
	wants []*tree.Version // whose contents the last try lacked
}

// stored is a content that was stored anew.
type stored struct {
	*Upload
	content piece.Content
}

// storing makes a change that gives contents names.
func (sp *Space) storing(t *task.T, o *op, run func(*roots.View, *anew) (*tree.Version, error)) (*tree.Version, error) {
	a := &anew{sp: sp, op: o}
	o.run = func(v *roots.View) (*tree.Version, error) { return run(v, a) }
	var failed error
	for n := 0; ; n++ {
		x, err := sp.add(t, o)
		switch {
		case !errors.Is(err, errAnew):
		case failed != nil:
			err = failed
		case n == maxAnew:
			err = past.ErrNotReachable
		default:
			failed = a.store(t)
			if failed == nil || passStop(failed) == nil && len(o.tried) > 0 { // else it may be there by now, and needs nothing
				continue
			}
			err = failed
		}
		err = o.told(err)
		if a.end(err); sp.back(o) {
			sp.begin() // what depends on it
		}
		return x, err
	}
}

// new reports whether what is made in a view needs contents that nothing has out of sight: which get another name (shares), or
// a name that they may have got there.
func (a *anew) new(v *roots.View, shares bool) bool {
	if a.sp.charter.Convergent {
		return false
	}
	astray := slices.ContainsFunc(a.op.tried, func(e earlier) bool { return v.Apart || e.apart })
	return astray || v.Apart && shares
}

// lacks notes that these versions get names, and returns errAnew if contents of theirs must be stored anew before.
func (a *anew) lacks(v *roots.View, shares bool, xs ...*tree.Version) error {
	if !a.new(v, shares) {
		return nil
	}
	a.wants = slices.DeleteFunc(slices.Clone(xs), func(x *tree.Version) bool {
		return !slices.ContainsFunc(x.Contents(), func(c piece.Content) bool { return a.stored(c) == nil })
	})
	if len(a.wants) > 0 {
		return errAnew
	}
	return nil
}

// stored is what was stored anew of a content, or nil.
func (a *anew) stored(c piece.Content) *stored {
	if a.tries != len(a.op.tried) {
		return nil
	}
	return a.have[c.Ref.Object]
}

// own is a version with what was stored anew.
func (a *anew) own(x tree.Version) tree.Version {
	if s := a.stored(x.Content); s != nil {
		x.Content = s.content
	}
	if x.More != nil {
		if s := a.stored(*x.More); s != nil {
			x.More = &s.content
		}
	}
	return x
}

// of is a version as it gets another name: what was stored anew is its own.
func (a *anew) of(v *roots.View, x *tree.Version) tree.Version {
	y := *x
	if y.Shared, y.Clash = !v.Apart || a.sp.charter.Convergent, false; y.Shared {
		return y
	}
	return a.own(y)
}

// store stores what the last try lacked.
func (a *anew) store(t *task.T) error {
	if n := len(a.op.tried); a.have == nil || a.tries != n {
		a.have, a.tries = make(map[id.Hash]*stored), n
	}
	for _, x := range a.wants {
		for _, c := range x.Contents() {
			if a.have[c.Ref.Object] == nil {
				if err := a.copy(t, x, c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *anew) copy(t *task.T, x *tree.Version, c piece.Content) error {
	how := Storing{Copies: int(x.Copies), Archive: !c.Ref.Code.IsZero()}
	if x.Expires != 0 {
		how.Expires = time.UnixMilli(x.Expires)
	}
	u := &stored{Upload: a.sp.Begin(how)}
	a.order = append(a.order, u)
	for at := int64(0); at < c.Ref.Size; {
		b, err := a.sp.s.ReadOn(t, c, at, c.Ref.Size, MaxRead)
		if err == nil {
			err = u.Write(t, b)
		}
		if err != nil {
			return err
		}
		at += int64(len(b))
	}
	var err error
	if u.content, err = u.Finish(t); err == nil {
		a.have[c.Ref.Object] = u
	}
	return err
}

// end says what became of the change.
func (a *anew) end(err error) {
	for _, u := range a.order {
		u.Settle(FateOf(err))
	}
}
