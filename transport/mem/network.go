// Package mem is a transport inside one process: for tests, which must not wait
// for a network, and for trying things out.
//
// The transports of one Network reach each other by addresses like "mem:3". What
// is written arrives in order and without delay; goroutines and channels are
// used, and all time is the standard library's, so it also runs in the fake time
// of testing/synctest. A network can be hurt: Kill ends a node as kill -9 ends a
// process, Freeze stops it as SIGSTOP does, Cut separates two.
package mem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
)

// Errors of the network itself.
var (
	errKilled      = errors.New("the other process has ended")
	errUnreachable = errors.New("no way to this address")
	errReset       = errors.New("the stream was reset")
)

// Network joins transports. Its methods may be called from any goroutine.
type Network struct {
	mu      sync.Mutex
	nodes   []*Transport // in the order in which they joined, without those that ended
	next    int
	cuts    map[[2]peer.Key]struct{}
	frozen  map[peer.Key]struct{}
	streams map[*stream]struct{} // one end of each
	changed chan struct{}        // closed when a way may have opened, or a node ended
}

// NewNetwork returns a network without nodes.
func NewNetwork() *Network {
	return &Network{
		next: 1, cuts: make(map[[2]peer.Key]struct{}), frozen: make(map[peer.Key]struct{}),
		streams: make(map[*stream]struct{}), changed: make(chan struct{}),
	}
}

// Join adds a node whose public key is key; Config.Private is not looked at, as
// there is nobody to prove anything to. Config.Listen holds addresses of the form
// "mem:NAME"; empty, an unused one is taken. Of Config, Events and Check are
// required, and Hello for links.
func (n *Network) Join(key peer.Key, cfg transport.Config) (*Transport, error) {
	return n.JoinWith(key, cfg, link.Limits{})
}

// JoinWith is Join with other limits than the default ones.
func (n *Network) JoinWith(key peer.Key, cfg transport.Config, limits link.Limits) (*Transport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addrs := slices.Clone(cfg.Listen)
	if len(addrs) == 0 {
		addrs = []string{fmt.Sprintf("mem:%d", n.next)}
		n.next++
	}
	for _, a := range addrs {
		if n.at(a) != nil {
			return nil, fmt.Errorf("listen on %s: the address is taken", a)
		}
	}
	t := &Transport{net: n, key: key, addrs: addrs, hello: cfg.Hello}
	t.links = link.New(cfg, opener{t}, limits)
	n.nodes = append(n.nodes, t)
	return t, nil
}

// Kill ends a node as kill -9 does: its events stop at once, its peers see their
// links closed, and later calls to its addresses are refused. It reports whether
// there was such a node.
func (n *Network) Kill(node id.ID) bool {
	t := n.find(node)
	if t == nil {
		return false
	}
	n.remove(t, errKilled)
	t.links.Abort()
	return true
}

// Freeze stops all that goes to and from a node, or lets it go on; nothing is
// lost. It is how a stopped process looks from outside.
func (n *Network) Freeze(node id.ID, on bool) {
	t := n.find(node)
	if t == nil {
		return
	}
	n.change(func() {
		if on {
			n.frozen[t.key] = struct{}{}
		} else {
			delete(n.frozen, t.key)
		}
	})
}

// Cut stops all that goes between two nodes in either direction, or heals the
// cut. What is on its way waits, as with a cable that was pulled; new calls find
// no way until their time is over.
func (n *Network) Cut(a, b id.ID, on bool) {
	x, y := n.find(a), n.find(b)
	if x == nil || y == nil {
		return
	}
	n.change(func() {
		if on {
			n.cuts[pair(x.key, y.key)] = struct{}{}
		} else {
			delete(n.cuts, pair(x.key, y.key))
		}
	})
}

func pair(a, b peer.Key) [2]peer.Key {
	if slices.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return [2]peer.Key{a, b}
}

// find returns the node that is known to its peers by this id, or nil.
func (n *Network) find(node id.ID) *Transport {
	n.mu.Lock()
	nodes := slices.Clone(n.nodes)
	n.mu.Unlock()
	for _, t := range nodes {
		if t.hello == nil {
			continue
		}
		if h, _ := t.hello(); h != nil && h.ID == node {
			return t
		}
	}
	return nil
}

// at returns the node that listens at an address. n is locked.
func (n *Network) at(addr string) *Transport {
	for _, t := range n.nodes {
		if slices.Contains(t.addrs, addr) {
			return t
		}
	}
	return nil
}

// open reports whether bytes pass between two nodes. n is locked.
func (n *Network) open(a, b peer.Key) bool {
	_, cut := n.cuts[pair(a, b)]
	_, fa := n.frozen[a]
	_, fb := n.frozen[b]
	return !cut && !fa && !fb
}

// change alters the ways of the network and lets all streams know.
func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	for s := range n.streams {
		stopped := !n.open(s.local, s.remote)
		s.in.stop(stopped)
		s.out.stop(stopped)
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// remove takes a node off the network; its streams end with err, or in order if
// it is nil.
func (n *Network) remove(t *Transport, err error) {
	n.change(func() {
		n.nodes = slices.DeleteFunc(n.nodes, func(o *Transport) bool { return o == t })
		delete(n.frozen, t.key)
	})
	n.mu.Lock()
	var ends []*stream
	for s := range n.streams {
		if s.owner == t {
			ends = append(ends, s)
		} else if s.other.owner == t {
			ends = append(ends, s.other)
		}
	}
	n.mu.Unlock()
	for _, s := range ends {
		if err != nil {
			s.finish(err)
		} else {
			s.Close()
		}
	}
}

// dial connects from to the node with the key, or whoever answers if key is zero,
// at one of the addresses. It waits while there is no way, until ctx ends.
func (n *Network) dial(ctx context.Context, from *Transport, key peer.Key, addrs []string, protocol string) (*stream, error) {
	for {
		n.mu.Lock()
		s, err := n.try(from, key, addrs, protocol)
		changed := n.changed
		n.mu.Unlock()
		if !errors.Is(err, errUnreachable) {
			return s, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errUnreachable, ctx.Err())
		}
	}
}

// try is one attempt of dial. n is locked.
func (n *Network) try(from *Transport, key peer.Key, addrs []string, protocol string) (*stream, error) {
	err := fmt.Errorf("%w: nobody listens at %q", transport.ErrRefused, addrs)
	if !slices.Contains(n.nodes, from) {
		return nil, transport.ErrClosed
	}
	for _, a := range addrs {
		to := n.at(a)
		switch {
		case to == nil:
			continue
		case to == from:
			err = fmt.Errorf("%w: %s is this node's own", transport.ErrRefused, a)
			continue
		case !n.open(from.key, to.key):
			err = errUnreachable
			continue
		case !key.IsZero() && to.key != key:
			err = fmt.Errorf("%w: %s", transport.ErrOtherKey, a)
			continue
		case protocol != link.Protocol && !to.links.Serves(protocol):
			return nil, fmt.Errorf("%w: protocol %s is not served", transport.ErrRefused, protocol)
		}
		near, far := newStreams(n, from, to)
		n.streams[near] = struct{}{}
		if !to.accept(protocol, far) {
			delete(n.streams, near)
			continue
		}
		return near, nil
	}
	return nil, err
}
