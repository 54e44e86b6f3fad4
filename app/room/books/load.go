package books

import (
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Loaded is all of a room that is in the store.
type Loaded struct {
	Room    id.Hash
	Kept    Kept
	Entries []*entry.Entry // those that others name come first
	Keys    Secrets        // of epochs, by their proofs
	Unread  []id.Hash      // words that the user was not shown
	Told    []*entry.Receipt
	Packs   map[id.Hash]int64 // of this device, and when they were stored, Unix milliseconds
}

// Load returns all that is there. The error wraps store.ErrNotFound where there is nothing.
func (b Book) Load() (*Loaded, error) {
	l := &Loaded{Room: b.Room, Keys: Secrets{}, Packs: map[id.Hash]int64{}}
	v, err := b.Store.Get(tableRooms, b.own())
	if err != nil {
		return nil, err
	}
	if err := wire.Unmarshal(v, &l.Kept); err != nil {
		return nil, err
	}
	var bad error
	each := func(t store.Table, f func(h id.Hash, v []byte) error) {
		err := b.Store.Scan(t, store.Prefix(b.own()), func(k, v []byte) bool {
			if err := f(id.Hash(k[len(k)-len(id.Hash{}):]), v); err != nil {
				bad = cmp.Or(bad, err)
			}
			return true
		})
		bad = cmp.Or(bad, err)
	}
	each(tableEntries, func(_ id.Hash, v []byte) error {
		e, err := entry.Parse(v)
		if err == nil {
			l.Entries = append(l.Entries, e)
		}
		return err
	})
	each(tableKeys, func(h id.Hash, v []byte) error {
		var s peer.Secret
		err := s.UnmarshalBinary(v)
		l.Keys[h] = s
		return err
	})
	each(tableReceipts, func(_ id.Hash, v []byte) error {
		r := new(entry.Receipt)
		err := wire.Unmarshal(v, r)
		l.Told = append(l.Told, r)
		return err
	})
	each(tablePacks, func(h id.Hash, v []byte) error {
		var at int64
		err := wire.Unmarshal(v, &at)
		l.Packs[h] = at
		return err
	})
	each(tableUnread, func(h id.Hash, _ []byte) error {
		l.Unread = append(l.Unread, h)
		return nil
	})
	slices.SortStableFunc(l.Entries, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	return l, bad
}

// LoadAll returns all rooms of a user, and his invitations.
func LoadAll(s store.Store, user peer.Key) (rooms []*Loaded, invites []*Invite, err error) {
	var names []id.Hash
	err = s.Scan(tableRooms, store.Prefix(user[:]), func(k, _ []byte) bool {
		names = append(names, id.Hash(k[len(user):]))
		return true
	})
	for _, room := range names {
		l, lerr := Book{s, user, room}.Load()
		if err = cmp.Or(err, lerr); err != nil {
			return nil, nil, err
		}
		rooms = append(rooms, l)
	}
	var bad error
	err = cmp.Or(err, s.Scan(tableInvites, store.Prefix(user[:]), func(_, v []byte) bool {
		i := new(Invite)
		if bad = wire.Unmarshal(v, i); bad == nil {
			invites = append(invites, i)
		}
		return bad == nil
	}))
	return rooms, invites, cmp.Or(err, bad)
}
