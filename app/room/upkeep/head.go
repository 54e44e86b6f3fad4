package upkeep

import (
	"cmp"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// maxTries is how often a head is written before which another one came.
const maxTries = 8

// KeepHead brings the head under the current key up to date, and what it names. head is as it was
// read just now; nil: it was not. late is what could not be done besides, and is no reason to leave anything else.
func (u *Upkeep) KeepHead(t *task.T, key peer.Secret, head *shelf.Head) (late, err error) {
	p, current := Begin(), u.Log.State().Epoch.Entry
	delete(u.older, current) // that was read when another one was current
	for range maxTries {
		if head == nil {
			if head, err = u.readHead(t, key); err != nil {
				return nil, err
			}
			if err := u.TakeHead(t, head); err != nil {
				return nil, err
			}
		}
		next := head.After()
		if err := u.amend(t, next, p); err != nil {
			return nil, err
		}
		same := next.Same(head) && !head.Divided()
		if !same {
			err := u.Shelf.Write(t, u.Book.Room, key, next)
			if errors.Is(err, shelf.ErrConflict) {
				head = nil
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		u.Unpacked = len(u.Log.Beside(entry.Hashes(next.Packed)))
		if !u.Compared {
			u.Compared = true
			u.Changed()
		}
		stored := u.Log.State().Stored
		u.Over = stored && u.Unpacked > 0 && len(next.Packs) >= shelf.MaxPacks
		if p.More(stored && u.Unpacked > 0) {
			u.Again()
		}
		if same {
			return cmp.Or(u.GiveBack(t, current, head), p.Late()), nil
		}
		if len(u.Spare(next)) > 0 {
			u.Look(Grace + u.Every)
		}
		return p.Late(), nil
	}
	return nil, shelf.ErrConflict
}

// readHead reads the head under a key. The first of an epoch begins as that of the epoch before.
func (u *Upkeep) readHead(t *task.T, key peer.Secret) (*shelf.Head, error) {
	head, err := u.Shelf.Read(t, u.Book.Room, key)
	switch {
	case errors.Is(err, shelf.ErrDamaged):
		return shelf.Empty(u.Founding, head), nil
	case !errors.Is(err, shelf.ErrNothing):
		return head, err
	}
	first := shelf.Empty(u.Founding, nil)
	if p := u.Log.State().Epoch.Epoch; p != nil && !u.Key(p.Before).IsZero() {
		before, err := u.Shelf.Read(t, u.Book.Room, u.Key(p.Before))
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
func (u *Upkeep) amend(t *task.T, head *shelf.Head, p *Packing) error {
	s := u.Log.State()
	complete := u.Log.HasAll(entry.Hashes(head.Tips))
	tips := append(slices.Clone(u.Log.Heads()), entry.Hashes(head.Tips)...)
	head.Tips = entry.Join(u.Log.Latest(tips, shelf.MaxTips))
	if complete {
		head.People = u.present()
	}
	switch {
	case s.Stored:
		return u.Amend(t, head, p)
	case s.StoringNumber > 0 && u.Log.HasAll(entry.Hashes(head.Packed)):
		head.Packs, head.Packed = nil, nil
	}
	return nil
}

// present are people in the room, those first who have more to say in it.
func (u *Upkeep) present() []*shelf.Person {
	people := slices.DeleteFunc(slices.Clone(u.Log.State().People), func(p dag.Person) bool { return p.Role <= entry.Out || p.Name == "" })
	slices.SortStableFunc(people, func(a, b dag.Person) int { return cmp.Compare(b.Role, a.Role) })
	var list []*shelf.Person
	for _, p := range people[:min(len(people), shelf.MaxPeople)] {
		list = append(list, &shelf.Person{Key: p.Key, Name: p.Name})
	}
	return list
}
