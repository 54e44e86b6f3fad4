package cache

import (
	"container/heap"
	"fmt"

	"github.com/phyllo-net/phyllo/id"
)

// Policy says which copy goes first.
type Policy uint8

// Policies.
const (
	None           Policy = iota // nothing is cached
	LeastRecent                  // the one that was not asked for for the longest time
	GreedyDualSize               // see the package
)

// String gives the policy to people.
func (p Policy) String() string {
	switch p {
	case None:
		return "none"
	case LeastRecent:
		return "LRU"
	case GreedyDualSize:
		return "GD-S"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// Valid reports whether there is such a policy.
func (p Policy) Valid() bool { return p <= GreedyDualSize }

// Cache holds copies within a number of bytes. V is what is known of a copy besides its
// size. It is for one task at a time.
type Cache[V any] struct {
	policy Policy
	limit  int64
	used   int64
	copies map[id.Hash]*slot[V]
	queue  queue[V]
	floor  float64 // weight of the copy that went last
	count  uint64  // of events
}

type slot[V any] struct {
	object id.Hash
	size   int64
	value  V
	weight float64
	turn   uint64 // of equal weights the one that was touched first goes
	place  int    // in the queue
}

// New returns a cache without room: see Resize.
func New[V any](p Policy) *Cache[V] {
	return &Cache[V]{policy: p, copies: make(map[id.Hash]*slot[V])}
}

// Len is the number of copies.
func (c *Cache[V]) Len() int { return len(c.queue) }

// Used is the room that copies take, in bytes; Limit is what they may take.
func (c *Cache[V]) Used() int64 { return c.used }

// Limit is the room that copies may take, in bytes.
func (c *Cache[V]) Limit() int64 { return c.limit }

// Resize gives the cache so many bytes; copies go until the others fit. What goes is told to
// gone, which may be nil.
func (c *Cache[V]) Resize(limit int64, gone func(id.Hash, V)) {
	c.limit = max(limit, 0)
	c.fit(0, gone)
}

// Admits reports whether a copy of this size would be taken: PAST caches what is smaller
// than the cache.
func (c *Cache[V]) Admits(size int64) bool {
	return c.policy != None && size >= 0 && size < c.limit
}

// Put adds a copy, or counts as a hit where there is one, and reports whether it was
// added. Other copies go to make room, which is told to gone, which may be nil.
func (c *Cache[V]) Put(object id.Hash, size int64, value V, gone func(id.Hash, V)) bool {
	if s := c.copies[object]; s != nil {
		c.touch(s)
		heap.Fix(&c.queue, s.place)
		return false
	}
	if !c.Admits(size) {
		return false
	}
	c.fit(size, gone)
	s := &slot[V]{object: object, size: size, value: value}
	c.touch(s)
	c.copies[object] = s
	c.used += size
	heap.Push(&c.queue, s)
	return true
}

// Offer is Put for a copy that nobody here has asked for yet: it is taken only where
// there is room, or in place of copies that weigh less.
func (c *Cache[V]) Offer(object id.Hash, size int64, value V, gone func(id.Hash, V)) bool {
	if c.copies[object] == nil && c.used+size > c.limit && !c.outweighs(size) {
		return false
	}
	return c.Put(object, size, value, gone)
}

// outweighs reports whether a new copy would weigh more than the one that goes first.
func (c *Cache[V]) outweighs(size int64) bool {
	return c.policy == GreedyDualSize && len(c.queue) > 0 && c.floor+1/float64(max(size, 1)) > c.queue[0].weight
}

// Get returns a copy and counts the hit.
func (c *Cache[V]) Get(object id.Hash) (value V, ok bool) {
	s := c.copies[object]
	if s == nil {
		return value, false
	}
	c.touch(s)
	heap.Fix(&c.queue, s.place)
	return s.value, true
}

// Has is Get without a hit.
func (c *Cache[V]) Has(object id.Hash) bool { return c.copies[object] != nil }

// Remove takes a copy away, and reports whether there was one.
func (c *Cache[V]) Remove(object id.Hash) bool {
	s := c.copies[object]
	if s == nil {
		return false
	}
	heap.Remove(&c.queue, s.place)
	c.forget(s)
	return true
}

// fit lets copies go until there is room for so many bytes.
func (c *Cache[V]) fit(size int64, gone func(id.Hash, V)) {
	for len(c.queue) > 0 && c.used+size > c.limit {
		s := heap.Pop(&c.queue).(*slot[V])
		c.floor = s.weight
		c.forget(s)
		if gone != nil {
			gone(s.object, s.value)
		}
	}
}

func (c *Cache[V]) forget(s *slot[V]) {
	delete(c.copies, s.object)
	c.used -= s.size
}

// touch weighs a copy that came or was asked for.
func (c *Cache[V]) touch(s *slot[V]) {
	c.count++
	s.turn = c.count
	if c.policy == GreedyDualSize {
		s.weight = c.floor + 1/float64(max(s.size, 1))
	}
}

// queue has the copy that goes first at its head.
type queue[V any] []*slot[V]

func (q queue[V]) Len() int { return len(q) }

func (q queue[V]) Less(i, j int) bool {
	if q[i].weight != q[j].weight {
		return q[i].weight < q[j].weight
	}
	return q[i].turn < q[j].turn
}

func (q queue[V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue[V]) Push(x any) {
	s := x.(*slot[V])
	s.place = len(*q)
	*q = append(*q, s)
}

// Pop implements heap.Interface.
func (q *queue[V]) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return s
}
