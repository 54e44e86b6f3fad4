package libp2p

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// Bounds of what is remembered of where peers were met.
const (
	maxMet      = 1024 // peers
	maxMetPlace = 4    // addresses of one of them
)

// met remembers at which private and loopback addresses peers have proven their
// keys: of those such an address is kept, though it would make no sense in the
// mouth of a stranger.
type met struct {
	mu     sync.Mutex
	places map[peer.Key][]netip.Addr
}

// note remembers the far end of a connection.
func (m *met) note(c network.Conn) {
	e, ok := addr.Parse(c.RemoteMultiaddr())
	key, err := addr.KeyOf(c.RemotePeer())
	if !ok || err != nil || addr.PlaceOf(e.IP) == addr.OnNet {
		return
	}
	m.add(key, e.IP)
}

func (m *met) add(key peer.Key, ip netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ips, known := m.places[key]
	if slices.Contains(ips, ip) {
		return
	}
	if !known && len(m.places) >= maxMet || m.places == nil {
		m.places = make(map[peer.Key][]netip.Addr) // what matters is learnt again
	}
	if len(ips) >= maxMetPlace {
		ips = ips[1:]
	}
	m.places[key] = append(slices.Clone(ips), ip)
}

// at reports whether the holder of key was met at this address.
func (m *met) at(key peer.Key, ip netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.places[key], ip)
}
