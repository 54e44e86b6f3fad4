package census

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	maxDepth    = 32               // nodes between the asker and who is asked
	maxTime     = 10 * time.Minute // that a question may take
	maxRecords  = 256              // in one answer
	maxRest     = 256              // ranges with more, in one answer
	maxAvoid    = 8                // nodes to go around, of one question
	roomRecords = 20 << 10         // bytes of records in one answer
)

// Kinds of messages.
const (
	kindAsk wire.Kind = iota + 1
	kindTold
	kindThere
)

// table lists all messages of the census.
var table = wire.NewTable((*ask)(nil), (*told)(nil), (*there)(nil))

var errMessage = errors.New("message of the census")

// ask asks a node about a range.
type ask struct {
	Origin id.ID    `cbor:"1,keyasint"` // who began it, as it says
	Scope  id.Range `cbor:"2,keyasint"`
	Left   uint32   `cbor:"3,keyasint"` // milliseconds within which the answer is wanted
	Depth  uint8    `cbor:"4,keyasint,omitempty"`
	Users  *wanted  `cbor:"5,keyasint,omitempty"` // nil: the sum is wanted
	Avoid  []id.ID  `cbor:"6,keyasint,omitempty"` // who did not answer for a range that has this one
}

// wanted says which records are asked for.
type wanted struct {
	Pattern Pattern `cbor:"1,keyasint,omitempty"` // empty: all
	// After goes on where an answer of the node ended. It was counted then.
	After *id.Hash `cbor:"2,keyasint,omitempty"`
}

// told answers ask.
type told struct {
	Sum     Sum                 `cbor:"1,keyasint"`
	Records []*directory.Record `cbor:"2,keyasint,omitempty"`
	Rest    []rest              `cbor:"3,keyasint,omitempty"`
}

// rest is a range that the answer does not speak of.
type rest struct {
	Scope id.Range `cbor:"1,keyasint"`
	// More: there are records that did not fit, of a node after After, or of all nodes of
	// the range. Otherwise nobody answered for it in time.
	More  bool     `cbor:"2,keyasint,omitempty"`
	After *id.Hash `cbor:"3,keyasint,omitempty"`
}

// there asks a node whether it is there, and answers that it is: a question about a range may
// take its time, and who does not answer may be busy with it, or dead.
type there struct{}

// Kind implements wire.Message.
func (*there) Kind() wire.Kind { return kindThere }

// MaxSize implements wire.Small.
func (*there) MaxSize() int { return 16 }

// Kind implements wire.Message.
func (*ask) Kind() wire.Kind { return kindAsk }

// Kind implements wire.Message.
func (*told) Kind() wire.Kind { return kindTold }

// Check implements wire.Checker.
func (m *ask) Check() error {
	switch {
	case m.Left == 0 || m.Left > uint32(maxTime/time.Millisecond):
		return fmt.Errorf("%w: %d ms to answer", errMessage, m.Left)
	case m.Depth > maxDepth:
		return fmt.Errorf("%w: passed on %d times", errMessage, m.Depth)
	case len(m.Avoid) > maxAvoid:
		return fmt.Errorf("%w: %d nodes to avoid", errMessage, len(m.Avoid))
	case m.Scope.Full && (m.Scope.From != id.ID{} || m.Scope.To != id.ID{}):
		return fmt.Errorf("%w: a full range with ends", errMessage)
	case m.Users == nil:
		return nil
	case m.Users.After != nil && (m.Scope.Full || m.Scope.From != m.Scope.To):
		return fmt.Errorf("%w: going on in more than one node", errMessage)
	}
	return m.Users.Pattern.Check()
}

// Check implements wire.Checker.
func (m *told) Check() error {
	switch {
	case len(m.Records) > maxRecords:
		return fmt.Errorf("%w: %d records, at most %d", errMessage, len(m.Records), maxRecords)
	case len(m.Rest) > maxRest:
		return fmt.Errorf("%w: %d ranges, at most %d", errMessage, len(m.Rest), maxRest)
	case slices.Contains(m.Records, nil):
		return fmt.Errorf("%w: no record", errMessage)
	}
	for _, r := range m.Records {
		if err := r.Check(); err != nil {
			return fmt.Errorf("%w: %w", errMessage, err)
		}
	}
	for _, r := range m.Rest {
		if r.Scope.Full || r.After != nil && (!r.More || r.Scope.From != r.Scope.To) {
			return fmt.Errorf("%w: an impossible range", errMessage)
		}
	}
	return m.Sum.Check()
}
