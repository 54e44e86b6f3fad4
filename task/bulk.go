package task

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// Limits of bulk transfers.
const (
	// ChunkSize is the size of all chunks of a content but the last, in bytes. A chunk
	// is what is sent, verified and missed as one.
	ChunkSize = 1 << 20
	// MaxChunks is how many chunks one transfer moves at most: 1 GiB.
	MaxChunks = 1024
	// MaxSize is the size of the largest content of which a part can be moved, in
	// bytes: 1 PiB.
	MaxSize = 1 << 50
	// MaxTransfers is how many transfers with one peer may be there at once, those it
	// was given a ticket for among them.
	MaxTransfers = 64
	// InFlight is how many chunks are sent before the first of them is verified.
	InFlight = 4
	// Stall is how long a transfer bears that nothing moves.
	Stall = 30 * time.Second
	// TicketTime is how long a ticket waits for its peer, so that one who never comes holds
	// up nobody for long.
	TicketTime = time.Minute
	// MaxTransferTime is the longest that a Transfer may take.
	MaxTransferTime = 24 * time.Hour
)

// Outcomes of a transfer that are not success, besides ErrStopped, ErrTimeout, and what
// its own Source or Sink said.
var (
	// ErrTicket: the other node expects no such transfer of this node, or no more.
	ErrTicket = errors.New("the other node gave out no such ticket")
	// ErrBroken: the stream could not be made, or broke off.
	ErrBroken = errors.New("the transfer broke off")
	// ErrStalled: nothing moved for Stall.
	ErrStalled = errors.New("nothing moved for too long")
	// ErrFar: the other node gave the transfer up, for a reason of its own.
	ErrFar = errors.New("the other node gave the transfer up")
	// ErrBusy: more transfers than this or the other node has room for.
	ErrBusy = errors.New("too many transfers at once")
	// ErrCancelled: it was stopped by who began it.
	ErrCancelled = errors.New("the transfer was cancelled")
	// ErrPart: what is to be moved is no part that a content can have.
	ErrPart = errors.New("no such part of a content")
)

// Ticket names a transfer that a node expects of one certain peer. Nobody can guess it,
// and it is used up by the first who may use it.
type Ticket [16]byte

// Source gives out chunks of a content. A driver calls it off the loop, by one goroutine
// at a time, and never after the transfer's outcome was told.
type Source interface {
	// ReadChunk returns chunk n, which may be written over into if that has the room.
	ReadChunk(n int, into []byte) ([]byte, error)
}

// Sink takes chunks of a content, in the order of a Part. A driver calls it as a Source.
type Sink interface {
	// WriteChunk verifies that content is chunk n, and keeps it: what comes from
	// another node is believed nowhere else. It keeps no reference to content. An error
	// ends the transfer.
	WriteChunk(n int, content []byte) error
}

// Part is a part of a content: some of its chunks.
type Part struct {
	// Size is that of the whole content, in bytes, 1 to MaxSize.
	Size int64
	// Chunks are numbers of chunks, rising, 1 to MaxChunks of them.
	Chunks []int
}

// Whole is a content as a Part. It does not Check if it is empty or has too many chunks.
func Whole(size int64) Part {
	p := Part{Size: size}
	for n := range min((size+ChunkSize-1)/ChunkSize, MaxChunks+1) {
		p.Chunks = append(p.Chunks, int(n))
	}
	return p
}

// Check returns nil, or an error that wraps ErrPart. What came from another node is
// checked first.
func (p Part) Check() error {
	if p.Size < 1 || p.Size > MaxSize {
		return fmt.Errorf("%w: a content of %d bytes", ErrPart, p.Size)
	}
	if len(p.Chunks) == 0 || len(p.Chunks) > MaxChunks {
		return fmt.Errorf("%w: %d chunks, want 1 to %d", ErrPart, len(p.Chunks), MaxChunks)
	}
	last := -1
	for _, n := range p.Chunks {
		if n <= last || int64(n) > (p.Size-1)/ChunkSize {
			return fmt.Errorf("%w: chunk %d after %d, of %d bytes", ErrPart, n, last, p.Size)
		}
		last = n
	}
	return nil
}

// Len is the number of bytes of the i-th chunk of a part that Checks.
func (p Part) Len(i int) int {
	return int(min(ChunkSize, p.Size-int64(p.Chunks[i])*ChunkSize))
}

// Bytes is how long the first n chunks of a part that Checks are together.
func (p Part) Bytes(n int) int64 {
	if n == 0 {
		return 0
	}
	return int64(n-1)*ChunkSize + int64(p.Len(n-1)) // none but the last is short
}

// Holds reports whether all of q, a part of the same content, is in p. Both must Check.
func (p Part) Holds(q Part) bool {
	if p.Size != q.Size {
		return false
	}
	i := 0
	for _, n := range q.Chunks {
		for i < len(p.Chunks) && p.Chunks[i] < n {
			i++
		}
		if i == len(p.Chunks) || p.Chunks[i] != n {
			return false
		}
	}
	return true
}

// From is what is left of a part when its first n chunks are there.
func (p Part) From(n int) Part { return Part{Size: p.Size, Chunks: p.Chunks[n:]} }

// Transfer is chunks of a content that are to be moved to or from a peer. They do not
// travel as messages, but on a stream of their own (or as the simulator charges them for
// one): verified one by one by the Sink, at most InFlight of them on the way.
type Transfer struct {
	// With is the peer at the other end.
	With *peer.Handle
	// App is the number of the application, which an overlay's endpoint fills in: a
	// ticket is good for the application that gave it out.
	App uint32
	// Ticket is what With gave out for this transfer. Env.Admit draws it.
	Ticket Ticket
	// Part is what is moved; for Env.Admit, what the peer may choose from.
	Part Part
	// Source gives what is sent to the peer. Sink takes what comes from it. One of the
	// two is set.
	Source Source
	Sink   Sink
	// Timeout bounds the whole, from now on, up to MaxTransferTime.
	Timeout time.Duration
}

// Validate panics if the transfer is none that a program may ask for, which is a bug of
// its own. Its Part may be from outside: Check it.
func (tr *Transfer) Validate() {
	switch {
	case tr.With == nil:
		panic("task: a transfer with nobody")
	case (tr.Source == nil) == (tr.Sink == nil):
		panic("task: a transfer has a Source or a Sink")
	case tr.Timeout <= 0 || tr.Timeout > MaxTransferTime:
		panic("task: a transfer without a time-out")
	}
}

// Moved is the outcome of a transfer.
type Moved struct {
	// Chunks is how many, from the beginning of the Part that was asked for, the Sink
	// has taken. If the sender's transfer breaks off it may be more.
	Chunks int
	// Err is nil if all were.
	Err error
}

// bulkGrace is added to a task's wait over the transfer's own time-out, which comes first
// and says more.
const bulkGrace = time.Second

// Bulk is Env.Bulk for a task: it gives way until the transfer is over, and returns how
// many chunks, from the beginning of its Part, have arrived. If that is not all the rest
// can be asked for with another ticket: see Part.From.
func Bulk(t *T, env Env, tr Transfer) (chunks int, err error) {
	var stop func()
	m, err := Await(t, tr.Timeout+bulkGrace, func(resolve func(Moved, error)) {
		stop = env.Bulk(tr, func(m Moved) { resolve(m, nil) })
	})
	if err != nil {
		stop()
		return 0, err
	}
	return m.Chunks, m.Err
}
