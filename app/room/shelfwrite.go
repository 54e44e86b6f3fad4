package room

import (
	"cmp"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/app/room/upkeep"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// maxTries is how often a head is written before which another one came.
const maxTries = 8

// keepHead brings the head under the current key up to date, and what it names. head is as it was
// read just now; nil: it was not. late is what could not be done besides, and is no reason to leave anything else.
func (h *hall) keepHead(t *task.T, key peer.Secret, head *shelf.Head) (late, err error) {
	m := h.rooms()
	p := upkeep.Begin()
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
		if err := h.amend(t, next, p); err != nil {
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
		if p.More(stored && h.shelf.unpacked > 0) {
			h.shelveIn(m.cfg.ShelveAfter)
		}
		if same {
			return cmp.Or(h.shelf.upkeep.GiveBack(t, head), p.Late()), nil
		}
		if len(h.shelf.upkeep.Spare(next)) > 0 {
			h.shelveIn(upkeep.Grace + m.cfg.SyncEvery)
		}
		return p.Late(), nil
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
func (h *hall) amend(t *task.T, head *shelf.Head, p *upkeep.Packing) error {
	s := h.log.State()
	complete := h.log.HasAll(entry.Hashes(head.Tips))
	tips := append(slices.Clone(h.log.Heads()), entry.Hashes(head.Tips)...)
	head.Tips = entry.Join(h.log.Latest(tips, shelf.MaxTips))
	if complete {
		head.People = h.present()
	}
	switch {
	case s.Stored:
		return h.shelf.upkeep.Amend(t, head, p)
	case s.StoringNumber > 0 && h.log.HasAll(entry.Hashes(head.Packed)):
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
