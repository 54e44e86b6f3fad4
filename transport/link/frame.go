package link

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Kinds of frames on a stream besides the classes.
const (
	kindHello    = 192
	kindRefusal  = 193
	kindCredit   = 194 // 4 bytes: so much room more, big-endian
	kindBye      = 195 // 1 byte: the transport.Why that the receiver is to report
	kindOptional = 224 // from here on unknown kinds are skipped
)

// Inbox accounting. Every frame of class App or Upkeep costs its length and
// frameCost, so that many small frames are bounded too.
const (
	window    = 128 << 10
	frameCost = 64
)

// maxBody is the largest body that a frame of this kind may have, or 0 for a kind
// that ends the link.
func maxBody(kind byte) int {
	switch {
	case kind < byte(transport.Classes):
		return wire.MaxFrame
	case kind == kindCredit:
		return 4
	case kind == kindBye:
		return 1
	case kind >= kindOptional:
		return wire.MaxFrame
	}
	return 0
}

// appendFrame appends a frame of a kind; body fits, because Send has looked.
func appendFrame(dst []byte, kind byte, body []byte) []byte {
	dst, err := wire.AppendFrame(append(dst, kind), body)
	if err != nil {
		panic(err) // a bug: lengths are checked where frames come in
	}
	return dst
}

// maxLent is the longest body that is read into memory which is used again: most frames are far
// shorter, and a long one should not leave that much behind.
const maxLent = 2 << 10

// lent are buffers for bodies of up to maxLent bytes. The reader gives each back
// when all who were told of the frame have returned.
var lent = sync.Pool{New: func() any { return new([maxLent]byte) }}

// readBody reads the rest of a frame of a kind, on a link that stands. The body lies in room, if
// it is no longer than that.
func readBody(r *bufio.Reader, kind byte, room []byte) ([]byte, error) {
	limit := maxBody(kind)
	if limit == 0 {
		return nil, fmt.Errorf("%w: frame of unknown kind %d", wire.ErrMalformed, kind)
	}
	body, err := wire.ReadFrameInto(room, r, limit)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// owned is a body that was read into a lent buffer, for who keeps it.
func owned(body []byte) []byte {
	if len(body) > maxLent {
		return body // it did not fit
	}
	return slices.Clone(body)
}

// readFirst reads the first frame of a stream: a hello or, if answer is set, a
// refusal, which is returned as the error.
func readFirst(r *bufio.Reader, answer bool) (*transport.Hello, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch {
	case kind == kindHello:
		b, err := wire.ReadFrame(r, transport.MaxHello)
		if err != nil {
			return nil, err
		}
		return transport.ParseHello(b)
	case kind == kindRefusal && answer:
		b, err := wire.ReadFrame(r, transport.MaxRefusal)
		if err != nil {
			return nil, err
		}
		refusal, err := transport.ParseRefusal(b)
		if err != nil {
			return nil, err
		}
		return nil, refusal
	}
	return nil, fmt.Errorf("%w: a link begins with kind %d", wire.ErrMalformed, kind)
}

func creditBody(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// parseCredit reads the body of a credit frame.
func parseCredit(b []byte) (int, error) {
	if len(b) != 4 {
		return 0, fmt.Errorf("%w: credit of %d bytes", wire.ErrMalformed, len(b))
	}
	n := binary.BigEndian.Uint32(b)
	if n == 0 || n > window {
		return 0, fmt.Errorf("%w: credit of %d", wire.ErrMalformed, n)
	}
	return int(n), nil
}
