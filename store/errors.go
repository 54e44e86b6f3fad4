package store

import "errors"

// The errors that an implementation wraps. Test for them with errors.Is.
var (
	// ErrNotFound: there is no record with this key.
	ErrNotFound = errors.New("store: no such record")

	// ErrInvalid: a table's name or an empty key that the contract does not
	// allow. It is a mistake in the calling program.
	ErrInvalid = errors.New("store: table or key is not allowed")

	// ErrTooLarge: a key, a value or a batch is over its limit.
	ErrTooLarge = errors.New("store: too large")

	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")

	// ErrFull: the disk has no room. Reads go on. The store takes writes again,
	// by itself, when there is room.
	ErrFull = errors.New("store: no room on the disk")

	// ErrFailed: a write or a sync failed, and the store takes no more writes
	// until it is opened again. Reads go on. What was acknowledged is safe.
	ErrFailed = errors.New("store: writing failed")

	// ErrCorrupt: what is on the disk is not what was written.
	ErrCorrupt = errors.New("store: damaged")

	// ErrLocked: the store is open already, here or in another process.
	ErrLocked = errors.New("store: in use")

	// ErrNewerVersion: the store was written by a newer program. It was left
	// as it is.
	ErrNewerVersion = errors.New("store: written by a newer version")
)
