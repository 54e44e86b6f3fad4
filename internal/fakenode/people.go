package fakenode

import (
	"context"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// UserList implements api.Node.
func (n *Node) UserList(context.Context) ([]api.User, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.users), nil
}

// UserAdd implements api.Node.
func (n *Node) UserAdd(_ context.Context, q api.UserRequest) (*api.User, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u, err := person(q.Name); err == nil {
		return nil, api.Errorf(api.Failed, "the name %s is taken, by the key %s: choose another", u.Name, u.Key.Hex)
	} else if api.KindOf(err) != api.NotFound {
		return nil, err
	}
	u := api.User{Name: strings.ToLower(q.Name), Key: key(q.Name), Devices: []id.ID{nodeID(0)}, Version: 1, Updated: n.clock, Here: true}
	if q.Profile != nil {
		u.Profile = *q.Profile
	}
	if slices.ContainsFunc(n.users, func(x api.User) bool { return x.Name == u.Name }) {
		return nil, api.Errorf(api.Failed, "%s lives here already: see `phyllo user list`", u.Name)
	}
	n.users = append(n.users, u)
	return &u, nil
}

// UserFind implements api.Node.
func (n *Node) UserFind(_ context.Context, name string) (*api.User, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range n.users {
		if u.Name == name {
			u.Agree, u.Of = 5, 5
			return &u, nil
		}
	}
	u, err := person(name)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// UserEdit implements api.Node.
func (n *Node) UserEdit(_ context.Context, q api.UserRequest) (*api.User, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, err := n.user(q.Name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(n.users, func(u api.User) bool { return u.Name == name })
	if q.Profile != nil {
		n.users[at].Profile = *q.Profile
		n.users[at].Version++
	}
	u := n.users[at]
	return &u, nil
}

// UserKeys implements api.Node: kim's key has changed.
func (n *Node) UserKeys(_ context.Context, q api.Who) (*api.KeyPair, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	me, err := n.user(q.User)
	if err != nil {
		return nil, err
	}
	u, err := person(q.Name)
	if err != nil {
		return nil, err
	}
	k := &api.KeyPair{Name: u.Name, Mine: key(me), Pinned: u.Key}
	for _, c := range n.friends {
		if c.Name == u.Name {
			k.Verified = c.Verified
		}
	}
	if u.Name == "kim" && !k.Verified {
		found := key("kim's new phone")
		k.Found = &found
	}
	return k, nil
}

// UserVerify implements api.Node.
func (n *Node) UserVerify(ctx context.Context, q api.Who, fingerprint string) error {
	k, err := n.UserKeys(ctx, q)
	if err != nil {
		return err
	}
	if fingerprint != k.Pinned.Hex && (k.Found == nil || fingerprint != k.Found.Hex) {
		return api.Errorf(api.Failed, "this fingerprint is neither that of the pinned key nor that of the new one: compare again")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.friend(k.Name)
	n.friends[at].Verified, n.friends[at].Changed = true, ""
	return nil
}

// UserExport implements api.Node.
func (n *Node) UserExport(_ context.Context, name, passphrase string) (*api.Sealed, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, err := n.user(name)
	if err != nil {
		return nil, err
	}
	return sealed("user "+name, passphrase)
}

// UserImport implements api.Node.
func (n *Node) UserImport(ctx context.Context, export api.Sealed, passphrase string) (*api.User, error) {
	line, _, _ := strings.Cut(export.Text, "\n")
	name, ok := strings.CutPrefix(line, "phyllo user ")
	if !ok {
		return nil, api.Errorf(api.Usage, "this is no exported user: `phyllo user export` writes one")
	}
	if err := open("user "+name, export, passphrase); err != nil {
		return nil, err
	}
	return n.UserAdd(ctx, api.UserRequest{Name: name})
}

// friend returns where a person is among the contacts, and puts him there if need
// be. The caller holds the lock.
func (n *Node) friend(name string) int {
	at := slices.IndexFunc(n.friends, func(c api.Contact) bool { return c.Name == name || c.Key == name })
	if at < 0 {
		at = len(n.friends)
		n.friends = append(n.friends, api.Contact{Name: name, Key: fingerprint(name), LastSeen: n.clock, Online: name == "bob"})
	}
	return at
}

// ContactList implements api.Node.
func (n *Node) ContactList(_ context.Context, user string) ([]api.Contact, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := n.user(user); err != nil {
		return nil, err
	}
	list := slices.Clone(n.friends)
	slices.SortFunc(list, func(a, b api.Contact) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (n *Node) befriend(q api.Who, f func(*api.Contact)) (*api.Contact, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := n.user(q.User); err != nil {
		return nil, err
	}
	if _, err := person(q.Name); err != nil && !slices.ContainsFunc(n.friends, func(c api.Contact) bool { return c.Key == q.Name }) {
		return nil, err
	}
	c := &n.friends[n.friend(q.Name)]
	f(c)
	return new(*c), nil
}

// ContactAdd implements api.Node.
func (n *Node) ContactAdd(_ context.Context, q api.Who) (*api.Contact, error) {
	return n.befriend(q, func(c *api.Contact) { c.Added, c.Blocked, c.Request, c.Waiting = true, false, false, 0 })
}

// ContactAccept implements api.Node.
func (n *Node) ContactAccept(ctx context.Context, q api.Who) (*api.Contact, error) {
	n.mu.Lock()
	waits := slices.ContainsFunc(n.friends, func(c api.Contact) bool { return c.Request && (c.Name == q.Name || c.Key == q.Name) })
	n.mu.Unlock()
	if !waits {
		return nil, api.Errorf(api.NotFound, "nobody called %q waits to be accepted: see `phyllo contact list`", q.Name)
	}
	return n.ContactAdd(ctx, q)
}

// ContactRemove implements api.Node.
func (n *Node) ContactRemove(_ context.Context, q api.Who) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := slices.IndexFunc(n.friends, func(c api.Contact) bool { return c.Name == q.Name || c.Key == q.Name })
	if at < 0 {
		return api.Errorf(api.NotFound, "nobody called %q among contacts and requests: see `phyllo contact list`", q.Name)
	}
	n.friends = slices.Delete(n.friends, at, at+1)
	return nil
}

// ContactBlock implements api.Node.
func (n *Node) ContactBlock(_ context.Context, q api.Who) error {
	_, err := n.befriend(q, func(c *api.Contact) { c.Added, c.Blocked = false, true })
	return err
}
