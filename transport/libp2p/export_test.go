package libp2p

import (
	"context"
	"fmt"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// Believe lets a node take for granted what members found who called it back: that
// they reached it, or not. It asks nobody then.
func (t *Transport) Believe(reached bool) {
	t.reach.Believe(reached)
}

// CallDirect makes a direct connection besides those that stand, as a punched hole
// does.
func (t *Transport) CallDirect(ctx context.Context, key peer.Key, addrs []string) error {
	p, err := addr.PeerID(key)
	if err != nil {
		return err
	}
	good := t.usable(key, addrs)
	if len(good) == 0 {
		return fmt.Errorf("no address of %q may be called", addrs)
	}
	_, err = t.call(ctx, p, good)
	return err
}

// Limited reports whether the library counts what goes over a connection with the
// holder of key, or its time.
func (t *Transport) Limited(key peer.Key) bool {
	p, err := addr.PeerID(key)
	if err != nil {
		return false
	}
	for _, c := range t.host.Network().ConnsToPeer(p) {
		if c.Stat().Limited {
			return true
		}
	}
	return false
}
