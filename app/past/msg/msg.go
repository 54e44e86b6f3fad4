package msg

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages, and what their parts measure, in bytes.
const (
	maxNodes = 24 // handles in one answer
	// MaxHave is the number of objects in one question.
	MaxHave = 64
	// MaxItems is the number of objects in one listing.
	MaxItems = Parts * MaxListed
	// Parts is the number of parts of an arc that are compared at once.
	Parts = 16
	// MaxListed is the largest number of objects of one part that are listed.
	MaxListed = 32
	// StateSize is that of a state.
	StateSize = 8
	// SumSize is that of the sum of one part: how many objects, and the exclusive or of
	// their marks.
	SumSize = 4 + 8
	// ItemSize is that of an item of a listing.
	ItemSize = len(id.Hash{}) + StateSize + 1
)

// Kinds of messages; KindGet is looked for on the way to a root.
const (
	kindWhere wire.Kind = iota + 1
	kindNodes
	kindStore
	kindStored
	kindExists
	KindGet
	kindObject
	kindAbsent
	kindReclaim
	kindReclaimed
	kindCompare
	kindDiffers
	kindStrays
	kindItems
	kindHave
	kindHaving
	kindPrepare
	kindPromise
	kindHigher
	kindAccept
	kindAccepted
	kindUpdate
	kindUpdated
	kindSettle
	kindRoom
	kindRoomLeft
	kindDivert
	kindPoint
	kindTaken
	kindFetch
	kindMove
	kindCopy
	kindOffer
	kindWhoPays
	kindPaying
	kindKeep
	kindElsewhere
	kindComing
	kindPutMany
	kindStoredMany
)

// table lists all messages of past.
var table = wire.NewTable((*Where)(nil), (*Nodes)(nil), (*Put)(nil), (*Stored)(nil), (*Exists)(nil), (*Get)(nil),
	(*Object)(nil), (*Absent)(nil), (*Reclaim)(nil), (*Reclaimed)(nil), (*Compare)(nil), (*Differs)(nil),
	(*Strays)(nil), (*Items)(nil), (*Have)(nil), (*Having)(nil),
	(*Prepare)(nil), (*Promise)(nil), (*Higher)(nil), (*Accept)(nil), (*Accepted)(nil), (*Update)(nil), (*Updated)(nil), (*Settle)(nil),
	(*Room)(nil), (*RoomLeft)(nil), (*Divert)(nil), (*Point)(nil), (*Taken)(nil), (*Fetch)(nil), (*Move)(nil), (*Copy)(nil), (*Offer)(nil), (*WhoPays)(nil), (*Paying)(nil), (*Keep)(nil), (*Elsewhere)(nil), (*Coming)(nil), (*PutMany)(nil), (*StoredMany)(nil))

// ErrMessage is wrapped by the reasons why a message is refused.
var ErrMessage = errors.New("message of past")

// Decode reads a message within its limits.
func Decode(b []byte) (wire.Message, error) { return table.Decode(b) }

// Encode writes a message. It is for messages within their limits, which fit; it panics at
// others.
func Encode(m wire.Message) []byte {
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug: what is stored has limits far below a frame
	}
	return b
}

// Where asks the root of a key who is near the key.
type Where struct {
	Key    id.ID `cbor:"1,keyasint"`
	Copies uint8 `cbor:"2,keyasint"` // how many are wanted; a few more are named
}

// Nodes answers where: the nodes nearest to the key, nearest first.
type Nodes struct {
	Nodes []*peer.Handle `cbor:"1,keyasint"`
}

// Put asks a node to keep an object. It is answered by stored, or by exists; of a large
// object that the node lacks chunks of, by move: they are sent, and the node is asked again.
type Put struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"` // the body: see certificate.Certificate.Body
	Payment *voucher.Payment         `cbor:"3,keyasint,omitempty"` // where storage is paid for
}

// Stored says that the holder wrote it down.
type Stored struct {
	Receipt *certificate.Receipt `cbor:"1,keyasint"`
}

// Exists says that the holder keeps another content under this id.
type Exists struct {
	Cert *certificate.Certificate `cbor:"1,keyasint"`
}

