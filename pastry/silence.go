package pastry

import "time"

// Machines that fall silent together close no link, and nobody else's heartbeat tells of them
// than their neighbours', who may be among them. A promise of the dead is counted from the
// first question that they did not answer (inherit.go), so that who stands beside a row of
// them serves its keys the sooner, the sooner it asks each of them. It does not wait for the
// verdict on one before it asks the next. These are questions only: who is there answers the
// first, and a verdict takes as many tries as ever.

const (
	// So many members that did not answer within sweepWithin are no chance: all are asked.
	// Where a tenth of all nodes die at once, few leaf sets see that.
	manySilent  = 5
	sweepWithin = 5 * time.Second
)

// tookNoNotice: c, a member of the leaf set, left the first try of p unanswered. Those on
// either hand of it are asked, too, if this node found it out by itself, or if it stands next
// to this node, or behind others that are silent.
func (n *Node) tookNoNotice(c *contact, p *probe) {
	if !p.told || n.behindSilent(c) {
		n.askBeside(c)
	}
	n.silences = append(n.silences[max(0, len(n.silences)-manySilent+1):], n.Now())
	if len(n.silences) < manySilent || n.Now().Sub(n.silences[0]) > sweepWithin ||
		n.swept != 0 && n.Now().Sub(n.swept) < n.cfg.Heartbeat {
		return
	}
	n.swept = n.Now()
	for _, o := range n.leafContacts() {
		n.askUnheard(o)
	}
}

// behindSilent reports whether none but silent members stand between this node and c.
func (n *Node) behindSilent(c *contact) bool {
	for s, members := range n.leafs.sides {
		i, have := n.leafs.find(side(s), c.h.ID)
		for i > 0 && have && members[i-1].life == suspect {
			i--
		}
		if have && i == 0 {
			return true
		}
	}
	return false
}

// askBeside asks the members on either hand of one.
func (n *Node) askBeside(c *contact) {
	for s, members := range n.leafs.sides {
		i, have := n.leafs.find(side(s), c.h.ID)
		if have && i > 0 {
			n.askUnheard(members[i-1])
		}
		if have && i+1 < len(members) {
			n.askUnheard(members[i+1])
		}
	}
}

// askBetween asks the ring neighbour that stands between this node and c, which another found
// dead.
func (n *Node) askBetween(c *contact) {
	for s, members := range n.leafs.sides {
		if i, have := n.leafs.find(side(s), c.h.ID); have && i == 1 {
			n.askUnheard(members[0])
		}
	}
}

// askUnheard asks a member of whom nothing was heard just now.
func (n *Node) askUnheard(c *contact) {
	if c.life == alive && c.probe() == nil && n.Now().Sub(c.heard) >= n.cfg.Probes[0] {
		n.probe(c)
	}
}
