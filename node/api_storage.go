package node

import (
	"context"
	"slices"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/task"
)

// Storage implements api.Node.
func (f face) Storage(ctx context.Context, user string) (*api.Storage, error) {
	u, err := f.n.people.Named(user)
	if err != nil {
		return nil, kind.Give(err)
	}
	p := u.ForSpace()
	st, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (st api.Storage, err error) {
		if st.Spaces, err = o.spaces.Uses(t, p); err != nil {
			return st, err
		}
		a, err := o.storage.Account(t)
		if err != nil {
			return st, err
		}
		st.Offered, st.Kept, st.Objects, st.Used, st.Limit, st.Heard = a.Offered, a.Kept, a.Objects, a.Used, a.Limit, a.Heard
		st.Sweep = o.spaces.Swept()
		uses, err := o.past.UsedBy(t)
		if err != nil {
			return st, err
		}
		names, err := o.dwellers(t)
		for _, u := range uses {
			st.By = append(st.By, api.MemberUse{Member: u.Member, Self: u.Member == o.self.ID, Names: names[u.Member], Objects: u.Objects, Bytes: u.Bytes})
		}
		return st, err
	})
	if err != nil {
		return nil, kind.Give(spaces.ForDoors(err))
	}
	return &st, nil
}

// dwellers are the names of those who say that they live on a node, by nodes, as the users of this one
// know them. Nobody is asked.
func (o *overlay) dwellers(t *task.T) (map[id.ID][]string, error) {
	names := make(map[id.ID][]string)
	add := func(name string, node id.ID) {
		if at, there := slices.BinarySearch(names[node], name); name != "" && !there {
			names[node] = slices.Insert(names[node], at, name)
		}
	}
	for _, u := range o.node.people.All() {
		for _, d := range u.Rec.Devices {
			add(u.Name(), d.Node)
		}
		list, err := o.talk.IM().Contacts(t, u.Key())
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			for _, d := range c.Devices {
				add(c.Name, d)
			}
		}
	}
	return names, nil
}
