package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// FrameHeader is the length of a frame's header in bytes: the length of the
// body, big-endian.
const FrameHeader = 4

// AppendFrame appends body as a frame to dst and returns the longer slice. The
// error wraps ErrTooLarge; dst is then returned as it was.
func AppendFrame(dst, body []byte) ([]byte, error) {
	if len(body) > MaxFrame {
		return dst, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrTooLarge, len(body), MaxFrame)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...), nil
}

// ReadFrame reads one frame from r, of at most limit bytes (and never more than
// MaxFrame). The length is checked before anything is allocated: a length of 0
// or above the limit is ErrMalformed or ErrTooLarge. A stream that ends inside
// a frame gives io.ErrUnexpectedEOF; one that ends between frames gives io.EOF.
// The caller owns what is returned.
func ReadFrame(r io.Reader, limit int) ([]byte, error) { return ReadFrameInto(nil, r, limit) }

// ReadFrameInto is ReadFrame into the memory of room, or into new memory where that is not long
// enough.
func ReadFrameInto(room []byte, r io.Reader, limit int) ([]byte, error) {
	head := room
	if len(room) < FrameHeader {
		head = make([]byte, FrameHeader)
	}
	head = head[:FrameHeader]
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	switch {
	case n == 0:
		return nil, fmt.Errorf("%w: empty frame", ErrMalformed)
	case n > MaxFrame || int(n) > limit:
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrTooLarge, n, min(limit, MaxFrame))
	}
	body := room
	if int(n) > len(room) {
		body = make([]byte, n)
	}
	body = body[:n]
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return body, nil
}
