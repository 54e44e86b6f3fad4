package disk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// blobs are the blobs of a Store.
type blobs struct {
	store *Store
	files blobFiles

	mu     sync.Mutex
	limits store.Limits
	// busy holds the blobs of which somebody changes something; with a draft if it
	// is one.
	busy map[id.Hash]*draft
	// left is what was broken off: files of blobs that are not in the index, and
	// how many bytes there are of them.
	left map[id.Hash]int64
	// damaged are the blobs in the index that were found to be damaged.
	damaged map[id.Hash]bool
	// unsure are blobs of which a change in the index has failed, and how many bytes
	// their files have. What reads show of them is not what will be there when the
	// index is read anew, so nobody may rest on it: a change is written in any case.
	unsure map[id.Hash]int64
}

var _ store.Blobs = (*blobs)(nil)

func newBlobs(s *Store) *blobs {
	return &blobs{
		store: s, files: newBlobFiles(s.config),
		limits: store.Limits{Quota: -1, Floor: 2 * s.config.Reserve},
		busy:   map[id.Hash]*draft{}, left: map[id.Hash]int64{}, damaged: map[id.Hash]bool{},
		unsure: map[id.Hash]int64{},
	}
}

// Blobs returns the blobs of this store. They are closed with it. Until SetLimits is
// called there is no quota, and twice Config.Reserve stays free.
func (s *Store) Blobs() store.Blobs { return s.blobs }

// begin begins a call that is neither a read nor a write of records.
func (b *blobs) begin() error {
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.calls++
	return nil
}

func (b *blobs) end() {
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.calls == 0 {
		s.changed.Broadcast()
	}
}

// claim makes a blob the caller's alone, until release. d is nil if he puts nothing.
func (b *blobs) claim(h id.Hash, d *draft) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, busy := b.busy[h]; busy {
		return fmt.Errorf("%w: blob %s", store.ErrBusy, h)
	}
	b.busy[h] = d
	return nil
}

func (b *blobs) release(h id.Hash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.busy, h)
}

// entry returns what the index says now.
func (b *blobs) entry(h id.Hash) (entry, error) {
	v, err := b.store.enter()
	if err != nil {
		return entry{}, err
	}
	defer b.store.leave(v)
	return v.entry(h)
}

// Outline implements store.Blobs.
func (b *blobs) Outline(h id.Hash) (store.Outline, error) {
	e, err := b.entry(h)
	return e.outline, err
}

// Stat implements store.Blobs.
func (b *blobs) Stat(h id.Hash) (store.BlobStat, error) {
	e, err := b.entry(h)
	if err != nil {
		return store.BlobStat{}, err
	}
	return store.BlobStat{Hash: h, Size: e.outline.Size, Damaged: e.damaged() || b.isDamaged(h)}, nil
}

func (b *blobs) isDamaged(h id.Hash) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.damaged[h]
}

// List implements store.Blobs.
func (b *blobs) List(from id.Hash, fn func(store.BlobStat) bool) error {
	v, err := b.store.enter()
	if err != nil {
		return err
	}
	defer b.store.leave(v)
	return v.entries(from, func(h id.Hash, value []byte) (bool, error) {
		size, flags, err := parseHead(value)
		if err != nil {
			return false, err
		}
		return fn(store.BlobStat{Hash: h, Size: size, Damaged: flags&isDamaged != 0 || b.isDamaged(h)}), nil
	})
}

// Drafts implements store.Blobs.
func (b *blobs) Drafts() ([]id.Hash, error) {
	if err := b.begin(); err != nil {
		return nil, err
	}
	defer b.end()
	b.mu.Lock()
	defer b.mu.Unlock()
	hashes := map[id.Hash]bool{}
	for h := range b.left {
		hashes[h] = true
	}
	for h, d := range b.busy {
		if d != nil && !d.settled() {
			hashes[h] = true
		}
	}
	return sorted(hashes), nil
}

// Damaged implements store.Blobs.
func (b *blobs) Damaged() ([]id.Hash, error) {
	if err := b.begin(); err != nil {
		return nil, err
	}
	defer b.end()
	b.mu.Lock()
	defer b.mu.Unlock()
	return sorted(b.damaged), nil
}

func sorted(set map[id.Hash]bool) []id.Hash {
	var hashes []id.Hash
	for h := range set {
		hashes = append(hashes, h)
	}
	slices.SortFunc(hashes, func(x, y id.Hash) int { return bytes.Compare(x[:], y[:]) })
	return hashes
}

// Space implements store.Blobs.
func (b *blobs) Space() (store.Space, error) {
	if err := b.begin(); err != nil {
		return store.Space{}, err
	}
	defer b.end()
	free := b.files.free()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.space(free), nil
}

func (b *blobs) space(free int64) store.Space {
	s := store.Space{Free: free, Limits: b.limits}
	for _, n := range b.left {
		s.Drafts += n
	}
	for _, d := range b.busy {
		if d != nil {
			s.Drafts += d.reserved
		}
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	s.Used, s.Blobs = b.store.taken.used, b.store.taken.blobs
	return s
}

// SetLimits implements store.Blobs.
func (b *blobs) SetLimits(l store.Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limits = l
}

// Delete implements store.Blobs. The entry goes first: what a crash leaves is then a
// file without one, which the next opening finds.
func (b *blobs) Delete(h id.Hash) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.end()
	if err := b.claim(h, nil); err != nil {
		return err
	}
	defer b.release(h)
	b.mu.Lock()
	bytesLeft, left := b.left[h]
	_, unsure := b.unsure[h]
	b.mu.Unlock()
	e, err := b.entry(h)
	absent := errors.Is(err, store.ErrNotFound)
	switch {
	case absent && !left && !unsure:
		return nil
	case err != nil && !absent && !errors.Is(err, store.ErrCorrupt):
		return err
	case !absent || unsure:
		bytesLeft += e.outline.Size
		if err := b.deleteEntry(h, e); err != nil {
			return err
		}
	}
	if !left && !unsure && err == nil && e.inline() {
		b.forget(h, 0)
		return nil
	}
	if err := b.files.remove(h); err != nil {
		b.store.config.Log.Warn("store: a deleted blob still takes space, until it is deleted again", "err", err)
	} else {
		bytesLeft = 0
	}
	b.forget(h, bytesLeft)
	return nil
}

func (b *blobs) deleteEntry(h id.Hash, e entry) error {
	err := b.store.write([]store.Op{
		{Table: blobTable, Key: blobKey(indexKind, h), Delete: true},
		{Table: blobTable, Key: blobKey(contentKind, h), Delete: true},
	})
	if err != nil {
		b.doubt(h, e)
	}
	return err
}

// doubt notes that a change of an entry has failed.
func (b *blobs) doubt(h id.Hash, e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := e.outline.Size
	if e.inline() {
		size = 0
	}
	b.unsure[h] = max(size, b.unsure[h])
}

// forget notes that a blob has no entry any more, and how many bytes of its files are
// left.
func (b *blobs) forget(h id.Hash, bytesLeft int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.damaged, h)
	delete(b.left, h)
	delete(b.unsure, h)
	if bytesLeft > 0 {
		b.left[h] = bytesLeft
	}
}

// close ends all drafts. Nobody is in a call any more.
func (b *blobs) close() error {
	var open []*draft
	b.mu.Lock()
	for _, d := range b.busy {
		if d != nil {
			open = append(open, d)
		}
	}
	b.mu.Unlock()
	var err error
	for _, d := range open {
		d.use.Lock() // it may be that its own Close has begun
		err = errors.Join(err, d.closeFile())
		d.use.Unlock()
	}
	return err
}
