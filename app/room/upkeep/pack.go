package upkeep

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// manyPacks is how many packs a head names before small ones are made one: fewPacks at least.
	manyPacks, fewPacks = 24, 8
	// packsAtOnce is how many packs are made before the head says so.
	packsAtOnce = 8
	// readAtOnce is how many entries are read for a pack.
	readAtOnce = 1 << 11
	// Grace is how long a pack stays that no head names, for those who read a head just now.
	Grace = 10 * time.Minute
	// mendEvery is the least time in which a log is packed anew twice, as packs were lost.
	mendEvery = 24 * time.Hour
)

// Packing is what was packed while a head is written, which may take more than one version of it.
type Packing struct {
	packs []*shelf.Ref
	ends  []id.Hash              // the last entries of what packs hold, those of the head among them
	anew  map[id.Hash]*shelf.Ref // those that were made anew, by what they take the place of
	unfit int                    // how many were to be made anew, and could not be read or hold nothing of the log
	late  error                  // what could not be done, and keeps nothing else from being written; nil: nothing

	asked    int  // of how many storage was asked when they end
	answered bool // it has said it of one
}

// Begin returns a packing in which nothing was packed yet.
func Begin() *Packing { return &Packing{anew: map[id.Hash]*shelf.Ref{}} }

// Late is what could not be done, and keeps nothing else from being written; nil: nothing.
func (p *Packing) Late() error { return p.late }

// More reports whether there may be more to do than is done at once. unpacked tells that entries are to be in packs
// and are in none.
func (p *Packing) More(unpacked bool) bool {
	return unpacked && len(p.packs) >= packsAtOnce || len(p.anew) == packsAtOnce
}

// Amend has the packs that a head names hold what is in the log, and makes anew what ends soon.
func (u *Upkeep) Amend(t *task.T, head *shelf.Head, p *Packing) error {
	if err := u.mend(head, p); err != nil {
		return err
	}
	if err := u.pack(t, head, p); err != nil {
		return err
	}
	if err := u.renew(t, head, p); err != nil {
		return err
	}
	return u.join(t, head)
}

// mend has all packed anew where a pack was lost, as what it held nobody knows.
func (u *Upkeep) mend(head *shelf.Head, p *Packing) error {
	now := u.Env.Now()
	torn := slices.ContainsFunc(head.Packs, func(r *shelf.Ref) bool { return u.torn[r.Object] })
	if !torn || !head.Settled() || u.mended != 0 && now.Sub(u.mended) < mendEvery || !u.Log.HasAll(entry.Hashes(head.Packed)) {
		return nil
	}
	head.Packs, head.Packed = nil, nil
	clear(u.torn)
	u.mended = now
	*p = *Begin()
	return nil
}

// pack puts into packs what is in none.
func (u *Upkeep) pack(t *task.T, head *shelf.Head, p *Packing) error {
	if len(p.packs) > 0 {
		also := &shelf.Head{Packs: p.packs, Packed: entry.Join(p.ends)}
		head.Join(also)
	}
	ends := entry.Hashes(head.Packed)
	lacking := u.Log.Beside(ends)
	for len(lacking) > 0 && len(head.Packs) < shelf.MaxPacks && len(p.packs) < packsAtOnce {
		ask := lacking[:min(len(lacking), readAtOnce)]
		list, err := u.readAll(t, ask)
		if err != nil {
			return err
		}
		n := shelf.Fill(list)
		grown := u.Log.Extend(ends, ask[:n])
		if n == 0 || len(grown) > shelf.MaxTips {
			return nil // it is told when those who write have seen each other
		}
		r, err := u.putPack(t, list[:n])
		if err != nil {
			return err
		}
		ends, lacking = grown, lacking[n:]
		p.packs, p.ends = append(p.packs, r), ends
		head.Packs = append(slices.Clone(head.Packs), r)
		head.Packed = entry.Join(ends)
	}
	return nil
}

// putPack stores a pack, and notes that it is this device's.
func (u *Upkeep) putPack(t *task.T, list []*entry.Entry) (*shelf.Ref, error) {
	packer, err := u.Packer(t)
	if err != nil {
		return nil, err
	}
	r, err := u.Shelf.Pack(t, u.Book.Room, list, u.Ends(), packer)
	if err != nil {
		return nil, err
	}
	u.seen[r.Object] = true
	return r, u.note(t, r.Object, false)
}

// note remembers that a pack is this device's, or with forget that it is not there any more.
func (u *Upkeep) note(t *task.T, object id.Hash, forget bool) error {
	b, now := u.Book, u.Env.Wall().UnixMilli()
	_, err := task.Work(t, diskTimeout, func() (struct{}, error) {
		if forget {
			return struct{}{}, b.DropPack(object)
		}
		return struct{}{}, b.PutPack(object, now)
	})
	if err == nil && forget {
		delete(u.own, object)
	} else if err == nil {
		u.own[object] = now
	}
	return err
}

// join makes one pack of small ones that stand side by side, where there are many.
func (u *Upkeep) join(t *task.T, head *shelf.Head) error {
	from, to := run(head.Packs)
	if len(head.Packs) <= manyPacks || to-from < fewPacks {
		return nil
	}
	list, err := u.unpack(t, head.Packs[from:to])
	if err != nil {
		return err
	}
	if n := shelf.Fill(list); n == 0 || n < len(list) {
		return nil
	}
	r, err := u.putPack(t, list)
	if err != nil {
		return err
	}
	head.Packs = slices.Concat(head.Packs[:from], []*shelf.Ref{r}, head.Packs[to:])
	return nil
}

// run is where most packs stand side by side that together fill no more than one.
func run(packs []*shelf.Ref) (from, to int) {
	size, entries, first := 0, 0, 0
	for i, r := range packs {
		size, entries = size+int(r.Size), entries+int(r.Entries)
		for size > shelf.MaxPack || entries > shelf.MaxEntries {
			size, entries = size-int(packs[first].Size), entries-int(packs[first].Entries)
			first++
		}
		if i+1-first > to-from {
			from, to = first, i+1
		}
	}
	return from, to
}

// GiveBack removes packs of this device that the head of the current epoch, to which all agree, does not name any more,
// nor one of another epoch that serves somebody: before it removes any, it is known of all these what they name.
func (u *Upkeep) GiveBack(t *task.T, current id.Hash, head *shelf.Head) error {
	grace := u.Env.Wall().Add(-Grace).UnixMilli()
	old := func() []id.Hash {
		return slices.DeleteFunc(u.Spare(head), func(x id.Hash) bool { return u.own[x] > grace })
	}
	if !head.Settled() || len(old()) == 0 {
		return nil
	}
	if all, err := u.learnAll(t, current); err != nil || !all {
		return err
	}
	if u.Log.State().Epoch.Entry != current {
		return nil // its head may name what this one does not
	}
	for _, x := range old() {
		packer, err := u.Packer(t)
		if err == nil {
			err = u.Shelf.Storage.Remove(t, x, packer)
		}
		if err == nil {
			err = u.note(t, x, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Spare are packs of this device that a head does not name, nor one of another epoch that serves somebody, as far as these
// were read.
func (u *Upkeep) Spare(head *shelf.Head) []id.Hash {
	listed := map[id.Hash]bool{}
	for _, r := range head.Packs {
		listed[r.Object] = true
	}
	for _, from := range slices.SortedFunc(maps.Keys(u.older), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		for _, r := range u.older[from].serves {
			listed[r.Object] = true
		}
	}
	var list []id.Hash
	for _, x := range slices.SortedFunc(maps.Keys(u.own), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		if !listed[x] {
			list = append(list, x)
		}
	}
	return list
}
