package libp2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/link"
)

// headStart is how long TCP is tried alone before QUIC is tried too.
const headStart = 300 * time.Millisecond

// Errors of dialling.
var (
	errNoAddress = errors.New("no address that may be called")
	errNoWay     = errors.New("no connection could be made")
	errCutOff    = errors.New("the connection was cut off before it stood")
)

// opener is the link.Carrier of a Transport.
type opener struct{ t *Transport }

// Open implements link.Carrier.
func (o opener) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (link.Stream, error) {
	st, err := o.t.open(ctx, key, addrs, protocol, lazy)
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Why implements link.Carrier.
func (opener) Why(err error) transport.Why {
	switch {
	case errors.Is(err, errClosed), link.IsEnd(err):
		return transport.Closed
	case errors.Is(err, transport.ErrRefused), errors.Is(err, transport.ErrOtherKey):
		return transport.Refused
	case errors.Is(err, errNoAddress), errors.Is(err, errNoWay):
		return transport.Unreachable
	}
	return transport.Lost
}

// manner says how a stream is opened.
type manner uint8

const (
	// lazy: it is not awaited whether the other end serves the protocol, which saves a
	// round trip: a refusal comes with the first read.
	lazy manner = 1 << iota
	// straight: not over a relay.
	straight
)

// open opens a stream of a protocol.
func (t *Transport) open(ctx context.Context, key peer.Key, addrs []string, protocol string, how manner) (*stream, error) {
	s, key, err := t.newStream(ctx, key, addrs, how)
	if err != nil {
		return nil, err
	}
	if how&lazy != 0 {
		return newStream(t, s, multistream.NewMSSelect(s, protocol), key), nil
	}
	st := newStream(t, s, s, key)
	if err := negotiate(ctx, s, protocol, t.opts.Limits.HelloTime); err != nil {
		st.Reset()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return st, nil
}

// How often a stream is tried on a connection that turns out to be ending.
const streamTries = 4

// newStream opens a stream on a connection with the holder of key, and takes the
// connection for it.
func (t *Transport) newStream(ctx context.Context, key peer.Key, addrs []string, how manner) (network.Stream, peer.Key, error) {
	ctx = network.WithAllowLimitedConn(ctx, "phyllo")
	for try := 1; ; try++ {
		c, key, err := t.connection(ctx, key, addrs, how)
		if err != nil {
			return nil, key, err
		}
		if !t.uses.take(c) {
			c.Close() // others are about to; afterwards the library does not know it any more
			if try < streamTries {
				continue
			}
			return nil, key, fmt.Errorf("%w while a stream was opened", errLost)
		}
		s, err := c.NewStream(ctx)
		if err == nil {
			return s, key, nil
		}
		t.uses.done(c)
		if ctx.Err() != nil || !c.IsClosed() || try == streamTries {
			return nil, key, plain(err)
		}
	}
}

// negotiate asks for a protocol on a new stream.
func negotiate(ctx context.Context, s network.Stream, protocol string, limit time.Duration) error {
	s.SetDeadline(time.Now().Add(limit))
	unwatch := context.AfterFunc(ctx, func() { s.Reset() })
	err := multistream.SelectProtoOrFail(protocol, s)
	if !unwatch() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return plain(err)
	}
	return plain(s.SetDeadline(time.Time{}))
}

// connection returns a connection with the holder of key, an old one or a new one.
func (t *Transport) connection(ctx context.Context, key peer.Key, addrs []string, how manner) (network.Conn, peer.Key, error) {
	if how&straight != 0 {
		addrs = addr.Direct(addrs)
	}
	good := t.usable(key, addrs)
	if key.IsZero() {
		var err error
		if key, err = t.ask(ctx, good); err != nil {
			return nil, key, err
		}
	}
	p, err := addr.PeerID(key)
	if err != nil {
		return nil, key, fmt.Errorf("%w: %w", transport.ErrOtherKey, err)
	}
	if c := t.standing(p); c != nil && (how&straight == 0 || !relayed(c)) {
		return c, key, nil
	}
	c, err := t.dial(ctx, p, good)
	return c, key, err
}

// standing returns a connection with a peer that stands, a direct one first, and
// the one that most use.
func (t *Transport) standing(p p2ppeer.ID) network.Conn {
	var best network.Conn
	for _, c := range t.host.Network().ConnsToPeer(p) {
		switch {
		case c.IsClosed(), t.uses.of(c) < 0:
		case best == nil, relayed(best) && !relayed(c),
			relayed(best) == relayed(c) && t.uses.of(c) > t.uses.of(best):
			best = c
		}
	}
	return best
}

// relayed reports whether a connection leads through a relay.
func relayed(c network.Conn) bool { return addr.ThroughRelay(c.RemoteMultiaddr()) }

// usable returns those of the addresses of a peer that may be called. Without a
// key, or without a way to use relays, those of relays may not.
func (t *Transport) usable(key peer.Key, addrs []string) []ma.Multiaddr {
	var good []ma.Multiaddr
	for _, text := range addrs[:min(len(addrs), peer.MaxAddrs)] {
		a, err := ma.NewMultiaddr(text)
		if err != nil || !t.mayDial(key, a) || addr.ThroughRelay(a) && (key.IsZero() || !t.opts.Reach.Relays) {
			continue
		}
		if c, through := addr.ParseCircuit(a); !through || c.Relay != t.host.ID() {
			good = append(good, a)
		}
	}
	return good
}

// ask finds out whose key answers at an address: the library calls nobody without
// a name, but says who answered in place of the one it called.
func (t *Transport) ask(ctx context.Context, addrs []ma.Multiaddr) (peer.Key, error) {
	nobody, err := unknownPeer()
	if err != nil {
		return peer.Key{}, err
	}
	c, err := t.dial(ctx, nobody, addrs)
	if err == nil {
		c.Close()
		return peer.Key{}, errors.New("a key that nobody has was proven")
	}
	var other sec.ErrPeerIDMismatch
	if errors.As(err, &other) {
		return addr.KeyOf(other.Actual)
	}
	return peer.Key{}, err
}

// way is one of the ways to a peer, with the addresses for it.
type way struct {
	addrs   []ma.Multiaddr
	relayed bool
	try     func(context.Context, p2ppeer.ID, []ma.Multiaddr) (network.Conn, error)
	cancel  context.CancelFunc // ends the try that is under way
}

// ways sorts addresses by the way that they lead, in the order in which ways are
// tried.
func (t *Transport) ways(addrs []ma.Multiaddr) []*way {
	all := []*way{{try: t.callTwice}, {try: t.call}, {try: t.viaRelays, relayed: true}}
	for _, a := range addrs {
		e, direct := addr.Parse(a)
		at := 0
		switch {
		case !direct:
			at = 2
		case e.QUIC:
			at = 1
		}
		all[at].addrs = append(all[at].addrs, a)
	}
	return slices.DeleteFunc(all, func(w *way) bool { return len(w.addrs) == 0 })
}

// viaRelays makes a connection over one of the relays of a peer.
func (t *Transport) viaRelays(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	if t.reach == nil {
		return nil, errNoAddress
	}
	c, err := t.reach.Via(ctx, p, addrs)
	if err != nil {
		return nil, fmt.Errorf("%w through a relay: %w", errNoWay, err)
	}
	return c, nil
}

// dial makes a connection. TCP is tried first; QUIC follows after a moment, or when
// TCP has failed, and relays after another. Where TCP is refused by the machine,
// its QUIC is not waited for.
func (t *Transport) dial(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	ways := t.ways(addrs)
	if len(ways) == 0 {
		return nil, errNoAddress
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		conn network.Conn
		err  error
	}
	outcomes := make(chan outcome, len(ways))
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	var running []*way
	ended := 0
	begin := func() {
		if len(ways) == 0 {
			return
		}
		w := ways[0]
		ways = ways[1:]
		running = append(running, w)
		var wctx context.Context
		wctx, w.cancel = context.WithCancel(ctx)
		go func() {
			defer w.cancel()
			c, err := w.try(wctx, p, w.addrs)
			outcomes <- outcome{c, err}
		}()
		timer.Reset(headStart)
	}
	var errs []error
	for begin(); ended < len(running); {
		select {
		case o := <-outcomes:
			if o.err == nil {
				return o.conn, nil
			}
			ended++
			errs = append(errs, o.err)
			ways = slices.DeleteFunc(ways, func(w *way) bool { return w.vain(o.err) })
			for _, w := range running {
				if w.vain(o.err) {
					w.cancel()
				}
			}
			if ended == len(running) {
				begin()
			}
		case <-timer.C:
			begin()
		}
	}
	return nil, verdict(errors.Join(errs...), addrs)
}

// vain reports whether the error of another way says that this one leads nowhere.
func (w *way) vain(err error) bool {
	return !w.relayed && (refusedAt(err, w.addrs) || errors.As(err, new(sec.ErrPeerIDMismatch)))
}

// addrLife is how long the library keeps the addresses for a call. It is none of
// the library's own times: addresses with those it drops when a connection with
// the peer begins or ends, which may be just between.
const addrLife = 2*time.Minute + time.Second

// call lets the library dial a peer at these addresses and no others. If they are
// direct, a connection over a relay that stands is not what is asked for.
func (t *Transport) call(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	ctx, done, err := t.calls.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	n := t.host.Network()
	t.dialMu.Lock()
	if s, ok := n.(*swarm.Swarm); ok {
		s.Backoff().Clear(p) // links have a back-off of their own
	}
	n.Peerstore().ClearAddrs(p)
	n.Peerstore().AddAddrs(p, addrs, addrLife)
	t.dialMu.Unlock()
	ctx = network.WithDialPeerTimeout(ctx, t.opts.Limits.DialTime)
	if t.opts.Reach.Relays && !addr.ThroughRelay(addrs[0]) {
		ctx = network.WithForceDirectDial(ctx, "phyllo")
	}
	return n.DialPeer(ctx, p)
}

// cutOffPause is how long a node that cut off a call is left alone.
const cutOffPause = 50 * time.Millisecond

// callTwice is call, and once more where the call was cut off: somebody may just have
// ended there whom another one follows.
func (t *Transport) callTwice(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	c, err := t.call(ctx, p, addrs)
	if err == nil || !cutOff(err) {
		return c, err
	}
	select {
	case <-time.After(cutOffPause):
		return t.call(ctx, p, addrs)
	case <-ctx.Done():
		return c, err
	}
}

// cutOff reports whether somebody took a call and ended it at once.
func cutOff(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

// refusedAt reports whether the dial error speaks of a refusal at the machine of
// every one of the addresses. For a public address it is not believed: a router
// refuses in the name of nodes behind it.
func refusedAt(err error, addrs []ma.Multiaddr) bool {
	var dial *swarm.DialError
	if !errors.As(err, &dial) {
		return false
	}
	refused := make(map[netip.Addr]bool)
	for _, e := range dial.DialErrors {
		if at, ok := addr.Parse(e.Address); ok && errors.Is(e.Cause, syscall.ECONNREFUSED) {
			refused[at.IP] = true
		}
	}
	for _, a := range addrs {
		e, ok := addr.Parse(a)
		if !ok || !refused[e.IP] || e.QUIC && addr.PlaceOf(e.IP) == addr.OnNet {
			return false
		}
	}
	return len(addrs) > 0
}

// verdict says in our words why a dial failed.
func verdict(err error, addrs []ma.Multiaddr) error {
	if err == nil {
		return nil
	}
	var other sec.ErrPeerIDMismatch
	switch {
	case errors.As(err, &other) && !slices.ContainsFunc(addrs, addr.ThroughRelay):
		return fmt.Errorf("%w: %w", transport.ErrOtherKey, err)
	case errors.Is(err, swarm.ErrDialToSelf):
		return fmt.Errorf("%w: %w", transport.ErrSelf, err)
	case allRefused(err, addrs):
		return fmt.Errorf("%w: %w", transport.ErrRefused, err)
	case cutOff(err):
		return fmt.Errorf("%w: %w", errCutOff, err)
	}
	return fmt.Errorf("%w: %w", errNoWay, err)
}

// allRefused reports whether every machine that was called refused TCP. What a
// relay says is no proof, and with one on the way nor is what others say who happen
// to be at the peer's private address.
func allRefused(err error, addrs []ma.Multiaddr) bool {
	tcp := addrs[:0:0]
	for _, a := range addrs {
		e, direct := addr.Parse(a)
		if !direct {
			return false
		}
		if !e.QUIC {
			tcp = append(tcp, a)
		}
	}
	return refusedAt(err, tcp)
}
