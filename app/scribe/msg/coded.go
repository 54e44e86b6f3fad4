package msg

import (
	"math"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Each member of a group reads every batch, so what carries batches is coded by hand
// (wire.Coded): Cast, Publish, and a Keep without a charter.

var (
	_ wire.Coded = (*Cast)(nil)
	_ wire.Coded = (*Publish)(nil)
	_ wire.Coded = (*Keep)(nil)
)

// The most bytes that a key and its value take.
const (
	sizeNumber = 6  // with 32 bits
	sizeLong   = 10 // with 64 bits
	sizeHash   = 3 + len(id.Hash{})
	sizeHead   = 6 // the head of what is longer
)

// sizeCBOR is the most that appendCBOR appends, in bytes; 0 for what is left to the codec.
func (b *Batch) sizeCBOR() int {
	if b == nil || b.Seal == nil || b.Seal.Time < 0 || len(b.Seal.Sig) == 0 || len(b.Lengths) == 0 || len(b.Body) == 0 {
		return 0
	}
	seal := 1 + 2*sizeHash + 4*sizeLong + sizeNumber + sizeHead + len(b.Seal.Sig)
	return 1 + 1 + seal + sizeHead + (sizeNumber-1)*len(b.Lengths) + sizeHead + len(b.Body)
}

func (b *Batch) appendCBOR(to []byte) []byte {
	a := wire.BeginMap(to)
	a.Value(b.Seal.appendCBOR(a.Key(1)))
	a.NumbersIf(2, b.Lengths)
	a.BytesIf(3, b.Body)
	return a.End()
}

func (s *Seal) appendCBOR(to []byte) []byte {
	a := wire.BeginMap(to)
	a.BytesIf(1, s.Publisher[:])
	a.Uint(2, s.Life)
	a.Uint(3, s.First)
	a.Uint(4, uint64(s.Count))
	a.Uint(5, uint64(s.Time))
	if !s.Root.IsZero() {
		a.BytesIf(6, s.Root[:])
	}
	a.BytesIf(7, s.Sig)
	a.Uint(8, s.Base)
	return a.End()
}

// readBatch is a batch with all that a usual one needs besides its body.
type readBatch struct {
	batch   Batch
	seal    Seal
	lengths [2]uint32
	sig     [peer.SignatureSize]byte
}

// scanCBOR reads a batch. Its body aliases what is read, until own is called.
func (r *readBatch) scanCBOR(s *wire.Scanner) *Batch {
	r.batch.Seal = &r.seal
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return &r.batch
		}
		switch key {
		case 1:
			r.scanSeal(s)
		case 2:
			r.batch.Lengths = s.Numbers(MaxMessages, r.lengths[:])
		case 3:
			r.batch.Body = s.Bytes()
		default:
			s.Fail()
		}
	}
}

func (r *readBatch) scanSeal(s *wire.Scanner) {
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return
		}
		switch m := &r.seal; key {
		case 1:
			s.Exact(m.Publisher[:])
		case 2:
			m.Life = s.Uint(math.MaxUint64)
		case 3:
			m.First = s.Uint(math.MaxUint64)
		case 4:
			m.Count = uint32(s.Uint(math.MaxUint32))
		case 5:
			m.Time = int64(s.Uint(math.MaxInt64))
		case 6:
			s.Exact(m.Root[:])
		case 7:
			s.Exact(r.sig[:])
			m.Sig = r.sig[:]
		case 8:
			m.Base = s.Uint(math.MaxUint64)
		default:
			s.Fail()
		}
	}
}

// own makes the batch share no memory with what was read.
func (r *readBatch) own() {
	r.batch.Lengths = slices.Clip(r.batch.Lengths)
	r.batch.Body = slices.Clone(r.batch.Body)
}

// sizeGrouped is what a group and its batch take.
func sizeGrouped(b *Batch) int {
	if n := b.sizeCBOR(); n > 0 {
		return 1 + sizeHash + 1 + n
	}
	return 0
}

func appendGrouped(to []byte, key uint8, group *id.Hash, b *Batch) []byte {
	a := wire.BeginMap(to)
	a.BytesIf(key, group[:])
	a.Value(b.appendCBOR(a.Key(key + 1)))
	return a.End()
}

// scanGrouped reads a map of a group, at a key, and its batch at the next one. It reports
// whether it was of that form.
func (r *readBatch) scanGrouped(b []byte, key uint64, group *id.Hash) bool {
	s := wire.Scan(b)
	for f := s.Map(); ; {
		k, more := f.Next()
		if !more {
			return s.Done()
		}
		switch k {
		case key:
			s.Exact(group[:])
		case key + 1:
			r.scanCBOR(&s)
		default:
			s.Fail()
		}
	}
}

// scanAs reads a message of a group, at a key, and its batch, in one piece of memory; nil if it was of another
// form or is refused. at says where they stand in the message.
func scanAs[M any](b []byte, key uint64, at func(*M) (group *id.Hash, batch **Batch)) *M {
	r := new(struct {
		m    M
		read readBatch
	})
	group, batch := at(&r.m)
	if !r.read.scanGrouped(b, key, group) || checkBatch(&r.read.batch) != nil {
		return nil
	}
	r.read.own()
	*batch = &r.read.batch
	return &r.m
}

// SizeCBOR implements wire.Coded.
func (m *Cast) SizeCBOR() int { return sizeGrouped(m.Batch) }

// AppendCBOR implements wire.Coded.
func (m *Cast) AppendCBOR(b []byte) []byte { return appendGrouped(b, 1, &m.Group, m.Batch) }

// ScanCBOR implements wire.Coded.
func (*Cast) ScanCBOR(b []byte) wire.Message {
	if m := scanAs(b, 1, func(m *Cast) (*id.Hash, **Batch) { return &m.Group, &m.Batch }); m != nil {
		return m
	}
	return nil
}

// SizeCBOR implements wire.Coded.
func (m *Publish) SizeCBOR() int { return sizeGrouped(m.Batch) }

// AppendCBOR implements wire.Coded.
func (m *Publish) AppendCBOR(b []byte) []byte { return appendGrouped(b, 1, &m.Group, m.Batch) }

// ScanCBOR implements wire.Coded.
func (*Publish) ScanCBOR(b []byte) wire.Message {
	if m := scanAs(b, 1, func(m *Publish) (*id.Hash, **Batch) { return &m.Group, &m.Batch }); m != nil {
		return m
	}
	return nil
}

// SizeCBOR implements wire.Coded.
func (m *Keep) SizeCBOR() int {
	if m.Charter != nil {
		return 0
	}
	return sizeGrouped(m.Batch)
}

// AppendCBOR implements wire.Coded.
func (m *Keep) AppendCBOR(b []byte) []byte { return appendGrouped(b, 2, &m.Group, m.Batch) }

// ScanCBOR implements wire.Coded.
func (*Keep) ScanCBOR(b []byte) wire.Message {
	if m := scanAs(b, 2, func(m *Keep) (*id.Hash, **Batch) { return &m.Group, &m.Batch }); m != nil {
		return m
	}
	return nil
}
