package msg

import (
	"math"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/wire"
)

// What an insert and a lookup say is coded by hand (wire.Coded): files, what pays for them, and the receipts; questions
// for a file and what is found, but with a ruling. What they are made of stands in parts.go.

var (
	_ wire.Coded = (*Put)(nil)
	_ wire.Coded = (*PutMany)(nil)
	_ wire.Coded = (*Stored)(nil)
	_ wire.Coded = (*StoredMany)(nil)
	_ wire.Coded = (*Get)(nil)
	_ wire.Coded = (*Object)(nil)
)

// SizeCBOR implements wire.Coded.
func (m *Put) SizeCBOR() int {
	if !usualCert(m.Cert) {
		return 0
	}
	n := 2 + sizeCert(m.Cert) + sizeHead + len(m.Content)
	if p := m.Payment; p != nil {
		if !usualVoucher(p.Voucher) || !usualPath(p.Path) {
			return 0
		}
		n += 4 + sizeVoucher(p.Voucher) + sizePath(p.Path)
	}
	return n
}

// AppendCBOR implements wire.Coded.
func (m *Put) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Value(appendCert(a.Key(1), m.Cert))
	a.BytesIf(2, m.Content)
	if m.Payment != nil {
		a.Value(appendPayment(a.Key(3), m.Payment))
	}
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Put) ScanCBOR(b []byte) wire.Message {
	m := new(Put)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			m.Cert = scanCert(&s)
		case 2:
			m.Content = s.Bytes()
		case 3:
			m.Payment = scanPayment(&s)
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	m.Content = slices.Clone(m.Content)
	return m
}

// SizeCBOR implements wire.Coded.
func (m *PutMany) SizeCBOR() int {
	n := 3 + 2*sizeHead
	for _, v := range m.Vouchers {
		if !usualVoucher(v) {
			return 0
		}
		n += sizeVoucher(v)
	}
	for _, x := range m.Puts {
		if x == nil || !usualCert(x.Cert) {
			return 0
		}
		n += 5 + sizeCert(x.Cert) + sizeHead + len(x.Content) + sizeByte
		if x.Path != nil {
			if !usualPath(x.Path) {
				return 0
			}
			n += sizePath(x.Path)
		}
	}
	return n
}

// AppendCBOR implements wire.Coded.
func (m *PutMany) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	if len(m.Vouchers) > 0 {
		list := wire.AppendArray(a.Key(1), len(m.Vouchers))
		for _, v := range m.Vouchers {
			list = appendVoucher(list, v)
		}
		a.Value(list)
	}
	list := a.Key(2)
	if m.Puts == nil {
		list = wire.AppendNull(list)
	} else {
		list = wire.AppendArray(list, len(m.Puts))
	}
	for _, x := range m.Puts {
		list = x.appendCBOR(list)
	}
	a.Value(list)
	return a.End()
}

func (x *OneOfMany) appendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Value(appendCert(a.Key(1), x.Cert))
	a.BytesIf(2, x.Content)
	if x.Path != nil {
		a.Value(appendPath(a.Key(3), x.Path))
	}
	a.UintIf(4, uint64(x.Voucher))
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*PutMany) ScanCBOR(b []byte) wire.Message {
	m := new(PutMany)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			for range s.Array(MaxVouchers) {
				m.Vouchers = append(m.Vouchers, scanVoucher(&s))
			}
		case 2:
			for range s.Array(certificate.MaxBatch) {
				x := scanOneOfMany(&s)
				if x == nil {
					return nil
				}
				m.Puts = append(m.Puts, x)
			}
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	for _, x := range m.Puts {
		x.Content = slices.Clone(x.Content)
	}
	return m
}

// scanOneOfMany reads one of the files; nil if the scanner has failed.
func scanOneOfMany(s *wire.Scanner) *OneOfMany {
	x := new(OneOfMany)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			x.Cert = scanCert(s)
		case 2:
			x.Content = s.Bytes()
		case 3:
			x.Path = scanPath(s)
		case 4:
			x.Voucher = uint8(s.Uint(math.MaxUint8))
		default:
			s.Fail()
		}
	}
	if s.Failed() {
		return nil
	}
	return x
}

// SizeCBOR implements wire.Coded.
func (m *Stored) SizeCBOR() int {
	r := m.Receipt
	if r == nil || r.Time < 0 || !usualSig(r.Sig) || !usualMember(r.Holder) {
		return 0
	}
	return 3 + 2*sizeHash + sizeLong + sizeMember + sizeSig + sizeBatch(r.Batch)
}

