package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/limit"
)

const (
	// reservationTime is how long the relay keeps a place without being asked
	// again. It is long, so that clocks that differ do no harm: a place ends with
	// its connection anyway.
	reservationTime = 7 * 24 * time.Hour
	// relayBuffer is what the library copies at once, in bytes; each circuit has
	// two of them.
	relayBuffer = 4 << 10
)

// startRelay lets this node relay for members, as soon as it can be reached.
func (r *Reach) startRelay() error {
	if r.opts.RelayFor <= 0 {
		return nil
	}
	s, err := relay.New(relayHost{r.n.Host(), r}, relay.WithACL(door{r}), relay.WithResources(relay.Resources{
		ReservationTTL: reservationTime, MaxReservations: r.opts.RelayFor, MaxCircuits: limit.MaxCircuits, BufferSize: relayBuffer,
		MaxReservationsPerPeer: 1,
		// Members answer for themselves, and a whole office has one address.
		MaxReservationsPerIP: r.opts.RelayFor, MaxReservationsPerASN: r.opts.RelayFor,
	}), relay.WithReservationAddressFilter(func(ma.Multiaddr) bool { return false })) // members know its addresses
	if err != nil {
		return fmt.Errorf("start the relay: %w", err)
	}
	r.service = s
	return nil
}

// offers reports whether this node relays for members now.
func (r *Reach) offers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.service != nil && r.standing() == reachable
}

// door is the relay's ACL: it is for members of the ring, who have shown their
// certificates on the connection over which they ask.
type door struct{ r *Reach }

func (d door) member(p p2ppeer.ID) bool {
	key, err := addr.KeyOf(p)
	if err != nil {
		return false
	}
	cert := d.r.members.certificate(key)
	return cert != nil && d.r.cfg.Check(cert) == nil
}

// AllowReserve implements relay.ACLFilter.
func (d door) AllowReserve(p p2ppeer.ID, _ ma.Multiaddr) bool { return d.member(p) && d.r.offers() }

// AllowConnect implements relay.ACLFilter.
func (d door) AllowConnect(src p2ppeer.ID, _ ma.Multiaddr, dest p2ppeer.ID) bool {
	return d.member(src) && d.member(dest)
}

// Expel ends what is relayed for a node.
func (r *Reach) Expel(node id.ID) {
	key, ok := r.members.keyOf(node)
	if !ok {
		return
	}
	if p, err := addr.PeerID(key); err == nil {
		r.spawn(func() { r.n.Host().Network().ClosePeer(p) })
	}
}

// relayHost is the host as the relay sees it: what goes to and comes from the peers
// that are relayed is measured out.
type relayHost struct {
	host.Host
	r *Reach
}

// NewStream implements host.Host.
func (h relayHost) NewStream(ctx context.Context, p p2ppeer.ID, ps ...protocol.ID) (network.Stream, error) {
	s, err := h.Host.NewStream(ctx, p, ps...)
	if err != nil {
		return nil, err
	}
	return &measured{Stream: s, of: h.r.traffic.of(p), stop: h.r.ctx.Done()}, nil
}

// measured is a stream that waits for its peer's share.
type measured struct {
	network.Stream
	of   *share
	stop <-chan struct{}
}

// Read implements network.Stream.
func (m *measured) Read(b []byte) (int, error) {
	n, err := m.Stream.Read(b)
	m.of.take(n, m.stop)
	return n, err
}

// Write implements network.Stream.
func (m *measured) Write(b []byte) (int, error) {
	m.of.take(len(b), m.stop)
	return m.Stream.Write(b)
}

// traffic gives each relayed peer its share.
type traffic struct {
	rate int // bytes a second
	mu   sync.Mutex
	m    map[p2ppeer.ID]*share
}

// maxShares bounds those that are remembered.
const maxShares = 1024

func (t *traffic) of(p p2ppeer.ID) *share {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.m[p]; s != nil {
		return s
	}
	if t.m == nil || len(t.m) >= maxShares {
		t.m = make(map[p2ppeer.ID]*share)
	}
	s := &share{rate: t.rate}
	t.m[p] = s
	return s
}

// share lets through so many bytes a second, and a quarter of a second's at once.
type share struct {
	rate int
	mu   sync.Mutex
	due  time.Time // when all that was taken would have passed
}

