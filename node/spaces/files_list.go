package spaces

import (
	"context"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/task"
)

// List implements files.Space.
func (s *userSpace) List(ctx context.Context, q files.Query) (files.Page, error) {
	q.AfterVersion = ""
	return s.page(ctx, q, aliveOnly)
}

// aliveOnly is the current version of a name, if something stands there.
func aliveOnly(sn space.Snapshot, e *tree.Entry) []*tree.Version {
	if sn.Alive(e.Current()) {
		return e.Versions[:1]
	}
	return nil
}

// Versions implements files.Space.
func (s *userSpace) Versions(ctx context.Context, q files.Query) (files.Page, error) {
	return s.page(ctx, q, func(_ space.Snapshot, e *tree.Entry) []*tree.Version {
		if e.Name != q.After {
			return e.Versions
		}
		after := number(q.AfterVersion)
		at := slices.IndexFunc(e.Versions, func(v *tree.Version) bool { return v.Number < after })
		if at < 0 {
			return nil
		}
		return e.Versions[at:]
	})
}

// lister makes one page of a list.
type lister struct {
	q    files.Query
	sn   space.Snapshot
	of   func(space.Snapshot, *tree.Entry) []*tree.Version // what is listed of a name
	out  files.Page
	rows []row
	size int
}

// row is an entry of the page, whose meta data is read when the page is full.
type row struct {
	name   string
	v      *tree.Version
	latest bool
}

func (s *userSpace) page(ctx context.Context, q files.Query, of func(space.Snapshot, *tree.Entry) []*tree.Version) (files.Page, error) {
	return looking(ctx, s, func(t *task.T, h *Here, sn space.Snapshot) (files.Page, error) {
		l := &lister{q: q, sn: sn, of: of}
		if err := l.scan(); err != nil {
			return files.Page{}, err
		}
		for _, r := range l.rows {
			e, err := h.entry(t, r.name, r.v)
			if err != nil {
				return files.Page{}, err
			}
			e.Latest = r.latest
			l.out.Entries = append(l.out.Entries, e)
		}
		return l.out, nil
	})
}

// scan fills the page.
func (l *lister) scan() error {
	start := max(l.q.Prefix, l.q.After)
	if folder, ok := l.q.Folded(l.q.After); ok && folder == l.q.After {
		start = tree.After(folder)
	}
	if err := l.sn.Scan(start, l.visit); err != nil {
		return err
	}
	if !l.out.More {
		l.out.Next, l.out.NextVersion = "", ""
	}
	return nil
}

// visit is for a scan: it skips what is below a folder that is listed as one.
func (l *lister) visit(e *tree.Entry) (next string, more bool) {
	if !strings.HasPrefix(e.Name, l.q.Prefix) {
		return "", e.Name < l.q.Prefix
	}
	if e.Name == l.q.After && l.q.AfterVersion == "" {
		return "", true
	}
	list := l.of(l.sn, e)
	if len(list) == 0 {
		return "", true
	}
	if folder, ok := l.q.Folded(e.Name); ok {
		if l.room() {
			l.out.Folders = append(l.out.Folders, folder)
			l.out.Next, l.out.NextVersion = folder, ""
		}
		return tree.After(folder), !l.out.More
	}
	for _, v := range list {
		if !l.room() {
			return "", false
		}
		l.rows = append(l.rows, row{e.Name, v, v == e.Current()})
		l.out.Next, l.out.NextVersion = e.Name, text(v.Number)
	}
	return "", true
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
