package talk

import (
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// Limits on those who are no admitters: their keys cost nothing, so all of them
// together have a limit too.
const (
	PerPeer      = 20 // conversations at once of one of them, refilled one in perPeerEvery
	perPeerEvery = 3 * time.Second
	ofAll        = 100
	ofAllEvery   = time.Second / 4
	AtOnce       = 16 // conversations under way, of all
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

// Limiter says who may go on. Its clock is the system's monotonic one.
type Limiter struct {
	mu    sync.Mutex
	peers map[peer.Key]*bucket
	all   bucket
	under int
}

// NewLimiter returns one that nobody has used yet.
func NewLimiter() *Limiter {
	return &Limiter{peers: map[peer.Key]*bucket{}, all: bucket{left: ofAll, at: time.Now()}}
}

// Enter reports whether a conversation with a stranger may begin.
func (l *Limiter) Enter(key peer.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	b := l.peers[key]
	if b == nil {
		if len(l.peers) >= maxBuckets {
			l.forget(now)
		}
		b = &bucket{left: PerPeer, at: now}
		l.peers[key] = b
	}
	if l.under >= AtOnce || !b.take(now, PerPeer, perPeerEvery) || !l.all.take(now, ofAll, ofAllEvery) {
		return false
	}
	l.under++
	return true
}

// Leave ends a conversation with a stranger.
func (l *Limiter) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
}

// forget drops the buckets that are full again; where none is, all of them: the
// limit on all together holds meanwhile.
func (l *Limiter) forget(now time.Time) {
	for k, b := range l.peers {
		if now.Sub(b.at) > PerPeer*perPeerEvery {
			delete(l.peers, k)
		}
	}
	if len(l.peers) >= maxBuckets {
		clear(l.peers)
	}
}
