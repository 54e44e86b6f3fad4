package libp2p

import (
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
)

// gate keeps the library from calling addresses that a stranger may have named
// (identify stores what peers say of themselves), and from keys of kinds that are
// not ours.
type gate struct{ t *Transport }

// InterceptPeerDial implements the library's ConnectionGater.
func (g gate) InterceptPeerDial(p p2ppeer.ID) bool {
	_, err := addr.KeyOf(p)
	return err == nil
}

// InterceptAddrDial implements the library's ConnectionGater.
func (g gate) InterceptAddrDial(p p2ppeer.ID, a ma.Multiaddr) bool {
	key, err := addr.KeyOf(p)
	return err == nil && g.t.mayDial(key, a)
}

// InterceptAccept implements the library's ConnectionGater: limits decide.
func (gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured implements the library's ConnectionGater.
func (g gate) InterceptSecured(_ network.Direction, p p2ppeer.ID, c network.ConnMultiaddrs) bool {
	in, _ := c.(*incomingConn)
	if in != nil {
		in.prove()
	}
	key, err := addr.KeyOf(p)
	if err != nil {
		g.t.links.BadStranger("key", err)
		return false
	}
	if g.t.links.Banned(key) {
		return false
	}
	if in != nil {
		g.t.strangers.Proven(in.place, p, crowd.WayOf(c))
	}
	return true
}

// InterceptUpgraded implements the library's ConnectionGater.
func (gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
