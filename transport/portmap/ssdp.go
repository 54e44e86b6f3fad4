package portmap

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// ssdpGroup is where devices hear questions (UPnP device architecture, section 1.3).
var ssdpGroup = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 1900}

// sought are the kinds for which is asked. Some routers answer to the one and some to
// the other.
var sought = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
}

// When the questions are asked, as packets are lost now and then.
var askAt = []time.Duration{0, 300 * time.Millisecond, time.Second}

const (
	maxPacket   = 2048 // bytes of an answer that are read
	maxDevices  = 8    // that answered, and are looked at
	maxLocation = 512  // bytes of the address of a description
)

// search asks on all networks, and calls found with where each device that answers has
// its description, one at a time, until the context ends.
func search(ctx context.Context, to *net.UDPAddr, found func(*url.URL)) {
	answers := make(chan *url.URL)
	var wg sync.WaitGroup
	for _, c := range sockets() {
		context.AfterFunc(ctx, func() { c.Close() })
		wg.Go(func() { ask(ctx, c, to) })
		wg.Go(func() { hear(ctx, c, answers) })
	}
	go func() {
		wg.Wait()
		close(answers)
	}()
	var seen []string
	for u := range answers {
		if text := u.String(); len(seen) < maxDevices && !slices.Contains(seen, text) {
			seen = append(seen, text)
			found(u)
		}
	}
}

// sockets opens one on each network with a private IPv4 address: routers with NATs are
// there.
func sockets() []*net.UDPConn {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var open []*net.UDPConn
	for _, ifi := range all {
		if ifi.Flags&net.FlagUp == 0 || ifi.Flags&net.FlagMulticast == 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok || n.IP.To4() == nil || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() {
				continue
			}
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: n.IP})
			if err != nil {
				continue
			}
			p := ipv4.NewPacketConn(c)
			if p.SetMulticastInterface(&ifi) != nil || p.SetMulticastTTL(2) != nil {
				c.Close()
				continue
			}
			open = append(open, c)
		}
	}
	return open
}

// ask sends the questions.
func ask(ctx context.Context, c *net.UDPConn, to *net.UDPAddr) {
	began := time.Now()
	for _, at := range askAt {
		timer := time.NewTimer(time.Until(began.Add(at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		for _, kind := range sought {
			q := fmt.Sprintf("M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", to, kind)
			if _, err := c.WriteTo([]byte(q), to); err != nil {
				return
			}
		}
	}
}

// hear reads answers until the socket is closed.
func hear(ctx context.Context, c *net.UDPConn, answers chan<- *url.URL) {
	b := make([]byte, maxPacket)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		u := location(b[:n], from.Addr())
		if u == nil {
			continue
		}
		select {
		case answers <- u:
		case <-ctx.Done():
			return
		}
	}
}

// location reads an answer, and returns where the description is, or nil: it must be at
// the address from which the answer came, or else it would have this node ask others.
func location(packet []byte, from netip.Addr) *url.URL {
	r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(packet), 16), nil)
	if err != nil {
		return nil
	}
	r.Body.Close()
	text := r.Header.Get("Location")
	if r.StatusCode != http.StatusOK || !slices.Contains(sought, r.Header.Get("ST")) || len(text) > maxLocation {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err != nil || ip != from.Unmap() {
		return nil
	}
	return u
}
