package books

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// The tables. Every key begins with the 16 bytes of a user's fingerprint.
const (
	tableUsers    store.Table = "im/users"    // user -> account
	tableHistory  store.Table = "im/history"  // user, seq -> item
	tableInbox    store.Table = "im/inbox"    // user, seq -> nothing: received and not read
	tableTalks    store.Table = "im/talks"    // user, person, seq -> nothing: history by person
	tableSent     store.Table = "im/sent"     // user, message id -> seq
	tableSeen     store.Table = "im/seen"     // user, message id, sender -> seq; for good
	tableOutbox   store.Table = "im/outbox"   // user, name, counter -> entry
	tableLines    store.Table = "im/lines"    // user, name -> line
	tablePins     store.Table = "im/pins"     // user, name -> pin
	tableContacts store.Table = "im/contacts" // user, identity key -> person
	tableFence    store.Table = "im/fence"    // user -> nothing; see lane
)

// tx is one reading and changing of the store, that becomes durable as a whole or
// not at all. It runs as work, off the loop; the lane of its user lets one run at
// a time. The first error sticks: later reads find nothing, and nothing is written.
type tx struct {
	store   store.Store
	batch   store.Batch
	changed map[string][]byte // by table and key; nil: deleted
	err     error
}

func place(t store.Table, key []byte) string { return string(t) + "\x00" + string(key) }

// get returns a record as this tx left it.
func (x *tx) get(t store.Table, key []byte) ([]byte, bool) {
	if x.err != nil {
		return nil, false
	}
	if v, ours := x.changed[place(t, key)]; ours {
		return v, v != nil
	}
	v, err := x.store.Get(t, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, false
	case err != nil:
		x.err = err
		return nil, false
	}
	return v, true
}

// put sets a record to the bytes of v.
func (x *tx) put(t store.Table, key, v []byte) {
	if v == nil {
		v = []byte{}
	}
	x.batch.Put(t, key, v)
	x.note(t, key, v)
}

func (x *tx) drop(t store.Table, key []byte) {
	x.batch.Delete(t, key)
	x.note(t, key, nil)
}

func (x *tx) note(t store.Table, key, v []byte) {
	if x.changed == nil {
		x.changed = make(map[string][]byte)
	}
	x.changed[place(t, key)] = v
}

// load decodes a record into v and reports whether it was there.
func (x *tx) load(t store.Table, key []byte, v any) bool {
	b, ok := x.get(t, key)
	if !ok {
		return false
	}
	if err := wire.Unmarshal(b, v); err != nil {
		x.err = fmt.Errorf("%w: table %s: %w", store.ErrCorrupt, t, err)
		return false
	}
	return true
}

func (x *tx) save(t store.Table, key []byte, v any) { x.put(t, key, wire.MustMarshal(v)) }

// keys lists keys of the store, without what this tx has changed.
func (x *tx) keys(t store.Table, r store.Range) [][]byte {
	var keys [][]byte
	if x.err != nil {
		return nil
	}
	x.err = x.store.Scan(t, r, func(key, _ []byte) bool {
		keys = append(keys, key)
		return true
	})
	return keys
}

// Failed is the error that stopped the transaction, or nil.
func (x *tx) Failed() error { return x.err }

// Commit makes the changes durable.
func (x *tx) Commit() error {
	if x.err == nil {
		x.err = x.batch.Err()
	}
	if x.err == nil && x.batch.Len() > 0 {
		x.err = x.store.Apply(&x.batch)
	}
	return x.err
}

// Doubtful reports whether what commit tried to write may be on the disk after its
// error.
func (x *tx) Doubtful(err error) bool {
	return err != nil && !errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrTooLarge) && !errors.Is(err, store.ErrClosed)
}

// be appends a number so that keys sort by it.
func be(key []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(key, n) }

// lastNumber reads what be appended.
func lastNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
