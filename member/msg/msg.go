// Package msg is what nodes say to each other about membership, on streams of its own: the
// messages, what each may hold at most, and the registers that admitters vote about. It
// decides nothing.
package msg

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Protocol is the name of the streams on which membership is spoken.
const Protocol = "/phyllo/member/1"

// ErrConversation: what came is no message of the protocol, or out of its order.
var ErrConversation = errors.New("the other node does not keep to the membership protocol")

// Versions of the protocol that this code speaks.
const (
	ProtoMin = 1
	ProtoMax = 1
)

// Limits of what is read.
const (
	// MaxFrame is the longest frame of the protocol, in bytes.
	MaxFrame = 16 << 10
	// MaxAdmitters is how many admitters a ring may have in good standing.
	MaxAdmitters = 16
	// MaxName is the longest name of a ring, in bytes.
	MaxName = 64

	MaxCards  = MaxAdmitters
	MaxPage   = 48  // registers in one answer
	MaxKnown  = 16  // members in one answer
	maxValue  = 128 // bytes of a register's value
	NonceSize = 16
	maxBallot = 1 << 40 // nobody comes near it by honest means
)

// The messages, in the order of a conversation. greet and hello begin each one.
type (
	// Greet is all that the opener of a stream says before it has checked hello.
	Greet struct {
		Min uint8 `cbor:"1,keyasint"`
		Max uint8 `cbor:"2,keyasint"`
	}
	// Hello says who answers. Admission is set if it is an admitter.
	Hello struct {
		Version     uint8             `cbor:"1,keyasint"`
		Name        string            `cbor:"2,keyasint"` // of the ring
		Certificate *peer.Certificate `cbor:"3,keyasint"`
		Admission   *peer.Admission   `cbor:"4,keyasint,omitempty"`
		Decline     bool              `cbor:"5,keyasint,omitempty"` // would not be an admitter
		Time        int64             `cbor:"6,keyasint,omitempty"` // of day, Unix seconds; zero: older versions do not say
	}
	// Refuse ends a conversation.
	Refuse struct {
		Code uint8 `cbor:"1,keyasint"`
	}
	// Done says yes where there is no more to say.
	Done struct{}

	// Redeem asks for a certificate for the key that opened the stream.
	Redeem struct {
		Secret []byte   `cbor:"1,keyasint"`
		Addrs  []string `cbor:"2,keyasint,omitempty"`
		Time   int64    `cbor:"3,keyasint,omitempty"` // as in hello
	}
	// Renew asks for a new certificate in place of one.
	Renew struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Addrs       []string          `cbor:"2,keyasint,omitempty"`
		Time        int64             `cbor:"3,keyasint,omitempty"` // as in hello
	}
	// Welcome gives a certificate, and the admitters that the giver knows.
	Welcome struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Admitters   []*Card           `cbor:"2,keyasint"`
	}

	// Share begins a conversation between admitters, in both directions.
	Share struct {
		Admitters []*Card           `cbor:"1,keyasint"`
		Expelled  []*peer.Expulsion `cbor:"2,keyasint,omitempty"` // admitters, and pardons of theirs
	}
	// Appoint makes the listener an admitter.
	Appoint struct {
		Admission *peer.Admission `cbor:"1,keyasint"`
		Share     Share           `cbor:"2,keyasint"`
	}
	// Settle asks whether the listener has read the registers of this view.
	Settle struct {
		View id.Hash `cbor:"1,keyasint"`
	}
	// Keep makes an invitation known to an admitter named in it.
	Keep struct {
		Hash    id.Hash `cbor:"1,keyasint"`
		Named   []byte  `cbor:"2,keyasint"` // keys, one after another
		Uses    uint32  `cbor:"3,keyasint"`
		Expires int64   `cbor:"4,keyasint"` // Unix seconds
	}

	// Prepare and accept are the two phases of writing a register.
	Prepare struct {
		Register Register `cbor:"1,keyasint"`
		View     id.Hash  `cbor:"2,keyasint"`
		Ballot   uint64   `cbor:"3,keyasint"`
	}
	Accept struct {
		Register Register `cbor:"1,keyasint"`
		View     id.Hash  `cbor:"2,keyasint"`
		Ballot   uint64   `cbor:"3,keyasint"`
		Value    []byte   `cbor:"4,keyasint"`
	}
	// Vote answers both: with the highest ballot promised, which is above the one
	// asked for if the answer is no, and what was accepted last.
	Vote struct {
		Promised uint64 `cbor:"1,keyasint"`
		Accepted uint64 `cbor:"2,keyasint,omitempty"`
		Value    []byte `cbor:"3,keyasint,omitempty"`
	}
	// Pull asks for the places after a key; page answers.
	Pull struct {
		After peer.Key `cbor:"1,keyasint"`
	}
	Page struct {
		Places []*Place `cbor:"1,keyasint"`
		More   bool     `cbor:"2,keyasint,omitempty"`
	}
	// PullKnown asks for the members after an id; knownPage answers.
	PullKnown struct {
		After id.ID `cbor:"1,keyasint"`
	}
	KnownPage struct {
		Known []*Acquaintance `cbor:"1,keyasint"`
		More  bool            `cbor:"2,keyasint,omitempty"`
	}
	// Seated tells the other admitters of a new certificate, before it goes out.
	Seated struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Addrs       []string          `cbor:"2,keyasint,omitempty"`
	}
	// Cosign asks for a second signature; cosigned brings it, done says that it
	// waits for a person.
	Cosign struct {
		Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	}
	Cosigned struct {
		Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	}

	// LanAsk to lanYes: see lan.go.
	LanAsk struct {
		Commit id.Hash `cbor:"1,keyasint"`
	}
	LanNonce struct {
		Nonce []byte `cbor:"1,keyasint"`
	}
	LanOpen struct {
		Nonce []byte `cbor:"1,keyasint"`
	}
	LanYes struct {
		Addrs []string `cbor:"1,keyasint,omitempty"`
		Time  int64    `cbor:"2,keyasint,omitempty"` // as in hello
	}
)

