package addr

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func addrs(t *testing.T, texts ...string) []ma.Multiaddr {
	t.Helper()
	var as []ma.Multiaddr
	for _, s := range texts {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		as = append(as, a)
	}
	return as
}

// RELIABILITY section 5, row 17: what strangers name is called only if somebody
// who is meant can be there.
func TestDialable(t *testing.T) {
	office := SiteOf(addrs(t, "/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.7.5/tcp/4001", "/ip6/::1/tcp/4001"), []string{"/ip4/0.0.0.0/tcp/4001"})
	server := SiteOf(addrs(t, "/ip4/203.0.113.9/tcp/4001"), []string{"/ip4/203.0.113.9/tcp/4001"})
	demo := SiteOf(addrs(t, "/ip4/127.0.0.1/tcp/4001"), []string{"/ip4/127.0.0.1/tcp/0"})
	mixed := SiteOf(addrs(t, "/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.7.5/tcp/4001"),
		[]string{"/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.7.5/tcp/4001"})
	cases := []struct {
		addr                        string
		office, server, demo, mixed bool
	}{
		{"/ip4/198.51.100.7/tcp/4001", true, true, true, true},
		{"/ip4/198.51.100.7/udp/4001/quic-v1", true, true, true, true},
		{"/ip6/2001:db8::1/tcp/4001", true, true, true, true},
		{"/ip4/192.168.7.6/tcp/4001", true, false, true, true},
		{"/ip4/10.1.2.3/udp/4001/quic-v1", true, false, true, true},
		{"/ip4/100.64.1.1/tcp/4001", true, false, true, true},
		{"/ip6/fd00::7/tcp/4001", true, false, true, true},
		{"/ip4/127.0.0.1/tcp/5432", false, false, true, true},
		{"/ip6/::1/tcp/5432", false, false, true, true},
		{"/ip4/127.9.9.9/udp/4001/quic-v1", false, false, true, true},
		{"/ip4/0.0.0.0/tcp/4001", false, false, false, false},
		{"/ip6/::/tcp/4001", false, false, false, false},
		{"/ip4/224.0.0.1/tcp/4001", false, false, false, false},
		{"/ip6/ff02::1/tcp/4001", false, false, false, false},
		{"/ip4/255.255.255.255/udp/4001/quic-v1", false, false, false, false},
		{"/ip4/169.254.169.254/tcp/80", false, false, false, false},
		{"/ip6/fe80::1/tcp/4001", false, false, false, false},
		{"/ip6zone/eth0/ip6/fe80::1/tcp/4001", false, false, false, false},
		{"/ip4/198.51.100.7/tcp/0", false, false, false, false},
		{"/ip6/::ffff:127.0.0.1/tcp/4001", false, false, false, false},
		{"/ip6/::ffff:198.51.100.7/tcp/4001", false, false, false, false},
		{"/dns4/example.org/tcp/4001", false, false, false, false},
		{"/dnsaddr/example.org", false, false, false, false},
		{"/ip4/198.51.100.7/tcp/4001/ws", false, false, false, false},
		{"/ip4/198.51.100.7/udp/4001", false, false, false, false},
		{"/unix/tmp/socket", false, false, false, false},
		{"/ip4/198.51.100.7/tcp/4001/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba/p2p-circuit", true, true, true, true},
		{"/ip4/192.168.9.9/tcp/4001/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba/p2p-circuit", true, false, true, true},
		{"/ip4/198.51.100.7/tcp/4001/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba", false, false, false, false},
		{"/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba/p2p-circuit", false, false, false, false},
		{"/dns4/example.org/tcp/4001/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba/p2p-circuit", false, false, false, false},
	}
	for _, c := range cases {
		a := addrs(t, c.addr)[0]
		for _, s := range []struct {
			name string
			site Site
			want bool
		}{{"office", office, c.office}, {"server", server, c.server}, {"demo", demo, c.demo}, {"mixed", mixed, c.mixed}} {
			if got := s.site.Dialable(a, unknown); got != s.want {
				t.Errorf("%s: %s dialable %v, want %v", s.name, c.addr, got, s.want)
			}
		}
	}
	for _, own := range office.Own {
		for _, text := range []string{"/ip4/192.168.7.5/tcp/4001", "/ip4/127.0.0.1/tcp/4001"} {
			if office.Dialable(addrs(t, text)[0], unknown) {
				t.Errorf("own address %s (%v) is dialable", text, own)
			}
		}
	}
}

func TestAnnounced(t *testing.T) {
	all := addrs(t, "/ip4/127.0.0.1/udp/4001/quic-v1", "/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.7.5/udp/4001/quic-v1",
		"/ip4/192.168.7.5/tcp/4001", "/ip6/fe80::1/tcp/4001", "/ip4/203.0.113.9/tcp/4001", "/dns4/example.org/tcp/4001",
		"/ip4/203.0.113.9/tcp/4001")
	s := SiteOf(all, []string{"/ip4/0.0.0.0/tcp/4001"})
	want := []string{"/ip4/203.0.113.9/tcp/4001", "/ip4/192.168.7.5/tcp/4001", "/ip4/192.168.7.5/udp/4001/quic-v1"}
	if got := s.Announced(all); !slices.Equal(got, want) {
		t.Errorf("announced %q, want %q", got, want)
	}
	alone := SiteOf(all[:2], []string{"/ip4/127.0.0.1/tcp/0"})
	if got := alone.Announced(all[:2]); !slices.Equal(got, []string{"/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/udp/4001/quic-v1"}) {
		t.Errorf("announced %q", got)
	}
	var many []ma.Multiaddr
	for i := range 20 {
		many = append(many, addrs(t, "/ip4/203.0.113."+strings.Repeat("1", 1+i%2)+"/tcp/"+string(rune('1'+i%9))+"000")...)
	}
	if got := SiteOf(many, nil); len(got.Announced(many)) != 8 {
		t.Errorf("announced %d addresses, want 8", len(got.Announced(many)))
	}
}

// Any bytes that are a multiaddr are looked at without a fault, and what is
// dialable is exactly an IP address with a port.
func FuzzDialable(f *testing.F) {
	for _, s := range []string{"/ip4/127.0.0.1/tcp/1", "/ip6/::1/udp/1/quic-v1", "/dns/x/tcp/1", "/unix/x", "/tcp/1", "/ip4/1.2.3.4",
		"/ip4/1.2.3.4/tcp/1/p2p/12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba/p2p-circuit"} {
		f.Add(s)
	}
	s := Site{loopback: true, private: true}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ma.NewMultiaddr(text)
		if err != nil || !s.Dialable(a, unknown) {
			return
		}
		e, ok := Parse(a)
		if c, through := ParseCircuit(a); through {
			e, ok = c.at, true
		}
		if !ok || e.Port == 0 || !e.IP.IsValid() || e.IP.IsMulticast() || strings.Contains(text, "dns") {
			t.Errorf("%q is dialable", text)
		}
	})
}

// unknown is for peers that were not reached before.
func unknown(netip.Addr) bool { return false }
