package msg

import (
	"math"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// The messages that carry what applications send are coded by hand (wire.Coded). Of a
// Hop those that carry no rows, trail, broadcast or answer, which are most.

var (
	_ wire.Coded = (*Hop)(nil)
	_ wire.Coded = (*Ack)(nil)
	_ wire.Coded = (*Direct)(nil)
	_ wire.Coded = (*Reply)(nil)
)

// The most bytes that a key and its value take.
const (
	sizeFlag   = 2  // a key with a truth, or with a number of one byte
	sizeByte   = 3  // with a byte
	sizeShort  = 4  // with 16 bits
	sizeNumber = 6  // with 32 bits
	sizeLong   = 10 // with 64 bits
	sizeID     = 2 + id.Size
	sizeHead   = 6 // the head of what is longer
)

func sizeNumbers(list []uint32) int { return sizeHead + (sizeNumber-1)*len(list) }

// SizeCBOR implements wire.Coded.
func (m *Hop) SizeCBOR() int {
	if m.Route == nil || m.Cast != nil || m.Trail != nil || m.Join != nil || m.Route.Back != nil || m.Route.Origin == nil {
		return 0
	}
	return 1 + 2*sizeNumber + sizeNumbers(m.Acks) + sizeByte + sizeHead + len(m.Path) + sizeHead + m.Route.sizeCBOR()
}

func (r *Routed) sizeCBOR() int {
	return 1 + sizeID + 1 + r.Origin.SizeCBOR() + sizeLong + sizeByte + 6*sizeFlag + 1 + r.Env.SizeCBOR()
}

// AppendCBOR implements wire.Coded.
func (m *Hop) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Uint(1, uint64(m.Seq))
	a.NumbersIf(2, m.Acks)
	a.UintIf(3, uint64(m.Count))
	a.BytesIf(4, m.Path)
	a.Value(m.Route.appendCBOR(a.Key(5)))
	a.Uint(10, uint64(m.Epoch))
	return a.End()
}

func (r *Routed) appendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	key := r.Key.Bytes()
	a.Value(wire.AppendBytes(a.Key(1), key[:]))
	a.Value(r.Origin.AppendCBOR(a.Key(2)))
	a.Uint(3, r.Num)
	a.UintIf(4, uint64(r.Attempt))
	a.TrueIf(5, r.Want)
	a.TrueIf(6, r.To)
	a.TrueIf(7, r.Join)
	a.TrueIf(8, r.Found)
	a.Value(r.Env.AppendCBOR(a.Key(10)))
	a.TrueIf(11, r.Receipt)
	a.TrueIf(12, r.Straight)
	return a.End()
}

// readHop is a Hop with all that a usual one needs besides the payload.
type readHop struct {
	roomyHop
	routed Routed
	acks   [2]uint32
}

// ScanCBOR implements wire.Coded.
func (*Hop) ScanCBOR(b []byte) wire.Message {
	h := new(readHop)
	m := &h.Hop
	var path []byte
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			m.Seq = uint32(s.Uint(math.MaxUint32))
		case 2:
			m.Acks = s.Numbers(MaxAcks, h.acks[:])
		case 3:
			m.Count = uint8(s.Uint(math.MaxUint8))
		case 4:
			path = s.Bytes()
		case 5:
			m.Route = &h.routed
			m.Route.scanCBOR(&s)
		case 10:
			m.Epoch = uint32(s.Uint(math.MaxUint32))
		default:
			s.Fail()
		}
	}
	if !s.Done() {
		return nil
	}
	if path != nil {
		m.Path = slices.Clip(append(h.room[:0], path...))
	}
	if m.Check() != nil {
		return nil
	}
	m.Route.Env.Payload = slices.Clone(m.Route.Env.Payload)
	return m
}

func (r *Routed) scanCBOR(s *wire.Scanner) {
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return
		}
		switch key {
		case 1:
			r.Key = scanID(s)
		case 2:
			r.Origin = peer.ScanHandle(s)
		case 3:
			r.Num = s.Uint(math.MaxUint64)
		case 4:
			r.Attempt = uint8(s.Uint(math.MaxUint8))
		case 5:
			r.Want = s.Bool()
		case 6:
			r.To = s.Bool()
		case 7:
			r.Join = s.Bool()
		case 8:
			r.Found = s.Bool()
		case 10:
			r.Env.ScanCBOR(s)
		case 11:
			r.Receipt = s.Bool()
		case 12:
			r.Straight = s.Bool()
		default:
			s.Fail()
		}
	}
}

