// Package talk is a node's part in what the people who live on it say to others, to one of them or in rooms: the
// command and the page come to it through api.
package talk

import (
	"context"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/vault"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config says for which node, and on what, its part is made.
type Config struct {
	Ring      id.Hash
	Store     store.Store
	Directory *directory.Directory
	Past      *past.Past // where the logs of rooms are stored
	People    *people.People
	Loop      loop.Loop        // where the node runs, from when the part is first asked
	Tell      func(*api.Event) // hands an event to those who follow them; it is called on the loop
}

// Here is what a node has of messages and rooms at one place in a ring. But for New, it is touched
// on the loop only.
type Here struct {
	loop   loop.Loop
	people *people.People
	tell   func(*api.Event)
	im     *im.IM
	rooms  *room.Rooms
}

// New makes a node's part in messages and rooms. The error is that of the applications.
func New(c Config) (*Here, error) {
	h := &Here{loop: c.Loop, people: c.People, tell: c.Tell}
	var err error
	h.im, err = im.New(im.Default(), im.Deps{Ring: c.Ring, Store: c.Store, Directory: c.Directory, Verifier: keys.Verifier{}, Sealer: keys.Sealer{}})
	if err != nil {
		return nil, err
	}
	h.rooms, err = room.New(room.Default(), room.Deps{Ring: c.Ring, Store: c.Store, Directory: c.Directory, Verifier: keys.Verifier{},
		Sealer: keys.Sealer{}, Locker: keys.Locker{}, Storage: vault.New(c.Past)})
	if err != nil {
		return nil, err
	}
	h.im.Follow(h.imEvent)
	h.rooms.Follow(h.roomEvent)
	for _, u := range c.People.All() {
		if err := h.AddUser(u); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// IM and Rooms are what the overlay runs.
func (h *Here) IM() *im.IM { return h.im }

// Rooms is as IM.
func (h *Here) Rooms() *room.Rooms { return h.rooms }

// AddUser lets somebody talk who has come to live on the node.
func (h *Here) AddUser(u *people.Resident) error {
	return errors.Join(h.im.AddUser(u.ForIM()), h.rooms.AddUser(forRooms(u)))
}

// RemoveUser forgets one who has gone.
func (h *Here) RemoveUser(key peer.Key) {
	h.im.RemoveUser(key)
	h.rooms.RemoveUser(key)
}

// imEvent hands an event of im on.
func (h *Here) imEvent(e im.Event) {
	u := h.people.ByKey(e.User)
	if u == nil {
		return
	}
	out := &api.Event{Kind: e.Kind.String(), Time: time.Now().UTC(), User: u.Name()}
	switch e.Kind {
	case im.EventMessage, im.EventState:
		out.Message = message(&e.Message, u.Name())
	default:
		out.Contact = contact(&e.Contact)
	}
	h.tell(out)
}

// roomEvent hands an event of rooms on.
func (h *Here) roomEvent(e room.Event) {
	u := h.people.ByKey(e.User)
	if u == nil {
		return
	}
	kind := api.EventRoom
	if e.Kind == room.Told {
		kind = api.EventReceipt
	}
	h.tell(&api.Event{Kind: kind, Time: time.Now().UTC(), User: u.Name(), Room: e.Room.String()})
}

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.loop }

// Node is what the room sees of the node that it is a part of. Its methods may be called from
// any goroutine.
type Node interface {
	// Here is what the node has of messages and rooms at its present place in a ring, or nil.
	Here() *Here
	// People are those who live on it.
	People() *people.People
	// Enclosed is the line of a message that a file goes with.
	Enclosed(ctx context.Context, q api.FileName) (string, error)
	// Reach makes a link to another node now, whatever the back-off says.
	Reach(ctx context.Context, node id.ID) error
	// Go runs f in a goroutine for which the node waits when it stops; then the context ends.
	Go(f func(ctx context.Context))
}

// Face is the part of api.Node that is about messages, contacts and rooms.
type Face struct{ Node Node }
