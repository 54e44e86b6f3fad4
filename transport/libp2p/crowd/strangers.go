// Package crowd is who has a place among the connections of those that have not shown a
// certificate, and who gives way for a new one. It opens and closes nothing itself.
package crowd

import (
	"container/list"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// Strangers are the incoming connections whose other end has not shown a good
// certificate. There is room for a fixed number, in all and from one address. When
// it is used up the oldest one is closed for a new one: who means well needs his
// place for milliseconds, and would find no place at all if those who say nothing
// kept theirs. Those who have not said a byte go first, those in a conversation (a
// newcomer with an admitter) last.
//
// A connection whose other end has shown its certificate counts on its own, also
// with a limit for each address.
type Strangers struct {
	most        int
	perAddress  int
	perLoopback int
	crowd       func() // told of each that was closed for a new one

	mu    sync.Mutex
	order list.List // of *stranger, the oldest first
	from  map[netip.Addr]*crowdOf
	ready map[string]*Stranger // by wayOf: proven, and no connection of the library yet
	conns map[network.Conn]*Stranger
	peers map[p2ppeer.ID]*acquaintance
}

// MaxStrangers bounds the incoming connections whose other end has not shown a
// certificate.
const MaxStrangers = 256

// crowdOf is how many connections come from one address.
type crowdOf struct{ strange, known int }

// acquaintance is how many connections a key has come over.
type acquaintance struct{ strange, known int }

// Stranger is an incoming connection. Guarded by strangers.mu.
type Stranger struct {
	addr  netip.Addr
	close func()
	place *list.Element // nil: it is known, or gone
	known bool
	gone  bool
	busy  int         // conversations under way
	Spoke atomic.Bool // a byte came
	key   p2ppeer.ID
	way   string
}

// New returns room for so many from one address, and from one of loopback. crowd is
// called for each that is closed for a new one.
func New(perAddress, perLoopback int, crowd func()) *Strangers {
	return &Strangers{
		most: MaxStrangers, perAddress: perAddress, perLoopback: perLoopback, crowd: crowd,
		from: make(map[netip.Addr]*crowdOf), ready: make(map[string]*Stranger), conns: make(map[network.Conn]*Stranger),
		peers: make(map[p2ppeer.ID]*acquaintance),
	}
}

// Per returns how many there may be from one address.
func (x *Strangers) Per(a netip.Addr) int {
	switch {
	case !a.IsValid(): // behind a relay: many come from one address
		return x.most
	case a.IsLoopback():
		return x.perLoopback
	}
	return x.perAddress
}

// Enter notes a new connection from an address, and closes an older one if there is
// no room. shut closes the new one, when its turn has come; it must not block.
func (x *Strangers) Enter(addr netip.Addr, shut func()) *Stranger {
	s := &Stranger{addr: addr, close: shut}
	x.mu.Lock()
	c := x.from[addr]
	if c == nil {
		c = new(crowdOf)
		x.from[addr] = c
	}
	var leaves *Stranger
	switch {
	case c.strange >= x.Per(addr):
		leaves = x.oldest(func(o *Stranger) bool { return o.addr == addr })
	case x.order.Len() >= x.most:
		leaves = x.oldest(func(*Stranger) bool { return true })
	}
	if leaves != nil {
		x.remove(leaves)
	}
	x.from[addr] = c // the oldest may have been the last of them
	c.strange++
	s.place = x.order.PushBack(s)
	x.mu.Unlock()
	if leaves != nil {
		leaves.close()
		x.crowd()
	}
	return s
}

// oldest returns the one that has been here longest of those that fit: of those who
// have not said a word if there are any, and one in a conversation only if there is no
// other. x is locked.
func (x *Strangers) oldest(fits func(*Stranger) bool) *Stranger {
	var best [spared + 1]*Stranger
	for e := x.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*Stranger)
		if !fits(s) {
			continue
		}
		r := s.rank()
		if r == silent {
			return s
		}
		if best[r] == nil {
			best[r] = s
		}
	}
	if best[heard] != nil {
		return best[heard]
	}
	return best[spared]
}

// In this order strangers give way.
const (
	silent = iota // not a byte came
	heard
	spared // in a conversation
)

