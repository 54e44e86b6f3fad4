package books

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/peer"
)

// What can be wrong with a call. Test for them with errors.Is. Errors of the
// directory (no such name, not reachable now, disputed) come through as they are.
var (
	// ErrNoUser: the user does not live on this node.
	ErrNoUser = errors.New("no such user on this node: see `phyllo status`")
	// ErrQueueFull: the user's outbox has no room.
	ErrQueueFull = errors.New("too many messages are waiting for people who are away: try again when some have gone")
	// ErrBlocked: the user has blocked this person.
	ErrBlocked = errors.New("this person is blocked: `phyllo contact add NAME` ends that")
	// ErrNobody: this user knows nobody of that name or fingerprint.
	ErrNobody = errors.New("nobody of this name or fingerprint among contacts and requests: see `phyllo contact list`")
	// ErrNotProven: a person who is known by fingerprint only cannot be dealt with
	// by name, as the directory does not confirm the name now.
	ErrNotProven = errors.New("the directory does not confirm this person's name now: try again later")
	// ErrTooMany: the user knows as many people as the node allows.
	ErrTooMany = errors.New("too many contacts: remove some first, with `phyllo contact rm NAME`")
	// ErrNoMessage: there is no message with that id.
	ErrNoMessage = errors.New("no message with this id: `phyllo inbox --json` prints the ids")
	// ErrFingerprint: the fingerprint is of none of the keys in question.
	ErrFingerprint = errors.New("this fingerprint is neither that of the pinned key nor that of the new one: compare again")
	// ErrKeyChanged is wrapped by every *KeyChangedError.
	ErrKeyChanged = errors.New("the key of this name has changed")
)

// KeyChangedError says that the directory gives another identity key for a name
// than the one that was pinned. Nothing is sent to that name until the user says
// which key is right.
type KeyChangedError struct {
	Name   string
	Pinned peer.Key // the key that was trusted so far
	Found  peer.Key // the key that the directory gives now
}

// Error implements error.
func (e *KeyChangedError) Error() string {
	return fmt.Sprintf("%v: %s was %s and is now %s; ask the person, then run `phyllo user verify %s`",
		ErrKeyChanged, e.Name, directory.Fingerprint(e.Pinned), directory.Fingerprint(e.Found), e.Name)
}

// Unwrap makes errors.Is find ErrKeyChanged.
func (e *KeyChangedError) Unwrap() error { return ErrKeyChanged }
