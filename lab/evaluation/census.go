package evaluation

import (
	"math/rand/v2"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim"
)

// census is who is in the ring: the running nodes that have claimed keys since their
// start, in the order of their ids.
type census struct{ members []member }

type member struct {
	id  id.ID
	ref sim.NodeRef
}

func (c *census) find(x id.ID) (int, bool) {
	return slices.BinarySearchFunc(c.members, x, func(m member, x id.ID) int { return m.id.Cmp(x) })
}

func (c *census) add(x id.ID, n sim.NodeRef) {
	if i, there := c.find(x); !there {
		c.members = slices.Insert(c.members, i, member{x, n})
	}
}

func (c *census) remove(x id.ID) {
	if i, there := c.find(x); there {
		c.members = slices.Delete(c.members, i, i+1)
	}
}

func (c *census) len() int { return len(c.members) }

// draw gives any member; there must be one.
func (c *census) draw(rng *rand.Rand) sim.NodeRef { return c.members[rng.IntN(len(c.members))].ref }

// around yields the members nearest to a key, the nearest first, until yield is false
// or all were given.
func (c *census) around(key id.ID, yield func(member) bool) {
	n := len(c.members)
	if n == 0 {
		return
	}
	right, _ := c.find(key)
	left := right - 1
	for range n {
		a, b := c.members[(left+n)%n], c.members[right%n]
		next := &right
		step := 1
		if id.Closer(key, a.id, b.id) {
			b, next, step = a, &left, -1
		}
		*next = (*next + step + n) % n
		if !yield(b) {
			return
		}
	}
}

// nearest gives the members nearest to a key, the root first.
func (c *census) nearest(key id.ID, count int) []member {
	out := make([]member, 0, count)
	c.around(key, func(m member) bool {
		out = append(out, m)
		return len(out) < count
	})
	return out
}

// side gives the neighbours of a member on one side, the nearest first; step is 1 for
// those with higher ids, and -1.
func (c *census) side(x id.ID, step, count int) []id.ID {
	i, _ := c.find(x)
	n := len(c.members)
	out := make([]id.ID, 0, count)
	for k := 1; k <= min(count, n-1); k++ {
		out = append(out, c.members[((i+step*k)%n+n)%n].id)
	}
	return out
}

// within gives the members in a range of ids that does not pass zero.
func (c *census) within(r id.Range) []member {
	if r.Full {
		return c.members
	}
	from, _ := c.find(r.From)
	to, there := c.find(r.To)
	if there {
		to++
	}
	return c.members[from:to]
}
