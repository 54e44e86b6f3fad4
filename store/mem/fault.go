package mem

import (
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Kind is the kind of a call.
type Kind uint8

// The kinds of calls. Put, Delete and Apply are all Write, and whatever reads
// blobs is ReadBlob.
const (
	Get Kind = iota
	Scan
	Write
	ReadBlob
	CreateBlob
	WriteChunk
	CommitBlob
	DeleteBlob
)

// Op is a call that a fault injector judges. It must not be changed or kept.
type Op struct {
	// N counts the calls that reached the disk, from 1 on.
	N    int64
	Kind Kind
	// Table and Key are what Get reads, and where Scan begins.
	Table store.Table
	Key   []byte
	// Writes are what Write writes.
	Writes []store.Op
	// Blob and Chunk are what a call for blobs is about.
	Blob  id.Hash
	Chunk int
}

// Fail sets the fault injector: f is asked before every call that reaches the
// disk, and an error that it returns is the call's outcome. The change is then
// not made, unless the error comes from Landed. Nil: no faults.
//
// To behave as a real store does, the errors wrap store.ErrFull,
// store.ErrFailed or store.ErrCorrupt, and after the first store.ErrFailed
// every write fails until the store is opened again, that is until Clone.
func (s *Store) Fail(f func(Op) error) { s.fail = f }

// Landed marks the error of a failed Write, CommitBlob or DeleteBlob whose change
// has reached the disk all the same: reads do not show it, but it is there after
// the next start (Clone), and from the next write that succeeds on (of records for
// records, of blobs for blobs).
func Landed(err error) error { return &landedError{err} }

type landedError struct{ error }

func (e *landedError) Unwrap() error { return e.error }

func landed(err error) bool {
	var l *landedError
	return errors.As(err, &l)
}

func (s *Store) enter(op Op) error {
	if s.closed {
		return store.ErrClosed
	}
	s.calls++
	if s.fail == nil {
		return nil
	}
	op.N = s.calls
	return s.fail(op)
}
