package disk

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// Commit implements store.Draft.
func (d *draft) Commit() error {
	if err := d.blobs.begin(); err != nil {
		return err
	}
	defer d.blobs.end()
	d.use.Lock()
	defer d.use.Unlock()
	if err := d.usable(); err != nil {
		return err
	}
	if missing := d.Missing(); len(missing) > 0 {
		return fmt.Errorf("%w: %d of %d", store.ErrIncomplete, len(missing), len(d.have))
	}
	if d.settled() {
		return nil
	}
	e := entry{d.outline, d.flags}
	ops := []store.Op{{Table: blobTable, Key: blobKey(indexKind, d.hash), Value: e.encode()}}
	if d.flags&isInline != 0 {
		ops = append(ops, store.Op{Table: blobTable, Key: blobKey(contentKind, d.hash), Value: d.content})
	} else if err := d.publish(); err != nil {
		return err
	}
	if err := d.blobs.store.write(ops); err != nil {
		d.blobs.doubt(d.hash, e)
		return d.fail(err)
	}
	d.settle()
	return nil
}

// publish makes the file durable under its name.
func (d *draft) publish() error {
	if d.renamed {
		return nil
	}
	if d.file != nil {
		err := d.file.Sync()
		if err != nil {
			err = guard.WriteError("syncing", d.part(), err)
		}
		if err = errors.Join(err, d.closeFile()); err != nil {
			return d.unbelieved(err)
		}
	}
	if retry, err := d.blobs.files.publish(d.hash); err != nil {
		if retry {
			return err
		}
		return d.unbelieved(err)
	}
	d.renamed = true
	return nil
}

// unbelieved ends the draft after an error with which it cannot be known what is on
// the disk. If there was no room, it goes on with a new file, and all is missing.
func (d *draft) unbelieved(err error) error {
	if !errors.Is(err, store.ErrFull) {
		return d.fail(err)
	}
	if again := d.createFile(); again != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.failure = again
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.have)
	return err
}

// settle notes that the blob is there.
func (d *draft) settle() {
	b := d.blobs
	b.mu.Lock()
	defer b.mu.Unlock()
	d.reserved = 0
	delete(b.damaged, d.hash)
	delete(b.left, d.hash)
	delete(b.unsure, d.hash)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done, d.content = true, nil
}

// Close implements store.Draft.
func (d *draft) Close() error {
	d.use.Lock()
	defer d.use.Unlock()
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if closed {
		return nil
	}
	err := d.closeFile()
	if d.blobs.begin() != nil {
		return err // the next opening finds what there is
	}
	defer d.blobs.end()
	err = errors.Join(err, d.leave())
	d.blobs.release(d.hash)
	return err
}

func (d *draft) closeFile() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	if err != nil {
		return guard.WriteError("closing", d.part(), err)
	}
	return nil
}

// leave keeps what was not committed, or removes it if it is not to be believed.
func (d *draft) leave() error {
	b := d.blobs
	_, missing := b.entry(d.hash)
	d.mu.Lock()
	done, failure := d.done, d.failure
	left := int64(0)
	for n, have := range d.have {
		if have {
			left += int64(d.outline.ChunkLen(n))
		}
	}
	d.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if done || d.renamed && missing == nil { // a Commit that had failed has come true
		return nil
	}
	if !d.existed {
		delete(b.damaged, d.hash)
	}
	if d.flags&isInline != 0 {
		return nil
	}
	if left > 0 && failure == nil {
		b.left[d.hash] = left
		return nil
	}
	if d.renamed {
		b.left[d.hash] = d.outline.Size
		return nil
	}
	if err := b.files.fs.Remove(d.part()); err != nil && !guard.IsNotExist(err) {
		b.left[d.hash] = d.outline.Size
		return guard.WriteError("removing", d.part(), err)
	}
	return nil
}
