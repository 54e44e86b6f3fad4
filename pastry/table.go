package pastry

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// The routing table: rows[i][d] shares exactly i digits with this node and has
// digit d next, and is near by proximity among those that are known (Pastry 2001,
// section 2.1). All rows up to the longest that has an entry stand in one slice.

// slot returns where c belongs.
func (n *Node) slot(x id.ID) (row, col int) {
	row = n.cfg.Base.SharedPrefix(n.id(), x)
	if row >= n.cfg.Base.Rows() {
		return row, 0
	}
	return row, n.cfg.Base.Digit(x, row)
}

func (n *Node) entry(row, col int) *contact {
	if i := row*n.cfg.Base.Cols() + col; i < len(n.table) {
		return n.table[i]
	}
	return nil
}

// rows is the number of rows.
func (n *Node) rows() int { return len(n.table) / n.cfg.Base.Cols() }

// row returns the entries of row i, nil where there is none, by their next digit.
func (n *Node) row(i int) []*contact {
	if i >= n.rows() {
		return nil
	}
	return n.table[i*n.cfg.Base.Cols():][:n.cfg.Base.Cols()]
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
	if row >= n.rows() {
		longer := make([]*contact, (row+1)*n.cfg.Base.Cols())
		copy(longer, n.table)
		n.table = longer
	}
	if have != nil {
		have.is &^= inTable
	}
	n.row(row)[col] = c
	c.is |= inTable
	return true
}

// dropTable takes c out of the table. If c was its slot's entry, a leaf-set member
// that fits takes its place.
func (n *Node) dropTable(c *contact) {
	if c.is&inTable == 0 {
		return
	}
	row, col := n.slot(c.h.ID)
	n.row(row)[col] = nil
	c.is &^= inTable
	n.leafs.each(func(o *contact) bool {
		if r, k := n.slot(o.h.ID); r == row && k == col && o != c {
			n.offerTable(o)
		}
		return true
	})
}

// rowNodes returns the usable entries of a row, for messages; a new slice.
func (n *Node) rowNodes(i int) []*peer.Handle {
	var hs []*peer.Handle
	for _, c := range n.row(i) {
		if c != nil && c.usable() && c.active {
			hs = append(hs, c.h)
		}
	}
	return hs
}

// eachEntry calls f for every entry of the table, row by row.
func (n *Node) eachEntry(f func(c *contact)) {
	for _, c := range n.table {
		if c != nil {
			f(c)
		}
	}
}

// The neighbourhood set: the nearest nodes by proximity, nearest first. It gives
// fallback hops and nearby candidates (Pastry 2001, section 2.1).

func (n *Node) offerNear(c *contact) {
	if n.cfg.Neighbourhood == 0 || c.prox == 0 || c.life != alive {
		return
	}
	n.dropNear(c)
	if k := len(n.near); k >= n.cfg.Neighbourhood {
		last := n.near[k-1]
		if last.prox <= c.prox {
			return
		}
		last.is &^= inNear
		n.near = n.near[:k-1]
	}
	i := len(n.near)
	for i > 0 && n.near[i-1].prox > c.prox {
		i--
	}
	n.near = slices.Insert(n.near, i, c)
	c.is |= inNear
}

func (n *Node) dropNear(c *contact) {
	if c.is&inNear != 0 {
		i := slices.Index(n.near, c)
		n.near = slices.Delete(n.near, i, i+1)
		c.is &^= inNear
	}
}
