package ring

import (
	"fmt"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// Stranger starts a transport with a new key that is in no ring: for what can be
// measured below links, as the time of a new connection. The caller closes it.
func (r *Ring) Stranger() (transport.Transport, error) {
	seed := make([]byte, keys.SeedSize)
	if _, err := keys.Random().Read(seed); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return libp2p.New(transport.Config{
		Private: seed, Listen: r.opts.Transport.listen(), Events: deaf{},
		Check: func(*peer.Certificate) error { return transport.ErrRefused },
	}, libp2p.Options{})
}

// deaf is told nothing that matters: a stranger has no links.
type deaf struct{}

// Up implements transport.Events.
func (deaf) Up(*peer.Handle, *peer.Certificate) {}

// Frame implements transport.Events.
func (deaf) Frame(*peer.Handle, transport.Class, []byte) {}

// Down implements transport.Events.
func (deaf) Down(*peer.Handle, transport.Why) {}
