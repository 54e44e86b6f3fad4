// Package users is a node's part in the names of the people who live on it: they come, are found, change their
// profile, and go to another computer. Where their keys lie is the matter of node/people.
package users

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Config says for which node its part is made.
type Config struct {
	// Directory is that of the node, but for its events.
	Directory directory.Config
	Self      id.ID
	People    *people.People
	// Add lets somebody talk who has come to live on the node, and Remove forgets one who has gone. They are called
	// on the loop.
	Add    func(*people.Resident) error
	Remove func(peer.Key)
	Loop   loop.Loop // where the node runs, from when the part is first asked
	// Go runs f in a goroutine of its own until the context ends, which is when the node stops.
	Go   func(f func(ctx context.Context))
	Tell func(*api.Event) // hands an event to those who follow them; it is called from any goroutine
	Log  *slog.Logger
}

// Here is what a node has of names at one place in a ring. Its methods may be called from any goroutine, but for that
// what Directory returns is touched on the loop only.
type Here struct {
	cfg Config
	dir *directory.Directory
}

// New makes a node's part in names. The error is that of directory.New.
func New(c Config) (*Here, error) {
	h := &Here{cfg: c}
	dc := c.Directory
	dc.Events = directory.Events{Lost: h.lost, Refreshed: h.refreshed}
	var err error
	h.dir, err = directory.New(dc)
	return h, err
}

// Directory is what the overlay runs.
func (h *Here) Directory() *directory.Directory { return h.dir }

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.cfg.Loop }

// Node is what the room sees of the node that it is a part of. Its methods may be called from
// any goroutine.
type Node interface {
	// Here is what the node has of names at its present place in a ring, or nil.
	Here() *Here
	// People are those who live on it.
	People() *people.People
}

// Face is the part of api.Node that is about users.
type Face struct{ Node Node }

// Shown is a record as the interface shows it, with what is known where the user lives here, among all.
func Shown(all *people.People, rec *directory.Record) *api.User {
	u := &api.User{
		Name: string(rec.Name), Key: people.Fingerprint(rec.Identity), Version: rec.Version, Updated: time.Unix(rec.Time, 0).UTC(),
		Profile: api.Profile{FullName: rec.Profile.FullName, About: rec.Profile.About, Interests: rec.Profile.Interests, Unlisted: rec.Profile.Unlisted},
	}
	for _, d := range rec.Devices {
		u.Devices = append(u.Devices, d.Node)
	}
	if own := all.ByKey(rec.Identity); own != nil {
		u.Here, u.Trouble = true, own.Trouble
	}
	return u
}

func profileOf(p *api.Profile) directory.Profile {
	return directory.Profile{FullName: p.FullName, About: p.About, Interests: p.Interests, Unlisted: p.Unlisted}
}

// UserList implements api.Node.
func (f Face) UserList(context.Context) ([]api.User, error) {
	var out []api.User
	for _, u := range f.Node.People().All() {
		out = append(out, *Shown(f.Node.People(), u.Rec))
	}
	return out, nil
}

