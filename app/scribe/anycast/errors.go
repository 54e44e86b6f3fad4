package anycast

import (
	"errors"
	"fmt"
)

// What may go wrong. Errors that are returned wrap one of these, task.ErrStopped or
// msg.ErrDenied.
var (
	// ErrNobody: all members were asked, and too few of them were willing.
	ErrNobody = errors.New("no other member of the group is willing")
	// ErrNoGroup: nobody knows the group.
	ErrNoGroup = errors.New("no such group: scribe's Create makes it")
	// ErrSpent: the group is too large to ask all of it, and those asked were not willing.
	ErrSpent = errors.New("as many members as a walk may ask were not willing: ask again, or raise Config.MaxSteps")
	// ErrLost: walks did not come to an end, as nodes died that had them, or swallowed them.
	ErrLost = errors.New("the question was lost on its way through the group, again and again: ask again")
	// ErrTooLarge: an item exceeds MaxBody, or a manycast MaxWant.
	ErrTooLarge = fmt.Errorf("an item has up to %d bytes and is for 1 to %d members", MaxBody, MaxWant)
	// ErrBusy: too many items are under way from this node.
	ErrBusy = errors.New("too many items are under way: wait for some of them")
	// errBusy is what a walk ends with where a node had too much to do.
	errBusy = errors.New("a node of the group has too much to do")
)
