package scribe

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
)

// What may go wrong. Errors that are returned wrap one of these, or what kbr, task and
// package msg name (msg.ErrDenied, msg.ErrClock, msg.ErrCharter).
var (
	// ErrNoGroup: nobody created the group, or all who kept it are gone.
	ErrNoGroup = errors.New("no such group: Create makes it")
	// ErrOlder: the ring has a newer charter of the group.
	ErrOlder = errors.New("the ring has a newer charter: sign one of a higher version")
	// ErrBusy: too much waits, or the root is not sure yet; it may be tried again.
	ErrBusy = errors.New("too much waits: try again later")
	// ErrTooLarge: a message exceeds msg.MaxMessage, or is empty.
	ErrTooLarge = fmt.Errorf("a message has 1 to %d bytes: store what is larger, and publish where it is", msg.MaxMessage)
	// ErrLimit: a node in the tree, or this one, has as many groups as it takes.
	ErrLimit = errors.New("too many groups, or too many publishers in one: leave some first")
	// ErrMember: this node is a member already.
	ErrMember = errors.New("this node is a member already: leave first")
	// ErrAway: no node of the group could be reached, or too few of those who keep it.
	ErrAway = errors.New("the nodes that keep the group cannot be reached: see whether this node is in the ring")
)

// outcome makes an error of what a node answered.
func outcome(err error) error {
	switch msg.Refusal(err) {
	case 0:
		return err
	case msg.RefusedNoGroup:
		return ErrNoGroup
	case msg.RefusedDenied:
		return msg.ErrDenied
	case msg.RefusedClock:
		return msg.ErrClock
	case msg.RefusedOlder:
		return ErrOlder
	case msg.RefusedLimit:
		return ErrLimit
	case msg.RefusedBusy, msg.RefusedGap:
		return ErrBusy
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// final reports whether to ask again leads nowhere.
func final(err error) bool {
	switch msg.Refusal(err) {
	case msg.RefusedNoGroup, msg.RefusedDenied, msg.RefusedClock:
		return true
	}
	return errors.Is(err, kbr.ErrStopped)
}

// reason is the code that says why something signed is not believed.
func reason(err error) uint16 {
	if errors.Is(err, msg.ErrClock) {
		return msg.RefusedClock
	}
	return msg.RefusedDenied
}

// refused is a refusal as if a node had answered it.
func refused(code uint16) error { return &kbr.RefusedError{Code: code, Text: msg.Refusals[code]} }

func refuse(d *kbr.Delivery, code uint16) { d.Refuse(code, msg.Refusals[code]) }