// UserAdd implements api.Node.
func (f Face) UserAdd(ctx context.Context, q api.UserRequest) (*api.User, error) {
	name, err := typed.Person(q.Name)
	if err != nil {
		return nil, err
	}
	if u, err := f.Node.People().Named(string(name)); err == nil && u.Name() == string(name) {
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
	return moveIn(ctx, f.Node, &people.Resident{Signer: signer, Seals: []*keys.SealPair{seal}}, rec)
}

// moveIn lets a user live here: his keys are on the disk before his name is claimed,
// so that no name is claimed by a key that nobody has. draft is his record without
// this node.
func moveIn(ctx context.Context, n Node, u *people.Resident, draft *directory.Record) (*api.User, error) {
	h := n.Here()
	if h == nil {
		return nil, loop.ErrNoPlace
	}
	now := time.Now()
	u.Rec = draft.Sign(h.cfg.Directory.Ring, u.Signer, now)
	u.Rec = u.PlacedAt(h.cfg.Directory.Ring, h.cfg.Self, now)
	if err := u.Rec.Check(); err != nil {
		return nil, kind.Give(err)
	}
	if err := n.People().Save(u); err != nil {
		return nil, err
	}
	if err := loop.Call(ctx, n.Here(), func(h *Here) {
		h.logged("a user", h.cfg.Add(u))
	}); err != nil {
		return nil, errors.Join(err, n.People().Forget(u))
	}
	err := h.putRecord(ctx, u)
	if err != nil && !soon(err) {
		gone := loop.Call(context.WithoutCancel(ctx), n.Here(), func(h *Here) {
			h.dir.Forget(u.Rec.Name, u.Key())
			h.cfg.Remove(u.Key())
		})
		return nil, errors.Join(kind.Give(err), gone, n.People().Forget(u))
	}
	if err != nil {
		// It is claimed as soon as the name's keepers can be reached.
		later := *u
		later.Trouble = "the name could not be claimed yet: " + err.Error()
		n.People().Put(&later)
		u = &later
		if err := loop.Call(context.WithoutCancel(ctx), n.Here(), func(h *Here) { h.dir.Keep(u.Rec, u.Signer) }); err != nil {
			return nil, err
		}
	}
	h.told(u.Name())
	return Shown(n.People(), u.Rec), nil
}

// soon reports whether a claim that failed may succeed later.
func soon(err error) bool {
	return errors.Is(err, directory.ErrNotReachable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// logged notes an error of something that cannot fail by itself.
func (h *Here) logged(what string, err error) {
	if err != nil {
		h.cfg.Log.Error("a step failed", "what", what, "err", err)
	}
}

// told tells followers that something of a user has changed.
func (h *Here) told(name string) {
	h.cfg.Tell(&api.Event{Kind: api.EventUser, Time: time.Now().UTC(), User: name})
}

// putRecord writes a user's record to its keepers, and keeps it fresh from then on.
func (h *Here) putRecord(ctx context.Context, u *people.Resident) error {
	_, err := loop.Do(ctx, h, func(t *task.T, h *Here) (loop.Nothing, error) {
		err := h.dir.Put(t, u.Rec)
		if err == nil {
			h.dir.Keep(u.Rec, u.Signer)
		}
		return loop.Nothing{}, err
	})
	return err
}

// UserFind implements api.Node.
func (f Face) UserFind(ctx context.Context, called string) (*api.User, error) {
	name, err := typed.Person(called)
	if err != nil {
		return nil, err
	}
	// A person who asks wants to see what the keepers say now, not what this node
	// remembers.
	found, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (directory.Found, error) { return h.dir.LookupNow(t, name) })
	if err != nil {
		return nil, kind.AboutName(err, string(name))
	}
	u := Shown(f.Node.People(), found.Record)
	u.Agree, u.Of = found.Agree, found.Of
	return u, nil
}

// Lookup asks for a name as nodes do: what is pinned or was heard a moment ago is believed.
func Lookup(ctx context.Context, n Node, name directory.Name) (directory.Found, error) {
	return loop.Do(ctx, n.Here(), func(t *task.T, h *Here) (directory.Found, error) { return h.dir.Lookup(t, name) })
}

// UserEdit implements api.Node.
func (f Face) UserEdit(ctx context.Context, q api.UserRequest) (*api.User, error) {
	u, err := f.Node.People().Named(q.Name)
	if err != nil {
		return nil, err
	}
	if q.Profile == nil {
		return Shown(f.Node.People(), u.Rec), nil
	}
	h := f.Node.Here()
	if h == nil {
		return nil, loop.ErrNoPlace
	}
	const tries = 3 // another device of the same user may be faster
	for range tries {
		next := *u.Rec
		next.Profile = profileOf(q.Profile)
		next.Version++
		changed := *u
		changed.Rec = next.Sign(h.cfg.Directory.Ring, u.Signer, time.Now())
		if err := changed.Rec.Check(); err != nil {
			return nil, kind.Give(err)
		}
		err = h.putRecord(ctx, &changed)
		var stale *directory.StaleError
		if errors.As(err, &stale) {
			u = &people.Resident{Dir: u.Dir, Signer: u.Signer, Seals: u.Seals, Rec: stale.Current}
			continue
		}
		if err != nil {
			return nil, kind.AboutName(err, u.Name())
		}
		if err := f.Node.People().Note(&changed); err != nil {
			return nil, err
		}
		h.told(changed.Name())
		return Shown(f.Node.People(), changed.Rec), nil
	}
	return nil, kind.AboutName(err, u.Name())
}

// ClaimAtStart makes a user with this name, unless he lives here.
func ClaimAtStart(ctx context.Context, n Node, called string) error {
	name, err := typed.Person(called)
	if err != nil {
		return err
	}
	for _, u := range n.People().All() {
		if u.Name() == string(name) {
			return nil
		}
	}
	_, err = Face{n}.UserAdd(ctx, api.UserRequest{Name: string(name)})
	return err
}

// ClaimAll claims the names of all users in a ring that was just entered. What takes
// too long goes on by itself; a name that somebody else has there is told as trouble.
func ClaimAll(ctx context.Context, n Node) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, u := range n.People().All() {
		all.Go(func() {
			h := n.Here()
			if h == nil {
				return
			}
			next := *u
			next.Rec = u.PlacedAt(h.cfg.Directory.Ring, h.cfg.Self, time.Now())
			err := h.putRecord(ctx, &next)
			var taken *directory.TakenError
			switch {
			case errors.As(err, &taken):
				h.trouble(u.Key(), nameLost(taken.Name, taken.By))
			case err != nil:
				h.cfg.Log.Info("a user's name could not be claimed yet", "user", u.Name(), "err", err)
			default:
				h.logged("keeping a user's record", n.People().Note(&next))
			}
		})
	}
	all.Wait()
}

// lost is directory.Events.Lost. It is called on the loop.
func (h *Here) lost(name directory.Name, own, rival peer.Key) {
	if name.Kind() == directory.Topic { // its owner keeps his own name
		h.cfg.Log.Warn("a topic belongs to somebody else in this ring, whose claim is the stronger", "topic", name, "owner", directory.Fingerprint(rival))
		return
	}
	h.trouble(own, nameLost(name, rival))
}

// nameLost says that a user has lost his name.
func nameLost(name directory.Name, rival peer.Key) string {
	return fmt.Sprintf("the name %s belongs to the key %s in this ring, whose claim is the stronger: choose another with `phyllo user add`", name, directory.Fingerprint(rival))
}

// refreshed is directory.Events.Refreshed. It is called on the loop.
func (h *Here) refreshed(name directory.Name, rec *directory.Record, err error) {
	u := h.cfg.People.ByKey(rec.Identity)
	if u == nil || u.Name() != string(name) {
		return
	}
	if err != nil {
		h.trouble(rec.Identity, "the name's keepers could not be reached the last time: "+err.Error())
		return
	}
	next := *u
	next.Rec, next.Trouble = rec, ""
	back := !hasDevice(rec, h.cfg.Self)
	h.cfg.Go(func(ctx context.Context) { // a disk is no business of the loop
		h.logged("keeping a user's record", h.cfg.People.Note(&next))
		if u.Trouble != "" {
			h.told(next.Name())
		}
		if back {
			h.comeBack(ctx, &next)
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
func (h *Here) comeBack(ctx context.Context, u *people.Resident) {
	next := *u
	next.Rec = u.PlacedAt(h.cfg.Directory.Ring, h.cfg.Self, time.Now())
	if err := h.putRecord(ctx, &next); err != nil {
		if ctx.Err() == nil {
			h.cfg.Log.Info("a user's record could not be changed yet", "user", u.Name(), "err", err)
		}
		return
	}
	h.logged("keeping a user's record", h.cfg.People.Note(&next))
}

// trouble notes why a user's name does not stand, and tells.
func (h *Here) trouble(key peer.Key, text string) {
	u := h.cfg.People.ByKey(key)
	if u == nil || u.Trouble == text {
		return
	}
	next := *u
	next.Trouble = text
	h.cfg.People.Put(&next)
	h.cfg.Log.Warn("a user's name", "user", u.Name(), "trouble", text)
	h.told(u.Name())
}
