package link

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// counters are what Metrics shows.
type counters struct {
	in, out, dials, failures, dropped, panics, banned atomic.Uint64

	bad transport.Ledger[peer.Key]
}

// bad counts input from outside that is not what it should be. from is the peer's
// key, or zero.
func (l *Links) bad(kind string, from peer.Key, err error) {
	if !l.counts.bad.Note(from, kind) {
		return
	}
	name := ""
	if !from.IsZero() {
		name = from.String()
	}
	// The error may quote what came: the log shows it escaped and short.
	text := err.Error()
	l.log.Warn("bad input", "kind", kind, "from", name, "because", strconv.QuoteToASCII(text[:min(len(text), maxReason)]))
}

// maxReason is how much of an error the log shows, in bytes.
const maxReason = 300

// Bad counts bad input of a peer whose key is proven, and holds it against the peer if
// it is of a kind that no honest node sends. kind is a word for the metrics.
func (l *Links) Bad(kind string, from peer.Key, err error) {
	l.bad(kind, from, err)
	if offences[kind] {
		l.offend(from)
	}
}

// BadStranger counts bad input of somebody who has proven no key.
func (l *Links) BadStranger(kind string, err error) { l.bad(kind, peer.Key{}, err) }

// isBad reports whether the error says that the other side sent what it must not.
func isBad(err error) bool {
	for _, e := range []error{
		wire.ErrMalformed, wire.ErrTooLarge, transport.ErrVersion, transport.ErrSelf,
		transport.ErrMismatch, transport.ErrCertificate, transport.ErrOtherKey, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// badKind is the word by which such an error is counted.
func badKind(err error) string {
	switch {
	case errors.Is(err, transport.ErrVersion):
		return "version"
	case errors.Is(err, transport.ErrSelf):
		return "self"
	case errors.Is(err, transport.ErrMismatch), errors.Is(err, transport.ErrOtherKey):
		return "identity"
	case errors.Is(err, transport.ErrCertificate):
		return "certificate"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated"
	case errors.Is(err, wire.ErrTooLarge):
		return "too_large"
	}
	return "malformed"
}

// isTimeout reports whether time ran out.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &t) && t.Timeout()
}

// Metrics returns the counts so far. Connections is left to the carrier.
func (l *Links) Metrics() transport.Metrics {
	c := &l.counts
	m := transport.Metrics{
		Links:   int(l.standing.Load()),
		BytesIn: c.in.Load(), BytesOut: c.out.Load(),
		Dials: c.dials.Load(), DialFailures: c.failures.Load(),
		DroppedFrames: c.dropped.Load(), Panics: c.panics.Load(), Bans: c.banned.Load(),
		BadInput: c.bad.Counts(),
	}
	return m
}
