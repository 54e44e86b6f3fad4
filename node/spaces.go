package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// listTime is how long a user's list of spaces is believed without asking again. One that is
// not on it is asked for at once.
const listTime = 2 * time.Second

// spaceList is a user's list of spaces, as it was read last.
type spaceList struct {
	entries []space.Entry
	at      task.Instant
}

// makeSpaces makes the node's part in spaces.
func (o *overlay) makeSpaces() (err error) {
	c := space.Default()
	c.Ring, c.Past, c.Locker, c.Sealer, c.Verifier = o.ring, o.past, keys.Locker{}, keys.Sealer{}, &o.verifier
	c.Store = o.node.store
	c.People = func() (all []space.Person) {
		for _, u := range o.node.people.All() {
			all = append(all, u.ForSpace())
		}
		return all
	}
	c.Tended, c.Swept, c.Waiting = o.tended, o.swept, o.node.waitingParts
	o.lists = make(map[peer.Key]spaceList)
	o.spaces, err = space.New(c)
	return err
}

// tended tells in the log what became of archives.
func (o *overlay) tended(x space.Tended) {
	switch {
	case x.Lost > 0:
		o.node.log.Warn("of archived files too few fragments are left: see which files `phyllo get` cannot read, and remove them", "objects", x.Lost, "of", x.Objects)
	case x.Objects > 0:
		o.node.log.Info("archived files were looked after", "objects", x.Objects, "fragments made anew", x.Mended, "err", x.Err)
	}
}

// swept remembers what nobody needed, and tells it in the log.
func (o *overlay) swept(x space.Swept) {
	o.lastSweep = &api.Sweep{At: o.pastry.Wall().UTC(), Objects: x.Objects, Bytes: x.Bytes, Spaces: x.Spaces, Foreign: x.Foreign, Missing: x.Missing}
	switch {
	case x.Objects > 0:
		o.node.log.Info("what was left of files that were broken off, replaced or removed was given back", "objects", x.Objects, "bytes", x.Bytes, "err", x.Err)
	case x.Spaces > 0:
		o.node.log.Warn("in some spaces nothing is given back, as changes of this node's stand in another part of the ring: it goes on when the parts have met", "spaces", x.Spaces)
	}
}

// listOf is a person's list of spaces; fresh asks the ring.
func (o *overlay) listOf(t *task.T, p space.Person, fresh bool) ([]space.Entry, error) {
	key := p.Signer.Public()
	if l, ok := o.lists[key]; ok && !fresh && t.Env().Now().Sub(l.at) < listTime {
		return l.entries, nil
	}
	at := t.Env().Now()
	es, err := o.spaces.List(t, p)
	if err != nil {
		return nil, err
	}
	o.lists[key] = spaceList{es, at}
	return es, nil
}

// named opens a space by the name that a person has for it.
func (o *overlay) named(t *task.T, p space.Person, name string) (*space.Space, error) {
	for _, fresh := range []bool{false, true} {
		es, err := o.listOf(t, p, fresh)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(es, func(e space.Entry) bool { return e.Name == name }); i >= 0 {
			return o.spaces.Open(t, p, es[i].Handle)
		}
	}
	return nil, files.ErrNoSpace
}

// create makes a space and puts it on its owner's list.
func (o *overlay) create(t *task.T, p space.Person, f space.Founding) (*space.Space, error) {
	es, err := o.listOf(t, p, true)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(es, func(e space.Entry) bool { return e.Name == f.Name }) {
		return nil, space.ErrTaken
	}
	sp, err := o.spaces.Create(t, p, f)
	if err != nil {
		return nil, err
	}
	delete(o.lists, p.Signer.Public())
	return sp, o.spaces.Add(t, p, space.Entry{Name: f.Name, Handle: sp.Handle()})
}

// userSpaces are a user's spaces, as doors want them. It implements files.Spaces.
type userSpaces struct {
	n    *Node
	user string // empty: the only one
}

var _ files.Spaces = userSpaces{}

// Files returns the spaces of a user who lives on the node, for doors; an empty name means the
// only one who does. What it returns may be called from any goroutine while the node runs.
func (n *Node) Files(user string) files.Spaces { return userSpaces{n, user} }

