package reach

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
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

const (
	// wantRelays is how many relay for a node that others cannot reach: when one
	// dies, the next is known to everybody already.
	wantRelays = 2
	// relayAddrs bounds the addresses that are told of each of them.
	relayAddrs = 2
	// firstWait and lastWait are the time before members that did not relay are asked
	// again. It doubles after the first patientRounds: those who just came need some
	// seconds to find out that they can be reached, and only then relay.
	firstWait     = time.Second
	lastWait      = 5 * time.Minute
	patientRounds = 5
	// seekAtOnce bounds the members that are asked at the same time.
	seekAtOnce = 8
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
func (r *Reach) secure(links []transport.Link) time.Duration {
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
		if time.Since(v.since) > reservationTime/2 && r.prolong(v) != nil {
			r.giveUp(v)
		}
	}
	if standing != shutOff {
		return r.opts.Recheck
	}
	r.seek(r.askable(links))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.relays) >= wantRelays {
		r.rounds, r.sought = 0, time.Time{}
		return r.opts.Recheck
	}
	now := time.Now()
	wait := func() time.Duration { return min(firstWait<<min(max(r.rounds-patientRounds, 0), 16), lastWait) }
	if now.Sub(r.sought) >= wait() { // a look in between, because something changed, is no round
		r.sought = now
		r.rounds++
	}
	return r.sought.Add(wait()).Sub(now)
}

// askable returns the members that may relay for this node: those to whom it has direct
// links, and those whom it has met through others, and may perhaps call itself. Who has
// addresses through a relay cannot be reached either.
func (r *Reach) askable(near []transport.Link) []transport.Link {
	all := slices.Clone(near)
	for _, l := range r.n.Links() {
		if l.Relayed {
			all = append(all, l)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(all, func(l transport.Link) bool {
		return len(addr.Direct(l.Peer.Addrs)) < len(l.Peer.Addrs) ||
			slices.ContainsFunc(r.relays, func(v *reservation) bool { return v.node == l.Peer.ID })
	})
}

// seek asks members to relay for this node, some at a time, until enough of them do.
func (r *Reach) seek(links []transport.Link) {
	for len(links) > 0 && !r.enough() {
		some := links[:min(len(links), seekAtOnce)]
		links = links[len(some):]
		ctx, cancel := context.WithTimeout(r.ctx, r.cfg.HelloTime)
		tried := make(chan struct{}, len(some))
		for _, l := range some {
			r.spawn(func() {
				defer func() { tried <- struct{}{} }()
				if err := r.tryRelay(ctx, l.Peer); err != nil {
					r.log.Debug("no place at a relay", "relay", l.Peer.String(), "because", err)
				}
			})
		}
		for range some {
			select {
			case <-tried:
			case <-r.ctx.Done():
			}
			if r.enough() {
				cancel() // the others need not try on
				return
			}
		}
		cancel()
	}
}

func (r *Reach) enough() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.relays) >= wantRelays
}

// Why a member does not relay for this node.
var (
	errNoRelay     = errors.New("it does not relay")
	errEnough      = errors.New("enough others do")
	errRelayIsGone = errors.New("its connection has ended")
)

// tryRelay asks a member to relay for this node, and calls it for that if there is no
// direct connection.
func (r *Reach) tryRelay(ctx context.Context, relay *peer.Handle) error {
	p, err := addr.PeerID(relay.Key)
	if err != nil {
		return err
	}
	h, err := r.passes.fresh(ctx, p, relay.Addrs)
	if err != nil {
		return err
	}
	v := &reservation{pass: h, node: relay.ID, addrs: r.relayAddrs(h, relay)}
	switch {
	case !h.welcome.Relays || len(v.addrs) == 0:
		err = errNoRelay
	case r.enough():
		err = errEnough
	default:
		err = r.reserve(ctx, v)
	}
	if err == nil {
		err = r.take(v)
	}
	if err != nil {
		r.passes.release(h)
		return err
	}
	if !r.passes.holds(p) {
		r.lost(h) // it ended before it was noted
		return errRelayIsGone
	}
	r.log.Info("a member relays for this node, which others cannot reach directly", "relay", relay.String())
	r.n.Tell()
	return nil
}

// take notes a reservation, if it is still wanted.
func (r *Reach) take(v *reservation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.relays) >= wantRelays || slices.ContainsFunc(r.relays, func(o *reservation) bool { return o.node == v.node }) {
		return errEnough
	}
	r.relays = append(r.relays, v)
	return nil
}

// reserve asks for the place, or for it to be kept.
func (r *Reach) reserve(ctx context.Context, v *reservation) error {
	_, err := circuit2.Reserve(network.WithNoDial(ctx, "phyllo"), r.n.Host(), p2ppeer.AddrInfo{ID: v.pass.relay})
	if err == nil {
		v.since = time.Now()
	}
	return err
}

// prolong asks for a place to be kept.
func (r *Reach) prolong(v *reservation) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.HelloTime)
	defer cancel()
	return r.reserve(ctx, v)
}

// giveUp ends a reservation. Connections through the relay stay.
func (r *Reach) giveUp(v *reservation) {
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
func (ps *passes) fresh(ctx context.Context, p p2ppeer.ID, addrs []string) (*pass, error) {
	h, err := ps.hold(ctx, p, addrs)
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
func (r *Reach) relayAddrs(h *pass, relay *peer.Handle) []string {
	var at []string
	if c := h.conn(); c.Stat().Direction == network.DirOutbound {
		at = append(at, c.RemoteMultiaddr().String())
	}
	farthest := addr.OnHost
	if len(at) > 0 {
		farthest = addr.PlaceOf(addr.EndpointOf(at[0]).IP)
	}
	for _, a := range relay.Addrs {
		if e := addr.EndpointOf(a); e.Port != 0 && !e.Unusable() && addr.PlaceOf(e.IP) >= farthest && !slices.Contains(at, a) {
			at = append(at, a)
		}
	}
	var out []string
	for _, text := range at {
		a, err := ma.NewMultiaddr(text + "/p2p/" + h.relay.String() + "/p2p-circuit")
		if err != nil {
			continue
		}
		if _, ok := addr.ParseCircuit(a); ok && len(a.String()) <= peer.MaxAddrLen && len(out) < relayAddrs {
			out = append(out, a.String())
		}
	}
	return out
}
