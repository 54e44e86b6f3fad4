package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// shown is a record as the interface shows it.
func (n *Node) shown(rec *directory.Record) *api.User {
	u := &api.User{
		Name: string(rec.Name), Key: people.Fingerprint(rec.Identity), Version: rec.Version, Updated: time.Unix(rec.Time, 0).UTC(),
		Profile: api.Profile{FullName: rec.Profile.FullName, About: rec.Profile.About, Interests: rec.Profile.Interests, Unlisted: rec.Profile.Unlisted},
	}
	for _, d := range rec.Devices {
		u.Devices = append(u.Devices, d.Node)
	}
	if own := n.people.ByKey(rec.Identity); own != nil {
		u.Here, u.Trouble = true, own.Trouble
	}
	return u
}

func profileOf(p *api.Profile) directory.Profile {
	return directory.Profile{FullName: p.FullName, About: p.About, Interests: p.Interests, Unlisted: p.Unlisted}
}

// UserList implements api.Node.
func (f face) UserList(context.Context) ([]api.User, error) {
	var out []api.User
	for _, u := range f.n.people.All() {
		out = append(out, *f.n.shown(u.Rec))
	}
	return out, nil
}

// UserAdd implements api.Node.
func (f face) UserAdd(ctx context.Context, q api.UserRequest) (*api.User, error) {
	name, err := people.ParseName(q.Name)
	if err != nil {
		return nil, err
	}
	if u, err := f.n.people.Named(string(name)); err == nil && u.Name() == string(name) {
		return nil, api.Errorf(api.Failed, "%s lives here already: see `phyllo user list`", name)
	}
	signer, err := keys.NewSigner(keys.Random())
	if err != nil {
		return nil, err
	}
	seal, err := keys.NewSealPair(1)
	if err != nil {
		return nil, err
	}
	rec := &directory.Record{Name: name, SealKey: seal.SealKey(), SealNumber: 1}
	if q.Profile != nil {
		rec.Profile = profileOf(q.Profile)
	}
	return f.n.moveIn(ctx, &people.Resident{Signer: signer, Seals: []*keys.SealPair{seal}}, rec)
}

// moveIn lets a user live here: his keys are on the disk before his name is claimed,
// so that no name is claimed by a key that nobody has. draft is his record without
// this node.
func (n *Node) moveIn(ctx context.Context, u *people.Resident, draft *directory.Record) (*api.User, error) {
	o := n.overlay()
	if o == nil {
		return nil, loop.ErrNoPlace
	}
	now := time.Now()
	u.Rec = draft.Sign(o.ring, u.Signer, now)
	u.Rec = u.PlacedAt(o.ring, o.self.ID, now)
	if err := u.Rec.Check(); err != nil {
		return nil, kind.Give(err)
	}
	if err := n.people.Save(u); err != nil {
		return nil, err
	}
	if err := loop.Call(ctx, n.overlay(), func(o *overlay) {
		n.logged("a user", o.talk.AddUser(u))
	}); err != nil {
		return nil, errors.Join(err, n.people.Forget(u))
	}
	err := n.putRecord(ctx, u)
	if err != nil && !soon(err) {
		gone := loop.Call(context.WithoutCancel(ctx), n.overlay(), func(o *overlay) {
			o.dir.Forget(u.Rec.Name, u.Key())
			o.talk.RemoveUser(u.Key())
		})
		return nil, errors.Join(kind.Give(err), gone, n.people.Forget(u))
	}
	if err != nil {
		// It is claimed as soon as the name's keepers can be reached.
		later := *u
		later.Trouble = "the name could not be claimed yet: " + err.Error()
		n.people.Put(&later)
		u = &later
		if err := loop.Call(context.WithoutCancel(ctx), n.overlay(), func(o *overlay) { o.dir.Keep(u.Rec, u.Signer) }); err != nil {
			return nil, err
		}
	}
	n.emitUser(u.Name())
	return n.shown(u.Rec), nil
}

// soon reports whether a claim that failed may succeed later.
func soon(err error) bool {
	return errors.Is(err, directory.ErrNotReachable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// logged notes an error of something that cannot fail by itself.
func (n *Node) logged(what string, err error) {
	if err != nil {
		n.log.Error("a step failed", "what", what, "err", err)
	}
}

// putRecord writes a user's record to its keepers, and keeps it fresh from then on.
func (n *Node) putRecord(ctx context.Context, u *people.Resident) error {
	_, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (nothing, error) {
		err := o.dir.Put(t, u.Rec)
		if err == nil {
			o.dir.Keep(u.Rec, u.Signer)
		}
		return nothing{}, err
	})
	return err
}

// UserFind implements api.Node.
func (f face) UserFind(ctx context.Context, typed string) (*api.User, error) {
	name, err := people.ParseName(typed)
	if err != nil {
		return nil, err
	}
	// A person who asks wants to see what the keepers say now, not what this node
	// remembers.
	found, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (directory.Found, error) { return o.dir.LookupNow(t, name) })
	if err != nil {
		return nil, kind.AboutName(err, string(name))
	}
	u := f.n.shown(found.Record)
	u.Agree, u.Of = found.Agree, found.Of
	return u, nil
}

