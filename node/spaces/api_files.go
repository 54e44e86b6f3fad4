package spaces

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Face is the part of api.Node that is about files and spaces.
type Face struct{ Node Node }

// spaceOf is a user's space as an operation names it.
func (f Face) spaceOf(user, name string) *userSpace {
	return &userSpace{of: userSpaces{f.Node, user}, info: files.Info{Name: cmp.Or(name, api.HomeSpace)}}
}

// about gives an error of an operation on a file its kind, and what helps.
func (s *userSpace) about(err error, name string) error {
	in := s.info.Name
	switch {
	case err == nil:
		return nil
	case errors.Is(err, files.ErrNoSpace):
		return api.Errorf(api.NotFound, "you have no space called %+q: `phyllo space list` lists yours, `phyllo space create %s` makes one", in, in)
	case errors.Is(err, files.ErrNotFound):
		return api.Errorf(api.NotFound, "there is no file %+q in the space %s: `phyllo ls` lists those that there are", name, in)
	case errors.Is(err, files.ErrClash):
		return api.Errorf(api.Failed, "%+q cannot be a file: it is a folder, or a part of it is a file; choose another with --as", name)
	case errors.Is(err, files.ErrName):
		if _, wrong := typed.NewName(name); wrong != nil {
			return wrong
		}
	}
	return kind.Give(err)
}

// aboutVersion is about for an operation that names a version, or none.
func (s *userSpace) aboutVersion(err error, q api.FileName) error {
	if q.Version != "" && errors.Is(err, files.ErrNotFound) {
		return api.Errorf(api.NotFound, "there is no version %+.80q of a file %+q in the space %s: `phyllo history NAME` lists those that there are", q.Version, q.Name, s.info.Name)
	}
	return s.about(err, q.Name)
}

// owned is a version as the interface shows it.
func owned(sp *space.Space, in, name string, v *tree.Version) api.File {
	f := api.File{Space: in, Name: name, Version: text(v.Number), Size: v.Size(), Modified: time.UnixMilli(v.Time).UTC(),
		By: memberName(sp, v.Author), Wanted: int(v.Copies), Removed: v.Removed}
	f.Need = int(v.Content.Ref.Code.Need)
	if v.Expires != 0 {
		f.Expires = time.UnixMilli(v.Expires).UTC()
	}
	return f
}

// memberName is what the owner of a space calls one of its members.
func memberName(sp *space.Space, key peer.Key) string {
	for _, m := range sp.Members() {
		if m.Key == key {
			return m.Name
		}
	}
	return directory.Fingerprint(key)
}

// FilePut implements api.Node.
func (f Face) FilePut(ctx context.Context, q api.FilePut, content io.Reader) (*api.File, error) {
	s := f.spaceOf(q.User, q.Space)
	if q.Copies < 0 || q.Copies > api.MaxFileCopies {
		return nil, api.Errorf(api.Usage, "%d copies cannot be kept: want 1 to %d, as in --copies %d", q.Copies, api.MaxFileCopies, api.FileCopies)
	}
	if _, err := typed.NewFile(q.Name); err != nil {
		return nil, err
	}
	how := space.Storing{Copies: q.Copies, Expires: q.Expires, Archive: q.Archive}
	d, err := s.begin(ctx, how)
	if errors.Is(err, files.ErrNoSpace) && s.info.Name == api.HomeSpace {
		if err = s.makeHome(ctx); err == nil {
			d, err = s.begin(ctx, how)
		}
	}
	if err != nil {
		return nil, s.about(err, q.Name)
	}
	defer d.Discard()
	if _, err := io.Copy(d, content); err != nil {
		return nil, s.about(err, q.Name)
	}
	e, err := s.Put(ctx, q.Name, []files.Draft{d}, files.Attrs{}, files.Cond{})
	if err != nil {
		return nil, s.about(err, q.Name)
	}
	apart, err := inSpace(ctx, s, func(_ *task.T, _ *Here, sp *space.Space) (int, error) { return sp.Apart(), nil })
	if err != nil {
		return nil, s.about(err, q.Name)
	}
	have, want := d.copies()
	return &api.File{Space: s.info.Name, Name: e.Name, Version: e.Version, Size: e.Size, Modified: e.Modified.UTC(), Expires: q.Expires,
		Copies: have, Wanted: want, Need: int(d.content.Ref.Code.Need), Apart: apart}, nil
}

