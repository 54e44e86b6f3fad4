package lab

import (
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// swallower is a node of a group's tree that hands on no message, whose heartbeats tell of
// none, and who says, when its children ask, that there is none (attacker A11). As root or
// keeper it tells the truth to those who ask: to forget what one keeps is another attack.
type swallower struct {
	*scribe.Scribe
	groups *groups
}

// Start implements kbr.App.
func (s *swallower) Start(ep kbr.Endpoint) { s.Scribe.Start(swallowing{ep}) }

// Deliver implements kbr.App.
func (s *swallower) Deliver(d *kbr.Delivery) {
	if p := s.Place(s.groups.id); p.Root || p.Keeper {
		s.Scribe.Deliver(d)
		return
	}
	m, err := msg.Decode(d.Payload)
	if err != nil {
		s.Scribe.Deliver(d)
		return
	}
	switch m.(type) {
	case *msg.Fetch:
		d.Reply(msg.Encode(new(msg.Fetched)))
	case *msg.Heads:
		d.Refuse(msg.RefusedBusy, "busy")
	default:
		s.Scribe.Deliver(d)
	}
}

// swallowing is what a swallower's node lets through.
type swallowing struct{ kbr.Endpoint }

// Send implements kbr.Endpoint.
func (e swallowing) Send(to *peer.Handle, payload []byte, done func(error)) {
	m, err := msg.Decode(payload)
	if err != nil {
		e.Endpoint.Send(to, payload, done)
		return
	}
	switch m := m.(type) {
	case *msg.Cast:
		return
	case *msg.Beat:
		m.Seals = nil
		payload = msg.Encode(m)
	}
	e.Endpoint.Send(to, payload, done)
}
