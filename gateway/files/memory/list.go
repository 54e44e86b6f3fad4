package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// List implements files.Space.
func (s *space) List(_ context.Context, q files.Query) (files.Page, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	q.AfterVersion = ""
	l := lister{s: s, q: q, of: func(name string) []*version {
		if v := s.current(name); v != nil {
			return []*version{v}
		}
		return nil
	}}
	p := l.page()
	p.NextVersion = ""
	return p, nil
}

// Versions implements files.Space.
func (s *space) Versions(_ context.Context, q files.Query) (files.Page, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	l := lister{s: s, q: q, of: func(name string) []*version {
		list := slices.Clone(s.versions[name])
		slices.Reverse(list)
		if name == q.After {
			at := slices.IndexFunc(list, func(v *version) bool { return v.entry.Version == q.AfterVersion })
			list = list[at+1:]
		}
		return list
	}}
	return l.page(), nil
}

// lister makes one page.
type lister struct {
	s    *space
	q    files.Query
	of   func(name string) []*version // what is listed of a name
	out  files.Page
	size int
}

// page goes over the names, and past whole folders where it can.
func (l *lister) page() files.Page {
	names, q := l.s.names, l.q
	start := max(q.Prefix, q.After)
	if folder, ok := q.Folded(q.After); ok && folder == q.After {
		start = behind(folder)
	}
	at, _ := slices.BinarySearch(names, start)
	for at < len(names) && strings.HasPrefix(names[at], q.Prefix) && !l.out.More {
		name := names[at]
		at++
		if name == q.After && q.AfterVersion == "" {
			continue
		}
		list := l.of(name)
		if len(list) == 0 {
			continue
		}
		if folder, ok := q.Folded(name); ok {
			if l.room() {
				l.out.Folders = append(l.out.Folders, folder)
				l.out.Next, l.out.NextVersion = folder, ""
			}
			at, _ = slices.BinarySearch(names, behind(folder))
			continue
		}
		l.add(list)
	}
	if !l.out.More {
		l.out.Next, l.out.NextVersion = "", ""
	}
	return l.out
}

func (l *lister) add(list []*version) {
	for _, v := range list {
		if !l.room() {
			return
		}
		e := l.s.shown(v)
		l.out.Entries = append(l.out.Entries, e)
		l.out.Next, l.out.NextVersion = e.Name, e.Version
	}
}

// room reports whether one more fits.
func (l *lister) room() bool {
	if l.size == min(max(l.q.Limit, 1), files.MaxPage) {
		l.out.More = true
		return false
	}
	l.size++
	return true
}

// behind is the first name that stands behind all of a folder.
func behind(folder string) string { return strings.TrimSuffix(folder, "/") + "0" }
