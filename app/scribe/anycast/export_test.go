package anycast

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests see of messages.

// Decode reads a message; Encode writes one, outside its limits too.
func Decode(b []byte) (wire.Message, error) { return table.Decode(b) }

// Encode writes a message.
func Encode(m wire.Message) []byte { return encode(m) }

// Walk is a walk for an item as a test forges it.
func Walk(i *Item, want, steps uint32, done ...byte) wire.Message {
	return &walk{Item: i, Want: want, Steps: steps, Done: done}
}

// IsWalk tells a walk from other messages.
func IsWalk(b []byte) bool {
	m, err := table.Decode(b)
	_, ok := m.(*walk)
	return err == nil && ok
}

// Messages are one good message of each kind, and bad ones by what is wrong with them.
func Messages(i *Item) (good []wire.Message, bad map[string]wire.Message) {
	change := func(f func(*Item)) *Item {
		c := *i
		f(&c)
		return &c
	}
	good = []wire.Message{&walk{Item: i, Round: 1, Want: 2, Found: 1, Steps: 9, Done: make([]byte, 2*id.Size)},
		&willing{Item: id.HashOf("x"), Answer: []byte("here")}, &grant{}, &onTheWay{Item: id.HashOf("x"), Round: 2},
		&over{Item: id.HashOf("x"), Why: whyNobody, Found: 3}}
	w := func(i *Item) *walk { return &walk{Item: i, Want: 1, Steps: 1} }
	bad = map[string]wire.Message{
		"no item":         w(nil),
		"want nobody":     &walk{Item: i, Steps: 1},
		"want many":       &walk{Item: i, Want: MaxWant + 1},
		"found many":      &walk{Item: i, Want: 1, Found: MaxWant + 1},
		"many rounds":     &walk{Item: i, Want: 1, Round: maxRounds},
		"many steps":      &walk{Item: i, Want: 1, Steps: maxSteps + 1},
		"half an id":      &walk{Item: i, Want: 1, Done: make([]byte, 17)},
		"half an id left": &walk{Item: i, Want: 1, Left: make([]byte, 17)},
		"many ids left":   &walk{Item: i, Want: 1, Left: make([]byte, (maxLeft+1)*id.Size)},
		"too often again": &walk{Item: i, Want: 1, Again: maxSteps + 1},
		"many ids":        &walk{Item: i, Want: 1, Done: make([]byte, (maxDone+1)*id.Size)},
		"no asker":        w(change(func(i *Item) { i.Asker = nil })),
		"no publisher":    w(change(func(i *Item) { i.Publisher = peer.Key{} })),
		"no time":         w(change(func(i *Item) { i.Time = 0 })),
		"far time":        w(change(func(i *Item) { i.Time = maxTime + 1 })),
		"long body":       w(change(func(i *Item) { i.Body = make([]byte, MaxBody+1) })),
		"short seal":      w(change(func(i *Item) { i.Sig = i.Sig[1:] })),
		"long answer":     &willing{Answer: make([]byte, MaxAnswer+1)},
		"no reason":       &over{},
		"wild reason":     &over{Why: uint32(len(ends))},
		"over of many":    &over{Why: whyNobody, Found: MaxWant + 1},
	}
	return good, bad
}

// NewItem signs an item.
var NewItem = newItem
