package room

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/spread"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// newSpread is how the room's entries come to all.
func (h *hall) newSpread() *spread.Spread {
	m := h.rooms()
	return spread.New(spread.Deps{Loop: m.ep, User: h.acc.key, Log: h.log, After: m.cfg.ReceiptAfter,
		In: h.in, People: h.people, Devices: h.devices, Tell: h.tellEntries, Compare: h.compareLater, Read: h.read,
		Waits: h.waits, Reached: h.told.Reached})
}

// tellEntries pushes entries to a device. One alone is passed on to who sits before a seat, if that is
// not zero.
func (h *hall) tellEntries(t *task.T, d device, list []*entry.Entry, before id.Hash) (*msg.Took, error) {
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Push{About: a, Entries: list, Before: before} })
	if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == msg.RefusedUnknown {
		h.tellOf(t, d)
	}
	if err != nil {
		return nil, err
	}
	said, ok := ans.(*msg.Took)
	if !ok {
		return nil, wire.ErrMalformed
	}
	return said, nil
}

// compareLater compares logs with a device; in a moment, where that is done with another one now.
func (h *hall) compareLater(t *task.T, d device) {
	if h.comparing {
		h.spread.CatchUpWith(d)
		return
	}
	h.comparing = true
	_ = h.compare(t, d)
	h.comparing = false
}

// takePush takes entries from a member's node. They are believed for their signatures.
func (h *hall) takePush(t *task.T, d *kbr.Delivery, p *msg.Push) error {
	// Each is a signature to be checked.
	for range len(p.Entries) - 1 {
		if m := h.rooms(); !m.served.Take(d.Via.ID, m.ep.Now()) {
			return &kbr.RefusedError{Code: msg.RefusedBusy, Text: "too many entries in a minute"}
		}
	}
	known := len(p.Entries) == 1 && h.log.Has(p.Entries[0].Hash())
	lacks, err := h.take(t, p.Entries)
	if err != nil {
		return err
	}
	d.Reply(msg.Encode(&msg.Took{Lacks: lacks}))
	if p.Before.IsZero() {
		return nil
	}
	return h.spread.PassOn(t, p.Entries[0], known, p.Before)
}
