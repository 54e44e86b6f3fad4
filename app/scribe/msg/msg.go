package msg

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	MaxDepth   = 32       // nodes between the root and a member
	MaxOffers  = 16       // children that a full node names
	MaxSeals   = 8        // seals in one heartbeat
	MaxHeads   = 64       // streams in one answer
	MaxFetched = 40 << 10 // bytes of batches in one answer
	maxBatches = 512      // batches in one answer
	maxBeat    = 600_000  // milliseconds
)

// Kinds of messages.
const (
	kindCreate wire.Kind = iota + 1
	kindDone
	kindAttach
	kindAdopted
	kindFull
	kindLeave
	kindPublish
	kindCast
	kindBeat
	kindKeep
	kindHeads
	kindHeadsAre
	kindFetch
	kindFetched
	kindBundle
	kindAnswers
)

// table lists all messages of scribe.
var table = wire.NewTable((*Create)(nil), (*Done)(nil), (*Attach)(nil), (*Adopted)(nil), (*Full)(nil), (*Leave)(nil),
	(*Publish)(nil), (*Cast)(nil), (*Beat)(nil), (*Keep)(nil), (*Heads)(nil), (*HeadsAre)(nil), (*Fetch)(nil), (*Fetched)(nil),
	(*Bundle)(nil), (*Answers)(nil))

// ErrMessage is wrapped by the reasons why a message is refused.
var ErrMessage = errors.New("message of scribe")

