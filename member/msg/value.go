package msg

import (
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Register names a value that is written once: the place of a key (Key is set),
// or one use of an invitation (Invite is set).
type Register struct {
	Key    peer.Key `cbor:"1,keyasint"`
	Invite id.Hash  `cbor:"2,keyasint"`
	Slot   uint32   `cbor:"3,keyasint"`
}

func (r Register) check() error {
	if r.Key.IsZero() == r.Invite.IsZero() || r.Invite.IsZero() && r.Slot != 0 || r.Slot >= invite.MaxUses {
		return errors.New("an impossible register")
	}
	return nil
}

// IsPlace reports whether it is a key's place, and no use of an invitation.
func (r Register) IsPlace() bool { return !r.Key.IsZero() }

// RegisterState is what one acceptor knows of a register.
type RegisterState struct {
	Promised uint64 `cbor:"1,keyasint"` // no lower ballot is accepted any more
	Accepted uint64 `cbor:"2,keyasint"` // the ballot of Value; 0: none
	Value    []byte `cbor:"3,keyasint"`
	Chosen   bool   `cbor:"4,keyasint"` // a majority has accepted Value
}

func (s *RegisterState) check() error {
	if s.Promised > maxBallot || s.Accepted > maxBallot || len(s.Value) > maxValue ||
		(s.Accepted == 0) != (len(s.Value) == 0) || s.Chosen && s.Accepted == 0 {
		return errors.New("an impossible state of a register")
	}
	return nil
}

// PlaceValue is what the register of a key holds. Who drew the salt, and when,
// stands there too, so that `member list` can say who admitted whom.
type PlaceValue struct {
	Salt peer.Salt `cbor:"1,keyasint"`
	By   peer.Key  `cbor:"2,keyasint"`
	Time int64     `cbor:"3,keyasint"` // Unix seconds
}

// UseValue is what a use of an invitation holds.
type UseValue struct {
	Key peer.Key `cbor:"1,keyasint"`
}

// CheckValue returns what is wrong with a value for this register.
func (r Register) CheckValue(b []byte) error {
	if r.IsPlace() {
		return wire.Unmarshal(b, new(PlaceValue))
	}
	var u UseValue
	if err := wire.Unmarshal(b, &u); err != nil {
		return err
	}
	if u.Key.IsZero() {
		return ErrAbsent
	}
	return nil
}
