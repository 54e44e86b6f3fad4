package chat

import (
	"bytes"
	"time"

	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// closetTime is how long the storage of a storm's rooms takes.
const closetTime = 50 * time.Millisecond

// closet is a storage in which nothing is ever lost or out of reach, where rooms of storms have their
// shelves. What the ring's own storage does in storms has tests of its own.
type closet struct {
	objects map[id.Hash][]byte
	current map[string]shelf.Found // by what they are called and their owners' keys
	count   uint64
}

func newCloset() *closet {
	return &closet{objects: map[id.Hash][]byte{}, current: map[string]shelf.Found{}}
}

var _ shelf.Storage = (*closet)(nil)

// Put implements shelf.Storage.
func (c *closet) Put(t *task.T, content []byte, _ time.Time, _ peer.Signer) (id.Hash, error) {
	c.count++
	x := id.HashOf("closet", c.count)
	c.objects[x] = bytes.Clone(content)
	return x, t.Sleep(closetTime)
}

// Get implements shelf.Storage.
func (c *closet) Get(t *task.T, object id.Hash) ([]byte, error) {
	if err := t.Sleep(closetTime); err != nil {
		return nil, err
	}
	if b, ok := c.objects[object]; ok {
		return b, nil
	}
	return nil, shelf.ErrNothing
}

// Ends implements shelf.Storage: nothing in it does.
func (c *closet) Ends(t *task.T, object id.Hash) (time.Time, error) {
	_, err := c.Get(t, object)
	return time.Time{}, err
}

// Remove implements shelf.Storage.
func (c *closet) Remove(t *task.T, object id.Hash, _ peer.Signer) error {
	delete(c.objects, object)
	return t.Sleep(closetTime)
}

// Current implements shelf.Storage.
func (c *closet) Current(t *task.T, owner peer.Key, what string) (shelf.Found, error) {
	if err := t.Sleep(closetTime); err != nil {
		return shelf.Found{}, err
	}
	if f, ok := c.current[what+string(owner[:])]; ok {
		return f, nil
	}
	return shelf.Found{}, shelf.ErrNothing
}

// Change implements shelf.Storage.
func (c *closet) Change(t *task.T, owner peer.Signer, what string, e shelf.Edit) error {
	if err := t.Sleep(closetTime); err != nil {
		return err
	}
	k := owner.Public()
	at := what + string(k[:])
	if c.current[at].Version != e.Replaces {
		return shelf.ErrConflict
	}
	c.current[at] = shelf.Found{Content: bytes.Clone(e.Content), Version: e.Replaces + 1}
	return nil
}
