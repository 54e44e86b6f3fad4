package webdav

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path"

	"golang.org/x/net/webdav"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// tree is the library's view of all spaces; what a request may see of them it carries
// itself.
type tree struct{}

var _ webdav.FileSystem = tree{}

// Stat implements webdav.FileSystem.
func (tree) Stat(ctx context.Context, p string) (os.FileInfo, error) {
	i, err := viewOf(ctx).look(path.Clean(p))
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Mkdir implements webdav.FileSystem. A folder below the root is a space.
func (tree) Mkdir(ctx context.Context, p string, _ os.FileMode) error {
	v, p := viewOf(ctx), path.Clean(p)
	if _, err := v.look(p); err == nil {
		return os.ErrExist
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if space, name := split(p); name == "" {
		if err := v.Spaces(v.key.User).Create(ctx, space); err != nil {
			return v.failed(err)
		}
		return nil
	}
	if err := v.needParent(p); err != nil {
		return err
	}
	s, name, err := v.space(p)
	if err != nil {
		return err
	}
	if _, err := s.Put(ctx, name+"/", nil, files.Attrs{}, files.Cond{Absent: true}); err != nil {
		return v.failed(err)
	}
	return nil
}

// OpenFile implements webdav.FileSystem.
func (tree) OpenFile(ctx context.Context, p string, flag int, _ os.FileMode) (webdav.File, error) {
	v, p := viewOf(ctx), path.Clean(p)
	i, err := v.look(p)
	there := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if flag&os.O_CREATE == 0 {
		if !there {
			return nil, err
		}
		if m := v.r.Method; (m == "GET" || m == "HEAD") && !i.IsDir() {
			kind, _ := i.ContentType(ctx) // it never fails
			v.header.Set("Content-Type", kind)
		}
		return &file{v: v, info: i}, nil
	}
	if there && i.IsDir() {
		return nil, v.no(http.StatusMethodNotAllowed, os.ErrExist)
	}
	if err := v.needParent(p); err != nil {
		return nil, err
	}
	c, err := v.cond(i, there)
	if err != nil {
		return nil, v.failed(err)
	}
	s, name, err := v.space(p)
	if err != nil {
		return nil, err
	}
	return &newFile{v: v, s: s, name: name, path: p, cond: c}, nil
}

// RemoveAll implements webdav.FileSystem. What a move replaces goes with that.
func (tree) RemoveAll(ctx context.Context, p string) error {
	v, p := viewOf(ctx), path.Clean(p)
	i, err := v.look(p)
	if err != nil {
		return err
	}
	if v.r.Method == "MOVE" || v.r.Method == "COPY" && !i.IsDir() {
		v.over = p
		return nil
	}
	return v.remove(i)
}

func (v *view) remove(i info) error {
	s, name, err := v.space(i.path)
	if err != nil {
		return err
	}
	if name == "" {
		return v.no(http.StatusForbidden, os.ErrPermission)
	}
	if err := v.hold(s, i.Entry.Name); err != nil {
		return v.failed(err)
	}
	if i.IsDir() {
		err = s.RemoveAll(v.r.Context(), name+"/")
	} else {
		_, err = s.Remove(v.r.Context(), name, "", files.Cond{})
	}
	if err != nil {
		return v.failed(err)
	}
	v.gone = i.path
	return nil
}

// Rename implements webdav.FileSystem. Of what is replaced a thing of the other kind
// is removed first; all else is one change.
func (tree) Rename(ctx context.Context, from, to string) error {
	v, from, to := viewOf(ctx), path.Clean(from), path.Clean(to)
	i, err := v.look(from)
	if err != nil {
		return err
	}
	if err := v.needParent(to); err != nil {
		return err
	}
	if old, err := v.look(to); err == nil && old.IsDir() != i.IsDir() {
		if err := v.remove(old); err != nil {
			return err
		}
	}
	s, _, err := v.space(from)
	if err != nil {
		return err
	}
	_, name := split(to)
	if i.IsDir() {
		name += "/"
	}
	if err := v.hold(s, i.Entry.Name); err != nil {
		return v.failed(err)
	}
	c := files.Cond{Absent: v.over != to}
	if err := s.Rename(ctx, i.Entry.Name, name, c); err != nil {
		return v.failed(err)
	}
	v.gone = from
	return nil
}
