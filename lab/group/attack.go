package group

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// deed is what an attacker does to those below it in a group's tree (attacker A11). As root or
// keeper it is honest: to forget what one keeps is another attack.
type deed uint8

const (
	honest deed = iota
	// swallows: it hands on no message, its heartbeats tell of none, and it says, when its
	// children ask, that there is none.
	swallows
	// floods: with each message it sends old and forged ones, and heartbeats.
	floods
	// reorders: it holds each message back until it has sent the next.
	reorders
)

const (
	// copies and forged is how many messages a flooder sends with each that it hands on.
	copies, forged = 12, 3
	// heldBack is how long a reorderer keeps a message at most.
	heldBack = 700 * time.Millisecond
)

// deedOf is what a node of a storm with attackers does: a fifth of them are such, not among
// them those who speak, of each kind as many.
func deedOf(n sim.NodeRef, nodes int, seed uint64) deed {
	if seed%4 != 2 || int(n) < speakers || int(n) >= speakers+nodes/5 {
		return honest
	}
	return swallows + deed((uint64(n)+seed/4)%3)
}

// attacker is a node that does one of these.
type attacker struct {
	*scribe.Scribe
	groups *Group
	does   deed
}

// Start implements kbr.App.
func (a *attacker) Start(ep kbr.Endpoint) {
	a.Scribe.Start(&foul{Endpoint: ep, a: a})
}

// idle reports whether it is honest where it stands now.
func (a *attacker) idle() bool {
	p := a.Place(a.groups.id)
	return p.Root || p.Keeper
}

// Deliver implements kbr.App.
func (a *attacker) Deliver(d *kbr.Delivery) {
	m, err := msg.Decode(d.Payload)
	if err != nil || a.does != swallows || a.idle() {
		a.Scribe.Deliver(d)
		return
	}
	switch m.(type) {
	case *msg.Fetch:
		d.Reply(msg.Encode(new(msg.Fetched)))
	case *msg.Heads, *msg.Bundle:
		d.Refuse(msg.RefusedBusy, "busy")
	default:
		a.Scribe.Deliver(d)
	}
}

// foul is what an attacker's node lets through.
type foul struct {
	kbr.Endpoint
	a    *attacker
	held []*cast
}

// cast is a message that a reorderer holds back.
type cast struct {
	to      *peer.Handle
	payload []byte
	done    func(error)
}

// Send implements kbr.Endpoint.
func (e *foul) Send(to *peer.Handle, payload []byte, done func(error)) {
	m, err := msg.Decode(payload)
	if err != nil || e.a.idle() {
		e.Endpoint.Send(to, payload, done)
		return
	}
	if m, ok := m.(*msg.Cast); ok {
		e.cast(m, &cast{to, payload, done})
		return
	}
	e.Endpoint.Send(to, payload, done)
}

// Ask implements kbr.Endpoint.
func (e *foul) Ask(to *peer.Handle, payload []byte, o kbr.Options, done func(kbr.Answer, error)) {
	if m, err := msg.Decode(payload); err == nil && e.a.does == swallows && !e.a.idle() {
		if m, ok := m.(*msg.Beat); ok {
			m.Seals = nil
			payload = msg.Encode(m)
		}
	}
	e.Endpoint.Ask(to, payload, o, done)
}

// Tell implements kbr.Endpoint.
func (e *foul) Tell(to []*peer.Handle, payload []byte) {
	for _, h := range to {
		e.Send(h, slices.Clone(payload), nil)
	}
}

// cast does to a message what the attacker does.
func (e *foul) cast(m *msg.Cast, c *cast) {
	switch e.a.does {
	case floods:
		e.Endpoint.Send(c.to, slices.Clone(c.payload), c.done)
		e.flood(c.to, m)
	case reorders:
		at := slices.IndexFunc(e.held, func(o *cast) bool { return o.to.ID == c.to.ID })
		if at < 0 {
			e.held = append(e.held, c)
			e.After(heldBack, func() { e.release(c) })
			return
		}
		e.Endpoint.Send(c.to, c.payload, c.done)
		e.release(e.held[at])
	}
}

// release sends a message that was held back, unless it was sent.
func (e *foul) release(c *cast) {
	if at := slices.Index(e.held, c); at >= 0 {
		e.held = slices.Delete(e.held, at, at+1)
		e.Endpoint.Send(c.to, c.payload, c.done)
	}
}

// flood sends a node much that is of no use.
func (e *foul) flood(to *peer.Handle, m *msg.Cast) {
	for range copies {
		e.Endpoint.Send(to, msg.Encode(m), nil)
		e.Endpoint.Send(to, msg.Encode(&msg.Beat{Group: m.Group, Next: 1000, Seals: []*msg.Seal{m.Batch.Seal}}), nil)
	}
	for i := range forged {
		batch, seal := *m.Batch, *m.Batch.Seal
		seal.First += uint64(i) + 1
		batch.Seal = &seal
		e.Endpoint.Send(to, msg.Encode(&msg.Cast{Group: m.Group, Batch: &batch}), nil)
	}
}