// Numbers of the messages. They are never used again.

// Kind implements wire.Message.
func (*Greet) Kind() wire.Kind { return 1 }

// Kind implements wire.Message.
func (*Hello) Kind() wire.Kind { return 2 }

// Kind implements wire.Message.
func (*Refuse) Kind() wire.Kind { return 3 }

// Kind implements wire.Message.
func (*Done) Kind() wire.Kind { return 4 }

// Kind implements wire.Message.
func (*Redeem) Kind() wire.Kind { return 5 }

// Kind implements wire.Message.
func (*Renew) Kind() wire.Kind { return 6 }

// Kind implements wire.Message.
func (*Welcome) Kind() wire.Kind { return 7 }

// Kind implements wire.Message.
func (*Share) Kind() wire.Kind { return 8 }

// Kind implements wire.Message.
func (*Appoint) Kind() wire.Kind { return 9 }

// Kind implements wire.Message.
func (*Settle) Kind() wire.Kind { return 10 }

// Kind implements wire.Message.
func (*Keep) Kind() wire.Kind { return 11 }

// Kind implements wire.Message.
func (*Prepare) Kind() wire.Kind { return 12 }

// Kind implements wire.Message.
func (*Accept) Kind() wire.Kind { return 13 }

// Kind implements wire.Message.
func (*Vote) Kind() wire.Kind { return 14 }

// Kind implements wire.Message.
func (*Pull) Kind() wire.Kind { return 15 }

// Kind implements wire.Message.
func (*Page) Kind() wire.Kind { return 16 }

// Kind implements wire.Message.
func (*Seated) Kind() wire.Kind { return 17 }

// Kind implements wire.Message.
func (*Cosign) Kind() wire.Kind { return 18 }

// Kind implements wire.Message.
func (*Cosigned) Kind() wire.Kind { return 19 }

// Kind implements wire.Message.
func (*LanAsk) Kind() wire.Kind { return 20 }

// Kind implements wire.Message.
func (*LanNonce) Kind() wire.Kind { return 21 }

// Kind implements wire.Message.
func (*LanOpen) Kind() wire.Kind { return 22 }

// Kind implements wire.Message.
func (*LanYes) Kind() wire.Kind { return 23 }

// Kind implements wire.Message.
func (*PullKnown) Kind() wire.Kind { return 24 }

// Kind implements wire.Message.
func (*KnownPage) Kind() wire.Kind { return 25 }

// Messages are all of them.
var Messages = wire.NewTable(
	(*Greet)(nil), (*Hello)(nil), (*Refuse)(nil), (*Done)(nil), (*Redeem)(nil), (*Renew)(nil), (*Welcome)(nil),
	(*Share)(nil), (*Appoint)(nil), (*Settle)(nil), (*Keep)(nil), (*Prepare)(nil), (*Accept)(nil), (*Vote)(nil),
	(*Pull)(nil), (*Page)(nil), (*Seated)(nil), (*Cosign)(nil), (*Cosigned)(nil),
	(*LanAsk)(nil), (*LanNonce)(nil), (*LanOpen)(nil), (*LanYes)(nil), (*PullKnown)(nil), (*KnownPage)(nil),
)

