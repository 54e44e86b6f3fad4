package node

import (
	"context"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/task"
)

// makeCensus makes the node's part in questions to the whole ring.
func (o *overlay) makeCensus() (err error) {
	c := census.Default()
	c.Ring, c.Verifier, c.People = o.ring, keys.Verifier{}, o.dir
	if o.node.cfg.Counted {
		c.Facts = o.facts
	}
	o.everyone, err = census.New(c)
	return err
}

// facts is what this node says of itself to whoever counts the ring. It is called on the loop.
func (o *overlay) facts() *census.Facts {
	s := o.past.Stats()
	return &census.Facts{
		Version: Version(), Offered: uint64(max(o.past.Offered(), 0)), Kept: uint64(max(s.Bytes, 0)),
		Objects: uint64(max(s.Objects, 0)), Names: uint64(max(o.dir.Stats().Records, 0)),
	}
}

// Census implements api.Node.
func (f face) Census(ctx context.Context) (*api.Census, error) {
	began := time.Now()
	c, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (*api.Census, error) {
		s, a, err := o.everyone.Count(t)
		if err != nil {
			return nil, err
		}
		c := &api.Census{Nodes: a.Nodes, About: a.About, Silent: int(s.Silent), Offered: int64(s.Offered), Kept: int64(s.Kept), Objects: int64(s.Objects), Names: int64(s.Names)}
		for _, v := range s.Versions {
			c.Versions = append(c.Versions, api.VersionCount{Version: v.Name, Nodes: int(v.Nodes)})
		}
		return c, nil
	})
	if err != nil {
		return nil, askedTooOften(err)
	}
	c.TookMicros = time.Since(began).Microseconds()
	return c, nil
}

func askedTooOften(err error) error {
	if errors.Is(err, census.ErrBusy) {
		return api.Wrap(api.Failed, err)
	}
	return kind.Give(err)
}

// UserSearch implements api.Node.
func (f face) UserSearch(ctx context.Context, q api.UserQuery, each func([]api.User) error) (*api.Reached, error) {
	pattern, err := census.ParsePattern(q.Pattern)
	if err != nil {
		return nil, api.Wrap(api.Usage, err)
	}
	if q.Limit == 0 {
		q.Limit = api.MaxUserSearch
	}
	if q.Limit < 1 || q.Limit > api.MaxUserSearch {
		return nil, api.Errorf(api.Usage, "at most %d people can be listed, as in `phyllo user list --all --limit 1000`", api.MaxUserSearch)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	found := loop.NewUnread[[]*directory.Record]()
	var out census.Answered
	go func() {
		a, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (census.Answered, error) {
			return o.everyone.Users(t, census.Query{Pattern: pattern, Limit: q.Limit}, func(rs []*directory.Record) bool {
				if len(rs) > 0 {
					found.Change(func() { found.Queue = append(found.Queue, rs) })
				}
				return ctx.Err() == nil
			})
		})
		found.Change(func() { out, found.Over, found.Err = a, true, err })
	}()
	err = found.Deliver(ctx, nil, func(rs []*directory.Record) error {
		us := make([]api.User, len(rs))
		for i, r := range rs {
			us[i] = *users.Shown(f.n.people, r)
		}
		return each(us)
	})
	if err != nil {
		return nil, askedTooOften(err)
	}
	return &api.Reached{Nodes: out.Nodes, About: out.About, More: out.More}, nil
}
