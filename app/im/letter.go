package im

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// MsgID names a message: 128 random bits, drawn by its sender.
type MsgID struct{ id.ID }

// ParseMsgID reads what String wrote: 32 hex digits.
func ParseMsgID(s string) (MsgID, error) {
	x, err := id.Parse(s)
	return MsgID{x}, err
}

// bodyKind says what a letter's body is. Numbers from optionalBody on may be
// dropped by a receiver that does not know them; an unknown lower one is refused,
// and its sender learns that.
type bodyKind uint8

const (
	bodyText    bodyKind = 1 // UTF-8
	bodyReceipt bodyKind = 2 // a receipt

	optionalBody bodyKind = 128
)

// maxCounter keeps counters far from where they would wrap.
const maxCounter = 1 << 62

// letter is what one person says to another: signed by the sender, and then
// sealed to the receiver. Nobody else sees any of it.
type letter struct {
	Ring   id.Hash  `cbor:"1,keyasint"`
	From   peer.Key `cbor:"2,keyasint"` // identity keys
	To     peer.Key `cbor:"3,keyasint"`
	Number uint32   `cbor:"4,keyasint"` // of the sealing key
	Conv   id.ID    `cbor:"5,keyasint"`
	// Stream is one device's side of a conversation. Its letters are counted
	// from 1. A device that lost its state begins another.
	Stream  id.ID  `cbor:"6,keyasint"`
	Counter uint64 `cbor:"7,keyasint"`
	// After is the counter of the letter that the same device must have taken
	// before this one. 0: none; it has all earlier ones, or they will never come.
	// So the receiver never waits by the clock for a letter that was lost.
	After uint64   `cbor:"8,keyasint,omitempty"`
	ID    MsgID    `cbor:"9,keyasint"`
	Kind  bodyKind `cbor:"10,keyasint"`
	Time  int64    `cbor:"11,keyasint"` // when it was written, Unix milliseconds
	Name  string   `cbor:"12,keyasint"` // that the sender says he has; may be empty
	Body  []byte   `cbor:"13,keyasint"`
	Sig   []byte   `cbor:"14,keyasint"`
}

// Check implements wire.Checker.
func (l *letter) Check() error {
	switch {
	case l.From.IsZero() || l.To.IsZero():
		return errors.New("letter without sender or receiver")
	case l.Stream.IsZero() || l.ID.IsZero():
		return errors.New("letter without a stream or an id")
	case l.Counter == 0 || l.Counter > maxCounter || l.After >= l.Counter:
		return fmt.Errorf("letter with counter %d after %d", l.Counter, l.After)
	case l.Kind == 0:
		return errors.New("letter without a kind")
	case len(l.Name) > MaxName || !utf8.ValidString(l.Name):
		return errors.New("letter with a name that is none")
	case len(l.Body) > MaxText:
		return fmt.Errorf("letter with a body of %d bytes, at most %d", len(l.Body), MaxText)
	case len(l.Sig) != peer.SignatureSize:
		return fmt.Errorf("letter with a signature of %d bytes", len(l.Sig))
	}
	if l.Kind == bodyText {
		return CheckText(string(l.Body))
	}
	return nil
}

// signed is what the signature covers: every field but itself.
func (l *letter) signed() []byte {
	h := id.HashOf("letter", l.Ring, l.From[:], l.To[:], l.Number, l.Conv, l.Stream, l.Counter, l.After,
		l.ID.ID, uint8(l.Kind), l.Time, l.Name, l.Body)
	return h[:]
}

// conversation names what two people say to each other, whoever of them speaks.
func conversation(a, b peer.Key) id.ID {
	if slices.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return id.HashOf("conversation", a[:], b[:]).Place()
}

// sealContext binds a seal to its ring, its receiver and the number of his key.
func sealContext(ring id.Hash, to peer.Key, number uint32) []byte {
	h := id.HashOf("letter-seal", ring, to[:], number)
	return h[:]
}

// sizeClasses are the lengths that a letter is padded to before it is sealed, so
// that its true length cannot be seen. The last holds the longest text.
var sizeClasses = [8]int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 24 << 10, 34 << 10}

