package directory

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Check returns an error if the directory contradicts itself. It is cheap enough to be
// called after every step of a small simulation.
func (d *Directory) Check() error {
	for i, e := range d.shelf.list {
		if i > 0 && slices.Compare(d.shelf.list[i-1].name[:], e.name[:]) >= 0 {
			return fmt.Errorf("directory of %s: entries %d and %d are not in order", d.ep.Self(), i-1, i)
		}
		if e.identity.IsZero() || e.time <= 0 {
			return fmt.Errorf("directory of %s: entry %d belongs to nobody", d.ep.Self(), i)
		}
	}
	switch {
	case len(d.shelf.list) > d.cfg.MaxRecords:
		return fmt.Errorf("directory of %s: %d records, at most %d", d.ep.Self(), len(d.shelf.list), d.cfg.MaxRecords)
	case len(d.cache.list) > d.cfg.CacheSize:
		return fmt.Errorf("directory of %s: %d names remembered, at most %d", d.ep.Self(), len(d.cache.list), d.cfg.CacheSize)
	case d.serving < 0 || d.serving > d.cfg.MaxTasks:
		return fmt.Errorf("directory of %s: %d tasks, at most %d", d.ep.Self(), d.serving, d.cfg.MaxTasks)
	}
	return nil
}

// claimed is whose a name is in somebody's eyes.
type claimed struct {
	name id.Hash
	key  peer.Key
	by   id.ID
}

// oneKey returns an error if two of the list give one name different keys.
func oneKey(what string, list []claimed) error {
	slices.SortStableFunc(list, func(a, b claimed) int { return slices.Compare(a.name[:], b.name[:]) })
	for i := 1; i < len(list); i++ {
		if a, b := list[i-1], list[i]; a.name == b.name && a.key != b.key {
			return fmt.Errorf("directory: %s %s and %s give the name %s to the keys %s and %s",
				what, a.by.Short(), b.by.Short(), a.name.Place().Short(), Fingerprint(a.key), Fingerprint(b.key))
		}
	}
	return nil
}

// CheckBeliefs returns an error if two directories of one connected ring believe
// different keys for one name, of what they verified within the last while.
func CheckBeliefs(while time.Duration, ds ...*Directory) error {
	var list []claimed
	for _, d := range ds {
		for _, c := range d.cache.list {
			if d.ep.Now().Sub(c.found.At) <= while {
				list = append(list, claimed{c.name.Hash(), c.found.Record.Identity, d.ep.Self().ID})
			}
		}
	}
	return oneKey("readers", list)
}

// CheckHolders returns an error if, in a connected ring whose nodes are all in ds and
// that has been calm for some seconds, the holders of a name do not keep the same. It
// asks for the whole truth, which no node knows, and is for simulations only.
func CheckHolders(ds ...*Directory) error {
	var names []id.Hash
	for _, d := range ds {
		for _, e := range d.shelf.list {
			if e.stands {
				names = append(names, e.name)
			}
		}
	}
	slices.SortFunc(names, func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) })
	var list []claimed
	for _, name := range slices.Compact(names) {
		var digests []uint64
		for _, d := range nearest(name.Place(), ds) {
			e := d.shelf.find(name)
			if e == nil || !e.stands {
				return fmt.Errorf("directory: %s, a holder of the name %s, does not keep it", d.ep.Self(), name.Place().Short())
			}
			digests = append(digests, e.digest)
			list = append(list, claimed{name, e.identity, d.ep.Self().ID})
		}
		if err := oneKey("holders", list); err != nil {
			return err
		}
		if slices.Min(digests) != slices.Max(digests) {
			return fmt.Errorf("directory: the holders of the name %s keep different records of it", name.Place().Short())
		}
	}
	return nil
}

// nearest returns the directories that should keep a key.
func nearest(key id.ID, ds []*Directory) []*Directory {
	near := slices.Clone(ds)
	slices.SortFunc(near, func(a, b *Directory) int {
		x, y := a.ep.Self().ID, b.ep.Self().ID
		switch {
		case x == y:
			return 0
		case id.Closer(key, x, y):
			return -1
		}
		return 1
	})
	return near[:min(near[0].cfg.Replicas, len(near))]
}
