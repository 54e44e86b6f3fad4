package room

import (
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/receipts"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Reached is how far an entry is known to have come, besides its author.
type Reached = receipts.Reached

// newReceipts is how far all are with the room, with what the store has of that.
func (h *hall) newReceipts(told []*entry.Receipt) *receipts.Receipts {
	m := h.rooms()
	return receipts.New(receipts.Deps{Loop: m.ep, Book: h.book(), Log: h.log, Verifier: m.deps.Verifier, After: m.cfg.ReceiptAfter,
		Signer: func() peer.Signer { return h.acc.user.Signer },
		Tells:  func() bool { return h.in() && !h.kept.Silent },
		Read:   func() []byte { return h.kept.Read },
		People: h.people, Send: h.sendReceipt,
		Heard: func() { m.emit(Event{Kind: Told, User: h.acc.key, Room: h.id}) }}, told)
}

// sendReceipt tells people's devices a receipt.
func (h *hall) sendReceipt(to []dag.Person, r *entry.Receipt) {
	h.spread.Each(to, func(t *task.T, d device) {
		_, _ = h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Seen{About: a, Receipts: []*entry.Receipt{r}} })
	})
}

// SetReceipts says whether the others in a room are told what the user has and has read. What
// they were told stays with them.
func (m *Rooms) SetReceipts(t *task.T, user peer.Key, room id.Hash, on bool) error {
	h, err := m.known(t, user, room)
	if err != nil {
		return err
	}
	if err := h.keep(t, new(store.Batch), func(k *books.Kept) { k.Silent = !on }); err != nil {
		return err
	}
	h.told.Tell()
	return nil
}

// Reached returns how far messages of a room have come, as far as it is known here: an entry
// that is not shown has come nowhere.
func (m *Rooms) Reached(t *task.T, user peer.Key, room id.Hash, list []id.Hash) ([]Reached, error) {
	h, err := m.known(t, user, room)
	if err != nil {
		return nil, err
	}
	return h.told.Reached(list), nil
}

// askReceipts gets the receipts that a device has and this one has not.
func (h *hall) askReceipts(t *task.T, d device) error {
	known := h.told.Known()
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Seen{About: a, Asks: true, Known: known} })
	if err != nil {
		return err
	}
	r, ok := ans.(*msg.SeenRest)
	if !ok {
		return wire.ErrMalformed
	}
	return h.takeReceipts(t, r.Receipts)
}

// takeReceipts takes those that their people have signed, and heeds what the user's other
// nodes have told.
func (h *hall) takeReceipts(t *task.T, list []*entry.Receipt) error {
	if err := h.told.Take(t, list); err != nil {
		return err
	}
	read, upTo := h.told.Elsewhere(h.unread)
	if len(read) == 0 {
		return nil
	}
	return h.forgetUnread(t, read, upTo)
}

// takeSeen takes receipts from a member's node, and gives it those that it lacks.
func (h *hall) takeSeen(t *task.T, d *kbr.Delivery, s *msg.Seen) error {
	if _, err := h.vouchFor(t, d, s.About.From); err != nil {
		return err
	}
	for range len(s.Receipts) - 1 { // each is a signature to be checked
		if m := h.rooms(); !m.served.Take(d.Via.ID, m.ep.Now()) {
			return &kbr.RefusedError{Code: msg.RefusedBusy, Text: "too many receipts in a minute"}
		}
	}
	if err := h.takeReceipts(t, s.Receipts); err != nil {
		return err
	}
	r := &msg.SeenRest{}
	if s.Asks {
		r.Receipts = h.told.Beyond(s.Known)
	}
	d.Reply(msg.Encode(r))
	return nil
}
