package room

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// maxTries is how often a head is written before which another one came.
	maxTries = 8
	// manyPacks is how many packs a head names before small ones are made one: fewPacks at least.
	manyPacks, fewPacks = 24, 8
	// packsAtOnce is how many packs are made before the head says so.
	packsAtOnce = 8
	// readAtOnce is how many entries are read for a pack.
	readAtOnce = 1 << 11
	// packGrace is how long a pack stays that no head names, for those who read a head just now.
	packGrace = 10 * time.Minute
	// mendEvery is the least time in which a log is packed anew twice, as packs were lost.
	mendEvery = 24 * time.Hour
	// storedFor is how long a pack, or letters, lie in storage before they end by themselves. A pack of
	// which less than renewed is left is made anew by the first of those in the room who look after it,
	// by the next of them where less than nextRenews less is left, and so on, by all that come after
	// renewers of them at one time: so that whoever was there last leaves packs for 90 days and more.
	storedFor  = 200 * day
	renewed    = 120 * day
	nextRenews = 2 * day
	renewers   = 14
	day        = 24 * time.Hour
	// maxEnds is how many ends are remembered of which heads say nothing, and askedAtOnce for how many
	// storage is asked before the head is written.
	maxEnds, askedAtOnce = 1 << 10, 32
)

// packing is what was packed while a head is written.
type packing struct {
	packs []*shelf.Ref
	ends  []id.Hash              // the last entries of what packs hold, those of the head among them
	anew  map[id.Hash]*shelf.Ref // those that were made anew, by what they take the place of
	unfit int                    // how many were to be made anew, and could not be read or hold nothing of the log
	late  error                  // what could not be done, and keeps nothing else from being written; nil: nothing

	asked    int  // of how many storage was asked when they end
	answered bool // it has said it of one
}

