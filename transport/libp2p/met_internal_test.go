package libp2p

import (
	"net/netip"
	"slices"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// What is remembered of where peers were met is bounded, and holds for the very peer.
func TestMetIsBounded(t *testing.T) {
	var m met
	ip := netip.MustParseAddr("192.168.3.4")
	m.add(peer.Key{1}, ip)
	if !m.at(peer.Key{1}, ip) || m.at(peer.Key{2}, ip) || m.at(peer.Key{1}, ip.Next()) {
		t.Error("not who was met is remembered")
	}
	for i := range 3 * maxMet {
		m.add(peer.Key{byte(i), byte(i >> 8), 1}, ip)
	}
	if len(m.places) > maxMet {
		t.Errorf("%d peers are remembered, at most %d", len(m.places), maxMet)
	}
	for range 3 * maxMetPlace {
		m.add(peer.Key{9}, ip)
		ip = ip.Next()
	}
	if n := len(m.places[peer.Key{9}]); n != maxMetPlace {
		t.Errorf("%d places of a peer, want %d", n, maxMetPlace)
	}
}

// A private address makes sense if the peer was reached there, also for a node that
// has none itself.
func TestPrivateAddressOfOneThatWasMet(t *testing.T) {
	server := addr.SiteOf([]ma.Multiaddr{ma.StringCast("/ip4/203.0.113.9/tcp/4001")}, []string{"/ip4/203.0.113.9/tcp/4001"})
	for _, text := range []string{"/ip4/192.168.7.5/tcp/4001", "/ip4/127.0.0.1/tcp/4001"} {
		a := ma.StringCast(text)
		if server.Dialable(a, func(netip.Addr) bool { return false }) {
			t.Errorf("%s is dialable in the mouth of anybody", text)
		}
		if !server.Dialable(a, func(netip.Addr) bool { return true }) {
			t.Errorf("%s is not dialable though the peer was met there", text)
		}
	}
}

// A node that listens at several addresses tells them in the same order at each look: in
// another one it would seem to have moved.
func TestAddressesKeepTheirOrder(t *testing.T) {
	tr, err := New(transport.Config{
		Private: make([]byte, 32), Events: nothing{},
		Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0"},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	first := tr.Addrs()
	if len(first) != 4 {
		t.Errorf("it listens at %q", first)
	}
	for range 50 {
		tr.learnSite()
		if now := tr.Addrs(); !slices.Equal(now, first) {
			t.Fatalf("%q, then %q", first, now)
		}
	}
}

type nothing struct{}

func (nothing) Up(*peer.Handle, *peer.Certificate)          {}
func (nothing) Frame(*peer.Handle, transport.Class, []byte) {}
func (nothing) Down(*peer.Handle, transport.Why)            {}
