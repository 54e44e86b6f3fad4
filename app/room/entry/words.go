package entry

import (
	"errors"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// MaxText is the longest text, in bytes of UTF-8.
	MaxText = 32 << 10
	// padding is what the length of locked words is a multiple of, in bytes: the length
	// tells those who carry them little.
	padding = 256
	// nonceSize is the length of what makes the key of each words another, in bytes.
	nonceSize = 16
)

// ErrLocked is returned for words that cannot be read with a key.
var ErrLocked = errors.New("words that this key does not open")

// Words is what somebody says.
type Words struct {
	Text  string  `cbor:"1,keyasint"`
	Reply id.Hash `cbor:"2,keyasint"` // the entry that is answered; zero if none
	// Edits is an entry of the same author, in whose place these words stand; zero if none.
	// An empty text takes it back.
	Edits id.Hash `cbor:"3,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (w *Words) Check() error {
	switch {
	case w.Text == "" && w.Edits.IsZero():
		return bad("words without a text")
	case len(w.Text) > MaxText:
		return bad("text of %d bytes, at most %d", len(w.Text), MaxText)
	case !utf8.ValidString(w.Text):
		return bad("text that is not UTF-8")
	}
	return nil
}

// Open is the body of an entry of words in a public room.
func (w *Words) Open() []byte { return wire.MustMarshal(w) }

// Locked is the body of an entry of words that only readers of an epoch can read.
type Locked struct {
	Epoch id.Hash `cbor:"1,keyasint"` // the epoch's entry
	Nonce []byte  `cbor:"2,keyasint"`
	Box   []byte  `cbor:"3,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (l *Locked) Check() error {
	if l.Epoch.IsZero() || len(l.Nonce) != nonceSize || (len(l.Box)-peer.LockOverhead)%padding != 0 {
		return bad("locked words of an impossible form")
	}
	return nil
}

// context binds locked words to their author, and to the room.
func context(room id.Hash, author peer.Key) []byte {
	h := id.HashOf("room words", room, author[:])
	return h[:]
}

// Lock returns the body of an entry in which only readers of an epoch can read the words.
// It draws from l, and is heavy: it runs as work.
func (w *Words) Lock(room id.Hash, author peer.Key, epoch id.Hash, key peer.Secret, l peer.Locker) []byte {
	drawn := l.NewSecret()
	out := Locked{Epoch: epoch, Nonce: drawn[:nonceSize]}
	plain := append(wire.MustMarshal(w), 1)
	if over := len(plain) % padding; over != 0 {
		plain = append(plain, make([]byte, padding-over)...)
	}
	out.Box = l.Lock(key.Derive("room words", out.Nonce), context(room, author), plain)
	return wire.MustMarshal(&out)
}

// EpochOf is the epoch that words are locked with. The error wraps ErrEntry.
func EpochOf(e *Entry) (id.Hash, error) {
	var l Locked
	err := Body(e, &l)
	return l.Epoch, err
}

// Unlock returns what a locked entry says. The error is ErrLocked, or wraps ErrEntry.
func Unlock(e *Entry, key peer.Secret, l peer.Locker) (*Words, error) {
	var in Locked
	if err := Body(e, &in); err != nil {
		return nil, err
	}
	plain, err := l.Unlock(key.Derive("room words", in.Nonce), context(e.Room, e.Author), in.Box)
	if err != nil {
		return nil, ErrLocked
	}
	end := len(plain) - 1
	for end >= 0 && plain[end] == 0 {
		end--
	}
	if end < 0 || plain[end] != 1 || len(plain)-end > padding {
		return nil, bad("padding of locked words")
	}
	w := new(Words)
	if err := wire.Unmarshal(plain[:end], w); err != nil {
		return nil, bad("locked words: %v", err)
	}
	return w, nil
}

// KeyProof is what an epoch tells of its key: enough to know the key by, and no more.
func KeyProof(room id.Hash, key peer.Secret) id.Hash {
	d := key.Derive("room epoch proof", room[:])
	return id.HashOf("room epoch proof", d[:])
}

// NewEpoch returns the body of an epoch with a fresh key, for readers that are sorted. before
// and its key are the epoch's before it, zero in the first.
func NewEpoch(room id.Hash, number uint64, readers []byte, before id.Hash, beforeKey, fresh peer.Secret, l peer.Locker) *Epoch {
	p := &Epoch{Number: number, Readers: readers, Proof: KeyProof(room, fresh), Before: before}
	if !before.IsZero() {
		p.BeforeKey = l.Lock(fresh.Derive("room epoch before", before[:]), room[:], beforeKey[:])
	}
	return p
}

// KeyBefore returns the key of the epoch before, by this one's key. The error is ErrLocked.
func (p *Epoch) KeyBefore(room id.Hash, key peer.Secret, l peer.Locker) (peer.Secret, error) {
	var out peer.Secret
	b, err := l.Unlock(key.Derive("room epoch before", p.Before[:]), room[:], p.BeforeKey)
	if err != nil || out.UnmarshalBinary(b) != nil {
		return peer.Secret{}, ErrLocked
	}
	return out, nil
}
