package field

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim"
)

// Census is who is in the ring: the running nodes that have claimed keys since their
// start, in the order of their ids. They stand in blocks, since the census of a million
// changes often, and one block is moved for a change and not all.
type Census struct {
	blocks [][]Member // none is empty
	count  int
}

// Member is a node in the ring.
type Member struct {
	ID  id.ID
	Ref sim.NodeRef
}

// fullBlock is the size at which a block is parted in two.
const fullBlock = 2048

// place finds where an id stands, or would stand: its block, and its place in there.
func (c *Census) place(x id.ID) (block, i int, there bool) {
	block, _ = slices.BinarySearchFunc(c.blocks, x, func(b []Member, x id.ID) int {
		if b[len(b)-1].ID.Less(x) {
			return -1
		}
		return 1
	})
	if block == len(c.blocks) {
		return block, 0, false
	}
	i, there = slices.BinarySearchFunc(c.blocks[block], x, func(m Member, x id.ID) int { return m.ID.Cmp(x) })
	return block, i, there
}

// rank is the number of members with lower ids.
func (c *Census) rank(x id.ID) int {
	block, i, _ := c.place(x)
	for _, b := range c.blocks[:block] {
		i += len(b)
	}
	return i
}

// at gives the member of a rank.
func (c *Census) at(rank int) Member {
	for _, b := range c.blocks {
		if rank < len(b) {
			return b[rank]
		}
		rank -= len(b)
	}
	panic("field: no member has that rank")
}

// All gives the members by their ranks.
func (c *Census) All() iter.Seq2[int, Member] {
	return func(yield func(int, Member) bool) {
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

func (c *Census) add(x id.ID, n sim.NodeRef) {
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
	b := slices.Insert(c.blocks[block], i, Member{x, n})
	c.blocks[block] = b
	c.count++
	if len(b) >= fullBlock {
		c.blocks[block] = b[: len(b)/2 : len(b)/2]
		c.blocks = slices.Insert(c.blocks, block+1, slices.Clone(b[len(b)/2:]))
	}
}

func (c *Census) remove(x id.ID) {
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

// Len is the number of members.
func (c *Census) Len() int { return c.count }

// Draw gives any member; there must be one.
func (c *Census) Draw(rng *rand.Rand) sim.NodeRef { return c.at(rng.IntN(c.count)).Ref }

// around yields the members nearest to a key, the nearest first, until yield is false
// or all were given.
func (c *Census) around(key id.ID, yield func(Member) bool) {
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
		if id.Closer(key, a.ID, b.ID) {
			b, next, step = a, &left, -1
		}
		*next = (*next + step + n) % n
		if !yield(b) {
			return
		}
	}
}

// Nearest gives the members nearest to a key, the root first.
func (c *Census) Nearest(key id.ID, count int) []Member {
	out := make([]Member, 0, count)
	c.around(key, func(m Member) bool {
		out = append(out, m)
		return len(out) < count
	})
	return out
}

// side gives the neighbours of a member on one side, the nearest first; step is 1 for
// those with higher ids, and -1.
func (c *Census) side(x id.ID, step, count int) []id.ID {
	i, n := c.rank(x), c.count
	out := make([]id.ID, 0, count)
	for k := 1; k <= min(count, n-1); k++ {
		out = append(out, c.at(((i+step*k)%n+n)%n).ID)
	}
	return out
}

// Within gives the members in a range of ids that does not pass zero.
func (c *Census) Within(r id.Range) []Member {
	from, to := 0, c.count
	if !r.Full {
		from = c.rank(r.From)
		to = c.rank(r.To)
		if _, _, there := c.place(r.To); there {
			to++
		}
	}
	out := make([]Member, 0, to-from)
	for _, b := range c.blocks {
		if from < len(b) && to > 0 {
			out = append(out, b[max(from, 0):min(to, len(b))]...)
		}
		from -= len(b)
		to -= len(b)
	}
	return out
}