// Get asks for an object, on the way to its root or a certain node. It is answered
// by object or absent.
type Get struct {
	Object id.Hash `cbor:"1,keyasint"`
	Bare   bool    `cbor:"2,keyasint,omitempty"` // without its content
	Own    bool    `cbor:"3,keyasint,omitempty"` // only from the asked node's own store, not by its pointer
}

// Object answers get; of a mutable object also update, if another version is current,
// and settle.
type Object struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"` // the body
	Ruling  *certificate.Ruling      `cbor:"3,keyasint,omitempty"` // of a mutable object
	Life    uint64                   `cbor:"4,keyasint,omitempty"` // of the answering node's disk
	Age     uint32                   `cbor:"5,keyasint,omitempty"` // of a cached copy: seconds since it left a holder
}

// Absent answers get, if the node does not have the object.
type Absent struct {
	// Sure: the node would keep the object if there was one, and has asked the other
	// holders.
	Sure bool `cbor:"1,keyasint,omitempty"`
	// Reclaim is there if the owner reclaimed the object.
	Reclaim *certificate.Reclaim `cbor:"2,keyasint,omitempty"`
}

// Reclaim tells a holder that the owner gives an object back. It is answered by
// reclaimed.
type Reclaim struct {
	Reclaim *certificate.Reclaim `cbor:"1,keyasint"`
}

// Reclaimed says that the holder wrote that down.
type Reclaimed struct{}

// Compare asks another holder where the two differ in what both should keep. Sums are
// the asker's, of the parts of an arc: see sums.
type Compare struct {
	Arc  id.Range `cbor:"1,keyasint"`
	Sums []byte   `cbor:"2,keyasint"` // Parts × SumSize
}

// Differs answers compare.
type Differs struct {
	// Deeper are the parts that differ in more than is listed, a bit each, the first
	// part's the lowest: they are to be compared in parts of their own.
	Deeper uint16 `cbor:"1,keyasint,omitempty"`
	// Items are what the answering node keeps in the other parts that differ: see item.
	Items []byte `cbor:"2,keyasint,omitempty"`
	// Widest is the largest number of copies of any object that it knows of.
	Widest uint8 `cbor:"3,keyasint"`
	Sure   bool  `cbor:"4,keyasint,omitempty"` // it has asked its own fellows, at some time: it is not new here
}

// Strays asks a node what it keeps that the asker should keep, and the node itself should
// not: from the object after After, in the order of ids.
type Strays struct {
	After id.Hash `cbor:"1,keyasint"`
}

// Items answers strays.
type Items struct {
	Items []byte `cbor:"1,keyasint,omitempty"` // see item
	More  bool   `cbor:"2,keyasint,omitempty"`
}

// Offer tells a node what the asker keeps that the node should keep, who cannot know of it:
// it stood far off when the object was stored. It fetches that, as always, and verifies it.
// It is answered by taken.
type Offer struct {
	Items []byte `cbor:"1,keyasint"` // see item; at most MaxHave
}

// Have asks a node in which state it keeps objects. A pointer to the asker does not count.
type Have struct {
	Objects []id.Hash `cbor:"1,keyasint"`
	Own     bool      `cbor:"2,keyasint,omitempty"` // no pointer counts
}

// Having answers have: 8 bytes for each object, its state, 0 if it is not kept.
type Having struct {
	States []byte `cbor:"1,keyasint"`
}

// Kind implements wire.Message.
func (*Where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*Nodes) Kind() wire.Kind { return kindNodes }

// Kind implements wire.Message.
func (*Put) Kind() wire.Kind { return kindStore }

// Kind implements wire.Message.
func (*Stored) Kind() wire.Kind { return kindStored }

// Kind implements wire.Message.
func (*Exists) Kind() wire.Kind { return kindExists }

// Kind implements wire.Message.
func (*Get) Kind() wire.Kind { return KindGet }

// Kind implements wire.Message.
func (*Object) Kind() wire.Kind { return kindObject }

// Kind implements wire.Message.
func (*Absent) Kind() wire.Kind { return kindAbsent }

// Kind implements wire.Message.
func (*Reclaim) Kind() wire.Kind { return kindReclaim }

