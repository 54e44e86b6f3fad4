package archive

import (
	"bytes"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// hedge is how long a fragment is waited for before another is asked for besides.
const hedge = time.Second

// Fetch reads an archived content, which is verified. Errors: piece.ErrDamaged (the reference
// does not Check), past.ErrNotFound (too few fragments are left), past.ErrNotReachable (too few
// were reached), task.ErrStopped.
func (a *Archives) Fetch(t *task.T, r piece.Ref) ([]byte, error) {
	if err := r.Code.Check(); err != nil || r.Code.IsZero() {
		return nil, errors.Join(piece.ErrDamaged, err)
	}
	x := &reading{a: a, ref: r, shards: make([][]byte, r.Code.Total)}
	x.more(int(r.Code.Need))
	for x.have < int(r.Code.Need) {
		if x.flying == 0 && x.next == int(r.Code.Total) {
			return nil, x.failed
		}
		_, err := task.Await(t, hedge, func(resolve func(struct{}, error)) {
			x.wake = func() { resolve(struct{}{}, nil) }
		})
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case err != nil: // some take long
			x.more(int(r.Code.Need) - x.have)
		}
	}
	size, whole := x.size, x.whole
	return task.Work(t, work, func() ([]byte, error) {
		content, err := join(x.shards, size, r.Code)
		if err == nil && wholeHash(content) != whole {
			err = piece.ErrDamaged // its owner coded it wrong
		}
		return content, err
	})
}

// reading is one Fetch under way.
type reading struct {
	a      *Archives
	ref    piece.Ref
	shards [][]byte
	have   int
	flying int
	next   int // the next fragment to be asked for
	size   int64
	whole  id.Hash
	failed error // why there are not enough
	wake   func()
}

// more asks for n more fragments, as far as there are such.
func (x *reading) more(n int) {
	for ; n > 0 && x.next < int(x.ref.Code.Total); n-- {
		i := x.next
		x.next++
		x.flying++
		x.a.ep.Go(func(t *task.T) error {
			f, err := x.a.fragment(t, x.ref, i)
			x.flying--
			x.take(i, f, err)
			return nil
		}, nil)
	}
}

// take takes a fragment that came, or asks for another in its place.
func (x *reading) take(i int, f *fragment, err error) {
	switch {
	case x.have >= int(x.ref.Code.Need): // it is too late
	case err == nil:
		x.shards[i], x.size, x.whole = f.Data, f.Size, f.Whole
		x.have++
	default:
		if x.failed == nil || !errors.Is(err, past.ErrNotFound) {
			x.failed = err
		}
		x.more(1)
	}
	if wake := x.wake; wake != nil {
		x.wake = nil
		wake()
	}
}

// fragment reads one fragment, which is verified.
func (a *Archives) fragment(t *task.T, r piece.Ref, i int) (*fragment, error) {
	o, err := task.Work(t, work, func() (id.Hash, error) {
		c := name(r, i)
		return c.ID(), nil
	})
	if err != nil {
		return nil, err
	}
	f, err := a.past.Lookup(t, o)
	if err != nil {
		return nil, err
	}
	content := single(f.Content)
	if size := f.Certificate.Size; f.Certificate.Large() {
		if size > task.ChunkSize {
			return nil, past.ErrNotFound
		}
		if err := a.past.Fetch(t, f, task.Whole(size), &content); err != nil {
			return nil, err
		}
	}
	got, err := task.Work(t, work, func() (*fragment, error) { return open(content, r, i), nil })
	if err == nil && got == nil {
		err = past.ErrNotFound // its owner signed something else
	}
	return got, err
}

// single is a content of one chunk as it comes from storage.
type single []byte

// WriteChunk implements task.Sink.
func (s *single) WriteChunk(_ int, content []byte) error {
	*s = bytes.Clone(content)
	return nil
}
