// Package addr is which addresses a node on libp2p listens at, tells others of, and calls when
// others name them: multiaddrs of a few exact forms, and how far each reaches.
package addr

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/portmap"
)

// Endpoint is what a multiaddr of ours says.
type Endpoint struct {
	IP   netip.Addr
	Port uint16
	QUIC bool
}

// Parse reads a multiaddr of exactly the forms /ip4|ip6/…/tcp/… and
// /ip4|ip6/…/udp/…/quic-v1. All else, names above all, is not one.
func Parse(a ma.Multiaddr) (Endpoint, bool) {
	var e Endpoint
	if len(a) < 2 {
		return e, false
	}
	switch a[0].Protocol().Code {
	case ma.P_IP4, ma.P_IP6:
		ip, ok := netip.AddrFromSlice(a[0].RawValue())
		if !ok {
			return e, false
		}
		e.IP = ip
	default:
		return e, false
	}
	port, err := strconv.ParseUint(a[1].Value(), 10, 16)
	if err != nil {
		return e, false
	}
	e.Port = uint16(port)
	switch code := a[1].Protocol().Code; {
	case code == ma.P_TCP && len(a) == 2:
	case code == ma.P_UDP && len(a) == 3 && a[2].Protocol().Code == ma.P_QUIC_V1:
		e.QUIC = true
	default:
		return e, false
	}
	return e, true
}

// EndpointOf is Parse of a text; the zero endpoint if it is none.
func EndpointOf(text string) Endpoint {
	a, err := ma.NewMultiaddr(text)
	if err != nil {
		return Endpoint{}
	}
	e, _ := Parse(a)
	return e
}

// IPOf returns the IP address with which a multiaddr begins, or none if what follows
// leads through a relay.
func IPOf(a ma.Multiaddr) netip.Addr {
	if e, ok := Parse(a); ok {
		return e.IP.Unmap()
	}
	return netip.Addr{}
}

// Circuit is what an address through a relay says.
type Circuit struct {
	Relay p2ppeer.ID
	at    Endpoint     // where the relay listens
	Addr  ma.Multiaddr // the same
}

// ParseCircuit reads a multiaddr of exactly the form …/p2p/RELAY/p2p-circuit, with
// one of the forms of parseEndpoint before it.
func ParseCircuit(a ma.Multiaddr) (Circuit, bool) {
	n := len(a) - 2
	if n < 2 || a[n].Protocol().Code != ma.P_P2P || a[n+1].Protocol().Code != ma.P_CIRCUIT {
		return Circuit{}, false
	}
	at, ok := Parse(a[:n])
	if !ok {
		return Circuit{}, false
	}
	relay, err := p2ppeer.IDFromBytes(a[n].RawValue())
	return Circuit{Relay: relay, at: at, Addr: a[:n]}, err == nil
}

