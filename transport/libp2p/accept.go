package libp2p

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	coretransport "github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxBefore is how many bytes are read of a TCP connection before its handshake has
// proven a key. Ours takes less than 1 KiB.
const maxBefore = 4 << 10

var errTalkative = errors.New("more bytes than a handshake has")

// gatedUpgrader lets the library accept TCP connections through a doorway.
type gatedUpgrader struct {
	coretransport.Upgrader
	t *Transport
}

// GateMaListener implements the library's Upgrader.
func (u gatedUpgrader) GateMaListener(l manet.Listener) coretransport.GatedMaListener {
	return u.Upgrader.GateMaListener(doorway{l, u.t})
}

// doorway is a listener that gives each connection a place among the strangers.
type doorway struct {
	manet.Listener
	t *Transport
}

// Accept implements manet.Listener.
func (d doorway) Accept() (manet.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	in := &incomingConn{Conn: c, t: d.t, since: time.Now()}
	in.place = d.t.strangers.enter(ipOf(c.RemoteMultiaddr()), func() {
		in.evicted.Store(true)
		c.Close()
	})
	return in, nil
}

// ipOf returns the IP address with which a multiaddr begins, or none if what follows
// leads through a relay.
func ipOf(a ma.Multiaddr) netip.Addr {
	if e, ok := parseEndpoint(a); ok {
		return e.ip.Unmap()
	}
	return netip.Addr{}
}

// incomingConn is a TCP connection that was accepted.
type incomingConn struct {
	manet.Conn
	t     *Transport
	place *stranger
	since time.Time

	heard   int         // bytes before the handshake was over; the reader's
	proven  atomic.Bool // the handshake is over
	evicted atomic.Bool // closed for a new one
	closed  atomic.Bool
}

// Read implements net.Conn.
func (c *incomingConn) Read(b []byte) (int, error) {
	if c.proven.Load() {
		return c.Conn.Read(b)
	}
	left := maxBefore - c.heard
	if left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(b[:min(len(b), left)])
	c.heard += n
	return n, err
}

// Close implements net.Conn. It counts an end before the handshake was over.
func (c *incomingConn) Close() error {
	err := c.Conn.Close()
	if c.closed.Swap(true) {
		return err
	}
	c.t.strangers.leave(c.place)
	if !c.proven.Load() && !c.evicted.Load() {
		if time.Since(c.since) >= c.t.opts.Limits.HelloTime {
			c.t.links.BadStranger("slow", errLate)
		} else {
			c.t.links.BadStranger("handshake", errHandshake)
		}
	}
	return err
}

// The library asks connections of TCP for these by their methods.

// SetLinger sets what Close does with bytes that wait.
func (c *incomingConn) SetLinger(seconds int) error {
	if l, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		return l.SetLinger(seconds)
	}
	return nil
}

// SetKeepAlive turns the system's probes on or off.
func (c *incomingConn) SetKeepAlive(on bool) error {
	if k, ok := c.Conn.(interface{ SetKeepAlive(bool) error }); ok {
		return k.SetKeepAlive(on)
	}
	return nil
}

// SetKeepAlivePeriod sets the time between the system's probes.
func (c *incomingConn) SetKeepAlivePeriod(d time.Duration) error {
	if k, ok := c.Conn.(interface{ SetKeepAlivePeriod(time.Duration) error }); ok {
		return k.SetKeepAlivePeriod(d)
	}
	return nil
}
