package memory

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// draft is content on its way.
type draft struct {
	m    *Memory
	b    []byte
	over bool
}

// Write implements io.Writer.
func (d *draft) Write(p []byte) (int, error) {
	if d.over {
		return 0, errors.New("memory: the draft is used up: begin another")
	}
	if err := d.m.take(len(p)); err != nil {
		return 0, err
	}
	d.b = append(d.b, p...)
	return len(p), nil
}

// Size implements files.Draft.
func (d *draft) Size() int64 { return int64(len(d.b)) }

// Discard implements files.Draft.
func (d *draft) Discard() {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if !d.over {
		d.over = true
		d.m.room += int64(len(d.b))
	}
}

// Draft implements files.Space.
func (s *space) Draft(_ context.Context, size int64) (files.Draft, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if size > s.m.room {
		return nil, files.ErrFull
	}
	return &draft{m: s.m}, nil
}

// Read implements files.Space.
func (s *space) Read(_ context.Context, name, version string, offset, length int64) (io.ReadCloser, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	v := s.find(name, version)
	if v == nil || v.content == nil {
		return nil, files.ErrNotFound
	}
	var list []io.Reader
	for _, p := range v.content.parts {
		list = append(list, bytes.NewReader(p[min(offset, int64(len(p))):]))
		offset = max(0, offset-int64(len(p)))
	}
	r := io.MultiReader(list...)
	if length >= 0 {
		r = io.LimitReader(r, length)
	}
	return io.NopCloser(r), nil
}
