package room

import (
	"bytes"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Messages are what nodes say, for tests that lie.
var Messages = msg.Messages

// Samples returns one good message of each kind.
func Samples(room, epoch id.Hash, from, to peer.Key, founding, change *entry.Entry) []wire.Message {
	a := &msg.About{Room: room, From: from, To: to}
	return []wire.Message{
		&msg.Push{About: a, Entries: []*entry.Entry{change}, Before: epoch}, &msg.Took{Lacks: true},
		&msg.Sync{About: a, Marks: make([]byte, msg.MarkSize), Wanted: epoch[:]},
		&msg.Rest{Entries: []*entry.Entry{change}, More: true, Heads: epoch[:], Marks: make([]byte, msg.MarkSize)},
		&msg.AskKey{About: a, Epoch: epoch}, &msg.Key{Number: 1, Sealed: []byte{1}},
		&msg.Invite{About: a, Name: "mallory", Title: "garden", Founding: founding, Change: change, Epoch: epoch, Key: &msg.Key{Number: 1, Sealed: []byte{1}}},
		&msg.Seen{About: a, Receipts: []*entry.Receipt{receipt(from, room)}, Asks: true, Known: make([]byte, msg.KnownSize)},
		&msg.SeenRest{Receipts: []*entry.Receipt{receipt(from, room)}},
		&msg.Find{To: to}, &msg.Found{Rooms: []*msg.Listing{{Founding: founding, Title: "garden", Members: 3}}},
	}
}

func receipt(by peer.Key, x id.Hash) *entry.Receipt {
	return &entry.Receipt{By: by, Number: 1 << 45, Has: x[:], Read: x[:], Sig: make([]byte, peer.SignatureSize)}
}

// Bad returns messages that break a limit.
func Bad(room id.Hash, from, to peer.Key, founding, change *entry.Entry) map[string]wire.Message {
	a := &msg.About{Room: room, From: from, To: to}
	many := make([]*entry.Entry, msg.MaxEntries+1)
	for i := range many {
		many[i] = change
	}
	twice, nobody := receipt(from, room), receipt(peer.Key{}, room)
	twice.Has = append(room[:], room[:]...)
	return map[string]wire.Message{
		"find nobody":          &msg.Find{},
		"found nothing":        &msg.Found{Rooms: []*msg.Listing{nil}},
		"found no founding":    &msg.Found{Rooms: []*msg.Listing{{Title: "x"}}},
		"found a bad title":    &msg.Found{Rooms: []*msg.Listing{{Founding: founding, Title: "y\x1b[2J", Members: 1}}},
		"receipts of nothing":  &msg.Seen{Receipts: []*entry.Receipt{receipt(from, room)}},
		"a receipt is nil":     &msg.Seen{About: a, Receipts: []*entry.Receipt{nil}},
		"a receipt of nobody":  &msg.SeenRest{Receipts: []*entry.Receipt{nobody}},
		"a receipt says twice": &msg.SeenRest{Receipts: []*entry.Receipt{twice}},
		"many receipts":        &msg.SeenRest{Receipts: slices.Repeat([]*entry.Receipt{receipt(from, room)}, msg.MaxReceipts+1)},
		"torn names":           &msg.Seen{About: a, Known: make([]byte, msg.KnownSize-1)},
		"about nothing":        &msg.Push{},
		"no room":              &msg.Push{About: &msg.About{From: from, To: to}},
		"from nobody":          &msg.Sync{About: &msg.About{Room: room, To: to}},
		"to nobody":            &msg.AskKey{About: &msg.About{Room: room, From: from}, Epoch: room},
		"many entries":         &msg.Rest{Entries: many},
		"an entry is nil":      &msg.Push{About: a, Entries: []*entry.Entry{nil}},
		"an impossible one":    &msg.Push{About: a, Entries: []*entry.Entry{{}}},
		"torn marks":           &msg.Sync{About: a, Marks: make([]byte, msg.MarkSize-1)},
		"torn hashes":          &msg.Sync{About: a, Wanted: make([]byte, 33)},
		"many hashes":          &msg.Sync{About: a, Wanted: make([]byte, 32*(msg.MaxWanted+1))},
		"many heads":           &msg.Rest{Heads: make([]byte, 32*(msg.MaxHeads+1))},
		"many to be passed on": &msg.Push{About: a, Entries: many[:2], Before: room},
		"no epoch":             &msg.AskKey{About: a},
		"no key":               &msg.Key{},
		"a long key":           &msg.Key{Sealed: make([]byte, msg.MaxSealed+1)},
		"invite to nothing":    &msg.Invite{About: a, Name: "x", Title: "y"},
		"invite by no name":    &msg.Invite{About: a, Title: "y", Founding: founding, Change: change},
		"invite with no key":   &msg.Invite{About: a, Name: "x", Title: "y", Founding: founding, Change: change, Key: &msg.Key{}},
		"title that escapes":   &msg.Invite{About: a, Name: "x", Title: "y\x1b[2J", Founding: founding, Change: change},
	}
}

// Pushed are the entries that a message pushes.
func Pushed(payload []byte) []*entry.Entry {
	m, err := msg.Messages.Decode(payload)
	if p, ok := m.(*msg.Push); err == nil && ok {
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
	m, _ := msg.Messages.Decode(payload)
	s, ok := m.(*msg.Sync)
	if !ok || len(s.Wanted) > 0 {
		return false
	}
	known := uint64(0)
	for _, m := range msg.Marks(s.Marks) {
		known += m.Last
	}
	return known <= most
}

// Again pushes an entry that is here to somebody, who is to pass it on to all, or to nobody. A spoilt
// copy has another signature than its author's.
func (m *Rooms) Again(user, to peer.Key, room, x id.Hash, spoilt, all bool) []byte {
	list, err := m.account(user).hall(room).book().Read([]id.Hash{x})
	if err != nil || len(list) != 1 {
		panic("an entry that is not here")
	}
	if spoilt {
		list[0].Sig[0] ^= 1
	}
	p := &msg.Push{About: &msg.About{Room: room, From: user, To: to}, Entries: list, Before: id.Hash{31: 1}}
	if all {
		p.Before = id.Hash(bytes.Repeat([]byte{0xff}, len(id.Hash{}))) // comes after all seats
	}
	return msg.Encode(p)
}

// Answered answers an invitation of the founder's that came before the room was found on the user's list, and
// reports whether it is known then that the log is not here.
func (m *Rooms) Answered(t *task.T, user peer.Key, room id.Hash) (partial bool, err error) {
	a := m.account(user)
	h := a.hall(room)
	h.kept.Partial = true
	h, err = a.settleInvite(t, &books.Invite{Founding: h.kept.Founding, Change: h.kept.Founding}, true)
	return err == nil && h.kept.Partial, err
}

// Swallow answers as somebody who takes all and gives nothing but what gives makes, where that is not nil;
// false: not to this message.
func Swallow(d *kbr.Delivery, gives func() []*entry.Entry) bool {
	m, _ := msg.Messages.Decode(d.Payload)
	switch m.(type) {
	case *msg.Push:
		d.Reply(msg.Encode(&msg.Took{}))
	case *msg.Sync:
		r := &msg.Rest{}
		if gives != nil {
			r.Entries = gives()
		}
		d.Reply(msg.Encode(r))
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
	return h.keys.Ways()
}

// Founding is the room's first entry.
func (m *Rooms) Founding(user peer.Key, room id.Hash) *entry.Entry {
	return m.account(user).hall(room).kept.Founding
}

// SeenOf is a message that brings a receipt.
func SeenOf(room id.Hash, from, to peer.Key, r *entry.Receipt) wire.Message {
	return &msg.Seen{About: &msg.About{Room: room, From: from, To: to}, Receipts: []*entry.Receipt{r}}
}