// ThroughRelay reports whether an address, of a node or of a connection, leads
// through a relay.
func ThroughRelay(a ma.Multiaddr) bool {
	for _, c := range a {
		if c.Protocol().Code == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}

// Direct returns those of the addresses that lead through no relay.
func Direct(addrs []string) []string {
	return slices.DeleteFunc(slices.Clone(addrs), func(a string) bool { return strings.Contains(a, "/p2p-circuit") })
}

// RelayOf returns the relay on the way of an address of a connection; empty: none.
func RelayOf(a ma.Multiaddr) p2ppeer.ID {
	for i := 1; i < len(a); i++ {
		if a[i].Protocol().Code == ma.P_CIRCUIT && a[i-1].Protocol().Code == ma.P_P2P {
			if id, err := p2ppeer.IDFromBytes(a[i-1].RawValue()); err == nil {
				return id
			}
		}
	}
	return ""
}

// Multiaddr writes an endpoint down.
func (e Endpoint) Multiaddr() ma.Multiaddr {
	kind, carry := "/ip6/", "/tcp/"
	if e.IP.Is4() {
		kind = "/ip4/"
	}
	rest := ""
	if e.QUIC {
		carry, rest = "/udp/", "/quic-v1"
	}
	a, err := ma.NewMultiaddr(kind + e.IP.String() + carry + strconv.Itoa(int(e.Port)) + rest)
	if err != nil {
		return nil // a zone, which no endpoint that is usable has
	}
	return a
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Unusable reports whether nobody can be at this address, or nobody that a
// stranger should make us call: it stands for all or many, has no port, is valid
// on one cable only, or hides an IPv4 address in an IPv6 one.
func (e Endpoint) Unusable() bool {
	return e.Port == 0 || e.IP.IsUnspecified() || e.IP.IsMulticast() || e.IP == broadcast ||
		e.IP.IsLinkLocalUnicast() || e.IP.Is4In6() || e.IP.Zone() != ""
}

// Place says how far an address reaches.
type Place uint8

// How far an address reaches.
const (
	OnHost Place = iota // loopback
	OnSite              // private: this site, or another that uses the same range
	OnNet               // public
)

// carrierNAT are the addresses between a provider and its customers (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// PlaceOf says how far an IP address reaches.
func PlaceOf(ip netip.Addr) Place {
	switch {
	case ip.IsLoopback():
		return OnHost
	case ip.IsPrivate(), carrierNAT.Contains(ip):
		return OnSite
	}
	return OnNet
}

// Site is what this node's own addresses say about which addresses of others make
// sense. A node that listens beyond its machine does not call loopback addresses
// that others name (there may listen what is not meant for them), and one without
// a private address calls none.
type Site struct {
	loopback bool // others on this machine are meant
	private  bool
	Own      []Endpoint
	Listen   []ma.Multiaddr // the same as multiaddrs, and what else is listened on
}

// Mappable reports whether a router may open a port that leads to this address.
func (e Endpoint) Mappable() bool { return e.IP.Is4() && !e.Unusable() && PlaceOf(e.IP) == OnSite }

// Mappable returns the ports that a router may open, and the addresses behind it.
func (s *Site) Mappable() (ports []portmap.Port, at []netip.Addr) {
	for _, e := range s.Own {
		if !e.Mappable() {
			continue
		}
		if p := (portmap.Port{UDP: e.QUIC, Number: e.Port}); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
		if !slices.Contains(at, e.IP) {
			at = append(at, e.IP)
		}
	}
	return ports, at
}

// Gone returns the IPs that were own ones and are no more.
func (s *Site) Gone(now *Site) []netip.Addr {
	var ips []netip.Addr
	for _, o := range s.Own {
		if !slices.ContainsFunc(now.Own, func(n Endpoint) bool { return n.IP == o.IP }) {
			ips = append(ips, o.IP)
		}
	}
	return ips
}

// SiteOf looks at the addresses on which a node really listens.
func SiteOf(listen []ma.Multiaddr, asked []string) Site {
	s := Site{Listen: listen}
	beyond := false
	for _, a := range listen {
		e, ok := Parse(a)
		if !ok {
			continue
		}
		s.Own = append(s.Own, e)
		switch PlaceOf(e.IP) {
		case OnSite:
			s.private, beyond = true, true
		case OnNet:
			beyond = true
		}
	}
	s.loopback = !beyond
	for _, text := range asked {
		if a, err := ma.NewMultiaddr(text); err == nil {
			if e, ok := Parse(a); ok && e.IP.IsLoopback() {
				s.loopback = true
			}
		}
	}
	return s
}

// Dialable reports whether an address that somebody named may be called. known
// tells of an IP whether the peer has been reached there before: a private or
// loopback address is then no guess.
func (s *Site) Dialable(a ma.Multiaddr, known func(netip.Addr) bool) bool {
	e, ok := Parse(a)
	if c, through := ParseCircuit(a); through {
		e, ok = c.at, true
	}
	if !ok || e.Unusable() || slices.Contains(s.Own, e) {
		return false
	}
	switch PlaceOf(e.IP) {
	case OnHost:
		return s.loopback || known(e.IP)
	case OnSite:
		return s.private || s.loopback || known(e.IP)
	}
	return true
}

// Announced returns which of the own addresses others are told, best first: TCP
// before QUIC, and of each public ones first; loopback only if that is meant.
func (s *Site) Announced(all []ma.Multiaddr) []string {
	type candidate struct {
		e    Endpoint
		text string
	}
	var cs []candidate
	for _, a := range all {
		e, ok := Parse(a)
		if !ok || e.Unusable() || PlaceOf(e.IP) == OnHost && !s.loopback {
			continue
		}
		if text := a.String(); len(text) <= peer.MaxAddrLen {
			cs = append(cs, candidate{e, text})
		}
	}
	rank := func(c candidate) int {
		r := -int(PlaceOf(c.e.IP))
		if c.e.QUIC {
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

// Missing returns the first of the addresses to listen on that is not among those
// listened on: the library is content with one of many.
func Missing(asked []string, have []ma.Multiaddr) string {
	for _, text := range asked {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return text
		}
		want, ok := Parse(a)
		if !ok {
			continue // of a kind that is not ours; the library took it
		}
		if !slices.ContainsFunc(have, func(a ma.Multiaddr) bool {
			e, ok := Parse(a)
			return ok && e.IP == want.IP && e.QUIC == want.QUIC && (want.Port == 0 || e.Port == want.Port)
		}) {
			return text
		}
	}
	return ""
}
