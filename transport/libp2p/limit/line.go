package limit

import (
	"net"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// Line is a multiplexed connection's way out. network.Conn.As finds it.
type Line struct {
	net.Conn
	writes atomic.Int32 // that have begun and not ended
}

// Busy reports whether a write is under way: what is written next waits behind it, for as long as
// the peer takes nothing.
func (l *Line) Busy() bool { return l.writes.Load() != 0 }

// Write implements net.Conn.
func (l *Line) Write(b []byte) (int, error) {
	l.writes.Add(1)
	defer l.writes.Add(-1)
	return l.Conn.Write(b)
}

// muxer is yamux over Lines.
type muxer struct{ *yamux.Transport }

// NewConn implements network.Multiplexer.
func (m muxer) NewConn(nc net.Conn, isServer bool, scope network.PeerScope) (network.MuxedConn, error) {
	l := &Line{Conn: nc}
	c, err := m.Transport.NewConn(l, isServer, scope)
	if err != nil {
		return nil, err
	}
	return muxed{c, l}, nil
}

// muxed is a connection of muxer.
type muxed struct {
	network.MuxedConn
	line *Line
}

// As implements network.MuxedConn.
func (c muxed) As(target any) bool {
	if t, ok := target.(**Line); ok {
		*t = c.line
		return true
	}
	return c.MuxedConn.As(target)
}
