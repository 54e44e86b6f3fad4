package msg

import (
	"math"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// The most bytes that a key and its value take.
const (
	sizeByte = 3  // with a byte
	sizeLong = 10 // with 64 bits
	sizeHash = 3 + len(id.Hash{})
	sizeSig  = 3 + peer.SignatureSize
	sizeHead = 6 // the head of what is longer

	sizeAdmission = 1 + 2*sizeHash + sizeLong + sizeSig
	sizeMember    = 2 + 4*sizeHash + 2*sizeLong + 1 + sizeAdmission + sizeSig
	sizeCharge    = 1 + sizeHash + sizeLong + sizeByte
	sizeDebit     = 2 + sizeMember + 6*sizeLong + sizeHash + sizeSig
	sizeVote      = 2 + sizeMember + sizeSig
)

// maxBeside is more than any tree over what is signed at once, or paid for at once, is high.
const maxBeside = 16

func usualSig(sig []byte) bool { return len(sig) == peer.SignatureSize }

// scanInt reads a number that is not negative.
func scanInt(s *wire.Scanner) int64 { return int64(s.Uint(math.MaxInt64)) }

func appendHashes(b []byte, hs []id.Hash) []byte {
	if hs == nil {
		return wire.AppendNull(b)
	}
	b = wire.AppendArray(b, len(hs))
	for i := range hs {
		b = wire.AppendBytes(b, hs[i][:])
	}
	return b
}

func scanHashes(s *wire.Scanner) []id.Hash {
	hs := make([]id.Hash, s.Array(maxBeside))
	for i := range hs {
		s.Exact(hs[i][:])
	}
	return hs
}

func sizeBatch(x *certificate.Batch) int {
	if x == nil {
		return 0
	}
	return 2 + 2*sizeLong + sizeHead + sizeHash*len(x.Beside)
}

func appendBatch(b []byte, x *certificate.Batch) []byte {
	a := wire.BeginMap(b)
	a.UintIf(1, uint64(x.Index))
	a.Uint(2, uint64(x.Count))
	a.Value(appendHashes(a.Key(3), x.Beside))
	return a.End()
}

func scanBatch(s *wire.Scanner) *certificate.Batch {
	x := new(certificate.Batch)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return x
		}
		switch key {
		case 1:
			x.Index = uint16(s.Uint(math.MaxUint16))
		case 2:
			x.Count = uint16(s.Uint(math.MaxUint16))
		case 3:
			x.Beside = scanHashes(s)
		default:
			s.Fail()
		}
	}
}

// usualCert reports whether a file certificate is coded by hand: whatever is not that of a mutable
// object that settles rivals.
func usualCert(c *certificate.Certificate) bool {
	return c != nil && c.Size >= 0 && c.Date >= 0 && c.Expires >= 0 && len(c.Resolves) == 0 && usualSig(c.Sig)
}

func sizeCert(c *certificate.Certificate) int {
	return 1 + 2*sizeByte + 4*sizeHash + 4*sizeLong + sizeSig + sizeBatch(c.Batch)
}

func appendCert(b []byte, c *certificate.Certificate) []byte {
	a := wire.BeginMap(b)
	a.Uint(1, uint64(c.Kind))
	a.Value(wire.AppendBytes(a.Key(2), c.Owner[:]))
	a.Value(wire.AppendBytes(a.Key(3), c.Part[:]))
	a.Value(wire.AppendBytes(a.Key(4), c.Salt[:]))
	a.Value(wire.AppendBytes(a.Key(5), c.Content[:]))
	a.Uint(6, uint64(c.Size))
	a.Uint(7, uint64(c.Copies))
	a.Uint(8, uint64(c.Date))
	a.UintIf(9, uint64(c.Expires))
	a.UintIf(10, c.Version)
	a.Value(wire.AppendBytes(a.Key(11), c.Sig))
	if c.Batch != nil {
		a.Value(appendBatch(a.Key(13), c.Batch))
	}
	return a.End()
}

