package store

import "github.com/phyllo-net/phyllo/id"

// Blobs keeps blobs: contents of up to MaxBlob bytes that never change, each under
// the hash of its Outline. The package comment says what all implementations
// promise. All methods but those that say so give ErrClosed after the store that
// the blobs belong to was closed.
type Blobs interface {
	// Create begins to put a blob. If a put of it was broken off, in this run of
	// the program or an earlier one, it goes on: chunks that are there, verified
	// anew, are not missing. So it is with a blob that is damaged, and one that is
	// there whole misses none. Space for the whole of it is set aside. Create may
	// read all that is there of the blob, and write it anew.
	//
	// Errors: those of Outline.Check; ErrBusy while another Draft of the blob is
	// open or it is being deleted; ErrQuota and ErrFull when it would have no room.
	Create(o Outline) (Draft, error)

	// Outline returns the outline of a blob that was committed, also of a damaged
	// one, or ErrNotFound.
	Outline(h id.Hash) (Outline, error)

	// ReadChunk returns chunk n of a blob, verified. It is written over into, from its
	// beginning, if that has the room; whoever reads many chunks saves memory so. After
	// an error into may have anything in it. ErrNotFound: there is no such
	// blob. ErrInvalid: it has no such chunk. ErrCorrupt: what is on the disk is not
	// what was written; the blob counts as damaged from now on, and its other chunks
	// can still be read.
	ReadChunk(h id.Hash, n int, into []byte) ([]byte, error)

	// Delete removes a blob, and what there is of one whose put was broken off. That
	// it was not there is no error. ErrBusy while a Draft of it is open.
	Delete(h id.Hash) error

	// Stat returns what is known of a blob that was committed, or ErrNotFound.
	Stat(h id.Hash) (BlobStat, error)

	// List calls fn for the blobs that were committed, in the order of their hashes,
	// from the one given on, until fn returns false. fn may call the store, except
	// Close. The list is of one moment.
	List(from id.Hash, fn func(BlobStat) bool) error

	// Drafts returns the hashes, in order, of blobs whose put has not ended: it is
	// under way, or was broken off. The latter take up space until somebody goes on
	// with them or deletes them.
	Drafts() ([]id.Hash, error)

	// Damaged returns the hashes, in order, of blobs that were found to be damaged.
	// They stay on this list until they are put anew (see Create) or deleted.
	Damaged() ([]id.Hash, error)

	// Scrub reads and verifies chunks from a mark on, until budget bytes were looked
	// at or all were. It is one step of a round, for the caller to repeat at his
	// pace (see Pace); one chunk is always looked at. A damaged blob is no error.
	Scrub(from Mark, budget int64) (Scrubbed, error)

	// Space returns how much room blobs take and may take.
	Space() (Space, error)

	// SetLimits sets how much room blobs may take. What is there stays, also when it
	// is more. The limits last until the store is closed; before the first call
	// there is no quota, and the floor is the implementation's.
	SetLimits(Limits)
}

// Draft is a blob that is being put. Its methods may be called from many goroutines
// at once. Close it in the end: until then nobody else can put or delete the blob.
type Draft interface {
	// Missing returns the numbers of the chunks that are not there yet, in order.
	Missing() []int

	// WriteChunk takes a chunk, in any order. ErrMismatch, ErrInvalid and ErrFull
	// change nothing, and the draft goes on. After any other error the draft is of
	// no use any more, and what was written of it is not believed. It keeps no
	// reference to content.
	WriteChunk(n int, content []byte) error

	// Commit returns nil when the blob is on the disk and will be found again after
	// a crash or a power failure. Before that nobody sees anything of it, whatever
	// crashes. ErrIncomplete: chunks are missing. ErrFull: there was no room, and
	// Commit may be tried again. After any other error the outcome is open, as with
	// a record: the blob does not show, but may be there, whole, after the next
	// opening.
	Commit() error

	// Close ends the draft. What was not committed of a blob with several chunks
	// stays for the next Create, as far as no error was met, but a crash may take it.
	Close() error
}

// BlobStat is what is known of a blob.
type BlobStat struct {
	Hash id.Hash
	Size int64 // of the content, in bytes
	// Damaged: it was found that a part of it cannot be read as it was written.
	// It must not be counted on, and should be put anew.
	Damaged bool
}

// Mark is a place in a round of Scrub: the chunk that comes next. The zero Mark is
// the beginning of a round. Whoever scrubs keeps it over a restart.
type Mark struct {
	Blob  id.Hash
	Chunk int
}

// Scrubbed is what a step of Scrub has done.
type Scrubbed struct {
	// Next is where the next step begins. Zero: all blobs were looked at, and a new
	// round begins.
	Next Mark
	// Bytes were looked at. Each chunk counts for MinScrub at least.
	Bytes int64
	// Damaged are the blobs, in order, in which damage was met in this step.
	Damaged []id.Hash
}

// MinScrub is what the smallest chunk counts for when it is scrubbed, in bytes, so
// that a step over many small blobs is bounded too.
const MinScrub = 4 << 10

// Space is how much room blobs take, in bytes of content: what the file system and
// the store need for themselves comes on top.
type Space struct {
	Used   int64 // blobs that were committed, damaged ones too
	Drafts int64 // set aside for puts under way, and taken by those broken off
	Blobs  int   // number of blobs that were committed
	Free   int64 // free on the disk; -1: it cannot be known
	Limits Limits
}

// Limits is how much room blobs may take. They are checked when a put begins.
type Limits struct {
	// Quota is the most that Used and Drafts together may be, in bytes. Negative:
	// there is no quota.
	Quota int64
	// Floor is how much of the disk must stay free, in bytes.
	Floor int64
}

// Check tells whether size bytes more fit below the limits: nil, ErrQuota or
// ErrFull.
func (s Space) Check(size int64) error {
	switch l := s.Limits; {
	case l.Quota >= 0 && s.Used+s.Drafts+size > l.Quota:
		return quotaError(s, size)
	case s.Free >= 0 && s.Free-s.Drafts-size < l.Floor:
		return floorError(s, size)
	}
	return nil
}
