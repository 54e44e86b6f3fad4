package books

import (
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// State says how far a message of ours has come. It never says more than is
// true.
type State uint8

const (
	// Queued: durable in this node's outbox.
	Queued State = iota + 1
	// Delivered: durable at one of the receiver's nodes.
	Delivered
	// Read: a program of the receiver has shown it.
	Read
	// Failed: it will not be delivered; Message.Reason says why.
	Failed
)

var stateNames = [...]string{"received", "queued", "delivered", "read", "failed"}

// String names the state. The zero State is that of a message that was received.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Person is how somebody is known to one of our users.
type Person struct {
	// Name is the name that the directory has confirmed for the key, or the one
	// that was written to; empty: none.
	Name string
	// Claimed is the name that a person gives himself. It proves nothing.
	Claimed string
	// Key is the identity key; zero while a message waits for the directory.
	Key peer.Key
}

// Proven reports whether the directory gave Key for Name.
func (p Person) Proven() bool { return p.Name != "" && !p.Key.IsZero() }

// String is the name, or, for one that nobody has confirmed, the fingerprint.
func (p Person) String() string {
	if p.Name != "" {
		return p.Name
	}
	return directory.Fingerprint(p.Key)
}

// Message is one message of a user's history, sent or received. It is a copy:
// changing it changes nothing.
type Message struct {
	ID   letter.MsgID
	Seq  uint64   // its place in the user's history on this node, from 1
	User peer.Key // whose history
	Mine bool     // sent by the user
	With Person   // the other side
	Text string
	// SentAt is what the sender's clock said, ReceivedAt what this node's did
	// (zero if Mine).
	SentAt, ReceivedAt time.Time
	// State of a message that is Mine, and when it got there. DeliveredAt may
	// be zero although it was read: then the acknowledgement was lost.
	State       State
	DeliveredAt time.Time
	// ReadAt is when the other side's program has shown it (if Mine), or ours has
	// (if not); zero: not yet.
	ReadAt time.Time
	Reason string // why it Failed
	// Request: it is from somebody who waits to be accepted.
	Request bool
}

// Contact is a person whom a user knows, or who asks to be known.
type Contact struct {
	Person
	Added    bool // in the user's list
	Verified bool // the user has compared fingerprints
	Blocked  bool
	// Request: he waits to be accepted. Waiting is the number of his messages.
	Request bool
	Waiting int
	// Changed is the key that the directory gives now instead of Key, if that
	// is another; nothing is sent until Verify.
	Changed  peer.Key
	Online   bool
	LastSeen time.Time // zero: never
	Devices  []id.ID   // his nodes, as last read
}

// EventKind says what happened.
type EventKind uint8

// Kinds of event.
const (
	// EventMessage: a message was received (Message). If Message.Request is set
	// it is from a stranger, see EventRequest.
	EventMessage EventKind = iota + 1
	// EventState: a message of the user's has another state (Message).
	EventState
	// EventRequest: a stranger asks to be accepted (Contact), once for each.
	EventRequest
	// EventPresence: a contact came or went (Contact).
	EventPresence
	// EventContact: something else about a person changed (Contact): added,
	// accepted, blocked, removed.
	EventContact
	// EventKeyChanged: the directory gives another key for a pinned name
	// (Contact.Changed).
	EventKeyChanged
)

var eventNames = [...]string{"", "message", "state", "request", "presence", "contact", "key-changed"}

// String names the kind, as edges do in their output.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is what a follower gets.
type Event struct {
	Kind    EventKind
	User    peer.Key // the local user whom it concerns
	Message Message
	Contact Contact
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
