package books

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Tables of rooms in the store.
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

// Kept is what the store has of a room besides its log.
type Kept struct {
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

// Secrets are keys, by what names them.
type Secrets map[id.Hash]peer.Secret

// Invite is an invitation.
type Invite struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	Change   *entry.Entry `cbor:"2,keyasint"`
	Title    string       `cbor:"3,keyasint"`
	From     peer.Key     `cbor:"4,keyasint"`
	Name     string       `cbor:"5,keyasint"` // of From
	Time     int64        `cbor:"6,keyasint"` // when it came, Unix milliseconds
	// Key opens the room's head on the shelf; zero: none came.
	Key peer.Secret `cbor:"7,keyasint,omitzero"`
}

// Book is one user's of one room. All its methods but those that take a batch read or write the store.
type Book struct {
	Store store.Store
	User  peer.Key
	Room  id.Hash
}

func (b Book) key(h id.Hash) []byte { return slices.Concat(b.User[:], b.Room[:], h[:]) }

func (b Book) own() []byte { return slices.Concat(b.User[:], b.Room[:]) }

// Save makes entries durable, and marks words of others as not read.
func (b Book) Save(list []*entry.Entry) error {
	var batch store.Batch
	for _, e := range list {
		h := e.Hash()
		batch.Put(tableEntries, b.key(h), wire.MustMarshal(e))
		if e.Kind == entry.WordsKind && e.Author != b.User {
			batch.Put(tableUnread, b.key(h), nil)
		}
	}
	return b.Store.Apply(&batch)
}

// Drop takes entries out again that did not fit.
func (b Book) Drop(list []id.Hash) error {
	var batch store.Batch
	for _, h := range list {
		batch.Delete(tableEntries, b.key(h))
		batch.Delete(tableUnread, b.key(h))
	}
	return b.Store.Apply(&batch)
}

// Read returns those of the entries that are there.
func (b Book) Read(list []id.Hash) ([]*entry.Entry, error) {
	var out []*entry.Entry
	for _, h := range list {
		v, err := b.Store.Get(tableEntries, b.key(h))
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

// PutKey makes a key durable, by its proof.
func (b Book) PutKey(proof id.Hash, key peer.Secret) error {
	return b.Store.Put(tableKeys, b.key(proof), key[:])
}

// PutPack notes that a pack is this device's, and when it was stored, Unix milliseconds.
func (b Book) PutPack(object id.Hash, at int64) error {
	return b.Store.Put(tablePacks, b.key(object), wire.MustMarshal(at))
}

// DropPack forgets a pack of this device that is not in storage any more.
func (b Book) DropPack(object id.Hash) error {
	var batch store.Batch
	batch.Delete(tablePacks, b.key(object))
	return b.Store.Apply(&batch)
}

// PutInvite makes an invitation to the room durable.
func (b Book) PutInvite(i *Invite) error {
	return b.Store.Put(tableInvites, b.own(), wire.MustMarshal(i))
}

// Keep has a batch say what is known of the room besides its log.
func (b Book) Keep(batch *store.Batch, k *Kept) { batch.Put(tableRooms, b.own(), wire.MustMarshal(k)) }

// Answer has a batch end the invitation to the room.
func (b Book) Answer(batch *store.Batch) { batch.Delete(tableInvites, b.own()) }

// Learn has a batch keep a key, by its proof.
func (b Book) Learn(batch *store.Batch, proof id.Hash, key peer.Secret) {
	batch.Put(tableKeys, b.key(proof), key[:])
}

// Shown has a batch say that the user was shown words.
func (b Book) Shown(batch *store.Batch, x id.Hash) { batch.Delete(tableUnread, b.key(x)) }

// Tell has a batch keep a receipt, in the place of the one before of whose it is.
func (b Book) Tell(batch *store.Batch, r *entry.Receipt) {
	batch.Put(tableReceipts, b.key(id.Hash(r.By)), wire.MustMarshal(r))
}
