package node

import (
	"cmp"
	"context"
	"errors"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/node/kind"
)

// KeyAdd implements api.Node. A key names its user by the fingerprint of his key, which stays when
// his name does not.
func (f face) KeyAdd(ctx context.Context, q api.KeyRequest) (*api.Key, error) {
	door := password.Door(q.For)
	if door != password.S3 && door != password.WebDAV {
		return nil, api.Errorf(api.Usage, "there is no door %+q: a key is for s3 or for webdav", q.For)
	}
	u, err := f.n.people.Named(q.User)
	if err != nil {
		return nil, kind.Give(err)
	}
	name := cmp.Or(q.Space, api.HomeSpace)
	if err := f.n.needSpace(ctx, q.User, name); err != nil {
		return nil, err
	}
	k, secret, err := f.n.book.Add(password.Key{Door: door, User: directory.Fingerprint(u.Key()), Space: name, ReadOnly: q.ReadOnly, Expires: q.Expires})
	if err != nil {
		return nil, kind.Give(err)
	}
	shown := f.n.shownKey(k)
	shown.Secret = secret
	return &shown, nil
}

// needSpace makes sure that a user has a space; the one that everybody has is made.
func (n *Node) needSpace(ctx context.Context, user, name string) error {
	_, err := n.Files(user).Space(ctx, name)
	if !errors.Is(err, files.ErrNoSpace) {
		return kind.Give(err)
	}
	if name != api.HomeSpace {
		return api.Errorf(api.NotFound, "you have no space called %+q: `phyllo space list` lists yours, `phyllo space create` makes one", name)
	}
	_, err = n.API().SpaceCreate(ctx, api.SpaceCreate{User: user, Name: name})
	return err
}

// shownKey is a key as the interface shows it.
func (n *Node) shownKey(k password.Key) api.Key {
	shown := api.Key{ID: k.ID, For: string(k.Door), User: k.User, Space: k.Space, ReadOnly: k.ReadOnly, Made: k.Made, Expires: k.Expires, URL: n.doorURL(k.Door)}
	if u, err := n.people.Named(k.User); err == nil {
		shown.User = u.Name()
	}
	return shown
}

// KeyList implements api.Node.
func (f face) KeyList(_ context.Context, user string) ([]api.Key, error) {
	var only string
	if user != "" {
		u, err := f.n.people.Named(user)
		if err != nil {
			return nil, kind.Give(err)
		}
		only = directory.Fingerprint(u.Key())
	}
	var list []api.Key
	for _, k := range f.n.book.List() {
		if only == "" || k.User == only {
			list = append(list, f.n.shownKey(k))
		}
	}
	return list, nil
}

// KeyRemove implements api.Node.
func (f face) KeyRemove(_ context.Context, id string) error {
	err := f.n.book.Remove(id)
	if errors.Is(err, password.ErrUnknown) {
		return api.Wrap(api.NotFound, err)
	}
	return err
}
