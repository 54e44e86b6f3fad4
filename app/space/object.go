package space

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Kinds of sealed objects.
const (
	kindPiece = "piece"
	kindList  = "list"
	kindNode  = "directory"
)

// locked is something sealed, and how it is stored.
type locked struct {
	key   peer.Secret
	first []byte // chunk, the only one if it is archived
	body  []byte
	large *past.Large // nil: the body is all
}

// store keeps something sealed. It returns how many copies were made, or fragments.
func (sp *Space) store(t *task.T, kind string, plain []byte, size int64, o Storing) (piece.Ref, int, error) {
	l, secrets, convergent := sp.s.cfg.Locker, sp.secrets, sp.charter.Convergent && kind != kindNode
	var fresh peer.Secret
	if !convergent {
		fresh = l.NewSecret()
	}
	lock, err := task.Work(t, work, func() (locked, error) {
		x := locked{key: fresh}
		if convergent {
			x.key = secrets.Read.Derive("convergent", []byte(kind), plain)
		}
		chunks := piece.Seal(l, x.key, kind, plain)
		x.first = chunks[0]
		x.body, x.large = past.InMemory(chunks...)
		return x, nil
	})
	if err != nil {
		return piece.Ref{}, 0, err
	}
	ref := piece.Ref{Size: size, Key: lock.key}
	if ref.Code = o.code; !o.code.IsZero() {
		ref, n, err := sp.s.archives.Store(t, ref, lock.first, o.Expires, sp.signer)
		if err == nil {
			err = sp.s.stored(t, ref)
		}
		return ref, n, err
	}
	done, err := sp.insert(t, lock, convergent, o)
	if err = mostly(done, err, o); err != nil {
		return piece.Ref{}, 0, err
	}
	ref.Object, ref.Hash = done.Certificate.ID(), done.Certificate.Content
	return ref, len(done.Receipts), sp.s.stored(t, ref)
}

// mostly is nil instead of an error if most copies are made: the rest follow when their nodes
// are back.
func mostly(done past.Stored, err error, o Storing) error {
	if errors.Is(err, past.ErrTooFew) && !errors.Is(err, past.ErrFull) && len(done.Receipts) > o.copies()/2 {
		return nil
	}
	return err
}

// insert gives an object to storage. What is too long for a message is moved in chunks, so
// that it goes to all of its holders on streams.
func (sp *Space) insert(t *task.T, x locked, convergent bool, o Storing) (past.Stored, error) {
	p := sp.s.cfg.Past
	f := past.File{Part: sp.part("object"), Content: x.first, Copies: o.copies(), Expires: o.Expires}
	switch {
	case convergent && x.large != nil:
		return p.StoreLarge(t, sp.shared(f, x.body), *x.large)
	case convergent:
		return p.Store(t, sp.shared(f, x.body), x.body)
	case x.large != nil:
		return p.InsertLarge(t, f, *x.large, sp.signer)
	}
	return p.Insert(t, f, sp.signer)
}

// fetch reads something sealed that is one chunk.
func (s *Spaces) fetch(t *task.T, kind string, r piece.Ref) ([]byte, error) {
	read := s.fetchCopy
	if !r.Code.IsZero() {
		read = s.archives.Fetch
	}
	sealed, err := read(t, r)
	if err != nil {
		return nil, err
	}
	return task.Work(t, work, func() ([]byte, error) {
		b, err := s.cfg.Locker.Unlock(r.Key, []byte(kind), sealed)
		if err != nil {
			return nil, errors.Join(ErrDamaged, err)
		}
		return b, nil
	})
}

// fetchCopy reads an object of which there are copies.
func (s *Spaces) fetchCopy(t *task.T, r piece.Ref) ([]byte, error) {
	f, err := s.find(t, r)
	if err != nil {
		return nil, err
	}
	got := received{f.Content}
	if f.Certificate.Large() {
		if f.Certificate.Size > task.ChunkSize {
			return nil, fmt.Errorf("%w: an object of %d bytes, at most %d", ErrDamaged, f.Certificate.Size, task.ChunkSize)
		}
		if err := s.cfg.Past.Fetch(t, f, task.Whole(f.Certificate.Size), &got); err != nil {
			return nil, err
		}
	}
	return got.content, nil
}

// find asks for an object of which there are copies.
func (s *Spaces) find(t *task.T, r piece.Ref) (past.Found, error) {
	f, err := s.cfg.Past.Lookup(t, r.Object)
	if err == nil && f.Certificate.Content != r.Hash {
		err = errors.Join(ErrDamaged, errors.New("its owner has signed another content"))
	}
	return f, err
}

// fill reads bytes of a piece from a place on into out. Of a piece in copies no chunk is
// fetched that has none of them.
func (s *Spaces) fill(t *task.T, r piece.Ref, from int64, out []byte) error {
	if !r.Code.IsZero() {
		b, err := s.fetch(t, kindPiece, r)
		if err == nil && int64(len(b)) != r.Size {
			err = ErrDamaged
		}
		if err == nil {
			copy(out, b[from:])
		}
		return err
	}
	f, err := s.find(t, r)
	switch {
	case err != nil:
		return err
	case f.Certificate.Size != piece.Sealed(r.Size):
		return fmt.Errorf("%w: an object of %d bytes, want %d", ErrDamaged, f.Certificate.Size, piece.Sealed(r.Size))
	}
	into := &opened{locker: s.cfg.Locker, ref: r, from: from, out: out}
	if f.Certificate.Large() {
		return s.cfg.Past.Fetch(t, f, task.Part{Size: f.Certificate.Size, Chunks: piece.Chunks(from, from+int64(len(out)))}, into)
	}
	_, err = task.Work(t, work, func() (struct{}, error) { return struct{}{}, into.WriteChunk(0, f.Content) })
	return err
}

// opened is a sink that opens chunks of a piece.
type opened struct {
	locker peer.Locker
	ref    piece.Ref
	from   int64 // place in the piece of the first byte of out
	out    []byte
}

// WriteChunk implements task.Sink.
func (o *opened) WriteChunk(n int, sealed []byte) error {
	text, err := piece.Open(o.locker, o.ref.Key, kindPiece, o.ref.Size, n, sealed)
	if err != nil {
		return err
	}
	if at := int64(n)*piece.ChunkText - o.from; at < 0 {
		copy(o.out, text[-at:])
	} else {
		copy(o.out[at:], text)
	}
	return nil
}

// received is an object as it comes from storage, which has verified it.
type received struct{ content []byte }

// WriteChunk implements task.Sink.
func (r *received) WriteChunk(_ int, content []byte) error {
	r.content = bytes.Clone(content)
	return nil
}
