package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// Known is another node as Plant takes it.
type Known struct {
	Node *peer.Handle
	RTT  time.Duration // 0: not measured
}

// Plant lets a node that has not started yet know others as if it had met them all,
// and begin as a member of their ring instead of joining one. The leaf set must be
// exact, and its members must start at the same moment: each asks its neighbours for
// leases then. Simulations make rings with it that would take too long to build by
// joins; everything else of the node is as ever.
func (n *Node) Plant(leafs []*peer.Handle, table []Known) {
	n.planted = true
	for _, h := range leafs {
		c := n.plant(h)
		n.leafs.insert(c)
		n.offerTable(c)
	}
	for _, k := range table {
		c := n.plant(k.Node)
		if half := k.RTT.Microseconds() / 2; half > 0 {
			c.prox = int32(half)
		}
		n.offerTable(c)
	}
}

func (n *Node) plant(h *peer.Handle) *contact {
	c := n.contact(h)
	c.life, c.active, c.met = alive, true, true
	return c
}

// sprout begins the life of a node that was planted.
func (n *Node) sprout() {
	n.leafs.each(func(c *contact) bool {
		n.Protect(c.h, true)
		return true
	})
	n.becomeActive()
}
