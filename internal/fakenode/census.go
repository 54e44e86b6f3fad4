package fakenode

import (
	"context"
	"path"
	"strings"

	"github.com/phyllo-net/phyllo/api"
)

// Census implements api.Node: of six nodes one does not answer, and one says nothing.
func (n *Node) Census(context.Context) (*api.Census, error) {
	return &api.Census{Nodes: 5, About: 6, Silent: 1, Offered: 80_000_000_000, Kept: 1_234_000_000, Objects: 4321, Names: 25,
		Versions: []api.VersionCount{{Version: "v0.5.0", Nodes: 1}, {Version: "v0.6.0", Nodes: 3}}, TookMicros: 48_000}, nil
}

// UserSearch implements api.Node. The users of the node come first, then People, two at a
// time; "slow*" fails after the first of them.
func (n *Node) UserSearch(ctx context.Context, q api.UserQuery, f func([]api.User) error) (*api.Reached, error) {
	if q.Limit < 0 || q.Limit > api.MaxUserSearch || strings.Contains(q.Pattern, "[") {
		return nil, api.Errorf(api.Usage, "at most %d people can be listed, as in `phyllo user list --all --limit 1000`", api.MaxUserSearch)
	}
	list, err := n.UserList(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range People {
		u, err := person(name)
		if err != nil {
			return nil, err
		}
		u.Agree, u.Of = 0, 0
		list = append(list, u)
	}
	r := &api.Reached{Nodes: 5, About: 6}
	var page []api.User
	told := 0
	for _, u := range list {
		if fits, _ := path.Match(strings.TrimPrefix(q.Pattern, "slow"), u.Name); u.Profile.Unlisted || q.Pattern != "" && !fits {
			continue
		}
		if q.Limit > 0 && told == q.Limit {
			r.More = true
			break
		}
		told++
		if page = append(page, u); len(page) == 2 {
			if err := f(page); err != nil {
				return nil, err
			}
			page = nil
		}
		if strings.HasPrefix(q.Pattern, "slow") && told == 2 {
			return nil, api.Errorf(api.NotRunning, "the node is stopping: start it again with `phyllo up`")
		}
	}
	if len(page) > 0 {
		err = f(page)
	}
	return r, err
}
