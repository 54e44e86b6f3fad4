package space

import (
	"errors"
	"slices"
	"time"

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

// errAnew: contents must be stored anew before the change can be made. No caller of the package sees it.
var errAnew = errors.New("space: contents are to be stored anew")

// anew are the contents that one change has stored anew.
type anew struct {
	sp    *Space
	have  map[id.Hash]*stored // by the object of the old content
	order []*stored
	wants []*tree.Version // whose contents the last try lacked
}

// stored is a content that was stored anew.
type stored struct {
	*Upload
	content piece.Content
}

// sharing makes a change that gives contents other names.
func (sp *Space) sharing(t *task.T, names []string, strict bool, run func(*roots.View, *anew) (*tree.Version, error)) (*tree.Version, error) {
	a, unsure := &anew{sp: sp, have: make(map[id.Hash]*stored)}, false
	for {
		x, err := sp.add(t, &op{names: names, strict: strict, shares: true, run: func(v *roots.View) (*tree.Version, error) { return run(v, a) }})
		if errors.Is(err, errAnew) {
			unsure = unsure || errors.Is(err, ErrUncertain) // the majority may have made it
			if err = a.store(t); err == nil {
				continue
			}
		}
		if err != nil && unsure {
			err = uncertain(err)
		}
		a.end(err)
		return x, err
	}
}

// lacks notes that these versions get other names, and returns errAnew if contents of theirs must be stored anew before.
func (a *anew) lacks(v *roots.View, xs ...*tree.Version) error {
	if !v.Apart || a.sp.charter.Convergent {
		return nil
	}
	a.wants = slices.DeleteFunc(slices.Clone(xs), func(x *tree.Version) bool {
		return !slices.ContainsFunc(x.Contents(), func(c piece.Content) bool { return a.have[c.Ref.Object] == nil })
	})
	if len(a.wants) > 0 {
		return errAnew
	}
	return nil
}

// of is a version as it gets another name: what was stored anew is its own.
func (a *anew) of(v *roots.View, x *tree.Version) tree.Version {
	y := *x
	if y.Shared, y.Clash = !v.Apart || a.sp.charter.Convergent, false; y.Shared {
		return y
	}
	if s := a.have[y.Content.Ref.Object]; s != nil {
		y.Content = s.content
	}
	if y.More != nil && a.have[y.More.Ref.Object] != nil {
		y.More = &a.have[y.More.Ref.Object].content
	}
	return y
}

// store stores what the last try lacked.
func (a *anew) store(t *task.T) error {
	for _, x := range a.wants {
		for _, c := range x.Contents() {
			if o := c.Ref.Object; a.have[o] == nil {
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
	a.have[c.Ref.Object], a.order = u, append(a.order, u)
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
	u.content, err = u.Finish(t)
	return err
}

// end says what became of the change.
func (a *anew) end(err error) {
	for _, u := range a.order {
		switch {
		case err == nil:
			u.Keep()
		case errors.Is(err, ErrUncertain):
			u.Leave()
		default:
			u.Discard()
		}
	}
}
