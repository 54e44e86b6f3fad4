package space

// maxLists is how many lists of pieces are remembered, for those who read on: a few
// megabytes at most.
const maxLists = 64

// cache remembers what never changes under its key: at least as many as it is for, and at most
// twice as many.
type cache[K comparable, V any] struct {
	most     int
	new, old map[K]V
}

func newCache[K comparable, V any](most int) cache[K, V] {
	return cache[K, V]{most: most, new: make(map[K]V)}
}

func (c *cache[K, V]) get(k K) (v V, known bool) {
	if v, known = c.new[k]; known {
		return v, true
	}
	if v, known = c.old[k]; known {
		c.put(k, v)
	}
	return v, known
}

func (c *cache[K, V]) put(k K, v V) {
	if len(c.new) >= c.most {
		c.old, c.new = c.new, make(map[K]V)
	}
	c.new[k] = v
}
