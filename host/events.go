package host

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
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
	msg, kind, err := decode(h.cfg.Table, b)
	switch {
	case err != nil:
		h.bad(from, kind, err)
		return
	case msg == nil:
		h.count.skipped.Add(1)
		return
	}
	blocked, dropped := h.inbox.frame(frame{from, msg, len(b) + frameCost}, c)
	if blocked {
		h.count.blocked.Add(1)
	}
	h.count.dropped.Add(uint64(dropped))
}

// Kinds of bad input that the host sees.
const (
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
	m, err = t.Decode(b)
	var unknown *wire.UnknownKindError
	switch {
	case err == nil:
		return m, "", nil
	case errors.As(err, &unknown) && unknown.Skip:
		return nil, "", nil
	case unknown != nil:
		return nil, badKind, err
	case errors.Is(err, wire.ErrTooLarge):
		return nil, badTooLarge, err
	}
	return nil, badMalformed, err
}

// The log has at most one line per peer and minute about bad input, about at most
// so many peers a minute.
const (
	badLogEvery = time.Minute
	badLogPeers = 256
)

// badInput counts bad input by kind, and remembers whom the log spoke of.
type badInput struct {
	mu     sync.Mutex
	kinds  map[string]uint64
	logged map[id.ID]time.Time
}

// bad counts bad input, and closes the link that it came over.
func (h *Host) bad(from *peer.Handle, kind string, err error) {
	if !h.inbox.mute(from.ID) {
		return // it was on its way already
	}
	if h.bads.note(from.ID, kind) {
		h.log.Warn("bad input: the link is closed", "peer", from.String(), "kind", kind, "because", err)
	}
	if t := h.transport(); t != nil {
		t.Disconnect(from.ID, false)
	}
}

// note counts, and reports whether the log may speak of it.
func (b *badInput) note(node id.ID, kind string) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kinds == nil {
		b.kinds = make(map[string]uint64)
		b.logged = make(map[id.ID]time.Time)
	}
	b.kinds[kind]++
	if last, known := b.logged[node]; known && now.Sub(last) < badLogEvery {
		return false
	}
	if len(b.logged) >= badLogPeers {
		for n, last := range b.logged {
			if now.Sub(last) >= badLogEvery {
				delete(b.logged, n)
			}
		}
		if len(b.logged) >= badLogPeers {
			return false
		}
	}
	b.logged[node] = now
	return true
}