// makeHome makes the space that everybody has. That another machine was faster is no error.
func (s *userSpace) makeHome(ctx context.Context) error {
	_, err := asUser(ctx, s.of, func(t *task.T, h *Here, p space.Person) (loop.Nothing, error) {
		_, err := h.create(t, p, space.Founding{Name: api.HomeSpace, History: true})
		if errors.Is(err, space.ErrTaken) {
			err = nil
		}
		return loop.Nothing{}, err
	})
	return err
}

// opened is a file that is read.
type opened struct {
	file   api.File
	reader *reader
}

// FileGet implements api.Node.
func (f Face) FileGet(ctx context.Context, q api.FileName) (*api.File, io.ReadCloser, error) {
	if typed.IsLink(q.Name) {
		return f.getShared(ctx, q.Name)
	}
	s := f.spaceOf(q.User, q.Space)
	got, err := withVersion(ctx, s, q, func(h *Here, sp *space.Space, v *tree.Version) opened {
		return opened{owned(sp, s.info.Name, q.Name, v), h.reader(ctx, v.Content, 0, -1)}
	})
	if err != nil {
		return nil, nil, err
	}
	return &got.file, got.reader, nil
}

// getShared opens a file by its link.
func (f Face) getShared(ctx context.Context, link string) (*api.File, io.ReadCloser, error) {
	shared, err := space.ParseShared(link)
	if err != nil {
		return nil, nil, kind.Give(err)
	}
	r, err := loop.Do(ctx, f.Node.Here(), func(_ *task.T, h *Here) (*reader, error) { return h.reader(ctx, shared.Content, 0, -1), nil })
	if err != nil {
		return nil, nil, kind.Give(err)
	}
	first := r.fill() // so that a link which leads nowhere says so before anything is written
	if first != nil && first != io.EOF {
		r.Close()
		if errors.Is(first, files.ErrUnavailable) {
			return nil, nil, api.Errorf(api.Unreachable, "the file of this link cannot be read now: either it was removed, or too few of the machines that keep it are there; try again later")
		}
		return nil, nil, kind.Give(first)
	}
	return &api.File{Name: shared.Name, Size: shared.Content.Ref.Size}, r, nil
}

// withVersion calls f with a version of a file.
func withVersion[V any](ctx context.Context, s *userSpace, q api.FileName, f func(*Here, *space.Space, *tree.Version) V) (V, error) {
	v, err := inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (out V, err error) {
		err = sp.Look(t, func(sn space.Snapshot) error {
			v, err := sn.Version(q.Name, number(q.Version))
			if err == nil {
				out = f(h, sp, v)
			}
			return err
		})
		return out, err
	})
	return v, s.aboutVersion(err, q)
}

// FileShare implements api.Node.
func (f Face) FileShare(ctx context.Context, q api.FileName) (*api.FileLink, error) {
	s := f.spaceOf(q.User, q.Space)
	l, err := withVersion(ctx, s, q, func(_ *Here, _ *space.Space, v *tree.Version) api.FileLink {
		return api.FileLink{Space: s.info.Name, Name: q.Name, Link: space.Shared{Name: path.Base(q.Name), Content: v.Content}.String()}
	})
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// Enclosed is the line of a message that a file goes with: which file it is, and how it is read.
func (f Face) Enclosed(ctx context.Context, q api.FileName) (string, error) {
	s := f.spaceOf(q.User, q.Space)
	return withVersion(ctx, s, q, func(_ *Here, _ *space.Space, v *tree.Version) string {
		name := path.Base(q.Name)
		return fmt.Sprintf("%s, %d bytes: %s", name, v.Size(), space.Shared{Name: name, Content: v.Content})
	})
}

// FileHistory implements api.Node.
func (f Face) FileHistory(ctx context.Context, q api.FileName) ([]api.File, error) {
	s := f.spaceOf(q.User, q.Space)
	list, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (list []api.File, err error) {
		err = sp.Look(t, func(sn space.Snapshot) error {
			e, err := sn.Entry(q.Name)
			if err == nil {
				list = nil
				for _, v := range e.Versions {
					list = append(list, owned(sp, s.info.Name, q.Name, v))
				}
			}
			return err
		})
		return list, err
	})
	return list, s.about(err, q.Name)
}

