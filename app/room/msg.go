package room

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
	maxEntries = 128      // in one message
	maxHeads   = 64       // told of
	maxWanted  = 64       // entries asked for by their hashes
	roomFor    = 44 << 10 // bytes of entries in one message
	markSize   = id.Size + 8
	maxSealed  = 2 << 10 // bytes of a sealed key
	knownSize  = 8 + 8   // bytes of how a receipt is named that is there
	// maxReceipts is how many are in one message, and maxKnown how many are named.
	maxReceipts = 256
	maxKnown    = dag.MaxAllStreams
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

// messages lists what nodes say to each other in this protocol.
var messages = wire.NewTable((*push)(nil), (*took)(nil), (*sync)(nil), (*rest)(nil), (*askKey)(nil), (*key)(nil), (*invite)(nil), (*seen)(nil), (*seenRest)(nil),
	(*find)(nil), (*found)(nil))

// Codes of refusals.
const (
	refusedMalformed uint16 = 1 + iota
	refusedRouted
	refusedUnknown // the room is not known here, or nobody is in it who lives here
	refusedDenied  // who asks has no right to it
	refusedBusy
	refusedStranger // who asks is not known to be in the room
)

// about says who speaks to whom of which room.
type about struct {
	Room id.Hash  `cbor:"1,keyasint"`
	From peer.Key `cbor:"2,keyasint"` // a user of the node that sends
	To   peer.Key `cbor:"3,keyasint"` // a user of the node that is asked
}

func (a *about) Check() error {
	if a == nil || a.Room.IsZero() || a.From.IsZero() || a.To.IsZero() {
		return errors.New("message about no room, or from or to nobody")
	}
	return nil
}

// push brings entries, in order.
type push struct {
	About   *about         `cbor:"1,keyasint"`
	Entries []*entry.Entry `cbor:"2,keyasint"`
	// Before asks to pass the entry, which is one alone, on to all whose seats (seatOf) come after
	// that of whom it is pushed to, and before this one. Zero: it is not to be passed on.
	Before id.Hash `cbor:"3,keyasint,omitzero"`
}

// took answers push and invite.
type took struct {
	// Lacks tells that entries name others that are not there: the sender is asked for them.
	Lacks bool `cbor:"1,keyasint,omitempty"`
}

// sync asks for what the sender lacks.
type sync struct {
	About  *about `cbor:"1,keyasint"`
	Marks  []byte `cbor:"2,keyasint,omitempty"` // streams and how far they are there, one after another
	Wanted []byte `cbor:"3,keyasint,omitempty"` // hashes of entries that marks cannot tell of
}

// rest answers sync.
type rest struct {
	Entries []*entry.Entry `cbor:"1,keyasint,omitempty"`
	More    bool           `cbor:"2,keyasint,omitempty"`
	Heads   []byte         `cbor:"3,keyasint,omitempty"`
	Marks   []byte         `cbor:"4,keyasint,omitempty"` // with the last entries
}

// askKey asks for the key of an epoch.
type askKey struct {
	About *about  `cbor:"1,keyasint"`
	Epoch id.Hash `cbor:"2,keyasint"`
}

// key answers askKey.
type key struct {
	Number uint32 `cbor:"1,keyasint"` // of the sealing key
	Sealed []byte `cbor:"2,keyasint"`
}

// invite tells somebody that he was made a member.
type invite struct {
	About    *about       `cbor:"1,keyasint"`
	Name     string       `cbor:"2,keyasint"` // that From has in the directory
	Title    string       `cbor:"3,keyasint"` // of the room, as From has it
	Founding *entry.Entry `cbor:"4,keyasint"`
	Change   *entry.Entry `cbor:"5,keyasint"` // that makes him a member
	// Epoch and Key are the current key, sealed to him, with which he finds the room on the shelf
	// when no member is there; nil in a public room, and where From does not have it.
	Epoch id.Hash `cbor:"6,keyasint"`
	Key   *key    `cbor:"7,keyasint,omitempty"`
}

// seen brings receipts, or asks for those that the sender does not have.
type seen struct {
	About    *about           `cbor:"1,keyasint"`
	Receipts []*entry.Receipt `cbor:"2,keyasint,omitempty"`
	Asks     bool             `cbor:"3,keyasint,omitempty"`
	// Known are the first 8 bytes of the keys of those whose receipts are there, each with its
	// number.
	Known []byte `cbor:"4,keyasint,omitempty"`
}

// seenRest answers seen.
type seenRest struct {
	Receipts []*entry.Receipt `cbor:"1,keyasint,omitempty"`
}

// find asks which public rooms somebody is in.
type find struct {
	To peer.Key `cbor:"1,keyasint"` // a user of the node that is asked
}

// found answers find.
type found struct {
	Rooms []*listing `cbor:"1,keyasint,omitempty"`
}

