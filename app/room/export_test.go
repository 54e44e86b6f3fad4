package room

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Messages are what nodes say, for tests that lie.
var Messages = messages

// Samples returns one good message of each kind.
func Samples(room, epoch id.Hash, from, to peer.Key, founding, change *entry.Entry) []wire.Message {
	a := &about{room, from, to}
	return []wire.Message{
		&push{About: a, Entries: []*entry.Entry{change}, Before: epoch}, &took{Lacks: true},
		&sync{About: a, Marks: make([]byte, markSize), Wanted: epoch[:]},
		&rest{Entries: []*entry.Entry{change}, More: true, Heads: epoch[:], Marks: make([]byte, markSize)},
		&askKey{About: a, Epoch: epoch}, &key{Number: 1, Sealed: []byte{1}},
		&invite{About: a, Name: "mallory", Title: "garden", Founding: founding, Change: change, Epoch: epoch, Key: &key{Number: 1, Sealed: []byte{1}}},
		&seen{About: a, Receipts: []*entry.Receipt{receipt(from, room)}, Asks: true, Known: make([]byte, knownSize)},
		&seenRest{Receipts: []*entry.Receipt{receipt(from, room)}},
		&find{To: to}, &found{Rooms: []*listing{{founding, "garden", 3}}},
	}
}

func receipt(by peer.Key, x id.Hash) *entry.Receipt {
	return &entry.Receipt{By: by, Number: 1 << 45, Has: x[:], Read: x[:], Sig: make([]byte, peer.SignatureSize)}
}

// Bad returns messages that break a limit.
func Bad(room id.Hash, from, to peer.Key, founding, change *entry.Entry) map[string]wire.Message {
	a := &about{room, from, to}
	many := make([]*entry.Entry, maxEntries+1)
	for i := range many {
		many[i] = change
	}
	twice, nobody := receipt(from, room), receipt(peer.Key{}, room)
	twice.Has = append(room[:], room[:]...)
	return map[string]wire.Message{
		"find nobody":          &find{},
		"found nothing":        &found{Rooms: []*listing{nil}},
		"found no founding":    &found{Rooms: []*listing{{Title: "x"}}},
		"found a bad title":    &found{Rooms: []*listing{{founding, "y\x1b[2J", 1}}},
		"receipts of nothing":  &seen{Receipts: []*entry.Receipt{receipt(from, room)}},
		"a receipt is nil":     &seen{About: a, Receipts: []*entry.Receipt{nil}},
		"a receipt of nobody":  &seenRest{Receipts: []*entry.Receipt{nobody}},
		"a receipt says twice": &seenRest{Receipts: []*entry.Receipt{twice}},
		"many receipts":        &seenRest{Receipts: slices.Repeat([]*entry.Receipt{receipt(from, room)}, maxReceipts+1)},
		"torn names":           &seen{About: a, Known: make([]byte, knownSize-1)},
		"about nothing":        &push{},
		"no room":              &push{About: &about{From: from, To: to}},
		"from nobody":          &sync{About: &about{Room: room, To: to}},
		"to nobody":            &askKey{About: &about{Room: room, From: from}, Epoch: room},
		"many entries":         &rest{Entries: many},
		"an entry is nil":      &push{About: a, Entries: []*entry.Entry{nil}},
		"an impossible one":    &push{About: a, Entries: []*entry.Entry{{}}},
		"torn marks":           &sync{About: a, Marks: make([]byte, markSize-1)},
		"torn hashes":          &sync{About: a, Wanted: make([]byte, 33)},
		"many hashes":          &sync{About: a, Wanted: make([]byte, 32*(maxWanted+1))},
		"many heads":           &rest{Heads: make([]byte, 32*(maxHeads+1))},
		"many to be passed on": &push{About: a, Entries: many[:2], Before: room},
		"no epoch":             &askKey{About: a},
		"no key":               &key{},
		"a long key":           &key{Sealed: make([]byte, maxSealed+1)},
		"invite to nothing":    &invite{About: a, Name: "x", Title: "y"},
		"invite by no name":    &invite{About: a, Title: "y", Founding: founding, Change: change},
		"invite with no key":   &invite{About: a, Name: "x", Title: "y", Founding: founding, Change: change, Key: &key{}},
		"title that escapes":   &invite{About: a, Name: "x", Title: "y\x1b[2J", Founding: founding, Change: change},
	}
}

