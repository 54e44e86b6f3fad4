package libp2p

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
)

// Options are what of a transport is not in the contract. The zero value is good
// for a LAN and for nodes with public addresses.
type Options struct {
	// NAT turns on what helps a node behind a NAT: port mappings by UPnP and
	// NAT-PMP, finding out whether it can be reached, relays and hole punching.
	NAT bool
	// PerAddress bounds the links with one IP address, and as many connections
	// again whose other end has not shown a certificate (16 each); PerLoopback the
	// same for each address of loopback (64; programs with many nodes in one
	// process need more).
	PerAddress, PerLoopback int
	// Unused is how long a connection without a stream of ours stands; 10 s. One
	// that never had any stands for Limits.HelloTime.
	Unused time.Duration
	// Limits are those of links.
	Limits link.Limits
}

// DefaultListen is where a node listens if nothing else is said: everywhere, at
// ports that the system chooses.
var DefaultListen = []string{
	"/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0",
	"/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/udp/0/quic-v1",
}

// Transport is a node's real transport. It implements transport.Transport.
type Transport struct {
	cfg   transport.Config
	opts  Options
	host  host.Host
	links *link.Links
	uses  *uses
	// Those who have not shown a certificate yet.
	strangers *strangers
	site      atomic.Pointer[site]

	reach  atomic.Int32 // network.Reachability as far as it was found out
	dialMu sync.Mutex   // one at a time changes the addresses of a peer that is called
	wg     sync.WaitGroup
	stop   chan struct{}
	once   sync.Once
	err    error
}

var _ transport.Transport = (*Transport)(nil)

// New starts a transport that listens and accepts. Errors say which address
// could not be listened on.
func New(cfg transport.Config, opts Options) (*Transport, error) {
	if cfg.MaxLinks == 0 {
		cfg.MaxLinks = link.DefaultMaxLinks
	}
	asked := cfg.Listen
	if len(asked) == 0 {
		cfg.Listen = DefaultListen
	}
	opts.setDefaults()
	t := &Transport{
		cfg: cfg, opts: opts, stop: make(chan struct{}),
		uses: newUses(),
	}
	t.site.Store(&site{})
	t.links = link.New(cfg, opener{t}, opts.Limits)
	t.strangers = newStrangers(opts, func() {
		t.links.BadStranger("crowd", errors.New("too many connections without a certificate: the oldest was closed"))
	})
	h, err := newHost(t)
	if err != nil {
		t.links.Close()
		return nil, err
	}
	t.host = h
	if a := missing(asked, h.Network().ListenAddresses()); a != "" {
		t.Close()
		return nil, fmt.Errorf("listen on %s: the address is taken or not this machine's: choose another with --listen", a)
	}
	t.learnSite()
	h.Network().SetStreamHandler(t.incoming)
	h.Network().Notify(t.strangers)
	for _, c := range h.Network().Conns() { // some may have been quicker
		t.strangers.Connected(nil, c)
	}
	t.serve(link.Protocol, t.acceptLink)
	if opts.NAT {
		if err := t.hear(); err != nil {
			t.Close()
			return nil, err
		}
	}
	t.wg.Go(t.watch)
	return t, nil
}

func (o *Options) setDefaults() {
	if o.PerAddress == 0 {
		o.PerAddress = 16
	}
	if o.PerLoopback == 0 {
		o.PerLoopback = 64
	}
	if o.Unused == 0 {
		o.Unused = 10 * time.Second
	}
	if o.Limits.DialTime == 0 {
		o.Limits.DialTime = 10 * time.Second
	}
	if o.Limits.HelloTime == 0 {
		o.Limits.HelloTime = transport.HelloTime
	}
}

// learnSite looks at the addresses on which this node listens now.
func (t *Transport) learnSite() {
	addrs, err := t.host.Network().InterfaceListenAddresses()
	if err != nil {
		addrs = t.host.Network().ListenAddresses()
	}
	s := siteOf(addrs, t.cfg.Listen)
	t.site.Store(&s)
}

// mayDial reports whether an address may be called.
func (t *Transport) mayDial(a ma.Multiaddr) bool { return t.site.Load().dialable(a) }

// Addrs implements transport.Transport.
func (t *Transport) Addrs() []string { return t.site.Load().announced(t.host.Addrs()) }

// Send implements transport.Transport.
func (t *Transport) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	return t.links.Send(to, c, frame)
}

// Connect implements transport.Transport.
func (t *Transport) Connect(ctx context.Context, to *peer.Handle) error {
	return t.links.Connect(ctx, to)
}

// Disconnect implements transport.Transport.
func (t *Transport) Disconnect(node id.ID, expelled bool) { t.links.Disconnect(node, expelled) }

// Blame implements transport.Transport.
func (t *Transport) Blame(node id.ID) { t.links.Blame(node) }

// Protect implements transport.Transport.
func (t *Transport) Protect(node id.ID, on bool) { t.links.Protect(node, on) }

// Links implements transport.Transport.
func (t *Transport) Links() []transport.Link { return t.links.Links() }

// Metrics returns counts since the start.
func (t *Transport) Metrics() transport.Metrics {
	m := t.links.Metrics()
	m.Connections = len(t.host.Network().Conns())
	return m
}

// Open implements transport.Transport.
func (t *Transport) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (transport.Stream, error) {
	select {
	case <-t.stop:
		return nil, transport.ErrClosed
	default:
	}
	st, err := t.open(ctx, key, addrs, protocol, false)
	if err != nil {
		return nil, err // a nil *stream is no nil Stream
	}
	return st, nil
}

// Serve implements transport.Transport.
func (t *Transport) Serve(name string, f func(transport.Stream)) {
	t.links.Serve(name, f)
	if f == nil {
		t.host.Mux().RemoveHandler(protocol.ID(name))
		return
	}
	t.serve(name, func(st *stream) {
		c := st.s.Conn()
		t.strangers.engage(c, 1)
		defer t.strangers.engage(c, -1)
		t.links.Incoming(name, st)
	})
}

// acceptLink takes a link, unless there are many from the same address.
func (t *Transport) acceptLink(st *stream) {
	if t.strangers.crowded(st.s.Conn()) {
		t.links.Bad("crowd", st.Remote(), errors.New("too many links from one address"))
		st.HangUp()
		return
	}
	t.links.Accept(st)
}

// watch closes connections that nothing uses, and keeps up with the machine's
// addresses.
func (t *Transport) watch() {
	tick := time.NewTicker(min(t.opts.Unused/2, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.stop:
			return
		}
		for _, c := range t.uses.unused(t.host.Network().Conns(), t.opts.Unused, t.opts.Limits.HelloTime) {
			c.Close()
		}
		t.learnSite()
	}
}

// Close implements transport.Transport.
func (t *Transport) Close() error {
	t.once.Do(func() {
		close(t.stop)
		t.links.Close()
		if err := t.host.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.err = fmt.Errorf("close the connections: %w", err)
		}
		t.wg.Wait()
	})
	return t.err
}
