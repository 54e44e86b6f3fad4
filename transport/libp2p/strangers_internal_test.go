package libp2p

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	manet "github.com/multiformats/go-multiaddr/net"
)

// crowdOfStrangers is a list of small bounds, and who was closed.
type crowdOfStrangers struct {
	*strangers
	closed []string
	crowds int
}

func newCrowd() *crowdOfStrangers {
	c := new(crowdOfStrangers)
	c.strangers = newStrangers(Options{PerAddress: 2, PerLoopback: 3}, func() { c.crowds++ })
	c.most = 5
	return c
}

func (c *crowdOfStrangers) come(addr, name string) *stranger {
	var a netip.Addr
	if addr != "" {
		a = netip.MustParseAddr(addr)
	}
	return c.enter(a, func() { c.closed = append(c.closed, name) })
}

func (c *crowdOfStrangers) want(t *testing.T, names ...string) {
	t.Helper()
	if !slices.Equal(c.closed, names) || c.crowds != len(names) {
		t.Errorf("closed %q and told of %d, want %q", c.closed, c.crowds, names)
	}
	c.closed, c.crowds = nil, 0
}

// When there is no room, the oldest of the address goes, or the oldest of all.
func TestTheOldestGoes(t *testing.T) {
	c := newCrowd()
	c.come("192.0.2.1", "a1")
	c.come("192.0.2.1", "a2")
	c.come("127.0.0.1", "l1")
	c.come("127.0.0.1", "l2")
	c.want(t)
	c.come("192.0.2.1", "a3")
	c.want(t, "a1")
	c.come("127.0.0.1", "l3")
	c.want(t)
	c.come("127.0.0.1", "l4")
	c.want(t, "l1")
	c.come("127.0.0.2", "m1") // another address of loopback
	c.want(t, "a2")
	c.come("", "relayed")
	c.want(t, "l2")
	if n := c.len(); n != 5 {
		t.Errorf("%d strangers", n)
	}
}

// A conversation is spared as long as there are others, and an end makes room.
func TestConversationsAreSpared(t *testing.T) {
	c := newCrowd()
	first := c.come("192.0.2.1", "first")
	first.busy++
	second := c.come("192.0.2.1", "second")
	c.come("192.0.2.1", "third")
	c.want(t, "second")
	c.leave(second) // it is gone already
	first.busy--
	first.spoke.Store(true)
	fourth := c.come("192.0.2.1", "fourth")
	c.want(t, "third") // never said a byte, and is younger
	fourth.spoke.Store(true)
	c.come("192.0.2.1", "fifth")
	c.want(t, "first")
	if f := c.from[netip.MustParseAddr("192.0.2.1")]; f.strange != 2 {
		t.Errorf("%d from the address", f.strange)
	}
}

// Nothing is left of those who are gone.
func TestStrangersLeaveNothing(t *testing.T) {
	c := newCrowd()
	var all []*stranger
	for i := range 40 {
		s := c.come(fmt.Sprintf("192.0.2.%d", i%7), fmt.Sprint(i))
		c.proven(s, "key", fmt.Sprint("way ", i))
		all = append(all, s)
	}
	for _, s := range all {
		c.leave(s)
	}
	if len(c.from)+len(c.peers)+len(c.ready)+len(c.conns)+c.order.Len() != 0 {
		t.Errorf("left: %v %v %v %v %d", c.from, c.peers, c.ready, c.conns, c.order.Len())
	}
}

// bytesConn is a connection on which much arrives at once.
type bytesConn struct {
	manet.Conn
	r *bytes.Reader
}

func (c *bytesConn) SetDeadline(time.Time) error { return nil }

func (c *bytesConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// Of a connection whose handshake goes on and on, no more than 4 KiB are read; of one
// whose handshake is over, all.
func TestBytesBeforeTheHandshake(t *testing.T) {
	wire := &bytesConn{r: bytes.NewReader(make([]byte, 1<<20))}
	c := &incomingConn{Conn: wire, place: new(stranger)}
	buf := make([]byte, 3000)
	if !c.listen() {
		t.Error("nothing was heard")
	}
	n := 0
	for {
		m, err := c.Read(buf)
		n += m
		if err != nil {
			if !errors.Is(err, errTalkative) {
				t.Error(err)
			}
			break
		}
	}
	if n != maxBefore || wire.r.Len() != 1<<20-n {
		t.Errorf("%d bytes were read, %d are left", n, wire.r.Len())
	}
	c.prove()
	if m, err := c.Read(buf); m != len(buf) || err != nil {
		t.Errorf("after the handshake: %d bytes, %v", m, err)
	}
}
