// Package spaces is a node's part in the spaces of the people who live on it: the doors come to them through
// gateway/files, the command and the page through api.
package spaces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Config says on whose behalf, and on what, a node has its part in spaces.
type Config struct {
	Ring     id.Hash
	Past     *past.Past
	Store    store.Store
	Verifier peer.Verifier
	// People are those whose spaces are tended.
	People func() []space.Person
	// Waiting are contents that somebody may go on with, though no space has them.
	Waiting func() ([]piece.Content, error)
	// LostAfter is after how long out of sight a part of the ring is taken for lost; 0: never.
	LostAfter time.Duration
	// Loop is where the node runs, from when the part is first asked.
	Loop loop.Loop
	// Wall is the time of day. It is called on the loop.
	Wall func() time.Time
	Log  *slog.Logger
}

// Here is what a node has of spaces at one place in a ring. But for New, it is touched on the loop only.
type Here struct {
	loop   loop.Loop
	wall   func() time.Time
	log    *slog.Logger
	spaces *space.Spaces
	lists  map[peer.Key]spaceList
	swept  *api.Sweep // nil: there was none yet
}

// listTime is how long a user's list of spaces is believed without asking again. One that is
// not on it is asked for at once.
const listTime = 2 * time.Second

// spaceList is a user's list of spaces, as it was read last.
type spaceList struct {
	entries []space.Entry
	at      task.Instant
}

// New makes a node's part in spaces. The error is that of space.New.
func New(c Config) (*Here, error) {
	h := &Here{loop: c.Loop, wall: c.Wall, log: c.Log, lists: make(map[peer.Key]spaceList)}
	sc := space.Default()
	sc.Ring, sc.Past, sc.Locker, sc.Sealer, sc.Verifier = c.Ring, c.Past, keys.Locker{}, keys.Sealer{}, c.Verifier
	sc.Store, sc.People, sc.Waiting, sc.LostAfter = c.Store, c.People, c.Waiting, c.LostAfter
	sc.Tended, sc.Swept = h.tellTended, h.noteSwept
	var err error
	h.spaces, err = space.New(sc)
	return h, err
}

// App is what the overlay runs.
func (h *Here) App() kbr.App { return h.spaces }

// Swept is what the last sweep gave back; nil: there was none yet.
func (h *Here) Swept() *api.Sweep { return h.swept }

// tellTended tells in the log what became of archives.
func (h *Here) tellTended(x space.Tended) {
	switch {
	case x.Lost > 0:
		h.log.Warn("of archived files too few fragments are left: see which files `phyllo get` cannot read, and remove them", "objects", x.Lost, "of", x.Objects)
	case x.Objects > 0:
		h.log.Info("archived files were looked after", "objects", x.Objects, "fragments made anew", x.Mended, "err", x.Err)
	}
}

// noteSwept remembers what nobody needed, and tells it in the log.
func (h *Here) noteSwept(x space.Swept) {
	h.swept = &api.Sweep{At: h.wall().UTC(), Objects: x.Objects, Bytes: x.Bytes, Spaces: x.Spaces, Foreign: x.Foreign, Missing: x.Missing}
	switch {
	case x.Objects > 0:
		h.log.Info("what was left of files that were broken off, replaced or removed was given back", "objects", x.Objects, "bytes", x.Bytes, "err", x.Err)
	case x.Spaces > 0:
		h.log.Warn("in some spaces nothing is given back, as changes of this node's stand in another part of the ring: it goes on when the parts have met", "spaces", x.Spaces)
	}
}

// listOf is a person's list of spaces; fresh asks the ring.
func (h *Here) listOf(t *task.T, p space.Person, fresh bool) ([]space.Entry, error) {
	key := p.Signer.Public()
	if l, ok := h.lists[key]; ok && !fresh && t.Env().Now().Sub(l.at) < listTime {
		return l.entries, nil
	}
	at := t.Env().Now()
	es, err := h.spaces.List(t, p)
	if err != nil {
		return nil, err
	}
	h.lists[key] = spaceList{es, at}
	return es, nil
}

// named opens a space by the name that a person has for it.
func (h *Here) named(t *task.T, p space.Person, name string) (*space.Space, error) {
	for _, fresh := range []bool{false, true} {
		es, err := h.listOf(t, p, fresh)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(es, func(e space.Entry) bool { return e.Name == name }); i >= 0 {
			return h.spaces.Open(t, p, es[i].Handle)
		}
	}
	return nil, files.ErrNoSpace
}

