package bulk

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Protocol is the name of the streams.
const Protocol = "/phyllo/bulk/1"

// MaxOpening is the length of the longest opening, in bytes: one of chunks no two of
// which are neighbours.
const MaxOpening = 16 << 10

// MaxPiece is the length of the longest piece, in bytes.
const MaxPiece = 256 << 10

// opening is what the opener of a stream wants.
type opening struct {
	App    uint32 `cbor:"1,keyasint"`
	Ticket []byte `cbor:"2,keyasint"`
	Sends  bool   `cbor:"3,keyasint,omitempty"` // the opener sends; else it takes
	Size   int64  `cbor:"4,keyasint"`           // of the whole content
	// Runs are the chunks: pairs of a first number and how many follow one another.
	Runs []uint32 `cbor:"5,keyasint"`

	part task.Part // what Size and Runs say
}

// newOpening says what a transfer wants.
func newOpening(tr *task.Transfer) opening {
	o := opening{App: tr.App, Ticket: tr.Ticket[:], Sends: tr.Source != nil, Size: tr.Part.Size, part: tr.Part}
	for i, n := range tr.Part.Chunks {
		if i > 0 && tr.Part.Chunks[i-1]+1 == n {
			o.Runs[len(o.Runs)-1]++
			continue
		}
		o.Runs = append(o.Runs, uint32(n), 1)
	}
	return o
}

// parseOpening decodes an opening from outside. Errors wrap wire.ErrMalformed or
// task.ErrPart.
func parseOpening(b []byte) (opening, error) {
	var o opening
	if err := wire.Unmarshal(b, &o); err != nil {
		return o, err
	}
	if len(o.Ticket) != len(task.Ticket{}) || len(o.Runs)%2 != 0 || len(o.Runs) > 2*task.MaxChunks {
		return o, fmt.Errorf("%w: ticket of %d bytes, %d numbers of runs", wire.ErrMalformed, len(o.Ticket), len(o.Runs))
	}
	o.part.Size = o.Size
	for i := 0; i < len(o.Runs); i += 2 {
		first, count := o.Runs[i], o.Runs[i+1]
		if first > math.MaxInt32 || count == 0 || int64(count) > int64(task.MaxChunks-len(o.part.Chunks)) {
			return o, fmt.Errorf("%w: a run of %d chunks from %d", wire.ErrMalformed, count, first)
		}
		for n := range count {
			o.part.Chunks = append(o.part.Chunks, int(first+n))
		}
	}
	return o, o.part.Check()
}

// readOpening reads the first frame of a stream.
func readOpening(r io.Reader) (opening, error) {
	b, err := wire.ReadFrame(r, MaxOpening)
	if err != nil {
		return opening{}, err
	}
	return parseOpening(b)
}

// Kinds of records.
const (
	admitted uint8 = iota + 1
	piece
	ack
	stop
)

// Reasons of a stop.
const (
	noTicket uint32 = iota + 1
	busy
	failed // its source or its sink
)

// headSize is the length of a record.
const headSize = 13

// record is what goes over a stream after the opening.
type record struct {
	kind uint8
	n    uint32
	size uint64
}

func (r record) put(b []byte) {
	b[0] = r.kind
	binary.BigEndian.PutUint32(b[1:], r.n)
	binary.BigEndian.PutUint64(b[5:], r.size)
}

func readRecord(rd io.Reader, b *[headSize]byte) (record, error) {
	if _, err := io.ReadFull(rd, b[:]); err != nil {
		return record{}, err
	}
	return record{b[0], binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint64(b[5:])}, nil
}

// stopped is the error that a stop of the other end is.
func stopped(reason uint32) error {
	switch reason {
	case noTicket:
		return task.ErrTicket
	case busy:
		return task.ErrBusy
	}
	return task.ErrFar
}