func scanCert(s *wire.Scanner) *certificate.Certificate {
	c := new(certificate.Certificate)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return c
		}
		switch key {
		case 1:
			c.Kind = certificate.Kind(s.Uint(math.MaxUint8))
		case 2:
			s.Exact(c.Owner[:])
		case 3:
			s.Exact(c.Part[:])
		case 4:
			s.Exact(c.Salt[:])
		case 5:
			s.Exact(c.Content[:])
		case 6:
			c.Size = scanInt(s)
		case 7:
			c.Copies = uint8(s.Uint(math.MaxUint8))
		case 8:
			c.Date = scanInt(s)
		case 9:
			c.Expires = scanInt(s)
		case 10:
			c.Version = s.Uint(math.MaxUint64)
		case 11:
			c.Sig = slices.Clone(s.Bytes())
		case 13:
			c.Batch = scanBatch(s)
		default:
			s.Fail()
		}
	}
}

func usualMember(c *peer.Certificate) bool {
	return c != nil && c.NotBefore >= 0 && c.NotAfter >= 0 && usualSig(c.Sig) &&
		c.Admission != nil && c.Admission.Since >= 0 && usualSig(c.Admission.Sig)
}

func appendMember(b []byte, c *peer.Certificate) []byte {
	a, node := wire.BeginMap(b), c.Node.Bytes()
	a.Value(wire.AppendBytes(a.Key(1), c.Ring[:]))
	a.Value(wire.AppendBytes(a.Key(2), node[:]))
	a.Value(wire.AppendBytes(a.Key(3), c.Salt[:]))
	a.Value(wire.AppendBytes(a.Key(4), c.Key[:]))
	a.Uint(5, uint64(c.NotBefore))
	a.Uint(6, uint64(c.NotAfter))
	x := wire.BeginMap(a.Key(7))
	x.Value(wire.AppendBytes(x.Key(1), c.Admission.Authority[:]))
	x.Value(wire.AppendBytes(x.Key(2), c.Admission.Admitter[:]))
	x.Uint(3, uint64(c.Admission.Since))
	x.Value(wire.AppendBytes(x.Key(4), c.Admission.Sig))
	a.Value(x.End())
	a.Value(wire.AppendBytes(a.Key(8), c.Sig))
	return a.End()
}

func scanMember(s *wire.Scanner) *peer.Certificate {
	c := new(peer.Certificate)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return c
		}
		switch key {
		case 1:
			s.Exact(c.Ring[:])
		case 2:
			var node [id.Size]byte
			s.Exact(node[:])
			c.Node = id.FromBytes(node[:])
		case 3:
			s.Exact(c.Salt[:])
		case 4:
			s.Exact(c.Key[:])
		case 5:
			c.NotBefore = scanInt(s)
		case 6:
			c.NotAfter = scanInt(s)
		case 7:
			c.Admission = scanAdmission(s)
		case 8:
			c.Sig = slices.Clone(s.Bytes())
		default:
			s.Fail()
		}
	}
}

func scanAdmission(s *wire.Scanner) *peer.Admission {
	x := new(peer.Admission)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return x
		}
		switch key {
		case 1:
			s.Exact(x.Authority[:])
		case 2:
			s.Exact(x.Admitter[:])
		case 3:
			x.Since = scanInt(s)
		case 4:
			x.Sig = slices.Clone(s.Bytes())
		default:
			s.Fail()
		}
	}
}

func appendPayment(b []byte, p *voucher.Payment) []byte {
	a := wire.BeginMap(b)
	a.Value(appendVoucher(a.Key(1), p.Voucher))
	a.Value(appendPath(a.Key(2), p.Path))
	return a.End()
}

func scanPayment(s *wire.Scanner) *voucher.Payment {
	p := new(voucher.Payment)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return p
		}
		switch key {
		case 1:
			p.Voucher = scanVoucher(s)
		case 2:
			p.Path = scanPath(s)
		default:
			s.Fail()
		}
	}
}

func usualPath(p *voucher.Path) bool { return p != nil && p.Charge.Size >= 0 }

func sizePath(p *voucher.Path) int {
	return 2 + sizeCharge + sizeLong + sizeHead + sizeHash*len(p.Beside)
}

func appendPath(b []byte, p *voucher.Path) []byte {
	a := wire.BeginMap(b)
	c := wire.BeginMap(a.Key(1))
	c.Value(wire.AppendBytes(c.Key(1), p.Charge.Object[:]))
	c.Uint(2, uint64(p.Charge.Size))
	c.Uint(3, uint64(p.Charge.Copies))
	a.Value(c.End())
	a.Uint(2, uint64(p.Index))
	if len(p.Beside) > 0 {
		a.Value(appendHashes(a.Key(3), p.Beside))
	}
	return a.End()
}