// create makes a space and puts it on its owner's list.
func (h *Here) create(t *task.T, p space.Person, f space.Founding) (*space.Space, error) {
	es, err := h.listOf(t, p, true)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(es, func(e space.Entry) bool { return e.Name == f.Name }) {
		return nil, space.ErrTaken
	}
	sp, err := h.spaces.Create(t, p, f)
	if err != nil {
		return nil, err
	}
	delete(h.lists, p.Signer.Public())
	return sp, h.spaces.Add(t, p, space.Entry{Name: f.Name, Handle: sp.Handle()})
}

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.loop }

// Node is what the room sees of the node that it is a part of. Its methods may be called from
// any goroutine.
type Node interface {
	// Here is what the node has of spaces at its present place in a ring, or nil.
	Here() *Here
	// Person is a user who lives on it; an empty name means the only one who does.
	Person(user string) (space.Person, error)
	// Grantee is who a user means by a name, to open a space to him. His key must be the one that
	// the user knows.
	Grantee(ctx context.Context, user, name string) (space.Grant, error)
	// Changed is called when users have stored or removed something.
	Changed()
}

// userSpaces are a user's spaces, as doors want them. It implements files.Spaces.
type userSpaces struct {
	n    Node
	user string // empty: the only one
}

var _ files.Spaces = userSpaces{}

// Of returns the spaces of a user who lives on the node, for doors; an empty name means the only
// one who does. What it returns may be called from any goroutine.
func Of(n Node, user string) files.Spaces { return userSpaces{n, user} }

// asUser runs f as a task for the user, and gives its error a kind that doors know.
func asUser[V any](ctx context.Context, s userSpaces, f func(*task.T, *Here, space.Person) (V, error)) (V, error) {
	p, err := s.n.Person(s.user)
	if err != nil {
		return *new(V), err
	}
	v, err := loop.Do(ctx, s.n.Here(), func(t *task.T, h *Here) (V, error) { return f(t, h, p) })
	return v, ForDoors(err)
}

// Spaces implements files.Spaces.
func (s userSpaces) Spaces(ctx context.Context) ([]files.Info, error) {
	return asUser(ctx, s, func(t *task.T, h *Here, p space.Person) (infos []files.Info, err error) {
		es, err := h.listOf(t, p, true)
		for _, e := range es {
			info := files.Info{Name: e.Name}
			if sp, err := h.spaces.Open(t, p, e.Handle); err == nil {
				info.Made = sp.Made()
			}
			infos = append(infos, info)
		}
		return infos, err
	})
}

// Space implements files.Spaces.
func (s userSpaces) Space(ctx context.Context, name string) (files.Space, error) {
	if _, err := s.n.Person(s.user); api.KindOf(err) == api.NotFound {
		return nil, fmt.Errorf("%w (%w)", files.ErrNoSpace, err)
	}
	info, err := asUser(ctx, s, func(t *task.T, h *Here, p space.Person) (files.Info, error) {
		sp, err := h.named(t, p, name)
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
	_, err := asUser(ctx, s, func(t *task.T, h *Here, p space.Person) (loop.Nothing, error) {
		_, err := h.create(t, p, space.Founding{Name: name})
		return loop.Nothing{}, err
	})
	return err
}

// Remove implements files.Spaces.
func (s userSpaces) Remove(ctx context.Context, name string) error {
	_, err := asUser(ctx, s, func(t *task.T, h *Here, p space.Person) (loop.Nothing, error) {
		sp, err := h.named(t, p, name)
		if err != nil {
			return loop.Nothing{}, err
		}
		if err := sp.Look(t, func(sn space.Snapshot) error {
			if sn.Names() > 0 {
				return files.ErrNotEmpty
			}
			return nil
		}); err != nil {
			return loop.Nothing{}, err
		}
		delete(h.lists, p.Signer.Public())
		return loop.Nothing{}, h.spaces.Forget(t, p, name)
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
	{space.ErrUncertain, files.ErrUnavailable}, {task.ErrStopped, files.ErrUnavailable}, {loop.ErrNoPlace, files.ErrUnavailable},
}

// ForDoors gives an error of spaces or storage the kind that doors know.
func ForDoors(err error) error {
	if errors.Is(err, past.ErrApart) || errors.Is(err, space.ErrMissing) {
		err = kind.Give(err) // it says what helps
	}
	for _, e := range doorErrors {
		if errors.Is(err, e.is) {
			return fmt.Errorf("%w (%w)", e.door, err)
		}
	}
	return err
}
