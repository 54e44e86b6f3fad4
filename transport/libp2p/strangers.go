package libp2p

import (
	"container/list"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// strangers are the incoming connections whose other end has not shown a good
// certificate. There is room for a fixed number, in all and from one address. When
// it is used up the oldest one is closed for a new one: who means well needs his
// place for milliseconds, and would find no place at all if those who say nothing
// kept theirs. Those who have not said a byte go first, those in a conversation (a
// newcomer with an admitter) last.
//
// A connection whose other end has shown its certificate counts on its own, also
// with a limit for each address.
type strangers struct {
	most        int
	perAddress  int
	perLoopback int
	crowd       func() // told of each that was closed for a new one

	mu    sync.Mutex
	order list.List // of *stranger, the oldest first
	from  map[netip.Addr]*crowdOf
	ready map[string]*stranger // by wayOf: proven, and no connection of the library yet
	conns map[network.Conn]*stranger
	peers map[p2ppeer.ID]*acquaintance
}

// crowdOf is how many connections come from one address.
type crowdOf struct{ strange, known int }

// acquaintance is how many connections a key has come over.
type acquaintance struct{ strange, known int }

// stranger is an incoming connection. Guarded by strangers.mu.
type stranger struct {
	addr  netip.Addr
	close func()
	place *list.Element // nil: it is known, or gone
	known bool
	gone  bool
	busy  int         // conversations under way
	spoke atomic.Bool // a byte came
	key   p2ppeer.ID
	way   string
}

func newStrangers(o Options, crowd func()) *strangers {
	return &strangers{
		most: maxStrangers, perAddress: o.PerAddress, perLoopback: o.PerLoopback, crowd: crowd,
		from: make(map[netip.Addr]*crowdOf), ready: make(map[string]*stranger), conns: make(map[network.Conn]*stranger),
		peers: make(map[p2ppeer.ID]*acquaintance),
	}
}

func (x *strangers) per(a netip.Addr) int {
	switch {
	case !a.IsValid(): // behind a relay: many come from one address
		return x.most
	case a.IsLoopback():
		return x.perLoopback
	}
	return x.perAddress
}

// enter notes a new connection from an address, and closes an older one if there is
// no room. shut closes the new one, when its turn has come; it must not block.
func (x *strangers) enter(addr netip.Addr, shut func()) *stranger {
	s := &stranger{addr: addr, close: shut}
	x.mu.Lock()
	c := x.from[addr]
	if c == nil {
		c = new(crowdOf)
		x.from[addr] = c
	}
	var leaves *stranger
	switch {
	case c.strange >= x.per(addr):
		leaves = x.oldest(func(o *stranger) bool { return o.addr == addr })
	case x.order.Len() >= x.most:
		leaves = x.oldest(func(*stranger) bool { return true })
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
func (x *strangers) oldest(fits func(*stranger) bool) *stranger {
	var best [spared + 1]*stranger
	for e := x.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*stranger)
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
func (s *stranger) rank() int {
	switch {
	case s.busy > 0:
		return spared
	case s.spoke.Load():
		return heard
	}
	return silent
}

// remove takes a connection out of all accounts. x is locked.
func (x *strangers) remove(s *stranger) {
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

// leave notes the end of a connection.
func (x *strangers) leave(s *stranger) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(s)
}

// wayOf names a connection by its two ends.
func wayOf(c network.ConnMultiaddrs) string {
	return c.LocalMultiaddr().String() + " " + c.RemoteMultiaddr().String()
}

// shut closes all, as the node ends.
func (x *strangers) shut() {
	x.mu.Lock()
	var all []*stranger
	for e := x.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*stranger))
	}
	x.mu.Unlock()
	for _, s := range all {
		s.close()
	}
}

// proven notes which key the other end has proven. way names the connection until it
// is one of the library.
func (x *strangers) proven(s *stranger, key p2ppeer.ID, way string) {
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
func (x *strangers) Connected(_ network.Network, c network.Conn) {
	if c.Stat().Direction != network.DirInbound {
		return
	}
	way := wayOf(c)
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
	s = x.enter(ipOf(c.RemoteMultiaddr()), func() { go c.Close() })
	s.spoke.Store(true)
	x.proven(s, c.RemotePeer(), way)
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.ready, way)
	if !s.gone {
		x.conns[c] = s
	}
}

// Disconnected is told by the library of the end of each of its connections.
func (x *strangers) Disconnected(_ network.Network, c network.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.conns[c]; s != nil {
		delete(x.conns, c)
		x.remove(s)
	}
}

// Listen is one of the library's notices that do not matter here.
func (*strangers) Listen(network.Network, ma.Multiaddr) {}

// ListenClose is one of the library's notices that do not matter here.
func (*strangers) ListenClose(network.Network, ma.Multiaddr) {}

// crowded reports whether as many connections as may be from the address of this one
// have shown a certificate already.
func (x *strangers) crowded(c network.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.conns[c]
	return s != nil && !s.gone && !s.known && x.from[s.addr].known >= x.per(s.addr)
}

// admit notes that the other end of a connection has shown a good certificate.
func (x *strangers) admit(c network.Conn) {
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

// engage notes a conversation that begins (+1) or ends (-1).
func (x *strangers) engage(c network.Conn, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.conns[c]; s != nil {
		s.busy += n
	}
}

// strange reports whether all that is known of a key is that it came.
func (x *strangers) strange(key p2ppeer.ID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.peers[key]
	return a != nil && a.known == 0
}

// len is how many there are.
func (x *strangers) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.order.Len()
}
