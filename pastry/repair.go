package pastry

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
)

// repairSides asks the edge of each side of the leaf set that has room though the ring is
// larger, so that the set is whole again even after many neighbours died at once
// (MSPastry, "generalised repair"). It is called when a probe has ended.
func (n *Node) repairSides() {
	if !n.active || n.stopped {
		return
	}
	for s := range n.leafs.sides {
		members := n.leafs.sides[s]
		if len(members) >= n.leafs.half || n.leafs.whole() && len(members) > 0 {
			continue
		}
		if len(members) == 0 {
			n.askAround(side(s))
			continue
		}
		if len(n.candidates) > 0 {
			continue // whose end is waited for
		}
		edge := members[len(members)-1]
		if edge.probe() == nil && n.Now().Sub(edge.rare().repaired) > n.cfg.Probes[0] {
			edge.rarely().repaired = n.Now()
			n.to(edge, machine.ClassLiveness, n.leafProbe(false))
		}
	}
}

// askAround looks for the neighbours of a side that lost all: the nearest known node
// there leads to them. If the whole leaf set is lost, all who are known are asked,
// as any may be dead too; not more often than each may take to answer, as one that joins yet answers,
// too, and comes in later.
func (n *Node) askAround(s side) {
	if n.leafs.size() == 0 {
		n.eachKnown(func(c *contact) {
			if n.Now().Sub(c.rare().repaired) > n.cfg.Probes[0] {
				c.rarely().repaired = n.Now()
				n.probe(c)
			}
		})
		return
	}
	var best *contact
	var bestAway id.ID
	n.eachKnown(func(c *contact) {
		if !c.usable() || c.probe() != nil {
			return
		}
		if d := n.leafs.away(s, c.h.ID); best == nil || d.Less(bestAway) {
			best, bestAway = c, d
		}
	})
	if best != nil && n.Now().Sub(best.rare().repaired) > n.cfg.Probes[0] {
		best.rarely().repaired = n.Now()
		n.to(best, machine.ClassLiveness, n.leafProbe(false))
	}
}
