package api

import (
	"context"
	"time"
)

// Limits of the ring's table.
const (
	MaxDHTKey    = 1024         // bytes of a key
	MaxDHTValue  = 40<<10 - 304 // bytes of a value
	MaxDHTCopies = 16
	// DHTCopies is how many copies are kept unless a request wants another number.
	DHTCopies = 5
)

// DHT is the ring's own hash table: every member can read and change every entry. What
// was acknowledged is on the disks of a majority of the nodes that keep the entry.
//
// How many copies are wanted is part of an entry's place: all who use an entry must name
// the same number, 1 to MaxDHTCopies; 0 means DHTCopies.
type DHT interface {
	// DHTPut sets an entry's value, and settles its rivals. Conflict if it is to replace a
	// version that is not the current one, or any while there are rivals. Unreachable also if it is not known whether the change was made.
	DHTPut(ctx context.Context, q DHTPut) (*DHTKept, error)
	// DHTGet reads an entry. NotFound only if a majority of those who would keep it
	// says so.
	DHTGet(ctx context.Context, q DHTKey) (*DHTEntry, error)
	// DHTRivals reads the values of an entry that lost their place when parts of the ring met:
	// those first that no change has settled, then as many as are still kept.
	DHTRivals(ctx context.Context, q DHTKey) ([]DHTRival, error)
	// DHTRemove takes an entry's value away; that there is none is no error. Conflict as
	// with DHTPut.
	DHTRemove(ctx context.Context, q DHTRemove) error
}

// DHTKey means an entry.
type DHTKey struct {
	Key    string `json:"key"` // 1 to MaxDHTKey bytes
	Copies int    `json:"copies,omitempty"`
}

// DHTPut is a new value of an entry.
type DHTPut struct {
	Key    string `json:"key"`
	Copies int    `json:"copies,omitempty"`
	Value  []byte `json:"value"` // at most MaxDHTValue; base64 on the wire
	// IfVersion: only in place of this version, 0 for an entry without a value; nil:
	// whatever is there.
	IfVersion *uint64 `json:"if_version,omitempty"`
}

// DHTRemove takes the value of an entry away.
type DHTRemove struct {
	Key       string  `json:"key"`
	Copies    int     `json:"copies,omitempty"`
	IfVersion *uint64 `json:"if_version,omitempty"` // as in DHTPut
}

// DHTKept says that a value is kept.
type DHTKept struct {
	Key     string `json:"key"`
	Version uint64 `json:"version"` // 1 for the first value, more with each change
	// Copies is how many nodes keep a copy, of Wanted. In a ring with fewer nodes the
	// next members take the rest, without being asked.
	Copies int `json:"copies"`
	Wanted int `json:"wanted"`
	// Apart is how many nodes keep the entry of which a majority has been away for half a minute, and had no say in
	// this: what they put meanwhile meets it when they are back.
	Apart int `json:"apart,omitempty"`
}

// DHTEntry is an entry that has a value.
type DHTEntry struct {
	Key     string `json:"key"`
	Version uint64 `json:"version"`
	Value   []byte `json:"value"`
	Copies  int    `json:"copies"` // as in DHTKept
	Wanted  int    `json:"wanted"`
	// Rivals is how many other values were put while parts of the ring were out of each
	// other's sight, and not settled since by a change.
	Rivals int `json:"rivals,omitempty"`
	Apart  int `json:"apart,omitempty"` // as in DHTKept
}

// DHTRival is a value of an entry that lost its place when parts of the ring met.
type DHTRival struct {
	Key     string    `json:"key"`
	Version uint64    `json:"version"` // the current value may have the same
	Value   []byte    `json:"value"`
	Put     time.Time `json:"put"`               // by the clock of who put it
	Removed bool      `json:"removed,omitempty"` // the value was removed there
	Settled bool      `json:"settled,omitempty"` // the entry was changed since they met
}

// DHTPut implements Node.
func (c *Client) DHTPut(ctx context.Context, q DHTPut) (*DHTKept, error) {
	return call[*DHTKept](ctx, c, "dht/put", q)
}

// DHTGet implements Node.
func (c *Client) DHTGet(ctx context.Context, q DHTKey) (*DHTEntry, error) {
	return call[*DHTEntry](ctx, c, "dht/get", q)
}

// DHTRivals implements Node.
func (c *Client) DHTRivals(ctx context.Context, q DHTKey) ([]DHTRival, error) {
	return call[[]DHTRival](ctx, c, "dht/rivals", q)
}

// DHTRemove implements Node.
func (c *Client) DHTRemove(ctx context.Context, q DHTRemove) error {
	return tell(ctx, c, "dht/rm", q)
}
