package api

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// Profile is what a person says about himself to everybody in the ring.
type Profile struct {
	FullName  string   `json:"full_name,omitempty"` // at most 128 bytes
	About     string   `json:"about,omitempty"`     // at most 1,024 bytes
	Interests []string `json:"interests,omitempty"` // at most 16
	// Unlisted keeps the person out of lists: who knows the name finds it, nobody else.
	Unlisted bool `json:"unlisted,omitempty"`
}

// Fingerprint is a key in the forms that people compare.
type Fingerprint struct {
	Hex   string `json:"hex"`   // 24 hex digits
	Words string `json:"words"` // 12 words, for reading aloud
}

// User is a person's record in the directory.
type User struct {
	Name    string      `json:"name"`
	Key     Fingerprint `json:"key"` // of the identity key
	Profile Profile     `json:"profile"`
	Devices []id.ID     `json:"devices"` // the nodes where he lives
	Version uint64      `json:"version"` // of the record; 0: not claimed yet
	Updated time.Time   `json:"updated,omitzero"`
	Here    bool        `json:"here"` // he lives on this node
	// Agree of Of keepers gave this record. Both are 0 in a list.
	Agree int `json:"agree,omitempty"`
	Of    int `json:"of,omitempty"`
	// Trouble says why the name of a user of this node does not stand (taken after
	// a partition, keepers not reachable yet); empty: it stands.
	Trouble string `json:"trouble,omitempty"`
}

// UserRequest adds or edits a user.
type UserRequest struct {
	Name string `json:"name"`
	// Profile replaces the whole profile; nil leaves it.
	Profile *Profile `json:"profile,omitempty"`
}

// Who means a person as one of this node's users knows him.
type Who struct {
	User string `json:"user,omitempty"` // empty: the only user
	Name string `json:"name"`           // or a fingerprint
}

// KeyPair holds the keys between which a user decides when he verifies a name.
type KeyPair struct {
	Name     string      `json:"name"`
	Mine     Fingerprint `json:"mine"` // the user's own, for the other side to compare
	Pinned   Fingerprint `json:"pinned"`
	Verified bool        `json:"verified"` // the pinned one was compared before
	// Found is what the directory gives now, if that is another; else nil.
	Found *Fingerprint `json:"found,omitempty"`
}

// Contact is a person whom a user knows, or who asks to be known.
type Contact struct {
	Name    string `json:"name"`              // empty: known by fingerprint only
	Claimed string `json:"claimed,omitempty"` // the name that he gives himself, which proves nothing
	Key     string `json:"key"`               // fingerprint, 24 hex digits

	Added    bool `json:"added,omitempty"` // in the user's list
	Verified bool `json:"verified,omitempty"`
	Blocked  bool `json:"blocked,omitempty"`
	Request  bool `json:"request,omitempty"` // waits to be accepted
	Waiting  int  `json:"waiting,omitempty"` // his messages that wait with it
	// Changed is the fingerprint that the directory gives now instead of Key;
	// nothing is sent until the user has verified one of the two.
	Changed  string    `json:"changed,omitempty"`
	Online   bool      `json:"online,omitempty"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}
