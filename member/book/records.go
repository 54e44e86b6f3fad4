package book

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Table is the store's table of membership.
const Table store.Table = "member"

// Tags of the records of one ring. A key is the ring's first 16 bytes, the tag,
// and what it is about, so that a node that changes its ring starts afresh and
// loses nothing.
const (
	TagAdmitter  byte = 'a' // by key: Admitter
	TagKnown     byte = 'c' // by node id: Known
	TagExpulsion byte = 'e' // by slot: Expulsion
	TagInvite    byte = 'i' // by the secret's hash: Invite
	TagPlace     byte = 'p' // by key: msg.RegisterState
	TagSilent    byte = 's' // by an admitter's key: Silent
	TagUse       byte = 'u' // by invitation and slot: msg.RegisterState
	TagSynced    byte = 'v' // the view whose registers were read
	TagWish      byte = 'x' // by node id: Wish
)

// selfKey is the one record that belongs to no ring: which one we are in.
var selfKey = []byte("self")

// Self says which ring the node is in.
type Self struct {
	Ring        id.Hash           `cbor:"1,keyasint"`
	Name        string            `cbor:"2,keyasint"`
	Certificate *peer.Certificate `cbor:"3,keyasint"`
	Founded     bool              `cbor:"4,keyasint,omitempty"` // here
}

// Check implements wire.Checker.
func (r *Self) Check() error {
	if r.Ring.IsZero() || r.Certificate == nil || r.Certificate.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// Admitter is an admitter that was seen.
type Admitter struct {
	Admission *peer.Admission `cbor:"1,keyasint"`
	Node      id.ID           `cbor:"2,keyasint"`
	Addrs     []string        `cbor:"3,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (r *Admitter) Check() error {
	if r.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// Known is a member that was seen, with its newest certificate.
type Known struct {
	Certificate *peer.Certificate `cbor:"1,keyasint"`
	Seen        int64             `cbor:"2,keyasint"` // first, by our clock, Unix seconds
	Since       int64             `cbor:"3,keyasint"` // from when the oldest certificate that we saw is
	Addrs       []string          `cbor:"4,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (r *Known) Check() error {
	if r.Certificate == nil || r.Certificate.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// Invite is what a named admitter keeps of an invitation.
type Invite struct {
	Named   []byte   `cbor:"1,keyasint"`
	Uses    uint32   `cbor:"2,keyasint"`
	Expires int64    `cbor:"3,keyasint"` // Unix seconds
	By      peer.Key `cbor:"4,keyasint"` // who issued it
}

// Wish is an expulsion that waits for its second signature.
type Wish struct {
	Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	Mine      bool            `cbor:"2,keyasint,omitempty"` // wished here, not elsewhere
}

// Check implements wire.Checker.
func (r *Wish) Check() error { return msg.Present(r.Expulsion) }

// Names reports whether a key is one of the invitation's admitters.
func (r *Invite) Names(key peer.Key) bool { return slices.Contains(r.Keys(), key) }

// Keys are those of the admitters that the invitation names.
func (r *Invite) Keys() []peer.Key {
	var out []peer.Key
	for k := range slices.Chunk(r.Named, peer.KeySize) {
		if len(k) == peer.KeySize {
			out = append(out, peer.Key(k))
		}
	}
	return out
}

// Expulsion is an entry of the set of expulsions.
type Expulsion struct {
	Expulsion *peer.Expulsion `cbor:"1,keyasint"`
}

// Check implements wire.Checker.
func (r *Expulsion) Check() error { return msg.Present(r.Expulsion) }

// Synced is the view whose registers were read last.
type Synced struct {
	View id.Hash `cbor:"1,keyasint"`
}

// Silent is for how long an admitter has not answered.
type Silent struct {
	Seconds uint32 `cbor:"1,keyasint"` // in which this node has looked
}
