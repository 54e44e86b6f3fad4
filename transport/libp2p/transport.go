package libp2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
	"github.com/phyllo-net/phyllo/transport/link"
	"github.com/phyllo-net/phyllo/transport/portmap"
)

// Options are what of a transport is not in the contract. The zero value is good
// for a LAN and for nodes with public addresses.
type Options struct {
	// Reach is what helps a node behind a NAT, and others by this one.
	Reach reach.Options
	// PerAddress bounds the links with one IP address, and as many connections
	// again whose other end has not shown a certificate (16 each); PerLoopback the
	// same for each address of loopback (64; programs with many nodes in one
	// process need more; negative: loopback is an address as any other).
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
	strangers *crowd.Strangers
	site      atomic.Pointer[addr.Site]
	met       met
	reach     *reach.Reach    // nil: nothing of Options.Reach is on
	ports     *portmap.Mapper // nil: routers are not asked

	look    chan struct{} // the addresses may have changed
	changed chan struct{} // the addresses that others are told have changed
	toldMu  sync.Mutex
	told    []string

	calls  *calls
	dialMu sync.Mutex // one at a time changes the addresses of a peer that is called
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
		uses: newUses(), calls: newCalls(), changed: make(chan struct{}, 1), look: make(chan struct{}, 1),
	}
	t.site.Store(&addr.Site{})
	if opts.Reach.On() {
		t.reach = reach.New(carrying{t}, reach.Settings{
			Hello: cfg.Hello, Check: cfg.Check, HelloTime: opts.Limits.HelloTime, Log: cfg.Log,
		}, opts.Reach)
		cfg.Events = t.reach.Listen(cfg.Events)
	}
	t.links = link.New(cfg, opener{t}, opts.Limits)
	t.strangers = crowd.New(opts.PerAddress, opts.PerLoopback, func() {
		t.links.BadStranger("crowd", errors.New("too many connections without a certificate: the oldest was closed"))
	})
	h, err := newHost(t)
	if err != nil {
		t.links.Close()
		return nil, err
	}
	t.host = h
	if opts.Reach.PortMap {
		t.ports = portmap.New(portmap.Options{Log: cfg.Log, Changed: t.lookSoon})
	}
	if a := addr.Missing(asked, h.Network().ListenAddresses()); a != "" {
		t.Close()
		return nil, fmt.Errorf("listen on %s: the address is taken or not this machine's: choose another with --listen", a)
	}
	t.learnSite()
	t.told = t.Addrs()
	h.Network().Notify(notices{t})
	h.Network().SetStreamHandler(t.incoming)
	h.Network().Notify(t.strangers)
	for _, c := range h.Network().Conns() { // some may have been quicker
		t.strangers.Connected(nil, c)
	}
	t.serve(link.Protocol, t.acceptLink)
	if t.reach != nil {
		if err := t.reach.Start(); err != nil {
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
	switch {
	case o.PerLoopback == 0:
		o.PerLoopback = 64
	case o.PerLoopback < 0:
		o.PerLoopback = o.PerAddress
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

// learnSite looks at the addresses on which this node listens now, not as the
// library remembers them for up to a minute. Connections from addresses that this
// machine has no more are dead, and would be silent for long.
func (t *Transport) learnSite() {
	// The library lists them in another order each time, which others were told as a move.
	listen := slices.SortedFunc(slices.Values(t.host.Network().ListenAddresses()), ma.Multiaddr.Compare)
	if addrs, err := manet.InterfaceMultiaddrs(); err == nil {
		if resolved, err := manet.ResolveUnspecifiedAddresses(listen, addrs); err == nil {
			listen = resolved
		}
	}
	s := addr.SiteOf(listen, t.cfg.Listen)
	if t.ports != nil {
		t.ports.Keep(s.Mappable())
	}
	old := t.site.Swap(&s)
	gone := old.Gone(&s)
	if len(gone) == 0 {
		return
	}
	for _, c := range t.host.Network().Conns() {
		if e, ok := addr.Parse(c.LocalMultiaddr()); ok && slices.Contains(gone, e.IP) {
			t.links.Go("close", func() { c.Close() })
		}
	}
}

// direct are the addresses at which others may reach this node without a relay, as
// far as this machine and its router know.
func (t *Transport) direct() []ma.Multiaddr {
	s := t.site.Load()
	all := slices.Clone(s.Listen)
	if t.ports == nil {
		return all
	}
	for _, e := range s.Own {
		if at, open := t.ports.Outside(portmap.Port{UDP: e.QUIC, Number: e.Port}); open && e.Mappable() {
			out := addr.Endpoint{IP: at.Addr(), Port: at.Port(), QUIC: e.QUIC}
			if a := out.Multiaddr(); a != nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// mayDial reports whether an address of the holder of key may be called.
func (t *Transport) mayDial(key peer.Key, a ma.Multiaddr) bool {
	return t.site.Load().Dialable(a, func(ip netip.Addr) bool { return t.met.at(key, ip) })
}

// Addrs implements transport.Transport.
func (t *Transport) Addrs() []string {
	if t.reach != nil {
		return t.reach.Addrs()
	}
	return t.site.Load().Announced(t.direct())
}

// Send implements transport.Transport.
func (t *Transport) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	return t.links.Send(to, c, frame)
}

// Connect implements transport.Transport. If the link leads through a relay, a
// direct connection is tried once more, in the background.
func (t *Transport) Connect(ctx context.Context, to *peer.Handle) error {
	err := t.links.Connect(ctx, to)
	if err == nil && t.reach != nil {
		t.reach.Improve(to.Key)
	}
	return err
}

// Disconnect implements transport.Transport.
func (t *Transport) Disconnect(node id.ID, expelled bool) {
	t.links.Disconnect(node, expelled)
	if expelled && t.reach != nil {
		t.reach.Expel(node)
	}
}

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
	st, err := t.open(ctx, key, addrs, protocol, 0)
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
		t.strangers.Engage(c, 1)
		defer t.strangers.Engage(c, -1)
		t.links.Incoming(name, st)
	})
}

// acceptLink takes a link, unless there are many from the same address.
func (t *Transport) acceptLink(st *stream) {
	if t.strangers.Crowded(st.s.Conn()) {
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
	var last time.Time
	for {
		select {
		case <-tick.C:
		case <-t.look:
			last = time.Time{}
		case <-t.stop:
			return
		}
		for _, c := range t.uses.unused(t.host.Network().Conns(), t.opts.Unused, t.opts.Limits.HelloTime) {
			c.Close()
		}
		if looked := time.Now(); looked.Sub(last) >= lookEvery {
			last = looked
			t.learnSite()
			t.tell()
		}
	}
}

// lookSoon has the addresses looked at.
func (t *Transport) lookSoon() {
	select {
	case t.look <- struct{}{}:
	default:
	}
}

// lookEvery is how often a node looks at its own addresses.
const lookEvery = 2 * time.Second

// tell lets the owner know if the addresses have changed that others are told.
func (t *Transport) tell() {
	now := t.Addrs()
	t.toldMu.Lock()
	same := slices.Equal(now, t.told)
	t.told = now
	t.toldMu.Unlock()
	if same {
		return
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
	if t.reach != nil {
		t.reach.Poke()
	}
}

// AddrsChanged returns a channel that gets a value when Addrs has changed.
func (t *Transport) AddrsChanged() <-chan struct{} { return t.changed }

// Close implements transport.Transport.
func (t *Transport) Close() error {
	t.once.Do(func() {
		close(t.stop)
		t.links.Close()
		if t.reach != nil {
			t.reach.Close()
		}
		if t.ports != nil {
			t.ports.Close()
		}
		t.calls.close()
		if err := t.host.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.err = fmt.Errorf("close the connections: %w", err)
		}
		t.wg.Wait()
	})
	return t.err
}
