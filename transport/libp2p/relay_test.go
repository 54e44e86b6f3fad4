package libp2p_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	p2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
)

// quick are means whose node looks soon after each change.
func quick(r reach.Options) libp2p.Options {
	r.Settle = 10 * time.Millisecond
	return libp2p.Options{Reach: r, Unused: time.Second}
}

// startRelay starts a node that relays for so many members.
func startRelay(t *testing.T, k byte, peers int) *node {
	n := start(t, k, quick(reach.Options{RelayFor: peers}), tcpLoop)
	n.Believe(true)
	return n
}

// startHidden starts a node that others do not reach, and waits until the relays do
// their work. It returns its handle with the relayed addresses alone.
func startHidden(t *testing.T, k byte, relays ...*node) (*node, *peer.Handle) {
	n := start(t, k, quick(reach.Options{Relays: true}), tcpLoop)
	n.Believe(false)
	for _, r := range relays {
		n.connect(t, r)
	}
	h := *n.h
	poll(t, "all the relays", func() bool {
		h.Addrs = slices.DeleteFunc(n.Addrs(), func(a string) bool { return !strings.Contains(a, "p2p-circuit") })
		return len(h.Addrs) == len(relays)
	})
	return n, &h
}

// A node that others do not reach is reached through a relay, and it is said through
// which one. When the relay ends, that says nothing about the node behind it, and
// another one takes over.
func TestRelay(t *testing.T) {
	one, two := startRelay(t, 1, 4), startRelay(t, 2, 4)
	hidden, h := startHidden(t, 3, one, two)
	if r := hidden.Reachable(); r.Kind != "relayed" || len(r.Relays) != 2 || !strings.Contains(r.Sentence, one.h.ID.Short()) {
		t.Errorf("the hidden node says %+v", r)
	}
	caller := start(t, 4, quick(reach.Options{Relays: true}), tcpLoop)
	h.Addrs = slices.DeleteFunc(slices.Clone(h.Addrs), func(a string) bool { return !strings.HasPrefix(a, one.Addrs()[0]) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := caller.Connect(ctx, h); err != nil {
		t.Fatal(err)
	}
	if l := caller.Links(); len(l) != 1 || !l[0].Relayed || l[0].Kind != "relay" || l[0].Via != one.h.Key {
		t.Errorf("the link is %+v", l)
	}
	one.Cut()
	caller.await(t, "the end of the link", func() bool { return len(caller.downs) > 0 })
	if why := caller.downs[0]; why != transport.Lost {
		t.Errorf("the relay ended, and the link is down because %v", why)
	}
	poll(t, "the other relay alone", func() bool { return len(hidden.Reachable().Relays) == 1 })
	h2 := *h
	h2.Addrs = hidden.Addrs()[1:]
	if err := caller.Connect(ctx, &h2); err != nil {
		t.Fatal(err)
	}
	// Who has fewer relays than it wants looks for another, and may have met the caller directly meanwhile.
	if l := caller.Links(); len(l) != 1 || l[0].Relayed && l[0].Via != two.h.Key {
		t.Errorf("the link is %+v", l)
	}
}

// What is relayed has no end after so many bytes or minutes, as the library's own has
// (128 KiB, two minutes), but no more goes through than the relay's share for a peer.
func TestRelayedBytes(t *testing.T) {
	const rate, size, frames = 256 << 10, 32 << 10, 10
	var relays []*node // two, as who has fewer looks for more, and would meet the caller directly
	for k := range byte(2) {
		r := start(t, k+1, quick(reach.Options{RelayFor: 4, RelayRate: rate}), tcpLoop)
		r.Believe(true)
		relays = append(relays, r)
	}
	hidden, h := startHidden(t, 3, relays...)
	caller := start(t, 4, quick(reach.Options{Relays: true}), tcpLoop)
	caller.Believe(true)
	caller.connect(t, &node{Transport: hidden.Transport, h: h})
	if caller.Limited(h.Key) {
		t.Error("the relay sets a limit to the connection")
	}
	began := time.Now()
	for range frames {
		poll(t, "room for a frame", func() bool { return caller.Send(h, transport.App, make([]byte, size)) == nil })
	}
	hidden.await(t, "all frames", func() bool { return hidden.got == frames })
	// A quarter of a second's goes at once. That it takes longer on a busy machine is no
	// matter: it must not be faster.
	if least := time.Second * (frames*size - rate/4) / rate; time.Since(began) < least {
		t.Errorf("%d bytes took %v, want %v at least", frames*size, time.Since(began), least)
	}
}

// A link that led through a relay moves to a direct connection without the loss of a
// frame, in both directions, and the relayed connection ends.
func TestRelayedLinkMoves(t *testing.T) {
	relay := startRelay(t, 1, 4)
	hidden, h := startHidden(t, 3, relay)
	caller, err := newNode(4, quick(reach.Options{Relays: true}), tcpLoop)
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Transport.Close()
	var mu sync.Mutex
	next := make(map[*node]uint32)
	for _, n := range []*node{caller, hidden} {
		n.onFrame = func(_ *peer.Handle, b []byte) {
			n.note(func() {
				mu.Lock()
				defer mu.Unlock()
				if got := binary.BigEndian.Uint32(b); got != next[n] {
					t.Errorf("frame %d in place of %d", got, next[n])
				}
				next[n]++
			})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := caller.Connect(ctx, h); err != nil {
		t.Fatal(err)
	}
	const frames = 2000
	var wg sync.WaitGroup
	send := func(from *node, to *peer.Handle) {
		for i := range uint32(frames) {
			b := binary.BigEndian.AppendUint32(nil, i)
			poll(t, "room for a frame", func() bool { return from.Send(to, transport.App, b) == nil })
			if i == frames/4 && from == caller {
				wg.Go(func() {
					if err := caller.CallDirect(ctx, hidden.h.Key, hidden.h.Addrs); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	wg.Go(func() { send(caller, h) })
	wg.Go(func() { send(hidden, caller.h) })
	wg.Wait()
	for _, n := range []*node{caller, hidden} {
		n.await(t, "all frames", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return next[n] == frames
		})
		poll(t, "a direct link", func() bool {
			ls := slices.DeleteFunc(n.Links(), func(l transport.Link) bool { return l.Peer.ID == relay.h.ID })
			return len(ls) == 1 && !ls[0].Relayed
		})
		n.await(t, "the end of the old link", func() bool { return len(n.downs) == 1 })
		if n.downs[0] != transport.Ours {
			t.Errorf("the old link is down because %v", n.downs[0])
		}
	}
	poll(t, "the end of the relayed connection", func() bool { return caller.Metrics().Connections == 1 })
}

// A relay works for members alone, and for so many as it was told.
func TestRelayIsForMembers(t *testing.T) {
	relay := startRelay(t, 1, 1)
	_, h := startHidden(t, 3, relay)
	more := start(t, 4, quick(reach.Options{Relays: true}), tcpLoop)
	more.Believe(false)
	more.connect(t, relay)

	stranger, err := p2p.New(p2p.NoListenAddrs, p2p.DisableMetrics(), p2p.EnableRelay())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := infoOf(t, relay)
	if err := stranger.Connect(ctx, at); err != nil {
		t.Fatal(err)
	}
	if _, err := circuit.Reserve(ctx, stranger, at); err == nil || !strings.Contains(err.Error(), "PERMISSION_DENIED") {
		t.Errorf("a stranger wants a place: %v", err)
	}
	for _, text := range h.Addrs {
		info := infoOf(t, &node{Transport: relay.Transport, h: h})
		info.Addrs = []ma.Multiaddr{ma.StringCast(text)}
		if err := stranger.Connect(ctx, info); err == nil || !strings.Contains(err.Error(), "PERMISSION_DENIED") {
			t.Errorf("a stranger wants to be connected: %v", err)
		}
	}
	// A pass that is none is the end of its stream.
	s, err := stranger.NewStream(ctx, at.ID, "/phyllo/pass/1")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(s, "\x00\x00\x00\x05hello")
	s.SetReadDeadline(time.Now().Add(patience))
	if n, err := s.Read(make([]byte, 1)); err == nil || n > 0 {
		t.Error("a bad pass was answered")
	}
	poll(t, "a refusal", func() bool { return relay.Metrics().BadInput["pass"] > 0 })
	if r := more.Reachable(); r.Kind != "private" || len(r.Relays) > 0 {
		t.Errorf("a second one at a relay for one: %+v", r)
	}
}

// What comes as if through a relay that the node did not choose is not taken.
func TestSelfAppointedRelay(t *testing.T) {
	n := start(t, 1, quick(reach.Options{Relays: true, Punch: true}), tcpLoop)
	stranger, err := p2p.New(p2p.NoListenAddrs, p2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := infoOf(t, n)
	if err := stranger.Connect(ctx, at); err != nil {
		t.Fatal(err)
	}
	if s, err := stranger.NewStream(network.WithNoDial(ctx, "test"), p2ppeer.ID(at.ID), "/libp2p/circuit/relay/0.2.0/stop"); err == nil {
		s.Write([]byte{0})
		s.SetReadDeadline(time.Now().Add(patience))
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Error("the stream was taken")
		}
	}
	poll(t, "a refusal", func() bool { return n.Metrics().BadInput["relay"] > 0 })
}

// Nine nodes of an office, which all come from one address, have their links with
// one outside. Loopback is an address as any other here, as most limits exempt it.
func TestNineInOneOffice(t *testing.T) {
	outside := start(t, 100, libp2p.Options{PerLoopback: -1}, tcpLoop, quicLoop)
	var office []*node
	for k := range byte(9) {
		n := start(t, k+1, libp2p.Options{PerLoopback: -1}, tcpLoop, quicLoop)
		office = append(office, n)
	}
	var wg sync.WaitGroup
	for _, n := range office {
		wg.Go(func() { n.connect(t, outside) })
	}
	wg.Wait()
	poll(t, "nine links", func() bool { return len(outside.Links()) == 9 })
	for _, n := range office {
		if err := n.Send(outside.h, transport.App, []byte("here")); err != nil {
			t.Error(err)
		}
	}
	outside.await(t, "a frame of each", func() bool { return outside.got == 9 })
}
