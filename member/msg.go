package member

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Protocol is the name of the streams on which membership is spoken.
const Protocol = "/phyllo/member/1"

// Versions of the protocol that this code speaks.
const (
	protoMin = 1
	protoMax = 1
)

// Limits of what is read.
const (
	// MaxFrame is the longest frame of the protocol, in bytes.
	MaxFrame = 16 << 10
	// MaxAdmitters is how many admitters a ring may have in good standing.
	MaxAdmitters = 16
	// MaxName is the longest name of a ring, in bytes.
	MaxName = 64

	maxCards  = MaxAdmitters
	maxPage   = 48      // registers in one answer
	maxKnown  = 16      // members in one answer
	maxValue  = 128     // bytes of a register's value
	maxBallot = 1 << 40 // nobody comes near it by honest means
)

// The messages, in the order of a conversation. greet and hello begin each one.
type (
	// greet is all that the opener of a stream says before it has checked hello.
	greet struct {
		Min uint8 `cbor:"1,keyasint"`
		Max uint8 `cbor:"2,keyasint"`
	}
	// hello says who answers. Admission is set if it is an admitter.
	hello struct {
		Version     uint8             `cbor:"1,keyasint"`
		Name        string            `cbor:"2,keyasint"` // of the ring
		Certificate *peer.Certificate `cbor:"3,keyasint"`
		Admission   *peer.Admission   `cbor:"4,keyasint,omitempty"`
		Decline     bool              `cbor:"5,keyasint,omitempty"` // would not be an admitter
		Time        int64             `cbor:"6,keyasint,omitempty"` // of day, Unix seconds; zero: older versions do not say
	}
	// refuse ends a conversation.
	refuse struct {
		Code uint8 `cbor:"1,keyasint"`
	}
	// done says yes where there is no more to say.
	done struct{}

	// redeem asks for a certificate for the key that opened the stream.
	redeem struct {
		Secret []byte   `cbor:"1,keyasint"`
		Addrs  []string `cbor:"2,keyasint,omitempty"`
		Time   int64    `cbor:"3,keyasint,omitempty"` // as in hello
	}
	// renew asks for a new certificate in place of one.
	renew struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Addrs       []string          `cbor:"2,keyasint,omitempty"`
		Time        int64             `cbor:"3,keyasint,omitempty"` // as in hello
	}
	// welcome gives a certificate, and the admitters that the giver knows.
	welcome struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Admitters   []*card           `cbor:"2,keyasint"`
	}

	// share begins a conversation between admitters, in both directions.
	share struct {
		Admitters []*card           `cbor:"1,keyasint"`
		Expelled  []*peer.Expulsion `cbor:"2,keyasint,omitempty"` // admitters, and pardons of theirs
	}
	// appoint makes the listener an admitter.
	appoint struct {
		Admission *peer.Admission `cbor:"1,keyasint"`
		Share     share           `cbor:"2,keyasint"`
	}
	// settle asks whether the listener has read the registers of this view.
	settle struct {
		View id.Hash `cbor:"1,keyasint"`
	}
	// keep makes an invitation known to an admitter named in it.
	keep struct {
		Hash    id.Hash `cbor:"1,keyasint"`
		Named   []byte  `cbor:"2,keyasint"` // keys, one after another
		Uses    uint32  `cbor:"3,keyasint"`
		Expires int64   `cbor:"4,keyasint"` // Unix seconds
	}

	// prepare and accept are the two phases of writing a register.
	prepare struct {
		Register register `cbor:"1,keyasint"`
		View     id.Hash  `cbor:"2,keyasint"`
		Ballot   uint64   `cbor:"3,keyasint"`
	}
	accept struct {
		Register register `cbor:"1,keyasint"`
		View     id.Hash  `cbor:"2,keyasint"`
		Ballot   uint64   `cbor:"3,keyasint"`
		Value    []byte   `cbor:"4,keyasint"`
	}
	// vote answers both: with the highest ballot promised, which is above the one
	// asked for if the answer is no, and what was accepted last.
	vote struct {
		Promised uint64 `cbor:"1,keyasint"`
		Accepted uint64 `cbor:"2,keyasint,omitempty"`
		Value    []byte `cbor:"3,keyasint,omitempty"`
	}
	// pull asks for the places after a key; page answers.
	pull struct {
		After peer.Key `cbor:"1,keyasint"`
	}
	page struct {
		Places []*place `cbor:"1,keyasint"`
		More   bool     `cbor:"2,keyasint,omitempty"`
	}
	// pullKnown asks for the members after an id; knownPage answers.
	pullKnown struct {
		After id.ID `cbor:"1,keyasint"`
	}
	knownPage struct {
		Known []*acquaintance `cbor:"1,keyasint"`
		More  bool            `cbor:"2,keyasint,omitempty"`
	}
	// seated tells the other admitters of a new certificate, before it goes out.
	seated struct {
		Certificate *peer.Certificate `cbor:"1,keyasint"`
		Addrs       []string          `cbor:"2,keyasint,omitempty"`
	}
	// cosign asks for a second signature; cosigned brings it, done says that it
	// waits for a person.
	cosign struct {
		Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	}
	cosigned struct {
		Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	}

	// lanAsk to lanYes: see lan.go.
	lanAsk struct {
		Commit id.Hash `cbor:"1,keyasint"`
	}
	lanNonce struct {
		Nonce []byte `cbor:"1,keyasint"`
	}
	lanOpen struct {
		Nonce []byte `cbor:"1,keyasint"`
	}
	lanYes struct {
		Addrs []string `cbor:"1,keyasint,omitempty"`
		Time  int64    `cbor:"2,keyasint,omitempty"` // as in hello
	}
)

