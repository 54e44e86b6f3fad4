package store

import (
	"errors"
	"fmt"
)

// The errors that an implementation wraps. Test for them with errors.Is.
var (
	// ErrNotFound: there is no record with this key, or no blob with this hash.
	ErrNotFound = errors.New("store: not found")

	// ErrInvalid: a table's name, an empty key or an outline that the contract does
	// not allow, or a chunk that a blob does not have.
	ErrInvalid = errors.New("store: not allowed")

	// ErrTooLarge: a key, a value, a batch or a blob is over its limit.
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

	// ErrMismatch: a chunk that was to be written is not the one that the blob's
	// outline names. Nothing was changed.
	ErrMismatch = errors.New("store: wrong chunk")

	// ErrIncomplete: a blob cannot be committed while chunks are missing.
	ErrIncomplete = errors.New("store: chunks are missing")

	// ErrBusy: the blob is being put or deleted by somebody else.
	ErrBusy = errors.New("store: blob in use")

	// ErrQuota: a blob would take more room than blobs may. Nothing was changed.
	ErrQuota = errors.New("store: over the quota")

	// ErrLocked: the store is open already, here or in another process.
	ErrLocked = errors.New("store: in use")

	// ErrNewerVersion: the store was written by a newer program. It was left
	// as it is.
	ErrNewerVersion = errors.New("store: written by a newer version")
)

func quotaError(s Space, size int64) error {
	return fmt.Errorf("%w: %d bytes are taken, %d more are over the %d that are offered",
		ErrQuota, s.Used+s.Drafts, size, s.Limits.Quota)
}

func floorError(s Space, size int64) error {
	return fmt.Errorf("%w: %d MiB are free, and after %d bytes more less than %d MiB would be; it goes on when there is more",
		ErrFull, s.Free>>20, s.Drafts+size, s.Limits.Floor>>20)
}
