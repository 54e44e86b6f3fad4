package msg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	MaxEntries = 128         // in one message
	MaxHeads   = 64          // told of
	MaxWanted  = 64          // entries asked for by their hashes
	RoomFor    = 44 << 10    // bytes of entries in one message
	MarkSize   = id.Size + 8 // bytes of a mark
	MaxSealed  = 2 << 10     // bytes of a sealed key
	KnownSize  = 8 + 8       // bytes of how a receipt is named that is there
	// MaxReceipts is how many are in one message, and MaxKnown how many are named.
	MaxReceipts = 256
	MaxKnown    = dag.MaxAllStreams
	// MaxFound is how many public rooms of one person are told of.
	MaxFound = 64
)

// Kinds on the wire.
const (
	kindPush wire.Kind = 1 + iota
	kindTook
	kindSync
	kindRest
	kindAskKey
	kindKey
	kindInvite
	kindSeen
	kindSeenRest
	kindFind
	kindFound
)

// Messages lists what nodes say to each other in this protocol.
var Messages = wire.NewTable((*Push)(nil), (*Took)(nil), (*Sync)(nil), (*Rest)(nil), (*AskKey)(nil), (*Key)(nil), (*Invite)(nil), (*Seen)(nil), (*SeenRest)(nil),
	(*Find)(nil), (*Found)(nil))

// Codes of refusals.
const (
	RefusedMalformed uint16 = 1 + iota
	RefusedRouted
	RefusedUnknown // the room is not known here, or nobody is in it who lives here
	RefusedDenied  // who asks has no right to it
	RefusedBusy
	RefusedStranger // who asks is not known to be in the room
)

// About says who speaks to whom of which room.
type About struct {
	Room id.Hash  `cbor:"1,keyasint"`
	From peer.Key `cbor:"2,keyasint"` // a user of the node that sends
	To   peer.Key `cbor:"3,keyasint"` // a user of the node that is asked
}

// Check implements wire.Checker.
func (a *About) Check() error {
	if a == nil || a.Room.IsZero() || a.From.IsZero() || a.To.IsZero() {
		return errors.New("message about no room, or from or to nobody")
	}
	return nil
}

// Push brings entries, in order.
type Push struct {
	About   *About         `cbor:"1,keyasint"`
	Entries []*entry.Entry `cbor:"2,keyasint"`
	// Before asks to pass the entry, which is one alone, on to all whose seats (seatOf) come after
	// that of whom it is pushed to, and before this one. Zero: it is not to be passed on.
	Before id.Hash `cbor:"3,keyasint,omitzero"`
}

// Took answers push and invite.
type Took struct {
	// Lacks tells that entries name others that are not there: the sender is asked for them.
	Lacks bool `cbor:"1,keyasint,omitempty"`
}

// Sync asks for what the sender lacks.
type Sync struct {
	About  *About `cbor:"1,keyasint"`
	Marks  []byte `cbor:"2,keyasint,omitempty"` // streams and how far they are there, one after another
	Wanted []byte `cbor:"3,keyasint,omitempty"` // hashes of entries that Marks cannot tell of
}

// Rest answers sync.
type Rest struct {
	Entries []*entry.Entry `cbor:"1,keyasint,omitempty"`
	More    bool           `cbor:"2,keyasint,omitempty"`
	Heads   []byte         `cbor:"3,keyasint,omitempty"`
	Marks   []byte         `cbor:"4,keyasint,omitempty"` // with the last entries
}

// AskKey asks for the key of an epoch.
type AskKey struct {
	About *About  `cbor:"1,keyasint"`
	Epoch id.Hash `cbor:"2,keyasint"`
}

// Key answers askKey.
type Key struct {
	Number uint32 `cbor:"1,keyasint"` // of the sealing key
	Sealed []byte `cbor:"2,keyasint"`
}

// Invite tells somebody that he was made a member.
type Invite struct {
	About    *About       `cbor:"1,keyasint"`
	Name     string       `cbor:"2,keyasint"` // that From has in the directory
	Title    string       `cbor:"3,keyasint"` // of the room, as From has it
	Founding *entry.Entry `cbor:"4,keyasint"`
	Change   *entry.Entry `cbor:"5,keyasint"` // that makes him a member
	// Epoch and Key are the current key, sealed to him, with which he finds the room on the shelf
	// when no member is there; nil in a public room, and where From does not have it.
	Epoch id.Hash `cbor:"6,keyasint"`
	Key   *Key    `cbor:"7,keyasint,omitempty"`
}

