package work

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Decode reads one of the messages of work.
func Decode(b []byte) (wire.Message, error) { return table.Decode(b) }

// Encode encodes it again.
func Encode(m wire.Message) []byte { return encode(m) }

// Messages are one good message of each kind, and bad ones by what is wrong with them.
func Messages(by peer.Key) (good []wire.Message, bad map[string]wire.Message) {
	x := id.HashOf("x")
	good = []wire.Message{&notice{x}, &notice{}, &hand{Item: x, Group: x, Publisher: by, Token: x, Before: 3, Body: []byte("cat.png")},
		&renew{x, x}, &report{Item: x, Token: x, What: reportFailed, Why: "no such file", Free: true}, &free{x, by}, &yes{}}
	bad = map[string]wire.Message{
		"an item without a number":  &hand{Publisher: by, Token: x},
		"an item without a token":   &hand{Item: x, Publisher: by},
		"an item of nobody":         &hand{Item: x, Token: x},
		"an item that is too long":  &hand{Item: x, Token: x, Publisher: by, Body: make([]byte, MaxItem+1)},
		"no outcome":                &report{Item: x, Token: x},
		"an outcome that is none":   &report{Item: x, Token: x, What: reportBack + 1},
		"a reason that is too long": &report{Item: x, Token: x, What: reportFailed, Why: string(make([]byte, MaxWhy+1))},
	}
	return good, bad
}

// Forged are messages about an item by one who was never given it.
func Forged(item id.Hash) [][]byte {
	x := id.HashOf("a guess")
	return [][]byte{encode(&renew{item, x}), encode(&report{Item: item, Token: x, What: reportDone})}
}

// Unasked is an item for who has not asked for any.
func Unasked(group id.Hash, by peer.Key) []byte {
	return encode(&hand{Item: id.HashOf("x"), Group: group, Publisher: by, Token: id.HashOf("y"), Body: []byte("x")})
}
