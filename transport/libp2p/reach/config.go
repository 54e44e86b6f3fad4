package reach

import (
	"context"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// Options say which means a node uses to be reached behind a NAT or firewall, and
// to help others there. The zero value uses none.
type Options struct {
	// PortMap asks the router for ports, by UPnP and NAT-PMP (package transport/portmap).
	PortMap bool
	// Punch makes direct connections in place of relayed ones where NATs allow
	// that.
	Punch bool
	// Relays calls others through relays; and if members who call this node back
	// do not reach it, looks for members that relay for it.
	Relays bool
	// RelayFor is for how many members this node relays if it can be reached
	// itself; 0: for none.
	RelayFor int
	// RelayRate is how many bytes a second it relays for each of them, both
	// directions together; 0: 1 MiB.
	RelayRate int
	// Settle is how long after a change, of links or addresses, the node looks how
	// it can be reached; 0: 300 ms.
	Settle time.Duration
	// Recheck is after which time it is looked again; 0: 30 minutes. If others do
	// not reach this node they are asked again after a quarter of it.
	Recheck time.Duration
}

// On reports whether any of them is used.
func (o *Options) On() bool { return o.PortMap || o.Punch || o.Relays || o.RelayFor > 0 }

func (o *Options) setDefaults() {
	if o.RelayRate == 0 {
		o.RelayRate = 1 << 20
	}
	if o.Settle == 0 {
		o.Settle = 300 * time.Millisecond
	}
	if o.Recheck == 0 {
		o.Recheck = 30 * time.Minute
	}
}

// Carrier is what reach needs of the transport that it serves.
type Carrier interface {
	// Host is the library's host; there is one from Start on.
	Host() host.Host
	// Site is where this node listens, and Direct the addresses at which others may reach
	// it without a relay, as far as this machine and its router know.
	Site() *addr.Site
	Direct() []ma.Multiaddr
	// Links are those that stand.
	Links() []transport.Link
	// Open opens a stream of a protocol; if it is to be straight, not over a relay.
	Open(ctx context.Context, key peer.Key, addrs []string, protocol string, straight bool) (Stream, error)
	// Serve lets f handle the streams of a protocol.
	Serve(protocol string, f func(transport.Stream))
	// Call makes a connection at one of these addresses, and Standing returns one with this
	// peer that stands, a direct one first; nil if there is none.
	Call(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error)
	Standing(p p2ppeer.ID) network.Conn
	// Tell has the addresses looked at that others are told.
	Tell()
	// Bad counts bad input of the holder of key.
	Bad(kind string, from peer.Key, err error)
}

// Stream is a stream of which the connection is known.
type Stream interface {
	transport.Stream
	Conn() network.Conn
}

// Settings are what reach is told besides its means.
type Settings struct {
	// Hello returns this node's handle and certificate, nil as long as it has none.
	Hello func() (*peer.Handle, *peer.Certificate)
	// Check says whether a certificate is good.
	Check func(*peer.Certificate) error
	// HelloTime bounds the wait for what another node has to say.
	HelloTime time.Duration
	// Log may be nil.
	Log *slog.Logger
}
