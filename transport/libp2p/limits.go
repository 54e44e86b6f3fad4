package libp2p

import (
	"math"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
)

const (
	// maxStrangers bounds connections beside those of links, and those whose
	// handshake is under way.
	maxStrangers = 256
	// maxPeerStreams bounds the streams that one peer may open: those of served
	// protocols, a link, and what the library itself needs.
	maxPeerStreams = 64 + 8
	// streamWindow is what a stream is charged for its receive window.
	streamWindow = 256 << 10
)

// newLimits returns the bounds of what peers can cost.
func newLimits(maxLinks int, o Options) (network.ResourceManager, error) {
	conns := maxStrangers + 2*maxLinks
	streams := 2*conns + 1024
	system := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(2 * conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
		FD:      rcmgr.LimitVal(2 * conns),
		Streams: rcmgr.LimitVal(2 * streams), StreamsInbound: rcmgr.LimitVal(streams), StreamsOutbound: rcmgr.LimitVal(streams),
		// An account of windows, of which only what is in use takes memory.
		Memory: rcmgr.LimitVal64(2 * streams * streamWindow),
	}
	limits := rcmgr.PartialLimitConfig{
		System: system,
		Transient: rcmgr.ResourceLimits{
			Conns: 2 * maxStrangers, ConnsInbound: maxStrangers, ConnsOutbound: maxStrangers, FD: 2 * maxStrangers,
			Streams: 4 * maxStrangers, StreamsInbound: 2 * maxStrangers, StreamsOutbound: 2 * maxStrangers,
			Memory: 4 * maxStrangers * streamWindow,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: 8, ConnsInbound: 8, ConnsOutbound: 8, FD: 8,
			Streams: 2 * maxPeerStreams, StreamsInbound: maxPeerStreams, StreamsOutbound: 2 * maxPeerStreams,
			Memory: 3 * maxPeerStreams * streamWindow,
		},
		Conn:   rcmgr.ResourceLimits{Conns: 1, ConnsInbound: 1, ConnsOutbound: 1, FD: 1, Memory: 64 << 20},
		Stream: rcmgr.ResourceLimits{Streams: 1, StreamsInbound: 1, StreamsOutbound: 1, Memory: 32 << 20},
	}.Build(rcmgr.InfiniteLimits)

	loop4, loop6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	perSecond := func(n int) rate.Limit { return rate.Limit{RPS: float64(n) / 4, Burst: 4 * n} }
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: o.PerAddress}},
			[]rcmgr.ConnLimitPerSubnet{
				{PrefixLength: 128, ConnCount: o.PerAddress},
				{PrefixLength: 56, ConnCount: 4 * o.PerAddress},
			}),
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: loop4, ConnCount: o.PerLoopback}},
			[]rcmgr.NetworkPrefixLimit{{Network: loop6, ConnCount: o.PerLoopback}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{
				{Prefix: loop4, Limit: perSecond(math.MaxInt16)},
				{Prefix: loop6, Limit: perSecond(math.MaxInt16)},
			},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perSecond(o.PerAddress)}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: perSecond(o.PerAddress)}},
				GracePeriod:      time.Minute,
			},
		}))
}