// Pushed are the entries that a message pushes.
func Pushed(payload []byte) []*entry.Entry {
	m, err := messages.Decode(payload)
	if p, ok := m.(*push); err == nil && ok {
		return p.Entries
	}
	return nil
}

// Hint has a head on the shelf say that somebody is in a room.
func (m *Rooms) Hint(user peer.Key, room id.Hash, who dag.Person) {
	h := m.account(user).hall(room)
	h.shelf.hints = append(h.shelf.hints, who)
}

// Asks reports whether a message does no more than ask for what a log has besides so many entries at most.
func Asks(payload []byte, most uint64) bool {
	m, _ := messages.Decode(payload)
	s, ok := m.(*sync)
	if !ok || len(s.Wanted) > 0 {
		return false
	}
	known := uint64(0)
	for _, m := range marks(s.Marks) {
		known += m.Last
	}
	return known <= most
}

// Again pushes an entry that is here to somebody, who is to pass it on to all, or to nobody. A spoilt
// copy has another signature than its author's.
func (m *Rooms) Again(user, to peer.Key, room, x id.Hash, spoilt, all bool) []byte {
	list, err := m.account(user).hall(room).books().read([]id.Hash{x})
	if err != nil || len(list) != 1 {
		panic("an entry that is not here")
	}
	if spoilt {
		list[0].Sig[0] ^= 1
	}
	p := &push{About: &about{room, user, to}, Entries: list, Before: id.Hash{31: 1}}
	if all {
		p.Before = lastSeat
	}
	return encode(p)
}

// Answered answers an invitation of the founder's that came before the room was found on the user's list, and
// reports whether it is known then that the log is not here.
func (m *Rooms) Answered(t *task.T, user peer.Key, room id.Hash) (partial bool, err error) {
	a := m.account(user)
	h := a.hall(room)
	h.kept.Partial = true
	h, err = a.settleInvite(t, &keptInvite{Founding: h.kept.Founding, Change: h.kept.Founding}, true)
	return err == nil && h.kept.Partial, err
}

// Swallow answers as somebody who takes all and gives nothing but what gives makes, where that is not nil;
// false: not to this message.
func Swallow(d *kbr.Delivery, gives func() *entry.Entry) bool {
	m, _ := messages.Decode(d.Payload)
	switch m.(type) {
	case *push:
		d.Reply(encode(&took{}))
	case *sync:
		r := &rest{}
		if gives != nil {
			r.Entries = []*entry.Entry{gives()}
		}
		d.Reply(encode(r))
	default:
		return false
	}
	return true
}

// Size is how many entries a room has on this node.
func (m *Rooms) Size(user peer.Key, room id.Hash) int {
	if h := m.account(user).hall(room); h != nil {
		return h.log.Len()
	}
	return 0
}

// Current is the entry of the epoch that words are locked with.
func (m *Rooms) Current(user peer.Key, room id.Hash) id.Hash {
	return m.account(user).hall(room).log.State().Epoch.Entry
}

// Keys are those that a user has of a room, the current one first.
func (m *Rooms) Keys(user peer.Key, room id.Hash) []peer.Secret {
	h := m.account(user).hall(room)
	return h.ways()
}

// Founding is the room's first entry.
func (m *Rooms) Founding(user peer.Key, room id.Hash) *entry.Entry {
	return m.account(user).hall(room).kept.Founding
}

// SeenOf is a message that brings a receipt.
func SeenOf(room id.Hash, from, to peer.Key, r *entry.Receipt) wire.Message {
	return &seen{About: &about{room, from, to}, Receipts: []*entry.Receipt{r}}
}
