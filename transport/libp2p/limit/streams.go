package limit

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"

	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
)

// A peer may open so many streams in a second, and so many at once after a rest. Above
// that, and above the number that may be open, streams are refused; whose streams were
// refused so often within refusedWithin is cut off.
const (
	streamRate    = 200
	streamBurst   = 400
	maxRefused    = 64
	refusedWithin = 10 * time.Second
)

var errStreams = errors.New("too many streams")

// Limits are the library's accounts with what they lack: it refuses streams without
// ever ending the connection, and believes the sender of a datagram.
type Limits struct {
	network.ResourceManager
	b    Bounds
	host atomic.Pointer[host.Host] // when it is made

	mu      sync.Mutex
	strange int                // streams of those without a certificate
	quic    map[netip.Addr]int // QUIC handshakes under way
	quics   int                // of all
	peers   map[p2ppeer.ID]*openStreams
}

// Guard says whose connections are cut off, from when that is made.
func (l *Limits) Guard(h host.Host) { l.host.Store(&h) }

// openStreams is an account of the streams that one peer opened.
type openStreams struct {
	open    int
	left    float64 // tokens
	at      time.Time
	refused int
	since   time.Time // of the first refusal that counts
	cut     bool
}

// VerifySourceAddress tells QUIC to answer the first datagram of anybody with a
// shorter one that must come back (RFC 9000, section 8.1.2), always: so nobody can
// let this node send more to a third party than he sends himself.
func (*Limits) VerifySourceAddress(net.Addr) bool { return true }

// OpenStream implements the library's ResourceManager.
func (l *Limits) OpenStream(p p2ppeer.ID, dir network.Direction) (network.StreamManagementScope, error) {
	if dir != network.DirInbound {
		return l.ResourceManager.OpenStream(p, dir)
	}
	done, err := l.enter(p, time.Now())
	if err != nil {
		return nil, err
	}
	s, err := l.ResourceManager.OpenStream(p, dir)
	if err != nil {
		done()
		l.refuse(p, time.Now())
		return nil, err
	}
	return &streamScope{StreamManagementScope: s, done: sync.OnceFunc(done)}, nil
}

// enter notes a new stream of a peer; done is to be called at its end.
func (l *Limits) enter(p p2ppeer.ID, now time.Time) (done func(), err error) {
	strange := l.b.Strangers.Strange(p)
	most := maxPeerStreams
	switch {
	case l.b.Relays(p):
		most = MaxCircuits
	case strange:
		most = maxStrangeStreams
	}
	l.mu.Lock()
	o := l.account(p, now)
	o.left = min(streamBurst, o.left+streamRate*now.Sub(o.at).Seconds())
	o.at = now
	if o.left < 1 || o.open >= most || strange && l.strange >= maxAllStrangeStreams {
		l.mu.Unlock()
		l.refuse(p, now)
		return nil, fmt.Errorf("%w: %w", network.ErrResourceLimitExceeded, errStreams)
	}
	o.left--
	o.open++
	if strange {
		l.strange++
	}
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		o.open--
		if strange {
			l.strange--
		}
	}, nil
}

// account returns the account of a peer. l is locked.
func (l *Limits) account(p p2ppeer.ID, now time.Time) *openStreams {
	o := l.peers[p]
	if o == nil {
		if len(l.peers) >= 2*crowd.MaxStrangers {
			maps.DeleteFunc(l.peers, func(_ p2ppeer.ID, o *openStreams) bool {
				return o.open == 0 && (o.refused == 0 || now.Sub(o.since) >= refusedWithin)
			})
		}
		o = &openStreams{left: streamBurst, at: now}
		l.peers[p] = o
	}
	return o
}

// refuse counts a stream that was refused, and cuts the peer off if it was one too
// many.
func (l *Limits) refuse(p p2ppeer.ID, now time.Time) {
	l.mu.Lock()
	o := l.account(p, now)
	if now.Sub(o.since) >= refusedWithin {
		o.since, o.refused = now, 0
	}
	o.refused++
	h := l.host.Load()
	cut := o.refused > maxRefused && !o.cut && h != nil
	o.cut = o.cut || cut
	l.mu.Unlock()
	if cut {
		l.b.Bad(p, "streams", errStreams)
		go l.cutOff(*h, p, o) // the caller is in the way of it
	}
}

// cutOff ends the connections of a peer. What is refused meanwhile is one offence.
func (l *Limits) cutOff(h host.Host, p p2ppeer.ID, o *openStreams) {
	h.Network().ClosePeer(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	o.refused, o.cut = 0, false
}

// streamScope tells of the end of a stream.
type streamScope struct {
	network.StreamManagementScope
	done func()
}

// Done implements the library's scopes.
func (s *streamScope) Done() {
	s.StreamManagementScope.Done()
	s.done()
}
