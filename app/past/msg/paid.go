package msg

import (
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// WhoPays asks a holder what paid for objects that it keeps. It is answered by Paying.
type WhoPays struct {
	Objects []id.Hash `cbor:"1,keyasint"` // at most MaxHave
}

// Paying answers WhoPays: a slip for each object, nil for one that is not kept or was
// reclaimed.
type Paying struct {
	Slips []*voucher.Slip `cbor:"1,keyasint"`
}

// Kind implements wire.Message.
func (*WhoPays) Kind() wire.Kind { return kindWhoPays }

// Kind implements wire.Message.
func (*Paying) Kind() wire.Kind { return kindPaying }

// Check implements wire.Checker.
func (m *WhoPays) Check() error {
	if n := len(m.Objects); n == 0 || n > MaxHave {
		return fmt.Errorf("%w: %d objects, want 1 to %d", ErrMessage, n, MaxHave)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Paying) Check() error {
	if n := len(m.Slips); n == 0 || n > MaxHave {
		return fmt.Errorf("%w: %d slips, want 1 to %d", ErrMessage, n, MaxHave)
	}
	for _, s := range m.Slips {
		if err := checkSlip(s); err != nil {
			return err
		}
	}
	return nil
}

func checkSlip(s *voucher.Slip) error {
	if s == nil {
		return nil
	}
	return s.Check()
}
