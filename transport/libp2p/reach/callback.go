package reach

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	p2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/transport/libp2p/limit"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// callTime is how long somebody who asked is called back.
	callTime = 3 * time.Second
	// callsAtOnce bounds how many are called back at the same time, and callGap
	// how often one of them is.
	callsAtOnce = 4
	callGap     = 2 * time.Second
	// maxCalled bounds how many of them are remembered.
	maxCalled = 1024
)

// callers call members back who want to know whether they can be reached. The
// library's AutoNAT is not made for small rings: it asks each server once in two
// minutes, wants three answers for each address, and knows no private networks.
type callers struct {
	mu   sync.Mutex
	busy int
	last map[peer.Key]time.Time
}

// enter reports whether the holder of key may be called back now.
func (c *callers) enter(key peer.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.busy >= callsAtOnce || now.Sub(c.last[key]) < callGap {
		return false
	}
	if c.last == nil || len(c.last) >= maxCalled {
		c.last = make(map[peer.Key]time.Time)
	}
	c.last[key] = now
	c.busy++
	return true
}

func (c *callers) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
}

// call calls the other end of a stream back, at those of the addresses that are at
// the IP from which the stream comes: nobody can make this node call a third one.
func (c *callers) call(ctx context.Context, st transport.Stream, addrs []string) *found {
	f := new(found)
	from, err := ma.NewMultiaddr(st.Addr())
	if err != nil {
		return f
	}
	at, ok := addr.Parse(from)
	if !ok || !c.enter(st.Remote()) {
		return f
	}
	defer c.leave()
	var good []ma.Multiaddr
	for _, text := range addrs {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			continue
		}
		if e, ok := addr.Parse(a); ok && !e.Unusable() && e.IP == at.IP {
			good = append(good, a)
			f.Tried = append(f.Tried, text)
		}
	}
	for _, a := range callBack(ctx, st.Remote(), good) {
		f.Reached = append(f.Reached, a.String())
	}
	return f
}

// callBack calls the holder of key at each of the addresses, from ports of its own
// and with a key of its own: through holes that older connections have made in a
// NAT it would prove nothing. It returns the addresses where the holder answered.
func callBack(ctx context.Context, key peer.Key, addrs []ma.Multiaddr) []ma.Multiaddr {
	p, err := addr.PeerID(key)
	if err != nil || len(addrs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var wg sync.WaitGroup
	reached := make([]bool, len(addrs))
	for _, quic := range []bool{false, true} {
		var mine []int
		for i, a := range addrs {
			if e, _ := addr.Parse(a); e.QUIC == quic {
				mine = append(mine, i)
			}
		}
		if len(mine) == 0 {
			continue
		}
		h, err := caller()
		if err != nil {
			continue
		}
		defer h.Close()
		wg.Go(func() {
			for _, i := range mine {
				h.Peerstore().AddAddr(p, addrs[i], time.Minute)
				if _, err := h.Network().DialPeer(ctx, p); err == nil {
					reached[i] = true
				}
				h.Network().ClosePeer(p)
				h.Peerstore().ClearAddrs(p)
			}
		})
	}
	wg.Wait()
	var list []ma.Multiaddr
	for i, a := range addrs {
		if reached[i] {
			list = append(list, a)
		}
	}
	return slices.Clip(list)
}

// caller makes a host that can only call.
func caller() (host.Host, error) {
	return p2p.New(
		p2p.NoListenAddrs, p2p.DisableRelay(), p2p.Ping(false), p2p.DisableMetrics(),
		p2p.DisableIdentifyAddressDiscovery(), p2p.ForceReachabilityPrivate(),
		p2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport(), tcp.WithConnectionTimeout(callTime)),
		p2p.Transport(quic.NewTransport),
		p2p.Security(noise.ID, noise.New), p2p.Muxer(yamux.ID, limit.Muxer()),
		p2p.ResourceManager(&network.NullResourceManager{}), p2p.ConnectionManager(&connmgr.NullConnMgr{}),
		p2p.SwarmOpts(swarm.WithDialRanker(swarm.NoDelayDialRanker)), p2p.WithDialTimeout(callTime),
		p2p.UDPBlackHoleSuccessCounter(nil), p2p.IPv6BlackHoleSuccessCounter(nil),
		p2p.UserAgent("phyllo"), p2p.ProtocolVersion("phyllo/1"),
	)
}

// answer is what a member says of how it sees this node, and found when it called
// this node back.
type answer struct {
	when    time.Time
	seen    addr.Endpoint // from where this node comes in its eyes; zero: unknown
	masked  bool          // that is not an address of this machine
	tried   []string      // where it has called; none: it has not yet
	reached []string      // where this node answered
}

// failed reports whether the member could not reach this node, or most likely will
// not: a router stands between them.
func (a *answer) failed() bool { return a.missed() || len(a.reached) == 0 && a.masked }

// missed reports whether the member called and could not reach this node.
func (a *answer) missed() bool { return len(a.reached) == 0 && len(a.tried) > 0 }

// inquiry is a stream over which a member can be asked to call back.
type inquiry struct {
	st     Stream
	answer *answer
}

// meet shows a pass to a member with whom a connection stands, and learns how that
// sees this node.
func (r *Reach) meet(ctx context.Context, key peer.Key) (*inquiry, error) {
	p, err := addr.PeerID(key)
	if err != nil {
		return nil, err
	}
	st, w, err := r.present(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	a := &answer{when: time.Now()}
	if seen, err := ma.NewMultiaddr(w.Seen); err == nil {
		if e, ok := addr.Parse(seen); ok && !e.Unusable() {
			a.seen = e
			a.masked = !slices.ContainsFunc(r.n.Site().Own, func(o addr.Endpoint) bool { return o.IP == e.IP })
		}
	}
	if local, _ := addr.Parse(st.Conn().LocalMultiaddr()); !r.listensAt(local) {
		a.seen.Port = 0 // of a port that nobody else can use
	}
	return &inquiry{st, a}, nil
}

// ask lets the member call back, and returns its whole answer.
func (r *Reach) ask(ctx context.Context, q *inquiry) (*answer, error) {
	defer q.st.Close()
	stop := context.AfterFunc(ctx, func() { q.st.Reset() })
	defer stop()
	q.st.SetDeadline(time.Now().Add(callTime + r.cfg.HelloTime))
	if err := writeFrame(q.st, wire.MustMarshal(&question{Addrs: r.candidates(q.answer.seen)})); err != nil {
		return nil, err
	}
	f, err := readMessage[found](bufio.NewReaderSize(q.st, maxPassFrame))
	if err == nil {
		err = errors.Join(addrList(f.Tried), addrList(f.Reached))
	}
	if err == nil && len(f.Tried) == 0 {
		err = errors.New("it is busy")
	}
	if err != nil {
		return nil, err
	}
	a := *q.answer
	a.when, a.tried, a.reached = time.Now(), f.Tried, f.Reached
	return &a, nil
}

// badOnly keeps the errors that speak of what came, and drops those of a stream
// that ended.
func badOnly(err error) error {
	if errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge) {
		return err
	}
	return nil
}
