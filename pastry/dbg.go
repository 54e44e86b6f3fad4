package pastry

import "fmt"

func (n *Node) Dbg() string {
	s := fmt.Sprintf("active %v ready %v joining %v gone %d leafs %d: ", n.active, n.ready(), n.joining, len(n.gone), n.leafs.size())
	for _, g := range n.gone {
		c := n.contacts[g.h.ID]
		if c != nil {
			s += fmt.Sprintf("[%s life %d probe %v via %v]", c.h, c.life, c.probe != nil, c.via != nil)
		}
	}
	for i := range n.sides {
		a := &n.sides[i]
		nb := n.neighbour(side(i))
		s += fmt.Sprintf("\n    side %d: ", i)
		if nb != nil {
			s += fmt.Sprintf("nb %s life %d via %v ", nb.h, nb.life, nb.via != nil)
		}
		if a.edge != nil {
			s += fmt.Sprintf("edge %s life %d ", a.edge.h, a.edge.life)
		}
		s += fmt.Sprintf("held %v %v granted %v %v asknum %d", a.heldFrom, a.heldUntil.Sub(n.Now()), a.grantTo, a.grantUntil.Sub(n.Now()), a.askNum)
	}
	return s
}

func (n *Node) Dbg2(h *Node) string {
	c := n.contacts[h.self.ID]
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("%s life %d active %v leaf %v closed %v probe %v via %v met %v doubt %v wants %v", c.h, c.life, c.active, c.leaf, c.closed, c.probe != nil, c.via != nil, c.met, c.doubtful, n.leafs.wants(c.h.ID))
}
