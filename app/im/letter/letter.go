// Package letter is what one person says to another: signed by the sender over all of
// its fields, padded so that its length tells little, and sealed to the receiver's key.
// It knows neither the nodes that carry a letter nor the store in which it waits.
//
// Letters and what is in them are values; nothing here keeps a reference to bytes that
// were handed in. Sealing and opening are heavy: they run as work, off the loop.
package letter

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

// Limits that are part of the protocol: two nodes with different ones could not
// talk to each other.
const (
	// MaxText is the longest text of a message, in bytes of UTF-8. Files go
	// another way (not built yet).
	MaxText = 32 << 10
	// MaxName is the longest name that a letter claims, in bytes.
	MaxName = 128
	// MaxBatch is the largest number of letters in one push.
	MaxBatch = 16
	// MaxReceipt is the largest number of messages that one receipt names.
	MaxReceipt = 256
)

// What can be wrong with a text; see CheckText.
var (
	ErrEmptyText = errors.New("an empty message is not sent: write a word or two")
	ErrTooLong   = errors.New("too long for a message: put it into a file, and send that with `phyllo send NAME --file FILE`")
	ErrNotText   = errors.New("the message is not valid UTF-8 text: does the terminal, or the program before the pipe, write UTF-8?")
)

// MsgID names a message: 128 random bits, drawn by its sender.
type MsgID struct{ id.ID }

// ParseMsgID reads what String wrote: 32 hex digits.
func ParseMsgID(s string) (MsgID, error) {
	x, err := id.Parse(s)
	return MsgID{x}, err
}

// Kind says what a letter's body is. Numbers from OptionalKind on may be
// dropped by a receiver that does not know them; an unknown lower one is refused,
// and its sender learns that.
type Kind uint8

const (
	// TextKind: the body is UTF-8.
	TextKind Kind = 1
	// ReceiptKind: the body is a Receipt.
	ReceiptKind Kind = 2

	// OptionalKind is the first of those that may be dropped.
	OptionalKind Kind = 128
)

// MaxCounter keeps counters far from where they would wrap.
const MaxCounter = 1 << 62

// Letter is what one person says to another: signed by the sender, and then
// sealed to the receiver. Nobody else sees any of it.
type Letter struct {
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
	After uint64 `cbor:"8,keyasint,omitempty"`
	ID    MsgID  `cbor:"9,keyasint"`
	Kind  Kind   `cbor:"10,keyasint"`
	Time  int64  `cbor:"11,keyasint"` // when it was written, Unix milliseconds
	Name  string `cbor:"12,keyasint"` // that the sender says he has; may be empty
	Body  []byte `cbor:"13,keyasint"`
	Sig   []byte `cbor:"14,keyasint"`
}

// Check implements wire.Checker.
func (l *Letter) Check() error {
	switch {
	case l.From.IsZero() || l.To.IsZero():
		return errors.New("letter without sender or receiver")
	case l.Stream.IsZero() || l.ID.IsZero():
		return errors.New("letter without a stream or an id")
	case l.Counter == 0 || l.Counter > MaxCounter || l.After >= l.Counter:
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
	if l.Kind == TextKind {
		return CheckText(string(l.Body))
	}
	return nil
}

// Signed is what the signature covers: every field but itself.
func (l *Letter) Signed() []byte {
	h := id.HashOf("letter", l.Ring, l.From[:], l.To[:], l.Number, l.Conv, l.Stream, l.Counter, l.After,
		l.ID.ID, uint8(l.Kind), l.Time, l.Name, l.Body)
	return h[:]
}

// Conversation names what two people say to each other, whoever of them speaks.
func Conversation(a, b peer.Key) id.ID {
	if slices.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return id.HashOf("conversation", a[:], b[:]).Place()
}

// Context binds a seal to its ring, its receiver and the number of his key.
func Context(ring id.Hash, to peer.Key, number uint32) []byte {
	h := id.HashOf("letter-seal", ring, to[:], number)
	return h[:]
}

// SizeClasses are the lengths that a letter is padded to before it is sealed, so
// that its true length cannot be seen. The last holds the longest text.
var SizeClasses = [8]int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 24 << 10, 34 << 10}

