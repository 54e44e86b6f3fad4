package work

import (
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
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
		&renew{x, x}, &report{Item: x, Token: x, What: reportFailed, Why: "no such file", Free: true}, &free{x, by}, &yes{},
		&who{x}, &desks{Young: true, More: true}, &here{Group: x}, &survey{Group: x, Owner: by, Time: 5, After: 40, Sig: []byte("s")},
		&page{Left: 7, Items: []*shown{{Item: x, By: by, State: "over", Outcome: "failed", Why: "no such file", Had: 2, Time: 9, Size: 300, Head: []byte("cat")}}}}
	bad = map[string]wire.Message{
		"an item without a number":  &hand{Publisher: by, Token: x},
		"an item without a token":   &hand{Item: x, Publisher: by},
		"an item of nobody":         &hand{Item: x, Token: x},
		"an item that is too long":  &hand{Item: x, Token: x, Publisher: by, Body: make([]byte, MaxItem+1)},
		"no outcome":                &report{Item: x, Token: x},
		"an outcome that is none":   &report{Item: x, Token: x, What: reportBack + 1},
		"a reason that is too long": &report{Item: x, Token: x, What: reportFailed, Why: string(make([]byte, MaxWhy+1))},
		"no node":                   &desks{Nodes: []*peer.Handle{nil}},
		"a node twice":              &desks{Nodes: []*peer.Handle{{ID: x.Place(), Key: by}, {ID: x.Place(), Key: by}}},
		"a survey of nobody":        &survey{Group: x, Time: 5},
		"a survey before all time":  &survey{Group: x, Owner: by, Time: -1},
		"too many items":            &page{Items: make([]*shown, maxPage+1)},
		"no item":                   &page{Items: []*shown{nil}},
		"a long head":               &page{Items: []*shown{{Item: x, By: by, Head: make([]byte, maxHead+1)}}},
	}
	return good, bad
}

// Kept is an item as a store has it that was queued before the node started.
func Kept(topic string, by peer.Key, at time.Time) (key, value []byte) {
	x := id.HashOf("an item of before")
	return x[:], wire.MustMarshal(&record{Topic: topic, By: by, Body: []byte("old"), Tries: 3, Time: at.UnixMilli(), Secret: x})
}

// Gone lets a topic have been looked for in vain so often that what is offered to it rests for an hour.
func (w *Work) Gone(n topic.Name) {
	for _, q := range w.queues {
		if q.name == n {
			q.rested.Stop()
			q.gone = absence{goneMost, w.ep.Now().Add(goneMost)}
			q.pause(goneMost)
		}
	}
}

// Walks is for how many items of a topic takers are looked for now.
func (w *Work) Walks(n topic.Name) (walks int) {
	for _, q := range w.queues {
		if q.name == n {
			walks += q.walks
		}
	}
	return walks
}

// Opened is where a program offers that began to a minute ago, when the topic was there.
func (w *Work) Opened(n topic.Name, by peer.Key, o Options) *Offers {
	q := w.queue(n, by)
	q.open++
	return &Offers{q, o, w.ep.Now().Add(-time.Minute)}
}

// Joined are the nodes that offer by what two say, and whether the ring is young and there are more.
func Joined(first, second []*peer.Handle, nearer bool) (nodes []*peer.Handle, young, more bool) {
	all := joined(&desks{Nodes: first, Young: true}, &desks{Nodes: second, More: true}, nearer)
	return all.Nodes, all.Young, all.More
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

// Snooping asks for the items of a topic in the name of its owner, without his signature.
func Snooping(group id.Hash, owner peer.Key, at int64) []byte {
	return encode(&survey{Group: group, Owner: owner, Time: at, Sig: []byte("a guess")})
}

// Here says that the sender, or another node, offers to a topic.
func Here(group id.Hash, node *peer.Handle) []byte { return encode(&here{group, node}) }

// MaxHere is how many nodes of one topic a root remembers, MaxSeen of all, and MaxOwn is to how many topics one
// node may say that it offers in a ring that is not small.
const (
	MaxHere = maxHere
	MaxSeen = maxSeen
	MaxOwn  = maxOwn
)

// Share is to how many topics a node may say to this one that it offers.
func (w *Work) Share() int { return w.share(true) }

// Hides is what a node answers that says nobody offers, to whoever asks for it, and yes to whoever offers, without
// noting it; nil: to other questions. asked: it is asked who offers.
func Hides(question []byte) (answer []byte, asked bool) {
	switch m, _ := table.Decode(question); m.(type) {
	case *who:
		return encode(&desks{}), true
	case *here:
		return encode(&yes{}), false
	}
	return nil, false
}

// Look lets the time have come to look again for a topic that is gone.
func (w *Work) Look(n topic.Name) {
	for _, q := range w.queues {
		if q.name == n {
			q.gone.next = w.ep.Now()
			q.wake()
			q.pump()
		}
	}
}

// Shows reports whether an answer to Snooping shows items.
func Shows(b []byte) bool {
	m, _ := table.Decode(b)
	p, ok := m.(*page)
	return ok && len(p.Items) > 0
}
