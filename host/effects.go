package host

import (
	"errors"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// carry carries out one effect. It never blocks.
func (h *Host) carry(e *machine.Effect) {
	switch e.Kind {
	case machine.DoSend:
		h.send(e)
	case machine.DoSetTimer:
		h.loop.timers.set(e.Slot, e.At)
	case machine.DoCancelTimer:
		h.loop.timers.cancel(e.Slot)
	case machine.DoWork:
		h.work.do(job{e.Slot, e.Work})
	case machine.DoSave:
		h.saver.save(e.Snapshot)
	case machine.DoProtect:
		h.loop.transport.Protect(e.To.ID, e.On)
	case machine.DoDrop:
		h.loop.transport.Disconnect(e.To.ID, true)
		h.loop.mover.Drop(e.To.ID)
	case machine.DoBulk:
		h.loop.mover.Open(e.Slot, e.Bulk)
	case machine.DoAdmit:
		h.loop.mover.Admit(e.Slot, e.Bulk)
	case machine.DoStopBulk:
		h.loop.mover.Stop(e.Slot)
	}
}

// said is the last message that was sent in a step, and its frame, which transports read
// only: a message that goes to many peers is encoded once.
type said struct {
	msg   wire.Message
	frame []byte
}

// send encodes a message and queues it.
func (h *Host) send(e *machine.Effect) {
	c := transport.Class(e.Class)
	b, err := h.loop.said.frame, error(nil)
	if h.loop.said.msg != e.Msg {
		b, err = h.cfg.Table.Encode(e.Msg)
		h.loop.said = said{e.Msg, b}
	}
	if err != nil {
		if n := h.count.unsendable.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th ...
			h.log.Error("a message cannot be sent", "to", e.To.String(), "error", err, "so far", n)
		}
		return
	}
	switch err := h.loop.transport.Send(e.To, c, b); {
	case err == nil:
		h.count.out[c].Add(1)
	case errors.Is(err, wire.ErrTooLarge):
		h.count.unsendable.Add(1)
	default: // ErrFull, or ErrClosed: the node is stopping
		h.count.full.Add(1)
	}
}
