package limit

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"

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
	h, err := l.open(a)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// QUIC makes the library's sockets for QUIC, for its option QUICReuse. What it makes by
// itself does not tell an account why a handshake came to nothing.
func (l *Limits) QUIC(key quic.StatelessResetKey, tokens quic.TokenGeneratorKey, life fx.Lifecycle) (*quicreuse.ConnManager, error) {
	m, err := quicreuse.NewConnManager(key, tokens, quicreuse.ConnContext(l.accept), quicreuse.VerifySourceAddress(l.VerifySourceAddress))
	if err != nil {
		return nil, err
	}
	life.Append(fx.StopHook(m.Close))
	return m, nil
}

// accept opens the account of a connection that comes, to be closed at its end.
func (l *Limits) accept(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
	a, err := quicreuse.ToQuicMultiaddr(from.RemoteAddr, quic.Version1)
	if err != nil {
		return ctx, err
	}
	h, err := l.open(a)
	if err != nil {
		return ctx, err
	}
	ctx = network.WithConnManagementScope(ctx, h)
	context.AfterFunc(ctx, func() { h.end(left(context.Cause(ctx))) })
	return ctx, nil
}

// left reports whether it is the other end that ended a connection. Who has been given
// ten addresses of a node calls them all, and leaves the connections of which he has no
// need any more: that is no offence.
func left(why error) bool {
	var unasked *quic.TransportError
	var asked *quic.ApplicationError
	return errors.As(why, &unasked) && unasked.Remote || errors.As(why, &asked) && asked.Remote
}

// open makes the account of a connection that comes over QUIC, if there is room for its
// handshake.
func (l *Limits) open(a ma.Multiaddr) (*handshake, error) {
	ip := addr.IPOf(a)
	if !l.begin(ip) {
		l.b.BadStranger("crowd", errHandshakes)
		return nil, errHandshakes
	}
	s, err := l.ResourceManager.OpenConnection(network.DirInbound, false, a)
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

// Done implements the library's scopes.
func (h *handshake) Done() { h.end(false) }

// end closes the account. It counts a handshake that came to nothing, unless the other
// end left.
func (h *handshake) end(left bool) {
	h.mu.Lock()
	failed := !h.named && !h.ended && !left
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
