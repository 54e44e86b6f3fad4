package census

import (
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests outside see.

// Messages are all messages of the census.
var Messages = table

// MaxRest and RoomRecords are limits of an answer.
const (
	MaxRest     = maxRest
	RoomRecords = roomRecords
)

// Forged is an answer as a liar makes it up.
type Forged struct {
	Sum     Sum
	Records []*directory.Record
	More    []id.Range // where it says there is more
	On      *id.Hash   // the first of them goes on after this name
	Lost    []id.Range
}

// Bytes is the answer on the wire; nil if it cannot be encoded.
func (f Forged) Bytes() []byte {
	t := &told{Sum: f.Sum, Records: f.Records}
	for i, r := range f.More {
		t.Rest = append(t.Rest, rest{Scope: r, More: true})
		if i == 0 {
			t.Rest[0].After = f.On
		}
	}
	for _, r := range f.Lost {
		t.Rest = append(t.Rest, rest{Scope: r})
	}
	b, err := table.Encode(t)
	if err != nil {
		return nil
	}
	return b
}

// Asked is a question as an attacker makes it up.
type Asked struct {
	Origin id.ID
	Scope  id.Range
	Left   uint32
	Depth  uint8
	Avoid  int // so many nodes
	Users  bool
	After  *id.Hash
	Match  Pattern
}

// Bytes is the question on the wire.
func (a Asked) Bytes() []byte {
	q := &ask{Origin: a.Origin, Scope: a.Scope, Left: a.Left, Depth: a.Depth, Avoid: make([]id.ID, a.Avoid)}
	if a.Users {
		q.Users = &wanted{Pattern: a.Match, After: a.After}
	}
	b, err := table.Encode(q)
	if err != nil {
		panic(err)
	}
	return b
}

// ScopeOf returns the range of a question, or false if it is none.
func ScopeOf(payload []byte) (id.Range, bool) {
	m, err := table.Decode(payload)
	q, ok := m.(*ask)
	if err != nil || !ok {
		return id.Range{}, false
	}
	return q.Scope, true
}

var _ wire.Checker = (*Sum)(nil)
