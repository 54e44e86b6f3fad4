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

// store keeps something sealed. It returns how many copies were made, or fragments.
func (sp *Space) store(t *task.T, kind string, plain []byte, size int64, o Storing) (piece.Ref, int, error) {
	l, secrets, convergent := sp.s.cfg.Locker, sp.secrets, sp.charter.Convergent && kind != kindNode
	var fresh peer.Secret
	if !convergent {
		fresh = l.NewSecret()
	}
	type locked struct {
		key   peer.Secret
		bytes []byte
	}
	lock, err := task.Work(t, work, func() (locked, error) {
		key := fresh
		if convergent {
			key = secrets.Read.Derive("convergent", []byte(kind), plain)
		}
		return locked{key, l.Lock(key, []byte(kind), plain)}, nil
	})
	if err != nil {
		return piece.Ref{}, 0, err
	}
	ref, b := piece.Ref{Size: size, Key: lock.key}, lock.bytes
	if ref.Code = o.code; !o.code.IsZero() {
		return sp.s.archives.Store(t, ref, b, o.Expires, sp.signer)
	}
	done, err := sp.insert(t, b, convergent, o)
	if err = mostly(done, err, o); err != nil {
		return piece.Ref{}, 0, err
	}
	ref.Object, ref.Hash = done.Certificate.ID(), done.Certificate.Content
	return ref, len(done.Receipts), nil
}

// mostly is nil instead of an error if most copies are made: the rest follow when their nodes
// are back.
func mostly(done past.Stored, err error, o Storing) error {
	if errors.Is(err, past.ErrTooFew) && !errors.Is(err, past.ErrFull) && len(done.Receipts) > o.copies()/2 {
		return nil
	}
	return err
}

// insert gives an object to storage. What is too long for a message is moved as one chunk, so
// that it goes to all of its holders on streams.
func (sp *Space) insert(t *task.T, content []byte, convergent bool, o Storing) (past.Stored, error) {
	p := sp.s.cfg.Past
	body, large := past.Single(content)
	f := past.File{Part: sp.part("object"), Content: content, Copies: o.copies(), Expires: o.Expires}
	switch {
	case convergent && large != nil:
		return p.StoreLarge(t, sp.shared(f, body), *large)
	case convergent:
		return p.Store(t, sp.shared(f, body), content)
	case large != nil:
		return p.InsertLarge(t, f, *large, sp.signer)
	}
	return p.Insert(t, f, sp.signer)
}

// fetch reads something sealed.
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
	f, err := s.cfg.Past.Lookup(t, r.Object)
	if err != nil {
		return nil, err
	}
	if f.Certificate.Content != r.Hash {
		return nil, errors.Join(ErrDamaged, errors.New("its owner has signed another content"))
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

// received is an object as it comes from storage, which has verified it.
type received struct{ content []byte }

// WriteChunk implements task.Sink.
func (r *received) WriteChunk(_ int, content []byte) error {
	r.content = bytes.Clone(content)
	return nil
}