// FileStat implements api.Node.
func (f Face) FileStat(ctx context.Context, q api.FileName) (*api.File, error) {
	s := f.spaceOf(q.User, q.Space)
	file, err := inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (file api.File, err error) {
		err = sp.Look(t, func(sn space.Snapshot) error {
			v, err := sn.Version(q.Name, number(q.Version))
			if err != nil {
				return err
			}
			file = owned(sp, s.info.Name, q.Name, v)
			file.Copies, err = h.spaces.Copies(t, v.Content, file.Wanted)
			return err
		})
		return file, err
	})
	if err != nil {
		return nil, s.aboutVersion(err, q)
	}
	return &file, nil
}

// FileList implements api.Node.
func (f Face) FileList(ctx context.Context, q api.FileQuery) (*api.FilePage, error) {
	s := f.spaceOf(q.User, q.Space)
	p, err := inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (page api.FilePage, err error) {
		err = sp.Look(t, func(sn space.Snapshot) error {
			l := &lister{q: files.Query{Prefix: q.Prefix, Fold: q.Fold, After: q.After, Limit: files.MaxPage}, sn: sn, of: aliveOnly}
			if err := l.scan(); err != nil {
				return err
			}
			page = api.FilePage{Folders: l.out.Folders, Next: l.out.Next}
			for _, r := range l.rows {
				page.Files = append(page.Files, owned(sp, s.info.Name, r.name, r.v))
			}
			if !q.Count {
				return nil
			}
			return h.countRows(t, l.rows, page.Files)
		})
		return page, err
	})
	if err != nil {
		return nil, s.about(err, q.Prefix)
	}
	return &p, nil
}

// FileRemove implements api.Node. Older versions go, too: a person who removes a file wants it to be
// gone.
func (f Face) FileRemove(ctx context.Context, q api.FileName) error {
	s := f.spaceOf(q.User, q.Space)
	_, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (loop.Nothing, error) {
		if q.Version != "" {
			_, err := sp.Remove(t, q.Name, number(q.Version), space.Cond{})
			return loop.Nothing{}, err
		}
		if strings.HasSuffix(q.Name, "/") {
			return loop.Nothing{}, sp.RemoveAll(t, q.Name, true)
		}
		return loop.Nothing{}, sp.Erase(t, q.Name)
	})
	return s.aboutVersion(err, q)
}

// FileMove implements api.Node.
func (f Face) FileMove(ctx context.Context, q api.FileMove) error {
	s := f.spaceOf(q.User, q.Space)
	if strings.HasSuffix(q.Name, "/") != strings.HasSuffix(q.To, "/") {
		return api.Errorf(api.Usage, "a folder's name ends with \"/\", a file's does not: %+q cannot become %+q", q.Name, q.To)
	}
	err := s.Rename(ctx, q.Name, q.To, files.Cond{Absent: !q.Replace})
	switch {
	case errors.Is(err, files.ErrChanged):
		return api.Errorf(api.Failed, "there is %+q in the space %s already: choose another name, or replace it with `phyllo mv --force`", q.To, s.info.Name)
	case errors.Is(err, files.ErrClash) && strings.HasPrefix(q.To, q.Name):
		return api.Errorf(api.Failed, "%+q cannot be moved into itself: choose a name that is not below it", q.Name)
	case errors.Is(err, files.ErrClash):
		return api.Errorf(api.Failed, "%+q cannot be had: a file and a folder cannot have the same name; choose another", q.To)
	case errors.Is(err, files.ErrName):
		return api.Errorf(api.Usage, "%+q cannot be the name of a file or folder: choose another", q.To)
	}
	return s.about(err, q.Name)
}

// FolderAdd implements api.Node.
func (f Face) FolderAdd(ctx context.Context, q api.FileName) error {
	s := f.spaceOf(q.User, q.Space)
	if !strings.HasSuffix(q.Name, "/") || files.CheckName(q.Name) != nil {
		return api.Errorf(api.Usage, "%+q cannot be the name of a folder: choose another, which ends with \"/\"", q.Name)
	}
	put := func() error {
		_, err := s.Put(ctx, q.Name, nil, files.Attrs{}, files.Cond{Absent: true})
		if errors.Is(err, files.ErrChanged) {
			err = nil
		}
		return err
	}
	err := put()
	if errors.Is(err, files.ErrNoSpace) && s.info.Name == api.HomeSpace {
		if err = s.makeHome(ctx); err == nil {
			err = put()
		}
	}
	if errors.Is(err, files.ErrClash) {
		return api.Errorf(api.Failed, "%+q cannot be a folder: it is a file, or a part of it is one; choose another name", q.Name)
	}
	return s.about(err, q.Name)
}
