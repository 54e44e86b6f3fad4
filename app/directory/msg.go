package directory

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
	maxNodes   = 16       // handles in one answer
	maxListing = 512      // entries in one listing
	maxFetch   = 16       // names in one fetch, claims in one answer or gift
	maxClaims  = 40 << 10 // bytes of claims in one message
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

// table lists all messages of the directory.
var table = wire.NewTable((*where)(nil), (*holders)(nil), (*read)(nil), (*answer)(nil), (*put)(nil), (*kept)(nil),
	(*taken)(nil), (*list)(nil), (*listing)(nil), (*fetch)(nil), (*claims)(nil), (*give)(nil), (*given)(nil), (*lost)(nil))

var errMessage = errors.New("message of the directory")

// where asks the root of a key, or a node beside it, who keeps the key.
type where struct {
	Key id.ID `cbor:"1,keyasint"`
}

// holders answers where: the nodes nearest to the key, nearest first, a few more
// than keep it.
type holders struct {
	Nodes []*peer.Handle `cbor:"1,keyasint"`
}

// nonce makes a signed answer one to this question.
type nonce [16]byte

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (n *nonce) UnmarshalBinary(b []byte) error { return wire.Exact(n[:], b) }

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (n *nonce) UnmarshalCBOR(b []byte) error { return wire.ByteString(n, b) }

// read asks a holder for a name's record.
type read struct {
	Name  id.Hash `cbor:"1,keyasint"`
	Nonce nonce   `cbor:"2,keyasint"`
}

// What a holder knows of a name.
type knowledge uint8

const (
	absent  knowledge = iota + 1 // nobody has the name
	present                      // the record is in the answer
	unsure                       // not known: the holder is new here, or busy
)

// answer answers read.
type answer struct {
	Known  knowledge `cbor:"1,keyasint"`
	Record *Record   `cbor:"2,keyasint,omitempty"`
	// Cert and Sig prove who answers. They are there if the question came
	// through another node.
	Cert *peer.Certificate `cbor:"3,keyasint,omitempty"`
	Sig  []byte            `cbor:"4,keyasint,omitempty"`
}

// put asks a holder to keep a record. It is answered by kept, or by taken.
type put struct {
	Claim *record.Claim `cbor:"1,keyasint"`
}

// kept says that the holder wrote the record down.
type kept struct {
	Receipt *record.Receipt `cbor:"1,keyasint"`
	Stands  bool            `cbor:"2,keyasint,omitempty"` // the claim has a majority, as this holder sees it
	Known   uint8           `cbor:"3,keyasint,omitempty"` // the number of receipts that the holder has
}

// taken says that the holder keeps something else under the name: a claim of
// another key, or a record of this key that is newer.
type taken struct {
	Claim  *record.Claim `cbor:"1,keyasint"`
	Stands bool          `cbor:"2,keyasint,omitempty"` // false: it has no majority (yet)
}

// list asks a fellow holder which names of an arc it keeps, in the order of their
// hashes, from the one after After, beginning at the arc's start.
type list struct {
	Range id.Range `cbor:"1,keyasint"`
	After id.Hash  `cbor:"2,keyasint"`
	More  bool     `cbor:"3,keyasint,omitempty"` // After is set
}

// listing answers list: 40 bytes for each name, its hash and a digest of what is
// kept.
type listing struct {
	Entries []byte `cbor:"1,keyasint,omitempty"`
	More    bool   `cbor:"2,keyasint,omitempty"`
	Sure    bool   `cbor:"3,keyasint,omitempty"` // it has asked its own fellows, at some time: it is not new here
}

const listEntry = len(id.Hash{}) + 8

// fetch asks a fellow holder for what it keeps.
type fetch struct {
	Names []id.Hash `cbor:"1,keyasint"`
}

// claims answers fetch, with the first of the names that fit.
type claims struct {
	Claims []*record.Claim `cbor:"1,keyasint,omitempty"`
	Done   uint8           `cbor:"2,keyasint"` // of so many names what is kept is in Claims
}

// give hands claims to a node that is to keep them from now on.
type give struct {
	Claims []*record.Claim `cbor:"1,keyasint"`
}

// given says how many of them the node keeps now, and for how many it keeps another
// claim, which stands.
type given struct {
	Kept  uint8 `cbor:"1,keyasint"`
	Other uint8 `cbor:"2,keyasint,omitempty"`
}

// lost tells an owner's node that the claim of Identity on Name was the weaker of
// two. It is a hint: the node asks the holders itself.
type lost struct {
	Name     Name     `cbor:"1,keyasint"`
	Identity peer.Key `cbor:"2,keyasint"`
}

