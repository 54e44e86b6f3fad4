package libp2p

import (
	"net/netip"
	"slices"
	"strconv"

	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/portmap"
)

// endpoint is what a multiaddr of ours says.
type endpoint struct {
	ip   netip.Addr
	port uint16
	quic bool
}

// parseEndpoint reads a multiaddr of exactly the forms /ip4|ip6/…/tcp/… and
// /ip4|ip6/…/udp/…/quic-v1. All else, names above all, is not one.
func parseEndpoint(a ma.Multiaddr) (endpoint, bool) {
	var e endpoint
	if len(a) < 2 {
		return e, false
	}
	switch a[0].Protocol().Code {
	case ma.P_IP4, ma.P_IP6:
		ip, ok := netip.AddrFromSlice(a[0].RawValue())
		if !ok {
			return e, false
		}
		e.ip = ip
	default:
		return e, false
	}
	port, err := strconv.ParseUint(a[1].Value(), 10, 16)
	if err != nil {
		return e, false
	}
	e.port = uint16(port)
	switch code := a[1].Protocol().Code; {
	case code == ma.P_TCP && len(a) == 2:
	case code == ma.P_UDP && len(a) == 3 && a[2].Protocol().Code == ma.P_QUIC_V1:
		e.quic = true
	default:
		return e, false
	}
	return e, true
}

// circuit is what an address through a relay says.
type circuit struct {
	relay p2ppeer.ID
	at    endpoint     // where the relay listens
	addr  ma.Multiaddr // the same
}

// parseCircuit reads a multiaddr of exactly the form …/p2p/RELAY/p2p-circuit, with
// one of the forms of parseEndpoint before it.
func parseCircuit(a ma.Multiaddr) (circuit, bool) {
	n := len(a) - 2
	if n < 2 || a[n].Protocol().Code != ma.P_P2P || a[n+1].Protocol().Code != ma.P_CIRCUIT {
		return circuit{}, false
	}
	at, ok := parseEndpoint(a[:n])
	if !ok {
		return circuit{}, false
	}
	relay, err := p2ppeer.IDFromBytes(a[n].RawValue())
	return circuit{relay: relay, at: at, addr: a[:n]}, err == nil
}

