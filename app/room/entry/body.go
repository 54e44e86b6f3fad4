package entry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Limits of bodies.
const (
	// MaxTitle is the longest name of a room, and of a member, in bytes.
	MaxTitle = 128
	// MaxMembers is the number of people in a room for invited ones.
	MaxMembers = 256
	// MaxCut is the number of streams that a change names.
	MaxCut = 64
	// MaxNumber keeps numbers far from where they would overflow.
	MaxNumber = 1 << 32
	// cutSize is a stream and a number in it, in bytes.
	cutSize = id.Size + 8
)

// Founding is the body of a room's first entry: its author is the owner.
type Founding struct {
	Title string `cbor:"1,keyasint"`
	// Name is the founder's in the directory; may be empty.
	Name string `cbor:"2,keyasint,omitempty"`
	// Public lets every member of the ring join and read: nothing is sealed. Otherwise
	// people are invited.
	Public bool `cbor:"3,keyasint,omitempty"`
}

// Check implements wire.Checker. The error wraps ErrTitle.
func (f *Founding) Check() error {
	if f.Name != "" {
		if err := CheckTitle(f.Name); err != nil {
			return err
		}
	}
	return CheckTitle(f.Title)
}

// CheckTitle returns what is wrong with a room's name, or nil: it is 1 to MaxTitle bytes of
// UTF-8 that show, without control characters and marks that turn the direction of text.
// The error wraps ErrTitle.
func CheckTitle(title string) error {
	switch {
	case title == "" || len(title) > MaxTitle:
		return fmt.Errorf("%w: it has %d bytes, want 1 to %d", ErrTitle, len(title), MaxTitle)
	case !utf8.ValidString(title):
		return fmt.Errorf("%w: it is not UTF-8", ErrTitle)
	}
	for _, r := range title {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("%w: it holds the character %U", ErrTitle, r)
		}
	}
	return nil
}

// ErrTitle is wrapped for what cannot be the name of a room or of a member.
var ErrTitle = errors.New("not a name for a room")

// Title is the body of an entry by which an admin names the room anew.
type Title struct {
	Title  string `cbor:"1,keyasint"`
	Number uint64 `cbor:"2,keyasint"` // one more than that of the title before
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (t *Title) Check() error {
	if t.Number == 0 || t.Number > MaxNumber {
		return bad("number %d", t.Number)
	}
	return CheckTitle(t.Title)
}

// Storing is the body of an entry by which an admin says whether members put the room's log into
// the ring's storage, sealed, for those who come while no member is there.
type Storing struct {
	On     bool   `cbor:"1,keyasint,omitempty"`
	Number uint64 `cbor:"2,keyasint"` // one more than that of the one before
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (s *Storing) Check() error {
	if s.Number == 0 || s.Number > MaxNumber {
		return bad("number %d", s.Number)
	}
	return nil
}

// Role is what somebody is in a room.
type Role uint8

// Roles, each with the rights of those before it.
const (
	Out    Role = 1 + iota // reads nothing that is said from now on
	Member                 // reads and writes
	Admin                  // invites people, puts them out, starts key epochs, names the room
	Owner                  // makes admins; there is one
)

// String is the role's name, as users see it.
func (r Role) String() string {
	if r < Out || r > Owner {
		return "unknown"
	}
	return [...]string{"out", "member", "admin", "owner"}[r-Out]
}

// Change is the body of an entry that says what somebody is from now on. An admin makes
// members and puts them out; only the owner changes what an admin is, or hands the room
// over. Everybody may leave, and join a public room.
type Change struct {
	Who  peer.Key `cbor:"1,keyasint"`
	Name string   `cbor:"2,keyasint,omitempty"` // that his inviter knows him by; may be empty
	Role Role     `cbor:"3,keyasint"`
	// Number is one more than that of the change of the same person before it: the highest
	// holds, and of equal ones the lowest role.
	Number uint64 `cbor:"4,keyasint"`
	// Cut is what holds still of what was written with more rights, by him or, where the room
	// is handed over, by the author of this: the streams (StreamName), and for each the last
	// entry that the author of this has seen (AppendCut).
	Cut []byte `cbor:"5,keyasint,omitempty"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (c *Change) Check() error {
	switch {
	case c.Who.IsZero():
		return bad("a change of nobody")
	case c.Role < Out || c.Role > Owner:
		return bad("unknown role %d", c.Role)
	case c.Number == 0 || c.Number > MaxNumber:
		return bad("number %d", c.Number)
	case len(c.Cut)%cutSize != 0 || len(c.Cut) > MaxCut*cutSize:
		return bad("cut of %d bytes, want at most %d streams", len(c.Cut), MaxCut)
	case c.Name != "":
		return CheckTitle(c.Name)
	}
	return nil
}

// AppendCut appends a stream, and the last entry of it that still holds.
func AppendCut(cut []byte, stream id.ID, last uint64) []byte {
	b := stream.Bytes()
	return binary.BigEndian.AppendUint64(append(cut, b[:]...), last)
}

// EachCut calls f for each stream in a cut.
func EachCut(cut []byte, f func(stream id.ID, last uint64)) {
	for c := range slices.Chunk(cut, cutSize) {
		f(id.FromBytes(c[:id.Size]), binary.BigEndian.Uint64(c[id.Size:]))
	}
}

// Epoch is the body of an entry by which an admin starts a new key, when somebody is out: he
// reads nothing that is locked with it. Who is made a member later is given it, too. The key itself goes from member to member
// in sealed letters, never in the log.
type Epoch struct {
	// Number is one more than that of the epoch before: the highest holds, and of two the
	// one whose entry has the smaller hash; what was locked with the other stays readable.
	Number uint64 `cbor:"1,keyasint"`
	// Readers are the keys of those who are in the room when it begins, sorted, one after
	// another.
	Readers []byte `cbor:"2,keyasint"`
	// Proof is KeyProof of the key: nobody can give a wrong one.
	Proof id.Hash `cbor:"3,keyasint"`
	// Before names the epoch before this one (its entry), and BeforeKey is that one's key,
	// locked with this one's: who gets the newest key reads what was said before. Both are
	// empty in the first epoch.
	Before    id.Hash `cbor:"4,keyasint"`
	BeforeKey []byte  `cbor:"5,keyasint,omitempty"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (p *Epoch) Check() error {
	n := len(p.Readers)
	switch {
	case p.Number == 0 || p.Number > MaxNumber:
		return bad("epoch number %d", p.Number)
	case n == 0 || n%peer.KeySize != 0 || n > MaxMembers*peer.KeySize:
		return bad("readers of %d bytes, want 1 to %d keys", n, MaxMembers)
	case p.Before.IsZero() && len(p.BeforeKey) != 0 || !p.Before.IsZero() && len(p.BeforeKey) != peer.SecretSize+peer.LockOverhead:
		return bad("key of the epoch before of %d bytes", len(p.BeforeKey))
	}
	last := peer.Key{}
	for k := range slices.Chunk(p.Readers, peer.KeySize) {
		if bytes.Compare(k, last[:]) <= 0 {
			return bad("readers that are not in order, each once")
		}
		copy(last[:], k)
	}
	return nil
}

// EachReader calls f for each reader.
func (p *Epoch) EachReader(f func(peer.Key)) {
	for k := range slices.Chunk(p.Readers, peer.KeySize) {
		f(peer.Key(k))
	}
}

// Reads reports whether somebody is among the readers.
func (p *Epoch) Reads(who peer.Key) bool {
	found := false
	p.EachReader(func(k peer.Key) { found = found || k == who })
	return found
}
