package msg

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Room asks a neighbour how much it has room for. It is answered by RoomLeft.
type Room struct{}

// RoomLeft answers Room, in bytes of content.
type RoomLeft struct {
	Left    int64 `cbor:"1,keyasint"` // 0 also where more is kept than is offered now
	Offered int64 `cbor:"2,keyasint"` // in all
}

// Divert asks a neighbour to keep the asker's replica of an object (PAST, 3.3). It is
// answered by Taken, after the replica was written down. Of a large object the neighbour may lack
// chunks: then the answer is Move, if From sends them, or Coming, and it is asked again.
type Divert struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"` // the body
	Slip    *voucher.Slip            `cbor:"3,keyasint,omitempty"` // where storage is paid for
	From    *peer.Handle             `cbor:"4,keyasint,omitempty"` // who sends the chunks; nil: the other holders have them
}

// Point tells the node that is next to keep an object if one of the k nearest fails that
// the asker's replica lies at another node. It is answered by Taken.
type Point struct {
	Cert *certificate.Certificate `cbor:"1,keyasint"`
	At   id.ID                    `cbor:"2,keyasint"`
	Slip *voucher.Slip            `cbor:"3,keyasint,omitempty"`
}

// Taken answers Divert and Point.
type Taken struct{}

// Coming answers Divert: the chunks are on their way from another holder.
type Coming struct{}

// Copy gives a copy of an object to be cached. It wants no answer.
type Copy struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	Age     uint32                   `cbor:"3,keyasint,omitempty"` // seconds since it left a holder
	// Level is 1 + the level of the routing table that copies are pushed to; 0: this one
	// goes to one node alone.
	Level uint8 `cbor:"4,keyasint,omitempty"`
}

// Kind implements wire.Message.
func (*Copy) Kind() wire.Kind { return kindCopy }

// Check implements wire.Checker.
func (m *Copy) Check() error {
	if m.Level > id.Bits {
		return fmt.Errorf("%w: level %d", ErrMessage, m.Level)
	}
	return checkContent(m.Cert, m.Content)
}

// Kind implements wire.Message.
func (*Room) Kind() wire.Kind { return kindRoom }

// Kind implements wire.Message.
func (*RoomLeft) Kind() wire.Kind { return kindRoomLeft }

// Kind implements wire.Message.
func (*Divert) Kind() wire.Kind { return kindDivert }

// Kind implements wire.Message.
func (*Point) Kind() wire.Kind { return kindPoint }

// Kind implements wire.Message.
func (*Taken) Kind() wire.Kind { return kindTaken }

// Kind implements wire.Message.
func (*Coming) Kind() wire.Kind { return kindComing }

// Check implements wire.Checker.
func (m *RoomLeft) Check() error {
	if m.Left < 0 || m.Left > m.Offered {
		return fmt.Errorf("%w: room for %d bytes of %d", ErrMessage, m.Left, m.Offered)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Divert) Check() error {
	if m.From != nil {
		if err := m.From.Check(); err != nil {
			return err
		}
	}
	return errors.Join(checkContent(m.Cert, m.Content), checkSlip(m.Slip))
}

// Check implements wire.Checker.
func (m *Point) Check() error { return errors.Join(m.Cert.Check(), checkSlip(m.Slip)) }
