package webdav

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/password"
)

// view is what one request sees of the spaces.
type view struct {
	*Server
	key    password.Key
	r      *http.Request
	header http.Header
	fault  int             // status of what a space could not do, or 0
	known  map[string]info // what was listed in this request, by path
	over   string          // path that a move or copy replaces
	gone   string          // path that is not there any more
	shared bool            // the lock that is wanted, or was refreshed
}

type viewKey struct{}

func viewOf(ctx context.Context) *view { return ctx.Value(viewKey{}).(*view) }

// statuses are the answers to errors of spaces.
var statuses = []struct {
	err    error
	status int
}{
	{files.ErrFull, http.StatusInsufficientStorage},
	{files.ErrUnavailable, http.StatusServiceUnavailable},
	{files.ErrDenied, http.StatusForbidden},
	{files.ErrChanged, http.StatusPreconditionFailed},
	{files.ErrClash, http.StatusConflict},
	{files.ErrMeta, http.StatusInsufficientStorage},
	{files.ErrName, http.StatusBadRequest},
}

// failed notes what a space has said, for the answer. What is not there is that for the
// library, too.
func (v *view) failed(err error) error {
	if errors.Is(err, files.ErrNotFound) || errors.Is(err, files.ErrNoSpace) {
		return os.ErrNotExist
	}
	for _, x := range statuses {
		if errors.Is(err, x.err) {
			v.fault = x.status
			return err
		}
	}
	v.fault = http.StatusInternalServerError
	v.Log.Warn("WebDAV: a request has failed", "err", err)
	return err
}

// no notes a status, and returns the error for the library.
func (v *view) no(status int, err error) error {
	v.fault = status
	return err
}

// info is a file or folder, as the library wants it.
type info struct {
	files.Entry
	path string
}

// Name implements fs.FileInfo.
func (i info) Name() string { return path.Base(i.path) }

// Size implements fs.FileInfo.
func (i info) Size() int64 { return i.Entry.Size }

// Mode implements fs.FileInfo.
func (i info) Mode() os.FileMode {
	if i.IsDir() {
		return os.ModeDir | 0o700
	}
	return 0o600
}

// ModTime implements fs.FileInfo.
func (i info) ModTime() time.Time { return i.Modified }

// IsDir implements fs.FileInfo.
func (i info) IsDir() bool { return i.Entry.Name == "" || i.Folder() }

// Sys implements fs.FileInfo.
func (i info) Sys() any { return nil }

// ETag implements webdav.ETager.
func (i info) ETag(context.Context) (string, error) { return `"` + i.Tag() + `"`, nil }

// ContentType implements webdav.ContentTyper.
func (i info) ContentType(context.Context) (string, error) {
	if i.Type != "" {
		return i.Type, nil
	}
	if t := mime.TypeByExtension(path.Ext(i.path)); t != "" {
		return t, nil
	}
	return "application/octet-stream", nil
}

// space opens the space of a path.
func (v *view) space(p string) (files.Space, string, error) {
	name, below := split(p)
	if !v.key.May(name, false) {
		return nil, "", os.ErrPermission
	}
	s, err := v.Spaces(v.key.User).Space(v.r.Context(), name)
	if err != nil {
		return nil, "", v.failed(err)
	}
	return s, strings.TrimSuffix(below, "/"), nil
}

// look finds a file or folder. Paths are clean.
func (v *view) look(p string) (info, error) {
	if p == "/" {
		return info{path: p}, nil
	}
	if i, ok := v.known[p]; ok {
		return i, nil
	}
	s, name, err := v.space(p)
	if err != nil {
		return info{}, err
	}
	if name == "" {
		about, err := s.Info(v.r.Context())
		if err != nil {
			return info{}, v.failed(err)
		}
		return info{Entry: files.Entry{Modified: about.Made}, path: p}, nil
	}
	e, err := s.Stat(v.r.Context(), name, "")
	if errors.Is(err, files.ErrNotFound) {
		e, err = s.Stat(v.r.Context(), name+"/", "")
	}
	if err != nil {
		return info{}, v.failed(err)
	}
	return info{e, p}, nil
}

// list lists a folder.
func (v *view) list(folder info) ([]os.FileInfo, error) {
	if folder.path == "/" {
		i, err := v.look("/" + v.key.Space)
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return []os.FileInfo{i}, err
	}
	s, name, err := v.space(folder.path)
	if err != nil {
		return nil, err
	}
	if name != "" {
		name += "/"
	}
	var out []os.FileInfo
	add := func(e files.Entry) {
		if e.Name != name {
			i := info{e, path.Join(folder.path, strings.TrimPrefix(e.Name, name))}
			v.known[i.path] = i
			out = append(out, i)
		}
	}
	q := files.Query{Prefix: name, Fold: true, Limit: files.MaxPage}
	for {
		p, err := s.List(v.r.Context(), q)
		if err != nil {
			return nil, v.failed(err)
		}
		for _, e := range p.Entries {
			add(e)
		}
		for _, f := range p.Folders {
			e, err := s.Stat(v.r.Context(), f, "")
			if errors.Is(err, files.ErrNotFound) {
				continue // gone since
			}
			if err != nil {
				return nil, v.failed(err)
			}
			add(e)
		}
		if !p.More {
			return out, nil
		}
		q.After = p.Next
	}
}

// hold puts a folder that is there by what is below it alone, so that it stays when
// that goes. In WebDAV a folder is there until it is removed.
func (v *view) hold(s files.Space, name string) error {
	at := strings.LastIndexByte(strings.TrimSuffix(name, "/"), '/')
	if at < 0 {
		return nil
	}
	parent := name[:at+1]
	e, err := s.Stat(v.r.Context(), parent, "")
	if err == nil && e.Implied() {
		_, err = s.Put(v.r.Context(), parent, nil, files.Attrs{}, files.Cond{Absent: true})
		if errors.Is(err, files.ErrChanged) {
			return nil // somebody was faster
		}
	}
	if errors.Is(err, files.ErrNotFound) {
		return nil
	}
	return err
}

// needParent returns os.ErrNotExist unless the folder is there that the path is in.
func (v *view) needParent(p string) error {
	up, err := v.look(path.Dir(p))
	if errors.Is(err, os.ErrNotExist) || err == nil && !up.IsDir() {
		return v.no(http.StatusConflict, os.ErrNotExist)
	}
	return err
}

// cond is the condition of a PUT, as the space decides it.
func (v *view) cond(i info, there bool) (files.Cond, error) {
	match, none := v.r.Header.Get("If-Match"), v.r.Header.Get("If-None-Match")
	tag := `"` + i.Tag() + `"`
	has := func(list string) bool {
		return there && (strings.TrimSpace(list) == "*" || strings.Contains(","+strings.ReplaceAll(list, " ", "")+",", ","+tag+","))
	}
	switch {
	case v.r.Method != "PUT" || match == "" && none == "":
		return files.Cond{}, nil
	case match != "" && !has(match), none != "" && has(none):
		return files.Cond{}, files.ErrChanged
	case there:
		return files.Cond{Version: i.Version}, nil
	}
	return files.Cond{Absent: true}, nil
}
