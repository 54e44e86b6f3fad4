package im

import "github.com/phyllo-net/phyllo/app/im/books"

// What a user's books hold, as edges are shown it; package books says more.
type (
	// State says how far a message of ours has come.
	State = books.State
	// Person is how somebody is known to one of our users.
	Person = books.Person
	// Message is one message of a user's history, sent or received.
	Message = books.Message
	// Contact is a person whom a user knows, or who asks to be known.
	Contact = books.Contact
	// Conversation is what was said with one person, as a list shows it.
	Conversation = books.Conversation
	// InboxOptions choose among received messages.
	InboxOptions = books.InboxOptions
	// Event is what a follower gets.
	Event = books.Event
	// EventKind says what happened.
	EventKind = books.EventKind
	// KeyChangedError says that the directory gives another identity key for a name
	// than the one that was pinned.
	KeyChangedError = books.KeyChangedError
)

// States of a message; see books.State.
const (
	Queued    = books.Queued
	Delivered = books.Delivered
	Read      = books.Read
	Failed    = books.Failed
)

// Kinds of event; see books.EventKind.
const (
	EventMessage    = books.EventMessage
	EventState      = books.EventState
	EventRequest    = books.EventRequest
	EventPresence   = books.EventPresence
	EventContact    = books.EventContact
	EventKeyChanged = books.EventKeyChanged
)

// What can be wrong with a call. Test for them with errors.Is. Errors of the
// directory (no such name, not reachable now, disputed) come through as they are.
var (
	ErrNoUser      = books.ErrNoUser
	ErrQueueFull   = books.ErrQueueFull
	ErrBlocked     = books.ErrBlocked
	ErrNobody      = books.ErrNobody
	ErrNotProven   = books.ErrNotProven
	ErrTooMany     = books.ErrTooMany
	ErrNoMessage   = books.ErrNoMessage
	ErrFingerprint = books.ErrFingerprint
	ErrKeyChanged  = books.ErrKeyChanged
)
