package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Events is what the assembly gives to the transport. Events that come before
// Start wait; those that come after the end are dropped.
func (h *Host) Events() transport.Events { return events{h} }

type events struct{ h *Host }

// Up implements transport.Events.
func (e events) Up(from *peer.Handle, cert *peer.Certificate) { e.h.inbox.up(from, cert) }

// Down implements transport.Events.
func (e events) Down(to *peer.Handle, why transport.Why) {
	e.h.inbox.down(to, machine.DownReason(why))
}

// Frame implements transport.Events.
func (e events) Frame(from *peer.Handle, c transport.Class, b []byte) {
	h := e.h
	if c >= transport.Classes {
		h.bad(from, badMalformed, fmt.Errorf("%w: class %d", wire.ErrMalformed, c))
		return
	}
	h.count.in[c].Add(1)
	if h.cfg.Table.Asks(b) && !h.mayAsk(from) {
		return
	}
	msg, kind, err := decode(h.cfg.Table, b)
	switch {
	case err != nil:
		h.bad(from, kind, err)
		return
	case msg == nil:
		h.count.skipped.Add(1)
		return
	}
	blocked, dropped, drives := h.inbox.frame(frame{from, msg, len(b) + frameCost}, c)
	if blocked {
		h.count.blocked.Add(1)
	}
	h.count.dropped.Add(uint64(dropped))
	if drives {
		h.advance(driven)
	}
}

// Offer implements transport.Offers.
func (e events) Offer(from *peer.Handle, c transport.Class, b []byte) bool {
	h := e.h
	if c >= transport.Classes || h.cfg.Table.Asks(b) {
		// A link has one reader, so that room that is there stays.
		if !h.inbox.hasRoom(from.ID) || h.inbox.tired(from.ID, time.Now()) {
			return false
		}
		e.Frame(from, c, b)
		return true
	}
	msg, kind, err := decode(h.cfg.Table, b)
	drives := false
	if err == nil && msg != nil {
		var ok bool
		if ok, drives = h.inbox.offer(frame{from, msg, len(b) + frameCost}); !ok {
			return false
		}
	}
	h.count.in[c].Add(1)
	switch {
	case err != nil:
		h.bad(from, kind, err)
	case msg == nil:
		h.count.skipped.Add(1)
	}
	if drives {
		h.advance(driven)
	}
	return true
}

// mayAsk lets a question pass, after a while if there are many; it reports false if
// the link is closed for them.
func (h *Host) mayAsk(from *peer.Handle) bool {
	wait, flood := h.inbox.ask(from.ID, time.Now())
	if flood {
		h.bad(from, badFlood, errFlood)
		return false
	}
	if wait > 0 {
		h.count.held.Add(1)
		time.Sleep(min(wait, maxHold))
	}
	return true
}

// maxHold bounds the wait before one question, which those behind it share.
const maxHold = 10 * time.Millisecond

// Kinds of bad input that the host sees.
const (
	badFlood     = "flood"
	badMalformed = "malformed"
	badTooLarge  = "too_large"
	badKind      = "unknown_kind"
	badPanic     = "decoder_fault"
)

// decode decodes a message. It returns nil and no error for one of an unknown kind
// that may be skipped. A panic of a decoder is contained to the frame.
func decode(t *wire.Table, b []byte) (m wire.Message, kind string, err error) {
	defer func() {
		if v := recover(); v != nil {
			f := caught("a decoder", v)
			m, kind, err = nil, badPanic, fmt.Errorf("the decoder failed: %v\n%s", v, f.stack)
		}
	}()
	if m, err = t.Decode(b); err == nil {
		return m, "", nil
	}
	kind, err = refusal(err)
	return nil, kind, err
}

// refusal is the kind of what is wrong with a message that was not decoded, or no error for one
// that may be skipped.
func refusal(err error) (string, error) {
	var unknown *wire.UnknownKindError
	switch {
	case errors.As(err, &unknown) && unknown.Skip:
		return "", nil
	case unknown != nil:
		return badKind, err
	case errors.Is(err, wire.ErrTooLarge):
		return badTooLarge, err
	}
	return badMalformed, err
}

// bad counts bad input, and closes the link that it came over. What no honest node
// sends is held against the peer; a kind that is not known may be a newer version's,
// and a decoder's fault is ours.
func (h *Host) bad(from *peer.Handle, kind string, err error) {
	if !h.inbox.mute(from.ID) {
		return // it was on its way already
	}
	if h.bads.Note(from.ID, kind) {
		h.log.Warn("bad input: the link is closed", "peer", from.String(), "kind", kind, "because", err)
	}
	t := h.transport()
	switch {
	case t == nil:
	case kind == badMalformed, kind == badTooLarge, kind == badFlood:
		t.Blame(from.ID)
	default:
		t.Disconnect(from.ID, false)
	}
}
