package anycast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// foldAbove is how many ids a walk carries before some are dropped.
	foldAbove = 256
	// maxDone is how many ids a walk carries: those of the nodes between it and its first one,
	// and of their children. With an item they fit a frame.
	maxDone = 2048
	// maxLeft is how many of them may stand in walk.Left.
	maxLeft = 512
	// maxSteps is more than any ring needs.
	maxSteps = 1 << 24
	// maxRounds bounds the walks for one item.
	maxRounds = 6
)

// Kinds of messages.
const (
	kindWalk wire.Kind = iota + 1
	kindWilling
	kindGrant
	kindOnTheWay
	kindOver
)

// table lists all messages of anycast.
var table = wire.NewTable((*walk)(nil), (*willing)(nil), (*grant)(nil), (*onTheWay)(nil), (*over)(nil))

// ErrMessage is wrapped by the reasons why a message is refused.
var ErrMessage = errors.New("message of anycast")

// encode writes a message within its limits; it panics at others.
func encode(m wire.Message) []byte {
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug: all that is written has limits below a frame
	}
	return b
}

// walk is an item on its way through a group's tree.
type walk struct {
	Item  *Item  `cbor:"1,keyasint"`
	Round uint32 `cbor:"2,keyasint,omitempty"` // the asker's walks for the item before this one
	Want  uint32 `cbor:"3,keyasint"`           // members still looked for
	Found uint32 `cbor:"4,keyasint,omitempty"` // members that were willing
	Steps uint32 `cbor:"5,keyasint"`           // links that it may still cross
	// Done are the ids of nodes that were asked, 16 bytes each. Where they are many, one that stands here
	// without its children stands for all below it.
	Done []byte `cbor:"6,keyasint,omitempty"`
	// Left are those of them that have no child left to ask, or cannot be asked, and Again is how often it
	// came to one of these once more, or back to one below which it was led away.
	Left  []byte `cbor:"7,keyasint,omitempty"`
	Again uint32 `cbor:"8,keyasint,omitempty"`
}

// willing asks the asker of an item to grant it to who sends this. Answered by grant.
type willing struct {
	Item   id.Hash `cbor:"1,keyasint"`
	Answer []byte  `cbor:"2,keyasint,omitempty"`
}

// grant gives an item to who was willing.
type grant struct{}

// onTheWay tells the asker that a walk goes on.
type onTheWay struct {
	Item  id.Hash `cbor:"1,keyasint"`
	Round uint32  `cbor:"2,keyasint,omitempty"`
}

// over tells the asker that a walk has ended before it found as many as it looked for.
type over struct {
	Item  id.Hash `cbor:"1,keyasint"`
	Round uint32  `cbor:"2,keyasint,omitempty"`
	Why   uint32  `cbor:"3,keyasint"`
	Found uint32  `cbor:"4,keyasint,omitempty"` // members that were willing
}

// Why a walk has ended.
const (
	whyNobody  = iota + 1 // all were asked
	whyNoGroup            // this node is next to the group's key and knows no such group
	whySpent              // it had no steps left
	whyDenied             // the charter does not allow the item
	whyBusy               // a node takes no more walks for now
)

// ends are the errors that ends of a walk mean.
var ends = [...]error{whyNobody: ErrNobody, whyNoGroup: ErrNoGroup, whySpent: ErrSpent, whyDenied: msg.ErrDenied, whyBusy: errBusy}

// Kind implements wire.Message.
func (*walk) Kind() wire.Kind { return kindWalk }

// Kind implements wire.Message.
func (*willing) Kind() wire.Kind { return kindWilling }

// Kind implements wire.Message.
func (*grant) Kind() wire.Kind { return kindGrant }

// Kind implements wire.Message.
func (*onTheWay) Kind() wire.Kind { return kindOnTheWay }

// Kind implements wire.Message.
func (*over) Kind() wire.Kind { return kindOver }

// Check implements wire.Checker.
func (m *walk) Check() error {
	switch {
	case m.Item == nil:
		return fmt.Errorf("%w: walk without an item", ErrMessage)
	case m.Want == 0 || m.Want > MaxWant || m.Found > MaxWant:
		return fmt.Errorf("%w: walk for %d members that found %d", ErrMessage, m.Want, m.Found)
	case m.Round >= maxRounds || m.Steps > maxSteps:
		return fmt.Errorf("%w: walk %d of %d steps", ErrMessage, m.Round, m.Steps)
	case len(m.Done)%id.Size != 0 || len(m.Done) > maxDone*id.Size:
		return fmt.Errorf("%w: walk with %d bytes of ids", ErrMessage, len(m.Done))
	case len(m.Left)%id.Size != 0 || len(m.Left) > maxLeft*id.Size || m.Again > maxSteps:
		return fmt.Errorf("%w: walk with %d bytes of ids, at %d of them again", ErrMessage, len(m.Left), m.Again)
	}
	return m.Item.Check()
}

// Check implements wire.Checker.
func (m *willing) Check() error {
	if len(m.Answer) > MaxAnswer {
		return fmt.Errorf("%w: answer of %d bytes, at most %d", ErrMessage, len(m.Answer), MaxAnswer)
	}
	return nil
}

// Check implements wire.Checker.
func (m *over) Check() error {
	if m.Why == 0 || int(m.Why) >= len(ends) || m.Found > MaxWant {
		return fmt.Errorf("%w: a walk that ended for reason %d and found %d", ErrMessage, m.Why, m.Found)
	}
	return nil
}

// done reports whether the walk need not go to a node.
func (m *walk) done(x id.ID) bool { return msg.OnPath(m.Done, x) }

// add notes that a node was asked, or cannot be. It reports false if the walk is full.
func (m *walk) add(x id.ID) bool {
	if len(m.Done) >= maxDone*id.Size {
		return false
	}
	m.Done = append(m.Done, msg.Path(x)...)
	return true
}

// left reports whether a node has no child left to ask.
func (m *walk) left(x id.ID) bool { return msg.OnPath(m.Left, x) }

// leave notes that a node has no child left to ask. Where the walk carries many ids those of these are
// dropped, as the node's own stands for them.
func (m *walk) leave(x id.ID, children []id.ID) {
	if len(m.Done) > foldAbove*id.Size {
		children = slices.DeleteFunc(children, func(c id.ID) bool { return m.done(c) && !m.left(c) }) // it stands above x, too
		m.Done, m.Left = without(m.Done, children), without(m.Left, children)
	}
	if len(m.Left) < maxLeft*id.Size {
		m.Left = append(m.Left, msg.Path(x)...)
	}
}

func without(path []byte, xs []id.ID) (kept []byte) {
	for x := range slices.Chunk(path, id.Size) {
		if !slices.Contains(xs, id.FromBytes(x)) {
			kept = append(kept, x...)
		}
	}
	return kept
}

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy
	refusedTaken // the item was granted to as many as were wanted
)

// refusals says the codes in words.
var refusals = map[uint16]string{
	refusedMalformed: "not understood",
	refusedBusy:      "busy, ask again",
	refusedTaken:     "others have it, or nobody knows the item",
}