func scanID(s *wire.Scanner) id.ID {
	b := s.Bytes()
	if len(b) != id.Size {
		s.Fail()
		return id.ID{}
	}
	return id.FromBytes(b)
}

// SizeCBOR implements wire.Coded.
func (m *Ack) SizeCBOR() int { return 1 + sizeNumbers(m.Seqs) }

// AppendCBOR implements wire.Coded.
func (m *Ack) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Value(wire.AppendNumbers(a.Key(1), m.Seqs))
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Ack) ScanCBOR(b []byte) wire.Message {
	r := new(Owed)
	s := wire.Scan(b)
	f := s.Map()
	if key, more := f.Next(); !more || key != 1 {
		return nil
	}
	r.Seqs = s.Numbers(MaxAcks, r.room[:])
	if _, more := f.Next(); more || !s.Done() {
		return nil
	}
	r.Seqs = slices.Clip(r.Seqs)
	return &r.Ack
}

// SizeCBOR implements wire.Coded.
func (m *Direct) SizeCBOR() int {
	return 1 + sizeLong + 2*sizeFlag + 1 + m.Env.SizeCBOR() + sizeNumbers(m.Acks)
}

// AppendCBOR implements wire.Coded.
func (m *Direct) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Uint(1, m.Num)
	a.TrueIf(2, m.Want)
	a.Value(m.Env.AppendCBOR(a.Key(3)))
	a.NumbersIf(4, m.Acks)
	a.TrueIf(5, m.Bare)
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Direct) ScanCBOR(b []byte) wire.Message {
	m := new(Direct)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			m.Num = s.Uint(math.MaxUint64)
		case 2:
			m.Want = s.Bool()
		case 3:
			m.Env.ScanCBOR(&s)
		case 4:
			m.Acks = s.Numbers(MaxAcks, nil)
		case 5:
			m.Bare = s.Bool()
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	m.Env.Payload = slices.Clone(m.Env.Payload)
	return m
}

// SizeCBOR implements wire.Coded.
func (m *Reply) SizeCBOR() int {
	if m.Trail != nil || m.Text != "" {
		return 0
	}
	n := 1 + sizeLong + 3*sizeByte + sizeShort + sizeHead + len(m.Payload) + sizeNumbers(m.Acks) + 1 + sizeID + sizeHead + len(m.Path)
	if m.From != nil {
		n += 1 + m.From.SizeCBOR()
	}
	return n
}

// AppendCBOR implements wire.Coded.
func (m *Reply) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Uint(1, m.Num)
	a.Uint(2, uint64(m.Code))
	a.BytesIf(3, m.Payload)
	a.UintIf(4, uint64(m.App))
	a.UintIf(6, uint64(m.Hops))
	a.UintIf(9, uint64(m.Attempt))
	if m.From != nil {
		a.Value(m.From.AppendCBOR(a.Key(10)))
	}
	a.NumbersIf(11, m.Acks)
	if !m.To.IsZero() {
		to := m.To.Bytes()
		a.Value(wire.AppendBytes(a.Key(12), to[:]))
	}
	a.BytesIf(13, m.Path)
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Reply) ScanCBOR(b []byte) wire.Message {
	m := new(Reply)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			m.Num = s.Uint(math.MaxUint64)
		case 2:
			m.Code = uint8(s.Uint(math.MaxUint8))
		case 3:
			m.Payload = s.Bytes()
		case 4:
			m.App = uint16(s.Uint(math.MaxUint16))
		case 6:
			m.Hops = uint8(s.Uint(math.MaxUint8))
		case 9:
			m.Attempt = uint8(s.Uint(math.MaxUint8))
		case 10:
			m.From = peer.ScanHandle(&s)
		case 11:
			m.Acks = s.Numbers(MaxAcks, nil)
		case 12:
			m.To = scanID(&s)
		case 13:
			m.Path = s.Bytes()
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	m.Payload, m.Path = slices.Clone(m.Payload), slices.Clone(m.Path)
	return m
}
