package cache

import "github.com/phyllo-net/phyllo/id"

// Peek is Get without consequences.
func (r *Recent[V]) Peek(o id.Hash) (V, bool) {
	x, ok := r.new[o]
	if !ok {
		x, ok = r.old[o]
	}
	return x.value, ok
}
