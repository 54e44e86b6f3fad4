package directory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/peer"
)

// Outcomes of Lookup and Put that are not success. Test for them with errors.Is
// and errors.As.
var (
	// ErrNotFound: a majority of the nodes that would keep the name say that
	// nobody has it.
	ErrNotFound = errors.New("no such name")
	// ErrNotReachable: too few of the nodes that keep the name gave an answer
	// that can be believed. It says nothing about the name.
	ErrNotReachable = errors.New("the name's keepers are not reachable now: try again in a moment")
	// ErrDisputed: see DisputedError.
	ErrDisputed = errors.New("the name is disputed")
	// ErrTaken: see TakenError.
	ErrTaken = errors.New("the name is taken")
	// ErrStale: see StaleError.
	ErrStale = errors.New("the ring has a newer record of the name")
	// ErrContested: somebody else claims the name at this very moment and has
	// the better right so far.
	ErrContested = errors.New("somebody else is claiming this name right now: try again in a minute")
	// ErrLimit: the keepers refuse, because this person, or this node, has too
	// many names already, or claims too fast.
	ErrLimit = errors.New("too many names claimed: wait an hour, or claim fewer")
	// ErrClock: the record's time is far from the keepers' time of day.
	ErrClock = errors.New("the record's time is not the time of day: set this computer's clock right")
)

// DisputedError says that the keepers of a name give different keys and none has
// a majority. It is an ErrDisputed.
type DisputedError struct {
	Name Name
	Keys []peer.Key // two or more, in the order of their bytes
}

// Error implements error, with the fingerprints of the keys.
func (e *DisputedError) Error() string {
	prints := make([]string, len(e.Keys))
	for i, k := range e.Keys {
		prints[i] = Fingerprint(k)
	}
	return fmt.Sprintf("the name %s is disputed, between the keys %s: compare fingerprints with the person whom you mean",
		e.Name, strings.Join(prints, " and "))
}

// Is makes the error an ErrDisputed.
func (e *DisputedError) Is(target error) bool { return target == ErrDisputed }

// TakenError says that a name belongs to another key. It is an ErrTaken.
type TakenError struct {
	Name Name
	By   peer.Key
}

// Error implements error, with the fingerprint of the owner.
func (e *TakenError) Error() string {
	return fmt.Sprintf("the name %s is taken, by the key %s: choose another", e.Name, Fingerprint(e.By))
}

// Is makes the error an ErrTaken.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }

// StaleError says that the keepers have a newer record by the same key, or one of
// the same version with other content. It is an ErrStale.
type StaleError struct {
	Current *Record // verified
}

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("the ring has version %d of the record of %s: change that one", e.Current.Version, e.Current.Name)
}

// Is makes the error an ErrStale.
func (e *StaleError) Is(target error) bool { return target == ErrStale }
