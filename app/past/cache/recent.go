package cache

import "github.com/phyllo-net/phyllo/id"

// Recent keeps what was asked for lately, for who would have to read it anew. It has two
// generations: when the younger one has half of the size the older one is forgotten, and what is asked
// for again goes from the older to the younger.
type Recent[V any] struct {
	half, used int // bytes; used by the younger generation
	new, old   map[id.Hash]recent[V]
}

type recent[V any] struct {
	value V
	size  int
}

// NewRecent returns one that keeps up to size bytes.
func NewRecent[V any](size int) *Recent[V] {
	return &Recent[V]{half: size / 2, new: make(map[id.Hash]recent[V])}
}

// Get returns what there is of an object.
func (r *Recent[V]) Get(o id.Hash) (v V, ok bool) {
	x, ok := r.new[o]
	if !ok {
		if x, ok = r.old[o]; ok {
			r.Put(o, x.value, x.size)
		}
	}
	return x.value, ok
}

// Put keeps a value of so many bytes for an object, unless it alone is more than half of all.
func (r *Recent[V]) Put(o id.Hash, v V, size int) {
	if size > r.half {
		return
	}
	r.used -= r.new[o].size
	if r.used+size > r.half {
		r.old, r.new, r.used = r.new, make(map[id.Hash]recent[V]), 0
	}
	delete(r.old, o)
	r.new[o] = recent[V]{v, size}
	r.used += size
}