// AppendCBOR implements wire.Coded.
func (m *Stored) AppendCBOR(b []byte) []byte {
	a, r := wire.BeginMap(b), m.Receipt
	x := wire.BeginMap(a.Key(1))
	x.Value(wire.AppendBytes(x.Key(1), r.Object[:]))
	x.Value(wire.AppendBytes(x.Key(2), r.Certificate[:]))
	x.Uint(3, uint64(r.Time))
	x.Value(appendMember(x.Key(4), r.Holder))
	x.Value(wire.AppendBytes(x.Key(5), r.Sig))
	if r.Batch != nil {
		x.Value(appendBatch(x.Key(6), r.Batch))
	}
	a.Value(x.End())
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Stored) ScanCBOR(b []byte) wire.Message {
	s := wire.Scan(b)
	f := s.Map()
	if key, more := f.Next(); !more || key != 1 {
		return nil
	}
	m := &Stored{Receipt: scanReceipt(&s)}
	if _, more := f.Next(); more || !s.Done() || m.Check() != nil {
		return nil
	}
	return m
}

func scanReceipt(s *wire.Scanner) *certificate.Receipt {
	r := new(certificate.Receipt)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return r
		}
		switch key {
		case 1:
			s.Exact(r.Object[:])
		case 2:
			s.Exact(r.Certificate[:])
		case 3:
			r.Time = scanInt(s)
		case 4:
			r.Holder = scanMember(s)
		case 5:
			r.Sig = slices.Clone(s.Bytes())
		case 6:
			r.Batch = scanBatch(s)
		default:
			s.Fail()
		}
	}
}

// SizeCBOR implements wire.Coded.
func (m *StoredMany) SizeCBOR() int {
	n := 2 + sizeHead + 3*len(m.Codes) + sizeLong + 1 + sizeSig
	switch {
	case m.Time < 0, len(m.Sig) > 0 && !usualSig(m.Sig), m.Holder != nil && !usualMember(m.Holder):
		return 0
	case m.Holder != nil:
		n += sizeMember
	}
	return n
}

// AppendCBOR implements wire.Coded.
func (m *StoredMany) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	list := a.Key(1)
	if m.Codes == nil {
		list = wire.AppendNull(list)
	} else {
		list = wire.AppendArray(list, len(m.Codes))
	}
	for _, c := range m.Codes {
		list = wire.AppendUint(list, uint64(c))
	}
	a.Value(list)
	a.UintIf(2, uint64(m.Time))
	if m.Holder != nil {
		a.Value(appendMember(a.Key(3), m.Holder))
	}
	a.BytesIf(4, m.Sig)
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*StoredMany) ScanCBOR(b []byte) wire.Message {
	m := new(StoredMany)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			for range s.Array(certificate.MaxBatch) {
				m.Codes = append(m.Codes, uint16(s.Uint(math.MaxUint16)))
			}
		case 2:
			m.Time = scanInt(&s)
		case 3:
			m.Holder = scanMember(&s)
		case 4:
			m.Sig = slices.Clone(s.Bytes())
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	return m
}

// SizeCBOR implements wire.Coded.
func (m *Get) SizeCBOR() int { return 1 + sizeHash + 2*sizeByte }

// AppendCBOR implements wire.Coded.
func (m *Get) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Value(wire.AppendBytes(a.Key(1), m.Object[:]))
	a.TrueIf(2, m.Bare)
	a.TrueIf(3, m.Own)
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Get) ScanCBOR(b []byte) wire.Message {
	m := new(Get)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			s.Exact(m.Object[:])
		case 2:
			m.Bare = s.Bool()
		case 3:
			m.Own = s.Bool()
		default:
			s.Fail()
		}
	}
	if !s.Done() {
		return nil
	}
	return m
}

// SizeCBOR implements wire.Coded.
func (m *Object) SizeCBOR() int {
	if m.Ruling != nil || !usualCert(m.Cert) {
		return 0
	}
	return 2 + sizeCert(m.Cert) + sizeHead + len(m.Content) + 2*sizeLong
}

// AppendCBOR implements wire.Coded.
func (m *Object) AppendCBOR(b []byte) []byte {
	a := wire.BeginMap(b)
	a.Value(appendCert(a.Key(1), m.Cert))
	a.BytesIf(2, m.Content)
	a.UintIf(4, m.Life)
	a.UintIf(5, uint64(m.Age))
	return a.End()
}

// ScanCBOR implements wire.Coded.
func (*Object) ScanCBOR(b []byte) wire.Message {
	m := new(Object)
	s := wire.Scan(b)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			break
		}
		switch key {
		case 1:
			m.Cert = scanCert(&s)
		case 2:
			m.Content = s.Bytes()
		case 4:
			m.Life = s.Uint(math.MaxUint64)
		case 5:
			m.Age = uint32(s.Uint(math.MaxUint32))
		default:
			s.Fail()
		}
	}
	if !s.Done() || m.Check() != nil {
		return nil
	}
	m.Content = slices.Clone(m.Content)
	return m
}
