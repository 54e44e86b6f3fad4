package mem

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
)

// Transport is one node's transport on a Network. It implements
// transport.Transport.
type Transport struct {
	net   *Network
	key   peer.Key
	addrs []string
	hello func() (*peer.Handle, *peer.Certificate)
	links *link.Links

	once sync.Once
	wg   sync.WaitGroup // goroutines of incoming streams
}

var _ transport.Transport = (*Transport)(nil)

// accept starts the handling of an incoming stream, unless the node has ended.
// The network is locked, so that no node ends meanwhile.
func (t *Transport) accept(protocol string, st *stream) bool {
	if !slices.Contains(t.net.nodes, t) {
		return false
	}
	t.wg.Go(func() {
		if protocol == link.Protocol {
			t.links.Accept(carried{st})
		} else {
			t.links.Incoming(protocol, st)
		}
	})
	return true
}

// carried is a stream as links see it.
type carried struct{ *stream }

// Kind implements link.Stream.
func (carried) Kind() string { return "mem" }

// Takes implements link.Stream: a stream in memory is as fast either way.
func (c carried) Takes() bool { return false }

// WriteSoon implements link.Stream.
func (c carried) WriteSoon([]byte) int { return 0 }

// Admitted implements link.Stream.
func (carried) Admitted() {}

// HangUp implements link.Stream: there are no connections besides streams.
func (c carried) HangUp() { c.Close() }

// opener is the Carrier's half of a Transport, apart from its own Open.
type opener struct{ t *Transport }

// Open implements link.Carrier.
func (o opener) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (link.Stream, error) {
	s, err := o.t.net.dial(ctx, o.t, key, addrs, protocol)
	if err != nil {
		return nil, err
	}
	return carried{s}, nil
}

// Why implements link.Carrier.
func (opener) Why(err error) transport.Why {
	switch {
	case errors.Is(err, errKilled), link.IsEnd(err):
		return transport.Closed
	case errors.Is(err, transport.ErrRefused):
		return transport.Refused
	case errors.Is(err, errUnreachable):
		return transport.Unreachable
	}
	return transport.Lost
}

// Addrs implements transport.Transport.
func (t *Transport) Addrs() []string { return slices.Clone(t.addrs) }

// Send implements transport.Transport.
func (t *Transport) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	return t.links.Send(to, c, frame)
}

// Connect implements transport.Transport.
func (t *Transport) Connect(ctx context.Context, to *peer.Handle) error {
	return t.links.Connect(ctx, to)
}

// Disconnect implements transport.Transport.
func (t *Transport) Disconnect(node id.ID, expelled bool) { t.links.Disconnect(node, expelled) }

// Blame implements transport.Transport.
func (t *Transport) Blame(node id.ID) { t.links.Blame(node) }

// Protect implements transport.Transport.
func (t *Transport) Protect(node id.ID, on bool) { t.links.Protect(node, on) }

// Links implements transport.Transport.
func (t *Transport) Links() []transport.Link { return t.links.Links() }

// Open implements transport.Transport.
func (t *Transport) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (transport.Stream, error) {
	s, err := t.net.dial(ctx, t, key, addrs, protocol)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Serve implements transport.Transport.
func (t *Transport) Serve(protocol string, f func(transport.Stream)) { t.links.Serve(protocol, f) }

// Reachable implements transport.Transport.
func (t *Transport) Reachable() transport.Reachability {
	return transport.Reachability{Kind: "loopback", Sentence: "This node can be reached inside this process only."}
}

// Metrics returns counts since the start.
func (t *Transport) Metrics() transport.Metrics { return t.links.Metrics() }

// Close implements transport.Transport.
func (t *Transport) Close() error {
	t.once.Do(func() {
		t.links.Close()
		t.net.remove(t, nil)
		t.wg.Wait()
	})
	return nil
}
