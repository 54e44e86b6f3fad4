package spaces

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// shownSpace is a space as the interface shows it.
func shownSpace(name string, sp *space.Space) api.Space {
	s := api.Space{Name: name, Made: sp.Made().UTC(), Owner: memberName(sp, sp.Owner()), Writes: sp.Writes()}
	for _, m := range sp.Members() {
		s.Members = append(s.Members, api.SpaceMember{Name: m.Name, Key: directory.Fingerprint(m.Key), Writes: m.Writes})
	}
	return s
}

// SpaceList implements api.Node. A space that cannot be opened is listed all the same.
func (f Face) SpaceList(ctx context.Context, user string) ([]api.Space, error) {
	list, err := asUser(ctx, userSpaces{f.Node, user}, func(t *task.T, h *Here, p space.Person) (list []api.Space, err error) {
		es, err := h.listOf(t, p, true)
		for _, e := range es {
			sp, err := h.spaces.Open(t, p, e.Handle)
			switch {
			case errors.Is(err, task.ErrStopped):
				return nil, err
			case err != nil:
				list = append(list, api.Space{Name: e.Name, Trouble: err.Error()})
			default:
				list = append(list, shownSpace(e.Name, sp))
			}
		}
		return list, err
	})
	return list, kind.Give(err)
}

// SpaceCreate implements api.Node. A space that a person makes has history.
func (f Face) SpaceCreate(ctx context.Context, q api.SpaceCreate) (*api.Space, error) {
	if _, err := typed.Space(q.Name); err != nil {
		return nil, err
	}
	sp, err := asUser(ctx, userSpaces{f.Node, q.User}, func(t *task.T, h *Here, p space.Person) (api.Space, error) {
		sp, err := h.create(t, p, space.Founding{Name: q.Name, Convergent: q.Convergent, History: true})
		if err != nil {
			return api.Space{}, err
		}
		made := shownSpace(q.Name, sp)
		made.Apart = sp.Apart()
		return made, nil
	})
	if errors.Is(err, space.ErrTaken) {
		return nil, api.Errorf(api.Failed, "you have a space called %s already: `phyllo space list` lists yours", q.Name)
	}
	if err != nil {
		return nil, kind.Give(err)
	}
	return &sp, nil
}

// SpaceGrant implements api.Node.
func (f Face) SpaceGrant(ctx context.Context, q api.SpaceGrant) (*api.SpaceLink, error) {
	s := f.spaceOf(q.User, q.Space)
	g, err := f.Node.Grantee(ctx, q.User, q.Name)
	if err != nil {
		return nil, err
	}
	g.Writes = !q.ReadOnly
	link, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (string, error) {
		return sp.Handle().String(), sp.Grant(t, g)
	})
	if err != nil {
		return nil, s.about(err, "")
	}
	return &api.SpaceLink{Space: s.info.Name, Name: g.Name, Link: link}, nil
}

// SpaceRevoke implements api.Node.
func (f Face) SpaceRevoke(ctx context.Context, q api.SpaceGrant) error {
	s := f.spaceOf(q.User, q.Space)
	name := cmp.Or(strings.TrimSpace(q.Name), "nobody")
	_, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (loop.Nothing, error) {
		var key peer.Key
		for _, m := range sp.Members() {
			if m.Name == name || directory.Fingerprint(m.Key) == name {
				key = m.Key
			}
		}
		return loop.Nothing{}, sp.Revoke(t, key)
	})
	if errors.Is(err, space.ErrNotFound) {
		return api.Errorf(api.NotFound, "%+q is not among those who may use the space %s: `phyllo space list` shows them", name, s.info.Name)
	}
	return s.about(err, "")
}

// SpaceAdd implements api.Node.
func (f Face) SpaceAdd(ctx context.Context, q api.SpaceAdd) (*api.Space, error) {
	link, err := space.ParseHandle(q.Link)
	if err != nil {
		return nil, kind.Give(err)
	}
	sp, err := asUser(ctx, userSpaces{f.Node, q.User}, func(t *task.T, h *Here, p space.Person) (api.Space, error) {
		sp, err := h.spaces.Open(t, p, link)
		if err != nil {
			return api.Space{}, err
		}
		name := cmp.Or(q.Name, sp.Name())
		delete(h.lists, p.Signer.Public())
		return shownSpace(name, sp), h.spaces.Add(t, p, space.Entry{Name: name, Handle: link})
	})
	switch {
	case errors.Is(err, space.ErrTaken):
		return nil, api.Errorf(api.Failed, "you have another space of this name: choose one of your own with --as")
	case errors.Is(err, past.ErrNotFound):
		return nil, api.Errorf(api.NotFound, "there is no such space in this ring: was the link made in another one?")
	case err != nil:
		return nil, kind.Give(err)
	}
	return &sp, nil
}
