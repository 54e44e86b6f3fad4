package sim

const (
	// lookahead is how many of the next events a wheel knows, if there are so many.
	lookahead = 12
	// maxSorted is how many events of one tick are sorted into the run; a heap is faster for more.
	maxSorted = 64
)

// inRun is the next of an event that stands in a wheel's run. Its prev is its place there.
const inRun = ^uint32(0)

// run is a queue of sorted keys. Places are counted on and on, over the end of the numbers.
type run struct {
	keys       [2 * maxSorted]key // more than lookahead and maxSorted
	begin, end uint32
}

func (r *run) len() int { return int(r.end - r.begin) }

// at is the k-th key. Its ref is none if it was taken out.
func (r *run) at(k int) *key { return r.place(r.begin + uint32(k)) }

func (r *run) place(i uint32) *key { return &r.keys[i%uint32(len(r.keys))] }

// put puts a key at the end, where there must be room.
func (r *run) put(k key) {
	*r.place(r.end) = k
	r.end++
}

// skip passes those that were taken out, up to the first that was not.
func (r *run) skip() {
	for r.begin != r.end && r.place(r.begin).ref == none {
		r.begin++
	}
}

// pop returns the event of the first key, or none if it comes after limit.
func (r *run) pop(limit int64) uint32 {
	k := r.at(0)
	if k.at > limit {
		return none
	}
	r.begin++
	return k.ref
}

// sort sorts the keys from a place to the end.
func (r *run) sort(first uint32) {
	for i := first; i != r.end; i++ {
		k, j := *r.place(i), i
		for ; j != first && k.less(r.place(j-1)); j-- {
			*r.place(j) = *r.place(j - 1)
		}
		*r.place(j) = k
	}
}