// keepHead brings the head under the current key up to date, and what it names. head is as it was
// read just now; nil: it was not. late is what could not be done besides, and is no reason to leave anything else.
func (h *hall) keepHead(t *task.T, key peer.Secret, head *shelf.Head) (late, err error) {
	m := h.rooms()
	p := packing{anew: map[id.Hash]*shelf.Ref{}}
	for range maxTries {
		if head == nil {
			if head, err = h.readHead(t, key); err != nil {
				return nil, err
			}
			if err := h.takeHead(t, head); err != nil {
				return nil, err
			}
		}
		next := head.After()
		if err := h.amend(t, next, &p); err != nil {
			return nil, err
		}
		same := next.Same(head) && !head.Divided()
		if !same {
			err := m.shelf.Write(t, h.id, key, next)
			if errors.Is(err, shelf.ErrConflict) {
				head = nil
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		h.shelf.unpacked = len(h.log.Beside(entry.Hashes(next.Packed)))
		if !h.shelf.compared {
			h.shelf.compared = true
			m.emit(Event{Kind: Changed, User: h.acc.key, Room: h.id})
		}
		stored := h.log.State().Stored
		h.shelf.over = stored && h.shelf.unpacked > 0 && len(next.Packs) >= shelf.MaxPacks
		if stored && h.shelf.unpacked > 0 && len(p.packs) >= packsAtOnce || len(p.anew) == packsAtOnce {
			h.shelveIn(m.cfg.ShelveAfter)
		}
		if same {
			return cmp.Or(h.giveBack(t, head), p.late), nil
		}
		if len(h.unlisted(next)) > 0 {
			h.shelveIn(packGrace + m.cfg.SyncEvery)
		}
		return p.late, nil
	}
	return nil, shelf.ErrConflict
}

// readHead reads the head under a key. The first of an epoch begins as that of the epoch before.
func (h *hall) readHead(t *task.T, key peer.Secret) (*shelf.Head, error) {
	m := h.rooms()
	head, err := m.shelf.Read(t, h.id, key)
	switch {
	case errors.Is(err, shelf.ErrDamaged):
		return shelf.Empty(h.kept.Founding, head), nil
	case !errors.Is(err, shelf.ErrNothing):
		return head, err
	}
	first := shelf.Empty(h.kept.Founding, nil)
	if p := h.log.State().Epoch.Epoch; p != nil && !h.keyOf(p.Before).IsZero() {
		before, err := m.shelf.Read(t, h.id, h.keyOf(p.Before))
		if err != nil && !shelf.Useless(err) {
			return nil, err
		}
		if err == nil {
			first.Tips, first.Packed, first.Packs = before.Tips, before.Packed, before.Packs
		}
	}
	return first, nil
}

// amend makes a head say what is here, too.
func (h *hall) amend(t *task.T, head *shelf.Head, p *packing) error {
	s := h.log.State()
	complete := h.hasAll(head.Tips)
	tips := append(slices.Clone(h.log.Heads()), entry.Hashes(head.Tips)...)
	head.Tips = entry.Join(h.log.Latest(tips, shelf.MaxTips))
	if complete {
		head.People = h.present()
	}
	switch {
	case s.Stored:
		if err := h.mend(head, p); err != nil {
			return err
		}
		if err := h.pack(t, head, p); err != nil {
			return err
		}
		if err := h.renew(t, head, p); err != nil {
			return err
		}
		return h.join(t, head)
	case s.StoringNumber > 0 && h.hasAll(head.Packed):
		head.Packs, head.Packed = nil, nil
	}
	return nil
}

// present are people in the room, those first who have more to say in it.
func (h *hall) present() []*shelf.Person {
	people := slices.DeleteFunc(slices.Clone(h.log.State().People), func(p dag.Person) bool { return p.Role <= entry.Out || p.Name == "" })
	slices.SortStableFunc(people, func(a, b dag.Person) int { return cmp.Compare(b.Role, a.Role) })
	var list []*shelf.Person
	for _, p := range people[:min(len(people), shelf.MaxPeople)] {
		list = append(list, &shelf.Person{Key: p.Key, Name: p.Name})
	}
	return list
}

// mend has all packed anew where a pack was lost, as what it held nobody knows.
func (h *hall) mend(head *shelf.Head, p *packing) error {
	now := h.rooms().ep.Now()
	torn := slices.ContainsFunc(head.Packs, func(r *shelf.Ref) bool { return h.shelf.torn[r.Object] })
	if !torn || !head.Settled() || h.shelf.mended != 0 && now.Sub(h.shelf.mended) < mendEvery || !h.hasAll(head.Packed) {
		return nil
	}
	head.Packs, head.Packed = nil, nil
	clear(h.shelf.torn)
	h.shelf.mended = now
	*p = packing{anew: map[id.Hash]*shelf.Ref{}}
	return nil
}

// pack puts into packs what is in none.
func (h *hall) pack(t *task.T, head *shelf.Head, p *packing) error {
	if len(p.packs) > 0 {
		also := &shelf.Head{Packs: p.packs, Packed: entry.Join(p.ends)}
		head.Join(also)
	}
	ends := entry.Hashes(head.Packed)
	lacking := h.log.Beside(ends)
	for len(lacking) > 0 && len(head.Packs) < shelf.MaxPacks && len(p.packs) < packsAtOnce {
		ask := lacking[:min(len(lacking), readAtOnce)]
		list, err := h.readAll(t, ask)
		if err != nil {
			return err
		}
		n := shelf.Fill(list)
		grown := h.log.Extend(ends, ask[:n])
		if n == 0 || len(grown) > shelf.MaxTips {
			return nil // it is told when those who write have seen each other
		}
		r, err := h.putPack(t, list[:n])
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

// readAll reads entries of which the first may be the founding, which no book has.
func (h *hall) readAll(t *task.T, list []id.Hash) ([]*entry.Entry, error) {
	var out []*entry.Entry
	rest := list
	if len(list) > 0 && list[0] == h.id {
		out, rest = append(out, h.kept.Founding), list[1:]
	}
	more, err := h.read(t, rest)
	if err == nil && len(more) != len(rest) {
		err = store.ErrCorrupt
	}
	return append(out, more...), err
}

// putPack stores a pack, and notes that it is this device's.
func (h *hall) putPack(t *task.T, list []*entry.Entry) (*shelf.Ref, error) {
	packer, err := h.packer(t)
	if err != nil {
		return nil, err
	}
	r, err := h.rooms().shelf.Pack(t, h.id, list, h.ends(), packer)
	if err != nil {
		return nil, err
	}
	h.shelf.read[r.Object] = true
	return r, h.note(t, r.Object, false)
}

// ends is when what is put into storage now ends: at the end of a day, so that nobody who keeps it
// learns from that when it was said.
func (h *hall) ends() time.Time { return h.rooms().ep.Wall().Add(storedFor).Truncate(day) }

// renew makes packs anew that end soon, if it is the user's turn. That some cannot be made anew does not keep the
// head from being written, and the next look begins behind those that cannot be read or hold nothing of the
// log: so they stand in no other's way.
func (h *hall) renew(t *task.T, head *shelf.Head, p *packing) error {
	if !h.hasAll(head.Packed) {
		return nil // what they hold is not known
	}
	packs, known, err := h.dated(t, head.Packs, p)
	if err != nil {
		return err
	}
	first := h.shelf.renewed
	for i := range packs {
		at := (first + i) % len(packs)
		r := packs[at]
		if known[at] && p.anew[r.Object] == nil && p.late == nil && len(p.anew)+p.unfit < packsAtOnce && h.renews(r) {
			anew, err := h.renewPack(t, packs[at:at+1])
			switch {
			case errors.Is(err, task.ErrStopped):
				return err
			case err != nil:
				p.late = err
			case anew == nil:
				h.shelf.renewed, p.unfit = at+1, p.unfit+1
			default:
				p.anew[r.Object] = anew
			}
		}
		if anew := p.anew[r.Object]; anew != nil {
			packs[at] = anew
		}
	}
	head.Packs = packs
	return nil
}

// renewPack puts what one pack holds of the log into a new one; nil: it cannot be read now, or holds nothing.
func (h *hall) renewPack(t *task.T, one []*shelf.Ref) (*shelf.Ref, error) {
	list, err := h.unpack(t, one)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return h.putPack(t, list)
}

// renews reports whether the user is to make a pack anew now.
func (h *hall) renews(r *shelf.Ref) bool { return h.isDue(r.Object, r.Ends) }

// isDue reports whether it is the user's turn to make something anew that ends by itself. Where no end is known
// whose turn that is changes with time, as he may be away.
func (h *hall) isDue(object id.Hash, ends int64) bool {
	now := h.rooms().ep.Wall()
	if ends == 0 {
		return h.order(id.HashOf("room renew", object, now.Unix()/int64(nextRenews/time.Second))) == 0
	}
	left := time.UnixMilli(ends).Sub(now)
	return left < renewed && left < renewed-nextRenews*time.Duration(min(h.order(object), renewers))
}

// dated are packs with their ends. Where an older program has written the head since, that does not say them: they are
// remembered, or storage is asked; known tells of which it is known then whether they end. Where storage was asked for
// as many as it is for one look, and answers, another look follows soon; it begins behind those that were asked for.
func (h *hall) dated(t *task.T, packs []*shelf.Ref, p *packing) (dated []*shelf.Ref, known []bool, err error) {
	dated, known = slices.Clone(packs), make([]bool, len(packs))
	first := h.shelf.dated
	for i := range packs {
		at := (first + i) % len(packs)
		r := packs[at]
		if r.Ends != 0 {
			known[at] = true
			continue
		}
		_, had := h.shelf.ends[r.Object]
		if !had && p.asked >= askedAtOnce {
			if p.answered {
				h.shelveIn(h.rooms().cfg.ShelveAfter)
			}
			continue
		}
		ends, answered, err := h.endOf(t, r.Object)
		if err != nil {
			return nil, nil, err
		}
		if !had {
			h.shelf.dated, p.asked, p.answered = at+1, p.asked+1, p.answered || answered
		}
		if known[at] = answered; ends != 0 {
			with := *r
			with.Ends, dated[at] = ends, &with
		}
	}
	return dated, known, nil
}

// endOf returns when something in storage ends, of which a head does not say it, Unix milliseconds; 0: not by itself, or
// it is not there, or, where it is not known, storage cannot be asked for now. The error is task.ErrStopped.
func (h *hall) endOf(t *task.T, object id.Hash) (ends int64, known bool, err error) {
	if ends, ok := h.shelf.ends[object]; ok {
		return ends, true, nil
	}
	at, err := h.rooms().shelf.Storage.Ends(t, object)
	switch {
	case errors.Is(err, task.ErrStopped):
		return 0, false, err
	case err == nil && !at.IsZero():
		ends = at.UnixMilli()
	case err != nil && !errors.Is(err, shelf.ErrNothing):
		return 0, false, nil
	}
	if h.shelf.ends == nil || len(h.shelf.ends) >= maxEnds {
		h.shelf.ends = map[id.Hash]int64{}
	}
	h.shelf.ends[object] = ends
	return ends, true, nil
}

// unpack reads packs, and returns what of their entries is in the log, as it is there; nothing where one of
// them is torn, or cannot be read now.
func (h *hall) unpack(t *task.T, packs []*shelf.Ref) ([]*entry.Entry, error) {
	var list []*entry.Entry
	there := map[id.Hash]bool{}
	for _, r := range packs {
		entries, err := h.rooms().shelf.Unpack(t, h.id, r)
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case shelf.Useless(err):
			h.tear(r)
			return nil, nil
		case err != nil:
			return nil, nil
		}
		for _, e := range entries {
			if x := e.Hash(); h.log.Has(x) && !there[x] {
				there[x] = true
				list = append(list, e)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	hashes := make([]id.Hash, len(list))
	for i, e := range list {
		hashes[i] = e.Hash()
	}
	return h.readAll(t, hashes) // a copy in a pack may have another signature than its author's
}

// packer signs for the packs of this device in this room.
func (h *hall) packer(t *task.T) (peer.Signer, error) {
	locker := h.rooms().deps.Locker
	if h.kept.Packer.IsZero() {
		fresh := locker.NewSecret()
		if err := h.keep(t, new(store.Batch), func(k *books.Kept) {
			if k.Packer.IsZero() {
				k.Packer = fresh
			}
		}); err != nil {
			return nil, err
		}
	}
	seed := h.kept.Packer
	return task.Work(t, diskTimeout, func() (peer.Signer, error) { return locker.Signer(seed), nil })
}

// join makes one pack of small ones that stand side by side, where there are many.
func (h *hall) join(t *task.T, head *shelf.Head) error {
	from, to := run(head.Packs)
	if len(head.Packs) <= manyPacks || to-from < fewPacks {
		return nil
	}
	list, err := h.unpack(t, head.Packs[from:to])
	if err != nil {
		return err
	}
	if n := shelf.Fill(list); n == 0 || n < len(list) {
		return nil
	}
	r, err := h.putPack(t, list)
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
