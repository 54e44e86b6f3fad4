package pastry

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// The routing table: rows[i][d] shares exactly i digits with this node and has
// digit d next, and is near by proximity among those that are known (Pastry 2001,
// section 2.1). Rows exist once they have an entry.

// slot returns where c belongs.
func (n *Node) slot(x id.ID) (row, col int) {
	row = n.cfg.Base.SharedPrefix(n.self.ID, x)
	if row >= n.cfg.Base.Rows() {
		return row, 0
	}
	return row, n.cfg.Base.Digit(x, row)
}

func (n *Node) entry(row, col int) *contact {
	if row >= len(n.rows) || n.rows[row] == nil {
		return nil
	}
	return n.rows[row][col]
}

func (n *Node) inTable(c *contact) bool {
	row, col := n.slot(c.h.ID)
	return n.entry(row, col) == c
}

// offerTable puts c into its slot if that is empty or c is nearer than what is
// there.
func (n *Node) offerTable(c *contact) bool {
	row, col := n.slot(c.h.ID)
	if row >= n.cfg.Base.Rows() || c.life != alive || !c.met {
		return false
	}
	have := n.entry(row, col)
	if have == c || have != nil && have.usable() && have.distance() <= c.distance() {
		return have == c
	}
	for len(n.rows) <= row {
		n.rows = append(n.rows, nil)
	}
	if n.rows[row] == nil {
		n.rows[row] = make([]*contact, n.cfg.Base.Cols())
	}
	n.rows[row][col] = c
	return true
}

// dropTable takes c out of the table. If c was its slot's entry, a leaf-set member
// that fits takes its place.
func (n *Node) dropTable(c *contact) {
	row, col := n.slot(c.h.ID)
	if n.entry(row, col) != c {
		return
	}
	n.rows[row][col] = nil
	n.leafs.each(func(o *contact) bool {
		if r, k := n.slot(o.h.ID); r == row && k == col && o != c {
			n.offerTable(o)
		}
		return true
	})
}

// rowNodes returns the usable entries of a row, for messages; a new slice.
func (n *Node) rowNodes(i int) []*peer.Handle {
	if i >= len(n.rows) {
		return nil
	}
	var hs []*peer.Handle
	for _, c := range n.rows[i] {
		if c != nil && c.usable() && c.active {
			hs = append(hs, c.h)
		}
	}
	return hs
}

// eachEntry calls f for every entry of the table, row by row.
func (n *Node) eachEntry(f func(c *contact)) {
	for _, r := range n.rows {
		for _, c := range r {
			if c != nil {
				f(c)
			}
		}
	}
}

// The neighbourhood set: the nearest nodes by proximity, nearest first. It gives
// fallback hops and nearby candidates (Pastry 2001, section 2.1).

func (n *Node) inNear(c *contact) bool { return slices.Contains(n.near, c) }

func (n *Node) offerNear(c *contact) {
	if n.cfg.Neighbourhood == 0 || c.prox == 0 || c.life != alive {
		return
	}
	if i := slices.Index(n.near, c); i >= 0 {
		n.near = slices.Delete(n.near, i, i+1)
	} else if len(n.near) >= n.cfg.Neighbourhood && n.near[len(n.near)-1].prox <= c.prox {
		return
	}
	i := len(n.near)
	for i > 0 && n.near[i-1].prox > c.prox {
		i--
	}
	n.near = slices.Insert(n.near, i, c)
	if len(n.near) > n.cfg.Neighbourhood {
		n.near = n.near[:n.cfg.Neighbourhood]
	}
}

func (n *Node) dropNear(c *contact) {
	if i := slices.Index(n.near, c); i >= 0 {
		n.near = slices.Delete(n.near, i, i+1)
	}
}
