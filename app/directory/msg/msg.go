package msg

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	MaxNodes   = 16       // handles in one answer
	MaxListing = 512      // entries in one listing
	MaxFetch   = 16       // names in one fetch, claims in one answer or gift
	MaxClaims  = 40 << 10 // bytes of claims in one message
)

// Kinds of messages.
const (
	kindWhere wire.Kind = iota + 1
	kindHolders
	kindRead
	kindAnswer
	kindPut
	kindKept
	kindTaken
	kindList
	kindListing
	kindFetch
	kindClaims
	kindGive
	kindGiven
	kindLost
)

// Messages lists all messages of the directory.
var Messages = wire.NewTable((*Where)(nil), (*Holders)(nil), (*Read)(nil), (*Answer)(nil), (*Put)(nil), (*Kept)(nil),
	(*Taken)(nil), (*List)(nil), (*Listing)(nil), (*Fetch)(nil), (*Claims)(nil), (*Give)(nil), (*Given)(nil), (*Lost)(nil))

// ErrMessage says that a message is not one of the directory's, or not as it should be.
var ErrMessage = errors.New("message of the directory")

// Where asks the root of a key, or a node beside it, who keeps the key.
type Where struct {
	Key id.ID `cbor:"1,keyasint"`
}

// Holders answers Where: the nodes nearest to the key, nearest first, a few more
// than keep it.
type Holders struct {
	Nodes []*peer.Handle `cbor:"1,keyasint"`
}

