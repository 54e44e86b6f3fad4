package store

// Table names a space of records of its own: the same key in two tables is two
// records. A table needs no creation. Its name has 1 to MaxTable characters out
// of a-z, 0-9, '-', '.' and '/'.
type Table string

// Store keeps records. The package comment says what all implementations
// promise.
type Store interface {
	// Get returns the value of a record, or ErrNotFound. A value of no bytes
	// is returned as an empty slice.
	Get(t Table, key []byte) ([]byte, error)

	// Put sets a record, durably.
	Put(t Table, key, value []byte) error

	// Delete removes a record, durably. That it was not there is no error.
	Delete(t Table, key []byte) error

	// Apply does all of a batch or nothing of it, durably. An empty batch is
	// no error. The batch stays as it is and may be applied again.
	Apply(b *Batch) error

	// Scan calls fn for the records of a range in the order of their keys
	// (bytes.Compare), until fn returns false. fn may keep key and value, and
	// may call the store, except Close.
	Scan(t Table, r Range, fn func(key, value []byte) bool) error

	// Close waits for the calls under way and releases everything. Every later
	// call gives ErrClosed, except Close, which does nothing.
	Close() error
}