// person is the user.
func (s userSpaces) person() (space.Person, error) {
	u, err := s.n.people.Named(s.user)
	if err != nil {
		return space.Person{}, err
	}
	return u.ForSpace(), nil
}

// asUser runs f as a task for the user, and gives its error a kind that doors know.
func asUser[V any](ctx context.Context, s userSpaces, f func(*task.T, *overlay, space.Person) (V, error)) (V, error) {
	p, err := s.person()
	if err != nil {
		return *new(V), err
	}
	v, err := do(ctx, s.n, func(t *task.T, o *overlay) (V, error) { return f(t, o, p) })
	return v, forDoors(err)
}

// Spaces implements files.Spaces.
func (s userSpaces) Spaces(ctx context.Context) ([]files.Info, error) {
	return asUser(ctx, s, func(t *task.T, o *overlay, p space.Person) (infos []files.Info, err error) {
		es, err := o.listOf(t, p, true)
		for _, e := range es {
			info := files.Info{Name: e.Name}
			if sp, err := o.spaces.Open(t, p, e.Handle); err == nil {
				info.Made = sp.Made()
			}
			infos = append(infos, info)
		}
		return infos, err
	})
}

// Space implements files.Spaces.
func (s userSpaces) Space(ctx context.Context, name string) (files.Space, error) {
	if _, err := s.person(); api.KindOf(err) == api.NotFound {
		return nil, fmt.Errorf("%w (%w)", files.ErrNoSpace, err)
	}
	info, err := asUser(ctx, s, func(t *task.T, o *overlay, p space.Person) (files.Info, error) {
		sp, err := o.named(t, p, name)
		if err != nil {
			return files.Info{}, err
		}
		return files.Info{Name: name, Made: sp.Made()}, nil
	})
	if err != nil {
		return nil, err
	}
	return &userSpace{s, info}, nil
}

// Create implements files.Spaces.
func (s userSpaces) Create(ctx context.Context, name string) error {
	if err := files.CheckSpaceName(name); err != nil {
		return err
	}
	_, err := asUser(ctx, s, func(t *task.T, o *overlay, p space.Person) (nothing, error) {
		_, err := o.create(t, p, space.Founding{Name: name})
		return nothing{}, err
	})
	return err
}

// Remove implements files.Spaces.
func (s userSpaces) Remove(ctx context.Context, name string) error {
	_, err := asUser(ctx, s, func(t *task.T, o *overlay, p space.Person) (nothing, error) {
		sp, err := o.named(t, p, name)
		if err != nil {
			return nothing{}, err
		}
		if err := sp.Look(t, func(sn space.Snapshot) error {
			if sn.Names() > 0 {
				return files.ErrNotEmpty
			}
			return nil
		}); err != nil {
			return nothing{}, err
		}
		delete(o.lists, p.Signer.Public())
		return nothing{}, o.spaces.Forget(t, p, name)
	})
	return err
}

// doorErrors are what doors call the outcomes of spaces and storage.
var doorErrors = []struct{ is, door error }{
	{space.ErrNotFound, files.ErrNotFound}, {past.ErrNotFound, files.ErrUnavailable}, {space.ErrChanged, files.ErrChanged}, {space.ErrClash, files.ErrClash},
	{tree.ErrName, files.ErrName}, {space.ErrHandle, files.ErrName}, {space.ErrTaken, files.ErrExists},
	{space.ErrReadOnly, files.ErrDenied}, {space.ErrNoAccess, files.ErrDenied}, {space.ErrNotOwner, files.ErrDenied},
	{past.ErrFull, files.ErrFull}, {past.ErrQuota, files.ErrFull}, {space.ErrFull, files.ErrFull},
	{past.ErrNotReachable, files.ErrUnavailable}, {past.ErrUncertain, files.ErrUnavailable}, {past.ErrTooFew, files.ErrUnavailable},
	{space.ErrUncertain, files.ErrUnavailable}, {task.ErrStopped, files.ErrUnavailable}, {errNoPlace, files.ErrUnavailable},
}

// forDoors gives an error the kind that doors know.
func forDoors(err error) error {
	if errors.Is(err, past.ErrApart) {
		err = kinded(err) // it says what helps
	}
	for _, e := range doorErrors {
		if errors.Is(err, e.is) {
			return fmt.Errorf("%w (%w)", e.door, err)
		}
	}
	return err
}
