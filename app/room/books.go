package room

import (
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Tables of rooms in the store. Keys begin with the user's identity key and the room's hash,
// so that users of one node have nothing in common.
const (
	tableRooms   store.Table = "room"         // about
	tableEntries store.Table = "room/entries" // by their hashes
	tableKeys    store.Table = "room/keys"    // by their proofs
	tableUnread  store.Table = "room/unread"  // hashes of words that the user was not shown
	tableInvites store.Table = "room/invites" // that wait for an answer
	// tableReceipts has receipts by the keys of those whose they are.
	tableReceipts store.Table = "room/receipts"
	// tablePacks has the packs that this device put on the shelf, and when, Unix milliseconds.
	tablePacks store.Table = "room/packs"
)

// kept is what the store has of a room besides its log.
type kept struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	// Stream is what this device writes in. It is another one each time that the user joins.
	Stream id.ID `cbor:"2,keyasint"`
	Joined bool  `cbor:"3,keyasint,omitempty"`
	// Answered is the change that made the user a member, to which he has said yes or no.
	Answered id.Hash `cbor:"4,keyasint"`
	// Read is what the user was shown, as in his receipts.
	Read []byte `cbor:"5,keyasint,omitempty"`
	// Silent keeps his receipts to himself.
	Silent bool `cbor:"6,keyasint,omitempty"`
	// Since is that change's number: what was said of him before is nothing to heed.
	Since uint64 `cbor:"7,keyasint,omitempty"`
	// Packer is the seed of what signs for this device's packs; zero before the first.
	Packer peer.Secret `cbor:"8,keyasint,omitzero"`
	// Partial tells that the room was found on the user's list, and most of its log is not known to
	// be here yet: no epoch is begun meanwhile, as nobody would be in it.
	Partial bool `cbor:"9,keyasint,omitempty"`
}

// secrets are keys, by what names them.
type secrets map[id.Hash]peer.Secret

// keptInvite is an invitation.
type keptInvite struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	Change   *entry.Entry `cbor:"2,keyasint"`
	Title    string       `cbor:"3,keyasint"`
	From     peer.Key     `cbor:"4,keyasint"`
	Name     string       `cbor:"5,keyasint"` // of From
	Time     int64        `cbor:"6,keyasint"` // when it came, Unix milliseconds
	// Key opens the room's head on the shelf; zero: none came.
	Key peer.Secret `cbor:"7,keyasint,omitzero"`
}

func keyOf(parts ...[]byte) []byte { return slices.Concat(parts...) }

// books are the tables of one user's room.
type books struct {
	store store.Store
	user  peer.Key
	room  id.Hash
}

func (b books) key(h id.Hash) []byte { return keyOf(b.user[:], b.room[:], h[:]) }

func (b books) own() []byte { return keyOf(b.user[:], b.room[:]) }

// save makes entries durable, and marks words of others as not read.
func (b books) save(list []*entry.Entry) error {
	var batch store.Batch
	for _, e := range list {
		h := e.Hash()
		batch.Put(tableEntries, b.key(h), wire.MustMarshal(e))
		if e.Kind == entry.WordsKind && e.Author != b.user {
			batch.Put(tableUnread, b.key(h), nil)
		}
	}
	return b.store.Apply(&batch)
}

// drop takes entries out again that did not fit.
func (b books) drop(list []id.Hash) error {
	var batch store.Batch
	for _, h := range list {
		batch.Delete(tableEntries, b.key(h))
		batch.Delete(tableUnread, b.key(h))
	}
	return b.store.Apply(&batch)
}

// read returns those of the entries that are there.
func (b books) read(list []id.Hash) ([]*entry.Entry, error) {
	var out []*entry.Entry
	for _, h := range list {
		v, err := b.store.Get(tableEntries, b.key(h))
		if err != nil {
			continue // it was in no log that is durable
		}
		e, err := entry.Parse(v)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// loaded is all of a room that is in the store.
type loaded struct {
	room    id.Hash
	kept    kept
	entries []*entry.Entry // those that others name come first
	keys    secrets
	unread  []id.Hash
	told    []*entry.Receipt
	packs   map[id.Hash]int64
}

func (b books) load() (*loaded, error) {
	l := &loaded{room: b.room, keys: secrets{}, packs: map[id.Hash]int64{}}
	v, err := b.store.Get(tableRooms, b.own())
	if err != nil {
		return nil, err
	}
	if err := wire.Unmarshal(v, &l.kept); err != nil {
		return nil, err
	}
	var bad error
	each := func(t store.Table, f func(h id.Hash, v []byte) error) {
		err := b.store.Scan(t, store.Prefix(b.own()), func(k, v []byte) bool {
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
			l.entries = append(l.entries, e)
		}
		return err
	})
	each(tableKeys, func(h id.Hash, v []byte) error {
		var s peer.Secret
		err := s.UnmarshalBinary(v)
		l.keys[h] = s
		return err
	})
	each(tableReceipts, func(_ id.Hash, v []byte) error {
		r := new(entry.Receipt)
		err := wire.Unmarshal(v, r)
		l.told = append(l.told, r)
		return err
	})
	each(tablePacks, func(h id.Hash, v []byte) error {
		var at int64
		err := wire.Unmarshal(v, &at)
		l.packs[h] = at
		return err
	})
	each(tableUnread, func(h id.Hash, _ []byte) error {
		l.unread = append(l.unread, h)
		return nil
	})
	slices.SortStableFunc(l.entries, func(a, b *entry.Entry) int { return cmp.Compare(a.Depth, b.Depth) })
	return l, bad
}

// load returns all rooms of a user, and his invitations.
func load(s store.Store, user peer.Key) (rooms []*loaded, invites []*keptInvite, err error) {
	var names []id.Hash
	err = s.Scan(tableRooms, store.Prefix(user[:]), func(k, _ []byte) bool {
		names = append(names, id.Hash(k[len(user):]))
		return true
	})
	for _, room := range names {
		l, lerr := books{s, user, room}.load()
		if err = cmp.Or(err, lerr); err != nil {
			return nil, nil, err
		}
		rooms = append(rooms, l)
	}
	var bad error
	err = cmp.Or(err, s.Scan(tableInvites, store.Prefix(user[:]), func(_, v []byte) bool {
		i := new(keptInvite)
		if bad = wire.Unmarshal(v, i); bad == nil {
			invites = append(invites, i)
		}
		return bad == nil
	}))
	return rooms, invites, cmp.Or(err, bad)
}
