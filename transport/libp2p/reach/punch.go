package reach

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
func (r *Reach) startPunching() error {
	if !r.opts.Punch {
		return nil
	}
	h, ok := r.n.Host().(interface{ IDService() identify.IDService })
	if !ok {
		return fmt.Errorf("start hole punching: the host has no identify service")
	}
	s, err := holepunch.NewService(r.n.Host(), h.IDService(), r.punchAddrs, holepunch.DirectDialTimeout(punchTime), holepunch.WithTracer(punchEar{r}))
	if err != nil {
		return fmt.Errorf("start hole punching: %w", err)
	}
	r.punch = s
	r.n.Serve(punchProtocol, r.servePunch)
	return nil
}

// punchEar is told by the library of its tries.
type punchEar struct{ r *Reach }

// Trace implements holepunch.EventTracer.
func (e punchEar) Trace(evt *holepunch.Event) {
	if end, ok := evt.Evt.(*holepunch.EndHolePunchEvt); ok && !end.Success {
		e.r.log.Debug("a hole could not be punched; there are a few tries", "peer", evt.Remote.String(), "because", end.Error)
	}
}

// punchAddrs are the addresses that a peer is to call at the same moment as this
// node calls it: those from which members saw this node come, and its own.
func (r *Reach) punchAddrs() []ma.Multiaddr {
	s := r.n.Site()
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
	for _, text := range s.Announced(r.n.Direct()) {
		add(addr.EndpointOf(text))
	}
	addrs := make([]ma.Multiaddr, 0, len(es))
	for _, e := range es {
		addrs = append(addrs, e.Multiaddr())
	}
	return addrs
}

// punchProtocol asks a peer, over a relay, to begin with the punching of holes: of
// the two ends of a relayed connection the library lets one alone begin.
const punchProtocol = "/phyllo/punch/1"

// punchGap is the shortest time between two tries with one peer.
const punchGap = 3 * time.Second

// Improve tries to connect directly with the holder of key, with whom there is a
// relayed connection, in the background.
func (r *Reach) Improve(key peer.Key) {
	p, err := addr.PeerID(key)
	if r.punch == nil || err != nil || len(r.punchAddrs()) == 0 {
		return
	}
	c := r.n.Standing(p)
	if c == nil || !addr.ThroughRelay(c.RemoteMultiaddr()) || !r.mayPunch(key) {
		return
	}
	if c.Stat().Direction == network.DirOutbound {
		r.spawn(func() {
			ctx, cancel := context.WithTimeout(r.ctx, r.cfg.HelloTime)
			defer cancel()
			if st, err := r.n.Open(ctx, key, nil, punchProtocol, false); err == nil {
				st.Close()
			}
		})
		return
	}
	if !slices.Contains(r.n.Host().Mux().Protocols(), holepunch.Protocol) {
		return // the service is not ready, and would let us wait
	}
	go func() {
		if err := r.punch.DirectConnect(p); err != nil && !errors.Is(err, holepunch.ErrHolePunchActive) {
			r.log.Info("no direct connection could be made: this one stays on its relay", "key", key.String(), "because", err)
		}
	}()
}

// mayPunch reports whether it is time for another try, and notes it.
func (r *Reach) mayPunch(key peer.Key) bool {
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
func (r *Reach) servePunch(st transport.Stream) {
	st.Close()
	r.Improve(st.Remote())
}
