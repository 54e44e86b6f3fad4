package memory

import (
	"context"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Put implements files.Space.
func (s *space) Put(_ context.Context, name string, content []files.Draft, a files.Attrs, c files.Cond) (files.Entry, error) {
	if err := files.CheckAttrs(a); err != nil {
		return files.Entry{}, err
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if v := s.once(name, c.Once); v != nil {
		return s.shown(v), nil
	}
	if err := s.check(name, c); err != nil {
		return files.Entry{}, err
	}
	if strings.HasSuffix(name, "/") {
		return s.shown(s.add(name, a, nil, false)), nil
	}
	b := &blob{}
	for _, x := range content {
		if x.(*draft).over {
			return files.Entry{}, errUsed
		}
	}
	for _, x := range content {
		d := x.(*draft)
		d.over = true
		b.parts = append(b.parts, d.b)
		b.size += int64(len(d.b))
		b.kept = kept[d.how]
	}
	v := s.add(name, a, b, false)
	v.once = c.Once
	return s.shown(v), nil
}

// once is the version of a name that was put with this text, or nil.
func (s *space) once(name, once string) *version {
	for _, v := range s.versions[name] {
		if once != "" && v.once == once {
			return v
		}
	}
	return nil
}

// Copy implements files.Space.
func (s *space) Copy(_ context.Context, from files.Ref, to string, a *files.Attrs, c files.Cond) (files.Entry, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	source := s
	if from.Space != "" {
		if source = s.m.spaces[from.Space]; source == nil {
			return files.Entry{}, files.ErrNoSpace
		}
	}
	v := source.find(from.Name, from.Version)
	if v == nil || v.entry.Removed {
		return files.Entry{}, files.ErrNotFound
	}
	if a == nil {
		a = &v.entry.Attrs
	}
	if err := files.CheckAttrs(*a); err != nil {
		return files.Entry{}, err
	}
	if err := s.check(to, c); err != nil {
		return files.Entry{}, err
	}
	if (v.content == nil) != strings.HasSuffix(to, "/") {
		return files.Entry{}, files.ErrClash
	}
	return s.shown(s.copied(v, to, *a)), nil
}

// copied gives the content of a version a name.
func (s *space) copied(v *version, to string, a files.Attrs) *version {
	if v.content != nil {
		v.content.users++ // the one that is replaced may be the last with this content
		defer s.m.release(v.content)
	}
	return s.add(to, a, v.content, false)
}

// Rename implements files.Space.
func (s *space) Rename(_ context.Context, from, to string, c files.Cond) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	folder := strings.HasSuffix(from, "/")
	if folder != strings.HasSuffix(to, "/") || folder && from != to && strings.HasPrefix(to, from) {
		return files.ErrClash
	}
	moved := []string{from}
	if folder {
		moved = s.below(from)
	} else if s.current(from) == nil {
		moved = nil
	}
	if len(moved) == 0 {
		return files.ErrNotFound
	}
	if err := s.check(to, c); err != nil || from == to {
		return err
	}
	if folder && c.Absent && s.anyBelow(to) {
		return files.ErrChanged
	}
	if folder {
		for _, name := range s.below(to) {
			s.remove(s.current(name))
		}
	}
	for _, name := range moved {
		v := s.current(name)
		s.copied(v, to+strings.TrimPrefix(name, from), v.entry.Attrs)
		s.remove(v)
	}
	return nil
}

// Remove implements files.Space.
func (s *space) Remove(_ context.Context, name, ver string, c files.Cond) (files.Entry, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	now := s.current(name)
	if c.Absent && now != nil || c.Version != "" && now != nil && now.entry.Version != c.Version {
		return files.Entry{}, files.ErrChanged
	}
	if ver == "" {
		if now == nil {
			return files.Entry{}, files.ErrNotFound
		}
		return s.shown(s.remove(now)), nil
	}
	v := s.find(name, ver)
	if v == nil {
		return files.Entry{}, files.ErrNotFound
	}
	e := s.shown(v)
	s.forget(v)
	return e, nil
}

// RemoveAll implements files.Space.
func (s *space) RemoveAll(_ context.Context, folder string) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	list := s.below(folder)
	if len(list) == 0 || !strings.HasSuffix(folder, "/") {
		return files.ErrNotFound
	}
	for _, name := range list {
		s.remove(s.current(name))
	}
	return nil
}
