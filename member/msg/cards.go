package msg

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Card is an admitter as admitters tell each other of it. It travels as a byte
// string of its own, as peer.Handle does.
type Card struct {
	Admission *peer.Admission
	Node      id.ID
	Addrs     []string
}

type cardFields struct {
	_         struct{} `cbor:",toarray"`
	Admission *peer.Admission
	Node      id.ID
	Addrs     []string
}

const maxCard = 256 + invite.MaxAddrs*(peer.MaxAddrLen+3)

// MarshalBinary implements encoding.BinaryMarshaler.
func (c *Card) MarshalBinary() ([]byte, error) {
	return wire.Marshal(cardFields{Admission: c.Admission, Node: c.Node, Addrs: c.Addrs})
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (c *Card) UnmarshalBinary(b []byte) error {
	if len(b) > maxCard {
		return fmt.Errorf("%w: an admitter of %d bytes", wire.ErrMalformed, len(b))
	}
	var f cardFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Admission == nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, ErrAbsent)
	}
	if err := invite.CheckAddrs(f.Addrs); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	*c = Card{Admission: f.Admission, Node: f.Node, Addrs: f.Addrs}
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (c *Card) UnmarshalCBOR(b []byte) error { return wire.ByteString(c, b) }

func checkCards(cs []*Card) error {
	if len(cs) > MaxCards {
		return fmt.Errorf("%d admitters, at most %d", len(cs), MaxCards)
	}
	if slices.Contains(cs, nil) {
		return ErrAbsent
	}
	return nil
}

// Place is a key's register as admitters copy it from each other.
type Place struct {
	Key   peer.Key
	State RegisterState
}

type placeFields struct {
	_        struct{} `cbor:",toarray"`
	Key      peer.Key
	Promised uint64
	Accepted uint64
	Value    []byte
	Chosen   bool
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (p *Place) MarshalBinary() ([]byte, error) {
	s := p.State
	return wire.Marshal(placeFields{Key: p.Key, Promised: s.Promised, Accepted: s.Accepted, Value: s.Value, Chosen: s.Chosen})
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (p *Place) UnmarshalBinary(b []byte) error {
	if len(b) > 128+maxValue {
		return fmt.Errorf("%w: a register of %d bytes", wire.ErrMalformed, len(b))
	}
	var f placeFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return err
	}
	v := Place{Key: f.Key, State: RegisterState{Promised: f.Promised, Accepted: f.Accepted, Value: f.Value, Chosen: f.Chosen}}
	if err := v.State.check(); err != nil || f.Key.IsZero() {
		return fmt.Errorf("%w: impossible register", wire.ErrMalformed)
	}
	*p = v
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (p *Place) UnmarshalCBOR(b []byte) error { return wire.ByteString(p, b) }

// Acquaintance is a member as admitters tell each other of it.
type Acquaintance struct {
	Certificate *peer.Certificate
	Addrs       []string
}

type acquaintanceFields struct {
	_           struct{} `cbor:",toarray"`
	Certificate *peer.Certificate
	Addrs       []string
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (a *Acquaintance) MarshalBinary() ([]byte, error) {
	return wire.Marshal(acquaintanceFields{Certificate: a.Certificate, Addrs: a.Addrs})
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *Acquaintance) UnmarshalBinary(b []byte) error {
	if len(b) > peer.MaxCertificate {
		return fmt.Errorf("%w: a member of %d bytes", wire.ErrMalformed, len(b))
	}
	var f acquaintanceFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Certificate == nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, ErrAbsent)
	}
	if err := invite.CheckAddrs(f.Addrs); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	*a = Acquaintance{Certificate: f.Certificate, Addrs: f.Addrs}
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (a *Acquaintance) UnmarshalCBOR(b []byte) error { return wire.ByteString(a, b) }