// Kind implements wire.Message.
func (*Reclaimed) Kind() wire.Kind { return kindReclaimed }

// Kind implements wire.Message.
func (*Compare) Kind() wire.Kind { return kindCompare }

// Kind implements wire.Message.
func (*Differs) Kind() wire.Kind { return kindDiffers }

// Kind implements wire.Message.
func (*Strays) Kind() wire.Kind { return kindStrays }

// Kind implements wire.Message.
func (*Offer) Kind() wire.Kind { return kindOffer }

// Kind implements wire.Message.
func (*Items) Kind() wire.Kind { return kindItems }

// Kind implements wire.Message.
func (*Have) Kind() wire.Kind { return kindHave }

// Kind implements wire.Message.
func (*Having) Kind() wire.Kind { return kindHaving }

// Check implements wire.Checker.
func (m *Where) Check() error {
	if m.Copies < 1 || m.Copies > certificate.MaxCopies {
		return fmt.Errorf("%w: %d copies", ErrMessage, m.Copies)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Nodes) Check() error {
	if len(m.Nodes) == 0 {
		return fmt.Errorf("%w: no nodes", ErrMessage)
	}
	return peer.CheckList(m.Nodes, maxNodes)
}

// checkContent refuses content that is not as long as its certificate says, before it is
// hashed.
func checkContent(c *certificate.Certificate, content []byte) error {
	if err := c.Check(); err != nil {
		return err
	}
	if int64(len(content)) != c.Body() {
		return fmt.Errorf("%w: a body of %d bytes, its certificate says %d", ErrMessage, len(content), c.Body())
	}
	return nil
}

// Check implements wire.Checker.
func (m *Put) Check() error {
	return errors.Join(checkContent(m.Cert, m.Content), checkPayment(m.Payment))
}

func checkPayment(p *voucher.Payment) error {
	if p == nil {
		return nil
	}
	return p.Check()
}

// Check implements wire.Checker.
func (m *Stored) Check() error { return m.Receipt.Check() }

// Check implements wire.Checker.
func (m *Exists) Check() error { return m.Cert.Check() }

// Check implements wire.Checker.
func (m *Object) Check() error {
	if m.Ruling != nil {
		if err := m.Ruling.Check(); err != nil {
			return err
		}
	}
	if len(m.Content) == 0 {
		return m.Cert.Check()
	}
	return checkContent(m.Cert, m.Content)
}

// Check implements wire.Checker.
func (m *Absent) Check() error {
	if m.Reclaim != nil {
		return m.Reclaim.Check()
	}
	return nil
}

// Check implements wire.Checker.
func (m *Reclaim) Check() error { return m.Reclaim.Check() }

// Check implements wire.Checker.
func (m *Compare) Check() error {
	if len(m.Sums) != Parts*SumSize {
		return fmt.Errorf("%w: sums of %d bytes", ErrMessage, len(m.Sums))
	}
	return nil
}

func checkItems(b []byte) error {
	if n := len(b); n%ItemSize != 0 || n > MaxItems*ItemSize {
		return fmt.Errorf("%w: listing of %d bytes", ErrMessage, n)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Differs) Check() error {
	if m.Widest > certificate.MaxCopies {
		return fmt.Errorf("%w: %d copies", ErrMessage, m.Widest)
	}
	return checkItems(m.Items)
}

// Check implements wire.Checker.
func (m *Items) Check() error { return checkItems(m.Items) }

// Check implements wire.Checker.
func (m *Offer) Check() error {
	if n := len(m.Items); n == 0 || n > MaxHave*ItemSize {
		return fmt.Errorf("%w: an offer of %d bytes", ErrMessage, n)
	}
	return checkItems(m.Items)
}

// Check implements wire.Checker.
func (m *Have) Check() error {
	if n := len(m.Objects); n == 0 || n > MaxHave {
		return fmt.Errorf("%w: %d objects, want 1 to %d", ErrMessage, n, MaxHave)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Having) Check() error {
	if n := len(m.States); n == 0 || n%StateSize != 0 || n > MaxHave*StateSize {
		return fmt.Errorf("%w: states of %d bytes", ErrMessage, n)
	}
	return nil
}
