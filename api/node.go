package api

import (
	"context"

	"github.com/phyllo-net/phyllo/id"
)

// Node is what a running node offers. Package node implements it, gateway/control
// serves it, and Client is it from afar, so that a program need not know which of
// the two it has.
//
// Methods may be called from any goroutine. They return when the context ends,
// with its error; what they had begun may go on. Errors have a kind where one fits
// (see Error). Answers are the caller's: changing them changes nothing.
type Node interface {
	Overview
	Membership
	Users
	Contacts
	Messages
	DHT
	Files
	Offering
	Everybody
	Topics
	Works
	Rooms
	Keys
}

// Overview is how a node is, and what it sees of the ring.
type Overview interface {
	// Status says how the node is.
	Status(ctx context.Context) (*Status, error)
	// Stop asks the node to stop in order. In the node's own process it returns at
	// once; a Client returns when the process has freed its home.
	Stop(ctx context.Context) error
	// Doctor looks at ports, NAT, clock, disk, certificate and peers, and says in
	// sentences what it finds, worst first.
	Doctor(ctx context.Context) ([]Finding, error)
	// Metrics returns what the node counts and measures.
	Metrics(ctx context.Context) ([]Metric, error)
	// Picture is what this node knows of the ring; the node of a demo knows all.
	Picture(ctx context.Context) (*Picture, error)
	// Ping measures the round trip to a node (an id), or to the nearest node of a
	// person (a name), and says over which path. NotFound, Unreachable.
	Ping(ctx context.Context, target string) (*Pong, error)
	// Trace sends a message towards a key (32 hex digits) or a name's place on the
	// ring, and says which way it took.
	Trace(ctx context.Context, target string) (*Trace, error)
	// Events calls f with EventBegin, and then for what happens from then on, one
	// event at a time, until the context ends (its error), f returns an error (that
	// one), or the node stops (nil). Events that f is too slow for are counted and
	// dropped; an EventLost then says how many. See Feed.
	Events(ctx context.Context, f func(*Event) error) error
}

// Membership is who belongs to the ring.
type Membership interface {
	// Invite makes an invitation. Failed if this node is no admitter.
	Invite(ctx context.Context, q InviteRequest) (*Invitation, error)
	// Join takes this node into the ring of an invitation, with its users, if it is
	// alone in its own ring, or in none. Doing it twice is no error. Usage for a
	// text that is no invitation.
	Join(ctx context.Context, invite string) (*Joined, error)
	// LanRings lists rings whose nodes are on the local network.
	LanRings(ctx context.Context) ([]LanRing, error)
	// LanAsk asks one of these rings, by name or id, to be let in. The code that it
	// returns must be compared by people: LanConfirm goes on.
	LanAsk(ctx context.Context, ring string) (*LanCode, error)
	// LanConfirm says that the code of the open request is the same on both sides,
	// and returns when the other side has agreed too.
	LanConfirm(ctx context.Context, code string) (*Joined, error)
	// Admit lets in who asks on the local network and whose code was typed here.
	Admit(ctx context.Context, code string) (*Member, error)
	// Members lists the members that this node knows, by id.
	Members(ctx context.Context) ([]Member, error)
	// Expel, Pardon and Promote change what a member may: be in the ring, be in it
	// again, admit others. NotFound for an id that was never a member's.
	Expel(ctx context.Context, node id.ID) error
	// Pardon takes an expulsion back.
	Pardon(ctx context.Context, node id.ID) error
	// Promote lets a member admit others.
	Promote(ctx context.Context, node id.ID) error
	// RingBackup returns the ring's authority key, sealed with a passphrase.
	RingBackup(ctx context.Context, passphrase string) (*Sealed, error)
	// RingBackedUp says that such a backup lies where it is to stay: until then Doctor asks for one.
	RingBackedUp(ctx context.Context) error
	// RingRestore keeps the authority key of a backup on this node.
	RingRestore(ctx context.Context, backup Sealed, passphrase string) error
}

// Users are the people who live on this node, and their records.
type Users interface {
	// UserList lists the users of this node by name.
	UserList(ctx context.Context) ([]User, error)
	// UserAdd makes a user with new keys and claims the name. Failed if it is
	// taken, Usage if it is no name.
	UserAdd(ctx context.Context, q UserRequest) (*User, error)
	// UserFind reads the record of any person. NotFound only if a majority of the
	// keepers says so; Unreachable if too few answer.
	UserFind(ctx context.Context, name string) (*User, error)
	// UserEdit changes the profile of one of this node's users.
	UserEdit(ctx context.Context, q UserRequest) (*User, error)
	// UserKeys returns the keys between which a user decides when he verifies a
	// person.
	UserKeys(ctx context.Context, q Who) (*KeyPair, error)
	// UserVerify says that a user has compared this fingerprint with the person
	// himself. If it is that of a changed key, that key is pinned from now on.
	UserVerify(ctx context.Context, q Who, fingerprint string) error
	// UserExport returns all keys of a user of this node, sealed with a passphrase.
	UserExport(ctx context.Context, name, passphrase string) (*Sealed, error)
	// UserImport lets an exported user live on this node too.
	UserImport(ctx context.Context, export Sealed, passphrase string) (*User, error)
}

// Contacts are the people whom a user knows, and strangers who ask.
type Contacts interface {
	// ContactList lists contacts, blocked people and requests of a user, by name.
	ContactList(ctx context.Context, user string) ([]Contact, error)
	// ContactAdd puts a person into the user's list, accepts his request if there
	// is one, and takes back a block.
	ContactAdd(ctx context.Context, q Who) (*Contact, error)
	// ContactAccept is ContactAdd for somebody who waits: NotFound if nobody of
	// that name does.
	ContactAccept(ctx context.Context, q Who) (*Contact, error)
	// ContactRemove takes a person out of the list, or sends a request away.
	ContactRemove(ctx context.Context, q Who) error
	// ContactBlock lets nothing more in from a person.
	ContactBlock(ctx context.Context, q Who) error
}

// Messages are what people write to each other.
type Messages interface {
	// Send queues a message durably, waits as long as Draft.Wait for its delivery,
	// and returns the state reached: that it is only queued is no error. NotFound,
	// Disputed, KeyChanged: nothing was queued.
	Send(ctx context.Context, d Draft) (*Sent, error)
	// Inbox lists received messages, oldest first. It marks nothing as read.
	// NotFound if there is no message Since.
	Inbox(ctx context.Context, q InboxQuery) ([]Message, error)
	// MarkRead says that the messages were shown to the user: call it after they
	// were. At most 1,000 at a time.
	MarkRead(ctx context.Context, user string, ids []id.ID) error
	// Conversations lists with whom a user has exchanged messages, latest first.
	Conversations(ctx context.Context, user string) ([]Conversation, error)
	// Conversation lists what was said with a person, both ways, oldest first.
	Conversation(ctx context.Context, q ConversationQuery) ([]Message, error)
}

// Demo is offered besides Node by a node whose ring is a demo in one process.
type Demo interface {
	// Kill ends a node of the demo without a word to the others.
	Kill(ctx context.Context, node id.ID) error
	// AddNode lets another node join, and returns it.
	AddNode(ctx context.Context) (*PictureNode, error)
}