// Seen brings receipts, or asks for those that the sender does not have.
type Seen struct {
	About    *About           `cbor:"1,keyasint"`
	Receipts []*entry.Receipt `cbor:"2,keyasint,omitempty"`
	Asks     bool             `cbor:"3,keyasint,omitempty"`
	// Known are the first 8 bytes of the keys of those whose receipts are there, each with its
	// number.
	Known []byte `cbor:"4,keyasint,omitempty"`
}

// SeenRest answers seen.
type SeenRest struct {
	Receipts []*entry.Receipt `cbor:"1,keyasint,omitempty"`
}

// Find asks which public rooms somebody is in.
type Find struct {
	To peer.Key `cbor:"1,keyasint"` // a user of the node that is asked
}

// Found answers find.
type Found struct {
	Rooms []*Listing `cbor:"1,keyasint,omitempty"`
}

// Listing is a public room.
type Listing struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	Title    string       `cbor:"2,keyasint"` // as who is asked has it
	Members  uint32       `cbor:"3,keyasint"`
}

// Kind implements wire.Message.
func (*Find) Kind() wire.Kind { return kindFind }

// Kind implements wire.Message.
func (*Found) Kind() wire.Kind { return kindFound }

// Check implements wire.Checker.
func (f *Find) Check() error {
	if f.To.IsZero() {
		return errors.New("asks nobody")
	}
	return nil
}

// Check implements wire.Checker.
func (f *Found) Check() error {
	if len(f.Rooms) > MaxFound {
		return fmt.Errorf("%d rooms in one message, at most %d", len(f.Rooms), MaxFound)
	}
	for _, x := range f.Rooms {
		if x == nil || x.Founding == nil {
			return errors.New("a room that is none")
		}
		if err := errors.Join(x.Founding.Check(), entry.CheckTitle(x.Title)); err != nil {
			return err
		}
	}
	return nil
}

// Kind implements wire.Message.
func (*Push) Kind() wire.Kind { return kindPush }

// Kind implements wire.Message.
func (*Took) Kind() wire.Kind { return kindTook }

// Kind implements wire.Message.
func (*Sync) Kind() wire.Kind { return kindSync }

// Kind implements wire.Message.
func (*Rest) Kind() wire.Kind { return kindRest }

// Kind implements wire.Message.
func (*AskKey) Kind() wire.Kind { return kindAskKey }

// Kind implements wire.Message.
func (*Key) Kind() wire.Kind { return kindKey }

// Kind implements wire.Message.
func (*Invite) Kind() wire.Kind { return kindInvite }

// Kind implements wire.Message.
func (*Seen) Kind() wire.Kind { return kindSeen }

// Kind implements wire.Message.
func (*SeenRest) Kind() wire.Kind { return kindSeenRest }

