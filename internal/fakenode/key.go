package fakenode

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/api"
)

// Where the doors of the node would be.
const (
	s3URL     = "http://127.0.0.1:4282"
	webdavURL = "http://127.0.0.1:4283"
)

// KeyAdd implements api.Node. Keys are numbered.
func (n *Node) KeyAdd(ctx context.Context, q api.KeyRequest) (*api.Key, error) {
	if _, _, err := n.space(ctx, q.Space); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	k := api.Key{ID: fmt.Sprintf("KEY%d", len(n.keys)+1), For: q.For, User: n.me(q.User), Space: cmp.Or(q.Space, api.HomeSpace), ReadOnly: q.ReadOnly,
		Made: Begin, Expires: q.Expires, URL: s3URL}
	if q.For == api.DoorWebDAV {
		k.URL = webdavURL
	}
	n.keys = append(n.keys, k)
	k.Secret = "SECRET"
	return &k, nil
}

// KeyList implements api.Node.
func (n *Node) KeyList(_ context.Context, user string) (out []api.Key, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.keys {
		if user == "" || k.User == user {
			out = append(out, k)
		}
	}
	return out, nil
}

// KeyRemove implements api.Node.
func (n *Node) KeyRemove(_ context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := slices.IndexFunc(n.keys, func(k api.Key) bool { return k.ID == id })
	if at < 0 {
		return api.Errorf(api.NotFound, "there is no such key: `phyllo key list` lists all")
	}
	n.keys = slices.Delete(n.keys, at, at+1)
	return nil
}
