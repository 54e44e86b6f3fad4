package mdns_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/ipv4"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/mdns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is the interface that does not leave this machine.
func loopback(t *testing.T) *net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return &i
		}
	}
	t.Fatal("no loopback interface")
	return nil
}

func ring(k byte) *mdns.Ring {
	return &mdns.Ring{
		Name: fmt.Sprintf("Büro %d", k), Ring: id.HashOf("ring", []byte{k}), Node: id.ID{Hi: uint64(k), Lo: uint64(time.Now().UnixNano())},
		Key: peer.Key{k}, Addrs: []string{"/ip4/192.168.7.5/tcp/4001", "/ip4/192.168.7.5/udp/4001/quic-v1"},
	}
}

// Who looks around finds all who announce, once each, also those who come later.
func TestFind(t *testing.T) {
	o := mdns.Options{Interfaces: []string{loopback(t).Name}}
	want := map[id.ID]*mdns.Ring{}
	announce := func(r *mdns.Ring) {
		a, err := mdns.Announce(func() *mdns.Ring { return r }, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		want[r.Node] = r
	}
	announce(ring(1))
	announce(ring(2))
	quiet, err := mdns.Announce(func() *mdns.Ring { return nil }, o)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var mu sync.Mutex
	got := map[id.ID]int{}
	news := make(chan mdns.Ring, 16)
	done := make(chan error, 1)
	go func() {
		done <- mdns.Browse(ctx, func(r mdns.Ring) {
			mu.Lock()
			defer mu.Unlock()
			if got[r.Node]++; want[r.Node] != nil || r.Key == (peer.Key{3}) {
				news <- r
			}
		}, o)
	}()
	take := func() mdns.Ring {
		select {
		case r := <-news:
			return r
		case <-ctx.Done():
			t.Fatal("nothing was found")
			return mdns.Ring{}
		}
	}
	for range 2 {
		r := take()
		if d := cmp.Diff(*want[r.Node], r); d != "" {
			t.Error(d)
		}
	}
	late := ring(3)
	a, err := mdns.Announce(func() *mdns.Ring { return late }, o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if r := take(); r.Node != late.Node {
		t.Errorf("found %v", r)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for node, n := range got {
		if n != 1 {
			t.Errorf("found %v %d times", node, n)
		}
	}
}

// Packets of all kinds from the network hurt nobody.
func TestNoise(t *testing.T) {
	lo := loopback(t)
	o := mdns.Options{Interfaces: []string{lo.Name}}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := ipv4.NewPacketConn(c)
	if err := p.SetMulticastInterface(lo); err != nil {
		t.Fatal(err)
	}
	r := ring(4)
	a, err := mdns.Announce(func() *mdns.Ring { return r }, o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for i := range 200 {
		b := make([]byte, i*7)
		for j := range b {
			b[j] = byte(i * j)
		}
		c.WriteTo(b, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := mdns.Browse(ctx, func(f mdns.Ring) {
		if f.Node == r.Node {
			cancel()
		}
	}, o); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != context.Canceled {
		t.Error("not found")
	}
}

func TestNoInterface(t *testing.T) {
	o := mdns.Options{Interfaces: []string{"no such interface"}}
	if _, err := mdns.Announce(func() *mdns.Ring { return nil }, o); err == nil {
		t.Error("announces nowhere")
	}
	if err := mdns.Browse(t.Context(), func(mdns.Ring) {}, o); err == nil {
		t.Error("looks around nowhere")
	}
}
