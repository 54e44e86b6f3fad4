package work

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Kinds of messages.
const (
	kindNotice wire.Kind = iota + 1
	kindHand
	kindRenew
	kindReport
	kindFree
	kindYes
)

// table lists all messages of work, and the body of its anycasts.
var table = wire.NewTable((*notice)(nil), (*hand)(nil), (*renew)(nil), (*report)(nil), (*free)(nil), (*yes)(nil))

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy             // ask again
	refusedFull             // the taker has no free place
	refusedGone             // the item is over, or another's
	refusedUnknown          // nobody here takes items of this offerer
)

// refusals says the codes in words.
var refusals = map[uint16]string{
	refusedMalformed: "not understood",
	refusedBusy:      "busy, ask again",
	refusedFull:      "no free place",
	refusedGone:      "the item was withdrawn or done, or is another taker's now",
	refusedUnknown:   "nobody takes it here",
}

var errMessage = errors.New("message of work")

// notice is what an anycast carries: it asks who would take an item, or, with the zero Item,
// who takes items at all.
type notice struct {
	Item id.Hash `cbor:"1,keyasint"`
}

// hand gives an item to a taker. Answered by yes.
type hand struct {
	Item      id.Hash  `cbor:"1,keyasint"`
	Group     id.Hash  `cbor:"2,keyasint"`
	Publisher peer.Key `cbor:"3,keyasint"`
	Token     id.Hash  `cbor:"4,keyasint"`
	Before    uint32   `cbor:"5,keyasint,omitempty"` // how many had it before
	Body      []byte   `cbor:"6,keyasint,omitempty"`
}

// renew says that a taker is still at it. Answered by yes.
type renew struct {
	Item  id.Hash `cbor:"1,keyasint"`
	Token id.Hash `cbor:"2,keyasint"`
}

// What became of an item in a taker's hands.
const (
	reportDone   = iota + 1
	reportFailed // he says so
	reportBack   // he has gone, or does not want it
)

// report confirms an item, or gives it back. Answered by yes.
type report struct {
	Item  id.Hash `cbor:"1,keyasint"`
	Token id.Hash `cbor:"2,keyasint"`
	What  uint32  `cbor:"3,keyasint"`
	Why   string  `cbor:"4,keyasint,omitempty"`
	// Free tells that he would take the next item at once.
	Free bool `cbor:"5,keyasint,omitempty"`
}

// free tells an offerer that a taker whom he found busy has a free place.
type free struct {
	Group     id.Hash  `cbor:"1,keyasint"`
	Publisher peer.Key `cbor:"2,keyasint"`
}

// yes answers hand, renew and report.
type yes struct{}

// Kind implements wire.Message.
func (*notice) Kind() wire.Kind { return kindNotice }

// Kind implements wire.Message.
func (*hand) Kind() wire.Kind { return kindHand }

// Kind implements wire.Message.
func (*renew) Kind() wire.Kind { return kindRenew }

// Kind implements wire.Message.
func (*report) Kind() wire.Kind { return kindReport }

// Kind implements wire.Message.
func (*free) Kind() wire.Kind { return kindFree }

// Kind implements wire.Message.
func (*yes) Kind() wire.Kind { return kindYes }

// MaxSize implements wire.Small.
func (*renew) MaxSize() int { return 128 }

// Check implements wire.Checker.
func (m *hand) Check() error {
	switch {
	case m.Item.IsZero() || m.Token.IsZero() || m.Publisher.IsZero():
		return fmt.Errorf("%w: an item without a number, a token or a publisher", errMessage)
	case len(m.Body) > MaxItem:
		return fmt.Errorf("%w: an item of %d bytes, at most %d", errMessage, len(m.Body), MaxItem)
	}
	return nil
}

// Check implements wire.Checker.
func (m *report) Check() error {
	switch {
	case m.What < reportDone || m.What > reportBack:
		return fmt.Errorf("%w: outcome %d", errMessage, m.What)
	case len(m.Why) > MaxWhy:
		return fmt.Errorf("%w: a reason of %d bytes, at most %d", errMessage, len(m.Why), MaxWhy)
	}
	return nil
}

// encode encodes one of the table's own messages: they always can be.
func encode(m wire.Message) []byte {
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug: all that is written has limits below a frame
	}
	return b
}
