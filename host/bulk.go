package host

import (
	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// newMover makes what carries out bulk transfers. h is locked.
func (h *Host) newMover() *bulk.Mover {
	return bulk.New(bulk.Config{
		Carrier: h.carrier,
		Done: func(slot uint32, m task.Moved) {
			h.put(item{in: machine.Input{Kind: machine.InDone, Slot: slot, Result: m}})
		},
		Bad:   h.badBulk,
		Broke: func(v any) { h.put(item{fault: caught("moving a content", v)}) },
	})
}

// badBulk counts bad input of a bulk stream. What no honest node sends is held against the
// peer; whose ticket is not good may just be late.
func (h *Host) badBulk(from *peer.Handle, kind string, err error) {
	var node id.ID
	name := "?"
	if from != nil {
		node, name = from.ID, from.String()
	}
	if h.bads.Note(node, kind) {
		h.log.Warn("bad input on a bulk stream, which is closed", "peer", name, "kind", kind, "because", err)
	}
	if t := h.transport(); from != nil && t != nil {
		t.Blame(from.ID)
	}
}
