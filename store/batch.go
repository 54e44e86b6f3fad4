package store

import (
	"bytes"
	"fmt"
)

// opOverhead is what a write counts for besides its bytes, so that a batch of
// tiny writes is bounded in memory too.
const opOverhead = 32

// Op is one write: set Key to Value, or delete Key.
type Op struct {
	Table  Table
	Key    []byte
	Value  []byte
	Delete bool
}

// Batch collects writes that Store.Apply does together. The zero Batch is empty
// and ready. Of two writes to one record the later one counts. A Batch has a
// single owner.
type Batch struct {
	ops  []Op
	size int
	err  error
}

// Put adds a write. It copies key and value. A write over a limit is not added;
// Err, and Apply, give the reason.
func (b *Batch) Put(t Table, key, value []byte) {
	b.add(Op{Table: t, Key: key, Value: value})
}

// Delete adds a removal. It copies key.
func (b *Batch) Delete(t Table, key []byte) {
	b.add(Op{Table: t, Key: key, Delete: true})
}

// The checks come before the copy, so that a value far over the limit costs no
// memory.
func (b *Batch) add(op Op) {
	if b.err != nil {
		return
	}
	if b.err = CheckRecord(op.Table, op.Key, op.Value); b.err != nil {
		return
	}
	size := b.size + op.Size()
	if size > MaxBatch {
		b.err = fmt.Errorf("%w: batch of %d bytes, the limit is %d", ErrTooLarge, size, MaxBatch)
		return
	}
	op.Key, op.Value = bytes.Clone(op.Key), bytes.Clone(op.Value)
	b.ops, b.size = append(b.ops, op), size
}

// Err is the first limit that a write broke, or nil. A batch with an error
// cannot be applied.
func (b *Batch) Err() error { return b.err }

// Len is the number of writes.
func (b *Batch) Len() int { return len(b.ops) }

// Size is what the batch counts for against MaxBatch, in bytes.
func (b *Batch) Size() int { return b.size }

// Reset makes the batch empty again.
func (b *Batch) Reset() { *b = Batch{} }

// Ops are the writes in order, for implementations. Neither the slice nor what
// it points to may be changed. Keys and values never change any more, even
// after Reset, so an implementation may keep them.
func (b *Batch) Ops() []Op { return b.ops }

// Size is what a write counts for, in bytes.
func (op Op) Size() int {
	return opOverhead + len(op.Table) + len(op.Key) + len(op.Value)
}