// Decode reads a message within its limits.
func Decode(b []byte) (wire.Message, error) {
	m, err := table.Decode(b)
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *Publish:
		err = m.Batch.complete()
	case *Cast:
		err = m.Batch.complete()
	case *Keep:
		err = m.Batch.complete()
	case *Fetched:
		for _, b := range m.Batches {
			err = cmp.Or(err, b.complete())
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Encode writes a message. It is for messages within their limits, which fit; it panics at
// others.
func Encode(m wire.Message) []byte {
	switch x := m.(type) {
	case *Publish:
		m = &Publish{x.Group, x.Batch.lean()}
	case *Cast:
		m = &Cast{x.Group, x.Batch.lean()}
	case *Keep:
		m = &Keep{x.Charter, x.Group, x.Batch.lean()}
	case *Fetched:
		f := &Fetched{make([]*Batch, len(x.Batches)), x.Floor}
		for i, b := range x.Batches {
			f.Batches[i] = b.lean()
		}
		m = f
	}
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug: what is said in a group has limits far below a frame
	}
	return b
}

// Create brings a charter to the root: of a new group, or a newer one. Answered by Done.
type Create struct {
	Charter *Charter `cbor:"1,keyasint"`
}

// Done says that a majority of those who keep the group's state have it, or that a heartbeat came.
type Done struct {
	Age uint32 `cbor:"1,keyasint,omitempty"` // seconds for which the group keeps history
}

// Attach asks a node to be the asker's parent; a child asks it again to see whether all is
// well. Answered by Adopted, or by Full.
type Attach struct {
	Group   id.Hash `cbor:"1,keyasint"`
	Version uint64  `cbor:"2,keyasint,omitempty"` // of the charter that the asker has
	Pass    *Pass   `cbor:"3,keyasint,omitempty"`
	// Chain are the nodes that wait for the answer, 16 bytes each: one that stands in it
	// already would wait for itself.
	Chain []byte `cbor:"4,keyasint,omitempty"`
	// Number rises with each question and each Leave of a node, so that one that comes late
	// undoes nothing.
	Number uint64 `cbor:"5,keyasint"`
	// Member tells that the asker is a member itself, and not there for others alone.
	Member bool `cbor:"6,keyasint,omitempty"`
}

// Adopted says that the asker is a child from now on.
type Adopted struct {
	Charter *Charter     `cbor:"1,keyasint,omitempty"` // if the asker's is older
	Path    []byte       `cbor:"2,keyasint"`           // ids of the nodes from the root to the parent, 16 bytes each
	Backup  *peer.Handle `cbor:"3,keyasint,omitempty"` // whom to ask if the parent dies
	Next    uint32       `cbor:"4,keyasint"`           // milliseconds until the next heartbeat, at most
}

// Full says that a node has all the children that it takes, and who they are.
type Full struct {
	Nodes  []*peer.Handle `cbor:"1,keyasint"`
	Delays []uint32       `cbor:"2,keyasint"` // of each, microseconds one way; 0 if not known
}

// Leave says that a node is no child any longer, or is not the parent of who gets it.
type Leave struct {
	Group id.Hash `cbor:"1,keyasint"`
	// Parent tells that the parent lets the child go, to one of Nodes.
	Parent bool           `cbor:"2,keyasint,omitempty"`
	Nodes  []*peer.Handle `cbor:"3,keyasint,omitempty"`
	Number uint64         `cbor:"4,keyasint,omitempty"` // see Attach; none from a parent
}

// Publish brings a batch to the root. Answered by Done.
type Publish struct {
	Group id.Hash `cbor:"1,keyasint"`
	Batch *Batch  `cbor:"2,keyasint"`
}

// Cast brings a batch from a parent to a child.
type Cast struct {
	Group id.Hash `cbor:"1,keyasint"`
	Batch *Batch  `cbor:"2,keyasint"`
}

// Beat is a parent's heartbeat: it is there, and these were the last batches.
type Beat struct {
	Group   id.Hash `cbor:"1,keyasint"`
	Next    uint32  `cbor:"2,keyasint"` // milliseconds until the next one, at most
	Version uint64  `cbor:"3,keyasint"` // of the charter
	Path    []byte  `cbor:"4,keyasint"` // ids from the root to the parent
	Seals   []*Seal `cbor:"5,keyasint,omitempty"`
	// Kept tells that the receiver is no child: the root says this to those who keep the group.
	Kept bool `cbor:"6,keyasint,omitempty"`
}

// Keep lets a node near the root keep the group's state: its charter, and a batch.
// Answered by Done.
type Keep struct {
	Charter *Charter `cbor:"1,keyasint,omitempty"`
	Group   id.Hash  `cbor:"2,keyasint"`
	Batch   *Batch   `cbor:"3,keyasint,omitempty"`
}

// Heads asks which streams of a group a node knows, in their order, from the one after
// this. Answered by HeadsAre.
type Heads struct {
	Group     id.Hash  `cbor:"1,keyasint"`
	Publisher peer.Key `cbor:"2,keyasint"`
	Life      uint64   `cbor:"3,keyasint,omitempty"` // 0: from the first
}

// HeadsAre has the last seal of each stream and the number of the first message of it that
// the node has.
type HeadsAre struct {
	Charter *Charter `cbor:"1,keyasint"`
	Seals   []*Seal  `cbor:"2,keyasint,omitempty"`
	Floors  []uint64 `cbor:"3,keyasint,omitempty"`
	More    bool     `cbor:"4,keyasint,omitempty"`
	// Synced tells that the node knows every stream, and Whole that it has besides all that is
	// kept of the group, so that what is not there is nowhere.
	Synced bool `cbor:"5,keyasint,omitempty"`
	Whole  bool `cbor:"6,keyasint,omitempty"`
	// Nexts are the numbers of the first messages that are missing, one for each seal.
	Nexts []uint64 `cbor:"7,keyasint,omitempty"`
}

// Fetch asks for messages of a stream. Answered by Fetched.
type Fetch struct {
	Group     id.Hash  `cbor:"1,keyasint"`
	Publisher peer.Key `cbor:"2,keyasint"`
	Life      uint64   `cbor:"3,keyasint"`
	From      uint64   `cbor:"4,keyasint"`
	To        uint64   `cbor:"5,keyasint"`
	// Seal, if not nil, is of a batch that the asker has: who is asked, and does not know of it,
	// looks for it, too.
	Seal *Seal `cbor:"6,keyasint,omitempty"`
}

// Fetched has the first of the batches that fit.
type Fetched struct {
	Batches []*Batch `cbor:"1,keyasint,omitempty"`
	// Floor is the number of the first message that is kept, 0 if not known: what is before
	// it is nowhere.
	Floor uint64 `cbor:"2,keyasint,omitempty"`
}

// Kind implements wire.Message.
func (*Create) Kind() wire.Kind { return kindCreate }

// Kind implements wire.Message.
func (*Done) Kind() wire.Kind { return kindDone }

// Kind implements wire.Message.
func (*Attach) Kind() wire.Kind { return kindAttach }

// Kind implements wire.Message.
func (*Adopted) Kind() wire.Kind { return kindAdopted }

// Kind implements wire.Message.
func (*Full) Kind() wire.Kind { return kindFull }

// Kind implements wire.Message.
func (*Leave) Kind() wire.Kind { return kindLeave }

// Kind implements wire.Message.
func (*Publish) Kind() wire.Kind { return kindPublish }

// Kind implements wire.Message.
func (*Cast) Kind() wire.Kind { return kindCast }

// Kind implements wire.Message.
func (*Beat) Kind() wire.Kind { return kindBeat }

// Kind implements wire.Message.
func (*Keep) Kind() wire.Kind { return kindKeep }

// Kind implements wire.Message.
func (*Heads) Kind() wire.Kind { return kindHeads }

// Kind implements wire.Message.
func (*HeadsAre) Kind() wire.Kind { return kindHeadsAre }

// Kind implements wire.Message.
func (*Fetch) Kind() wire.Kind { return kindFetch }

// Kind implements wire.Message.
func (*Fetched) Kind() wire.Kind { return kindFetched }

// Path returns ids as the 16 bytes of each, one after another.
func Path(ids ...id.ID) []byte {
	b := make([]byte, 0, id.Size*len(ids))
	for _, x := range ids {
		y := x.Bytes()
		b = append(b, y[:]...)
	}
	return b
}

// OnPath reports whether an id stands in a path.
func OnPath(path []byte, x id.ID) bool {
	for at := 0; at+id.Size <= len(path); at += id.Size {
		if id.FromBytes(path[at:at+id.Size]) == x {
			return true
		}
	}
	return false
}

func checkPath(path []byte) error {
	if len(path)%id.Size != 0 || len(path) > MaxDepth*id.Size {
		return fmt.Errorf("%w: path of %d bytes", ErrMessage, len(path))
	}
	return nil
}

func checkBatch(b *Batch) error {
	if b == nil {
		return fmt.Errorf("%w: no batch", ErrMessage)
	}
	return b.Check()
}

func checkSeals(seals []*Seal, most int) error {
	if len(seals) > most {
		return fmt.Errorf("%w: %d seals, at most %d", ErrMessage, len(seals), most)
	}
	for _, s := range seals {
		if s == nil {
			return fmt.Errorf("%w: an empty seal", ErrMessage)
		}
		if err := s.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *Create) Check() error {
	if m.Charter == nil {
		return fmt.Errorf("%w: no charter", ErrMessage)
	}
	return m.Charter.Check()
}

// Check implements wire.Checker.
func (m *Attach) Check() error {
	if m.Pass != nil {
		if err := m.Pass.Check(); err != nil {
			return err
		}
	}
	return checkPath(m.Chain)
}

// Check implements wire.Checker.
func (m *Adopted) Check() error {
	if m.Charter != nil {
		if err := m.Charter.Check(); err != nil {
			return err
		}
	}
	if m.Next == 0 || m.Next > maxBeat {
		return fmt.Errorf("%w: heartbeat in %d ms", ErrMessage, m.Next)
	}
	return checkPath(m.Path)
}

// Check implements wire.Checker.
func (m *Full) Check() error {
	if len(m.Nodes) == 0 || len(m.Delays) != len(m.Nodes) {
		return fmt.Errorf("%w: full without children", ErrMessage)
	}
	return peer.CheckList(m.Nodes, MaxOffers)
}

// Check implements wire.Checker.
func (m *Leave) Check() error { return peer.CheckList(m.Nodes, MaxOffers) }

// Check implements wire.Checker.
func (m *Publish) Check() error { return checkBatch(m.Batch) }

// Check implements wire.Checker.
func (m *Cast) Check() error { return checkBatch(m.Batch) }

// Check implements wire.Checker.
func (m *Beat) Check() error {
	if m.Next == 0 || m.Next > maxBeat {
		return fmt.Errorf("%w: heartbeat in %d ms", ErrMessage, m.Next)
	}
	if err := checkPath(m.Path); err != nil {
		return err
	}
	return checkSeals(m.Seals, MaxSeals)
}

// Check implements wire.Checker.
func (m *Keep) Check() error {
	if m.Charter != nil {
		if err := m.Charter.Check(); err != nil {
			return err
		}
	}
	if m.Batch != nil {
		return m.Batch.Check()
	}
	return nil
}

// Check implements wire.Checker.
func (m *HeadsAre) Check() error {
	if m.Charter == nil || len(m.Floors) != len(m.Seals) || len(m.Nexts) != len(m.Seals) || slices.Contains(m.Nexts, 0) {
		return fmt.Errorf("%w: heads without a charter, or %d floors and %d numbers of %d", ErrMessage, len(m.Floors), len(m.Nexts), len(m.Seals))
	}
	if err := m.Charter.Check(); err != nil {
		return err
	}
	return checkSeals(m.Seals, MaxHeads)
}

// Check implements wire.Checker.
func (m *Fetch) Check() error {
	if m.Life == 0 || m.From == 0 || m.To < m.From || m.To > MaxSeq+MaxMessages {
		return fmt.Errorf("%w: messages %d to %d", ErrMessage, m.From, m.To)
	}
	if m.Seal != nil {
		return m.Seal.Check()
	}
	return nil
}

// Check implements wire.Checker.
func (m *Fetched) Check() error {
	if len(m.Batches) > maxBatches {
		return fmt.Errorf("%w: %d batches, at most %d", ErrMessage, len(m.Batches), maxBatches)
	}
	for _, b := range m.Batches {
		if err := checkBatch(b); err != nil {
			return err
		}
	}
	return nil
}

// Codes of refusals.
const (
	RefusedMalformed uint16 = iota + 1
	RefusedBusy             // too many questions, or not ready
	RefusedNoGroup          // nobody created the group
	RefusedDenied           // the charter does not allow it
	RefusedClock            // not of this time of day
	RefusedCycle            // the asker would be its own ancestor
	RefusedLimit            // too many groups, or too deep
	RefusedOlder            // there is a newer charter
	RefusedNotRoot          // this node is not the group's root, or not surely
	RefusedGap              // messages before these are not there yet
	RefusedUnknown          // this node does not know the group
)

// Refusals says the codes in words.
var Refusals = map[uint16]string{
	RefusedMalformed: "not understood",
	RefusedBusy:      "busy, ask again",
	RefusedNoGroup:   "no such group",
	RefusedDenied:    "the group's charter does not allow it",
	RefusedClock:     "not of this time of day",
	RefusedCycle:     "it would be its own ancestor",
	RefusedLimit:     "too many groups here, or too deep a tree",
	RefusedOlder:     "there is a newer charter",
	RefusedNotRoot:   "not the root of this group",
	RefusedGap:       "messages before these are missing",
	RefusedUnknown:   "not in this group",
}

// Refusal is the code of a refusal, 0 for all else.
func Refusal(err error) uint16 {
	var r *kbr.RefusedError
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}
