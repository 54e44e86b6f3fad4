package doors

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

// Face is the part of api.Node that is about keys for doors.
type Face struct {
	// Doors are those of the node, once it is started.
	Doors func() *Doors
}

// KeyAdd implements api.Node. A key names its user by the fingerprint of his key, which stays when
// his name does not.
func (f Face) KeyAdd(ctx context.Context, q api.KeyRequest) (*api.Key, error) {
	door := password.Door(q.For)
	if door != password.S3 && door != password.WebDAV {
		return nil, api.Errorf(api.Usage, "there is no door %+q: a key is for s3 or for webdav", q.For)
	}
	u, err := f.Doors().cfg.People.Named(q.User)
	if err != nil {
		return nil, kind.Give(err)
	}
	name := cmp.Or(q.Space, api.HomeSpace)
	if err := f.Doors().needSpace(ctx, q.User, name); err != nil {
		return nil, err
	}
	k, secret, err := f.Doors().book.Add(password.Key{Door: door, User: directory.Fingerprint(u.Key()), Space: name, ReadOnly: q.ReadOnly, Expires: q.Expires})
	if err != nil {
		return nil, kind.Give(err)
	}
	shown := f.Doors().shownKey(k)
	shown.Secret = secret
	return &shown, nil
}

// needSpace makes sure that a user has a space; the one that everybody has is made.
func (d *Doors) needSpace(ctx context.Context, user, name string) error {
	_, err := d.cfg.Spaces(user).Space(ctx, name)
	if !errors.Is(err, files.ErrNoSpace) {
		return kind.Give(err)
	}
	if name != api.HomeSpace {
		return api.Errorf(api.NotFound, "you have no space called %+q: `phyllo space list` lists yours, `phyllo space create` makes one", name)
	}
	return d.cfg.Found(ctx, user, name)
}

// shownKey is a key as the interface shows it.
func (d *Doors) shownKey(k password.Key) api.Key {
	shown := api.Key{ID: k.ID, For: string(k.Door), User: k.User, Space: k.Space, ReadOnly: k.ReadOnly, Made: k.Made, Expires: k.Expires, URL: d.URL(k.Door)}
	if u, err := d.cfg.People.Named(k.User); err == nil {
		shown.User = u.Name()
	}
	return shown
}

// KeyList implements api.Node.
func (f Face) KeyList(_ context.Context, user string) ([]api.Key, error) {
	var only string
	if user != "" {
		u, err := f.Doors().cfg.People.Named(user)
		if err != nil {
			return nil, kind.Give(err)
		}
		only = directory.Fingerprint(u.Key())
	}
	var list []api.Key
	for _, k := range f.Doors().book.List() {
		if only == "" || k.User == only {
			list = append(list, f.Doors().shownKey(k))
		}
	}
	return list, nil
}

// KeyRemove implements api.Node.
func (f Face) KeyRemove(_ context.Context, id string) error {
	err := f.Doors().book.Remove(id)
	if errors.Is(err, password.ErrUnknown) {
		return api.Wrap(api.NotFound, err)
	}
	return err
}
