package libp2p

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// punchTime bounds each of the library's tries to connect directly, of which it
// makes three and one at the peer's own addresses.
const punchTime = 2 * time.Second

// startPunching lets relayed connections be followed by direct ones.
func (r *reach) startPunching() error {
	if !r.opts.Punch {
		return nil
	}
	h, ok := r.t.host.(interface{ IDService() identify.IDService })
	if !ok {
		return fmt.Errorf("start hole punching: the host has no identify service")
	}
	s, err := holepunch.NewService(r.t.host, h.IDService(), r.punchAddrs, holepunch.DirectDialTimeout(punchTime), holepunch.WithTracer(punchEar{r}))
	if err != nil {
		return fmt.Errorf("start hole punching: %w", err)
	}
	r.punch = s
	r.t.Serve(punchProtocol, r.servePunch)
	return nil
}

// punchEar is told by the library of its tries.
type punchEar struct{ r *reach }

// Trace implements holepunch.EventTracer.
func (e punchEar) Trace(evt *holepunch.Event) {
	if end, ok := evt.Evt.(*holepunch.EndHolePunchEvt); ok && !end.Success {
		e.r.log.Debug("a hole could not be punched; there are a few tries", "peer", evt.Remote.String(), "because", end.Error)
	}
}

// punchAddrs are the addresses that a peer is to call at the same moment as this
// node calls it: those from which members saw this node come, and its own.
func (r *reach) punchAddrs() []ma.Multiaddr {
	s := r.t.site.Load()
	var es []addr.Endpoint
	add := func(e addr.Endpoint) {
		if !e.Unusable() && e.IP.IsValid() && addr.PlaceOf(e.IP) != addr.OnHost && !slices.Contains(es, e) {
			es = append(es, e)
		}
	}
	r.mu.Lock()
	for _, a := range r.answers.m {
		add(a.seen)
		// Most NATs keep a port as long as it is free: so do they with that of
		// UDP, which nobody has seen.
		for _, own := range s.Own {
			if own.Port == a.seen.Port && own.IP.Is4() == a.seen.IP.Is4() {
				own.IP = a.seen.IP
				add(own)
			}
		}
	}
	r.mu.Unlock()
	if len(es) == 0 {
		return nil // the library waits until there are some
	}
	for _, text := range s.Announced(r.t.direct()) {
		add(endpointOf(text))
	}
	addrs := make([]ma.Multiaddr, 0, len(es))
	for _, e := range es {
		addrs = append(addrs, e.Multiaddr())
	}
	return addrs
}

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
			n.t.reach.incoming(c)
		}
		return
	}
	// A link that leads through a relay moves to the better connection. One of the
	// ends sees to it.
	if key, err := keyOf(c.RemotePeer()); err == nil && n.t.host.ID() < c.RemotePeer() {
		n.t.links.Renew(key)
	}
}

// Disconnected implements network.Notifiee.
func (n notices) Disconnected(_ network.Network, c network.Conn) {
	if n.t.reach != nil && relayed(c) {
		n.t.reach.unbind(c)
	}
}

// Listen implements network.Notifiee.
func (notices) Listen(network.Network, ma.Multiaddr) {}

// ListenClose implements network.Notifiee.
func (notices) ListenClose(network.Network, ma.Multiaddr) {}

// punchProtocol asks a peer, over a relay, to begin with the punching of holes: of
// the two ends of a relayed connection the library lets one alone begin.
const punchProtocol = "/phyllo/punch/1"

// punchGap is the shortest time between two tries with one peer.
const punchGap = 3 * time.Second

// improve tries to connect directly with the holder of key, with whom there is a
// relayed connection, in the background.
func (r *reach) improve(key peer.Key) {
	p, err := peerID(key)
	if r.punch == nil || err != nil || len(r.punchAddrs()) == 0 {
		return
	}
	c := r.t.standing(p)
	if c == nil || !relayed(c) || !r.mayPunch(key) {
		return
	}
	if c.Stat().Direction == network.DirOutbound {
		r.spawn(func() {
			ctx, cancel := context.WithTimeout(r.ctx, r.t.opts.Limits.HelloTime)
			defer cancel()
			if st, err := r.t.open(ctx, key, nil, punchProtocol, 0); err == nil {
				st.Close()
			}
		})
		return
	}
	if !slices.Contains(r.t.host.Mux().Protocols(), holepunch.Protocol) {
		return // the service is not ready, and would let us wait
	}
	go func() {
		if err := r.punch.DirectConnect(p); err != nil && !errors.Is(err, holepunch.ErrHolePunchActive) {
			r.log.Info("no direct connection could be made: this one stays on its relay", "key", key.String(), "because", err)
		}
	}()
}

// mayPunch reports whether it is time for another try, and notes it.
func (r *reach) mayPunch(key peer.Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.punched[key]) < punchGap {
		return false
	}
	if len(r.punched) >= maxCalled {
		clear(r.punched)
	}
	r.punched[key] = now
	return true
}

// servePunch is asked to begin.
func (r *reach) servePunch(st transport.Stream) {
	st.Close()
	r.improve(st.Remote())
}
