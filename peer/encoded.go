package peer

import (
	"fmt"
	"math"
	"strings"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// handleFields is the encoded form. A handle travels as a byte string that
// holds its own CBOR, so that a list of handles costs a pointer, not a struct,
// for each element that a hostile sender announces.
type handleFields struct {
	_           struct{} `cbor:",toarray"`
	ID          id.ID
	Key         Key
	Incarnation uint64
	Addrs       []string
	Moves       uint32
}

// handleLen is the number of its fields.
const handleLen = 5

var handleForm = wire.FormOf((*handleFields)(nil))

// maxHandle is the largest encoding of a handle that is decoded, in bytes.
const maxHandle = 136 + MaxAddrs*(MaxAddrLen+3)

// MarshalBinary implements encoding.BinaryMarshaler.
func (h *Handle) MarshalBinary() ([]byte, error) {
	return h.AppendBinary(make([]byte, 0, h.size()))
}

// size is the length of the encoding, in bytes.
func (h *Handle) size() int {
	n := 1 + wire.HeadLen(id.Size) + id.Size + wire.HeadLen(KeySize) + KeySize + wire.HeadLen(h.Incarnation) +
		wire.HeadLen(uint64(len(h.Addrs))) + wire.HeadLen(uint64(h.Moves))
	for _, a := range h.Addrs {
		n += wire.HeadLen(uint64(len(a))) + len(a)
	}
	return n
}

// AppendBinary implements encoding.BinaryAppender: it appends what Marshal makes of
// handleFields. Handles stand in nearly all messages, so this is written by hand.
func (h *Handle) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendArray(b, handleLen)
	place := h.ID.Bytes()
	b = wire.AppendBytes(b, place[:])
	b = wire.AppendBytes(b, h.Key[:])
	b = wire.AppendUint(b, h.Incarnation)
	if h.Addrs == nil {
		b = wire.AppendNull(b)
	} else {
		b = wire.AppendArray(b, len(h.Addrs))
	}
	for _, a := range h.Addrs {
		b = wire.AppendText(b, a)
	}
	return wire.AppendUint(b, uint64(h.Moves)), nil
}

// SizeCBOR is the length of what AppendCBOR appends, in bytes.
func (h *Handle) SizeCBOR() int {
	n := h.size()
	return wire.HeadLen(uint64(n)) + n
}

// AppendCBOR appends the handle as it stands in messages: see wire.Coded.
func (h *Handle) AppendCBOR(b []byte) []byte {
	b, _ = h.AppendBinary(wire.AppendBytesHead(b, h.size())) // it has no reason to fail
	return b
}

// ScanHandle reads a handle as it stands in messages; nil if the scanner has failed.
func ScanHandle(s *wire.Scanner) *Handle {
	b := s.Bytes()
	h := new(Handle)
	if len(b) == 0 || h.UnmarshalBinary(b) != nil {
		s.Fail()
		return nil
	}
	return h
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler, within the limits of a
// handle. Errors wrap wire.ErrMalformed.
func (h *Handle) UnmarshalBinary(b []byte) error {
	if len(b) > maxHandle {
		return fmt.Errorf("%w: handle of %d bytes", wire.ErrMalformed, len(b))
	}
	v, ok := scanHandle(b)
	if !ok {
		var f handleFields
		if err := handleForm.Unmarshal(b, &f); err != nil {
			return err
		}
		v = Handle{ID: f.ID, Key: f.Key, Incarnation: f.Incarnation, Addrs: f.Addrs, Moves: f.Moves}
	}
	if err := v.Check(); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	*h = v
	return nil
}

// scanHandle reads what AppendBinary writes of a handle within its limits. It reports
// false for all else, of which the codec says whether it is refused.
func scanHandle(b []byte) (h Handle, ok bool) {
	s := wire.Scan(b)
	if s.Array(handleLen) != handleLen {
		return h, false
	}
	place, key := s.Bytes(), s.Bytes()
	if len(place) != id.Size || len(key) != KeySize {
		return h, false
	}
	h.ID = id.FromBytes(place)
	copy(h.Key[:], key)
	h.Incarnation = s.Uint(math.MaxUint64)
	var addrs [MaxAddrs][]byte
	n := 0
	if !s.Null() {
		n = s.Array(MaxAddrs)
	}
	for i := range n {
		addrs[i] = s.Text()
	}
	h.Moves = uint32(s.Uint(math.MaxUint32))
	if !s.Done() {
		return h, false
	}
	if n > 0 {
		h.Addrs = texts(addrs[:n])
	}
	return h, true
}

// texts copies texts, into memory that they share.
func texts(parts [][]byte) []string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	var joined strings.Builder
	joined.Grow(n)
	for _, p := range parts {
		joined.Write(p)
	}
	all := joined.String()
	list := make([]string, len(parts))
	for i, p := range parts {
		list[i], all = all[:len(p)], all[len(p):]
	}
	return list
}