// Nonce makes a signed answer one to this question.
type Nonce [16]byte

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (n *Nonce) UnmarshalBinary(b []byte) error { return wire.Exact(n[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (n *Nonce) UnmarshalCBOR(b []byte) error { return wire.ByteString(n, b) }

// Read asks a holder for a name's record.
type Read struct {
	Name  id.Hash `cbor:"1,keyasint"`
	Nonce Nonce   `cbor:"2,keyasint"`
}

// Knowledge is what a holder knows of a name.
type Knowledge uint8

// What is known.
const (
	Absent  Knowledge = iota + 1 // nobody has the name
	Present                      // the record is in the answer
	Unsure                       // not known: the holder is new here, or busy
)

// Answer answers Read.
type Answer struct {
	Known  Knowledge      `cbor:"1,keyasint"`
	Record *record.Record `cbor:"2,keyasint,omitempty"`
	// Cert and Sig prove who answers. They are there if the question came
	// through another node.
	Cert *peer.Certificate `cbor:"3,keyasint,omitempty"`
	Sig  []byte            `cbor:"4,keyasint,omitempty"`
}

// Put asks a holder to keep a record. It is answered by Kept, or by Taken.
type Put struct {
	Claim *record.Claim `cbor:"1,keyasint"`
}

// Kept says that the holder wrote the record down.
type Kept struct {
	Receipt *record.Receipt `cbor:"1,keyasint"`
	Stands  bool            `cbor:"2,keyasint,omitempty"` // the claim has a majority, as this holder sees it
	Known   uint8           `cbor:"3,keyasint,omitempty"` // the number of receipts that the holder has
}

// Taken says that the holder keeps something else under the name: a claim of
// another key, or a record of this key that is newer.
type Taken struct {
	Claim  *record.Claim `cbor:"1,keyasint"`
	Stands bool          `cbor:"2,keyasint,omitempty"` // false: it has no majority (yet)
}

// List asks a fellow holder which names of an arc it keeps, in the order of their
// hashes, from the one after After, beginning at the arc's start.
type List struct {
	Range id.Range `cbor:"1,keyasint"`
	After id.Hash  `cbor:"2,keyasint"`
	More  bool     `cbor:"3,keyasint,omitempty"` // After is set
}

// Listing answers List: 40 bytes for each name, its hash and a digest of what is
// kept.
type Listing struct {
	Entries []byte `cbor:"1,keyasint,omitempty"`
	More    bool   `cbor:"2,keyasint,omitempty"`
	Sure    bool   `cbor:"3,keyasint,omitempty"` // it has asked its own fellows, at some time: it is not new here
}

// EntrySize is the length of an entry of a listing, in bytes.
const EntrySize = len(id.Hash{}) + 8

// Fetch asks a fellow holder for what it keeps.
type Fetch struct {
	Names []id.Hash `cbor:"1,keyasint"`
}

// Claims answers Fetch, with the first of the names that fit.
type Claims struct {
	Claims []*record.Claim `cbor:"1,keyasint,omitempty"`
	Done   uint8           `cbor:"2,keyasint"` // of so many names what is kept is in Claims
}

// Give hands claims to a node that is to keep them from now on.
type Give struct {
	Claims []*record.Claim `cbor:"1,keyasint"`
}

// Given says how many of them the node keeps now, and for how many it keeps another
// claim, which stands.
type Given struct {
	Kept  uint8 `cbor:"1,keyasint"`
	Other uint8 `cbor:"2,keyasint,omitempty"`
}

// Lost tells an owner's node that the claim of Identity on Name was the weaker of
// two. It is a hint: the node asks the holders itself.
type Lost struct {
	Name     record.Name `cbor:"1,keyasint"`
	Identity peer.Key    `cbor:"2,keyasint"`
}

// Kind implements wire.Message.
func (*Where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*Holders) Kind() wire.Kind { return kindHolders }

// Kind implements wire.Message.
func (*Read) Kind() wire.Kind { return kindRead }

// Kind implements wire.Message.
func (*Answer) Kind() wire.Kind { return kindAnswer }

// Kind implements wire.Message.
func (*Put) Kind() wire.Kind { return kindPut }

// Kind implements wire.Message.
func (*Kept) Kind() wire.Kind { return kindKept }

// Kind implements wire.Message.
func (*Taken) Kind() wire.Kind { return kindTaken }

// Kind implements wire.Message.
func (*List) Kind() wire.Kind { return kindList }

// Kind implements wire.Message.
func (*Listing) Kind() wire.Kind { return kindListing }

// Kind implements wire.Message.
func (*Fetch) Kind() wire.Kind { return kindFetch }

// Kind implements wire.Message.
func (*Claims) Kind() wire.Kind { return kindClaims }

// Kind implements wire.Message.
func (*Give) Kind() wire.Kind { return kindGive }

// Kind implements wire.Message.
func (*Given) Kind() wire.Kind { return kindGiven }

// Kind implements wire.Message.
func (*Lost) Kind() wire.Kind { return kindLost }

// Check implements wire.Checker.
func (m *Holders) Check() error {
	if len(m.Nodes) == 0 {
		return fmt.Errorf("%w: no holders", ErrMessage)
	}
	return peer.CheckList(m.Nodes, MaxNodes)
}

// Check implements wire.Checker.
func (m *Answer) Check() error {
	switch {
	case m.Known < Absent || m.Known > Unsure:
		return fmt.Errorf("%w: knowledge %d", ErrMessage, m.Known)
	case (m.Known == Present) != (m.Record != nil):
		return fmt.Errorf("%w: present without a record, or a record without present", ErrMessage)
	case m.Record != nil:
		return m.Record.Check()
	}
	return nil
}

// CheckClaim refuses a claim that is none, or cannot be right.
func CheckClaim(c *record.Claim) error {
	if c == nil {
		return fmt.Errorf("%w: no claim", ErrMessage)
	}
	return c.Check()
}

func checkClaims(cs []*record.Claim) error {
	if len(cs) > MaxFetch {
		return fmt.Errorf("%w: %d claims, at most %d", ErrMessage, len(cs), MaxFetch)
	}
	for _, c := range cs {
		if err := CheckClaim(c); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *Put) Check() error { return CheckClaim(m.Claim) }

// Check implements wire.Checker.
func (m *Kept) Check() error { return m.Receipt.Check() }

// Check implements wire.Checker.
func (m *Taken) Check() error { return CheckClaim(m.Claim) }

// Check implements wire.Checker.
func (m *Listing) Check() error {
	if n := len(m.Entries); n%EntrySize != 0 || n > MaxListing*EntrySize {
		return fmt.Errorf("%w: listing of %d bytes", ErrMessage, n)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Fetch) Check() error {
	if n := len(m.Names); n == 0 || n > MaxFetch {
		return fmt.Errorf("%w: %d names, want 1 to %d", ErrMessage, n, MaxFetch)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Claims) Check() error {
	if m.Done == 0 || m.Done > MaxFetch || len(m.Claims) > int(m.Done) {
		return fmt.Errorf("%w: %d claims for %d names", ErrMessage, len(m.Claims), m.Done)
	}
	return checkClaims(m.Claims)
}

// Check implements wire.Checker.
func (m *Give) Check() error { return checkClaims(m.Claims) }

// Check implements wire.Checker.
func (m *Lost) Check() error {
	if n, err := record.ParseName(string(m.Name)); err != nil || n != m.Name {
		return fmt.Errorf("%w: %w", ErrMessage, record.ErrName)
	}
	return nil
}

// SignedAnswer is what a holder signs over the asker's nonce.
func SignedAnswer(ring id.Hash, holder id.ID, q *Read, a *Answer) []byte {
	var signed id.Hash
	if a.Record != nil {
		signed = a.Record.Hash(ring)
	}
	h := id.HashOf("directory answer", ring, holder, q.Nonce[:], q.Name, uint8(a.Known), signed)
	return h[:]
}

// Codes of refusals.
const (
	RefusedMalformed uint16 = iota + 1
	RefusedBusy             // too many questions, or this name is being changed
	RefusedUnsure           // the holder is new here
	RefusedNotHolder        // this node is not among those that keep the name
	RefusedLimit            // see ErrLimit
	RefusedClock            // see ErrClock
	RefusedRecord           // see ErrRecord
	RefusedStranger         // for fellow holders only
	RefusedFull             // no room, or the disk fails
)