// listing is a public room.
type listing struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	Title    string       `cbor:"2,keyasint"` // as who is asked has it
	Members  uint32       `cbor:"3,keyasint"`
}

// Kind implements wire.Message.
func (*find) Kind() wire.Kind  { return kindFind }
func (*found) Kind() wire.Kind { return kindFound }

// Check implements wire.Checker.
func (f *find) Check() error {
	if f.To.IsZero() {
		return errors.New("asks nobody")
	}
	return nil
}

// Check implements wire.Checker.
func (f *found) Check() error {
	if len(f.Rooms) > maxFound {
		return fmt.Errorf("%d rooms in one message, at most %d", len(f.Rooms), maxFound)
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
func (*push) Kind() wire.Kind   { return kindPush }
func (*took) Kind() wire.Kind   { return kindTook }
func (*sync) Kind() wire.Kind   { return kindSync }
func (*rest) Kind() wire.Kind   { return kindRest }
func (*askKey) Kind() wire.Kind { return kindAskKey }
func (*key) Kind() wire.Kind    { return kindKey }
func (*invite) Kind() wire.Kind { return kindInvite }

// Kind implements wire.Message.
func (*seen) Kind() wire.Kind     { return kindSeen }
func (*seenRest) Kind() wire.Kind { return kindSeenRest }

func checkReceipts(list []*entry.Receipt) error {
	if len(list) > maxReceipts {
		return fmt.Errorf("%d receipts in one message, at most %d", len(list), maxReceipts)
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
	if len(list) > maxEntries {
		return fmt.Errorf("%d entries in one message, at most %d", len(list), maxEntries)
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
	if len(b)%markSize != 0 || len(b) > dag.MaxAllStreams*markSize {
		return fmt.Errorf("marks of %d bytes, at most %d of them", len(b), dag.MaxAllStreams)
	}
	return nil
}

// Check implements wire.Checker.
func (p *push) Check() error {
	if !p.Before.IsZero() && len(p.Entries) != 1 {
		return fmt.Errorf("%d entries to be passed on, want 1", len(p.Entries))
	}
	return errors.Join(p.About.Check(), checkEntries(p.Entries))
}

// Check implements wire.Checker.
func (s *sync) Check() error {
	return errors.Join(s.About.Check(), checkMarks(s.Marks), checkHashes(s.Wanted, maxWanted))
}

// Check implements wire.Checker.
func (r *rest) Check() error {
	return errors.Join(checkEntries(r.Entries), checkHashes(r.Heads, maxHeads), checkMarks(r.Marks))
}

// Check implements wire.Checker.
func (a *askKey) Check() error {
	if a.Epoch.IsZero() {
		return errors.New("asks for the key of no epoch")
	}
	return a.About.Check()
}

// Check implements wire.Checker.
func (k *key) Check() error {
	if len(k.Sealed) == 0 || len(k.Sealed) > maxSealed {
		return fmt.Errorf("sealed key of %d bytes, want 1 to %d", len(k.Sealed), maxSealed)
	}
	return nil
}

// Check implements wire.Checker.
func (i *invite) Check() error {
	if i.Key != nil {
		if err := i.Key.Check(); err != nil {
			return err
		}
	}
	return errors.Join(i.About.Check(), checkEntries([]*entry.Entry{i.Founding, i.Change}), entry.CheckTitle(i.Name), entry.CheckTitle(i.Title))
}

// Check implements wire.Checker.
func (s *seen) Check() error {
	if len(s.Known)%knownSize != 0 || len(s.Known) > maxKnown*knownSize {
		return fmt.Errorf("names of receipts of %d bytes, at most %d of them", len(s.Known), maxKnown)
	}
	return errors.Join(s.About.Check(), checkReceipts(s.Receipts))
}

// Check implements wire.Checker.
func (r *seenRest) Check() error { return checkReceipts(r.Receipts) }

func encode(m wire.Message) []byte {
	b, err := messages.Encode(m)
	if err != nil {
		panic(err) // what is built here is within the limits
	}
	return b
}

func appendMarks(list []dag.Mark) []byte {
	var b []byte
	for _, m := range list {
		s := m.Stream.Bytes()
		b = binary.BigEndian.AppendUint64(append(b, s[:]...), m.Last)
	}
	return b
}

func marks(b []byte) []dag.Mark {
	var list []dag.Mark
	for m := range slices.Chunk(b, markSize) {
		list = append(list, dag.Mark{Stream: id.FromBytes(m[:id.Size]), Last: binary.BigEndian.Uint64(m[id.Size:])})
	}
	return list
}

func appendHashes(list []id.Hash) []byte {
	var b []byte
	for _, h := range list {
		b = append(b, h[:]...)
	}
	return b
}

func hashesIn(b []byte) []id.Hash {
	var list []id.Hash
	for h := range slices.Chunk(b, len(id.Hash{})) {
		list = append(list, id.Hash(h))
	}
	return list
}
