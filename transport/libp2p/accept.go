package libp2p

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	coretransport "github.com/libp2p/go-libp2p/core/transport"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
	"github.com/phyllo-net/phyllo/transport/libp2p/limit"
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
	d := &doorway{Listener: l, t: u.t, spoken: make(chan *incomingConn), over: make(chan struct{})}
	u.t.wg.Go(d.open)
	return u.Upgrader.GateMaListener(d)
}

// doorway is a listener that gives each connection a place among the strangers, and
// shows the library only those of which a byte came: who calls speaks first, and the
// rest is not worth the library's trouble. So thousands a second that say nothing do
// not fill the system's queue, in which a member would wait behind them.
type doorway struct {
	manet.Listener
	t      *Transport
	spoken chan *incomingConn
	over   chan struct{} // closed when the listener has ended, because of err
	err    error
}

// Accept implements manet.Listener.
func (d *doorway) Accept() (manet.Conn, error) {
	select {
	case c := <-d.spoken:
		return c, nil
	case <-d.over:
		return nil, d.err
	}
}

// open accepts until the listener is closed.
func (d *doorway) open() {
	defer d.t.strangers.Shut()
	defer close(d.over)
	pause := time.Millisecond
	for {
		c, err := d.Listener.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
			d.welcome(c)
		case errors.Is(err, net.ErrClosed) || !brief(err):
			d.err = err
			return
		default: // no descriptor is free, or the other end was quicker
			pause = min(2*pause, time.Second)
			if !d.rest(pause) {
				d.err = net.ErrClosed
				return
			}
		}
	}
}

// rest waits; it reports false when the transport ends.
func (d *doorway) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.t.stop:
		return false
	}
}

// brief reports whether an error of Accept speaks of one connection or one moment.
func brief(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// welcome gives a connection its place, and waits in a goroutine for its first byte.
func (d *doorway) welcome(c manet.Conn) {
	in := &incomingConn{Conn: c, t: d.t, since: time.Now()}
	in.SetLinger(0) // those that are closed leave nothing in the system
	in.place = d.t.strangers.Enter(addr.IPOf(c.RemoteMultiaddr()), func() {
		in.evicted.Store(true)
		c.Close()
	})
	go d.t.links.Contain("doorway", func() { d.hear(in) }, func() { in.Close() })
}

// hear waits for the first byte of a connection.
func (d *doorway) hear(in *incomingConn) {
	in.SetDeadline(time.Time{})
	if !in.listen() {
		in.Close()
		return
	}
	select {
	case d.spoken <- in:
	case <-d.over:
		in.Close()
	}
}

// incomingConn is a TCP connection that was accepted.
type incomingConn struct {
	manet.Conn
	t     *Transport
	place *crowd.Stranger
	since time.Time

	first   [64]byte // what came first,
	from    int      // of which so much was handed on
	to      int
	heard   int         // bytes before the handshake was over; the reader's
	proven  atomic.Bool // the handshake is over
	left    atomic.Bool // the other end is gone
	evicted atomic.Bool // closed for a new one
	closed  atomic.Bool
}

// listen reads the first bytes; it reports false if none come in time.
func (c *incomingConn) listen() bool {
	n, err := c.Conn.Read(c.first[:])
	c.to, c.heard = n, n
	c.note(err)
	if n > 0 {
		c.place.Spoke.Store(true)
	}
	return n > 0
}

// Read implements net.Conn.
func (c *incomingConn) Read(b []byte) (int, error) {
	if c.from < c.to {
		n := copy(b, c.first[c.from:c.to])
		c.from += n
		return n, nil
	}
	if c.proven.Load() {
		return c.Conn.Read(b)
	}
	left := maxBefore - c.heard
	if left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(b[:min(len(b), left)])
	c.heard += n
	c.note(err)
	return n, err
}

// Write implements net.Conn.
func (c *incomingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.note(err)
	return n, err
}

// note sees in an error of the connection below that the other end is gone: what ends it
// here is a deadline or Close.
func (c *incomingConn) note(err error) {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		c.left.Store(true)
	}
}

// opening is what every handshake begins with: the protocol by which security is chosen.
const opening = "\x13/multistream/1.0.0\n"

// sensible reports whether what came first can be the beginning of a handshake.
func (c *incomingConn) sensible() bool {
	n := min(c.to, len(opening))
	return string(c.first[:n]) == opening[:n]
}

// prove notes that the handshake is over, which had its own deadline.
func (c *incomingConn) prove() {
	c.proven.Store(true)
	c.Conn.SetDeadline(time.Time{})
}

// until is a deadline, or that of the handshake if it is not over and ends sooner.
func (c *incomingConn) until(t time.Time) time.Time {
	if c.proven.Load() {
		return t
	}
	if end := c.since.Add(c.t.opts.Limits.HelloTime); t.IsZero() || t.After(end) {
		return end
	}
	return t
}

// SetDeadline implements net.Conn.
func (c *incomingConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(c.until(t)) }

// SetReadDeadline implements net.Conn.
func (c *incomingConn) SetReadDeadline(t time.Time) error {
	return c.Conn.SetReadDeadline(c.until(t))
}

// SetWriteDeadline implements net.Conn.
func (c *incomingConn) SetWriteDeadline(t time.Time) error {
	return c.Conn.SetWriteDeadline(c.until(t))
}

// Close implements net.Conn. It counts an end before the handshake was over, unless it
// is the other end that made it: who has been given ten addresses of a node calls them
// all, and leaves the connections of which he has no need any more.
func (c *incomingConn) Close() error {
	err := c.Conn.Close()
	if c.closed.Swap(true) {
		return err
	}
	c.t.strangers.Leave(c.place)
	switch {
	case c.proven.Load() || c.evicted.Load() || c.left.Load() && c.sensible():
	case time.Since(c.since) >= c.t.opts.Limits.HelloTime:
		c.t.links.BadStranger("slow", limit.ErrLate)
	default:
		c.t.links.BadStranger("handshake", limit.ErrHandshake)
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
