package libp2p

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	p2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	coretransport "github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	"go.uber.org/fx"

	"github.com/phyllo-net/phyllo/transport/libp2p/limit"
)

// quiet turns off the library's own log, which goes to stderr: what matters in it
// comes back as errors, and much of the rest is what strangers can provoke. Who
// looks for a fault in it sets GOLOG_LOG_LEVEL.
var quiet = sync.OnceFunc(func() {
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
})

// newHost makes the library's host for a transport.
func newHost(t *Transport) (host.Host, error) {
	quiet()
	ourKeys()
	key, err := identity(t.cfg.Private)
	if err != nil {
		return nil, err
	}
	limits, err := limit.New(limit.Bounds{
		MaxLinks: t.cfg.MaxLinks, PerAddress: t.opts.PerAddress, Handshake: t.opts.Limits.HelloTime, Strangers: t.strangers,
		Relays: func(p p2ppeer.ID) bool { return t.reach != nil && t.reach.Holds(p) },
		Bad:    t.badFrom, BadStranger: t.links.BadStranger,
	})
	if err != nil {
		return nil, err
	}
	opts := []p2p.Option{
		p2p.Identity(key),
		p2p.ListenAddrStrings(t.cfg.Listen...),
		p2p.Transport(func(u coretransport.Upgrader, m network.ResourceManager, shared *tcpreuse.ConnMgr) (*tcp.TcpTransport, error) {
			return tcp.NewTCPTransport(gatedUpgrader{u, t}, m, shared, tcpOptions(t.opts)...)
		}),
		p2p.Transport(quic.NewTransport),
		p2p.QUICReuse(limits.QUIC),
		p2p.Security(noise.ID, noise.New),
		p2p.Muxer(yamux.ID, limit.Muxer()),
		p2p.ResourceManager(limits),
		p2p.ConnectionManager(&connmgr.NullConnMgr{}),
		p2p.ConnectionGater(gate{t}),
		p2p.SwarmOpts(swarm.WithDialRanker(swarm.NoDelayDialRanker)), // what is tried after what is decided in dial
		p2p.WithDialTimeout(t.opts.Limits.DialTime),
		p2p.UserAgent("phyllo"), p2p.ProtocolVersion("phyllo/1"),
		p2p.Ping(false), p2p.DisableMetrics(),
		// Members tell each other how they see each other: see reach.
		p2p.DisableIdentifyAddressDiscovery(), p2p.ForceReachabilityPrivate(),
		// A network that was out for a while is not given up for good.
		p2p.UDPBlackHoleSuccessCounter(nil), p2p.IPv6BlackHoleSuccessCounter(nil),
		p2p.WithFxOption(fx.Supply([]upgrader.Option{upgrader.WithAcceptTimeout(t.opts.Limits.HelloTime)})),
	}
	if t.opts.Reach.Relays {
		opts = append(opts, p2p.EnableRelay())
	} else {
		opts = append(opts, p2p.DisableRelay())
	}
	h, err := p2p.New(opts...)
	if err != nil {
		limits.Close()
		return nil, fmt.Errorf("listen on %s: %w", strings.Join(t.cfg.Listen, ", "), err)
	}
	limits.Guard(h)
	return h, nil
}

// tcpOptions are those of TCP. Sharing a port with other sockets is for hole
// punching; otherwise a second node at a port that is taken must fail.
func tcpOptions(o Options) []tcp.Option {
	opts := []tcp.Option{tcp.WithConnectionTimeout(o.Limits.DialTime)}
	if !o.Reach.Punch {
		opts = append(opts, tcp.DisableReuseport())
	}
	return opts
}

// unknownPeer returns the name of a key that nobody has.
func unknownPeer() (p2ppeer.ID, error) {
	_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return "", err
	}
	return p2ppeer.IDFromPublicKey(pub)
}
