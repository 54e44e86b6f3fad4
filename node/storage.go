package node

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/node/storage"
	"github.com/phyllo-net/phyllo/node/table"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/task"
)

// makeSpaces makes the node's part in spaces.
func (o *overlay) makeSpaces() (err error) {
	n := o.node
	o.spaces, err = spaces.New(spaces.Config{
		Ring: o.ring, Past: o.past, Store: n.store, Verifier: &o.verifier, People: n.spacePeople, Waiting: n.doors.Uploads().Waiting, LostAfter: n.cfg.LostAfter,
		Loop: o, Wall: func() time.Time { return o.pastry.Wall() }, Log: n.log,
	})
	return err
}

// spacePeople are the users of the node as their spaces know them.
func (n *Node) spacePeople() (all []space.Person) {
	for _, u := range n.people.All() {
		all = append(all, u.ForSpace())
	}
	return all
}

// Files returns the spaces of a user who lives on the node, for doors; an empty name means the
// only one who does. What it returns may be called from any goroutine while the node runs.
func (n *Node) Files(user string) files.Spaces { return spaces.Of(spaceSide{n}, user) }

// foundSpace makes a space for a user who lives on the node.
func (n *Node) foundSpace(ctx context.Context, user, name string) error {
	_, err := n.face().SpaceCreate(ctx, api.SpaceCreate{User: user, Name: name})
	return err
}

// spaceSide is the node as spaces see it.
type spaceSide struct{ n *Node }

var _ spaces.Node = spaceSide{}

// Here implements spaces.Node.
func (s spaceSide) Here() *spaces.Here {
	if o := s.n.overlay(); o != nil {
		return o.spaces
	}
	return nil
}

// Person implements spaces.Node.
func (s spaceSide) Person(user string) (space.Person, error) {
	u, err := s.n.people.Named(user)
	if err != nil {
		return space.Person{}, err
	}
	return u.ForSpace(), nil
}

// Changed implements spaces.Node.
func (s spaceSide) Changed() { s.n.storage.Changed() }

// Grantee implements spaces.Node.
func (s spaceSide) Grantee(ctx context.Context, user, called string) (space.Grant, error) {
	name, err := typed.Person(called)
	if err != nil {
		return space.Grant{}, err
	}
	found, err := users.Lookup(ctx, userSide(s), name)
	if err != nil {
		return space.Grant{}, kind.AboutName(err, string(name))
	}
	rec := found.Record
	contacts, err := s.n.face().ContactList(ctx, user)
	if err != nil {
		return space.Grant{}, err
	}
	for _, c := range contacts {
		if c.Name == string(name) && c.Key != directory.Fingerprint(rec.Identity) {
			return space.Grant{}, api.Errorf(api.KeyChanged, "the key of %s is another than the one that you know: run `phyllo user verify %s`", name, name)
		}
	}
	return space.Grant{Key: rec.Identity, Name: string(name), Number: uint64(rec.SealNumber), SealTo: rec.SealKey}, nil
}

// countCopies counts over all spaces of all users; nil if there are none of these.
func (n *Node) countCopies(ctx context.Context) (*api.Copies, error) {
	people := n.spacePeople()
	if len(people) == 0 {
		return nil, nil
	}
	return loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (*api.Copies, error) { return o.spaces.Count(t, people) })
}

// storageHere is what the node has of storage at its present place in a ring, or nil.
func (n *Node) storageHere() *storage.Here {
	if o := n.overlay(); o != nil {
		return o.storage
	}
	return nil
}

// tableHere is the same of the ring's own hash table.
func (n *Node) tableHere() *table.Here {
	if o := n.overlay(); o != nil {
		return o.table
	}
	return nil
}

// Table runs f as a task on the node's loop, with the ring's hash table of so many copies,
// 1 to dht.MaxCopies. If the context ends first, Table returns its error and f goes on.
func (n *Node) Table(ctx context.Context, copies uint8, f func(*task.T, dht.Table) error) error {
	_, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (nothing, error) { return nothing{}, f(t, o.table.Of(copies)) })
	return err
}
