package client

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
)

// MaxContent is the largest content that is stored from memory, in bytes. A larger one is
// stored with a Source.
const MaxContent = certificate.MaxInline

// Outcomes that are not success. Test for them with errors.Is and errors.As.
var (
	// ErrNotFound: a majority of the nodes that would keep the object say that there
	// is none, or one has shown that its owner reclaimed it.
	ErrNotFound = errors.New("no such object")
	// ErrNotReachable: too few of the nodes that keep the object gave an answer. It
	// says nothing about the object.
	ErrNotReachable = errors.New("the object's holders are not reachable now: try again in a moment")
	// ErrApart: a majority of the object's holders has been away for half a minute, and what was to be done promises
	// more than can be without it. It is an ErrNotReachable.
	ErrApart error = apartError{}
	// ErrUnsent: a change was not made, and will not be: nobody but this node was asked for it, which has begun nothing. It is an
	// ErrNotReachable.
	ErrUnsent error = unsentError{}
	// ErrTooFew: see TooFewError.
	ErrTooFew = errors.New("too few copies were made")
	// ErrExists: see ExistsError.
	ErrExists = errors.New("the object exists already, with another content")
	// ErrReclaimed: the object was reclaimed after this certificate was signed: sign
	// another one.
	ErrReclaimed = errors.New("the object was reclaimed after its certificate was signed: sign a new one")
	// ErrFull: the nodes that would keep the object have no room for it.
	ErrFull = errors.New("the nodes that would keep the object have no room: store less, or let more machines join")
	// errOffersNone: one of them offers nothing at all; where others keep copies it is no
	// error.
	errOffersNone = errors.New("the node offers nothing")
	// ErrTooLarge: the content has more than MaxContent bytes, or certificate.MaxSize if it
	// has a Source.
	ErrTooLarge = errors.New("the content is too large: cut it into parts")
	// ErrClock: the certificate's date is far from the holders' time of day, or its
	// object has expired.
	ErrClock = errors.New("the certificate is not valid at this time of day: set this computer's clock right")
)

// apartError is ErrApart.
type apartError struct{}

// Error implements error.
func (apartError) Error() string {
	return "not reachable now: a majority of the machines that keep this is away, and without it nothing is changed under a condition"
}

// Is makes the error an ErrNotReachable.
func (apartError) Is(target error) bool { return target == ErrNotReachable }

// unsentError is ErrUnsent.
type unsentError struct{}

// Error implements error.
func (unsentError) Error() string {
	return "not reachable now: none of the machines that keep this could be asked, and nothing was changed"
}

// Is makes the error an ErrNotReachable.
func (unsentError) Is(target error) bool { return target == ErrNotReachable }

// ExistsError says that another content has this id. It is an ErrExists.
type ExistsError struct {
	Current *certificate.Certificate // verified
}

// Error implements error.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("the object %s exists already, with another content", e.Current.ID().Place().Short())
}

// Is makes the error an ErrExists.
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// TooFewError says that fewer nodes than could have stored the object did so. Those have
// it all the same, and more copies are made when more nodes can be reached. It is an
// ErrTooFew.
type TooFewError struct {
	Stored Stored
	// Why is why the others did not: ErrFull, ErrClock or ErrNotReachable.
	Why error
}

// Error implements error.
func (e *TooFewError) Error() string {
	return fmt.Sprintf("%d of %d copies were made: %v", len(e.Stored.Receipts), e.Stored.Certificate.Copies, e.Why)
}

// Is makes the error an ErrTooFew.
func (e *TooFewError) Is(target error) bool { return target == ErrTooFew }

// Unwrap returns why.
func (e *TooFewError) Unwrap() error { return e.Why }
