// Package cards has the records of people whom a node has looked up for its rooms a moment ago, and says whether
// a node speaks for somebody: his record names it. Whoever asks whether what is in a room can be had by who has no
// right to it reads here what a node at the other end of a link is believed.
//
// A record is taken for what it was for a minute, and for ten seconds where a computer that it names could
// not be reached: he may have another by now. One that does not name a node that claims to speak for him is read again at
// once.
package cards

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// cardFor is how long a person's record is taken for what it was, and cardsMost how many are
// remembered.
const (
	cardFor = time.Minute
	// doubtedFor is how long where a computer that it names could not be reached: he may have another.
	doubtedFor = 10 * time.Second
	cardsMost  = 4096
)

// Directory finds people by name; directory.Directory is the real one.
type Directory interface {
	// Lookup returns the record that a majority of the name's holders gave, or an
	// error of package directory.
	Lookup(t *task.T, name directory.Name) (directory.Found, error)
}

// card is what is needed of a person's record.
type card struct {
	record  *directory.Record
	read    task.Instant
	doubted bool // a computer that it names could not be reached
}

// good is how long a card is taken for what it was.
func (c card) good() time.Duration {
	if c.doubted {
		return doubtedFor
	}
	return cardFor
}

// Cards are one node's. Not for several goroutines at once: all is called on the node's loop.
type Cards struct {
	directory Directory
	env       task.Env
	of        map[string]card // by names
}

// New returns a node's cards, of which there are none yet.
func New(d Directory, env task.Env) *Cards {
	return &Cards{directory: d, env: env, of: map[string]card{}}
}

var errOther = errors.New("the name is somebody else's now")

// Record returns the record of a person by his name, whose key must be this one.
func (c *Cards) Record(t *task.T, name string, key peer.Key) (*directory.Record, error) {
	r, err := c.Lookup(t, name)
	if err != nil {
		return nil, err
	}
	if r.Identity != key {
		return nil, errOther
	}
	return r, nil
}

// Doubt notes that a computer of somebody could not be reached.
func (c *Cards) Doubt(name string) {
	if x, ok := c.of[name]; ok {
		x.doubted = true
		c.of[name] = x
	}
}

// Lookup returns the record of whoever has a name. Errors are those of package directory.
func (c *Cards) Lookup(t *task.T, name string) (*directory.Record, error) {
	if x, ok := c.of[name]; ok && c.env.Now().Sub(x.read) < x.good() {
		return x.record, nil
	}
	n, err := directory.ParseName(name)
	if err != nil {
		return nil, err
	}
	found, err := c.directory.Lookup(t, n)
	if err != nil {
		return nil, err
	}
	if len(c.of) >= cardsMost {
		c.of = map[string]card{}
	}
	c.of[name] = card{record: found.Record, read: c.env.Now()}
	return found.Record, nil
}

// Vouch returns the record of who is said to send a message, if it names the node that did:
// then that node is trusted with what he may read. A record that was read a moment ago and
// does not name the node is read again. The error is what is told to who sent it.
func (c *Cards) Vouch(t *task.T, d *kbr.Delivery, name string, key peer.Key) (*directory.Record, error) {
	r, err := c.Record(t, name, key)
	if err == nil && !lives(r, d.Via.ID) {
		delete(c.of, name)
		r, err = c.Record(t, name, key)
	}
	switch {
	case err != nil:
		return nil, &kbr.RefusedError{Code: msg.RefusedBusy, Text: "your record cannot be read now"}
	case !lives(r, d.Via.ID):
		return nil, &kbr.RefusedError{Code: msg.RefusedDenied, Text: "the record of who asks does not name this node"}
	}
	return r, nil
}

func lives(r *directory.Record, node id.ID) bool {
	for _, d := range r.Devices {
		if d.Node == node {
			return true
		}
	}
	return false
}