// rank says how soon a stranger gives way.
func (s *Stranger) rank() int {
	switch {
	case s.busy > 0:
		return spared
	case s.Spoke.Load():
		return heard
	}
	return silent
}

// remove takes a connection out of all accounts. x is locked.
func (x *Strangers) remove(s *Stranger) {
	if s.gone {
		return
	}
	s.gone = true
	delete(x.ready, s.way)
	c, a := x.from[s.addr], x.peers[s.key]
	if s.known {
		c.known--
	} else {
		c.strange--
		x.order.Remove(s.place)
		s.place = nil
	}
	if *c == (crowdOf{}) {
		delete(x.from, s.addr)
	}
	if a != nil {
		if s.known {
			a.known--
		} else {
			a.strange--
		}
		if *a == (acquaintance{}) {
			delete(x.peers, s.key)
		}
	}
}

// Leave notes the end of a connection.
func (x *Strangers) Leave(s *Stranger) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(s)
}

// WayOf names a connection by its two ends.
func WayOf(c network.ConnMultiaddrs) string {
	return c.LocalMultiaddr().String() + " " + c.RemoteMultiaddr().String()
}

// Shut closes all, as the node ends.
func (x *Strangers) Shut() {
	x.mu.Lock()
	var all []*Stranger
	for e := x.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*Stranger))
	}
	x.mu.Unlock()
	for _, s := range all {
		s.close()
	}
}

// Proven notes which key the other end has proven. way names the connection until it
// is one of the library.
func (x *Strangers) Proven(s *Stranger, key p2ppeer.ID, way string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.gone || s.key != "" {
		return
	}
	s.key, s.way = key, way
	x.ready[way] = s
	a := x.peers[key]
	if a == nil {
		a = new(acquaintance)
		x.peers[key] = a
	}
	a.strange++
}

// Connected is told by the library of each of its connections, before any stream.
func (x *Strangers) Connected(_ network.Network, c network.Conn) {
	if c.Stat().Direction != network.DirInbound {
		return
	}
	way := WayOf(c)
	x.mu.Lock()
	s, known := x.ready[way], x.conns[c] != nil
	delete(x.ready, way)
	if s != nil {
		x.conns[c] = s
	}
	x.mu.Unlock()
	if s != nil || known {
		return
	}
	// QUIC, or by a relay: it comes into sight only now.
	s = x.Enter(addr.IPOf(c.RemoteMultiaddr()), func() { go c.Close() })
	s.Spoke.Store(true)
	x.Proven(s, c.RemotePeer(), way)
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.ready, way)
	if !s.gone {
		x.conns[c] = s
	}
}

// Disconnected is told by the library of the end of each of its connections.
func (x *Strangers) Disconnected(_ network.Network, c network.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.conns[c]; s != nil {
		delete(x.conns, c)
		x.remove(s)
	}
}

// Listen is one of the library's notices that do not matter here.
func (*Strangers) Listen(network.Network, ma.Multiaddr) {}

// ListenClose is one of the library's notices that do not matter here.
func (*Strangers) ListenClose(network.Network, ma.Multiaddr) {}

// Crowded reports whether as many connections as may be from the address of this one
// have shown a certificate already.
func (x *Strangers) Crowded(c network.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.conns[c]
	return s != nil && !s.gone && !s.known && x.from[s.addr].known >= x.Per(s.addr)
}

// Admit notes that the other end of a connection has shown a good certificate.
func (x *Strangers) Admit(c network.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.conns[c]
	if s == nil || s.known || s.gone {
		return
	}
	s.known = true
	x.order.Remove(s.place)
	s.place = nil
	f := x.from[s.addr]
	f.strange--
	f.known++
	if a := x.peers[s.key]; a != nil {
		a.strange--
		a.known++
	}
}

// Engage notes a conversation that begins (+1) or ends (-1).
func (x *Strangers) Engage(c network.Conn, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.conns[c]; s != nil {
		s.busy += n
	}
}

// Strange reports whether all that is known of a key is that it came.
func (x *Strangers) Strange(key p2ppeer.ID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.peers[key]
	return a != nil && a.known == 0
}

// len is how many there are.
func (x *Strangers) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.order.Len()
}
