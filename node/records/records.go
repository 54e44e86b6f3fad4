// Package records is what the assembly of a node must remember itself, beside what its applications keep.
package records

import (
	"errors"

	"github.com/phyllo-net/phyllo/store"
)

// table keeps them.
const table store.Table = "node"

// Records are those of one node. Its methods may be called from any goroutine.
type Records struct{ Store store.Store }

// Get reads a record; nil: there is none.
func (r Records) Get(key []byte) ([]byte, error) {
	b, err := r.Store.Get(table, key)
	return b, IfThere(err)
}

// Put writes one, durably.
func (r Records) Put(key, value []byte) error { return r.Store.Put(table, key, value) }

// IfThere is an error of reading a record, but for that there is none.
func IfThere(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
