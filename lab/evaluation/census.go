package evaluation

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim"
)

// census is who is in the ring: the running nodes that have claimed keys since their
// start, in the order of their ids. They stand in blocks, since the census of a million
// changes often, and one block is moved for a change and not all.
type census struct {
	blocks [][]member // none is empty
	count  int
}

type member struct {
	id  id.ID
	ref sim.NodeRef
}

// fullBlock is the size at which a block is parted in two.
const fullBlock = 2048

// place finds where an id stands, or would stand: its block, and its place in there.
func (c *census) place(x id.ID) (block, i int, there bool) {
	block, _ = slices.BinarySearchFunc(c.blocks, x, func(b []member, x id.ID) int {
		if b[len(b)-1].id.Less(x) {
			return -1
		}
		return 1
	})
	if block == len(c.blocks) {
		return block, 0, false
	}
	i, there = slices.BinarySearchFunc(c.blocks[block], x, func(m member, x id.ID) int { return m.id.Cmp(x) })
	return block, i, there
}

// rank is the number of members with lower ids.
func (c *census) rank(x id.ID) int {
	block, i, _ := c.place(x)
	for _, b := range c.blocks[:block] {
		i += len(b)
	}
	return i
}

// at gives the member of a rank.
func (c *census) at(rank int) member {
	for _, b := range c.blocks {
		if rank < len(b) {
			return b[rank]
		}
		rank -= len(b)
	}
	panic("evaluation: no member has that rank")
}

// all gives the members by their ranks.
func (c *census) all() iter.Seq2[int, member] {
	return func(yield func(int, member) bool) {
		rank := 0
		for _, b := range c.blocks {
			for _, m := range b {
				if !yield(rank, m) {
					return
				}
				rank++
			}
		}
	}
}

func (c *census) add(x id.ID, n sim.NodeRef) {
	block, i, there := c.place(x)
	switch {
	case there:
		return
	case len(c.blocks) == 0:
		c.blocks = append(c.blocks, nil)
	case block == len(c.blocks): // higher than all
		block--
		i = len(c.blocks[block])
	}
	b := slices.Insert(c.blocks[block], i, member{x, n})
	c.blocks[block] = b
	c.count++
	if len(b) >= fullBlock {
		c.blocks[block] = b[: len(b)/2 : len(b)/2]
		c.blocks = slices.Insert(c.blocks, block+1, slices.Clone(b[len(b)/2:]))
	}
}

func (c *census) remove(x id.ID) {
	block, i, there := c.place(x)
	if !there {
		return
	}
	c.count--
	c.blocks[block] = slices.Delete(c.blocks[block], i, i+1)
	if len(c.blocks[block]) == 0 {
		c.blocks = slices.Delete(c.blocks, block, block+1)
	}
}

func (c *census) len() int { return c.count }

// draw gives any member; there must be one.
func (c *census) draw(rng *rand.Rand) sim.NodeRef { return c.at(rng.IntN(c.count)).ref }

// around yields the members nearest to a key, the nearest first, until yield is false
// or all were given.
func (c *census) around(key id.ID, yield func(member) bool) {
	n := c.count
	if n == 0 {
		return
	}
	right := c.rank(key)
	left := right - 1
	for range n {
		a, b := c.at((left+n)%n), c.at(right%n)
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
	i, n := c.rank(x), c.count
	out := make([]id.ID, 0, count)
	for k := 1; k <= min(count, n-1); k++ {
		out = append(out, c.at(((i+step*k)%n+n)%n).id)
	}
	return out
}

// within gives the members in a range of ids that does not pass zero.
func (c *census) within(r id.Range) []member {
	from, to := 0, c.count
	if !r.Full {
		from = c.rank(r.From)
		to = c.rank(r.To)
		if _, _, there := c.place(r.To); there {
			to++
		}
	}
	out := make([]member, 0, to-from)
	for _, b := range c.blocks {
		if from < len(b) && to > 0 {
			out = append(out, b[max(from, 0):min(to, len(b))]...)
		}
		from -= len(b)
		to -= len(b)
	}
	return out
}
