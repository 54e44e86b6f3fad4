package mem

import (
	"bytes"
	"slices"
)

// pageSize is how many records a page holds at most: what is inserted moves those behind it in
// its page, so that it costs the same in a table of any size.
const pageSize = 128

// run is a sorted list of records, in pages of which none is empty. Keys and values never change.
type run struct {
	pages   [][]record
	readers int
}

// place is where a record stands in a run, or would stand: behind the last one of a page that is the
// first of the next.
type place struct{ page, index int }

func (a place) before(b place) bool {
	return a.page < b.page || a.page == b.page && a.index < b.index
}

func (r *run) at(p place) record { return r.pages[p.page][p.index] }

// following is the place after one that has a record.
func (r *run) following(p place) place {
	if p.index++; p.index == len(r.pages[p.page]) {
		return place{page: p.page + 1}
	}
	return p
}

// previous is the place before one that is not the first.
func (r *run) previous(p place) place {
	if p.index == 0 {
		p.page--
		p.index = len(r.pages[p.page])
	}
	p.index--
	return p
}

// search returns where the first record stands whose key is not below, and whether it has the key.
func (r *run) search(key []byte) (place, bool) {
	page, _ := slices.BinarySearchFunc(r.pages, key, func(p []record, key []byte) int {
		return bytes.Compare(p[len(p)-1].key, key)
	})
	if page == len(r.pages) {
		return place{page: page}, false
	}
	i, ok := slices.BinarySearchFunc(r.pages[page], key, func(rec record, key []byte) int {
		return bytes.Compare(rec.key, key)
	})
	return place{page, i}, ok
}

// insert puts a record at a place that search returned for its key.
func (r *run) insert(p place, rec record) {
	if p.page == len(r.pages) { // behind all that are there
		if p.page == 0 {
			r.pages = append(r.pages, nil)
		} else {
			p.page--
		}
		p.index = len(r.pages[p.page])
	}
	if full := r.pages[p.page]; len(full) == pageSize {
		const half = pageSize / 2
		r.pages = slices.Insert(r.pages, p.page+1, slices.Clone(full[half:]))
		clear(full[half:])
		r.pages[p.page] = full[:half]
		if p.index > half {
			p = place{p.page + 1, p.index - half}
		}
	}
	r.pages[p.page] = slices.Insert(r.pages[p.page], p.index, rec)
}

// remove takes a record out.
func (r *run) remove(p place) {
	r.pages[p.page] = slices.Delete(r.pages[p.page], p.index, p.index+1)
	if len(r.pages[p.page]) == 0 {
		r.pages = slices.Delete(r.pages, p.page, p.page+1)
	}
}

// clone returns a run of the same records that nobody reads.
func (r *run) clone() *run {
	c := &run{pages: make([][]record, len(r.pages))}
	for i, p := range r.pages {
		c.pages[i] = slices.Clone(p)
	}
	return c
}

func (r *run) len() (n int) {
	for _, p := range r.pages {
		n += len(p)
	}
	return n
}