// lengthSize is the length of the length in front of a padded letter, in bytes.
const lengthSize = 4

// pad returns b behind its length, filled up with zeros to the smallest class.
func pad(b []byte) ([]byte, error) {
	for _, n := range sizeClasses {
		if lengthSize+len(b) <= n {
			out := make([]byte, n)
			binary.BigEndian.PutUint32(out, uint32(len(b)))
			copy(out[lengthSize:], b)
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: letter of %d bytes", wire.ErrTooLarge, len(b))
}

// unpad undoes pad and accepts nothing that pad would not have made.
func unpad(p []byte) ([]byte, error) {
	i := slices.Index(sizeClasses[:], len(p))
	if i < 0 {
		return nil, fmt.Errorf("%w: padded to %d bytes", wire.ErrMalformed, len(p))
	}
	n := int64(binary.BigEndian.Uint32(p))
	if n > int64(len(p)-lengthSize) || i > 0 && lengthSize+n <= int64(sizeClasses[i-1]) {
		return nil, fmt.Errorf("%w: %d bytes in a class of %d", wire.ErrMalformed, n, len(p))
	}
	rest := p[lengthSize+n:]
	if slices.ContainsFunc(rest, func(c byte) bool { return c != 0 }) {
		return nil, fmt.Errorf("%w: padding that is not zero", wire.ErrMalformed)
	}
	return p[lengthSize : lengthSize+n], nil
}

// seal signs the letter and seals it to the receiver's key. It is heavy: it runs
// as work.
func (l letter) seal(s peer.Signer, sealer peer.Sealer, key peer.SealKey) ([]byte, error) {
	l.Sig = s.Sign(l.signed())
	b, err := wire.Marshal(&l)
	if err != nil {
		return nil, err
	}
	if b, err = pad(b); err != nil {
		return nil, err
	}
	return sealer.Seal(key, sealContext(l.Ring, l.To, l.Number), b)
}

// errUnreadable says only that a letter could not be opened or is not one for
// this receiver: what was in it belongs into no error.
var errUnreadable = errors.New("a letter that this user cannot read")

// openLetter undoes seal for the user with this identity key, and checks all that can
// be checked without knowing what came before. It is heavy: it runs as work.
func openLetter(sealed []byte, ring id.Hash, user peer.Key, number uint32, o peer.Opener, v peer.Verifier) (*letter, error) {
	p, err := o.Open(sealContext(ring, user, number), sealed)
	if err != nil {
		return nil, errUnreadable
	}
	l, err := parseLetter(p)
	if err != nil {
		return nil, errUnreadable
	}
	switch {
	case l.Ring != ring, l.To != user, l.Number != number, l.Conv != conversation(l.From, l.To):
		return nil, errUnreadable
	case !v.Verify(l.From, l.signed(), l.Sig):
		return nil, errUnreadable
	}
	return l, nil
}

// parseLetter decodes an opened letter.
func parseLetter(p []byte) (*letter, error) {
	b, err := unpad(p)
	if err != nil {
		return nil, err
	}
	l := new(letter)
	if err := wire.Unmarshal(b, l); err != nil {
		return nil, err
	}
	return l, nil
}

// receipt is the body of a letter that says which messages were read.
type receipt struct {
	Read []MsgID `cbor:"1,keyasint"`
}

// Check implements wire.Checker.
func (r *receipt) Check() error {
	if len(r.Read) == 0 || len(r.Read) > MaxReceipt {
		return fmt.Errorf("receipt for %d messages, want 1 to %d", len(r.Read), MaxReceipt)
	}
	return nil
}

// CheckText says whether a text can be sent: UTF-8 of 1 to MaxText bytes. What
// it holds besides is left as it is; who shows it escapes controls.
func CheckText(text string) error {
	switch {
	case text == "":
		return ErrEmptyText
	case len(text) > MaxText:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(text), MaxText)
	case !utf8.ValidString(text):
		return ErrNotText
	}
	return nil
}
