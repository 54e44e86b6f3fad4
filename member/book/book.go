package book

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Book keeps the records of a node in a store, each of them durably. It may be used by
// many goroutines.
type Book struct{ store store.Store }

// New returns the book in a store.
func New(s store.Store) Book { return Book{s} }

// Self returns which ring the node is in; nil: none.
func (b Book) Self() (*Self, error) {
	self := new(Self)
	if have, err := b.read(selfKey, self); err != nil || !have {
		return nil, err
	}
	return self, nil
}

// Read reads a record of a ring into v, and reports whether there is one. A record that
// cannot be read is store.ErrCorrupt.
func (b Book) Read(ring id.Hash, tag byte, rest []byte, v any) (bool, error) {
	return b.read(recordKey(ring, tag, rest), v)
}

func (b Book) read(key []byte, v any) (bool, error) {
	value, err := b.store.Get(Table, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := wire.Unmarshal(value, v); err != nil {
		return false, corrupt(key, err)
	}
	return true, nil
}

func corrupt(key []byte, err error) error {
	return fmt.Errorf("record %x of table %s: %w: %w", key, Table, store.ErrCorrupt, err)
}

// Put writes a record of a ring.
func (b Book) Put(ring id.Hash, tag byte, rest []byte, v any) error {
	return b.store.Put(Table, recordKey(ring, tag, rest), wire.MustMarshal(v))
}

// Drop removes a record of a ring.
func (b Book) Drop(ring id.Hash, tag byte, rest []byte) error {
	return b.store.Delete(Table, recordKey(ring, tag, rest))
}

// Each calls f with all records of one kind of a ring whose keys are above after,
// in their order, until f returns false.
func Each[V any](b Book, ring id.Hash, tag byte, after []byte, f func(rest []byte, v *V) bool) error {
	r := store.Prefix(recordKey(ring, tag, nil))
	if len(after) > 0 {
		r.From = append(recordKey(ring, tag, after), 0)
	}
	var bad error
	err := b.store.Scan(Table, r, func(key, value []byte) bool {
		v := new(V)
		if err := wire.Unmarshal(value, v); err != nil {
			bad = corrupt(key, err)
			return false
		}
		return f(key[17:], v)
	})
	if err == nil {
		err = bad
	}
	return err
}

// Batch is what is written together.
type Batch struct{ b store.Batch }

// Put adds a record of a ring.
func (b *Batch) Put(ring id.Hash, tag byte, rest []byte, v any) {
	b.b.Put(Table, recordKey(ring, tag, rest), wire.MustMarshal(v))
}

// Self adds which ring the node is in.
func (b *Batch) Self(self *Self) { b.b.Put(Table, selfKey, wire.MustMarshal(self)) }

// Apply writes all of a batch, or nothing of it.
func (b Book) Apply(batch *Batch) error { return b.store.Apply(&batch.b) }

func recordKey(ring id.Hash, tag byte, rest []byte) []byte {
	k := append([]byte{}, ring[:16]...)
	return append(append(k, tag), rest...)
}

// RecordOf is where a register stands.
func RecordOf(r msg.Register) (tag byte, rest []byte) {
	if r.IsPlace() {
		return TagPlace, r.Key[:]
	}
	return TagUse, binary.BigEndian.AppendUint32(slices.Clone(r.Invite[:]), r.Slot)
}
