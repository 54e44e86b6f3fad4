package entry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits that are part of the protocol: members with different ones would not see the same.
const (
	// MaxParents is the number of entries that one names as the latest before it.
	MaxParents = 16
	// MaxBody is the largest body, in bytes: an entry fits a message between nodes.
	MaxBody = 36 << 10
	// MaxDepth and MaxSeq are far from where they would overflow.
	MaxDepth = 1 << 40
	MaxSeq   = 1 << 40
	// maxTime is far beyond any date that a clock may show, in Unix milliseconds.
	maxTime = 1 << 50
)

// ErrEntry is wrapped where an entry is not right, whoever signed it.
var ErrEntry = errors.New("not a right entry of a room")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrEntry, fmt.Sprintf(format, args...))
}

// Kind says what an entry's body is. The numbers are part of the protocol; an unknown one
// is kept and handed on, and not shown, so that older programs do not tear a log.
type Kind uint8

// Kinds of entries.
const (
	FoundingKind Kind = 1 + iota // Founding: the first entry of a room
	WordsKind                    // Words, or Locked words
	ChangeKind                   // Change of what somebody is in the room
	EpochKind                    // Epoch: a new key for what is said
	TitleKind                    // Title of the room
	StoringKind                  // Storing: whether the log is kept in the ring's storage
)

// Entry is one line in the log of a room.
type Entry struct {
	Room   id.Hash  `cbor:"1,keyasint"` // zero in the founding, whose hash it is
	Author peer.Key `cbor:"2,keyasint"` // identity key
	// Stream is what one device of the author writes, from 1 on. Who comes back after he
	// was out begins another: what he wrote meanwhile stays out.
	Stream id.ID  `cbor:"3,keyasint"`
	Seq    uint64 `cbor:"4,keyasint"`
	// Depth is one more than that of the deepest of Prev and Parents: entries sorted by it
	// come after what their authors had seen.
	Depth uint64 `cbor:"5,keyasint"`
	// Prev is the entry before this one in its stream; zero in the first.
	Prev id.Hash `cbor:"6,keyasint"`
	// Parents are the hashes of the other latest entries that the author had, sorted, one
	// after another.
	Parents []byte `cbor:"7,keyasint,omitempty"`
	Kind    Kind   `cbor:"8,keyasint"`
	Time    int64  `cbor:"9,keyasint"` // by the author's clock, Unix milliseconds
	Body    []byte `cbor:"10,keyasint"`
	Sig     []byte `cbor:"11,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (e *Entry) Check() error {
	founding := e.Kind == FoundingKind
	switch {
	case e.Author.IsZero() || e.Stream.IsZero():
		return bad("without an author or a stream")
	case e.Kind == 0:
		return bad("without a kind")
	case founding != e.Room.IsZero():
		return bad("a founding, and only that, names no room")
	case founding && (e.Seq != 1 || e.Depth != 1):
		return bad("a founding that is not the first entry")
	case !founding && (e.Prev.IsZero() && len(e.Parents) == 0 || e.Depth < 2):
		return bad("nothing comes before it")
	case e.Seq == 0 || e.Seq > MaxSeq || e.Depth > MaxDepth || e.Seq > e.Depth:
		return bad("number %d at depth %d", e.Seq, e.Depth)
	case (e.Seq == 1) != e.Prev.IsZero():
		return bad("number %d does not fit what it names as the one before it", e.Seq)
	case e.Time <= 0 || e.Time > maxTime:
		return bad("impossible time")
	case len(e.Body) > MaxBody:
		return bad("body of %d bytes, at most %d", len(e.Body), MaxBody)
	case len(e.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(e.Sig))
	}
	return e.checkParents()
}

func (e *Entry) checkParents() error {
	if len(e.Parents)%len(id.Hash{}) != 0 || len(e.Parents) > MaxParents*len(id.Hash{}) {
		return bad("parents of %d bytes, want at most %d hashes", len(e.Parents), MaxParents)
	}
	last := id.Hash{}
	for h := range slices.Chunk(e.Parents, len(id.Hash{})) {
		if bytes.Compare(h, last[:]) <= 0 || bytes.Equal(h, e.Prev[:]) {
			return bad("parents that are not in order, each once")
		}
		copy(last[:], h)
	}
	return nil
}

// Before returns the entries that this one names: the one before it in its stream, if there
// is one, and its parents. The caller owns the list.
func (e *Entry) Before() []id.Hash {
	var list []id.Hash
	if !e.Prev.IsZero() {
		list = append(list, e.Prev)
	}
	for h := range slices.Chunk(e.Parents, len(id.Hash{})) {
		list = append(list, id.Hash(h))
	}
	return list
}

// signed is what the signature covers: every field but itself.
func (e *Entry) signed() id.Hash {
	return id.HashOf("room entry", e.Room, e.Author[:], e.Stream, e.Seq, e.Depth, e.Prev, e.Parents,
		uint8(e.Kind), e.Time, e.Body)
}

// Hash names the entry. The signature is not in it: an author who signs twice writes one
// entry.
func (e *Entry) Hash() id.Hash { return e.signed() }

// InRoom is the room that the entry belongs to.
func (e *Entry) InRoom() id.Hash {
	if e.Kind == FoundingKind {
		return e.Hash()
	}
	return e.Room
}

// StreamName names what one device of an author writes: whoever takes the stream's id for his
// own does not disturb it.
func StreamName(author peer.Key, stream id.ID) id.ID {
	return id.HashOf("room stream", author[:], stream).Place()
}

// Sign returns a signed copy with the signer as its author. Body and parents are shared.
func (e *Entry) Sign(author peer.Signer) *Entry {
	s := *e
	s.Author = author.Public()
	h := s.signed()
	s.Sig = author.Sign(h[:])
	return &s
}

// Verify returns nil if the entry is within its limits, its body is one of its kind, and its
// author signed it. What the body of locked words holds is not seen. The error wraps
// ErrEntry.
func (e *Entry) Verify(v peer.Verifier) error {
	if err := e.Check(); err != nil {
		return err
	}
	if err := e.checkBody(); err != nil {
		return err
	}
	if h := e.signed(); !v.Verify(e.Author, h[:], e.Sig) {
		return bad("wrong signature")
	}
	return nil
}

func (e *Entry) checkBody() error {
	var body any
	switch e.Kind {
	case FoundingKind:
		body = new(Founding)
	case ChangeKind:
		body = new(Change)
	case EpochKind:
		body = new(Epoch)
	case TitleKind:
		body = new(Title)
	case StoringKind:
		body = new(Storing)
	default:
		return nil
	}
	return Body(e, body)
}

// Body decodes the body of an entry. The error wraps ErrEntry.
func Body(e *Entry, into any) error {
	if err := wire.Unmarshal(e.Body, into); err != nil {
		return fmt.Errorf("%w: its body: %v", ErrEntry, err)
	}
	return nil
}

// Parse decodes an entry from outside; it still must be verified. The error wraps
// wire.ErrMalformed.
func Parse(b []byte) (*Entry, error) {
	e := new(Entry)
	if err := wire.Unmarshal(b, e); err != nil {
		return nil, err
	}
	return e, nil
}

// Join puts hashes one after another, sorted, each once: as Parents has them.
func Join(hashes []id.Hash) []byte {
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	var out []byte
	for _, h := range slices.Compact(sorted) {
		out = append(out, h[:]...)
	}
	return out
}
