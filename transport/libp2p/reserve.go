package libp2p

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	circuit2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

const (
	// wantRelays is how many relay for a node that others cannot reach: when one
	// dies, the next is known to everybody already.
	wantRelays = 2
	// relayAddrs bounds the addresses that are told of each of them.
	relayAddrs = 2
	// firstWait and lastWait are the time, doubling, before members that did not
	// relay are asked again.
	firstWait = 2 * time.Second
	lastWait  = 5 * time.Minute
)

// reservation is a place at a relay.
type reservation struct {
	pass  *pass
	node  id.ID
	since time.Time
	addrs []string // of this node, through the relay
}

// secure finds relays if this node needs them, and gives them back if it does not
// any more. It returns when it wants to look again.
func (r *reach) secure(links []transport.Link) time.Duration {
	if !r.opts.Relays {
		return r.opts.Recheck
	}
	r.mu.Lock()
	standing := r.standing()
	have := slices.Clone(r.relays)
	r.mu.Unlock()
	if standing == reachable {
		for _, v := range have {
			r.giveUp(v)
		}
		return r.opts.Recheck
	}
	for _, v := range have {
		if time.Since(v.since) > reservationTime/2 && r.reserve(v) != nil {
			r.giveUp(v)
		}
	}
	if standing != shutOff {
		return r.opts.Recheck
	}
	for _, l := range links {
		r.mu.Lock()
		enough := len(r.relays) >= wantRelays
		r.mu.Unlock()
		if enough {
			break
		}
		if l.Outbound {
			r.tryRelay(l)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.relays) >= wantRelays {
		r.wait = 0
		return r.opts.Recheck
	}
	r.wait = min(max(2*r.wait, firstWait), lastWait)
	return r.wait
}

// tryRelay asks a member to relay for this node. One that this node has called
// itself can most likely be called by others, too.
func (r *reach) tryRelay(l transport.Link) {
	p, err := peerID(l.Peer.Key)
	r.mu.Lock()
	known := slices.ContainsFunc(r.relays, func(v *reservation) bool { return v.node == l.Peer.ID })
	r.mu.Unlock()
	if known || err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.t.opts.Limits.HelloTime)
	defer cancel()
	h, err := r.passes.fresh(ctx, p)
	if err != nil {
		return
	}
	v := &reservation{pass: h, node: l.Peer.ID, addrs: r.relayAddrs(h, l.Peer)}
	if !h.welcome.Relays || len(v.addrs) == 0 {
		err = errors.New("it does not relay")
	} else {
		err = r.reserve(v)
	}
	if err != nil {
		r.log.Debug("no place at a relay", "relay", l.Peer.String(), "because", err)
		r.passes.release(h)
		return
	}
	r.mu.Lock()
	r.relays = append(r.relays, v)
	r.mu.Unlock()
	if !r.passes.holds(p) {
		r.lost(h) // it ended before it was noted
		return
	}
	r.log.Info("a member relays for this node, which others cannot reach directly", "relay", l.Peer.String())
}

// reserve asks for the place, or for it to be kept.
func (r *reach) reserve(v *reservation) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.t.opts.Limits.HelloTime)
	defer cancel()
	_, err := circuit2.Reserve(network.WithNoDial(ctx, "phyllo"), r.t.host, p2ppeer.AddrInfo{ID: v.pass.relay})
	if err == nil {
		v.since = time.Now()
	}
	return err
}

// giveUp ends a reservation. Connections through the relay stay.
func (r *reach) giveUp(v *reservation) {
	r.mu.Lock()
	n := len(r.relays)
	r.relays = slices.DeleteFunc(r.relays, func(o *reservation) bool { return o == v })
	mine := len(r.relays) < n
	r.mu.Unlock()
	if mine {
		r.passes.release(v.pass)
	}
}

// fresh is hold, with a welcome of this moment.
func (ps *passes) fresh(ctx context.Context, p p2ppeer.ID) (*pass, error) {
	h, err := ps.hold(ctx, p, nil)
	if err != nil || h.welcome.Relays {
		return h, err
	}
	// It may relay meanwhile.
	st, w, err := ps.r.present(ctx, p, nil)
	if err != nil {
		ps.release(h)
		return nil, err
	}
	st.Close()
	ps.mu.Lock()
	h.welcome = w
	ps.mu.Unlock()
	return h, nil
}

// relayAddrs returns this node's addresses through a relay: at the relay's address
// over which this node is connected, and at public ones that it names.
func (r *reach) relayAddrs(h *pass, relay *peer.Handle) []string {
	var at []string
	if c := h.conn(); c.Stat().Direction == network.DirOutbound {
		at = append(at, c.RemoteMultiaddr().String())
	}
	farthest := onHost
	if len(at) > 0 {
		farthest = placeOf(endpointOf(at[0]).ip)
	}
	for _, a := range relay.Addrs {
		if e := endpointOf(a); e.port != 0 && !e.unusable() && placeOf(e.ip) >= farthest && !slices.Contains(at, a) {
			at = append(at, a)
		}
	}
	var out []string
	for _, text := range at {
		a, err := ma.NewMultiaddr(text + "/p2p/" + h.relay.String() + "/p2p-circuit")
		if err != nil {
			continue
		}
		if _, ok := parseCircuit(a); ok && len(a.String()) <= peer.MaxAddrLen && len(out) < relayAddrs {
			out = append(out, a.String())
		}
	}
	return out
}
