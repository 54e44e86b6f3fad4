package past

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	maxNodes = 24                // handles in one answer
	maxHave  = 64                // objects in one question
	maxItems = parts * maxListed // objects in one listing
)

// Kinds of messages.
const (
	kindWhere wire.Kind = iota + 1
	kindNodes
	kindStore
	kindStored
	kindExists
	kindGet
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
)

// table lists all messages of past.
var table = wire.NewTable((*where)(nil), (*nodes)(nil), (*put)(nil), (*stored)(nil), (*exists)(nil), (*get)(nil),
	(*object)(nil), (*absent)(nil), (*reclaim)(nil), (*reclaimed)(nil), (*compare)(nil), (*differs)(nil),
	(*strays)(nil), (*items)(nil), (*have)(nil), (*having)(nil),
	(*prepare)(nil), (*promise)(nil), (*higher)(nil), (*accept)(nil), (*accepted)(nil), (*update)(nil), (*updated)(nil), (*settle)(nil))

var errMessage = errors.New("message of past")

// where asks the root of a key who is near the key.
type where struct {
	Key    id.ID `cbor:"1,keyasint"`
	Copies uint8 `cbor:"2,keyasint"` // how many are wanted; a few more are named
}

// nodes answers where: the nodes nearest to the key, nearest first.
type nodes struct {
	Nodes []*peer.Handle `cbor:"1,keyasint"`
}

// put asks a node to keep an object. It is answered by stored, or by exists.
type put struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
}

// stored says that the holder wrote it down.
type stored struct {
	Receipt *certificate.Receipt `cbor:"1,keyasint"`
}

// exists says that the holder keeps another content under this id.
type exists struct {
	Cert *certificate.Certificate `cbor:"1,keyasint"`
}

// get asks for an object, on the way to its root or a certain node. It is answered
// by object or absent.
type get struct {
	Object id.Hash `cbor:"1,keyasint"`
	Bare   bool    `cbor:"2,keyasint,omitempty"` // without its content
}

// object answers get; of a mutable object also update, if another version is current,
// and settle.
type object struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint"`
	Content []byte                   `cbor:"2,keyasint,omitempty"`
	Ruling  *certificate.Ruling      `cbor:"3,keyasint,omitempty"` // of a mutable object
	Life    uint64                   `cbor:"4,keyasint,omitempty"` // of the answering node's disk
}

// absent answers get, if the node does not have the object.
type absent struct {
	// Sure: the node would keep the object if there was one, and has asked the other
	// holders.
	Sure bool `cbor:"1,keyasint,omitempty"`
	// Reclaim is there if the owner reclaimed the object.
	Reclaim *certificate.Reclaim `cbor:"2,keyasint,omitempty"`
}

// reclaim tells a holder that the owner gives an object back. It is answered by
// reclaimed.
type reclaim struct {
	Reclaim *certificate.Reclaim `cbor:"1,keyasint"`
}

// reclaimed says that the holder wrote that down.
type reclaimed struct{}

// compare asks another holder where the two differ in what both should keep. Sums are
// the asker's, of the parts of an arc: see sums.
type compare struct {
	Arc  id.Range `cbor:"1,keyasint"`
	Sums []byte   `cbor:"2,keyasint"` // parts × sumSize
}

// differs answers compare.
type differs struct {
	// Deeper are the parts that differ in more than is listed, a bit each, the first
	// part's the lowest: they are to be compared in parts of their own.
	Deeper uint16 `cbor:"1,keyasint,omitempty"`
	// Items are what the answering node keeps in the other parts that differ: see item.
	Items []byte `cbor:"2,keyasint,omitempty"`
	// Widest is the largest number of copies of any object that it knows of.
	Widest uint8 `cbor:"3,keyasint"`
	Sure   bool  `cbor:"4,keyasint,omitempty"` // it has asked its own fellows, at some time: it is not new here
}

// strays asks a node what it keeps that the asker should keep, and the node itself should
// not: from the object after After, in the order of ids.
type strays struct {
	After id.Hash `cbor:"1,keyasint"`
}

// items answers strays.
type items struct {
	Items []byte `cbor:"1,keyasint,omitempty"` // see item
	More  bool   `cbor:"2,keyasint,omitempty"`
}

// have asks a node in which state it keeps objects.
type have struct {
	Objects []id.Hash `cbor:"1,keyasint"`
}

// having answers have: 8 bytes for each object, its state, 0 if it is not kept.
type having struct {
	States []byte `cbor:"1,keyasint"`
}

// Kind implements wire.Message.
func (*where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*nodes) Kind() wire.Kind { return kindNodes }

// Kind implements wire.Message.
func (*put) Kind() wire.Kind { return kindStore }

// Kind implements wire.Message.
func (*stored) Kind() wire.Kind { return kindStored }

// Kind implements wire.Message.
func (*exists) Kind() wire.Kind { return kindExists }

