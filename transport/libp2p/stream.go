package libp2p

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/limit"
)

// Errors of streams, whatever the library below calls them.
var (
	errReset  = errors.New("the stream was reset")
	errClosed = errors.New("the other process closed the connection")
	errLost   = errors.New("the connection was lost")
)

// soon bounds WriteSoon: what waits behind nothing is taken within microseconds.
const soon = 2 * time.Millisecond

// stream is a stream of the library that counts as a use of its connection until
// it is closed or reset.
type stream struct {
	t    *Transport
	s    network.Stream
	rw   io.ReadWriter // s, or s with the negotiation of its protocol before it
	key  peer.Key
	line *limit.Line // below it; nil with QUIC
	once sync.Once
}

// newStream wraps a stream whose connection was taken for it.
func newStream(t *Transport, s network.Stream, rw io.ReadWriter, key peer.Key) *stream {
	st := &stream{t: t, s: s, rw: rw, key: key}
	if !s.Conn().As(&st.line) {
		st.line = nil
	}
	return st
}

// Remote implements transport.Stream.
func (s *stream) Remote() peer.Key { return s.key }

// Addr implements transport.Stream.
func (s *stream) Addr() string { return s.s.Conn().RemoteMultiaddr().String() }

// Conn is the connection that carries it.
func (s *stream) Conn() network.Conn { return s.s.Conn() }

// Via returns the key of the relay on the way, or the zero key: see link.Links.
func (s *stream) Via() peer.Key {
	key, err := addr.KeyOf(addr.RelayOf(s.s.Conn().RemoteMultiaddr()))
	if err != nil {
		return peer.Key{}
	}
	return key
}

// Kind implements link.Stream.
func (s *stream) Kind() string {
	a := s.s.Conn().RemoteMultiaddr()
	for _, c := range a {
		switch c.Protocol().Code {
		case ma.P_CIRCUIT:
			return "relay"
		case ma.P_QUIC_V1:
			return "quic"
		}
	}
	return "tcp"
}

// Read implements transport.Stream.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.rw.Read(b)
	return n, plain(err)
}

// Write implements transport.Stream.
func (s *stream) Write(b []byte) (int, error) {
	n, err := s.rw.Write(b)
	return n, plain(err)
}

// Takes implements link.Stream: over QUIC that cannot be known.
func (s *stream) Takes() bool { return s.line != nil && !s.line.Busy() }

// WriteSoon implements link.Stream.
func (s *stream) WriteSoon(b []byte) int {
	if s.s.SetWriteDeadline(time.Now().Add(soon)) != nil {
		return 0
	}
	n, _ := s.rw.Write(b)
	s.s.SetWriteDeadline(time.Time{})
	return n
}

// SetDeadline implements transport.Stream.
func (s *stream) SetDeadline(t time.Time) error { return plain(s.s.SetDeadline(t)) }

// CloseWrite implements transport.Stream.
func (s *stream) CloseWrite() error { return plain(s.s.CloseWrite()) }

// Close implements transport.Stream.
func (s *stream) Close() error {
	err := s.s.Close()
	s.once.Do(func() { s.t.uses.done(s.s.Conn()) })
	return plain(err)
}

// Reset implements transport.Stream.
func (s *stream) Reset() error {
	err := s.s.Reset()
	s.once.Do(func() { s.t.uses.done(s.s.Conn()) })
	return plain(err)
}

// Admitted implements link.Stream.
func (s *stream) Admitted() { s.t.strangers.Admit(s.s.Conn()) }

// HangUp implements link.Stream.
func (s *stream) HangUp() {
	s.Close()
	if c := s.s.Conn(); s.t.uses.retire(c) {
		c.Close()
	}
}

// plain turns an error of the library into one of ours, which say who ended what.
func plain(err error) error {
	if err == nil || err == io.EOF {
		return err // here, as what follows takes memory: this is called for each frame
	}
	return explain(err)
}

func explain(err error) error {
	var (
		conn   *network.ConnError
		reset  *network.StreamError
		sudden *quic.StatelessResetError
		idle   *quic.IdleTimeoutError
		late   interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, multistream.ErrNotSupported[string]{}), errors.As(err, new(multistream.ErrNotSupported[string])):
		return fmt.Errorf("%w: %w", transport.ErrRefused, err)
	case errors.As(err, &conn):
		if conn.Remote {
			return fmt.Errorf("%w: %v", errClosed, err)
		}
		return fmt.Errorf("%w: %v", errLost, err)
	case errors.As(err, &reset):
		return fmt.Errorf("%w: %v", errReset, err)
	case errors.As(err, &idle):
		return fmt.Errorf("%w: %v", errLost, err)
	case errors.As(err, &sudden), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		// The end of a connection below a stream, at any byte.
		return fmt.Errorf("%w: %v", errClosed, err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return fmt.Errorf("%w: %v", os.ErrDeadlineExceeded, err)
	case errors.Is(err, network.ErrReset):
		return fmt.Errorf("%w: %v", errReset, err)
	}
	return fmt.Errorf("%w: %v", errLost, err)
}

// uses counts our streams on each connection, and knows since when there is none.
type uses struct {
	mu      sync.Mutex
	count   map[network.Conn]int
	idle    map[network.Conn]time.Time
	retired map[network.Conn]struct{} // being closed: nothing new on them
}

func newUses() *uses {
	return &uses{
		count: make(map[network.Conn]int), idle: make(map[network.Conn]time.Time),
		retired: make(map[network.Conn]struct{}),
	}
}

// take notes a stream on a connection, or reports false if that is being closed.
func (u *uses) take(c network.Conn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, gone := u.retired[c]; gone {
		return false
	}
	u.count[c]++
	delete(u.idle, c)
	return true
}

// done notes the end of a stream.
func (u *uses) done(c network.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[c]--; u.count[c] <= 0 {
		delete(u.count, c)
		u.idle[c] = time.Now()
	}
}

// of returns how many streams a connection has, or -1 if it is being closed.
func (u *uses) of(c network.Conn) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, gone := u.retired[c]; gone {
		return -1
	}
	return u.count[c]
}

// retire keeps new streams off a connection that has none, and reports whether
// it has none: the caller then closes it.
func (u *uses) retire(c network.Conn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count[c] > 0 {
		return false
	}
	u.retired[c] = struct{}{}
	return true
}

// unused returns those of the connections without a stream of ours for as long as d,
// or as fresh if they never had one: these are retired. It forgets connections that
// are gone.
func (u *uses) unused(conns []network.Conn, d, fresh time.Duration) []network.Conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	idle := make(map[network.Conn]time.Time, len(u.idle))
	retired := make(map[network.Conn]struct{})
	var list []network.Conn
	for _, c := range conns {
		if _, gone := u.retired[c]; gone {
			retired[c] = struct{}{}
			continue
		}
		if u.count[c] > 0 {
			continue
		}
		since, used := u.idle[c]
		limit := d
		if used {
			idle[c] = since
		} else {
			since, limit = c.Stat().Opened, min(d, fresh)
		}
		if now.Sub(since) >= limit {
			retired[c] = struct{}{}
			list = append(list, c)
		}
	}
	u.idle, u.retired = idle, retired
	return list
}
