package memory

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/phyllo-net/phyllo/gateway/files"
)

var errUsed = errors.New("memory: the draft is used up: begin another")

// draft is content on its way.
type draft struct {
	m    *Memory
	b    []byte
	how  files.Class
	name string // of a saved one
	over bool
}

// Write implements io.Writer.
func (d *draft) Write(p []byte) (int, error) {
	if d.over || d.name != "" {
		return 0, errUsed
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
		delete(d.m.saved, d.name)
		d.m.room += int64(len(d.b))
	}
}

// Save implements files.Draft.
func (d *draft) Save() ([]byte, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if d.over {
		return nil, errUsed
	}
	if d.name == "" {
		d.name = d.m.next()
		d.m.saved[d.name] = d
	}
	return []byte(d.name), nil
}

// Saved implements files.Space.
func (s *space) Saved(_ context.Context, saved []byte) (files.Draft, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if d := s.m.saved[string(saved)]; d != nil {
		return d, nil
	}
	return nil, files.ErrNotFound
}

// Draft implements files.Space.
func (s *space) Draft(_ context.Context, size int64, how files.Class) (files.Draft, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if size > s.m.room {
		return nil, files.ErrFull
	}
	return &draft{m: s.m, how: how}, nil
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