// Kind implements wire.Message.
func (*get) Kind() wire.Kind { return kindGet }

// Kind implements wire.Message.
func (*object) Kind() wire.Kind { return kindObject }

// Kind implements wire.Message.
func (*absent) Kind() wire.Kind { return kindAbsent }

// Kind implements wire.Message.
func (*reclaim) Kind() wire.Kind { return kindReclaim }

// Kind implements wire.Message.
func (*reclaimed) Kind() wire.Kind { return kindReclaimed }

// Kind implements wire.Message.
func (*compare) Kind() wire.Kind { return kindCompare }

// Kind implements wire.Message.
func (*differs) Kind() wire.Kind { return kindDiffers }

// Kind implements wire.Message.
func (*strays) Kind() wire.Kind { return kindStrays }

// Kind implements wire.Message.
func (*items) Kind() wire.Kind { return kindItems }

// Kind implements wire.Message.
func (*have) Kind() wire.Kind { return kindHave }

// Kind implements wire.Message.
func (*having) Kind() wire.Kind { return kindHaving }

// Check implements wire.Checker.
func (m *where) Check() error {
	if m.Copies < 1 || m.Copies > certificate.MaxCopies {
		return fmt.Errorf("%w: %d copies", errMessage, m.Copies)
	}
	return nil
}

// Check implements wire.Checker.
func (m *nodes) Check() error {
	if len(m.Nodes) == 0 {
		return fmt.Errorf("%w: no nodes", errMessage)
	}
	return peer.CheckList(m.Nodes, maxNodes)
}

// checkContent refuses content that is not as long as its certificate says, before it is
// hashed.
func checkContent(c *certificate.Certificate, content []byte) error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(content) > MaxContent || int64(len(content)) != c.Size {
		return fmt.Errorf("%w: content of %d bytes, its certificate says %d, at most %d", errMessage, len(content), c.Size, MaxContent)
	}
	return nil
}

// Check implements wire.Checker.
func (m *put) Check() error { return checkContent(m.Cert, m.Content) }

// Check implements wire.Checker.
func (m *stored) Check() error { return m.Receipt.Check() }

// Check implements wire.Checker.
func (m *exists) Check() error { return m.Cert.Check() }

// Check implements wire.Checker.
func (m *object) Check() error {
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
func (m *absent) Check() error {
	if m.Reclaim != nil {
		return m.Reclaim.Check()
	}
	return nil
}

// Check implements wire.Checker.
func (m *reclaim) Check() error { return m.Reclaim.Check() }

// Check implements wire.Checker.
func (m *compare) Check() error {
	if len(m.Sums) != parts*sumSize {
		return fmt.Errorf("%w: sums of %d bytes", errMessage, len(m.Sums))
	}
	return nil
}

func checkItems(b []byte) error {
	if n := len(b); n%itemSize != 0 || n > maxItems*itemSize {
		return fmt.Errorf("%w: listing of %d bytes", errMessage, n)
	}
	return nil
}

// Check implements wire.Checker.
func (m *differs) Check() error {
	if m.Widest > certificate.MaxCopies {
		return fmt.Errorf("%w: %d copies", errMessage, m.Widest)
	}
	return checkItems(m.Items)
}

// Check implements wire.Checker.
func (m *items) Check() error { return checkItems(m.Items) }

// Check implements wire.Checker.
func (m *have) Check() error {
	if n := len(m.Objects); n == 0 || n > maxHave {
		return fmt.Errorf("%w: %d objects, want 1 to %d", errMessage, n, maxHave)
	}
	return nil
}

// Check implements wire.Checker.
func (m *having) Check() error {
	if n := len(m.States); n == 0 || n%stateSize != 0 || n > maxHave*stateSize {
		return fmt.Errorf("%w: states of %d bytes", errMessage, n)
	}
	return nil
}

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy             // too many questions, or not started yet
	refusedNotHolder        // this node is not among those that keep the object
	refusedInvalid          // the certificate, the content or the reclaim is not right
	refusedClock            // see ErrClock
	refusedReclaimed        // see ErrReclaimed
	refusedFull             // see ErrFull
	refusedStranger         // for fellow holders only
	refusedFailed           // the disk fails
	refusedNotRoot          // this node is not the object's root, or not surely
	refusedLater            // a later term was promised
	refusedAway             // a majority of the holders is not reachable; the change may be made all the same
)

var refusals = map[uint16]string{
	refusedMalformed: "not understood",
	refusedBusy:      "busy, ask again",
	refusedNotHolder: "not a holder of this object",
	refusedInvalid:   "the certificate or the content is not right",
	refusedClock:     "not valid at this time of day",
	refusedReclaimed: "it was reclaimed",
	refusedFull:      "no room",
	refusedStranger:  "for holders only",
	refusedFailed:    "the disk fails",
	refusedNotRoot:   "not the root of this object",
	refusedLater:     "a later root has ruled",
	refusedAway:      "a majority of the holders is not reachable",
}