func scanPath(s *wire.Scanner) *voucher.Path {
	p := new(voucher.Path)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return p
		}
		switch key {
		case 1:
			scanCharge(s, &p.Charge)
		case 2:
			p.Index = uint16(s.Uint(math.MaxUint16))
		case 3:
			p.Beside = scanHashes(s)
		default:
			s.Fail()
		}
	}
}

func scanCharge(s *wire.Scanner, c *voucher.Charge) {
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return
		}
		switch key {
		case 1:
			s.Exact(c.Object[:])
		case 2:
			c.Size = scanInt(s)
		case 3:
			c.Copies = uint8(s.Uint(math.MaxUint8))
		default:
			s.Fail()
		}
	}
}

func usualVoucher(x *voucher.Voucher) bool {
	if x == nil || x.Debit == nil || x.Votes == nil {
		return false
	}
	d := x.Debit
	return d.Total >= 0 && d.Date >= 0 && d.Expires >= 0 && d.Until >= 0 && usualSig(d.Sig) && usualMember(d.Member) &&
		!slices.ContainsFunc(x.Votes, func(v *voucher.Vote) bool { return v == nil || !usualSig(v.Sig) || !usualMember(v.Voter) })
}

func sizeVoucher(x *voucher.Voucher) int { return 2 + sizeDebit + sizeHead + sizeVote*len(x.Votes) }

func appendVoucher(b []byte, x *voucher.Voucher) []byte {
	a, d := wire.BeginMap(b), x.Debit
	y := wire.BeginMap(a.Key(1))
	y.Value(appendMember(y.Key(1), d.Member))
	y.Uint(2, d.Number)
	y.Value(wire.AppendBytes(y.Key(3), d.Root[:]))
	y.Uint(4, uint64(d.Count))
	y.Uint(5, uint64(d.Total))
	y.Uint(6, uint64(d.Date))
	y.Uint(7, uint64(d.Expires))
	y.UintIf(8, uint64(d.Until))
	y.Value(wire.AppendBytes(y.Key(9), d.Sig))
	a.Value(y.End())
	votes := wire.AppendArray(a.Key(2), len(x.Votes))
	for _, vote := range x.Votes {
		v := wire.BeginMap(votes)
		v.Value(appendMember(v.Key(1), vote.Voter))
		v.Value(wire.AppendBytes(v.Key(2), vote.Sig))
		votes = v.End()
	}
	a.Value(votes)
	return a.End()
}

func scanVoucher(s *wire.Scanner) *voucher.Voucher {
	x := new(voucher.Voucher)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return x
		}
		switch key {
		case 1:
			x.Debit = scanDebit(s)
		case 2:
			for range s.Array(certificate.MaxCopies) {
				if x.Votes = append(x.Votes, scanVote(s)); s.Failed() {
					return x
				}
			}
		default:
			s.Fail()
		}
	}
}

func scanDebit(s *wire.Scanner) *voucher.Debit {
	d := new(voucher.Debit)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return d
		}
		switch key {
		case 1:
			d.Member = scanMember(s)
		case 2:
			d.Number = s.Uint(math.MaxUint64)
		case 3:
			s.Exact(d.Root[:])
		case 4:
			d.Count = uint16(s.Uint(math.MaxUint16))
		case 5:
			d.Total = scanInt(s)
		case 6:
			d.Date = scanInt(s)
		case 7:
			d.Expires = scanInt(s)
		case 8:
			d.Until = scanInt(s)
		case 9:
			d.Sig = slices.Clone(s.Bytes())
		default:
			s.Fail()
		}
	}
}

func scanVote(s *wire.Scanner) *voucher.Vote {
	v := new(voucher.Vote)
	for f := s.Map(); ; {
		key, more := f.Next()
		if !more {
			return v
		}
		switch key {
		case 1:
			v.Voter = scanMember(s)
		case 2:
			v.Sig = slices.Clone(s.Bytes())
		default:
			s.Fail()
		}
	}
}
