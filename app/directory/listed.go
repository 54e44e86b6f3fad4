package directory

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Listing asks a node for records that it answers for.
type Listing struct {
	// After is where the last page ended; nil: the first one is wanted.
	After *id.Hash
	// Match reports whether a name is wanted. It is called in Work.
	Match func(Name) bool
	// Bytes bounds the records of a page, encoded; one record comes in any case.
	Bytes int
}

// Page is a part of what a node lists.
type Page struct {
	Records []*Record // in the order of their names' hashes
	Last    id.Hash   // the name up to which all was looked at, if there is More
	More    bool
}

// speakers is how many of a record's keepers list it: so it shows although one of them is
// dead, new, or a liar.
const speakers = 2

// listStep is how many records are read from the store at once.
const listStep = 64

// Listed returns those records of people that this node keeps as one of the two nodes
// nearest to their names, that stand, and whose owners do not hide from lists. Errors:
// of the store, or task.ErrStopped.
func (d *Directory) Listed(t *task.T, q Listing) (Page, error) {
	var page Page
	for left := q.Bytes; ; {
		names, more := d.speaksFor(q.After)
		if len(names) == 0 {
			return page, nil
		}
		rs, err := d.readListed(t, names, q.Match)
		if err != nil {
			return Page{}, err
		}
		for _, r := range rs {
			size := len(wire.MustMarshal(r))
			if size > left && len(page.Records) > 0 {
				page.More = true
				return page, nil
			}
			left -= size
			page.Records, page.Last = append(page.Records, r), r.Name.Hash()
		}
		page.Last, q.After = names[len(names)-1], &names[len(names)-1]
		if !more {
			return page, nil
		}
	}
}

// speaksFor returns the names after one for which this node speaks in lists, and whether
// there are more than one step of them.
func (d *Directory) speaksFor(after *id.Hash) (names []id.Hash, more bool) {
	i, wall, self := 0, d.ep.Wall(), d.ep.Self().ID
	if after != nil {
		var have bool
		if i, have = d.shelf.at(*after); have {
			i++
		}
	}
	for _, e := range d.shelf.list[i:] {
		if !e.stands || e.lapsed(wall, &d.cfg) || !contains(d.ep.ReplicaSet(e.name.Place(), speakers), self) {
			continue
		}
		if len(names) == listStep {
			return names, true
		}
		names = append(names, e.name)
	}
	return names, false
}

// readListed reads those records of a list that may be listed. What cannot be read is left
// out: whoever reads it for its name finds that, and mends it.
func (d *Directory) readListed(t *task.T, names []id.Hash, match func(Name) bool) ([]*Record, error) {
	st := d.cfg.Store
	names = slices.Clone(names)
	return task.Work(t, disk, func() (out []*Record, err error) {
		for _, name := range names {
			b, err := st.Get(Table, name[:])
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
				continue
			}
			if err != nil {
				return nil, err
			}
			s := new(stored)
			if wire.Unmarshal(b, s) != nil {
				continue
			}
			if r := s.Claim.Record; r.Name.Kind() == Person && !r.Profile.Unlisted && match(r.Name) {
				out = append(out, r)
			}
		}
		return out, nil
	})
}
