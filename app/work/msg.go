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
	kindWho
	kindDesks
	kindHere
	kindSurvey
	kindPage
)

// table lists all messages of work, and the body of its anycasts.
var table = wire.NewTable((*notice)(nil), (*hand)(nil), (*renew)(nil), (*report)(nil), (*free)(nil), (*yes)(nil),
	(*who)(nil), (*desks)(nil), (*here)(nil), (*survey)(nil), (*page)(nil))

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy             // ask again
	refusedFull             // the taker has no free place
	refusedGone             // the item is over, or another's
	refusedUnknown          // nobody here takes items of this offerer
	refusedDenied           // the asker shows no right to it
)

// refusals says the codes in words.
var refusals = map[uint16]string{
	refusedMalformed: "not understood",
	refusedBusy:      "busy, ask again",
	refusedFull:      "no free place",
	refusedGone:      "the item was withdrawn or done, or is another taker's now",
	refusedUnknown:   "nobody takes it here",
	refusedDenied:    "not for the asker",
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

// yes answers hand, renew, report and here.
type yes struct{}

// who is routed to the root of a topic's key: it asks which nodes offer items to the topic.
// Answered by desks. Any member may ask.
type who struct {
	Group id.Hash `cbor:"1,keyasint"`
}

// desks answers who.
type desks struct {
	Nodes []*peer.Handle `cbor:"1,keyasint,omitempty"`
	Young bool           `cbor:"2,keyasint,omitempty"` // since a moment ago
	More  bool           `cbor:"3,keyasint,omitempty"` // than it has room for
}

// here tells the root of a topic's key that its sender offers items to the topic. Node is another
// one, of which the root tells its neighbours. Answered by yes.
type here struct {
	Group id.Hash      `cbor:"1,keyasint"`
	Node  *peer.Handle `cbor:"2,keyasint,omitempty"`
}

// survey asks a node for the items that it offers to a topic, by the word of the topic's owner.
// Answered by page.
type survey struct {
	Group id.Hash  `cbor:"1,keyasint"`
	Owner peer.Key `cbor:"2,keyasint"`
	Time  int64    `cbor:"3,keyasint"`           // Unix seconds
	After uint32   `cbor:"4,keyasint,omitempty"` // so many items are left out
	Sig   []byte   `cbor:"5,keyasint"`           // by Owner
}

// page answers survey.
type page struct {
	Items []*shown `cbor:"1,keyasint,omitempty"`
	Left  uint32   `cbor:"2,keyasint,omitempty"` // items that come after these
}

// shown is an item for the topic's owner.
type shown struct {
	Item    id.Hash  `cbor:"1,keyasint"`
	By      peer.Key `cbor:"2,keyasint"`
	State   string   `cbor:"3,keyasint"`
	Outcome string   `cbor:"4,keyasint,omitempty"`
	Why     string   `cbor:"5,keyasint,omitempty"`
	Taker   id.ID    `cbor:"6,keyasint"`
	Had     uint32   `cbor:"7,keyasint,omitempty"`
	Time    int64    `cbor:"8,keyasint"` // Unix milliseconds
	Size    uint32   `cbor:"9,keyasint"`
	Head    []byte   `cbor:"10,keyasint,omitempty"` // the beginning
}

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

// Kind implements wire.Message.
func (*who) Kind() wire.Kind { return kindWho }

// Kind implements wire.Message.
func (*desks) Kind() wire.Kind { return kindDesks }

// Kind implements wire.Message.
func (*here) Kind() wire.Kind { return kindHere }

// Kind implements wire.Message.
func (*survey) Kind() wire.Kind { return kindSurvey }

// Kind implements wire.Message.
func (*page) Kind() wire.Kind { return kindPage }

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

// Check implements wire.Checker.
func (m *desks) Check() error {
	if err := peer.CheckList(m.Nodes, maxHere); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	return nil
}

// Check implements wire.Checker.
func (m *survey) Check() error {
	if m.Group.IsZero() || m.Owner.IsZero() || len(m.Sig) > 128 || m.Time < 0 || m.Time > maxTime/1000 {
		return fmt.Errorf("%w: a survey without a topic, an owner, a signature or a time", errMessage)
	}
	return nil
}

// Check implements wire.Checker.
func (m *page) Check() error {
	if len(m.Items) > maxPage {
		return fmt.Errorf("%w: %d items, at most %d", errMessage, len(m.Items), maxPage)
	}
	for _, s := range m.Items {
		if s == nil || s.Item.IsZero() || len(s.Head) > maxHead || len(s.Why) > maxHead || len(s.State) > 32 || len(s.Outcome) > 32 || s.Time < 0 || s.Time > maxTime || s.Size > MaxItem {
			return fmt.Errorf("%w: an item in a survey", errMessage)
		}
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
