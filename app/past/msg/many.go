package msg

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxVouchers is how many vouchers pay for what is in one PutMany.
const MaxVouchers = 4

// PutMany asks a node to keep several small new files, as that many Puts do. It is answered by
// StoredMany.
type PutMany struct {
	Vouchers []*voucher.Voucher `cbor:"1,keyasint,omitempty"` // at most MaxVouchers
	Puts     []*OneOfMany       `cbor:"2,keyasint"`           // 1 to certificate.MaxBatch
}

// OneOfMany is a Put whose voucher may be another's, too.
type OneOfMany struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	Path    *voucher.Path            `cbor:"3,keyasint,omitempty"` // where storage is paid for
	Voucher uint8                    `cbor:"4,keyasint,omitempty"` // its index, if there is a path
}

// StoredMany answers PutMany. For all that was stored there is one signature: see
// certificate.Receipts.
type StoredMany struct {
	// Codes has one for each Put: 0, it is stored, or that of its refusal.
	Codes  []uint16          `cbor:"1,keyasint"`
	Time   int64             `cbor:"2,keyasint,omitempty"` // Unix milliseconds; 0: nothing was stored
	Holder *peer.Certificate `cbor:"3,keyasint,omitempty"`
	Sig    []byte            `cbor:"4,keyasint,omitempty"`
}

// Put returns one of them as it would be asked alone.
func (m *PutMany) Put(i int) *Put {
	x := m.Puts[i]
	p := &Put{Cert: x.Cert, Content: x.Content}
	if x.Path != nil {
		p.Payment = &voucher.Payment{Voucher: m.Vouchers[x.Voucher], Path: x.Path}
	}
	return p
}

// Kind implements wire.Message.
func (*PutMany) Kind() wire.Kind { return kindPutMany }

// Kind implements wire.Message.
func (*StoredMany) Kind() wire.Kind { return kindStoredMany }

// Check implements wire.Checker.
func (m *PutMany) Check() error {
	if n := len(m.Puts); n == 0 || n > certificate.MaxBatch || len(m.Vouchers) > MaxVouchers {
		return fmt.Errorf("%w: %d files and %d vouchers at once", ErrMessage, n, len(m.Vouchers))
	}
	for _, v := range m.Vouchers {
		if err := v.Check(); err != nil {
			return err
		}
	}
	for _, x := range m.Puts {
		if x == nil {
			return fmt.Errorf("%w: no file", ErrMessage)
		}
		if err := errors.Join(checkContent(x.Cert, x.Content), x.checkPath(len(m.Vouchers))); err != nil {
			return err
		}
		if x.Cert.Kind != certificate.File || x.Cert.Large() {
			return fmt.Errorf("%w: an object of kind %d and %d bytes among small files", ErrMessage, x.Cert.Kind, x.Cert.Size)
		}
	}
	return nil
}

func (x *OneOfMany) checkPath(vouchers int) error {
	switch {
	case x.Path == nil:
		return nil
	case int(x.Voucher) >= vouchers:
		return fmt.Errorf("%w: voucher %d of %d", ErrMessage, x.Voucher, vouchers)
	}
	return x.Path.Check()
}

// Check implements wire.Checker.
func (m *StoredMany) Check() error {
	if n := len(m.Codes); n == 0 || n > certificate.MaxBatch {
		return fmt.Errorf("%w: %d answers at once", ErrMessage, n)
	}
	if slices.Contains(m.Codes, 0) && m.Holder == nil {
		return fmt.Errorf("%w: stored by nobody", ErrMessage)
	}
	return nil
}
