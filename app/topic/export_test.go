package topic

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Decode reads one of the messages of topics.
func Decode(b []byte) (wire.Message, error) { return table.Decode(b) }

// Encode encodes it again.
func Encode(m wire.Message) []byte { return encode(m) }

// AskWhere is the question about a group.
func AskWhere(group id.Hash) []byte { return encode(&where{group}) }

// Here is an answer.
func Here(node, parent id.ID, children ...id.ID) []byte {
	return encode(&here{Node: node, Parent: parent, Children: children, Root: parent.IsZero()})
}

// AskSeen is the question about a message.
func AskSeen(group id.Hash, mark []byte) []byte { return encode(&seen{group, mark}) }