var (
	errLength = errors.New("a part of a wrong length")
	// ErrAbsent: something that must be there is not.
	ErrAbsent = errors.New("a part is missing")
)

// Check implements wire.Checker, as do the methods below.

// Check implements wire.Checker.
func (m *Greet) Check() error {
	if m.Min == 0 || m.Min > m.Max {
		return errors.New("impossible versions")
	}
	return nil
}

// Check implements wire.Checker.
func (m *Hello) Check() error {
	if m.Certificate == nil {
		return ErrAbsent
	}
	if err := checkTime(m.Time); err != nil {
		return err
	}
	return CheckName(m.Name)
}

// Check implements wire.Checker.
func (m *Redeem) Check() error {
	if len(m.Secret) != invite.SecretSize {
		return errLength
	}
	return checkTold(m.Addrs, m.Time)
}

// Check implements wire.Checker.
func (m *Renew) Check() error {
	if m.Certificate == nil {
		return ErrAbsent
	}
	return checkTold(m.Addrs, m.Time)
}

// Check implements wire.Checker.
func (m *Welcome) Check() error {
	if m.Certificate == nil {
		return ErrAbsent
	}
	return checkCards(m.Admitters)
}

// Check implements wire.Checker.
func (m *Share) Check() error {
	if err := checkCards(m.Admitters); err != nil {
		return err
	}
	return peer.CheckExpulsions(m.Expelled)
}

// Check implements wire.Checker.
func (m *Appoint) Check() error {
	if m.Admission == nil {
		return ErrAbsent
	}
	return m.Share.Check()
}

// Check implements wire.Checker.
func (m *Keep) Check() error {
	n := len(m.Named)
	if n == 0 || n%peer.KeySize != 0 || n > invite.MaxNamed*peer.KeySize || m.Uses == 0 || m.Uses > invite.MaxUses || checkTime(m.Expires) != nil {
		return errLength
	}
	return nil
}

// Check implements wire.Checker.
func (m *Prepare) Check() error { return checkBallot(m.Ballot, m.Register) }

// Check implements wire.Checker.
func (m *Accept) Check() error {
	if len(m.Value) == 0 || len(m.Value) > maxValue {
		return errLength
	}
	return checkBallot(m.Ballot, m.Register)
}

// Check implements wire.Checker.
func (m *Vote) Check() error {
	if len(m.Value) > maxValue || (m.Accepted == 0) != (len(m.Value) == 0) {
		return errLength
	}
	return nil
}

// Check implements wire.Checker.
func (m *Page) Check() error {
	if len(m.Places) > MaxPage {
		return fmt.Errorf("%d registers, at most %d", len(m.Places), MaxPage)
	}
	if slices.Contains(m.Places, nil) {
		return ErrAbsent
	}
	return nil
}

// Check implements wire.Checker.
func (m *KnownPage) Check() error {
	if len(m.Known) > MaxKnown {
		return fmt.Errorf("%d members, at most %d", len(m.Known), MaxKnown)
	}
	if slices.Contains(m.Known, nil) {
		return ErrAbsent
	}
	return nil
}

// Check implements wire.Checker.
func (m *Seated) Check() error {
	if m.Certificate == nil {
		return ErrAbsent
	}
	return invite.CheckAddrs(m.Addrs)
}

// Check implements wire.Checker.
func (m *Cosign) Check() error { return Present(m.Expulsion) }

// Check implements wire.Checker.
func (m *Cosigned) Check() error { return Present(m.Expulsion) }

// Check implements wire.Checker.
func (m *LanNonce) Check() error { return nonceLength(m.Nonce) }

// Check implements wire.Checker.
func (m *LanOpen) Check() error { return nonceLength(m.Nonce) }

// Check implements wire.Checker.
func (m *LanYes) Check() error { return checkTold(m.Addrs, m.Time) }

// Present returns ErrAbsent if there is no expulsion.
func Present(e *peer.Expulsion) error {
	if e == nil {
		return ErrAbsent
	}
	return nil
}

// maxTime is the latest time of day that anybody may say that it is, in Unix seconds.
const maxTime = 1 << 40

func checkTime(t int64) error {
	if t < 0 || t > maxTime {
		return errors.New("an impossible time of day")
	}
	return nil
}

// checkTold checks what a node that wants a certificate says of itself.
func checkTold(addrs []string, t int64) error {
	if err := checkTime(t); err != nil {
		return err
	}
	return invite.CheckAddrs(addrs)
}

func nonceLength(b []byte) error {
	if len(b) != NonceSize {
		return errLength
	}
	return nil
}

func checkBallot(n uint64, r Register) error {
	if n == 0 || n > maxBallot {
		return errors.New("an impossible ballot")
	}
	return r.check()
}