// lengthSize is the length of the length in front of a padded letter, in bytes.
const lengthSize = 4

// Pad returns b behind its length, filled up with zeros to the smallest class.
func Pad(b []byte) ([]byte, error) {
	for _, n := range SizeClasses {
		if lengthSize+len(b) <= n {
			out := make([]byte, n)
			binary.BigEndian.PutUint32(out, uint32(len(b)))
			copy(out[lengthSize:], b)
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: letter of %d bytes", wire.ErrTooLarge, len(b))
}

// Unpad undoes Pad and accepts nothing that Pad would not have made.
func Unpad(p []byte) ([]byte, error) {
	i := slices.Index(SizeClasses[:], len(p))
	if i < 0 {
		return nil, fmt.Errorf("%w: padded to %d bytes", wire.ErrMalformed, len(p))
	}
	n := int64(binary.BigEndian.Uint32(p))
	if n > int64(len(p)-lengthSize) || i > 0 && lengthSize+n <= int64(SizeClasses[i-1]) {
		return nil, fmt.Errorf("%w: %d bytes in a class of %d", wire.ErrMalformed, n, len(p))
	}
	rest := p[lengthSize+n:]
	if slices.ContainsFunc(rest, func(c byte) bool { return c != 0 }) {
		return nil, fmt.Errorf("%w: padding that is not zero", wire.ErrMalformed)
	}
	return p[lengthSize : lengthSize+n], nil
}

// Seal signs the letter and seals it to the receiver's key. It is heavy: it runs
// as work.
func (l Letter) Seal(s peer.Signer, sealer peer.Sealer, key peer.SealKey) ([]byte, error) {
	l.Sig = s.Sign(l.Signed())
	b, err := wire.Marshal(&l)
	if err != nil {
		return nil, err
	}
	if b, err = Pad(b); err != nil {
		return nil, err
	}
	return sealer.Seal(key, Context(l.Ring, l.To, l.Number), b)
}

// errUnreadable says only that a letter could not be opened or is not one for
// this receiver: what was in it belongs into no error.
var errUnreadable = errors.New("a letter that this user cannot read")

// Open undoes Seal for the user with this identity key, and checks all that can
// be checked without knowing what came before. It is heavy: it runs as work.
func Open(sealed []byte, ring id.Hash, user peer.Key, number uint32, o peer.Opener, v peer.Verifier) (*Letter, error) {
	p, err := o.Open(Context(ring, user, number), sealed)
	if err != nil {
		return nil, errUnreadable
	}
	l, err := Parse(p)
	if err != nil {
		return nil, errUnreadable
	}
	switch {
	case l.Ring != ring, l.To != user, l.Number != number, l.Conv != Conversation(l.From, l.To):
		return nil, errUnreadable
	case !v.Verify(l.From, l.Signed(), l.Sig):
		return nil, errUnreadable
	}
	return l, nil
}

// Parse decodes an opened letter.
func Parse(p []byte) (*Letter, error) {
	b, err := Unpad(p)
	if err != nil {
		return nil, err
	}
	l := new(Letter)
	if err := wire.Unmarshal(b, l); err != nil {
		return nil, err
	}
	return l, nil
}

// Receipt is the body of a letter that says which messages were read.
type Receipt struct {
	Read []MsgID `cbor:"1,keyasint"`
}

// Check implements wire.Checker.
func (r *Receipt) Check() error {
	if len(r.Read) == 0 || len(r.Read) > MaxReceipt {
		return fmt.Errorf("receipt for %d messages, want 1 to %d", len(r.Read), MaxReceipt)
	}
	return nil
}

// ReceiptBody is the body of a receipt.
func ReceiptBody(read []MsgID) []byte { return wire.MustMarshal(&Receipt{Read: read}) }

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