// Kind implements wire.Message.
func (*where) Kind() wire.Kind { return kindWhere }

// Kind implements wire.Message.
func (*holders) Kind() wire.Kind { return kindHolders }

// Kind implements wire.Message.
func (*read) Kind() wire.Kind { return kindRead }

// Kind implements wire.Message.
func (*answer) Kind() wire.Kind { return kindAnswer }

// Kind implements wire.Message.
func (*put) Kind() wire.Kind { return kindPut }

// Kind implements wire.Message.
func (*kept) Kind() wire.Kind { return kindKept }

// Kind implements wire.Message.
func (*taken) Kind() wire.Kind { return kindTaken }

// Kind implements wire.Message.
func (*list) Kind() wire.Kind { return kindList }

// Kind implements wire.Message.
func (*listing) Kind() wire.Kind { return kindListing }

// Kind implements wire.Message.
func (*fetch) Kind() wire.Kind { return kindFetch }

// Kind implements wire.Message.
func (*claims) Kind() wire.Kind { return kindClaims }

// Kind implements wire.Message.
func (*give) Kind() wire.Kind { return kindGive }

// Kind implements wire.Message.
func (*given) Kind() wire.Kind { return kindGiven }

// Kind implements wire.Message.
func (*lost) Kind() wire.Kind { return kindLost }

// Check implements wire.Checker.
func (m *holders) Check() error {
	if len(m.Nodes) == 0 {
		return fmt.Errorf("%w: no holders", errMessage)
	}
	return peer.CheckList(m.Nodes, maxNodes)
}

// Check implements wire.Checker.
func (m *answer) Check() error {
	switch {
	case m.Known < absent || m.Known > unsure:
		return fmt.Errorf("%w: knowledge %d", errMessage, m.Known)
	case (m.Known == present) != (m.Record != nil):
		return fmt.Errorf("%w: present without a record, or a record without present", errMessage)
	case m.Record != nil:
		return m.Record.Check()
	}
	return nil
}

func checkClaim(c *record.Claim) error {
	if c == nil {
		return fmt.Errorf("%w: no claim", errMessage)
	}
	return c.Check()
}

func checkClaims(cs []*record.Claim) error {
	if len(cs) > maxFetch {
		return fmt.Errorf("%w: %d claims, at most %d", errMessage, len(cs), maxFetch)
	}
	for _, c := range cs {
		if err := checkClaim(c); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *put) Check() error { return checkClaim(m.Claim) }

// Check implements wire.Checker.
func (m *kept) Check() error { return m.Receipt.Check() }

// Check implements wire.Checker.
func (m *taken) Check() error { return checkClaim(m.Claim) }

// Check implements wire.Checker.
func (m *listing) Check() error {
	if n := len(m.Entries); n%listEntry != 0 || n > maxListing*listEntry {
		return fmt.Errorf("%w: listing of %d bytes", errMessage, n)
	}
	return nil
}

// Check implements wire.Checker.
func (m *fetch) Check() error {
	if n := len(m.Names); n == 0 || n > maxFetch {
		return fmt.Errorf("%w: %d names, want 1 to %d", errMessage, n, maxFetch)
	}
	return nil
}

// Check implements wire.Checker.
func (m *claims) Check() error {
	if m.Done == 0 || m.Done > maxFetch || len(m.Claims) > int(m.Done) {
		return fmt.Errorf("%w: %d claims for %d names", errMessage, len(m.Claims), m.Done)
	}
	return checkClaims(m.Claims)
}

// Check implements wire.Checker.
func (m *give) Check() error { return checkClaims(m.Claims) }

// Check implements wire.Checker.
func (m *lost) Check() error {
	if n, err := ParseName(string(m.Name)); err != nil || n != m.Name {
		return fmt.Errorf("%w: %w", errMessage, ErrName)
	}
	return nil
}

// answerMessage is what a holder signs over the asker's nonce.
func answerMessage(ring id.Hash, holder id.ID, q *read, a *answer) []byte {
	var record id.Hash
	if a.Record != nil {
		record = a.Record.Hash(ring)
	}
	h := id.HashOf("directory answer", ring, holder, q.Nonce[:], q.Name, uint8(a.Known), record)
	return h[:]
}

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy             // too many questions, or this name is being changed
	refusedUnsure           // the holder is new here
	refusedNotHolder        // this node is not among those that keep the name
	refusedLimit            // see ErrLimit
	refusedClock            // see ErrClock
	refusedRecord           // see ErrRecord
	refusedStranger         // for fellow holders only
	refusedFull             // no room, or the disk fails
)
