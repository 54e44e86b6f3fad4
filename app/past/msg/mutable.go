package msg

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Messages about mutable objects: see the package comment.

// Prepare asks a holder to promise that it takes no ruling of an earlier term. It is
// answered by promise or higher.
type Prepare struct {
	Object id.Hash          `cbor:"1,keyasint"`
	Copies uint8            `cbor:"2,keyasint"`
	Term   certificate.Term `cbor:"3,keyasint"`
}

// Promise answers prepare, with what the holder has.
type Promise struct {
	Life    uint64                   `cbor:"1,keyasint"`
	Sure    bool                     `cbor:"2,keyasint,omitempty"` // it would have the object if there was one
	Cert    *certificate.Certificate `cbor:"3,keyasint,omitempty"`
	Content []byte                   `cbor:"4,keyasint,omitempty"`
	Ruling  *certificate.Ruling      `cbor:"5,keyasint,omitempty"`
	// Outnumbered: it would, but for what those may have made without it who are away, and are more.
	Outnumbered bool `cbor:"6,keyasint,omitempty"`
}

// Higher answers prepare and accept: the holder has promised a later term.
type Higher struct {
	Term certificate.Term `cbor:"1,keyasint"`
}

// Accept tells a holder of a ruling. It is answered by accepted, once that is on its
// disk, or by higher.
type Accept struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	Ruling  *certificate.Ruling      `cbor:"3,keyasint"`
	Payment *voucher.Payment         `cbor:"4,keyasint,omitempty"` // of the change
}

// Accepted answers accept.
type Accepted struct {
	Life uint64 `cbor:"1,keyasint"`
}

// Update asks the root to make a version current, in place of the one before it. It is
// answered by updated, or by object with what is current instead.
type Update struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	// Payment is for a new object, or for one that is larger than what was paid for.
	Payment *voucher.Payment `cbor:"3,keyasint,omitempty"`
	// Replaces is the hash of the certificate that is to be replaced; zero: it is not known.
	Replaces id.Hash `cbor:"4,keyasint,omitzero"`
	// Apart: if a majority of the holders has been away for half a minute, it may be made without it.
	Apart bool `cbor:"5,keyasint,omitempty"`
}

// Keep asks a holder to keep a version that is about to be no more the current one, as it was
// made in another part of the ring. It is answered by taken, once that is on its disk.
type Keep struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	Ruling  *certificate.Ruling      `cbor:"3,keyasint"`
}

// Updated answers update.
type Updated struct{}

// Settle asks the root to complete what is half done. It is answered by object or absent.
type Settle struct {
	Object id.Hash `cbor:"1,keyasint"`
	Copies uint8   `cbor:"2,keyasint"`
	Apart  bool    `cbor:"3,keyasint,omitempty"` // as in Update
}

// Kind implements wire.Message.
func (*Prepare) Kind() wire.Kind { return kindPrepare }

// Kind implements wire.Message.
func (*Promise) Kind() wire.Kind { return kindPromise }

// Kind implements wire.Message.
func (*Higher) Kind() wire.Kind { return kindHigher }

// Kind implements wire.Message.
func (*Accept) Kind() wire.Kind { return kindAccept }

// Kind implements wire.Message.
func (*Accepted) Kind() wire.Kind { return kindAccepted }

// Kind implements wire.Message.
func (*Update) Kind() wire.Kind { return kindUpdate }

// Kind implements wire.Message.
func (*Updated) Kind() wire.Kind { return kindUpdated }

// Kind implements wire.Message.
func (*Settle) Kind() wire.Kind { return kindSettle }

// Kind implements wire.Message.
func (*Keep) Kind() wire.Kind { return kindKeep }

func checkCopies(n uint8) error {
	if n < 1 || n > certificate.MaxCopies {
		return fmt.Errorf("%w: %d copies", ErrMessage, n)
	}
	return nil
}

// checkRuled is for a version with its ruling.
func checkRuled(c *certificate.Certificate, content []byte, r *certificate.Ruling) error {
	if err := checkVersion(c, content); err != nil {
		return err
	}
	return r.Check()
}

func checkVersion(c *certificate.Certificate, content []byte) error {
	if err := checkContent(c, content); err != nil {
		return err
	}
	if c.Kind != certificate.Mutable {
		return fmt.Errorf("%w: an object of kind %d is not mutable", ErrMessage, c.Kind)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Prepare) Check() error { return checkCopies(m.Copies) }

// Check implements wire.Checker.
func (m *Promise) Check() error {
	if m.Cert == nil {
		return nil
	}
	return checkRuled(m.Cert, m.Content, m.Ruling)
}

// Check implements wire.Checker.
func (m *Accept) Check() error {
	return errors.Join(checkRuled(m.Cert, m.Content, m.Ruling), checkPayment(m.Payment))
}

// Check implements wire.Checker.
func (m *Keep) Check() error { return checkRuled(m.Cert, m.Content, m.Ruling) }

// Check implements wire.Checker.
func (m *Update) Check() error {
	return errors.Join(checkVersion(m.Cert, m.Content), checkPayment(m.Payment))
}

// Check implements wire.Checker.
func (m *Settle) Check() error { return checkCopies(m.Copies) }