// Numbers of the messages. They are never used again.
func (*greet) Kind() wire.Kind    { return 1 }
func (*hello) Kind() wire.Kind    { return 2 }
func (*refuse) Kind() wire.Kind   { return 3 }
func (*done) Kind() wire.Kind     { return 4 }
func (*redeem) Kind() wire.Kind   { return 5 }
func (*renew) Kind() wire.Kind    { return 6 }
func (*welcome) Kind() wire.Kind  { return 7 }
func (*share) Kind() wire.Kind    { return 8 }
func (*appoint) Kind() wire.Kind  { return 9 }
func (*settle) Kind() wire.Kind   { return 10 }
func (*keep) Kind() wire.Kind     { return 11 }
func (*prepare) Kind() wire.Kind  { return 12 }
func (*accept) Kind() wire.Kind   { return 13 }
func (*vote) Kind() wire.Kind     { return 14 }
func (*pull) Kind() wire.Kind     { return 15 }
func (*page) Kind() wire.Kind     { return 16 }
func (*seated) Kind() wire.Kind   { return 17 }
func (*cosign) Kind() wire.Kind   { return 18 }
func (*cosigned) Kind() wire.Kind { return 19 }
func (*lanAsk) Kind() wire.Kind   { return 20 }
func (*lanNonce) Kind() wire.Kind { return 21 }
func (*lanOpen) Kind() wire.Kind  { return 22 }
func (*lanYes) Kind() wire.Kind   { return 23 }

func (*pullKnown) Kind() wire.Kind { return 24 }
func (*knownPage) Kind() wire.Kind { return 25 }

var messages = wire.NewTable(
	(*greet)(nil), (*hello)(nil), (*refuse)(nil), (*done)(nil), (*redeem)(nil), (*renew)(nil), (*welcome)(nil),
	(*share)(nil), (*appoint)(nil), (*settle)(nil), (*keep)(nil), (*prepare)(nil), (*accept)(nil), (*vote)(nil),
	(*pull)(nil), (*page)(nil), (*seated)(nil), (*cosign)(nil), (*cosigned)(nil),
	(*lanAsk)(nil), (*lanNonce)(nil), (*lanOpen)(nil), (*lanYes)(nil), (*pullKnown)(nil), (*knownPage)(nil),
)

var (
	errLength = errors.New("a part of a wrong length")
	errAbsent = errors.New("a part is missing")
)

// Check implements wire.Checker, as do the methods below.
func (m *greet) Check() error {
	if m.Min == 0 || m.Min > m.Max {
		return errors.New("impossible versions")
	}
	return nil
}

func (m *hello) Check() error {
	if m.Certificate == nil {
		return errAbsent
	}
	if err := checkTime(m.Time); err != nil {
		return err
	}
	return checkName(m.Name)
}

func (m *redeem) Check() error {
	if len(m.Secret) != secretSize {
		return errLength
	}
	return checkTold(m.Addrs, m.Time)
}

func (m *renew) Check() error {
	if m.Certificate == nil {
		return errAbsent
	}
	return checkTold(m.Addrs, m.Time)
}

func (m *welcome) Check() error {
	if m.Certificate == nil {
		return errAbsent
	}
	return checkCards(m.Admitters)
}

func (m *share) Check() error {
	if err := checkCards(m.Admitters); err != nil {
		return err
	}
	return peer.CheckExpulsions(m.Expelled)
}

func (m *appoint) Check() error {
	if m.Admission == nil {
		return errAbsent
	}
	return m.Share.Check()
}

func (m *keep) Check() error {
	n := len(m.Named)
	if n == 0 || n%peer.KeySize != 0 || n > MaxNamed*peer.KeySize || m.Uses == 0 || m.Uses > MaxUses || checkTime(m.Expires) != nil {
		return errLength
	}
	return nil
}

func (m *prepare) Check() error { return checkBallot(m.Ballot, m.Register) }

func (m *accept) Check() error {
	if len(m.Value) == 0 || len(m.Value) > maxValue {
		return errLength
	}
	return checkBallot(m.Ballot, m.Register)
}

func (m *vote) Check() error {
	if len(m.Value) > maxValue || (m.Accepted == 0) != (len(m.Value) == 0) {
		return errLength
	}
	return nil
}

func (m *page) Check() error {
	if len(m.Places) > maxPage {
		return fmt.Errorf("%d registers, at most %d", len(m.Places), maxPage)
	}
	if slices.Contains(m.Places, nil) {
		return errAbsent
	}
	return nil
}

func (m *knownPage) Check() error {
	if len(m.Known) > maxKnown {
		return fmt.Errorf("%d members, at most %d", len(m.Known), maxKnown)
	}
	if slices.Contains(m.Known, nil) {
		return errAbsent
	}
	return nil
}

func (m *seated) Check() error {
	if m.Certificate == nil {
		return errAbsent
	}
	return checkAddrs(m.Addrs)
}

func (m *cosign) Check() error   { return present(m.Expulsion) }
func (m *cosigned) Check() error { return present(m.Expulsion) }
func (m *lanNonce) Check() error { return nonceLength(m.Nonce) }
func (m *lanOpen) Check() error  { return nonceLength(m.Nonce) }
func (m *lanYes) Check() error   { return checkTold(m.Addrs, m.Time) }

func present(e *peer.Expulsion) error {
	if e == nil {
		return errAbsent
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
	return checkAddrs(addrs)
}

func nonceLength(b []byte) error {
	if len(b) != nonceSize {
		return errLength
	}
	return nil
}

func checkBallot(n uint64, r register) error {
	if n == 0 || n > maxBallot {
		return errors.New("an impossible ballot")
	}
	return r.check()
}
