package divert

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/phyllo-net/phyllo/id"
)

// Policy is by which a ring spreads its replicas.
type Policy struct {
	// Primary is t_pri: the largest share of the room left that a replica may take at one of
	// the k nearest nodes; above 0, at most 1.
	Primary float64
	// Diverted is t_div: the same at a node to which a replica is diverted; 0 (nothing is
	// diverted) to Primary.
	Diverted float64
	// Salts is how many more salts a file is tried with; 0: file diversion is off.
	Salts int
	// Outsize is how many times the mean of its leaf set a node offers that is asked before
	// others to take replicas by diversion. Among several of them the one is drawn by lot,
	// with a chance in proportion to the room left. 0: none is.
	Outsize float64
	// Draws is the number of salts that are drawn each time: the file gets the one around
	// whose place most room is left. 1: the first that comes.
	Draws int
}

// Default returns the policy of phyllo's nodes: the paper's, and outsize is 4 times the
// mean.
func Default() Policy {
	p := Paper()
	p.Outsize = 4
	return p
}

// Balanced returns the default with the better of two salts, which evens out how full the
// parts of the ring are (Azar, Broder, Karlin and Upfal, Balanced allocations, 1994). Nodes
// do not draw, see the package's comment: it is measured beside the others.
func Balanced() Policy {
	p := Default()
	p.Draws = 2
	return p
}

// Paper returns the policy of PAST: thresholds of 0.1 and 0.05, and three more salts.
func Paper() Policy { return Policy{Primary: 0.1, Diverted: 0.05, Salts: 3, Draws: 1} }

// None returns the policy that diverts nothing and refuses only what does not fit: the
// paper compares with it.
func None() Policy { return Policy{Primary: 1, Draws: 1} }

// Limits: each salt costs a whole insert, and each draw a question.
const maxSalts, maxDraws = 16, 16

// Validate returns an error that names the first threshold out of its range.
func (p Policy) Validate() error {
	switch {
	case !(p.Primary > 0 && p.Primary <= 1):
		return fmt.Errorf("divert: Primary is %v, want more than 0 and at most 1", p.Primary)
	case !(p.Diverted >= 0 && p.Diverted <= p.Primary):
		return fmt.Errorf("divert: Diverted is %v, want 0 to Primary, %v", p.Diverted, p.Primary)
	case p.Salts < 0 || p.Salts > maxSalts:
		return fmt.Errorf("divert: Salts is %d, want 0 to %d", p.Salts, maxSalts)
	case p.Draws < 1 || p.Draws > maxDraws:
		return fmt.Errorf("divert: Draws is %d, want 1 to %d", p.Draws, maxDraws)
	case !(p.Outsize == 0 || p.Outsize >= 1):
		return fmt.Errorf("divert: Outsize is %v, want 0, or 1 and more", p.Outsize)
	}
	return nil
}

// Takes reports whether one of the k nearest nodes takes a replica of so many bytes, with
// so many bytes left.
func (p Policy) Takes(size, left int64) bool { return takes(p.Primary, size, left) }

// TakesDiverted is Takes for a node to which a replica is diverted.
func (p Policy) TakesDiverted(size, left int64) bool { return takes(p.Diverted, size, left) }

func takes(share float64, size, left int64) bool {
	return size <= left && float64(size) <= share*float64(left)
}

// Place is the neighbourhood of a place on the ring, where an object may go.
type Place struct{ Left, Offered int64 }

// Best returns which of several places has most room for what it offers, as an index; of
// equal ones the first, -1 of none.
func Best(places []Place) int {
	best, most := -1, 0.0
	for i, p := range places {
		if share := float64(p.Left) / max(float64(p.Offered), 1); best < 0 || share > most {
			best, most = i, share
		}
	}
	return best
}

// Member is a node of the leaf set of one that diverts: none of the k nearest, with no
// replica of the object.
type Member struct {
	Node    id.ID
	Left    int64 // bytes that it has room for
	Offered int64 // bytes that it offers in all
}

// Choose returns which member is to take a diverted replica, as an index; -1: nobody does.
// Of equal ones the first is taken.
func (p Policy) Choose(object id.Hash, size int64, from []Member) int {
	best, outsize, least := -1, false, 0.0
	limit := p.outsize(from)
	for i, m := range from {
		if !p.TakesDiverted(size, m.Left) {
			continue
		}
		large := limit > 0 && float64(m.Offered) > limit
		if outsize && !large {
			continue
		}
		var rank float64 // smaller is better
		if large {
			rank = lot(object, m)
		} else {
			rank = -float64(m.Left)
		}
		if best < 0 || large && !outsize || rank < least {
			best, outsize, least = i, large, rank
		}
	}
	return best
}

// outsize is the offer above which a member is outsize, 0 if none is.
func (p Policy) outsize(from []Member) float64 {
	if p.Outsize == 0 || len(from) == 0 {
		return 0
	}
	sum := 0.0
	for _, m := range from {
		sum += float64(m.Offered)
	}
	return p.Outsize * sum / float64(len(from))
}

// lot draws a number for a member that is the smallest of all with a chance in proportion
// to the room left. It needs no source of randomness: one object gives one draw.
func lot(object id.Hash, m Member) float64 {
	h := id.HashOf("lot", object, m.Node)
	u := (float64(binary.BigEndian.Uint64(h[:])>>11) + 0.5) / (1 << 53)
	return -math.Log(u) / max(float64(m.Left), 1)
}