func checkReceipts(list []*entry.Receipt) error {
	if len(list) > MaxReceipts {
		return fmt.Errorf("%d receipts in one message, at most %d", len(list), MaxReceipts)
	}
	for _, r := range list {
		if r == nil {
			return errors.New("a receipt that is none")
		}
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

func checkEntries(list []*entry.Entry) error {
	if len(list) > MaxEntries {
		return fmt.Errorf("%d entries in one message, at most %d", len(list), MaxEntries)
	}
	for _, e := range list {
		if e == nil {
			return errors.New("an entry that is none")
		}
		if err := e.Check(); err != nil {
			return err
		}
	}
	return nil
}

func checkHashes(b []byte, most int) error {
	if len(b)%len(id.Hash{}) != 0 || len(b) > most*len(id.Hash{}) {
		return fmt.Errorf("hashes of %d bytes, at most %d of them", len(b), most)
	}
	return nil
}

func checkMarks(b []byte) error {
	if len(b)%MarkSize != 0 || len(b) > dag.MaxAllStreams*MarkSize {
		return fmt.Errorf("marks of %d bytes, at most %d of them", len(b), dag.MaxAllStreams)
	}
	return nil
}

// Check implements wire.Checker.
func (p *Push) Check() error {
	if !p.Before.IsZero() && len(p.Entries) != 1 {
		return fmt.Errorf("%d entries to be passed on, want 1", len(p.Entries))
	}
	return errors.Join(p.About.Check(), checkEntries(p.Entries))
}

// Check implements wire.Checker.
func (s *Sync) Check() error {
	return errors.Join(s.About.Check(), checkMarks(s.Marks), checkHashes(s.Wanted, MaxWanted))
}

// Check implements wire.Checker.
func (r *Rest) Check() error {
	return errors.Join(checkEntries(r.Entries), checkHashes(r.Heads, MaxHeads), checkMarks(r.Marks))
}

// Check implements wire.Checker.
func (a *AskKey) Check() error {
	if a.Epoch.IsZero() {
		return errors.New("asks for the key of no epoch")
	}
	return a.About.Check()
}

// Check implements wire.Checker.
func (k *Key) Check() error {
	if len(k.Sealed) == 0 || len(k.Sealed) > MaxSealed {
		return fmt.Errorf("sealed key of %d bytes, want 1 to %d", len(k.Sealed), MaxSealed)
	}
	return nil
}

// Check implements wire.Checker.
func (i *Invite) Check() error {
	if i.Key != nil {
		if err := i.Key.Check(); err != nil {
			return err
		}
	}
	return errors.Join(i.About.Check(), checkEntries([]*entry.Entry{i.Founding, i.Change}), entry.CheckTitle(i.Name), entry.CheckTitle(i.Title))
}

// Check implements wire.Checker.
func (s *Seen) Check() error {
	if len(s.Known)%KnownSize != 0 || len(s.Known) > MaxKnown*KnownSize {
		return fmt.Errorf("names of receipts of %d bytes, at most %d of them", len(s.Known), MaxKnown)
	}
	return errors.Join(s.About.Check(), checkReceipts(s.Receipts))
}

// Check implements wire.Checker.
func (r *SeenRest) Check() error { return checkReceipts(r.Receipts) }

// Encode writes a message, which must be within its limits.
func Encode(m wire.Message) []byte {
	b, err := Messages.Encode(m)
	if err != nil {
		panic(err) // what is built here is within the limits
	}
	return b
}

// AppendMarks writes marks one after another.
func AppendMarks(list []dag.Mark) []byte {
	var b []byte
	for _, m := range list {
		s := m.Stream.Bytes()
		b = binary.BigEndian.AppendUint64(append(b, s[:]...), m.Last)
	}
	return b
}

// Marks reads what AppendMarks wrote.
func Marks(b []byte) []dag.Mark {
	var list []dag.Mark
	for m := range slices.Chunk(b, MarkSize) {
		list = append(list, dag.Mark{Stream: id.FromBytes(m[:id.Size]), Last: binary.BigEndian.Uint64(m[id.Size:])})
	}
	return list
}

// AppendHashes writes hashes one after another.
func AppendHashes(list []id.Hash) []byte {
	var b []byte
	for _, h := range list {
		b = append(b, h[:]...)
	}
	return b
}

// HashesIn reads what AppendHashes wrote.
func HashesIn(b []byte) []id.Hash {
	var list []id.Hash
	for h := range slices.Chunk(b, len(id.Hash{})) {
		list = append(list, id.Hash(h))
	}
	return list
}

// Fill returns as many entries as one message holds, from the first on.
func Fill(list []*entry.Entry) []*entry.Entry {
	size := 0
	for i, e := range list {
		if size += entrySize(e); size > RoomFor {
			return list[:i]
		}
	}
	return list
}

// entrySize is the most that an entry takes in a message, in bytes.
func entrySize(e *entry.Entry) int { return len(e.Body) + len(e.Parents) + 320 }

// Fits reports whether an invitation is what it says, if what it has is signed: of this room, and by its change, or as he
// founded the room, its receiver is a member.
func (i *Invite) Fits() bool {
	var c entry.Change
	switch {
	case i.Founding.Kind != entry.FoundingKind || i.Founding.Hash() != i.About.Room:
		return false
	case i.Change.Hash() == i.About.Room && i.Founding.Author == i.About.To:
		return true // the founder has lost what he had of the room
	case i.Change.Kind != entry.ChangeKind || i.Change.Room != i.About.Room:
		return false
	}
	return entry.Body(i.Change, &c) == nil && c.Who == i.About.To && c.Role >= entry.Member
}
