package past

import "github.com/phyllo-net/phyllo/app/past/client"

// What callers of a Past's client meet, so that they need this room alone.
type (
	// File is a file that is to be stored.
	File = client.File
	// Signed is a file with an id that is not stored yet.
	Signed = client.Signed
	// Stored says where an object is.
	Stored = client.Stored
	// Large is a content that need not be in memory.
	Large = client.Large
	// Wanted is an object, of which so many copies are wanted.
	Wanted = client.Wanted
	// Counted is how many nodes keep an object.
	Counted = client.Counted
	// Edit is a change of a mutable object.
	Edit = client.Edit
	// Found is an object that was read.
	Found = client.Found
	// Name is what the id of a mutable object is made of.
	Name = client.Name
	// ExistsError says that another content has an id. It is an ErrExists.
	ExistsError = client.ExistsError
	// TooFewError says that fewer nodes than could have stored an object did so. It is an
	// ErrTooFew.
	TooFewError = client.TooFewError
	// ConflictError says that another version is current than the one that was to be
	// replaced. It is an ErrConflict.
	ConflictError = client.ConflictError
)

// MaxContent is the largest content that is stored, in bytes.
const MaxContent = client.MaxContent

// Outcomes that are not success: see the same names in package client.
var (
	ErrNotFound     = client.ErrNotFound
	ErrNotReachable = client.ErrNotReachable
	ErrApart        = client.ErrApart
	ErrUnsent       = client.ErrUnsent
	ErrTooFew       = client.ErrTooFew
	ErrExists       = client.ErrExists
	ErrReclaimed    = client.ErrReclaimed
	ErrFull         = client.ErrFull
	ErrTooLarge     = client.ErrTooLarge
	ErrClock        = client.ErrClock
	ErrConflict     = client.ErrConflict
	ErrUncertain    = client.ErrUncertain
	ErrQuota        = client.ErrQuota
)

// InMemory returns how a content that is in memory is stored: see client.InMemory.
func InMemory(chunks ...[]byte) (body []byte, l *Large) { return client.InMemory(chunks) }
