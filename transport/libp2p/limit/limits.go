package limit

import (
	"io"
	"math"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/x/rate"

	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
)

const (
	// streamWindow is what a stream is charged: over TCP so much can arrive before
	// anything of it was read.
	streamWindow = 256 << 10
	// maxPeerMemory bounds what arrives of one peer and waits to be read. Windows of
	// streams that are read quickly grow within it.
	maxPeerMemory = 4 << 20
	// peerAccount is the library's account for it. Windows grow up to half of it; the
	// other half is for streams that are about to be refused, of which yamux holds
	// backlog: with nothing left it would cut the connection.
	peerAccount = 2 * maxPeerMemory
	backlog     = 16
	// maxPeerStreams bounds the streams that one peer has open. Four of those that
	// the memory allows are left for streams that this node opens.
	maxPeerStreams = maxPeerMemory/streamWindow - 4
	// MaxCircuits bounds the relayed connections of one peer over one relay: as many
	// as the library's account for the streams with one peer has room for.
	MaxCircuits = 2 * maxPeerStreams
	// maxStrangeStreams bounds those of one of whom no certificate was seen, and
	// maxAllStrangeStreams those of all of them.
	maxStrangeStreams    = 4
	maxAllStrangeStreams = 256
)

// Bounds are what limits are made of.
type Bounds struct {
	// MaxLinks and PerAddress are how many links there may be, and how many of them, and
	// of connections without a certificate, with one address.
	MaxLinks, PerAddress int
	// Handshake is the time for one.
	Handshake time.Duration
	// Strangers knows those who have not shown a certificate.
	Strangers Strangers
	// Relays reports whether a peer may open as many streams as a relay: each carries what
	// another node has to say.
	Relays func(p2ppeer.ID) bool
	// Bad and BadStranger are told of offences; any goroutine calls them.
	Bad         func(p p2ppeer.ID, kind string, err error)
	BadStranger func(kind string, err error)
}

// Strangers says who is one, and how many may come from an address (crowd.Strangers).
type Strangers interface {
	Strange(key p2ppeer.ID) bool
	Per(a netip.Addr) int
}

// New returns the bounds of what peers can cost.
func New(b Bounds) (*Limits, error) {
	inner, err := newAccounts(b)
	if err != nil {
		return nil, err
	}
	return &Limits{
		ResourceManager: inner, b: b, peers: make(map[p2ppeer.ID]*openStreams), quic: make(map[netip.Addr]int),
	}, nil
}

// Muxer configures yamux: no keep-alive and no measurements, because every node
// has heartbeats, and little memory for an idle connection. Its connections have Lines.
func Muxer() network.Multiplexer {
	c := *yamux.DefaultTransport.Config()
	c.EnableKeepAlive = false
	c.MeasureRTTInterval = 365 * 24 * time.Hour
	c.AcceptBacklog = backlog
	c.PingBacklog = 4
	c.MaxStreamWindowSize = maxPeerMemory
	c.MaxIncomingStreams = math.MaxUint32 // the limits count them
	c.LogOutput = io.Discard
	return muxer{(*yamux.Transport)(&c)}
}

// newAccounts sets the library's own limits. They stand somewhat above those of
// strangers, who are closed by age and not refused: a connection that was closed is on
// these accounts for a moment longer.
func newAccounts(b Bounds) (network.ResourceManager, error) {
	const slack = 128 + maxHandshakesQUIC
	conns := crowd.MaxStrangers + slack + 2*b.MaxLinks
	streams := 2*conns + 1024
	system := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(2 * conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
		FD:      rcmgr.LimitVal(2 * conns),
		Streams: rcmgr.LimitVal(2 * streams), StreamsInbound: rcmgr.LimitVal(streams), StreamsOutbound: rcmgr.LimitVal(streams),
		// An account of windows, of which only what is in use takes memory.
		Memory: rcmgr.LimitVal64(2*maxAllStrangeStreams*streamWindow + b.MaxLinks*peerAccount),
	}
	limits := rcmgr.PartialLimitConfig{
		System: system,
		Transient: rcmgr.ResourceLimits{
			Conns: 2 * (crowd.MaxStrangers + slack), ConnsInbound: crowd.MaxStrangers + slack, ConnsOutbound: crowd.MaxStrangers, FD: 2 * (crowd.MaxStrangers + slack),
			Streams: 4 * crowd.MaxStrangers, StreamsInbound: 2 * crowd.MaxStrangers, StreamsOutbound: 2 * crowd.MaxStrangers,
			Memory: 4 * crowd.MaxStrangers * streamWindow,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: 8, ConnsInbound: 8, ConnsOutbound: 8, FD: 8,
			Streams: 4 * maxPeerStreams, StreamsInbound: 2 * maxPeerStreams, StreamsOutbound: 2 * maxPeerStreams,
			Memory: peerAccount,
		},
		Conn:   rcmgr.ResourceLimits{Conns: 1, ConnsInbound: 1, ConnsOutbound: 1, FD: 1, Memory: peerAccount},
		Stream: rcmgr.ResourceLimits{Streams: 1, StreamsInbound: 1, StreamsOutbound: 1, Memory: peerAccount},
	}.Build(rcmgr.InfiniteLimits)

	perAddress := 2*b.PerAddress + slack
	loop4, loop6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	perSecond := func(n int) rate.Limit { return rate.Limit{RPS: float64(n), Burst: 8 * n} }
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: perAddress}},
			[]rcmgr.ConnLimitPerSubnet{
				{PrefixLength: 128, ConnCount: perAddress},
				{PrefixLength: 56, ConnCount: 4 * perAddress},
			}),
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: loop4, ConnCount: conns}},
			[]rcmgr.NetworkPrefixLimit{{Network: loop6, ConnCount: conns}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{
				{Prefix: loop4, Limit: perSecond(math.MaxInt16)},
				{Prefix: loop6, Limit: perSecond(math.MaxInt16)},
			},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perSecond(b.PerAddress)}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: perSecond(b.PerAddress)}},
				GracePeriod:      time.Minute,
			},
		}))
}
