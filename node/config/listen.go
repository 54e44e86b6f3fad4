package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/phyllo-net/phyllo/api"
)

// listener is one address of the setting listen: an IP and a port, for TCP, for QUIC
// or for both.
type listener struct {
	at        netip.AddrPort
	tcp, quic bool
}

// parseListener reads "IP:PORT", which means both kinds, or one kind in the notation
// in which status prints addresses: "/ip4/IP/tcp/PORT" or "/ip6/IP/udp/PORT/quic-v1".
// A "/p2p/NODE" after it is left out: it says who listens, which is this node.
func parseListener(s string) (listener, error) {
	if !strings.HasPrefix(s, "/") {
		at, err := netip.ParseAddrPort(s)
		if err != nil {
			return listener{}, fmt.Errorf("%+q is no address to listen on: give an IP and a port from 0 to 65535, as in \"0.0.0.0:%d\" or \"[::]:%d\"", clip(s), DefaultPort, DefaultPort)
		}
		return checkListener(s, listener{at, true, true})
	}
	part := strings.Split(s, "/")[1:]
	if n := len(part); n >= 2 && part[n-2] == "p2p" {
		part = part[:n-2]
	}
	wrong := fmt.Errorf("%+q is no address to listen on: give it as in \"/ip4/0.0.0.0/tcp/%d\" or \"/ip4/0.0.0.0/udp/%d/quic-v1\"", clip(s), DefaultPort, DefaultPort)
	if len(part) < 4 {
		return listener{}, wrong
	}
	ip, err := netip.ParseAddr(part[1])
	port, bad := strconv.ParseUint(part[3], 10, 16)
	if err != nil || bad != nil || (part[0] != "ip4" || !ip.Is4()) && (part[0] != "ip6" || !ip.Is6()) {
		return listener{}, wrong
	}
	l := listener{at: netip.AddrPortFrom(ip, uint16(port))}
	l.tcp = len(part) == 4 && part[2] == "tcp"
	l.quic = len(part) == 5 && part[2] == "udp" && part[4] == "quic-v1"
	if !l.tcp && !l.quic {
		return listener{}, wrong
	}
	return checkListener(s, l)
}

// checkListener refuses addresses that no computer has as its own.
func checkListener(s string, l listener) (listener, error) {
	if ip := l.at.Addr(); ip.IsMulticast() || ip.Is4In6() || ip.Zone() != "" {
		return listener{}, fmt.Errorf("%+q is no address to listen on: give one of this computer's own, as in \"0.0.0.0:%d\"", clip(s), DefaultPort)
	}
	return l, nil
}

// transportAddrs are the addresses in the notation of the transport, one for each
// kind.
func (l listener) transportAddrs() []string {
	ip := "/ip4/"
	if l.at.Addr().Is6() {
		ip = "/ip6/"
	}
	ip += l.at.Addr().String()
	port := strconv.Itoa(int(l.at.Port()))
	var out []string
	if l.tcp {
		out = append(out, ip+"/tcp/"+port)
	}
	if l.quic {
		out = append(out, ip+"/udp/"+port+"/quic-v1")
	}
	return out
}

// probe makes sure that nobody listens there yet.
func (l listener) probe() error {
	at := l.at.String()
	if l.tcp {
		t, err := net.Listen("tcp", at)
		if err != nil {
			return api.Errorf(api.Failed, "listening on %s: %w: choose another with --listen", at, err)
		}
		t.Close()
	}
	if l.quic {
		u, err := net.ListenPacket("udp", at)
		if err != nil {
			return api.Errorf(api.Failed, "listening on %s: %w: choose another with --listen", at, err)
		}
		u.Close()
	}
	return nil
}

// TransportAddrs are the addresses of Listen in the notation of the transport, each
// for TCP, QUIC or both. It is nil if Listen is empty.
func (c *Config) TransportAddrs() []string {
	var out []string
	for _, s := range c.Listen {
		if l, err := parseListener(s); err == nil { // Validate refuses others
			out = append(out, l.transportAddrs()...)
		}
	}
	return out
}

func checkListen(v any) error {
	list := v.([]string)
	for _, s := range list {
		if _, err := parseListener(s); err != nil {
			return err
		}
	}
	if len(list) > 8 {
		return fmt.Errorf("%d addresses: at most 8 are possible", len(list))
	}
	return nil
}

// ProbeListen makes sure that nobody listens at the addresses yet.
func ProbeListen(listen []string) error {
	for _, s := range listen {
		l, err := parseListener(s)
		if err == nil {
			err = l.probe()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// OnlyLoopback reports whether all addresses are of this computer alone: no router
// needs to be asked for such.
func OnlyLoopback(listen []string) bool {
	for _, s := range listen {
		if l, err := parseListener(s); err != nil || !l.at.Addr().IsLoopback() {
			return false
		}
	}
	return len(listen) > 0
}
