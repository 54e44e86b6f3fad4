package disk

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// draft is a blob that is being put.
//
// A small one is kept in memory and becomes two records. A large one is written to a
// file of its own, always a new one: of a file that an earlier try has left, chunks
// that are sound are copied. So what is synced in the end was written under the eyes
// of this draft, and an error of the disk that an earlier program had not noticed
// cannot be taken for success.
type draft struct {
	blobs    *blobs
	hash     id.Hash
	outline  store.Outline
	flags    byte
	existed  bool  // it is in the index, sound or damaged
	reserved int64 // guarded by blobs.mu

	use  sync.RWMutex // Commit and Close keep others away from the file
	file vfs.File     // nil when it is not open
	// renamed: the file has its name and is durable, only the entry is missing.
	renamed bool

	mu      sync.Mutex
	content []byte // of a small one
	have    []bool
	failure error // ends the draft
	done    bool  // it is in the index and sound
	closed  bool
}

// Create implements store.Blobs.
func (b *blobs) Create(o store.Outline) (store.Draft, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, err
	}
	defer b.end()
	d := &draft{blobs: b, hash: o.Hash(), have: make([]bool, len(o.Chunks))}
	d.outline = store.Outline{Size: o.Size, Chunks: append([]id.Hash(nil), o.Chunks...)}
	if o.Size < minFile {
		d.flags = isInline
	}
	if err := b.claim(d.hash, d); err != nil {
		return nil, err
	}
	if err := d.start(); err != nil {
		b.release(d.hash)
		return nil, err
	}
	return d, nil
}

// start finds out what there is of the blob, and begins a file.
func (d *draft) start() error {
	b := d.blobs
	e, err := b.entry(d.hash)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	d.existed = err == nil
	if d.existed && !e.damaged() && !b.isDamaged(d.hash) {
		return d.find(e)
	}
	left, err := b.reserve(d)
	if err != nil {
		return err
	}
	if d.flags&isInline != 0 {
		return nil
	}
	if err := b.files.prepare(d.hash); err != nil {
		return err
	}
	if left > 0 || d.existed {
		err = d.takeOver()
	} else {
		err = d.createFile()
	}
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.left, d.hash)
	}
	return err
}

// find makes the draft one of a blob that is there. If a deletion of it has failed,
// it may be gone at the next opening, and Commit writes its entry anew.
func (d *draft) find(e entry) error {
	d.blobs.mu.Lock()
	_, unsure := d.blobs.unsure[d.hash]
	d.blobs.mu.Unlock()
	d.mu.Lock() // it is among the drafts already
	d.done = !unsure
	d.mu.Unlock()
	d.renamed, d.flags = true, e.flags
	for n := range d.have {
		d.have[n] = true
	}
	if unsure && e.inline() && e.outline.Size > 0 {
		content, err := d.blobs.ReadChunk(d.hash, 0, nil)
		d.content = content
		return err
	}
	return nil
}

// reserve sets space aside for a draft, and returns how much an earlier try has left.
func (b *blobs) reserve(d *draft) (left int64, err error) {
	free := b.files.free()
	b.mu.Lock()
	defer b.mu.Unlock()
	left = b.left[d.hash]
	s := b.space(free)
	s.Drafts -= left
	if d.existed { // its place is paid for, but for a while it is there twice
		s.Limits.Quota = -1
	}
	if d.outline.Size > 0 {
		if err := s.Check(d.outline.Size); err != nil {
			return 0, err
		}
	}
	if !d.existed {
		d.reserved = d.outline.Size
	}
	return left, nil
}

func (d *draft) part() string { return d.blobs.files.path(d.hash) + partEnd }

func (d *draft) createFile() (err error) {
	d.file, err = d.blobs.files.fs.Create(d.part(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return guard.WriteError("creating", d.part(), err)
	}
	return nil
}

// takeOver begins a file with the sound chunks of what is there.
func (d *draft) takeOver() error {
	f := &d.blobs.files
	path := f.path(d.hash)
	if err := f.fs.Rename(path+partEnd, path+oldEnd); err != nil && !guard.IsNotExist(err) {
		return guard.WriteError("renaming", path+partEnd, err)
	}
	if err := d.createFile(); err != nil {
		return err
	}
	for _, from := range []string{path + oldEnd, path} {
		if err := d.copyFrom(from); err != nil {
			return errors.Join(err, d.closeFile())
		}
	}
	if err := f.fs.Remove(path + oldEnd); err != nil && !guard.IsNotExist(err) {
		d.blobs.store.config.Log.Warn("store: what was broken off could not be removed", "err", err)
	}
	return nil
}

// copyFrom copies what is sound in a file. What cannot be read is missing.
func (d *draft) copyFrom(path string) error {
	from, err := d.blobs.files.fs.Open(path)
	if err != nil {
		return nil
	}
	defer from.Close() // nothing was written to it
	var into []byte
	for n, have := range d.have {
		if have {
			continue
		}
		content, err := readVerified(from, d.outline, n, into)
		if err != nil {
			continue
		}
		if err := d.writeFile(n, content); err != nil {
			return err
		}
		d.have[n], into = true, content
	}
	return nil
}

func (d *draft) writeFile(n int, content []byte) error {
	wrote, err := d.file.WriteAt(content, int64(n)*store.ChunkSize)
	if err == nil && wrote < len(content) {
		err = fmt.Errorf("%d of %d bytes written", wrote, len(content))
	}
	if err != nil {
		return guard.WriteError("writing", d.part(), err)
	}
	return nil
}

// Missing implements store.Draft.
func (d *draft) Missing() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.missing()
}

func (d *draft) missing() []int {
	var missing []int
	for n, have := range d.have {
		if !have {
			missing = append(missing, n)
		}
	}
	return missing
}

// usable returns why the draft takes nothing more, or nil.
func (d *draft) usable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("%w: the draft was closed", store.ErrInvalid)
	}
	return d.failure
}

// fail ends the draft, unless the disk was only full.
func (d *draft) fail(err error) error {
	if errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrClosed) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
	return err
}

// settled tells whether the draft counts as one no more.
func (d *draft) settled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// WriteChunk implements store.Draft.
func (d *draft) WriteChunk(n int, content []byte) error {
	if err := d.blobs.begin(); err != nil {
		return err
	}
	defer d.blobs.end()
	d.use.RLock()
	defer d.use.RUnlock()
	if err := d.usable(); err != nil {
		return err
	}
	if err := d.outline.Verify(n, content); err != nil {
		return err
	}
	d.mu.Lock()
	have := d.have[n]
	d.mu.Unlock()
	if have {
		return nil
	}
	if d.flags&isInline == 0 {
		if err := d.writeFile(n, content); err != nil {
			return d.fail(err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flags&isInline != 0 {
		d.content = append([]byte(nil), content...)
	}
	d.have[n] = true
	return nil
}