func (n *Node) lookup(ctx context.Context, name directory.Name) (directory.Found, error) {
	return loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (directory.Found, error) { return o.dir.Lookup(t, name) })
}

// UserEdit implements api.Node.
func (f face) UserEdit(ctx context.Context, q api.UserRequest) (*api.User, error) {
	u, err := f.n.people.Named(q.Name)
	if err != nil {
		return nil, err
	}
	if q.Profile == nil {
		return f.n.shown(u.Rec), nil
	}
	const tries = 3 // another device of the same user may be faster
	for range tries {
		next := *u.Rec
		next.Profile = profileOf(q.Profile)
		next.Version++
		changed := *u
		if changed.Rec, err = f.n.sign(&next, u); err != nil {
			return nil, err
		}
		if err := changed.Rec.Check(); err != nil {
			return nil, kind.Give(err)
		}
		err = f.n.putRecord(ctx, &changed)
		var stale *directory.StaleError
		if errors.As(err, &stale) {
			u = &people.Resident{Dir: u.Dir, Signer: u.Signer, Seals: u.Seals, Rec: stale.Current}
			continue
		}
		if err != nil {
			return nil, kind.AboutName(err, u.Name())
		}
		if err := f.n.people.Note(&changed); err != nil {
			return nil, err
		}
		f.n.emitUser(changed.Name())
		return f.n.shown(changed.Rec), nil
	}
	return nil, kind.AboutName(err, u.Name())
}

func (n *Node) sign(rec *directory.Record, u *people.Resident) (*directory.Record, error) {
	o := n.overlay()
	if o == nil {
		return nil, loop.ErrNoPlace
	}
	return rec.Sign(o.ring, u.Signer, time.Now()), nil
}

// claimAtStart makes the user of the settings, unless he lives here.
func (n *Node) claimAtStart(ctx context.Context) error {
	name, err := people.ParseName(n.cfg.User)
	if err != nil {
		return err
	}
	for _, u := range n.people.All() {
		if u.Name() == string(name) {
			return nil
		}
	}
	_, err = n.API().UserAdd(ctx, api.UserRequest{Name: string(name)})
	return err
}

// nameLost is directory.Events.Lost. It is called on the loop.
func (o *overlay) nameLost(name directory.Name, own, rival peer.Key) {
	if name.Kind() == directory.Topic { // its owner keeps his own name
		o.node.log.Warn("a topic belongs to somebody else in this ring, whose claim is the stronger", "topic", name, "owner", directory.Fingerprint(rival))
		return
	}
	o.node.trouble(own, nameLost(name, rival))
}

// nameLost says that a user has lost his name.
func nameLost(name directory.Name, rival peer.Key) string {
	return fmt.Sprintf("the name %s belongs to the key %s in this ring, whose claim is the stronger: choose another with `phyllo user add`", name, directory.Fingerprint(rival))
}

// nameRefreshed is directory.Events.Refreshed. It is called on the loop.
func (o *overlay) nameRefreshed(name directory.Name, rec *directory.Record, err error) {
	n := o.node
	u := n.people.ByKey(rec.Identity)
	if u == nil || u.Name() != string(name) {
		return
	}
	if err != nil {
		n.trouble(rec.Identity, "the name's keepers could not be reached the last time: "+err.Error())
		return
	}
	next := *u
	next.Rec, next.Trouble = rec, ""
	back := !hasDevice(rec, o.self.ID)
	n.wg.Go(func() { // a disk is no business of the loop
		n.logged("keeping a user's record", n.people.Note(&next))
		if u.Trouble != "" {
			n.emitUser(next.Name())
		}
		if back {
			n.comeBack(&next)
		}
	})
}

func hasDevice(rec *directory.Record, node id.ID) bool {
	for _, d := range rec.Devices {
		if d.Node == node {
			return true
		}
	}
	return false
}

// comeBack puts this node into a record that another device of the user has written
// without it.
func (n *Node) comeBack(u *people.Resident) {
	o := n.overlay()
	if o == nil {
		return
	}
	next := *u
	next.Rec = u.PlacedAt(o.ring, o.self.ID, time.Now())
	if err := n.putRecord(n.ctx, &next); err != nil {
		if n.ctx.Err() == nil {
			n.log.Info("a user's record could not be changed yet", "user", u.Name(), "err", err)
		}
		return
	}
	n.logged("keeping a user's record", n.people.Note(&next))
}

// trouble notes why a user's name does not stand, and tells.
func (n *Node) trouble(key peer.Key, text string) {
	u := n.people.ByKey(key)
	if u == nil || u.Trouble == text {
		return
	}
	next := *u
	next.Trouble = text
	n.people.Put(&next)
	n.log.Warn("a user's name", "user", u.Name(), "trouble", text)
	n.emitUser(u.Name())
}
