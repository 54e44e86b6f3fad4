package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// space is one space. Memory.mu guards it.
type space struct {
	m        *Memory
	info     files.Info
	history  bool
	names    []string // in order; each has versions
	versions map[string][]*version
}

// version is one of a name's; the newest stands last.
type version struct {
	entry   files.Entry
	content *blob // nil for folders and marks
	once    string
}

// Info implements files.Space.
func (s *space) Info(context.Context) (files.Info, error) { return s.info, nil }

// History implements files.Space.
func (s *space) History(context.Context) (bool, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.history, nil
}

// SetHistory implements files.Space.
func (s *space) SetHistory(_ context.Context, on bool) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.history = on
	return nil
}

// Stat implements files.Space.
func (s *space) Stat(_ context.Context, name, ver string) (files.Entry, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	v := s.find(name, ver)
	switch {
	case v == nil && ver == "" && strings.HasSuffix(name, "/") && s.anyBelow(name):
		return files.Entry{Name: name, Modified: s.info.Made, Latest: true}, nil
	case v == nil:
		return files.Entry{}, files.ErrNotFound
	}
	e := s.shown(v)
	if e.Removed {
		return e, files.ErrNotFound
	}
	return e, nil
}

// find returns a version, or nil. A mark is one.
func (s *space) find(name, ver string) *version {
	list := s.versions[name]
	if ver == "" && len(list) > 0 {
		return list[len(list)-1]
	}
	for _, v := range list {
		if v.entry.Version == ver {
			return v
		}
	}
	return nil
}

// current returns the version that is read now, or nil.
func (s *space) current(name string) *version {
	if v := s.find(name, ""); v != nil && !v.entry.Removed {
		return v
	}
	return nil
}

// shown is an entry as the outside sees it.
func (s *space) shown(v *version) files.Entry {
	e := v.entry
	e.Latest = s.find(e.Name, "") == v
	return e
}

// below lists current names that begin with the folder's.
func (s *space) below(folder string) []string {
	var out []string
	at, _ := slices.BinarySearch(s.names, folder)
	for _, name := range s.names[at:] {
		if !strings.HasPrefix(name, folder) {
			break
		}
		if s.current(name) != nil {
			out = append(out, name)
		}
	}
	return out
}

func (s *space) anyBelow(folder string) bool { return len(s.below(folder)) > 0 }

// check returns why the name may not be put.
func (s *space) check(name string, c files.Cond) error {
	if err := files.CheckName(name); err != nil {
		return err
	}
	now := s.current(name)
	if c.Absent && now != nil || c.Version != "" && (now == nil || now.entry.Version != c.Version) {
		return files.ErrChanged
	}
	path, folder := strings.CutSuffix(name, "/")
	if folder && s.current(path) != nil || !folder && s.anyBelow(name+"/") {
		return files.ErrClash
	}
	for at := range path {
		if path[at] == '/' && s.current(path[:at]) != nil {
			return files.ErrClash
		}
	}
	return nil
}

// add gives a name a version.
func (s *space) add(name string, a files.Attrs, content *blob, removed bool) *version {
	list := s.versions[name]
	if len(list) == 0 {
		at, _ := slices.BinarySearch(s.names, name)
		s.names = slices.Insert(s.names, at, name)
	} else if !s.history {
		s.m.release(list[len(list)-1].content)
		list = list[:len(list)-1]
	}
	v := &version{content: content, entry: files.Entry{
		Attrs: a, Name: name, Version: s.m.next(), Modified: time.Now(), Removed: removed,
	}}
	v.entry.Meta = maps.Clone(a.Meta)
	if content != nil {
		content.users++
		v.entry.Size = content.size
		if content.size > 0 {
			v.entry.Kept = content.kept
		}
	}
	s.versions[name] = append(list, v)
	return v
}

// forget gives up a version.
func (s *space) forget(v *version) {
	name := v.entry.Name
	list := slices.DeleteFunc(s.versions[name], func(x *version) bool { return x == v })
	s.m.release(v.content)
	if len(list) > 0 {
		s.versions[name] = list
		return
	}
	delete(s.versions, name)
	at, _ := slices.BinarySearch(s.names, name)
	s.names = slices.Delete(s.names, at, at+1)
}

// remove takes a current name away.
func (s *space) remove(v *version) *version {
	if s.history || len(s.versions[v.entry.Name]) > 1 {
		return s.add(v.entry.Name, files.Attrs{}, nil, true)
	}
	s.forget(v)
	return v
}