// take waits until n bytes may pass.
func (s *share) take(n int, stop <-chan struct{}) {
	if wait := s.reserve(n, time.Now()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stop:
		}
	}
}

// reserve takes n bytes and returns how long they must wait.
func (s *share) reserve(n int, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.Before(now) {
		s.due = now
	}
	wait := s.due.Sub(now) - time.Second/4
	s.due = s.due.Add(time.Duration(n) * time.Second / time.Duration(s.rate))
	return wait
}

// Via makes a connection over one of the relays of a peer: passes are shown
// to all of them at once, and the first that stands is used first.
func (r *Reach) Via(ctx context.Context, p p2ppeer.ID, addrs []ma.Multiaddr) (network.Conn, error) {
	type relayed struct {
		via   ma.Multiaddr
		addrs []string
	}
	byRelay := make(map[p2ppeer.ID]*relayed)
	for _, a := range addrs {
		c, ok := addr.ParseCircuit(a)
		if !ok || c.Relay == p {
			continue
		}
		if byRelay[c.Relay] == nil {
			byRelay[c.Relay] = &relayed{via: a}
		}
		byRelay[c.Relay].addrs = append(byRelay[c.Relay].addrs, c.Addr.String())
	}
	type held struct {
		pass *pass
		via  ma.Multiaddr
		err  error
	}
	ready := make(chan held, len(byRelay))
	for relay, v := range byRelay {
		go func() {
			h, err := r.passes.hold(ctx, relay, v.addrs)
			ready <- held{h, v.via, err}
		}()
	}
	var errs []error
	for left := len(byRelay); left > 0; left-- {
		h := <-ready
		if h.err != nil {
			errs = append(errs, h.err)
			continue
		}
		c, err := r.n.Call(ctx, p, []ma.Multiaddr{h.via})
		if err != nil {
			errs = append(errs, err)
			r.passes.release(h.pass)
			continue
		}
		r.bind(c, h.pass)
		go func() {
			for range left - 1 {
				if h := <-ready; h.err == nil {
					r.passes.release(h.pass)
				}
			}
		}()
		return c, nil
	}
	return nil, errors.Join(errs...)
}

// bind keeps a pass for as long as a relayed connection stands.
func (r *Reach) bind(c network.Conn, h *pass) {
	r.mu.Lock()
	_, known := r.held[c]
	keep := !known && addr.ThroughRelay(c.RemoteMultiaddr()) // a direct one may have come meanwhile
	if keep {
		r.held[c] = h
	}
	r.mu.Unlock()
	switch {
	case !keep:
		r.passes.release(h)
	case c.IsClosed():
		r.Unbind(c)
	}
}

// Unbind gives the pass of a connection that has ended back.
func (r *Reach) Unbind(c network.Conn) {
	r.mu.Lock()
	h := r.held[c]
	delete(r.held, c)
	r.mu.Unlock()
	if h != nil {
		r.passes.release(h)
	}
}

// Incoming keeps the pass of the relay over which somebody has come.
func (r *Reach) Incoming(c network.Conn) {
	if h := r.passes.again(addr.RelayOf(c.RemoteMultiaddr())); h != nil {
		r.bind(c, h)
	}
}

// again is hold of a pass that stands; nil: there is none.
func (ps *passes) again(p p2ppeer.ID) *pass {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	h := ps.m[p]
	if h != nil {
		h.refs++
	}
	return h
}

// end gives all passes back.
func (ps *passes) end() {
	ps.mu.Lock()
	all := make([]*pass, 0, len(ps.m))
	for _, h := range ps.m {
		all = append(all, h)
	}
	ps.mu.Unlock()
	for _, h := range all {
		<-h.ready
		if h.err == nil {
			h.st.Reset()
		}
	}
}

// lost is told that a pass has ended, not by us.
func (r *Reach) lost(h *pass) {
	r.mu.Lock()
	n := len(r.relays)
	r.relays = slices.DeleteFunc(r.relays, func(v *reservation) bool { return v.pass == h })
	lost := len(r.relays) < n
	r.mu.Unlock()
	if lost {
		r.n.Tell()
		r.Poke()
	}
}
