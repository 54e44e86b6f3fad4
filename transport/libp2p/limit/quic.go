package limit

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// maxHandshakesQUIC bounds QUIC's handshakes under way. quic-go lets nobody end one of
// them, so here it is the new one that is refused: no great harm, as each has cost its
// sender an address at which he was reached, and members are reached over TCP, too.
const maxHandshakesQUIC = 128

// Why a handshake came to nothing, over TCP as over QUIC.
var (
	ErrHandshake = errors.New("the handshake failed")
	ErrLate      = errors.New("no handshake in time")
)

var errHandshakes = errors.New("too many handshakes under way")

// OpenConnection implements the library's ResourceManager. Over TCP, doorway has seen
// to the number of handshakes.
func (l *Limits) OpenConnection(dir network.Direction, fd bool, a ma.Multiaddr) (network.ConnManagementScope, error) {
	if dir != network.DirInbound || fd {
		return l.ResourceManager.OpenConnection(dir, fd, a)
	}
	ip := addr.IPOf(a)
	if !l.begin(ip) {
		l.b.BadStranger("crowd", errHandshakes)
		return nil, errHandshakes
	}
	s, err := l.ResourceManager.OpenConnection(dir, fd, a)
	if err != nil {
		l.over(ip)
		l.b.BadStranger("crowd", err)
		return nil, err
	}
	h := &handshake{ConnManagementScope: s, l: l, since: time.Now()}
	h.over = sync.OnceFunc(func() { l.over(ip) })
	return h, nil
}

// begin notes a handshake, if there is room for it.
func (l *Limits) begin(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quics >= maxHandshakesQUIC || l.quic[ip] >= l.b.Strangers.Per(ip) {
		return false
	}
	l.quics++
	l.quic[ip]++
	return true
}

// over notes the end of a handshake.
func (l *Limits) over(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quics--
	if l.quic[ip]--; l.quic[ip] == 0 {
		delete(l.quic, ip)
	}
}

// handshake is the account of a QUIC connection, which begins with its handshake.
type handshake struct {
	network.ConnManagementScope
	l     *Limits
	since time.Time
	over  func()

	mu           sync.Mutex
	named, ended bool
}

// SetPeer implements the library's scopes: the handshake has proven a key.
func (h *handshake) SetPeer(p p2ppeer.ID) error {
	h.mu.Lock()
	h.named = true
	h.mu.Unlock()
	h.over()
	return h.ConnManagementScope.SetPeer(p)
}

// Done implements the library's scopes. It counts a handshake that came to nothing.
func (h *handshake) Done() {
	h.mu.Lock()
	failed := !h.named && !h.ended
	h.ended = true
	h.mu.Unlock()
	h.over()
	h.ConnManagementScope.Done()
	switch {
	case !failed:
	case time.Since(h.since) >= h.l.b.Handshake:
		h.l.b.BadStranger("slow", ErrLate)
	default:
		h.l.b.BadStranger("handshake", ErrHandshake)
	}
}
