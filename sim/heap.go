package sim

// key orders an event without touching it. It holds no pointer.
type key struct {
	moment
	ref uint32
}

func (k *key) less(l *key) bool { return k.at < l.at || k.at == l.at && k.order < l.order }

// heap is a queue: a heap of keys with four children a node, in which each event
// knows its place, so that one can be taken out of the middle.
type heap struct {
	slab *slab
	keys []key
}

func (h *heap) push(ref uint32) {
	h.keys = append(h.keys, key{})
	h.slab.events[ref].next = none // it stands in no list
	h.up(len(h.keys)-1, key{h.slab.events[ref].moment, ref})
}

func (h *heap) pop(limit int64) uint32 {
	if len(h.keys) == 0 || h.keys[0].at > limit {
		return none
	}
	ref := h.keys[0].ref
	h.remove(ref)
	return ref
}

func (h *heap) remove(ref uint32) {
	i := int(h.slab.events[ref].prev)
	n := len(h.keys) - 1
	last := h.keys[n]
	h.keys = h.keys[:n]
	switch {
	case i == n:
	case i > 0 && last.less(&h.keys[(i-1)/4]):
		h.up(i, last)
	default:
		h.down(i, last)
	}
}

// up puts k at i, or above.
func (h *heap) up(i int, k key) {
	events := h.slab.events
	for i > 0 {
		p := (i - 1) / 4
		if !k.less(&h.keys[p]) {
			break
		}
		h.keys[i] = h.keys[p]
		events[h.keys[i].ref].prev = uint32(i)
		i = p
	}
	h.keys[i] = k
	events[k.ref].prev = uint32(i)
}

// down puts k at i, or below.
func (h *heap) down(i int, k key) {
	events := h.slab.events
	for {
		c := 4*i + 1
		if c >= len(h.keys) {
			break
		}
		least := c
		for j := c + 1; j < min(c+4, len(h.keys)); j++ {
			if h.keys[j].less(&h.keys[least]) {
				least = j
			}
		}
		if !h.keys[least].less(&k) {
			break
		}
		h.keys[i] = h.keys[least]
		events[h.keys[i].ref].prev = uint32(i)
		i = least
	}
	h.keys[i] = k
	events[k.ref].prev = uint32(i)
}
