package lan

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/transport/mdns"
)

// lookAround is how long rings on the local network are looked for: their members
// answer within a second.
const lookAround = 1500 * time.Millisecond

// announce tells the local network which ring this node can let others into. A
// machine without a network is none the worse for it.
func (l *LAN) announce() {
	a, err := mdns.Announce(l.announced, mdns.Options{Interfaces: l.cfg.Interfaces})
	if err != nil {
		l.cfg.Log.Info("this node does not announce its ring on the local network", "why", err)
		return
	}
	l.beacon = a
}

// announced is what the local network is told; nil while this node cannot admit.
func (l *LAN) announced() *mdns.Ring {
	ring, err := l.cfg.Member().Ring()
	cert := l.cfg.Member().Certificate()
	if err != nil || cert == nil || !ring.Admitter {
		return nil
	}
	return &mdns.Ring{Name: ring.Name, Ring: ring.ID, Node: cert.Node, Key: cert.Key, Addrs: l.cfg.Addrs()}
}

// sightings are the nodes of other rings on the local network, each once.
func (l *LAN) sightings(ctx context.Context) ([]mdns.Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	own := l.cfg.Self()
	var out []mdns.Ring
	err := mdns.Browse(ctx, func(r mdns.Ring) {
		if r.Key != own && !slices.ContainsFunc(out, func(x mdns.Ring) bool { return x.Key == r.Key }) {
			out = append(out, r)
		}
	}, mdns.Options{Interfaces: l.cfg.Interfaces})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, kind.Give(err)
	}
	return out, nil
}
