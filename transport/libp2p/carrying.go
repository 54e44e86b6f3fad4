package libp2p

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
)

// carrying is a transport as package reach sees it.
type carrying struct{ t *Transport }

// Host implements reach.Carrier.
func (c carrying) Host() host.Host { return c.t.host }

// Site implements reach.Carrier.
func (c carrying) Site() *addr.Site { return c.t.site.Load() }

// Direct implements reach.Carrier.
func (c carrying) Direct() []ma.Multiaddr { return c.t.direct() }

// Links implements reach.Carrier.
func (c carrying) Links() []transport.Link { return c.t.links.Links() }

// Open implements reach.Carrier.
func (c carrying) Open(ctx context.Context, key peer.Key, addrs []string, protocol string, direct bool) (reach.Stream, error) {
	how := manner(0)
	if direct {
		how = straight
	}
	st, err := c.t.open(ctx, key, addrs, protocol, how)
	if err != nil {
		return nil, err // a nil *stream is no nil Stream
	}
	return st, nil
}

// Serve implements reach.Carrier.
func (c carrying) Serve(protocol string, f func(transport.Stream)) { c.t.Serve(protocol, f) }

// Call implements reach.Carrier.
func (c carrying) Call(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	return c.t.call(ctx, p, addrs)
}

// Standing implements reach.Carrier.
func (c carrying) Standing(p p2ppeer.ID) network.Conn { return c.t.standing(p) }

// Tell implements reach.Carrier.
func (c carrying) Tell() { c.t.tell() }

// Bad implements reach.Carrier.
func (c carrying) Bad(kind string, from peer.Key, err error) { c.t.links.Bad(kind, from, err) }
