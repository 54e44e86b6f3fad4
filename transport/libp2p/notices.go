package libp2p

import (
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// notices are told by the library of connections.
type notices struct{ t *Transport }

// Connected implements network.Notifiee.
func (n notices) Connected(_ network.Network, c network.Conn) {
	n.t.met.note(c)
	if n.t.reach == nil {
		return
	}
	if relayed(c) {
		if c.Stat().Direction == network.DirInbound {
			n.t.reach.Incoming(c)
		}
		return
	}
	// A link that leads through a relay moves to the better connection. One of the
	// ends sees to it.
	if key, err := addr.KeyOf(c.RemotePeer()); err == nil && n.t.host.ID() < c.RemotePeer() {
		n.t.links.Renew(key)
	}
}

// Disconnected implements network.Notifiee.
func (n notices) Disconnected(_ network.Network, c network.Conn) {
	if n.t.reach != nil && relayed(c) {
		n.t.reach.Unbind(c)
	}
}

// Listen implements network.Notifiee.
func (notices) Listen(network.Network, ma.Multiaddr) {}

// ListenClose implements network.Notifiee.
func (notices) ListenClose(network.Network, ma.Multiaddr) {}
