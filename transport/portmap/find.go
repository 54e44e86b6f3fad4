package portmap

import (
	"context"
	"net"
	"net/netip"

	"github.com/libp2p/go-netroute"
)

// find returns the router that answers first, or nil.
func find(ctx context.Context) router {
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan router, 2)
	go func() { found <- findUPnP(ctx, ssdpGroup) }()
	go func() { found <- findPMP(ctx) }()
	r := <-found
	if r != nil {
		cancel() // the other is not needed
		<-found
		return r
	}
	r = <-found
	cancel()
	return r
}

// findPMP returns the machine to which all others are sent, if it speaks NAT-PMP.
func findPMP(ctx context.Context) router {
	routes, err := netroute.New()
	if err != nil {
		return nil
	}
	_, gateway, _, err := routes.Route(net.IPv4zero)
	if err != nil {
		return nil
	}
	ip, ok := netip.AddrFromSlice(gateway.To4())
	if !ok || ip.IsUnspecified() {
		return nil
	}
	r := pmp{netip.AddrPortFrom(ip, pmpPort)}
	if _, err := r.outside(ctx); err != nil {
		return nil
	}
	return r
}
