package crowd

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// crowdOfStrangers is a list of small bounds, and who was closed.
type crowdOfStrangers struct {
	*Strangers
	closed []string
	crowds int
}

func newCrowd() *crowdOfStrangers {
	c := new(crowdOfStrangers)
	c.Strangers = New(2, 3, func() { c.crowds++ })
	c.most = 5
	return c
}

func (c *crowdOfStrangers) come(addr, name string) *Stranger {
	var a netip.Addr
	if addr != "" {
		a = netip.MustParseAddr(addr)
	}
	return c.Enter(a, func() { c.closed = append(c.closed, name) })
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
	c.Leave(second) // it is gone already
	first.busy--
	first.Spoke.Store(true)
	fourth := c.come("192.0.2.1", "fourth")
	c.want(t, "third") // never said a byte, and is younger
	fourth.Spoke.Store(true)
	c.come("192.0.2.1", "fifth")
	c.want(t, "first")
	if f := c.from[netip.MustParseAddr("192.0.2.1")]; f.strange != 2 {
		t.Errorf("%d from the address", f.strange)
	}
}

// Nothing is left of those who are gone.
func TestStrangersLeaveNothing(t *testing.T) {
	c := newCrowd()
	var all []*Stranger
	for i := range 40 {
		s := c.come(fmt.Sprintf("192.0.2.%d", i%7), fmt.Sprint(i))
		c.Proven(s, "key", fmt.Sprint("way ", i))
		all = append(all, s)
	}
	for _, s := range all {
		c.Leave(s)
	}
	if len(c.from)+len(c.peers)+len(c.ready)+len(c.conns)+c.order.Len() != 0 {
		t.Errorf("left: %v %v %v %v %d", c.from, c.peers, c.ready, c.conns, c.order.Len())
	}
}