// throughRelay reports whether an address, of a node or of a connection, leads
// through a relay.
func throughRelay(a ma.Multiaddr) bool {
	for _, c := range a {
		if c.Protocol().Code == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}

// relayOf returns the relay on the way of an address of a connection; empty: none.
func relayOf(a ma.Multiaddr) p2ppeer.ID {
	for i := 1; i < len(a); i++ {
		if a[i].Protocol().Code == ma.P_CIRCUIT && a[i-1].Protocol().Code == ma.P_P2P {
			if id, err := p2ppeer.IDFromBytes(a[i-1].RawValue()); err == nil {
				return id
			}
		}
	}
	return ""
}

// multiaddr writes an endpoint down.
func (e endpoint) multiaddr() ma.Multiaddr {
	kind, carry := "/ip6/", "/tcp/"
	if e.ip.Is4() {
		kind = "/ip4/"
	}
	rest := ""
	if e.quic {
		carry, rest = "/udp/", "/quic-v1"
	}
	a, err := ma.NewMultiaddr(kind + e.ip.String() + carry + strconv.Itoa(int(e.port)) + rest)
	if err != nil {
		return nil // a zone, which no endpoint that is usable has
	}
	return a
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// unusable reports whether nobody can be at this address, or nobody that a
// stranger should make us call: it stands for all or many, has no port, is valid
// on one cable only, or hides an IPv4 address in an IPv6 one.
func (e endpoint) unusable() bool {
	return e.port == 0 || e.ip.IsUnspecified() || e.ip.IsMulticast() || e.ip == broadcast ||
		e.ip.IsLinkLocalUnicast() || e.ip.Is4In6() || e.ip.Zone() != ""
}

// place says how far an address reaches.
type place uint8

const (
	onHost place = iota // loopback
	onSite              // private: this site, or another that uses the same range
	onNet               // public
)

// carrierNAT are the addresses between a provider and its customers (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func placeOf(ip netip.Addr) place {
	switch {
	case ip.IsLoopback():
		return onHost
	case ip.IsPrivate(), carrierNAT.Contains(ip):
		return onSite
	}
	return onNet
}

// site is what this node's own addresses say about which addresses of others make
// sense. A node that listens beyond its machine does not call loopback addresses
// that others name (there may listen what is not meant for them), and one without
// a private address calls none.
type site struct {
	loopback bool // others on this machine are meant
	private  bool
	own      []endpoint
	listen   []ma.Multiaddr // the same as multiaddrs, and what else is listened on
}

// mappable reports whether a router may open a port that leads to this address.
func (e endpoint) mappable() bool { return e.ip.Is4() && !e.unusable() && placeOf(e.ip) == onSite }

// mappable returns the ports that a router may open, and the addresses behind it.
func (s *site) mappable() (ports []portmap.Port, at []netip.Addr) {
	for _, e := range s.own {
		if !e.mappable() {
			continue
		}
		if p := (portmap.Port{UDP: e.quic, Number: e.port}); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
		if !slices.Contains(at, e.ip) {
			at = append(at, e.ip)
		}
	}
	return ports, at
}

// gone returns the IPs that were own ones and are no more.
func (s *site) gone(now *site) []netip.Addr {
	var ips []netip.Addr
	for _, o := range s.own {
		if !slices.ContainsFunc(now.own, func(n endpoint) bool { return n.ip == o.ip }) {
			ips = append(ips, o.ip)
		}
	}
	return ips
}

// siteOf looks at the addresses on which a node really listens.
func siteOf(listen []ma.Multiaddr, asked []string) site {
	s := site{listen: listen}
	beyond := false
	for _, a := range listen {
		e, ok := parseEndpoint(a)
		if !ok {
			continue
		}
		s.own = append(s.own, e)
		switch placeOf(e.ip) {
		case onSite:
			s.private, beyond = true, true
		case onNet:
			beyond = true
		}
	}
	s.loopback = !beyond
	for _, text := range asked {
		if a, err := ma.NewMultiaddr(text); err == nil {
			if e, ok := parseEndpoint(a); ok && e.ip.IsLoopback() {
				s.loopback = true
			}
		}
	}
	return s
}

// dialable reports whether an address that somebody named may be called. known
// tells of an IP whether the peer has been reached there before: a private or
// loopback address is then no guess.
func (s *site) dialable(a ma.Multiaddr, known func(netip.Addr) bool) bool {
	e, ok := parseEndpoint(a)
	if c, through := parseCircuit(a); through {
		e, ok = c.at, true
	}
	if !ok || e.unusable() || slices.Contains(s.own, e) {
		return false
	}
	switch placeOf(e.ip) {
	case onHost:
		return s.loopback || known(e.ip)
	case onSite:
		return s.private || s.loopback || known(e.ip)
	}
	return true
}

// announced returns which of the own addresses others are told, best first: TCP
// before QUIC, and of each public ones first; loopback only if that is meant.
func (s *site) announced(all []ma.Multiaddr) []string {
	type candidate struct {
		e    endpoint
		text string
	}
	var cs []candidate
	for _, a := range all {
		e, ok := parseEndpoint(a)
		if !ok || e.unusable() || placeOf(e.ip) == onHost && !s.loopback {
			continue
		}
		if text := a.String(); len(text) <= peer.MaxAddrLen {
			cs = append(cs, candidate{e, text})
		}
	}
	rank := func(c candidate) int {
		r := -int(placeOf(c.e.ip))
		if c.e.quic {
			r += 10
		}
		return r
	}
	slices.SortStableFunc(cs, func(a, b candidate) int { return rank(a) - rank(b) })
	var texts []string
	for _, c := range cs {
		if !slices.Contains(texts, c.text) && len(texts) < peer.MaxAddrs {
			texts = append(texts, c.text)
		}
	}
	return texts
}

// missing returns the first of the addresses to listen on that is not among those
// listened on: the library is content with one of many.
func missing(asked []string, have []ma.Multiaddr) string {
	for _, text := range asked {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return text
		}
		want, ok := parseEndpoint(a)
		if !ok {
			continue // of a kind that is not ours; the library took it
		}
		if !slices.ContainsFunc(have, func(a ma.Multiaddr) bool {
			e, ok := parseEndpoint(a)
			return ok && e.ip == want.ip && e.quic == want.quic && (want.port == 0 || e.port == want.port)
		}) {
			return text
		}
	}
	return ""
}
