package api

import (
	"context"
	"errors"
	"fmt"
)

// Kind sorts errors by what a caller can do about them. It crosses the wire; a
// kind that a client does not know counts as Failed.
type Kind string

// Kinds of errors, with the exit codes of the command line.
const (
	Failed     Kind = "failed"      // 1: anything else
	Usage      Kind = "usage"       // 2: the request is wrong
	NotFound   Kind = "not-found"   // 3: no such name, user, member, message
	NotRunning Kind = "not-running" // 4: no node is running at this home
	Locked     Kind = "locked"      // 5: a node is running there already, or holds the lock
	NewerState Kind = "newer-state" // 6: the home was written by a newer version; it is untouched

	Unreachable Kind = "unreachable" // 1: too few answers now; it says nothing about what exists
	KeyChanged  Kind = "key-changed" // 1: the name's key is another than the pinned one
	Disputed    Kind = "disputed"    // 1: the name's keepers give different keys
	Conflict    Kind = "conflict"    // 1: another version is current than the one to be changed
	Denied      Kind = "denied"      // 1: this caller may not do that (no session, other user)
)

// ExitCode is the exit code of the command line for this kind.
func (k Kind) ExitCode() int {
	switch k {
	case Usage:
		return 2
	case NotFound:
		return 3
	case NotRunning:
		return 4
	case Locked:
		return 5
	case NewerState:
		return 6
	}
	return 1
}

// Error is an error with its kind. Its text says what happened and ends with what
// helps; it is plain text, in which whatever came from others is quoted.
type Error struct {
	Kind  Kind   `json:"kind"`
	Text  string `json:"text"`
	cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Unwrap returns what Errorf or Wrap was given, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Errorf is fmt.Errorf with a kind.
func Errorf(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Text: err.Error(), cause: errors.Unwrap(err)}
}

// Wrap gives err a kind; nil stays nil. An error that has a kind keeps it.
func Wrap(k Kind, err error) error {
	var have *Error
	if err == nil || errors.As(err, &have) {
		return err
	}
	return &Error{Kind: k, Text: err.Error(), cause: err}
}

// KindOf returns the kind of an error: that of the first Error in its chain, else
// Failed. Of nil it is empty.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return Unreachable
	}
	return Failed
}

// ExitCode is the exit code for an error; 0 for nil.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	return KindOf(err).ExitCode()
}
