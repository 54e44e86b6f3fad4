package link

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// counters are what Metrics shows.
type counters struct {
	in, out, dials, failures, dropped, panics atomic.Uint64

	mu     sync.Mutex
	bad    map[string]uint64
	logged map[string]time.Time // by peer: the last line about it
}

// The log says at most one line per peer and minute about bad input, about at
// most so many peers.
const (
	badLogEvery = time.Minute
	badLogPeers = 256
)

// bad counts input from outside that is not what it should be. from names the
// peer by its key, or is empty.
func (l *Links) bad(kind, from string, err error) {
	c := &l.counts
	now := time.Now()
	c.mu.Lock()
	if c.bad == nil {
		c.bad = make(map[string]uint64)
	}
	c.bad[kind]++
	last, known := c.logged[from]
	speak := !known || now.Sub(last) >= badLogEvery
	if speak {
		if c.logged == nil || len(c.logged) >= badLogPeers {
			c.logged = make(map[string]time.Time)
		}
		c.logged[from] = now
	}
	c.mu.Unlock()
	if speak {
		l.log.Warn("bad input", "kind", kind, "from", from, "because", err)
	}
}

// Bad counts bad input that the carrier met. kind is a word for the metrics, from
// names the peer, if it is known.
func (l *Links) Bad(kind, from string, err error) { l.bad(kind, from, err) }

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
		DroppedFrames: c.dropped.Load(), Panics: c.panics.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m.BadInput = maps.Clone(c.bad)
	return m
}
