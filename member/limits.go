package member

import (
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// Limits on those who are no admitters: their keys cost nothing, so all of them
// together have a limit too.
const (
	perPeer      = 20 // conversations at once, refilled one in perPeerEvery
	perPeerEvery = 3 * time.Second
	ofAll        = 100
	ofAllEvery   = time.Second / 4
	atOnce       = 16 // conversations under way
	maxBuckets   = 1024
)

// bucket holds tokens that come back with time.
type bucket struct {
	left float64
	at   time.Time
}

func (b *bucket) take(now time.Time, size int, every time.Duration) bool {
	b.left = min(float64(size), b.left+float64(now.Sub(b.at))/float64(every))
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// limiter says who may go on. Its clock is the system's monotonic one.
type limiter struct {
	mu    sync.Mutex
	peers map[peer.Key]*bucket
	all   bucket
	under int
}

func newLimiter() *limiter {
	return &limiter{peers: map[peer.Key]*bucket{}, all: bucket{left: ofAll, at: time.Now()}}
}

// enter reports whether a conversation with a stranger may begin; leave ends it.
func (l *limiter) enter(key peer.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	b := l.peers[key]
	if b == nil {
		if len(l.peers) >= maxBuckets {
			l.forget(now)
		}
		b = &bucket{left: perPeer, at: now}
		l.peers[key] = b
	}
	if l.under >= atOnce || !b.take(now, perPeer, perPeerEvery) || !l.all.take(now, ofAll, ofAllEvery) {
		return false
	}
	l.under++
	return true
}

func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
}

// forget drops the buckets that are full again; where none is, all of them: the
// limit on all together holds meanwhile.
func (l *limiter) forget(now time.Time) {
	for k, b := range l.peers {
		if now.Sub(b.at) > perPeer*perPeerEvery {
			delete(l.peers, k)
		}
	}
	if len(l.peers) >= maxBuckets {
		clear(l.peers)
	}
}
