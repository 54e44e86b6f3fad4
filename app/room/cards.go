package room

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

// card is what is needed of a person's record.
type card struct {
	record  *directory.Record
	read    task.Instant
	doubted bool // a computer that it names could not be reached
}

// cards are records that were read a moment ago, by names.
type cards map[string]card

var errOther = errors.New("the name is somebody else's now")

// record returns the record of a person by his name, whose key must be this one.
func (m *Rooms) record(t *task.T, name string, key peer.Key) (*directory.Record, error) {
	r, err := m.lookup(t, name)
	if err != nil {
		return nil, err
	}
	if r.Identity != key {
		return nil, errOther
	}
	return r, nil
}

// good is how long a card is taken for what it was.
func (c card) good() time.Duration {
	if c.doubted {
		return doubtedFor
	}
	return cardFor
}

// doubt notes that a computer of somebody could not be reached.
func (m *Rooms) doubt(name string) {
	if c, ok := m.cards[name]; ok {
		c.doubted = true
		m.cards[name] = c
	}
}

func (m *Rooms) lookup(t *task.T, name string) (*directory.Record, error) {
	if c, ok := m.cards[name]; ok && m.ep.Now().Sub(c.read) < c.good() {
		return c.record, nil
	}
	n, err := directory.ParseName(name)
	if err != nil {
		return nil, err
	}
	found, err := m.deps.Directory.Lookup(t, n)
	if err != nil {
		return nil, err
	}
	if m.cards == nil || len(m.cards) >= cardsMost {
		m.cards = cards{}
	}
	m.cards[name] = card{record: found.Record, read: m.ep.Now()}
	return found.Record, nil
}

// vouch returns the record of who is said to send a message, if it names the node that did:
// then that node is trusted with what he may read. A record that was read a moment ago and
// does not name the node is read again.
func (m *Rooms) vouch(t *task.T, d *kbr.Delivery, name string, key peer.Key) (*directory.Record, error) {
	r, err := m.record(t, name, key)
	if err == nil && !lives(r, d.Via.ID) {
		delete(m.cards, name)
		r, err = m.record(t, name, key)
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
